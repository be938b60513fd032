"""Face embedders for content distances (3.4.2): any function that finds and embeds the face of one frame."""

from collections.abc import Callable

import torch
from torch import Tensor


def face_embedder(embed: Callable[[Tensor], Tensor | None], *, width: int) -> Callable[[Tensor], Tensor]:
    """A function of one frame as one of many frames, as `vg_metrics.functional.content.embed_frames` calls it.

    Args:
        embed: frame (3, h, w) -> embedding (width,), or None if it finds no face: the frame is skipped, and counted.
        width: length of an embedding.
    Returns:
        Frames (n, 3, h, w) -> embeddings (n, width), float32 on the CPU, a row of NaN for a frame without a face.
        It raises ValueError if an embedding has another shape or holds values that are not finite.
    """

    def embed_all(frames: Tensor) -> Tensor:
        rows = torch.full((len(frames), width), torch.nan)
        for row, frame in zip(rows, frames, strict=True):
            embedding = embed(frame)
            if embedding is None:
                continue
            if embedding.shape != (width,) or not embedding.isfinite().all():
                raise ValueError(f"an embedding has shape {tuple(embedding.shape)}, wanted ({width},), all finite")
            row.copy_(embedding.detach())
        return rows

    return embed_all
