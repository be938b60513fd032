"""Commands that look at clips and pictures themselves: ssim, diversity, acd, flow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes

from vg_metrics.cli.output import Argument, Shown, watch

Preset = Literal["wang", "skimage"]
Picture = Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")]


def ssim(
    a: Argument, b: Argument, /, preset: Preset = "wang", skip_corrupt: bool = False, out: Path | None = None
) -> Shown:
    """SSIM and PSNR of clips with the same names in two folders, mean over frames, then over clips.

    python -m vg_metrics ssim truth predicted --preset skimage

    Args:
        a: folder of clips.
        b: folder with the same clips.
        preset: wang (11x11 Gaussian window) or skimage (7x7 uniform window, sample covariance).
        skip_corrupt: pass over damaged files, rather than stop at the first.
        out: JSON file to write the result to; by default it is printed.
    """
    from vg_metrics.commands import pairs

    return Shown(pairs.paired(a, b, preset, watch=watch, skip_corrupt=skip_corrupt), out)


def diversity(folder: Argument, /, preset: Preset = "wang", pairs: int = 10, out: Path | None = None) -> Shown:
    """SSIM of pairs of pictures of the same person: the "diversity" of table 6.4, a similarity all the same.

    python -m vg_metrics diversity generated --pairs 10

    Show it beside the value of real pictures. The identity is the sub-folder, or the file name up to the first "_".

    Args:
        folder: of pictures of one size.
        preset: wang (11x11 Gaussian window) or skimage (7x7 uniform window, sample covariance).
        pairs: compared for each identity, drawn at random; all of them where there are fewer.
        out: JSON file to write the result to; by default it is printed.
    """
    from vg_metrics.commands import pairs as scores

    return Shown(scores.diversity(folder, preset, pairs=pairs, watch=watch), out)


def acd(
    folder: Argument,
    /,
    embedder: Path,
    side: int = 160,
    inputs: Path | None = None,
    squared: bool = False,
    skip_corrupt: bool = False,
    device: str = "cpu",
    out: Path | None = None,
) -> Shown:
    """Average content distance of clips of faces: ACD-C, and ACD-I with the pictures they were made from.

    python -m vg_metrics acd generated --embedder facenet.pt --inputs pictures

    Values depend on the embedder and compare only for one and the same.

    Args:
        folder: of clips of aligned faces.
        embedder: TorchScript file: faces (n, 3, side, side) in [-1, 1] to embeddings (n, d), a row of NaN where there
            is no face. It is a program that will run: open only files that you trust.
        side: pixels that the embedder wants.
        inputs: folder of pictures, each named as its clip, for ACD-I.
        squared: squared distances, as some published scripts have them.
        skip_corrupt: pass over damaged files, rather than stop at the first.
        device: of the embedder.
        out: JSON file to write the result to; by default it is printed.
    """
    from vg_metrics.commands import faces

    result = faces.content(
        folder,
        faces.FaceNetwork(embedder, side, device),
        inputs=inputs,
        squared=squared,
        watch=watch,
        skip_corrupt=skip_corrupt,
    )
    return Shown(result, out)


@dataclass(frozen=True)
class Masks:
    """Where to look for motion."""

    part: Literal["all", "head", "mouth"] = "all"
    """Of the frame."""
    label_maps: Path | None = None
    """Folder of label maps of the face, by clip: PNG pictures in a sub-folder, or a strip."""
    face_parser: Path | None = None
    """Weights of a face-parsing network, in the place of label maps."""


def flow(
    folder: Argument,
    /,
    changed: Path | None = None,
    estimator: str = "lucas-kanade",
    regions: Literal[4, 8] = 4,
    radius: float | None = None,
    frames: int | None = 16,
    masks: OmitArgPrefixes[Masks] = Masks(),
    skip_corrupt: bool = False,
    device: str = "cpu",
    picture: Picture = None,
    out: Path | None = None,
) -> Shown:
    """Motion by optical flow: phi in the regions of the color wheel, total motion, share of moving pixels.

    python -m vg_metrics flow original --changed deactivated --picture flow.png

    python -m vg_metrics flow original --regions 8 --estimator raft_large_C_T_SKHT_V2-ff5fadd5.pth

    Lengths are in units of one radius H for all. Values of different estimators cannot be compared.

    Args:
        folder: of clips.
        changed: folder of other clips, such as those with a direction deactivated: differences are reported, by pairs
            where all names are the same.
        estimator: lucas-kanade (PyTorch), dis (OpenCV), or the weights of torchvision's RAFT (a file).
        regions: directions that are told apart.
        radius: H in pixels; by default what 99.5 % of the flows of the first folder keep to.
        frames: central frames to take of each clip; None for all.
        masks: the pixels to look at.
        skip_corrupt: pass over damaged files, rather than stop at the first.
        device: of the estimator.
        picture: .png to draw the first clip to, its flow below it and the wheel beside it.
        out: JSON file to write the result to; by default it is printed.
    """
    from vg_metrics import plots
    from vg_metrics.commands import motion
    from vg_metrics.commands.sets import check_device
    from vg_metrics.flow import optical_flow
    from vg_metrics.folders import load_clips

    method = optical_flow(estimator, device=check_device(device))
    mask = motion.open_mask(masks.part, masks.label_maps, masks.face_parser, frames, device)
    sets = [
        motion.FlowClips(load_clips(path), method, frames, mask, skip_corrupt) for path in (folder, changed) if path
    ]
    result = motion.motion(*sets, radius=radius, regions=regions, part=masks.part, watch=watch)
    if picture:
        plots.save_picture(plots.flow_picture(*motion.first_clip(sets[0]), result.protocol["radius"]), picture)
    return Shown(result, out)
