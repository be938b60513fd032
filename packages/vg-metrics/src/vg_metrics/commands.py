"""What the commands compute: folders and files in, one JSON-able result out."""

import platform
import zipfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vg_metrics.features import VideoFeatures
from vg_metrics.features.video import FRAMES, SIDE, prepare
from vg_metrics.folders import Clips, load_clips
from vg_metrics.functional import Moments, kernel_distance, motion_energy, motion_map, psnr, reid_ranking, ssim
from vg_metrics.functional.image import Preset
from vg_metrics.statistics import Statistics

Result = dict[str, Any]
Watch = Callable[[Iterable[Any], str], Iterable[Any]]  # shows progress: (items, description) -> the items

REID_ARRAYS = ("query_features", "gallery_features", "query_ids", "gallery_ids", "query_cams", "gallery_cams")


class MeasuredClips:
    """Features and motion of a folder of clips, each read once.

    Attributes:
        clips: the folder.
        features: (n, d).
        motion: motion maps of the clips as the network sees them, (n, m).
        energy: mean absolute difference of neighboring frames, grey levels of 255.
        statistics: moments of the features with their protocol.
    """

    def __init__(self, folder: Path, network: VideoFeatures, batch_size: int, watch: Watch) -> None:
        self.clips = load_clips(folder, frames=FRAMES)
        maps, energies = [], []

        def observed() -> Iterator[Tensor]:
            for clip in watch(self.clips, f"features of {folder}"):
                maps.append(motion_map(prepare(clip[None]) / 127.5, pool=SIDE // 16))
                energies.append(motion_energy(clip[None]))
                yield clip

        self.features = network.extract(observed(), batch_size=batch_size)
        self.motion = torch.cat(maps)
        self.energy = torch.cat(energies).mean().item()
        self.statistics = Statistics(Moments.of(self.features), protocol(network))


def protocol(network: VideoFeatures) -> dict[str, str]:
    """What must agree between two sets of features for their distance to mean something."""
    return {
        "network": network.name,
        "weights": network.checksum,
        "features": network.label,
        "frames": f"{FRAMES} central, step 1",
        "resize": f"Pillow bilinear to {SIDE}x{SIDE}",
    }


def video_fid(real: MeasuredClips | Statistics, fake: MeasuredClips | Statistics, ddof: int = 1) -> Result:
    """Frechet distance of two sets; between two folders also kernel distance and motion, which need the clips."""
    sides = {"real": real, "fake": fake}
    stats = {side: s if isinstance(s, Statistics) else s.statistics for side, s in sides.items()}
    stats["real"].check_same_protocol(stats["fake"])
    result: Result = {"frechet_distance": stats["real"].moments.distance(stats["fake"].moments, ddof).item()}
    if isinstance(real, MeasuredClips) and isinstance(fake, MeasuredClips):
        value, error = kernel_distance(real.features, fake.features)
        motion = Moments.of(real.motion).distance(Moments.of(fake.motion), ddof)
        result |= {
            "kernel_distance": value.item(),
            "kernel_distance_error": error.item(),
            "motion_map_distance": motion.item(),
        }
    for side, measured in sides.items():
        if isinstance(measured, MeasuredClips):
            result[f"motion_energy_{side}"] = measured.energy
    return result | {
        "counts": {side: s.moments.count for side, s in stats.items()},
        "skipped": {side: _skipped(s.clips) for side, s in sides.items() if isinstance(s, MeasuredClips)},
        "ddof": ddof,
        "protocol": dict(stats["real"].protocol),
        "versions": versions(),
    }


def paired(a: Path, b: Path, preset: Preset, watch: Watch) -> Result:
    """SSIM and PSNR of clips of the same names in two folders: mean over frames, then over clips.

    Raises:
        ValueError: if a clip has no partner, or one of another size or length.
    """
    first, second = load_clips(a, frames=None), load_clips(b, frames=None)
    partner = {second.name(index): index for index in range(len(second))}
    lonely = sorted({first.name(index) for index in range(len(first))} ^ partner.keys())
    if lonely:
        raise ValueError(f"{len(lonely)} clips are in only one of {a} and {b}, the first is {lonely[0]}")
    rows = []
    for index in watch(range(len(first)), "pairs"):
        name = first.name(index)
        x, y = (clip.transpose(0, 1) for clip in (first[index], second[partner[name]]))
        if x.shape != y.shape:
            raise ValueError(f"{name}: (frames, 3, h, w) is {tuple(x.shape)} in {a} and {tuple(y.shape)} in {b}")
        rows.append([ssim(x, y, data_range=255, preset=preset).mean(), psnr(x, y, data_range=255).mean()])
    similarity, decibel = torch.tensor(rows).mean(0).tolist()
    return {
        "ssim": similarity,
        "psnr": decibel,
        "counts": {"clips": len(first)},
        "skipped": {"a": _skipped(first), "b": _skipped(second)},
        "protocol": {"ssim": preset, "data_range": 255, "mean": "over frames, then clips"},
        "versions": versions(),
    }


def reid(path: Path, trapezoid: bool = False) -> Result:
    """Ranking scores of features in an .npz file, by cosine distance (6.4.1).

    Raises:
        ValueError: if the file is no .npz with the arrays of `REID_ARRAYS`, or they cannot be ranked.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            query, gallery, *labels = (file[name] for name in REID_ARRAYS)
    except (KeyError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .npz with the arrays {', '.join(REID_ARRAYS)} ({error})") from error
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(f"{path}: features of shapes {query.shape} and {gallery.shape}, wanted (n, d) with one d")
    first, second = (F.normalize(torch.from_numpy(features).float()) for features in (query, gallery))
    ranking = reid_ranking(1 - first @ second.T, *labels, trapezoid=trapezoid)
    return {
        "map": ranking.map,
        **{f"rank{rank}": share for rank, share in ranking.rank.items()},
        "minp": ranking.minp,
        "counts": {"query": len(query), "valid_query": int(ranking.valid.sum()), "gallery": len(gallery)},
        "queries_without_match": ranking.skipped,
        "protocol": {"distance": "cosine", "average_precision": "trapezoid" if trapezoid else "mean at matches"},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of what computes the scores."""
    names = ("vg-metrics", "torch", "numpy", "scipy", "pillow")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _skipped(clips: Clips) -> list[str]:
    return [f"{path.relative_to(clips.root)}: {reason}" for path, reason in clips.skipped]
