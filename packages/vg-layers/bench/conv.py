"""Transposed convolutions, forward and backward, beside nn.ConvTranspose3d in contiguous memory.

Cases are layers of G3AN and of ImaGINator. Where a map stands for all times, the plain form repeats it and joins it
with the moving one, as the released code does, and ours convolves it once: the limit counts what is left then.
"""

from collections.abc import Iterator

import torch
from harness import Case, Setting, forward_backward
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from vg_layers import SpatialTransposedConv, TemporalTransposedConv, TransposedConv, Window

ONE, DOUBLE = Window(1), Window(4, 2, 1)

# Name, channels of the map for all times (0: none) and of the moving one, channels out, windows along time and space,
# size (t, h) of the moving map.
LAYERS = [
    ("G3_0 spatial", 0, 512, 512, ONE, Window(4), (4, 1)),
    ("G3_1 temporal", 512, 512, 512, DOUBLE, ONE, (4, 4)),
    ("G3_1 spatial", 0, 512, 512, ONE, DOUBLE, (8, 4)),
    ("G3_2 temporal", 512, 512, 256, DOUBLE, ONE, (8, 8)),
    ("G3_2 temporal, joint map", 0, 1024, 256, DOUBLE, ONE, (8, 8)),
    ("G3_2 spatial", 0, 256, 256, ONE, DOUBLE, (16, 8)),
    ("G3_3 temporal, 1x1x1", 256, 256, 128, ONE, ONE, (16, 16)),
    ("G3_3 spatial", 0, 128, 128, ONE, DOUBLE, (16, 16)),
    ("G3_4 temporal, 1x1x1", 128, 128, 64, ONE, ONE, (16, 32)),
    ("G3_4 temporal, 1x1x1, joint map", 0, 256, 64, ONE, ONE, (16, 32)),
    ("G3_4 spatial", 0, 64, 64, ONE, DOUBLE, (16, 32)),
    ("G3_2 whole (3D)", 256, 256, 256, DOUBLE, DOUBLE, (8, 8)),
    ("ImaGINator 2 temporal", 518, 512, 3072, DOUBLE, ONE, (2, 4)),
    ("ImaGINator 4 temporal", 134, 128, 768, DOUBLE, ONE, (8, 16)),
    ("ImaGINator 4 spatial", 0, 768, 64, ONE, DOUBLE, (16, 16)),
]


class Joined(nn.Module):
    """The plain layer: maps are repeated and joined, then convolved at all times."""

    def __init__(self, conv: nn.ConvTranspose3d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, *maps: Tensor) -> Tensor:
        frames = maps[-1].shape[2]
        whole = [x if x.shape[2] == frames else x.repeat(1, 1, frames, 1, 1) for x in maps]
        return self.conv(torch.cat(whole, dim=1) if len(whole) > 1 else whole[0])


def layer(c_in: int, c_out: int, temporal: Window, spatial: Window) -> TransposedConv:
    if spatial == ONE:
        return TemporalTransposedConv(c_in, c_out, temporal)
    if temporal == ONE:
        return SpatialTransposedConv(c_in, c_out, spatial)
    return TransposedConv(c_in, c_out, temporal, spatial)


def channels_last(x: Tensor) -> Tensor:
    return x.detach().contiguous(memory_format=torch.channels_last_3d).requires_grad_()


def cases(setting: Setting) -> Iterator[Case]:
    for name, still, moving, c_out, temporal, spatial, (t, h) in LAYERS:
        if setting.tiny:
            still, moving, c_out, t, h = min(still, 5), min(moving, 5), 3, min(t, 2), min(h, 3)
        ours = layer(still + moving, c_out, temporal, spatial).to(setting.device, setting.dtype)
        plain = nn.ConvTranspose3d(still + moving, c_out, ours.kernel_size, ours.stride, ours.padding)
        plain.to(setting.device, setting.dtype).load_state_dict(ours.state_dict())
        maps = [setting.randn(4, c, frames, h, h) for c, frames in ((still, 1), (moving, t)) if c]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            ours(*maps)
        forms = {
            "plain": forward_backward(Joined(plain), *maps),
            "ours": forward_backward(ours, *map(channels_last, maps)),
        }
        size = f"{still}+{moving}" if still else f"{moving}"
        yield Case(name=f"{name}, {size} to {c_out}, {t}x{h}x{h}", forms=forms, flops=3 * counter.get_total_flops())
