"""Parts of whole training steps in the form of the released code, and how a step is timed again and again."""

from collections.abc import Callable

import torch
from harness import Form
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

NO_RATE = 1e-30  # of the optimizers: they work, but the weights stay


def judging(conv: nn.Conv2d | nn.Conv3d) -> list[nn.Module]:
    return [spectral_norm(conv), nn.LeakyReLU(0.2, inplace=True)]


class PlainImageDiscriminator(nn.Module):
    """D_I of ImaGINator and G3AN, with the names of the released code."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w = width
        self.net = nn.Sequential(
            *judging(nn.Conv2d(3, w, 4, 2, 1)),
            *judging(nn.Conv2d(w, 2 * w, 4, 2, 1)),
            *judging(nn.Conv2d(2 * w, 4 * w, 4, 2, 1)),
            *judging(nn.Conv2d(4 * w, 8 * w, 4, 2, 1)),
            spectral_norm(nn.Conv2d(8 * w, 1, 4)),
        )

    def forward(self, frames: Tensor) -> Tensor:
        return self.net(frames).flatten()


def verdict(logits: Tensor, real: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))


def repeated(step: Callable[[], object], nets: dict[str, nn.Module], result: Callable[[], Tensor]) -> Form:
    """A training step from the same statistics and singular vectors at each call; it leaves no gradients."""
    kept = [(buffer, buffer.clone()) for net in nets.values() for buffer in net.buffers()]

    def form() -> Tensor:
        for buffer, value in kept:
            buffer.copy_(value)
        step()
        found = result()
        for net in nets.values():
            net.zero_grad()
        return found

    return form
