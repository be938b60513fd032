"""Motion of clips by their optical flow (5.3.4): of one folder, or the difference of two."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from vg_metrics.codec import ShortClipError
from vg_metrics.commands.sets import Watch, unwatched
from vg_metrics.face_parsing import face_parser as load_parser
from vg_metrics.flow import OpticalFlow
from vg_metrics.folders import Clips, fingerprint
from vg_metrics.functional.motion_change import REGIONS, motion_radius
from vg_metrics.masks import HEAD, MOUTH, part_mask, read_label_maps
from vg_metrics.motion import MotionChange, MotionDifference, MotionSummary
from vg_metrics.result import Result

RADIUS_CLIPS = 100  # of the originals, evenly chosen, that the radius H is taken of
Mask = Callable[[str, Tensor], Tensor]  # name of a clip and the clip (1, 3, t, h, w) -> bool (1, t, h, w)


@dataclass
class FlowClips:
    """The clips of a folder with their optical flow, estimated when it is asked for.

    Attributes:
        clips: the folder.
        estimator: of the flow.
        frames: central frames to take of each clip; None for all.
        mask: the pixels to look at; None for all.
        skip_corrupt: pass over damaged files, rather than raise.
        contents: digest of the files by name, of what was read.
        skipped: what was left out by name, with the reason.
    """

    clips: Clips
    estimator: OpticalFlow
    frames: int | None = None
    mask: Mask | None = None
    skip_corrupt: bool = False
    contents: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 2:
            raise ValueError(f"frames is {self.frames}, wanted at least 2")

    def read(self, index: int) -> Tensor | None:
        """Clip (1, 3, t, h, w), bytes; None if it is left out."""
        source = self.clips.sources[index]
        try:
            clip = source.read(self._window)[None]
        except ShortClipError as error:
            self.skipped[source.name] = f"{error.frames} frames, wanted at least {self.frames or 2}"
            return None
        except ValueError as error:
            if not self.skip_corrupt:
                raise
            self.skipped[source.name] = str(error)
            return None
        self.contents[source.name] = source.digest()
        return clip

    def measured(self, index: int) -> tuple[Tensor, Tensor | None] | None:
        """Flow (1, t - 1, 2, h, w) of a clip, and its mask; None if it is left out."""
        clip = self.read(index)
        if clip is None:
            return None
        return self.estimator(clip), self.mask(self.clips.name(index), clip) if self.mask else None

    def _window(self, length: int) -> range | None:
        count = self.frames or length
        start = (length - count) // 2
        return range(start, start + count) if length >= count >= 2 else None


def find_radius(originals: FlowClips, watch: Watch) -> float:
    """One radius H for all sets, of at most `RADIUS_CLIPS` original clips; see `motion_radius`."""
    chosen = range(0, len(originals.clips), -(-len(originals.clips) // RADIUS_CLIPS))
    lengths = []
    for index in watch(chosen, "radius", len(chosen)):
        clip = originals.read(index)
        if clip is not None:
            lengths.append(originals.estimator(clip).norm(dim=2).flatten())
    if not lengths:
        name, reason = next(iter(originals.skipped.items()))
        raise ValueError(f"{originals.clips.root}: no clip in it can be used, first {name}: {reason}")
    every = torch.cat(lengths)
    return motion_radius(torch.stack([every, torch.zeros_like(every)])[None, :, None])


def motion(
    originals: FlowClips,
    changed: FlowClips | None = None,
    *,
    radius: float | None = None,
    regions: int = 4,
    part: str = "all",
    watch: Watch = unwatched,
) -> Result:
    """Motion phi_i in the regions of the color wheel, total motion Phi and the share of moving pixels (eq. 5.6, 5.7).

    Args:
        originals: clips.
        changed: other clips; their differences to the originals are reported. Clips of equal names are pairs (tables
            5.4 and 5.5), otherwise the means of both sets are compared.
        radius: H in pixels; None takes `find_radius` of the originals.
        regions: 4, or 8 as in eq. 5.9.
        part: name of what the masks show, for the result.
        watch: shows progress.
    Raises:
        ValueError: if there is nothing to measure or nothing moves, or pairs differ in size.
    """
    radius = find_radius(originals, watch) if radius is None else radius
    label = originals.estimator.label
    sets = {"originals": originals}
    if changed is None:
        summary, difference = _summary(originals, radius, regions, watch), None
    else:
        sets["changed"] = changed
        paired = {source.name for source in originals.clips} == {source.name for source in changed.clips}
        compare = _pairs if paired else _apart
        summary, difference = compare(originals, changed, radius, regions, watch)
    values = {name: mean for name, (mean, _) in _rows(summary).items()}
    for name, (mean, error) in (_rows(difference) if difference else {}).items():
        values[f"change_of_{name}"] = mean
        if not math.isnan(error):  # of a single clip
            values[f"change_of_{name}_error"] = error
    return Result(
        score="flow",
        values=values,
        protocol={"name": f"motion_{regions}_regions", "radius": radius, "frames": originals.frames, "part": part},
        network=originals.estimator.name,
        label=label,
        checksum=originals.estimator.checksum,
        counts={name: len(clips.contents) for name, clips in sets.items()},
        skipped={name: [f"{k}: {v}" for k, v in clips.skipped.items()] for name, clips in sets.items()},
        fingerprint={name: fingerprint(clips.contents) for name, clips in sets.items()},
    )


def open_mask(
    part: str, label_maps: Path | None, face_parser: Path | None, frames: int | None, device: str = "cpu"
) -> Mask | None:
    """The pixels to look at: a part of the face by label maps in a folder or by a network that makes them.

    Args:
        part: "all", "head" or "mouth".
        label_maps: folder, see `read_label_maps`.
        face_parser: weights, see `vg_metrics.face_parsing`.
        frames: central frames of each clip; None for all.
        device: of the network.
    Raises:
        ValueError: if a part wants maps and none, or both, are given.
        FileNotFoundError: if there are no such weights.
    """
    if part == "all":
        return None
    parts = HEAD if part == "head" else MOUTH
    if label_maps and not face_parser:
        return lambda name, _: part_mask(read_label_maps(label_maps, name, frames=frames), parts)[None]
    if face_parser and not label_maps:
        parser = load_parser(face_parser, device=device)
        return lambda _, clip: part_mask(parser(clip), parts)
    raise ValueError(f"motion of the {part} wants either label maps or a face parser")


def _summary(clips: FlowClips, radius: float, regions: int, watch: Watch) -> MotionSummary:
    """Of one set."""
    metric = MotionChange(clips.estimator.label, radius, regions=regions)
    for index in watch(range(len(clips.clips)), f"flow of {clips.clips.root}", len(clips.clips)):
        measured = clips.measured(index)
        if measured is not None:
            metric.update(*measured)
    return metric.compute()


def _apart(
    originals: FlowClips, changed: FlowClips, radius: float, regions: int, watch: Watch
) -> tuple[MotionSummary, MotionSummary]:
    """Of the originals, and the difference of the two means."""
    first = _summary(originals, radius, regions, watch)
    return first, _summary(changed, radius, regions, watch).minus(first)


def _pairs(
    originals: FlowClips, changed: FlowClips, radius: float, regions: int, watch: Watch
) -> tuple[MotionSummary, MotionSummary]:
    """Of the originals, and of the differences of clips with the same name."""
    label, place = originals.estimator.label, {source.name: index for index, source in enumerate(changed.clips)}
    summary = MotionChange(label, radius, regions=regions)
    difference = MotionDifference(label, radius, regions=regions)
    for index, source in watch(enumerate(originals.clips), "flow of pairs", len(originals.clips)):
        original, other = originals.measured(index), changed.measured(place[source.name])
        if original is None or other is None:
            continue
        if original[0].shape != other[0].shape:
            shapes = f"{tuple(original[0].shape[1:])} and {tuple(other[0].shape[1:])}"
            raise ValueError(f"{source.name}: flows of shapes {shapes} are no pair")
        summary.update(*original)
        difference.update(other[0], original[0], other[1], original[1])
    return summary.compute(), difference.compute()


def _rows(summary: MotionSummary) -> dict[str, tuple[float, float]]:
    """Mean and standard error of each figure by its name."""
    rows = {"total_motion": summary.total, "moving_share": summary.share}
    found = {name: (estimate.mean.item(), estimate.error.item()) for name, estimate in rows.items()}
    regions = REGIONS[len(summary.phi.mean)]
    for direction, mean, error in zip(regions, summary.phi.mean.tolist(), summary.phi.error.tolist(), strict=True):
        found[f"motion_{direction.replace(' ', '_')}"] = mean, error
    return found


def first_clip(clips: FlowClips) -> tuple[Tensor, Tensor]:
    """The first clip that can be used, (3, t, h, w), with its flow (t - 1, 2, h, w)."""
    clip = next(clip for index in range(len(clips.clips)) if (clip := clips.read(index)) is not None)
    return clip[0], clips.estimator(clip)[0]
