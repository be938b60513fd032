"""From photos to unit vectors: decoding in threads, batches through E_id."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from vg_reid.data.transforms import read_image, to_tensor
from vg_reid.encoder import Encoder

WEIGHTS = {
    "random": "random weights",
    "imagenet": "ImageNet backbone under a random embedding layer",
    "trained": "trained weights",
}


class Embedded(NamedTuple):
    """What `Embedder.embed_images` made of a list of images."""

    vectors: Tensor
    """(n, d), one row for each readable image, in their order."""
    kept: list[int]
    """Positions of the readable images in the list, one for each row."""
    skipped: list[str]
    """One line for each unreadable image, naming it."""


class Embedder:
    """Turn photos of persons into L2-normalized vectors with E_id (6.4.2); their inner product is the similarity.

    Args:
        encoder: E_id; put into eval mode and moved to `device`.
        device: where E_id runs.
        batch_size: images per pass.
        workers: threads that decode.

    Raises:
        ValueError: for a device that PyTorch does not have, or numbers below 1.
    """

    def __init__(
        self, encoder: Encoder, *, device: str | torch.device = "cpu", batch_size: int = 64, workers: int = 4
    ) -> None:
        if batch_size < 1 or workers < 1:
            raise ValueError(f"batch_size={batch_size} and workers={workers}, wanted at least 1 of each")
        try:
            self.encoder = encoder.to(device).eval()
        except (RuntimeError, AssertionError) as error:  # PyTorch's own, which differ by device
            raise ValueError(f"device {str(device)!r} cannot be used: {error}") from None
        self.device = torch.device(device)
        self.batch_size = batch_size
        self.workers = workers

    @classmethod
    def from_folder(cls, folder: str | Path, *, device: str | torch.device = "cpu", batch_size: int = 64) -> "Embedder":
        """Load a model folder (config.json, model.safetensors).

        Raises:
            FileNotFoundError: if the folder or one of its files is missing.
            ValueError: if the model is damaged or of another system.
        """
        return cls(Encoder.from_pretrained(Path(folder)), device=device, batch_size=batch_size)

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return self.encoder.config.embedding_dim

    @cached_property
    def name(self) -> str:
        """Backbone, origin of the weights and their digest; equal names mean comparable vectors."""
        digest = hashlib.sha256()
        for key, value in sorted(self.encoder.state_dict().items()):
            digest.update(key.encode())
            digest.update(value.cpu().numpy().tobytes())
        config = self.encoder.config
        return f"{config.backbone}, {WEIGHTS[config.weights]} ({digest.hexdigest()[:12]})"

    def embed(self, images: Sequence[Path | Image.Image], *, progress: Callable[[int], object] | None = None) -> Tensor:
        """Embed images; all must be readable.

        Args:
            images: paths or PIL images, of any size.
            progress: called after each batch with the number of images in it.
        Returns:
            (n, d) float32 on the CPU, each row of length 1.
        Raises:
            FileNotFoundError: if a file does not exist.
            ValueError: if an image is damaged or too large; the message names the file.
        """
        return self.embed_images(images, progress=progress).vectors

    def embed_images(
        self,
        images: Sequence[Path | Image.Image],
        *,
        skip_corrupt: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> Embedded:
        """Embed images and, on request, leave out the unreadable ones and tell of them.

        Args:
            images: paths or PIL images, of any size.
            skip_corrupt: whether damaged and too large images are skipped instead of an error.
            progress: called after each batch with the number of images in it.
        Raises:
            FileNotFoundError: if a file does not exist.
            ValueError: if an image is damaged or too large and none are to be skipped; the message names the file.
        """
        kept: list[int] = []
        skipped: list[str] = []

        def readable() -> Iterator[Tensor]:
            for position, decoded in enumerate(self._decode(images)):
                try:
                    pixels = decoded.result()
                except ValueError as error:
                    if not skip_corrupt:
                        raise
                    skipped.append(str(error))
                    continue
                kept.append(position)
                yield pixels

        vectors = self._run(readable(), progress)
        return Embedded(vectors, kept, skipped)

    def _decode(self, images: Sequence[Path | Image.Image]) -> Iterator[Future[Tensor]]:
        """Decode ahead of the encoder by up to two batches."""
        with ThreadPoolExecutor(self.workers) as pool:
            ahead: deque[Future[Tensor]] = deque()
            for image in images:
                ahead.append(pool.submit(self._pixels, image))
                if len(ahead) > 2 * self.batch_size:
                    yield ahead.popleft()
            yield from ahead

    def _pixels(self, image: Path | Image.Image) -> Tensor:
        config = self.encoder.config
        opened = image if isinstance(image, Image.Image) else read_image(Path(image))
        return to_tensor(opened, config.height, config.width)

    def _run(self, pixels: Iterator[Tensor], progress: Callable[[int], object] | None) -> Tensor:
        rows = [torch.empty(0, self.dim)]
        batch: list[Tensor] = []
        for item in pixels:
            batch.append(item)
            if len(batch) == self.batch_size:
                rows.append(self._encode(batch, progress))
                batch = []
        if batch:
            rows.append(self._encode(batch, progress))
        return torch.cat(rows)

    @torch.inference_mode()
    def _encode(self, batch: list[Tensor], progress: Callable[[int], object] | None) -> Tensor:
        unit = self.encoder(torch.stack(batch).to(self.device)).unit.float().cpu()
        if progress is not None:
            progress(len(batch))
        return unit
