"""The training run of chapter 6 whose losses are golden: both stages of GCL, as small as it gets."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from vg_layers import Step
from vg_reid import gcl
from vg_reid.data.images import PersonImages
from vg_reid.data.layouts import Person

HEIGHT, WIDTH, PERSONS, EACH = 48, 40, 4, 6
COLORS = ((220, 30, 30), (30, 220, 30), (30, 30, 220), (200, 200, 40))


class DrawnPersons(PersonImages):
    """Four persons of one color each, with noise on their photos that is a function of the photo's number."""

    def __init__(self) -> None:
        persons = [Person(Path(f"{i:02d}.png"), i // EACH + 1, i % 2) for i in range(PERSONS * EACH)]
        super().__init__(persons, height=HEIGHT, width=WIDTH)

    def pixels(self, index: int) -> Tensor:
        """Draw a photo, uint8 (3, h, w)."""
        color = torch.tensor(COLORS[index // EACH]).view(3, 1, 1)
        place = torch.arange(3 * HEIGHT * WIDTH).view(3, HEIGHT, WIDTH)
        return (color + (place * (7 * index + 11)) % 47 - 23).clamp(0, 255).byte()


class Bars:
    """Bodies that are upright bars, another width for each turn."""

    def original(self, indices: Sequence[int]) -> Tensor:
        """Draw bodies as in the photos, (b, 1, h, w)."""
        return self.rotated(indices, [0] * len(indices))

    def rotated(self, indices: Sequence[int], azimuths: Sequence[int]) -> Tensor:
        """Draw bodies turned, (b, 1, h, w)."""
        half = torch.tensor([4 + index % 3 + azimuth // 45 for index, azimuth in zip(indices, azimuths, strict=True)])
        distance = (torch.arange(WIDTH) - WIDTH // 2).abs()
        inside = (distance < half.view(-1, 1, 1, 1)).expand(-1, 1, HEIGHT, WIDTH)
        return 2.0 * inside - 1


def gcl_steps() -> Iterator[Step]:
    """GCL by the released code's losses, with R1: two epochs of stage 2, then stage 3."""
    tiny = gcl.tiny()
    config = replace(
        gcl.official(),
        encoder=replace(tiny.encoder, embedding_dim=16, height=HEIGHT, width=WIDTH),
        generator=replace(
            tiny.generator,
            structure=replace(tiny.generator.structure, channels=8, blocks=1),
            decoder=replace(tiny.generator.decoder, channels=8, hidden=8),
            height=HEIGHT,
            width=WIDTH,
        ),
        discriminator=replace(tiny.discriminator, channels=4, scales=2),
        clusters=gcl.Clustering(share=0.2, min_samples=3, k1=6, k2=3),
        schedule=gcl.Schedule(warm_up_epochs=2, joint_epochs=12, epoch_steps=4, batch_size=4, decay_after=1),
    )
    return gcl.train(gcl.TrainState(config, seed=0), DrawnPersons(), Bars())
