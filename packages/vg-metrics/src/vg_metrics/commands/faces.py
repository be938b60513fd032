"""Average content distance of clips of faces (3.4.2)."""

from pathlib import Path

import torch
from torch import Tensor

from vg_metrics.commands.pairs import content_of, unreadable
from vg_metrics.commands.sets import Watch, check_device, unwatched
from vg_metrics.features.base import file_digest
from vg_metrics.features.preprocess import pillow_bilinear
from vg_metrics.features.weights import load_torchscript
from vg_metrics.folders import load_clips, load_pictures
from vg_metrics.functional.content import acd, embed_frames
from vg_metrics.result import Result


class FaceNetwork:
    """A TorchScript file that embeds faces: (n, 3, side, side) in [-1, 1] to (n, d), NaN where there is no face.

    Args:
        path: of the file, a program that will run: open only files that you trust.
        side: pixels that it wants; frames are resized as Pillow does it.
        device: where it runs.
    Raises:
        ValueError: if the file is no TorchScript, or the device cannot be used.
        FileNotFoundError: if there is no such file.
    """

    def __init__(self, path: Path, side: int, device: str = "cpu") -> None:
        self.module = load_torchscript(path).to(check_device(device))
        self.side, self.device = side, device
        self.label, self.checksum = f"{path.name}, {side}x{side}", file_digest(path)

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> Tensor:
        """Embeddings (n, d), on the CPU, of frames (n, 3, h, w), bytes."""
        faces = pillow_bilinear(frames, self.side) / 127.5 - 1
        return self.module(faces.to(self.device)).float().cpu()


def content(
    folder: Path,
    embedder: FaceNetwork,
    *,
    inputs: Path | None = None,
    squared: bool = False,
    watch: Watch = unwatched,
    skip_corrupt: bool = False,
) -> Result:
    """ACD-C of generated clips, and ACD-I where the pictures are given that they were made from (table 3.5).

    Args:
        folder: of clips.
        embedder: of faces.
        inputs: folder of pictures, each named as its clip.
        squared: squared distances.
        watch: shows progress.
        skip_corrupt: pass over damaged files, rather than raise.
    Raises:
        ValueError: if no clip has two faces, a clip has no input picture, or a file is damaged.
    """
    clips = load_clips(folder)
    given = {source.name: source for source in load_pictures(inputs)} if inputs else {}
    missing = [source.name for source in clips if inputs and source.name not in given]
    if missing:
        raise ValueError(f"{inputs}: {len(missing)} clips have no picture in it, the first is {missing[0]}")
    consistency, identity, used, skipped, faceless = [], [], [], unreadable(clips), 0
    for source in watch(clips, "faces", len(clips)):
        try:
            video = source.read()
            picture = given[source.name].read() if inputs else video[:, :0]
        except ValueError as error:
            if not skip_corrupt:
                raise
            skipped.append(str(error))
            continue
        frames = embed_frames(video[None], embedder)
        scored = acd(frames, squared=squared)
        consistency.append(scored.value)
        faceless += scored.skipped_frames
        used.append(source)
        if inputs:
            identity.append(acd(frames, embed_frames(picture[None], embedder)[:, 0], squared=squared).value)
    values = {"acd_c": _mean(consistency, folder)}
    if inputs:
        values["acd_i"] = _mean(identity, folder)
    return Result(
        score="acd",
        values=values,
        protocol={"name": "acd", "distance": "squared L2" if squared else "L2", "mean": "over pairs, then clips"},
        network="face embedder",
        label=embedder.label,
        checksum=embedder.checksum,
        counts={"clips": len(used), "frames_without_face": faceless},
        skipped={"clips": skipped},
        fingerprint={"clips": content_of(used)},
    )


def _mean(values: list[float], folder: Path) -> float:
    kept = torch.tensor(values, dtype=torch.float64)
    if not len(kept) or kept.isnan().all():
        raise ValueError(f"{folder}: no clip has faces to compare")
    return kept.nanmean().item()
