"""Does the mesh alone decide the outline of a generated person, and the identity not at all? Measured (6.4.4).

The silhouette of a projection is where it differs from its background. A generated image has a background of its own:
its colors are taken, row by row, from the pixels that none of the compared projections covers, so that no projection
is favored; the person is what is farther from them than Otsu's threshold.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_reid.swap import Generate
from vg_reid.views import denormalize

CONTRAST = 0.1  # difference from the background, of a range of 2, that makes a pixel of a projection part of the body
BINS = 128  # of the histogram in which Otsu's threshold is searched


@dataclass(frozen=True, kw_only=True)
class Disentanglement:
    """Mean intersections over union (IoU) of silhouettes over persons.

    A mesh decides the outline if `new_mesh` is above `old_mesh`, and an identity does not if `new_identity` is not
    below `own_identity`. Outlines are found by color, so those of one body in two colors differ somewhat by themselves.
    """

    new_mesh: float
    """With a new mesh: the generated silhouette and the new projection."""
    old_mesh: float
    """With a new mesh: the generated silhouette and the old projection."""
    follows: float
    """Share of persons whose silhouette is nearer to the new projection than to the old one."""
    own_identity: float
    """With nothing changed: the generated silhouette and the projection."""
    new_identity: float
    """With a new identity: the generated silhouette and the projection, which is the same."""
    other_identity: float
    """The generated silhouettes before and after a change of the identity alone."""
    other_mesh: float
    """The generated silhouettes before and after a change of the mesh alone."""
    persons: int

    def describe(self) -> list[str]:
        """Say the measures in lines."""
        return [
            f"new mesh: IoU {self.new_mesh:.3f} with its projection, {self.old_mesh:.3f} with the old one; "
            f"{self.follows:.0%} of {self.persons} silhouettes follow",
            f"new identity: IoU {self.new_identity:.3f} with the projection, {self.own_identity:.3f} with the own one",
            f"before and after: IoU {self.other_identity:.3f} with another identity, "
            f"{self.other_mesh:.3f} with another mesh",
        ]


def projection_silhouette(meshes: Tensor) -> Tensor:
    """Find the body in projections: where they differ from the median of their border.

    Args:
        meshes: (b, 1, h, w) in [-1, 1], on a background of any one gray.
    Returns:
        Booleans (b, h, w).
    """
    x = meshes[:, 0]
    border = torch.cat([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], 1)
    return (x - border.median(1).values[:, None, None]).abs() > CONTRAST


def image_silhouette(images: Tensor, background: Tensor) -> Tensor:
    """Find the person in generated images, by the distance of colors from those of the background.

    Args:
        images: (b, 3, h, w), normalized.
        background: booleans (b, h, w), where there is surely no person.
    Returns:
        Booleans (b, h, w).
    Raises:
        ValueError: if an image has no background pixel.
    """
    if not background.flatten(1).any(1).all():
        raise ValueError("the projections cover a whole image, wanted background in each")
    pixels, known = denormalize(images), background[:, None].to(images.dtype)
    totals = torch.cat([(pixels * known).sum(3), known.sum(3)], 1)  # (b, 4, h): colors and their number, row by row
    smooth = _blur_rows(totals, totals.shape[2] / 16)
    colors = smooth[:, :3] / smooth[:, 3:]
    distance = torch.linalg.vector_norm(pixels - colors[..., None], dim=1)
    return torch.stack([row > _otsu(row) for row in distance])


def overlap(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of silhouettes (b, h, w), each with its namesake: (b,); 1 where both are empty."""
    both, either = (first & second).sum((1, 2)), (first | second).sum((1, 2))
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)


@torch.no_grad()
def measure_disentanglement(
    generate: Generate, part_codes: Tensor, own: Tensor, new: Tensor, batch_size: int = 16
) -> Disentanglement:
    """Change only the mesh, then only the identity, and compare silhouettes.

    Args:
        generate: the view generator.
        part_codes: f_id of persons, (n, d); each also gets the code of the one half of the set away.
        own: projections of their own structures, (n, 1, h, w) in [-1, 1].
        new: projections in new view-points, likewise.
        batch_size: images that are generated at a time.
    Raises:
        ValueError: for fewer than two persons, sets of different lengths, or projections that leave no background.
    """
    if len(part_codes) < 2 or not len(part_codes) == len(own) == len(new):
        raise ValueError(f"{len(part_codes)} codes for {len(own)} and {len(new)} projections, wanted 2 or more of each")
    old_body, new_body = projection_silhouette(own), projection_silhouette(new)
    background = ~(old_body | new_body)

    def silhouettes(meshes: Tensor, codes: Tensor) -> Tensor:
        pairs = zip(meshes.split(batch_size), codes.split(batch_size), strict=True)
        return image_silhouette(torch.cat([generate(mesh, code) for mesh, code in pairs]), background)

    before = silhouettes(own, part_codes)
    turned = silhouettes(new, part_codes)
    exchanged = silhouettes(own, part_codes.roll(len(part_codes) // 2, 0))
    with_new, with_old = overlap(turned, new_body), overlap(turned, old_body)
    return Disentanglement(
        new_mesh=with_new.mean().item(),
        old_mesh=with_old.mean().item(),
        follows=(with_new > with_old).float().mean().item(),
        own_identity=overlap(before, old_body).mean().item(),
        new_identity=overlap(exchanged, old_body).mean().item(),
        other_identity=overlap(before, exchanged).mean().item(),
        other_mesh=overlap(before, turned).mean().item(),
        persons=len(part_codes),
    )


def _blur_rows(x: Tensor, sigma: float) -> Tensor:
    """Gaussian mean along the last axis of (b, c, h), over as many rows as there are."""
    rows = torch.arange(x.shape[2], dtype=x.dtype, device=x.device)
    weights = F.softmax(-((rows[:, None] - rows) ** 2) / (2 * sigma**2), dim=1)
    return x @ weights.T


def _otsu(values: Tensor) -> Tensor:
    """The threshold between two classes of values that differ most in their means, a scalar."""
    top = values.max().clamp_min(torch.finfo(values.dtype).tiny)
    counts = torch.histc(values, BINS, min=0, max=top.item())
    levels = (torch.arange(BINS, dtype=values.dtype, device=values.device) + 0.5) * top / BINS
    below, total = counts.cumsum(0), counts.sum()
    mass = (counts * levels).cumsum(0)
    above = (total - below).clamp_min(1)
    between = below * above * (mass / below.clamp_min(1) - (mass[-1] - mass) / above) ** 2
    return levels[between.argmax()] + top / (2 * BINS)
