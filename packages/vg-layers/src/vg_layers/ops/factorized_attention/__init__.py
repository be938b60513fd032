"""Self-attention along time or over each frame, without keeping the attention maps (eq. 4.1 to eq. 4.4)."""

from torch import Tensor

from vg_layers.ops.factorized_attention import reference
from vg_layers.ops.factorized_attention.reference import Along
from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel


def factorized_attention(query: Tensor, key: Tensor, value: Tensor, *, along: Along, impl: Impl = "auto") -> Tensor:
    """Sum the values that each position attends to, weighted by softmax(key . query) (eq. 4.1 to eq. 4.4).

    There is no 1/sqrt(d) in the exponent, and d and c may differ. Derivatives exist to any order. The first compute the
    attention maps anew, a few at a time, so that neither they nor the values keep one; a derivative that is to be
    differentiated again keeps them all.

    Args:
        query: g(x), (b, d, t, h, w).
        key: f(x), of the same shape.
        value: h(x), (b, c, t, h, w).
        along: "time", T-SA: a position attends to its place at all times; "space", S-SA: to all places of its frame.
        impl: "torch", "triton", or "auto", which is "torch": the kernel has not been seen to be faster yet.
    Returns:
        (b, c, t, h, w), in channels_last_3d memory where value is; without gamma and x of eq. 4.2 and eq. 4.4.
    Raises:
        ValueError: if a shape or `along` is not as above.
        RuntimeError: if "triton" is wanted where it cannot run.
    """
    if along not in ("time", "space"):
        raise ValueError(f"along={along!r}, wanted 'time' or 'space'")
    if query.ndim != 5 or key.shape != query.shape or value.shape != (*value.shape[:2], *query.shape[2:]):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (query, key, value))
        raise ValueError(f"query, key and value have shapes {shapes}; wanted twice (b, d, t, h, w) and (b, c, t, h, w)")
    if use_kernel(impl, why_no_kernel(query, key, value), faster=False):
        from vg_layers.ops.factorized_attention import kernel

        return kernel.factorized_attention(query, key, value, along)
    return reference.factorized_attention(query, key, value, along)
