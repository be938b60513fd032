"""Other identities in the same structure: swapped and interpolated part codes (figure 6.7)."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from vg_reid.views import grid, projection_picture, to_picture

Generate = Callable[[Tensor, Tensor], Tensor]  # projections (b, 1, h, w) and part codes (b, d) to images, such as a net


@torch.no_grad()
def interpolate(generate: Generate, part_codes: Tensor, projections: Tensor, steps: int = 7) -> Tensor:
    """Walk in a straight line from the identity of one person to that of another, each time in one structure.

    Args:
        generate: the view generator.
        part_codes: f_id of the left and of the right person, (2, d).
        projections: structures of the left and of the right person, (2, 1, h, w).
        steps: images of a walk, both ends included.
    Returns:
        (2, steps, 3, h, w), normalized: the walk in the left structure, then that in the right one. The last image of
        the first and the first image of the second have swapped identities.
    Raises:
        ValueError: for fewer than two steps, or another number of persons than two.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}, wanted at least 2: both persons")
    if len(part_codes) != 2 or len(projections) != 2:
        raise ValueError(f"{len(part_codes)} part codes and {len(projections)} projections, wanted 2 persons")
    left, right = part_codes
    share = torch.linspace(0, 1, steps, dtype=left.dtype, device=left.device)[:, None]
    codes = left + share * (right - left)
    return torch.stack([generate(mesh.expand(steps, -1, -1, -1), codes) for mesh in projections])


def interpolation_sheet(photos: Tensor, projections: Tensor, walks: Tensor) -> Image.Image:
    """Draw figure 6.7: in each row a structure, and the identities between the left and the right person.

    Args:
        photos: of the two persons, (2, 3, h, w), normalized.
        projections: their structures, (2, 1, h, w) in [-1, 1].
        walks: what `interpolate` returns, (2, steps, 3, h, w).
    """
    left, right = (to_picture(photo) for photo in photos)
    rows = [
        [projection_picture(mesh), left, *map(to_picture, walk), right]
        for mesh, walk in zip(projections, walks, strict=True)
    ]
    shares = [f"{i / (walks.shape[1] - 1):.0%}" for i in range(walks.shape[1])]
    return grid(rows, columns=["structure", "left", *shares, "right"])
