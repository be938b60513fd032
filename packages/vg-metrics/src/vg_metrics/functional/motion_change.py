"""How much, how often and in which directions clips move, from their optical flow (5.3.4).

Every length is divided by one radius H of the color wheel, which must be the same for all sets that are compared; so
must be what estimated the flow. Misprints of 5.3.4: N is at first the pixels of a flow video, then the directions of
the motion dictionary; T frames have T - 1 flows; and length is shown by the saturation of a color, not its brightness.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double

# R_0, R_1, .. by the direction in the middle of each. The thesis shows them in pictures only; of the four it says that
# (R_0, R_3) and (R_1, R_2) are opposite, that moving back and forth is in the first, left and right in the second pair.
REGIONS = {
    4: ("up", "right", "left", "down"),
    8: ("right", "up right", "up", "up left", "left", "down left", "down", "down right"),
}
COUNTERCLOCKWISE = {4: ("right", "up", "left", "down"), 8: REGIONS[8]}
SHADES = 255  # a flow shorter than H / 255 is white in a picture of bytes
HALF_PIXEL = 0.5


def motion_change(
    flows: ArrayLike,
    regions: int = 4,
    *,
    radius: float | None = None,
    still: float | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Motion phi_i in each region R_i of the color wheel (eq. 5.6; eq. 5.9 with 8 regions).

    A phi_i is the mean length of the flows in R_i, as printed: it says how strong motion is, not how frequent.

    Args:
        flows: optical flow of whole clips, pixels to the right and down, (..., t, 2, h, w); t is one less than frames.
        regions: 4 or 8, equally wide; `REGIONS` names the direction in the middle of each.
        radius: H in pixels, see `motion_radius`; longer flows count as H. None takes the longest of these flows, which
            is right only where no other set is compared.
        still: flows up to this length, in pixels, are at rest and in no region; None for H / 255, the white ones.
        mask: the pixels to look at, bool (..., t, h, w), flow number t beginning in frame t; or one more, of the last
            frame, which is not used.
    Returns:
        float64, (..., regions), 0..1; 0 in a region without motion, NaN for a clip whose mask is empty.
    Raises:
        ValueError: if a flow is not finite, or a shape, a number of regions or a length is another.
    """
    return measure(flows, regions, radius=radius, still=still, mask=mask)[..., :regions]


def total_motion(
    flows: ArrayLike, *, radius: float | None = None, still: float | None = None, mask: Tensor | None = None
) -> Tensor:
    """Total motion Phi of a clip (eq. 5.7): mean length over radius of the pixels that move, in all regions together.

    Args:
        flows: as for `motion_change`.
        radius: as for `motion_change`.
        still: as for `motion_change`.
        mask: as for `motion_change`; Phi_head and Phi_mouth of table 5.5 are those inside the head and the mouth.
    Returns:
        float64, (...,), 0..1; 0 where nothing moves, NaN for a clip whose mask is empty.
    Raises:
        ValueError: as `motion_change`.
    """
    return measure(flows, 4, radius=radius, still=still, mask=mask)[..., -2]


def moving_share(flows: ArrayLike, *, still: float = HALF_PIXEL, mask: Tensor | None = None) -> Tensor:
    """Share of the pixels that move: how frequent motion is, which eq. 5.6 and 5.7 do not say.

    Args:
        flows: as for `motion_change`.
        still: flows up to this length, in pixels, are at rest.
        mask: as for `motion_change`.
    Returns:
        float64, (...,), 0..1; NaN for a clip whose mask is empty.
    Raises:
        ValueError: as `motion_change`.
    """
    return measure(flows, 4, still=still, mask=mask)[..., -1]


def motion_radius(flows: ArrayLike | Sequence[ArrayLike], share: float = 0.995) -> float:
    """One radius H for all sets that are compared: the length that this share of the flows of the originals keeps to.

    Args:
        flows: of the original clips, (..., t, 2, h, w), or a list of such, whose sizes may differ.
        share: of the pixels, above 0, at most 1.
    Returns:
        H in pixels.
    Raises:
        ValueError: if nothing moves, or a flow is not finite, or the share is another.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, wanted above 0 and at most 1")
    clips = flows if isinstance(flows, Sequence) else [flows]
    length = torch.cat([_flows(clip).norm(dim=-3).flatten() for clip in clips])
    radius = float(length.kthvalue(math.ceil(share * len(length))).values)
    if not radius:
        raise ValueError(f"a share of {share} of the flows is at rest: they give no radius")
    return radius


def measure(
    flows: ArrayLike,
    regions: int,
    *,
    radius: float | None = None,
    still: float | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Rows (..., regions + 2) of each clip: phi_i, Phi and the share of moving pixels; see `motion_change`."""
    field = _flows(flows)
    if regions not in REGIONS:
        raise ValueError(f"regions is {regions}, wanted 4 or 8")
    length = field.norm(dim=-3)
    seen = torch.ones_like(length, dtype=torch.bool) if mask is None else _checked(mask, length)
    radius = (float(length.max()) or 1.0) if radius is None else radius
    still = radius / SHADES if still is None else still
    if not radius > 0 or not still >= 0:
        raise ValueError(f"radius is {radius} and still is {still}, wanted a positive radius and still at least 0")
    moving = seen & (length > still)
    strength = (length / radius).clamp_max(1)  # lambda / H: the wheel ends at H
    where = _region(field, regions)
    chosen = [moving & (where == region) for region in range(regions)] + [moving]
    means = [_mean(strength, pixels) for pixels in chosen] + [_mean(moving.double(), seen)]
    empty = ~seen.flatten(-3).any(-1)
    return torch.stack(means, -1).masked_fill(empty[..., None], math.nan)


def _flows(flows: ArrayLike) -> Tensor:
    field = to_double(flows, "flows", flows.ndim)
    if field.ndim < 4 or field.shape[-3] != 2 or not field.numel():
        raise ValueError(f"flows have shape {tuple(field.shape)}, wanted (..., t, 2, h, w)")
    return field


def _checked(mask: Tensor, length: Tensor) -> Tensor:
    """The mask of the frames in which the flows begin."""
    *clips, t, height, width = length.shape
    shapes = [(*clips, frames, height, width) for frames in (t, t + 1)]
    if mask.dtype != torch.bool or tuple(mask.shape) not in shapes:
        raise ValueError(f"mask is {mask.dtype} of shape {tuple(mask.shape)}, wanted torch.bool of shape {shapes[0]}")
    return mask[..., :t, :, :].to(length.device)


def _region(field: Tensor, regions: int) -> Tensor:
    """Index of the region of each flow, (..., t, h, w)."""
    u, v = field.unbind(-3)
    wide = 2 * math.pi / regions
    sector = ((torch.atan2(-v, u) + wide / 2) / wide).floor().long() % regions  # counterclockwise from the right
    order = [REGIONS[regions].index(name) for name in COUNTERCLOCKWISE[regions]]
    return torch.tensor(order, device=field.device)[sector]


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen values of each clip, (...,); 0 where none is."""
    return (values * chosen).sum((-3, -2, -1)) / chosen.sum((-3, -2, -1)).clamp_min(1)
