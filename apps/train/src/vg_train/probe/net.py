"""The net of a probe: reads label, looks and motion from clips."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_train.probe.factors import LABEL, Factor, Targets


class ProbeNet(nn.Module):
    """A convolutional net over space, then one over time: a (2+1)D net, and a linear head for each factor.

    Looks are read from the mean over time of what the first net gives for each frame. What moves is read in each frame
    from what the second makes of it, and the rest of the motion from the mean and the maximum over time of that.

    Args:
        factors: what to read.
        width: channels of the first layer.
    """

    def __init__(self, factors: Sequence[Factor], width: int) -> None:
        super().__init__()
        self.factors = tuple(factors)
        channels = (3, width, 2 * width, 4 * width, 8 * width)  # of 64, 32, 16, 8 and 4 pixels
        layers = [_conv(*pair, kernel) for pair, kernel in zip(pairwise(channels), (5, 3, 3, 3), strict=True)]
        self.space = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        code = 16 * width
        self.code = nn.Linear(16 * channels[-1], code)
        self.time = nn.ModuleList(nn.Conv1d(code, code, 3, padding=gap, dilation=gap) for gap in (1, 2, 4))
        inputs = {factor.name: code if factor.side == "appearance" or factor.moving else 2 * code for factor in factors}
        self.heads = nn.ModuleDict({factor.name: nn.Linear(inputs[factor.name], factor.size) for factor in factors})
        for factor in self._measured():
            self.register_buffer(f"mean of {factor.name}", torch.zeros(factor.size))
            self.register_buffer(f"scale of {factor.name}", torch.ones(()))

    def forward(self, video: Tensor) -> dict[str, Tensor]:
        """Read clips.

        Args:
            video: (b, 3, t, 64, 64) in [-1, 1].
        Returns:
            By the names of factors: logits (b, size) of names, and measures (b, size), (b, t, size) of what moves, from
            which their mean is taken and which are divided by their scale.
        """
        b = len(video)
        frames = video.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        codes = self.code(self.space(frames).flatten(1)).relu().unflatten(0, (b, -1))
        moving = codes.mT
        for layer in self.time:
            moving = moving + layer(moving).relu()
        looks, clips = codes.mean(1), torch.cat([moving.mean(2), moving.amax(2)], dim=1)

        def inputs(factor: Factor) -> Tensor:
            return moving.mT if factor.moving else looks if factor.side == "appearance" else clips

        return {factor.name: self.heads[factor.name](inputs(factor)) for factor in self.factors}

    def measure(self, targets: Targets) -> None:
        """Take mean and scale of what is measured from examples."""
        for factor in self._measured():
            values = targets[factor.name].reshape(-1, factor.size).double()
            self.get_buffer(f"mean of {factor.name}").copy_(values.mean(0))
            self.get_buffer(f"scale of {factor.name}").copy_(values.var(0).sum().sqrt().clamp(min=1e-6))

    def loss(self, video: Tensor, targets: Targets) -> Tensor:
        """How wrong the net is: the mean over all factors of what each leaves open.

        This is the squared error as a multiple of the variance, or the cross entropy as a multiple of that of guessing;
        the label counts three times.
        """
        read, losses = self(video), []
        for factor in self.factors:
            value = targets[factor.name]
            if factor.names:
                loss = F.cross_entropy(read[factor.name], value) / math.log(factor.size)
            else:
                loss = (read[factor.name] - self._scaled(factor, value)).square().sum(-1).mean()
            losses.append(loss * (3 if factor.name == LABEL else 1))
        return torch.stack(losses).mean()

    @torch.inference_mode()
    def predict(self, video: Tensor) -> dict[str, Tensor]:
        """Read clips, (b, 3, t, 64, 64): probabilities of names (b, size), and measures in their own units."""
        read = self.eval()(video)
        return {
            factor.name: read[factor.name].softmax(-1) if factor.names else self._plain(factor, read[factor.name])
            for factor in self.factors
        }

    def _measured(self) -> list[Factor]:
        return [factor for factor in self.factors if not factor.names]

    def _scaled(self, factor: Factor, value: Tensor) -> Tensor:
        return (value - self.get_buffer(f"mean of {factor.name}")) / self.get_buffer(f"scale of {factor.name}")

    def _plain(self, factor: Factor, value: Tensor) -> Tensor:
        return value * self.get_buffer(f"scale of {factor.name}") + self.get_buffer(f"mean of {factor.name}")


def _conv(before: int, after: int, kernel: int) -> nn.Sequential:
    """A convolution that halves the picture."""
    conv = nn.Conv2d(before, after, kernel, 2, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
