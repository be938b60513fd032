"""Commands that compare sets of samples by their features: video-fid, fid, kvd, is."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import OmitArgPrefixes

from vg_metrics.cli.output import Argument, Shown, watch
from vg_metrics.definition import Protocol, Score
from vg_metrics.protocol import find_protocol

if TYPE_CHECKING:
    from vg_metrics.commands.sets import Side
    from vg_metrics.statistics import Statistics

SavedTo = Annotated[Path | None, tyro.conf.arg(metavar="FILE.safetensors")]


@dataclass(frozen=True)
class Options:
    """How samples become features."""

    protocol: str = "thesis_ch4"
    """Name of a protocol (see the command protocols), or a .json file with one of your own."""
    features: str = "random"
    """Weights of the protocol's network (a file, never downloaded), or random: comparable only within this run."""
    mean: Path | None = None
    """Mean clip that C3D's weights want (mean2.npz)."""
    seed: int = 0
    """Of random features."""
    batch_size: int = 8
    """Samples at a time."""
    device: str = "cpu"
    """Of the network, such as cpu or cuda."""
    skip_corrupt: bool = False
    """Pass over damaged files, rather than stop at the first; they are listed in the result."""
    out: Path | None = None
    """JSON file to write the result to; by default it is printed."""


def video_fid(
    real: Argument, fake: Argument, /, options: OmitArgPrefixes[Options] = Options(), save_stats: SavedTo = None
) -> Shown:
    """Frechet video distance of two sets of clips, with kernel distance and motion beside it.

    python -m vg_metrics video-fid real fake --features resnext-101-kinetics.pth --save-stats real.safetensors

    python -m vg_metrics video-fid real.safetensors fake --protocol thesis_ch4 --features resnext-101-kinetics.pth

    A folder holds video files, sub-folders of frames, or horizontal strips. A file holds statistics that were saved,
    or bare features: .npz or .safetensors with "features" (n, d), or .npy.

    Args:
        real: folder or file of real clips.
        fake: folder or file of generated clips.
        options: of the features.
        save_stats: file to write the moments of the real side to; scores of other clips need no more of it.
    """
    return _frechet("video-fid", real, fake, options, save_stats)


def fid(
    real: Argument,
    fake: Argument,
    /,
    options: OmitArgPrefixes[Options] = Options(protocol="fid_cleanfid_like", batch_size=32),
    save_stats: SavedTo = None,
) -> Shown:
    """Frechet distance of two folders of single pictures.

    python -m vg_metrics fid real fake --features pt_inception-2015-12-05-6726825d.pth

    python -m vg_metrics fid train generated --protocol dgnet_reid --features pt_inception-2015-12-05-6726825d.pth

    Args:
        real: folder or file of real pictures.
        fake: folder or file of generated pictures.
        options: of the features.
        save_stats: file to write the moments of the real side to.
    """
    return _frechet("fid", real, fake, options, save_stats)


def kvd(
    real: Argument,
    fake: Argument,
    /,
    options: OmitArgPrefixes[Options] = Options(),
    subsets: int | None = None,
    subset_size: int = 1000,
    save_stats: SavedTo = None,
) -> Shown:
    """Kernel distance of two sets of clips with its standard error: unbiased, so usable with few clips.

    python -m vg_metrics kvd real fake --features resnext-101-kinetics.pth

    python -m vg_metrics kvd real fake --protocol fvd2048_16f --features i3d_torchscript.pt --subsets 100

    Args:
        real: folder or file of real clips.
        fake: folder or file of generated clips.
        options: of the features.
        subsets: random subsets to take the mean over, as published for KID; by default all samples at once.
        subset_size: samples of each side in one subset.
        save_stats: file to write the features of the real side to.
    """
    from vg_metrics.commands import distances

    protocol = _protocol(options, "frechet_distance")
    first, second = _measured({"real": real, "fake": fake}, protocol, options)
    if save_stats:
        first.save(save_stats, features=True)
    return Shown(distances.kernel(first, second, protocol, subsets=subsets, subset_size=subset_size), options.out)


def inception(fake: Argument, /, options: OmitArgPrefixes[Options] = Options(protocol="thesis_ch4_is")) -> Shown:
    """Inception score of generated clips, from the class logits of a network that saw the same data.

    python -m vg_metrics is fake --features resnext-101-kinetics-ucf101_split1.pth

    python -m vg_metrics is fake --protocol tganv2_ucf101_is --features conv3d_deepnetA_ucf.npz --mean mean2.npz

    Args:
        fake: folder or file of generated clips.
        options: of the features.
    """
    from vg_metrics.commands import distances

    protocol = _protocol(options, "inception_score")
    (side,) = _measured({"fake": fake}, protocol, options)
    return Shown(distances.inception(side, protocol), options.out)


def _frechet(score: str, real: Path, fake: Path, options: Options, save_stats: Path | None) -> Shown:
    from vg_metrics.commands import distances

    protocol = _protocol(options, "frechet_distance")
    first, second = _measured({"real": real, "fake": fake}, protocol, options)
    if save_stats:
        first.save(save_stats)
    return Shown(distances.frechet(first, second, protocol, score=score), options.out)


def _protocol(options: Options, score: Score) -> Protocol:
    protocol = find_protocol(options.protocol)
    protocol.check_score(score)
    return protocol


def _measured(paths: "dict[Side, Path]", protocol: Protocol, options: Options) -> "list[Statistics]":
    """Each side, from a file of statistics or features, or from a folder; folders and files are looked at first."""
    from vg_metrics.commands.sets import Samples, measure, open_network
    from vg_metrics.folders import load_clips, load_pictures
    from vg_metrics.statistics import Statistics

    loaded = {side: Statistics.load(path) for side, path in paths.items() if path.is_file()}
    for side, statistics in loaded.items():
        statistics.check_protocol(protocol.settings(), str(paths[side]))
    load = load_clips if protocol.frames > 1 else load_pictures
    folders = {side: load(path) for side, path in paths.items() if side not in loaded}
    if folders:
        network = open_network(protocol, options.features, mean=options.mean, seed=options.seed, device=options.device)
    for side, clips in folders.items():
        real = loaded["real"].features.count if "real" in loaded else None
        most = protocol.real if side == "real" else protocol.wanted(real)
        samples = Samples(clips, protocol, side, most=most, skip_corrupt=options.skip_corrupt)
        loaded[side] = measure(samples, network, batch_size=options.batch_size, watch=watch)
    return [loaded[side] for side in paths]
