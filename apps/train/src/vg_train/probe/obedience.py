"""Label obedience: whether generated clips show the label that was asked for."""

from typing import Any

import torch
from torch import Tensor
from vg_video.generator import VideoGenerator
from vg_video.sampling import sample

from vg_train.probe.clips import BuiltIn, seen
from vg_train.probe.factors import LABEL
from vg_train.probe.net import ProbeNet
from vg_train.probe.statistics import interval

BATCH = 16  # clips that the probe reads at a time


def obedience(generator: VideoGenerator, net: ProbeNet, built_in: BuiltIn, *, count: int, seed: int) -> dict[str, Any]:
    """Ask for each label equally often, and let a probe tell the labels of what comes.

    A generator that goes on from images gets first frames of held-out clips, whose own labels have nothing to do with
    those that are asked for: a frame that gives its label away does not help.

    Args:
        generator: with classes, all of which the set has.
        net: of a trained probe.
        built_in: the set.
        count: clips in all, rounded up to a multiple of the labels.
        seed: of the noise.
    Returns:
        Ready for JSON: `obeyed`, a share with its 95 % interval; `chance`, and whether the interval lies above twice
        that; `confusion`, for each label asked for how often each label of the set was told; and for a generator that
        goes on from images `first_frame`, what the probe tells of these images alone.
    Raises:
        ValueError: if the set does not have a label of the generator.
    """
    asked = generator.classes
    if unknown := [label for label in asked if label not in built_in.classes]:
        raise ValueError(f"the model has the label {unknown[0]!r}, wanted only {', '.join(built_in.classes)}")
    each = -(-count // len(asked))
    wanted = torch.tensor([built_in.classes.index(label) for label in asked]).repeat_interleave(each)
    images = own = None
    if generator.takes_image:
        images, own = built_in.first_frames(each * len(asked), generator.resolution)
    told = []
    for number, label in enumerate(asked):
        some = None if images is None else images[number * each : (number + 1) * each]
        draw, frames = seed * len(asked) + number, built_in.cut.frames  # other noise for each label
        told.append(_labels(net, sample(generator, each, seed=draw, label=label, frames=frames, images=some)))
    result = _scores(asked, built_in.classes, wanted, torch.cat(told))
    if images is None or own is None:
        return result
    still = _labels(net, images.unsqueeze(2).expand(-1, -1, built_in.cut.frames, -1, -1))
    return result | {"first_frame": {"asked": _agreement(still, wanted), "own": _agreement(still, own)}}


def _labels(net: ProbeNet, video: Tensor) -> Tensor:
    """The number of the label that a probe tells of each clip, (n,)."""
    return torch.cat([net.predict(seen(clips))[LABEL].argmax(-1) for clips in video.split(BATCH)])


def _agreement(told: Tensor, wanted: Tensor) -> dict[str, float]:
    return interval(int((told == wanted).sum()), len(wanted))


def _scores(asked: tuple[str, ...], classes: tuple[str, ...], wanted: Tensor, told: Tensor) -> dict[str, Any]:
    """What `obedience` returns, of the labels that were wanted and told, both (n,)."""
    obeyed, chance = _agreement(told, wanted), 1 / len(asked)
    confusion = {
        label: {
            other: int((told[wanted == classes.index(label)] == number).sum()) for number, other in enumerate(classes)
        }
        for label in asked
    }
    return {
        "obeyed": obeyed,
        "chance": chance,
        "above_twice_chance": obeyed["low"] >= 2 * chance,
        "confusion": confusion,
    }
