"""Optical flow in PyTorch alone: Lucas and Kanade (1981) on a pyramid, with iterations and median smoothing."""

import torch
import torch.nn.functional as F
from torch import Tensor

from vg_metrics.flow.base import OpticalFlow, to_gray

COARSEST = 8  # pixels; the pyramid ends before its shorter side is less
LONGEST_STEP = 1.0  # pixels that one iteration may change the flow by
NOISE = 0.7  # share of the squared change that a flow leaves where there is none: noise can be followed a little


class LucasKanade(OpticalFlow):
    """Least squares of brightness constancy in a Gaussian window, from coarse to fine.

    At each level of the pyramid the second frame is warped by the flow so far and what is left is estimated, some
    times over; a median over 3x3 pixels after each time removes outliers and keeps edges. Where the flow explains too
    little of the change around a pixel, the pixel is at rest.

    Args:
        window: deviation of the Gaussian window, pixels.
        iterations: at each level.
        damping: squared gray levels a pixel that a window must hold to change the flow: above the noise of the frames.
        device: where it runs.
    Raises:
        ValueError: if a number is not positive.
    """

    def __init__(
        self,
        *,
        window: float = 2.0,
        iterations: int = 5,
        damping: float = 4.0,
        device: torch.device | str = "cpu",
    ) -> None:
        if not (window > 0 and iterations >= 1 and damping > 0):
            raise ValueError(f"window={window}, iterations={iterations}, damping={damping}: wanted positive numbers")
        label = f"Lucas-Kanade in PyTorch, window {window:g}, {iterations} iterations, damping {damping:g}"
        super().__init__("lucas-kanade", label, device=device)
        self.window, self.iterations, self.damping = window, iterations, damping

    def estimate(self, first: Tensor, second: Tensor) -> Tensor:
        """As `OpticalFlow.estimate`."""
        pair = to_gray(first), to_gray(second)
        sizes = _sizes(*first.shape[2:])
        flow = first.new_zeros(len(first), 2, *sizes[0])
        for size in sizes:
            flow, a, b = _enlarged(flow, size), *(_resized(frames, size) for frames in pair)
            for _ in range(self.iterations):
                flow = _median(flow + self._step(a, b, flow))
        return flow * self._explains(*pair, flow)

    def _step(self, first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
        """What to add to the flow, (n, 2, h, w): the damped least squares solution in each window."""
        warped, inside = _warped(second, flow)
        gx, gy = ((a + b) / 2 for a, b in zip(_gradient(first), _gradient(warped), strict=True))
        change = warped - first
        products = torch.cat([gx * gx, gx * gy, gy * gy, gx * change, gy * change], 1)
        xx, xy, yy, xt, yt = _blur(products * inside, self.window).split(1, 1)
        xx, yy = xx + self.damping, yy + self.damping
        step = torch.cat([xy * yt - yy * xt, xy * xt - xx * yt], 1) / (xx * yy - xy * xy)
        return step * (LONGEST_STEP / step.norm(dim=1, keepdim=True)).clamp_max(1)

    def _explains(self, first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
        """Whether the flow explains the change between the frames around a pixel, (n, 1, h, w), or only its noise."""
        warped, inside = _warped(second, flow)
        change = torch.cat([warped - first, second - first], 1).square() * inside
        left, whole = _blur(change, self.window).split(1, 1)
        return left < NOISE * whole


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the levels of the pyramid, coarsest first, each half of the next, rounded up."""
    sizes = [(height, width)]
    while min(sizes[0]) >= 2 * COARSEST:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    return sizes


def _resized(frames: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(frames, size, mode="bilinear", antialias=True)


def _enlarged(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Flow of a coarser level at a finer one."""
    ratio = flow.new_tensor([size[1] / flow.shape[3], size[0] / flow.shape[2]]).view(1, 2, 1, 1)
    return F.interpolate(flow, size, mode="bilinear") * ratio


def _warped(frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Frames read where the flow points to, and whether that is inside them.

    Linear interpolation and its second-order term; torch's bicubic one lies up to a twentieth of a pixel beside it.
    """
    height, width = frames.shape[2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    padded = F.pad(frames, (1, 1, 1, 1), mode="replicate")
    across = padded[..., 1:-1, 2:] + padded[..., 1:-1, :-2] - 2 * frames
    along = padded[..., 2:, 1:-1] + padded[..., :-2, 1:-1] - 2 * frames
    maps = torch.cat([frames, across, along], 1)
    value, xx, yy = F.grid_sample(maps, grid, padding_mode="border", align_corners=False).unbind(1)
    warped = value - (x.frac() * (1 - x.frac()) * xx + y.frac() * (1 - y.frac()) * yy) / 2
    return warped[:, None], inside[:, None]


def _gradient(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences along x and y."""
    padded = F.pad(frames, (1, 1, 1, 1), mode="replicate")
    x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return x, y


def _blur(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian mean of each channel; nothing beyond the border, which the division by the weights makes up for."""
    reach = round(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, device=maps.device)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2)).view(1, 1, -1, 1)
    flat = torch.cat([maps.flatten(0, 1)[:, None], maps.new_ones(1, 1, *maps.shape[2:])])
    sums = F.conv2d(F.conv2d(flat, weights, padding=(reach, 0)), weights.mT, padding=(0, reach))
    return (sums[:-1] / sums[-1:]).view_as(maps)


def _median(flow: Tensor) -> Tensor:
    """Median of 3x3 pixels of each channel: of columns in order, the middle of greatest low, middle and least high."""
    height, width = flow.shape[2:]
    padded = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    columns = _sorted(*(padded[..., i : i + height, :] for i in range(3)))
    across = [_sorted(*(values[..., i : i + width] for i in range(3))) for values in columns]
    return _sorted(across[0][2], across[1][1], across[2][0])[1]


def _sorted(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three maps as least, middle and greatest of each place; much faster than torch's median."""
    a, b = torch.minimum(a, b), torch.maximum(a, b)
    b, c = torch.minimum(b, c), torch.maximum(b, c)
    return torch.minimum(a, b), torch.maximum(a, b), c
