"""A person seen from all sides (figures 6.3 and 6.4): what is kept of a run to look at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vg_reid.data.images import PersonImages
from vg_reid.data.transforms import normalize
from vg_reid.encoder import Encoder
from vg_reid.gcl.batches import Structures
from vg_reid.generator import ViewGenerator


@torch.no_grad()
def generate_views(
    encoder: Encoder,
    generator: ViewGenerator,
    images: PersonImages,
    structures: Structures,
    indices: Sequence[int],
    azimuths: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Show persons in the structure of their image and of each turn of their body.

    Args:
        encoder: E_id; it is run in eval mode and left in the mode it was in.
        generator: E_str and G.
        images: the set.
        structures: projections of the bodies, in the same order.
        indices: which persons.
        azimuths: degrees of the turns.
    Returns:
        The projections, (n, 1 + a, 1, h, w) in [-1, 1], the original first, and the views of them,
        (n, 1 + a, 3, h, w), normalized as E_id reads images.
    """
    weight, training = encoder.conv1.weight, encoder.training
    encoder.eval()
    pixels = torch.stack([images.pixels(index) for index in indices]).to(weight) / 255
    codes = encoder(normalize(pixels)).part_code
    encoder.train(training)
    turned = [structures.rotated(indices, [azimuth] * len(indices)) for azimuth in azimuths]
    projections = torch.stack([structures.original(indices), *turned], 1).to(weight)
    views = [generator(projections[:, turn], codes) for turn in range(projections.shape[1])]
    return projections, torch.stack(views, 1)
