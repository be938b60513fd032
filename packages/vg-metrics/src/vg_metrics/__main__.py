"""`python -m vg_metrics`: scores of folders and files, printed as a table and as JSON."""

import json
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from rich.text import Text

from vg_metrics import commands
from vg_metrics.features import VideoFeatures, video_features
from vg_metrics.features.video import Layer
from vg_metrics.functional.image import Preset
from vg_metrics.statistics import Statistics, write_file

PROGRESS = Console(stderr=True)


def video_fid(
    real: tyro.conf.Positional[Path],
    fake: tyro.conf.Positional[Path],
    /,
    features: str = "random",
    layer: Layer = "pool",
    seed: int = 0,
    ddof: int = 1,
    batch_size: int = 8,
    device: str = "cpu",
    save_stats: Path | None = None,
    out: Path | None = None,
) -> None:
    """Frechet video distance, with kernel distance and motion, of two folders of clips.

    python -m vg_metrics video-fid real fake --features resnext-101-kinetics.pth --save-stats real.safetensors
    python -m vg_metrics video-fid real.safetensors fake --features resnext-101-kinetics.pth

    A folder holds sub-folders of frames, or horizontal strips. Compare values only where counts and protocol agree.

    Args:
        real: folder of real clips, or statistics saved before.
        fake: folder of generated clips, or statistics saved before.
        features: weights of the 3-D ResNeXt-101 (a file), or random: comparable only within this run.
        layer: pool (chapters 3 and 4) or logits (chapter 5).
        seed: of random features.
        ddof: 1 as numpy.cov, 0 for the population's covariance.
        batch_size: clips at a time.
        device: of the network, such as cpu or cuda.
        save_stats: file to write the statistics of the real clips to.
        out: JSON file to write the result to; by default it is printed.
    """
    network = video_features(features, layer=layer, seed=seed, device=device)
    first, second = (_measure(path, network, batch_size) for path in (real, fake))
    result = commands.video_fid(first, second, ddof)
    if save_stats:
        (first if isinstance(first, Statistics) else first.statistics).save(save_stats)
    _show("video-fid", result, network.label, out)


def ssim(
    a: tyro.conf.Positional[Path], b: tyro.conf.Positional[Path], /, preset: Preset = "wang", out: Path | None = None
) -> None:
    """SSIM and PSNR of clips with the same names in two folders, mean over frames, then over clips.

    python -m vg_metrics ssim truth predicted --preset skimage

    Args:
        a: folder of frame folders or strips.
        b: folder with the same clips.
        preset: wang (11x11 Gaussian window) or skimage (7x7 uniform window, sample covariance).
        out: JSON file to write the result to; by default it is printed.
    """
    _show("ssim", commands.paired(a, b, preset, _watch), f"SSIM preset {preset}, bytes", out)


def reid(features: tyro.conf.Positional[Path], /, trapezoid: bool = False, out: Path | None = None) -> None:
    """CMC, mAP and mINP of features in an .npz file under the same-camera rule.

    python -m vg_metrics reid features.npz

    The arrays are query_features and gallery_features (n, d), and query_ids, gallery_ids, query_cams, gallery_cams (n).

    Args:
        features: the .npz file.
        trapezoid: average precision by trapezoids, as the original Matlab evaluation of Market-1501.
        out: JSON file to write the result to; by default it is printed.
    """
    _show("reid", commands.reid(features, trapezoid), "cosine distance", out)


def _measure(path: Path, network: VideoFeatures, batch_size: int) -> commands.MeasuredClips | Statistics:
    return Statistics.load(path) if path.is_file() else commands.MeasuredClips(path, network, batch_size, _watch)


def _watch(items: Iterable[Any], description: str) -> Iterable[Any]:
    return track(items, escape(description), console=PROGRESS, transient=True)


def _show(title: str, result: commands.Result, label: str, out: Path | None) -> None:
    """Print the figures as a table, and the whole result as JSON to standard output or a file."""
    table = Table("score", "value", title=title, caption=Text(label))  # a label may hold a file name: no markup
    for name, value in result.items():
        if isinstance(value, float):
            table.add_row(name, f"{value:.6g}")
    for name, count in result["counts"].items():
        table.add_row(f"number of {name}", str(count))
    PROGRESS.print(table)
    text = json.dumps({"score": title, **result}, indent=2) + "\n"
    if out:
        write_file(out, text.encode())
    else:
        print(text, end="")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 2 with one line on standard error for what the user can mend."""
    by_name: dict[str, Callable[..., Any]] = {"video-fid": video_fid, "ssim": ssim, "reid": reid}
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
        try:
            tyro.extras.subcommand_cli_from_dict(by_name, prog="python -m vg_metrics", args=arguments)
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
