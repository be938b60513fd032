"""Fusion of the three streams of a G3 module, reading and writing each map once (4.3.1)."""

from torch import Tensor

from vg_layers.ops.fuse_streams import reference
from vg_layers.ops.fuse_streams.reference import add_motion
from vg_layers.ops.impl import Impl, use_kernel, why_no_kernel

__all__ = ["add_motion", "fuse_streams"]


def fuse_streams(video: Tensor, appearance: Tensor, motion: Tensor, *, impl: Impl = "auto") -> Tensor:
    """Join the streams of one G3 module: [appearance over all times, video + motion at all places] (4.3.1, figure 4.4).

    The gradients of appearance and motion are sums over the axes along which they are repeated. A convolution that
    follows directly need not see the joint map: the layers of `vg_layers.conv` take the parts, and convolve the
    appearance once instead of at all times.

    Args:
        video: F_V', features of the video stream, (b, c, t, h, w).
        appearance: F_S, features of the spatial stream, (b, c_s, 1, h, w).
        motion: F_T, features of the temporal stream, (b, c, t, 1, 1).
        impl: "torch", "triton", or "auto", which is "torch": the kernel has not been seen to be faster yet.
    Returns:
        F_V, (b, c_s + c, t, h, w) in channels_last_3d memory, the appearance channels first.
    Raises:
        ValueError: if a shape is not as above.
        RuntimeError: if "triton" is wanted where it cannot run.
    """
    b, c, t, h, w = video.shape
    c_s = appearance.shape[1]
    for name, stream, wanted in (("motion", motion, (b, c, t, 1, 1)), ("appearance", appearance, (b, c_s, 1, h, w))):
        if stream.shape != wanted:
            raise ValueError(f"{name} has shape {tuple(stream.shape)}; wanted {wanted} to join {tuple(video.shape)}")
    if use_kernel(impl, why_no_kernel(video, appearance, motion), faster=False):
        from vg_layers.ops.fuse_streams import kernel

        return kernel.fuse_streams(video, appearance, motion)
    return reference.fuse_streams(video, appearance, motion)
