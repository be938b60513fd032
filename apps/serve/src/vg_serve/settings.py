"""What the server loads, and how much one request may ask of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that one request may ask for; more is refused with the limit in the message."""

    max_clips: int = 16
    """Clips of one POST /videos."""
    max_frames: int = 64
    """Frames of one clip."""
    max_results: int = 100
    """Gallery images of one POST /persons/search."""
    max_upload_bytes: int = 10 * 2**20
    """Size of a request's body; reading stops there."""
    max_pixels: int = 40_000_000
    """Pixels of an uploaded photo; it is refused before it is decoded."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name}={value}, wanted at least 1")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The models of one server; an endpoint whose model is not given answers 503 and names the flag."""

    video: Annotated[Path | None, tyro.conf.arg(metavar="MODEL")] = None
    """Model folder of a video generator (config.json + model.safetensors); opens POST /videos."""
    reid: Annotated[Path | None, tyro.conf.arg(metavar="MODEL")] = None
    """Model folder of a person encoder; with --gallery it opens POST /persons/search."""
    gallery: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Gallery file, as `python -m vg_reid index` writes it."""
    limits: Limits = Limits()
