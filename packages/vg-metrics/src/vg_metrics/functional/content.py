"""Average content distance: whether the person of a generated video stays the same, and stays the one given (3.4.2)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike

Embedder = Callable[[Tensor], Tensor]  # frames (n, 3, h, w) -> embeddings (n, d), a row of NaN where no face is found


@dataclass(frozen=True)
class ContentDistance:
    """An average content distance and what it was made of.

    Attributes:
        value: mean over the videos that have one; NaN if none has.
        per_video: float64, (b,), NaN where no two faces can be compared.
        skipped_frames: frames without a face, of all videos.
        skipped_videos: indices of the videos that are in no mean.
    """

    value: float
    per_video: Tensor
    skipped_frames: int
    skipped_videos: list[int]


def acd(embeddings: ArrayLike, inputs: ArrayLike | None = None, *, squared: bool = False) -> ContentDistance:
    """ACD-C, or with the input frames ACD-I (3.4.2, table 3.5); smaller is more consistent.

    ACD-C is the mean L2 distance over all pairs of a video's frames, ACD-I the mean L2 distance between each of its
    frames and the frame that it was generated from; then the mean over videos. Values depend on the embedder: those of
    table 3.5 are of OpenFace, 128 numbers of unit length. Frames without a face are left out and counted.

    Args:
        embeddings: of the frames, (b, t, d), as `embed_frames` makes them; a row of NaN is a frame without a face.
        inputs: of the input frame of each video, (b, d), for ACD-I.
        squared: squared distances, which some published scripts average.
    Returns:
        The distance; see `ContentDistance`.
    Raises:
        ValueError: if shapes disagree, or a row holds some values that are not finite.
    """
    frames = _embeddings(embeddings, "embeddings", 3)
    if inputs is None:
        distances = torch.cdist(frames, frames, compute_mode="donot_use_mm_for_euclid_dist")
        upper = torch.ones(distances.shape[1:], dtype=torch.bool, device=frames.device).triu(1)
        distances = distances[:, upper]
    else:
        given = _embeddings(inputs, "inputs", 2)
        if given.shape != (len(frames), frames.shape[2]):
            raise ValueError(f"inputs have shape {tuple(given.shape)}, wanted {(len(frames), frames.shape[2])}")
        distances = torch.linalg.vector_norm(frames - given[:, None], dim=2)
    if squared:
        distances = distances.square()
    per_video = distances.nanmean(1)
    return ContentDistance(
        value=per_video.nanmean().item(),
        per_video=per_video,
        skipped_frames=int(frames[..., 0].isnan().sum()),
        skipped_videos=per_video.isnan().nonzero().flatten().tolist(),
    )


def embed_frames(video: Tensor, embedder: Embedder, *, batch_size: int = 64) -> Tensor:
    """Embeddings of all frames of some videos.

    Args:
        video: (b, 3, t, h, w), in the range that the embedder asks for.
        embedder: any function of frames (n, 3, h, w) that returns (n, d), a row of NaN where it finds no face. Faces
            must be aligned as its training had them: the embedder sees to that.
        batch_size: frames a call.
    Returns:
        (b, t, d).
    Raises:
        ValueError: if five axes are not given, or the embedder returns another number of rows.
    """
    if video.ndim != 5 or not video.numel():
        raise ValueError(f"video has shape {tuple(video.shape)}, wanted (b, 3, t, h, w)")
    parts = []
    for frames in video.transpose(1, 2).flatten(0, 1).split(batch_size):
        part = embedder(frames)
        if part.ndim != 2 or len(part) != len(frames):
            raise ValueError(
                f"the embedder made {tuple(part.shape)} of {len(frames)} frames, wanted ({len(frames)}, d)"
            )
        parts.append(part.detach())
    return torch.cat(parts).unflatten(0, (len(video), -1))


def _embeddings(value: ArrayLike, name: str, ndim: int) -> Tensor:
    """Float64 rows, each of them finite or all NaN."""
    rows = torch.as_tensor(value).detach().double()
    if rows.ndim != ndim or not rows.numel():
        raise ValueError(f"{name} have shape {tuple(rows.shape)}, wanted {ndim} axes, none of them 0")
    damaged = ~rows.isfinite().all(-1) & ~rows.isnan().all(-1)
    if damaged.any():
        raise ValueError(f"{name} hold {int(damaged.sum())} rows with some values that are not finite")
    return rows
