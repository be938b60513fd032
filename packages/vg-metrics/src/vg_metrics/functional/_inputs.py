"""What every score asks of its arguments: tensors or arrays of the right shape, all values finite."""

import numpy as np
import torch
from torch import Tensor

ArrayLike = Tensor | np.ndarray


def to_double(value: ArrayLike, name: str, ndim: int) -> Tensor:
    """`value` as a detached float64 tensor with `ndim` axes, or a ValueError that names it."""
    tensor = torch.as_tensor(value).detach().double()
    if tensor.ndim != ndim:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, wanted {ndim} axes")
    if tensor.numel() and not torch.isfinite(torch.stack(tensor.aminmax())).all():  # one pass, no mask of its size
        raise ValueError(f"{name} holds {int((~torch.isfinite(tensor)).sum())} values that are not finite")
    return tensor


def to_features(value: ArrayLike, name: str = "features") -> Tensor:
    """`value` as finite float64 features (n, d) with n and d at least 1."""
    features = to_double(value, name, 2)
    if not features.numel():
        raise ValueError(f"{name} has shape {tuple(features.shape)}, wanted at least one row and one column")
    return features


def to_feature_sets(x: ArrayLike, y: ArrayLike) -> tuple[Tensor, Tensor]:
    """Two sets of features, (n, d) and (m, d), as `to_features` with one width."""
    x, y = to_features(x, "x"), to_features(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"features of width {x.shape[1]} and {y.shape[1]} cannot be compared")
    return x, y


def rows_per_chunk(columns: int) -> int:
    """How many rows of a matrix of pairs are held at once: about 64 MiB of float64."""
    return max(1, 2**23 // columns)
