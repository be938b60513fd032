"""What the generators of all systems share: noise by name, labels, images, and model folders."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from vg_video.saving import save_model


class VideoGenerator(nn.Module, PyTorchModelHubMixin, ABC):
    """Noise, and where a system has them a label and an image, to clips in [-1, 1], (b, 3, t, h, w).

    `save_pretrained` writes a model folder, `vg_video.models.load_generator` reads those of all systems.

    Attributes:
        system: its name in config.json.
        config: the settings of the net, a frozen dataclass.
    """

    system: ClassVar[str]
    config: Any

    @property
    @abstractmethod
    def frames(self) -> int:
        """Frames of a clip unless another length is asked for."""

    @property
    @abstractmethod
    def resolution(self) -> int:
        """Height and width of a frame in pixels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels that it can be told; empty for a generator that knows none."""
        return getattr(self.config, "classes", ())

    @property
    def takes_image(self) -> bool:
        """Whether it goes on from an image (b, 3, h, w)."""
        return False

    @abstractmethod
    def latents(self, frames: int, draw: torch.Generator) -> dict[str, Tensor]:
        """Draw the noise of one clip.

        Args:
            frames: of the clip.
            draw: source of all that is drawn, on the CPU.
        Returns:
            Tensors without a batch axis, by the names of the arguments that take them.
        Raises:
            ValueError: if no clip can have so many frames; it names the nearest that exist.
        """

    def _save_pretrained(self, save_directory: Path) -> None:
        """What the mixin calls."""
        save_model(save_directory, self, self.system, self.config)
