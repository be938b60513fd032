"""The rows of tables 4.3, 4.4 and 4.5: each switch changes the networks or the losses, and the run still trains."""

import dataclasses
from collections.abc import Iterator
from itertools import islice

import pytest
import torch
from vg_video import g3an
from vg_video.data.clips import Batch
from vg_video.seeds import seeded

NARROW = g3an.GeneratorConfig(appearance_dim=4, widths=(16, 16, 16, 8, 8))
WHOLE = g3an.G3ANConfig(
    generator=NARROW,
    video_discriminator=g3an.VideoDiscriminatorConfig(width=4),
    image_discriminator=g3an.ImageDiscriminatorConfig(width=4),
    steps=20,
    batch_size=2,
)


def generator(**changes: object) -> g3an.G3ANConfig:
    return dataclasses.replace(WHOLE, generator=dataclasses.replace(NARROW, **changes))


ROWS = {
    "without G_S, G_T and F-SA": generator(spatial_stream=False, temporal_stream=False, attention_after=None),
    "without G_S and G_T": generator(spatial_stream=False, temporal_stream=False),
    "without G_S": generator(spatial_stream=False),
    "without G_T": generator(temporal_stream=False),
    "without F-SA": generator(attention_after=None),
    "3D": generator(convolution="3d"),
    "(2+1)D": generator(convolution="2+1d"),
    "equal parameters": generator(equal_parameters=True),
    "F-SA after the first module": generator(attention_after=0),
    "F-SA after the second": generator(attention_after=1),
    "F-SA after the third": generator(attention_after=2),
    "released D_V": dataclasses.replace(
        WHOLE, video_discriminator=g3an.VideoDiscriminatorConfig(kind="2+1d", norm="spectral", width=4)
    ),
    "labels": WHOLE.with_classes(("left", "right")),
    "temporal pyramid": dataclasses.replace(WHOLE, pyramid_speeds=4),
}


def batches() -> Iterator[Batch]:
    for index in range(WHOLE.steps):
        draw = seeded(1, index)
        yield Batch(index, torch.rand(2, 3, 16, 64, 64, generator=draw) * 2 - 1, torch.tensor([0, 1]))


def parameters(config: g3an.G3ANConfig) -> set[tuple[str, torch.Size]]:
    nets = g3an.TrainState(config).nets
    return {(f"{name}.{key}", value.shape) for name, net in nets.items() for key, value in net.named_parameters()}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_own_networks(row):
    assert parameters(ROWS[row]) != parameters(WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_a_row_trains(row):
    state = g3an.TrainState(ROWS[row])
    before = [parameter.detach().clone() for parameter in state.generator.parameters()]
    losses = [step.losses for step in islice(g3an.train(state, batches()), 20)]
    assert len(losses) == 20 and all(loss.isfinite() for step in losses for loss in step.values())
    assert any(not torch.equal(old, new) for old, new in zip(before, state.generator.parameters(), strict=True))
