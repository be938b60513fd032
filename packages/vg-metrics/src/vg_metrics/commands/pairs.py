"""Scores of clips beside the clips they should equal, and of pictures of the same person."""

from collections.abc import Sequence
from pathlib import Path

import torch

from vg_metrics.commands.sets import Watch, unwatched
from vg_metrics.folders import Clips, Source, fingerprint, load_clips, load_pictures
from vg_metrics.functional.image import Preset, psnr, ssim, ssim_diversity
from vg_metrics.result import Result

LEVELS = 255


def paired(a: Path, b: Path, preset: Preset, *, watch: Watch = unwatched, skip_corrupt: bool = False) -> Result:
    """SSIM and PSNR of clips of the same names in two folders: mean over frames, then over clips (table 3.4).

    Raises:
        ValueError: if a clip has no partner, or one of another size or length, or a file is damaged.
    """
    first, second = load_clips(a), load_clips(b)
    partner = {source.name: source for source in second}
    lonely = sorted({source.name for source in first} ^ partner.keys())
    if lonely:
        raise ValueError(f"{len(lonely)} clips are in only one of {a} and {b}, the first is {lonely[0]}")
    rows, used, skipped = [], [], []
    for source in watch(first, "pairs", len(first)):
        try:
            x, y = (clip.read().transpose(0, 1) for clip in (source, partner[source.name]))
        except ValueError as error:
            if not skip_corrupt:
                raise
            skipped.append(str(error))
            continue
        if x.shape != y.shape:
            shapes = f"{tuple(x.shape)} in {a} and {tuple(y.shape)} in {b}"
            raise ValueError(f"{source.name}: (frames, 3, h, w) is {shapes}")
        rows.append([ssim(x, y, data_range=LEVELS, preset=preset).mean(), psnr(x, y, data_range=LEVELS).mean()])
        used.append(source)
    if not rows:
        raise ValueError(f"no pair of clips in {a} and {b} can be used, first {skipped[0]}")
    similarity, decibel = torch.tensor(rows).mean(0).tolist()
    pairs = {"a": used, "b": [partner[source.name] for source in used]}
    return Result(
        score="ssim",
        values={"ssim": similarity, "psnr": decibel},
        protocol={"name": f"ssim_{preset}", "data_range": LEVELS, "mean": "over frames, then clips"},
        counts={"clips": len(rows)},
        skipped={"a": unreadable(first) + skipped, "b": unreadable(second)},
        fingerprint={side: content_of(sources) for side, sources in pairs.items()},
    )


def diversity(folder: Path, preset: Preset, *, pairs: int | None = 10, watch: Watch = unwatched) -> Result:
    """The "SSIM diversity" of pictures of persons, by pairs of the same identity (table 6.4).

    Args:
        folder: of pictures of one size; the identity is the sub-folder, or the name up to the first underscore.
        preset: of the SSIM.
        pairs: compared for each identity; None for all.
        watch: shows progress.
    Raises:
        ValueError: if pictures differ in size, or no identity has two.
    """
    pictures = load_pictures(folder)
    names = [_identity(source.name) for source in pictures]
    ids = {name: index for index, name in enumerate(dict.fromkeys(names))}
    images = [source.read()[:, 0] for source in watch(pictures, "pictures", len(pictures))]
    sizes = {tuple(image.shape[1:]) for image in images}
    if len(sizes) > 1:
        raise ValueError(f"{folder}: pictures of {len(sizes)} sizes, such as {sorted(sizes)[:2]}, wanted one")
    identities = torch.tensor([ids[name] for name in names])
    scored = ssim_diversity(torch.stack(images), identities, data_range=LEVELS, preset=preset, pairs=pairs)
    error = {"standard_error": scored.standard_error} if scored.identities > 1 else {}
    return Result(
        score="diversity",
        values={"ssim_diversity": scored.value, **error},
        protocol={"name": f"diversity_{preset}", "data_range": LEVELS, "pairs": pairs},
        counts={"pictures": len(images), "pairs": scored.pairs, "identities": scored.identities},
        skipped={"pictures": unreadable(pictures), "identities": [list(ids)[index] for index in scored.skipped]},
        fingerprint={"pictures": content_of(list(pictures))},
    )


def unreadable(clips: Clips) -> list[str]:
    """What a folder holds besides clips or pictures, with the reason."""
    return [f"{path.relative_to(clips.root)}: {reason}" for path, reason in clips.skipped]


def content_of(sources: Sequence[Source]) -> str:
    """Fingerprint of some clips or pictures."""
    return fingerprint({source.name: source.digest() for source in sources})


def _identity(name: str) -> str:
    """Sub-folder, or what stands before the first underscore, as in the names of Market-1501."""
    return name.rsplit("/", 1)[0] if "/" in name else name.split("_", 1)[0]
