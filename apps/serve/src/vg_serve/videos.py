"""POST /videos: clips of a generator as one file."""

import asyncio
import math
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, HTTPException, Response
from fastapi.concurrency import run_in_threadpool
from torch import Tensor
from vg_video.data.codec import encode_video
from vg_video.generator import VideoGenerator
from vg_video.sampling import sample

from vg_serve.schema import VideoModel, VideoRequest
from vg_serve.settings import Limits

MEDIA_TYPES = {"mp4": "video/mp4", "gif": "image/gif"}
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {} for media_type in MEDIA_TYPES.values()}}}
NO_MODEL = "this server has no video model: start vg-serve with --video MODEL"


def router(generator: VideoGenerator | None, limits: Limits) -> APIRouter:
    """The route over `generator`, one request computed at a time; without a generator it answers 503."""
    routes = APIRouter()
    turn = asyncio.Lock()

    @routes.post("/videos", response_class=Response, responses=FILES)
    async def generate(request: VideoRequest) -> Response:
        """Generate clips; several are laid out as a grid, row by row, in one video."""
        if generator is None:
            raise HTTPException(503, NO_MODEL)
        _check(request, limits)
        async with turn:
            data = await run_in_threadpool(render, generator, request)
        name = f"clips-seed{request.seed}.{request.format}"
        return Response(data, 200, {"Content-Disposition": f'inline; filename="{name}"'}, MEDIA_TYPES[request.format])

    return routes


def describe(generator: VideoGenerator, folder: Path) -> VideoModel:
    """What GET /health says of the generator in `folder`."""
    return VideoModel(
        name=folder.resolve().name, system=generator.system, labels=generator.classes, frames=generator.frames
    )


def render(generator: VideoGenerator, request: VideoRequest) -> bytes:
    """The bytes of an mp4 or gif file with the clips of `request`.

    Raises:
        HTTPException: 422 if the generator has no such label or cannot make so many frames.
    """
    try:
        clips = sample(generator, request.count, seed=request.seed, label=request.label, frames=request.frames)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return encode_video(grid(clips), f".{request.format}")


def grid(clips: Tensor, gap: int = 2) -> np.ndarray:
    """Lay clips out side by side, as square as it gets, row by row; gaps and cells left over are black.

    Args:
        clips: (n, 3, t, h, w) in [-1, 1].
        gap: pixels between neighbors.
    Returns:
        uint8 (t, rows * (h + gap) - gap, columns * (w + gap) - gap, 3).
    """
    n, _, t, h, w = clips.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    frames = ((clips.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 4, 1).cpu().numpy()
    sheet = np.zeros((t, rows * (h + gap) - gap, columns * (w + gap) - gap, 3), np.uint8)
    for i, clip in enumerate(frames):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[:, top : top + h, left : left + w] = clip
    return sheet


def _check(request: VideoRequest, limits: Limits) -> None:
    """422 for more clips or frames than this server makes at once."""
    for name, value, most in (
        ("count", request.count, limits.max_clips),
        ("frames", request.frames, limits.max_frames),
    ):
        if value is not None and value > most:
            raise HTTPException(422, f"{name}: {value} is more than this server's limit of {most}")
