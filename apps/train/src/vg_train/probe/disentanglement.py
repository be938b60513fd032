"""Disentanglement: what of generated clips the appearance part of the input decides, and what the motion part."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import isqrt, lcm
from typing import Any

import torch
from torch import Tensor
from vg_video.data.transforms import to_float
from vg_video.generator import VideoGenerator
from vg_video.seeds import seeded

from vg_train.probe.clips import BuiltIn, seen
from vg_train.probe.net import ProbeNet
from vg_train.probe.statistics import variance_shares

STILL = ("appearance", "content", "image")  # inputs that hold the looks, by the names of generators' arguments


def appearance_inputs(generator: VideoGenerator) -> set[str]:
    """The inputs of a generator that are to decide how things look; the others, labels too, are to decide the motion.

    Empty for a generator whose one noise is for everything, such as VGAN's.
    """
    names = set(generator.latents(generator.frames, seeded(0)))
    if generator.takes_image:
        names.add("image")
    still = names & set(STILL)
    return still | (names & {"noise"}) if "appearance" in still else still  # MintGAN's noise maps: details of looks


def table_size(count: int, *labels: int) -> tuple[int, int]:
    """Looks and motions of about `count` clips, about as many of one as of the other, and at least two of each.

    Args:
        count: of clips.
        labels: how many there are (0: none); the motions show each equally often and at least twice.
    """
    turn = lcm(*(max(number, 1) for number in labels))
    motions = turn * max(2, -(-isqrt(count) // turn))
    return max(2, count // motions), motions


def disentanglement(
    generator: VideoGenerator, net: ProbeNet, built_in: BuiltIn, *, count: int, seed: int
) -> dict[str, Any]:
    """Cross looks with motions, read the factors of all clips, and tell which part of the input explains them.

    Each appearance input (or first frame of a held-out clip) is combined with each motion input, noise and label. The
    same is done with built-in clips, whose looks and motions are independent: no model can do better.

    Args:
        generator: one with `appearance_inputs`.
        net: of a trained probe.
        built_in: the set.
        count: clips, about.
        seed: of the noise.
    Returns:
        Ready for JSON: `looks` and `motions`, how many; `appearance_inputs`; and `factors`, for each by name `side`,
        the shares of `variance_shares` in the clips of the `model` (None: they are all the same in it) and in
        `built_in` ones, and `spread`, the variance in the former as a multiple of that in the latter.
    """
    looks, motions = table_size(count, len(generator.classes), len(built_in.classes))
    made = _read(net, crossed(generator, looks, motions, built_in, seed))
    real = _read(net, (to_float(batch.video) for batch in built_in.crossed(looks, motions)))
    rows = {}
    for factor in net.factors:
        model = variance_shares(made[factor.name], _turns(motions, generator.classes))
        best = variance_shares(real[factor.name], _turns(motions, built_in.classes))
        rows[factor.name] = {
            "side": factor.side,
            "model": asdict(model) if model else None,
            "built_in": asdict(best) if best else None,
            "spread": model.variance / best.variance if model and best else 0.0,
        }
    inputs = sorted(appearance_inputs(generator))
    return {"looks": looks, "motions": motions, "appearance_inputs": inputs, "factors": rows}


@torch.inference_mode()
def crossed(generator: VideoGenerator, looks: int, motions: int, built_in: BuiltIn, seed: int) -> Iterator[Tensor]:
    """Generate clips of each look with each motion.

    Appearance inputs of look i are those of clip i of the seed, or first frame i of the held-out clips; all other
    noise of motion j is that of clip j, and the labels take turns among the motions.

    Yields:
        For each look the clips of all motions, (motions, 3, t, h, w), of a generator in eval mode.
    """
    still, frames = appearance_inputs(generator), built_in.cut.frames
    drawn = [generator.latents(frames, seeded(seed, number)) for number in range(max(looks, motions))]
    moving = {name: torch.stack([one[name] for one in drawn[:motions]]) for name in drawn[0] if name not in still}
    if (labels := _turns(motions, generator.classes)) is not None:
        moving["label"] = labels
    if generator.takes_image:
        images = built_in.first_frames(looks, generator.resolution)[0]
        drawn = [one | {"image": image} for one, image in zip(drawn, images, strict=False)]
    for one in drawn[:looks]:
        yield generator(**moving, **{name: one[name].expand(motions, *one[name].shape) for name in still})


def _turns(motions: int, classes: tuple[str, ...]) -> Tensor | None:
    """The label of each motion, (motions,); None without labels."""
    return torch.arange(motions) % len(classes) if classes else None


def _read(net: ProbeNet, videos: Iterable[Tensor]) -> dict[str, Tensor]:
    """The factors of clips, by name (looks, motions, d)."""
    read = [net.predict(seen(video)) for video in videos]
    return {name: torch.stack([one[name].flatten(1) for one in read]) for name in read[0]}
