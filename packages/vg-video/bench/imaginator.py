"""ImaGINator's generator beside the form of the released code.

The plain form works in contiguous memory with 3-D operators, repeats the encoder's maps and the label over all times,
and joins them before each convolution. All forms have the same weights. The limit counts the arithmetic that is left
when repeated maps are convolved once.
"""

from collections.abc import Iterator, Sequence

import torch
from harness import Case, Setting, forward
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from vg_layers.fold import fold_for_inference
from vg_video.imaginator import official

CLASSES = 6
MID = (4096, 3072, 1536, 768, 36)
WIDTHS = (512, 256, 128, 64)


def normed(conv: nn.Conv2d | nn.ConvTranspose3d) -> list[nn.Module]:
    norm = nn.BatchNorm2d if isinstance(conv, nn.Conv2d) else nn.BatchNorm3d
    return [conv, norm(conv.out_channels), nn.LeakyReLU(0.2, inplace=True)]


class PlainBlock(nn.Module):
    """A transposed (1+2)D convolution."""

    def __init__(self, c_in: int, mid: int, c_out: int, *, first: bool = False, last: bool = False) -> None:
        super().__init__()
        time, space = ((2, 1, 0), (4, 1, 0)) if first else ((4, 2, 1), (4, 2, 1))
        temporal = nn.ConvTranspose3d(c_in, mid, (time[0], 1, 1), (time[1], 1, 1), (time[2], 0, 0))
        spatial = nn.ConvTranspose3d(
            mid, c_out, (1, space[0], space[0]), (1, space[1], space[1]), (0, space[2], space[2])
        )
        self.conv = nn.Sequential(*normed(temporal), *([spatial, nn.Tanh()] if last else normed(spatial)))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class PlainGenerator(nn.Module):
    """The generator with the names of the released code; labels come as one-hot vectors."""

    def __init__(self, widths: Sequence[int], mid: Sequence[int]) -> None:
        super().__init__()
        encoder = (3, *reversed(widths))
        self.enc = nn.Module()
        for level in range(4):
            conv = nn.Conv2d(encoder[level], encoder[level + 1], 4, 2, 1)
            self.enc.add_module(f"b{level + 1}", nn.Sequential(*normed(conv)))
        self.enc.b5 = nn.Sequential(nn.Conv2d(encoder[4], 100, 4))
        self.dec = nn.Module()
        before = 512 + CLASSES + 100
        for level, (width, middle) in enumerate(zip(widths, mid, strict=False)):
            self.dec.add_module(f"block{level + 1}", PlainBlock(before, middle, width, first=level == 0))
            before = width + encoder[4 - level] + CLASSES
        self.dec.to_rgb = PlainBlock(before, mid[4], 3, last=True)

    def forward(self, image: Tensor, noise: Tensor, label: Tensor) -> Tensor:
        maps = [image]
        for level in range(1, 6):
            maps.append(self.enc.get_submodule(f"b{level}")(maps[-1]))
        x = torch.cat([noise, label, maps[5].flatten(1)], dim=1)[:, :, None, None, None]
        for level in range(1, 5):
            x = self.dec.get_submodule(f"block{level}")(x)
            skip = maps[5 - level].unsqueeze(2).repeat(1, 1, x.shape[2], 1, 1)
            x = torch.cat([x, skip, label[:, :, None, None, None].repeat(1, 1, *x.shape[2:])], dim=1)
        return self.dec.to_rgb(x)


def cases(setting: Setting) -> Iterator[Case]:
    plain = PlainGenerator(*(((8,) * 4, (8,) * 5) if setting.tiny else (WIDTHS, MID))).to(setting.device)
    image = setting.randn(4, 3, 64, 64, requires_grad=False)
    noise = setting.randn(4, 512, requires_grad=False)
    label = torch.arange(4, device=setting.device)
    one_hot = torch.eye(CLASSES, device=setting.device)[label]
    with torch.no_grad():
        plain(image, noise, one_hot)  # gives the norms statistics
    plain.eval()
    ours = official.load(plain.state_dict(), "generator").to(setting.device)
    folded = fold_for_inference(ours)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        folded(image, noise, label)
    forms = {
        "official": forward(plain, image, noise, one_hot),
        "ours": forward(ours, image, noise, label),
        "ours folded": forward(folded, image, noise, label),
    }
    yield Case(name="whole, 32 frames, eval", forms=forms, flops=counter.get_total_flops())
