"""The specification of `temporal_deconv`, in plain PyTorch."""

from torch import Tensor
from torch.nn import functional as F

from vg_layers.deconv2d import deconv2d


def temporal_deconv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, slope: float) -> Tensor:
    """Map (b, c_in, t, h, w) to leaky_relu(transposed convolution along time + bias), (b, c_out, t', h, w).

    It is a 2-D convolution of the view (b, c_in, t, h * w), for which there are faster programs than for 3-D ones.
    """
    frames = x.movedim(1, -1).contiguous().flatten(2, 3).movedim(-1, 1)
    y = deconv2d(frames, weight[..., None], bias, (stride, 1), (padding, 0))
    y = y.movedim(1, -1).unflatten(2, x.shape[3:]).movedim(-1, 1)
    return y if slope == 1 else F.leaky_relu(y, slope, inplace=not y.requires_grad)
