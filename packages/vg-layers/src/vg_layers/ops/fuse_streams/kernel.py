"""`fuse_streams` as one Triton kernel: each map is read once and nothing but the result is written."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS, CHANNELS = 32, 64  # the tile of one program


@torch.library.custom_op("vg_layers::fuse_streams", mutates_args=())
def fuse_streams(video: Tensor, appearance: Tensor, motion: Tensor) -> Tensor:
    """Join along channels: [appearance over all times, video + motion at all places], in channels_last_3d memory."""
    joint = _empty(video, appearance)
    if joint.numel():
        video, appearance, motion = (x.movedim(1, -1).contiguous() for x in (video, appearance, motion))
        launch(video, appearance, motion, joint.movedim(1, -1))
    return joint


@fuse_streams.register_fake
def _(video: Tensor, appearance: Tensor, motion: Tensor) -> Tensor:
    return _empty(video, appearance)


def launch(video: Tensor, appearance: Tensor, motion: Tensor, joint: Tensor) -> None:
    """Fill `joint`; all are contiguous (b, t, h, w, c)."""
    b, t, h, w, channels = joint.shape
    rows = b * t * h * w
    grid = (triton.cdiv(rows, ROWS), triton.cdiv(channels, CHANNELS))
    _kernel[grid](video, appearance, motion, joint, rows, t, h * w, channels, appearance.shape[-1], ROWS, CHANNELS)


def _empty(video: Tensor, appearance: Tensor) -> Tensor:
    b, c, *size = video.shape
    return video.new_empty((b, *size, appearance.shape[1] + c)).movedim(-1, 1)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.still = inputs[1].shape[1]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    still, moving = grad[:, : ctx.still], grad[:, ctx.still :]
    return moving, still.sum(2, keepdim=True), moving.sum((3, 4), keepdim=True)


fuse_streams.register_autograd(_backward, setup_context=_save)


@triton.jit
def _kernel(
    video, appearance, motion, joint, rows, times, places, channels, still, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):
    """One tile of rows (sample, time, place) and channels."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[None, :]
    inside = (row < rows) & (channel < channels)
    frame = row // places  # among those of all samples
    first = inside & (channel < still)
    second = inside & (channel >= still)
    s = tl.load(appearance + (frame // times * places + row % places) * still + channel, mask=first, other=0.0)
    v = tl.load(video + row * (channels - still) + channel - still, mask=second, other=0.0)
    m = tl.load(motion + frame * (channels - still) + channel - still, mask=second, other=0.0)
    tl.store(joint + row * channels + channel, s + v + m, mask=inside)
