"""Nets and optimizers as a flat mapping of tensors, and back."""

from vg_layers.storage import differences, from_tensors, to_tensors

__all__ = ["differences", "from_tensors", "to_tensors"]
