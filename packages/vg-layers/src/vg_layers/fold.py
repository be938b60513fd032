"""Norms folded into convolutions, for inference."""

import copy
from itertools import pairwise
from typing import TypeVar, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights

M = TypeVar("M", bound=nn.Module)


def fold_for_inference(module: M) -> M:
    """Copy a module for inference: the same function as in eval mode, with less to compute.

    Weights are divided by their spectral norms once and for all, as any other parametrization is evaluated. Batch norms
    that stand directly behind a convolution in an `nn.Sequential` become part of its weight and bias.

    Args:
        module: any module, such as a generator; it stays as it is.
    Returns:
        A module of the same classes in eval mode, whose parameters need no gradient. Its state dict is another one:
        save the original.
    """
    folded = copy.deepcopy(module).eval().requires_grad_(False)
    for part in folded.modules():
        if parametrize.is_parametrized(part):
            _evaluate(part)
    for part in folded.modules():
        if isinstance(part, nn.Sequential):
            _fold_norms(part)
    return folded


def _evaluate(module: nn.Module) -> None:
    """Put the present values of parametrized tensors in their place.

    `parametrize.remove_parametrizations` would take the property off the class, which a copy shares with its original.
    """
    values = {name: getattr(module, name) for name in cast(nn.ModuleDict, module.parametrizations)}
    module.__class__ = type(module).__bases__[0]
    del module.parametrizations
    for name, value in values.items():
        _set(module, name, value)


def _fold_norms(sequence: nn.Sequential) -> None:
    for (_, conv), (name, norm) in pairwise(list(sequence.named_children())):
        if not isinstance(conv, _ConvNd) or not isinstance(norm, _BatchNorm):
            continue
        mean, var, transposed = norm.running_mean, norm.running_var, isinstance(conv, _ConvTransposeNd)
        if mean is not None and var is not None:
            folded = fuse_conv_bn_weights(
                conv.weight, conv.bias, mean, var, norm.eps, norm.weight, norm.bias, transpose=transposed
            )
            for tensor, value in zip(("weight", "bias"), folded, strict=True):
                _set(conv, tensor, value)
            sequence.set_submodule(name, nn.Identity())


def _set(module: nn.Module, name: str, value: Tensor) -> None:
    module.register_parameter(name, nn.Parameter(value.detach(), requires_grad=False))
