"""F-SA, forward and backward, beside the form that materializes every attention map, as the released code does."""

from collections.abc import Iterator
from functools import partial

import torch
from harness import Case, Setting, forward, forward_backward
from torch import Tensor, nn
from vg_layers import FactorizedAttention
from vg_layers.ops.factorized_attention import Along, factorized_attention

# Channels, t, h, w of the features after G3_1, G3_2 and G3_3 of G3AN; table 4.5 prefers the last.
SIZES = [(1024, 8, 8, 8), (512, 16, 16, 16), (256, 16, 32, 32)]


class PlainAttention(nn.Module):
    """One half of F-SA over copies of the maps, all attention maps of the batch at once (eq. 4.1 to eq. 4.4)."""

    def __init__(self, channels: int, along: Along) -> None:
        super().__init__()
        self.along = along
        self.key = nn.Conv3d(channels, channels // 8, 1)
        self.query = nn.Conv3d(channels, channels // 8, 1)
        self.value = nn.Conv3d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * attend(self.query(x), self.key(x), self.value(x), self.along)


def attend(query: Tensor, key: Tensor, value: Tensor, along: Along) -> Tensor:
    """softmax(key . query) times value, with whole maps."""
    b, c, t, h, w = value.shape
    if along == "time":
        query, key, value = (x.permute(0, 3, 4, 1, 2).reshape(b * h * w, -1, t) for x in (query, key, value))
    else:
        query, key, value = (x.permute(0, 2, 1, 3, 4).reshape(b * t, -1, h * w) for x in (query, key, value))
    y = torch.bmm(value, torch.softmax(torch.bmm(query.mT, key), dim=-1).mT)
    if along == "time":
        return y.view(b, h, w, c, t).permute(0, 3, 4, 1, 2)
    return y.view(b, t, c, h, w).transpose(1, 2)


def module_pair(channels: int, setting: Setting) -> tuple[nn.Module, nn.Module]:
    """The plain and our F-SA with the same weights, gamma not at 0."""
    ours = FactorizedAttention(channels)
    plain = nn.Sequential()
    for half in (ours.tsa, ours.ssa):
        nn.init.constant_(half.gamma, 0.5)
        plain.append(PlainAttention(channels, half.along))
        plain[-1].load_state_dict(half.state_dict())
    return plain.to(setting.device, setting.dtype), ours.to(setting.device, setting.dtype)


def arithmetic(channels: int, positions: int, length: int, *, backward: bool) -> float:
    """Operations of one half of F-SA for sequences of a length: projections, scores, sums of values.

    The backward pass needs each product twice over. Computing the scores anew is not counted: it is our own expense.
    """
    inner = channels // 8
    once = 2 * positions * (channels * (channels + 2 * inner) + length * (inner + channels))
    return once * (3 if backward else 1)


def cases(setting: Setting) -> Iterator[Case]:
    sizes = [(8, 3, 4, 5)] if setting.tiny else SIZES
    for channels, t, h, w in sizes:
        plain, ours = module_pair(channels, setting)
        x = setting.randn(4, channels, t, h, w)
        forms = {"plain": (plain, x), "ours": (ours, _last(x))}
        for kind, make in (("forward", forward), ("both", forward_backward)):
            yield Case(
                name=f"F-SA {channels}x{t}x{h}x{w}, {kind}",
                forms={name: make(module, features) for name, (module, features) in forms.items()},
                flops=sum(
                    arithmetic(channels, x[:, 0].numel(), length, backward=make is forward_backward)
                    for length in (t, h * w)
                ),
            )
    if setting.device.type == "cuda":
        yield from kernel_cases(setting, sizes[-1])


def kernel_cases(setting: Setting, size: tuple[int, int, int, int]) -> Iterator[Case]:
    """The attention alone: whole maps, the reference, torch.compile of whole maps, and the Triton kernel."""
    channels, *rest = size
    for along in ("time", "space"):
        query, key = (_last(setting.randn(4, channels // 8, *rest)) for _ in range(2))
        value = _last(setting.randn(4, channels, *rest))

        whole, ours = partial(attend, along=along), partial(factorized_attention, along=along)
        functions = {
            "plain": whole,
            "compiled": torch.compile(whole),
            "torch": partial(ours, impl="torch"),
            "triton": partial(ours, impl="triton"),
        }
        moved = (query.numel() + key.numel() + 2 * value.numel()) * value.element_size()
        for kind, make in (("forward", forward), ("both", forward_backward)):
            forms = {name: make(function, query, key, value) for name, function in functions.items()}
            yield Case(name=f"attention along {along}, {kind}", forms=forms, moved=moved if kind == "forward" else 0)


def _last(x: Tensor) -> Tensor:
    return x.detach().contiguous(memory_format=torch.channels_last_3d).requires_grad_()
