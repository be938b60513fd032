"""The memory bank: a feature vector of each training image (6.3.2)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MemoryBank(nn.Module):
    """The features of all training images, renewed with momentum as they are seen (eq. 6.5).

    The bank is no part of the graph: losses read `vectors`, and `update` is called after the backward pass. Its state
    dict says which data set it belongs to, and is refused by the bank of another.

    Attributes:
        vectors: (n, d), rows of length 1, in the order of the training images.
    """

    vectors: Tensor
    dataset: Tensor

    def __init__(self, vectors: Tensor, momentum: float = 0.2, *, dataset: str = "") -> None:
        """Start from the features of all images.

        Args:
            vectors: (n, d), scaled to length 1 here.
            momentum: alpha of eq. 6.5, the share of the old vector that is kept, in [0, 1).
            dataset: any text that tells this set of images, in their order, from others.
        Raises:
            ValueError: if vectors are no matrix or hold a row that is not finite or 0, or for momentum out of range.
        """
        super().__init__()
        if vectors.ndim != 2:
            raise ValueError(f"vectors have shape {tuple(vectors.shape)}, wanted (n, d)")
        length = vectors.norm(dim=1)
        bad = ~(length.isfinite() & (length > 0))
        if bad.any():
            row = int(bad.nonzero()[0])
            raise ValueError(f"the vector of row {row} has length {length[row]:g}, wanted finite and above 0")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum={momentum:g}, wanted at least 0 and below 1")
        self.momentum = momentum
        self.register_buffer("vectors", F.normalize(vectors.detach(), dim=1))
        digest = hashlib.sha256(dataset.encode()).digest()
        self.register_buffer("dataset", torch.tensor(list(digest), dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_refuse_another_dataset)

    def __len__(self) -> int:
        return len(self.vectors)

    @torch.no_grad()
    def update(self, indices: Tensor, features: Tensor) -> None:
        """Renew the vectors of images just seen: M[i] = alpha M[i] + (1 - alpha) f (eq. 6.5), scaled to length 1.

        An image that occurs twice is renewed twice, in the order of the batch.

        Args:
            indices: (b,) integers, rows of the bank.
            features: f of the original views, (b, d) with rows of length 1.
        Raises:
            ValueError: if shapes do not fit, or a feature is not finite, which would spoil the bank for good.
        """
        if features.shape != (len(indices), self.vectors.shape[1]):
            raise ValueError(
                f"features have shape {tuple(features.shape)}, wanted ({len(indices)}, {self.vectors.shape[1]})"
            )
        features = features.to(self.vectors)
        if not features.isfinite().all():
            raise ValueError("features are not finite: the bank was left as it was")
        for index, feature in zip(indices.tolist(), features, strict=True):
            mixed = self.momentum * self.vectors[index] + (1 - self.momentum) * feature
            self.vectors[index] = F.normalize(mixed, dim=0)


def _refuse_another_dataset(bank: Any, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Compare what a state dict holds with the bank it is loaded into."""
    vectors, dataset = state.get(f"{prefix}vectors"), state.get(f"{prefix}dataset")
    if vectors is not None and vectors.shape != bank.vectors.shape:
        found, wanted = tuple(vectors.shape), tuple(bank.vectors.shape)
        raise ValueError(f"found a memory bank of {found}, wanted {wanted}: it is of another data set or encoder")
    if dataset is not None and not torch.equal(dataset.cpu(), bank.dataset.cpu()):
        raise ValueError("found a memory bank of another data set: its images, or their order, are not these")
