"""Optical flow as pictures in the colors of the Middlebury evaluation (5.3.4): the hue tells the direction."""

import math

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_double

CORNERS = ((255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255))  # red, yellow, ..
STEPS = (15, 6, 4, 11, 13, 6)  # hues from each corner to the next, as many as the eye can tell: 55
BEYOND = 0.75  # brightness of a flow longer than the radius


def flow_to_color(flow: ArrayLike, *, radius: float | None = None) -> Tensor:
    """Color of each flow vector on the Middlebury wheel: white at rest, full color at the radius H, darker beyond.

    Args:
        flow: pixels to the right and down, (h, w, 2) or (..., 2, h, w).
        radius: length that has the full color; None takes the longest flow of each picture, so that their colors
            cannot be compared.
    Returns:
        uint8, (h, w, 3) or (..., 3, h, w), as the flow came.
    Raises:
        ValueError: if a flow is not finite, the shape is another or the radius is not positive.
    """
    field = to_double(flow, "flow", flow.ndim)
    channels_last = field.ndim == 3 and field.shape[-1] == 2
    if channels_last:
        field = field.movedim(-1, 0)
    if field.ndim < 3 or field.shape[-3] != 2:
        raise ValueError(f"flow has shape {tuple(field.shape)}, wanted (h, w, 2) or (..., 2, h, w)")
    u, v = field.unbind(-3)
    length = torch.hypot(u, v)
    color = _color(u, v, length / _radius(length, radius))
    return color if channels_last else color.movedim(-1, -3)


def flow_wheel(side: int = 128) -> Tensor:
    """Picture of the wheel: the color of the flow from its middle to each point of the disc; white around it.

    Args:
        side: pixels, at least 2.
    Returns:
        uint8, (3, side, side).
    Raises:
        ValueError: if the side is shorter.
    """
    if side < 2:
        raise ValueError(f"side is {side}, wanted at least 2")
    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    flow = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    return flow_to_color(flow * (flow.norm(dim=0) <= 1), radius=1)


def color_wheel() -> Tensor:
    """The 55 hues of the wheel, float64, (55, 3), 0..255: red at first, which is flow to the right, then clockwise."""
    corners = torch.tensor(CORNERS).double()
    parts = [
        start + (end - start).sign() * (255 * torch.arange(steps)[:, None] / steps).floor()
        for start, end, steps in zip(corners, corners.roll(-1, 0), STEPS, strict=True)
    ]
    return torch.cat(parts)


def _radius(length: Tensor, radius: float | None) -> float | Tensor:
    """What lengths are divided by; 1 for a picture at rest."""
    if radius is None:
        longest = length.amax((-2, -1), keepdim=True)
        return torch.where(longest > 0, longest, 1)
    if not radius > 0:
        raise ValueError(f"radius is {radius}, wanted a positive number of pixels")
    return radius


def _color(u: Tensor, v: Tensor, strength: Tensor) -> Tensor:
    """Colors (..., 3) of directions (u, v), each between its two neighbors on the wheel, paled by the strength."""
    wheel = color_wheel().to(u.device) / 255
    place = (torch.atan2(-v, -u) / math.pi + 1) / 2 * (len(wheel) - 1)
    before = place.floor().long()
    hue = torch.lerp(wheel[before], wheel[(before + 1) % len(wheel)], (place - before)[..., None])
    strength = strength[..., None]
    color = torch.where(strength <= 1, 1 - strength * (1 - hue), BEYOND * hue)
    return (255 * color).floor().byte()
