"""What every feature network is: weights, preprocessing and a label; samples are prepared while the network runs."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

RANDOM_LABEL = "random features, comparable only within this run"
UNVERIFIED = "layout from documentation, unverified"  # of files that could not be tried here

Module = TypeVar("Module", bound=nn.Module)
Item = TypeVar("Item")


class FeatureNetwork:
    """A network with its preprocessing; called on samples (clips or images) it gives one feature vector each.

    Args:
        module: the network, put into eval mode on the device.
        run: what of it gives the features (b, width) of prepared samples: the module itself or a method of it.
        prepare: samples (b, ..) to the input of the network (b, ..).
        name: network and layer, such as "resnext3d-101/pool".
        label: how to print a score that was made with it.
        checksum: sha256 of the weights: of the file, or of the values.
        width: length of a feature vector.
        preprocessing: what `prepare` does, in words, for protocols.
        device: where the network runs.

    All but the second and third are attributes.
    """

    def __init__(
        self,
        module: nn.Module,
        run: Callable[[Tensor], Tensor],
        prepare: Callable[[Tensor], Tensor],
        *,
        name: str,
        label: str,
        checksum: str,
        width: int,
        preprocessing: str,
        device: torch.device | str = "cpu",
    ) -> None:
        self.module = module.to(device).eval()
        self.name = name
        self.label = label
        self.checksum = checksum
        self.width = width
        self.preprocessing = preprocessing
        self.device = torch.device(device)
        self._run, self._prepare = run, prepare

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Tensor:
        """Features (b, width), float32 on the CPU, of samples (b, ..): bytes, or floats in [-1, 1].

        Raises:
            ValueError: if the preprocessing cannot use the samples, or the network gives another shape.
        """
        return self._features(self._prepare(samples))

    @torch.no_grad()
    def extract(
        self, samples: Iterable[Tensor], *, batch_size: int = 8, name: Callable[[int], str] = "sample {}".format
    ) -> Tensor:
        """Features (n, width) of single samples, which may differ in size and length, in their order.

        The samples are read and prepared in a background thread, at most two batches ahead of the network.

        Args:
            samples: without a batch axis, such as clips (3, t, h, w).
            batch_size: samples that the network sees at a time.
            name: of a sample for messages by its index, such as `Clips.name`.
        Raises:
            ValueError: if there is no sample, or one cannot be used; what reading them raises passes unchanged.
        """
        with closing(ahead(self._batches(samples, batch_size, name))) as batches:
            rows = [self._features(batch) for batch in batches]
        if not rows:
            raise ValueError("there are no clips or images, wanted at least one")
        return torch.cat(rows)

    def _batches(self, samples: Iterable[Tensor], size: int, name: Callable[[int], str]) -> Iterator[Tensor]:
        """Prepared samples in batches, cut short where the shape changes."""
        batch: list[Tensor] = []
        for index, sample in enumerate(samples):
            try:
                prepared = self._prepare(sample[None])
            except ValueError as error:
                raise ValueError(f"{name(index)}: {error}") from error
            if batch and prepared.shape != batch[0].shape:
                yield torch.cat(batch)
                batch = []
            batch.append(prepared)
            if len(batch) == size:
                yield torch.cat(batch)
                batch = []
        if batch:
            yield torch.cat(batch)

    def _features(self, prepared: Tensor) -> Tensor:
        features = self._run(prepared.to(self.device))
        if features.shape != (len(prepared), self.width):
            shape = tuple(features.shape)
            raise ValueError(f"{self.name} gives features of shape {shape}, wanted {(len(prepared), self.width)}")
        return features.float().cpu()


def ahead(items: Iterator[Item], depth: int = 2) -> Generator[Item, None, None]:
    """The items in their order, made in one background thread, at most `depth` of them before they are asked for.

    An error of the iterator is raised where its item would have come. No gradients are recorded in the thread.
    """
    end = object()

    @torch.no_grad()
    def make() -> Item | object:
        return next(items, end)

    pool = ThreadPoolExecutor(1, thread_name_prefix="prepare")
    try:
        pending: deque[Future] = deque(pool.submit(make) for _ in range(depth))
        while (item := pending.popleft().result()) is not end:
            pending.append(pool.submit(make))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)


def open_network(
    weights: str | Path, load: Callable[[Path], Module], draw: Callable[[], Module], label: str
) -> tuple[Module, str, str]:
    """A network, how to label it, and its checksum: from a file, or drawn if weights is "random"."""
    if weights == "random":
        module = draw()
        return module, RANDOM_LABEL, weights_digest(module)
    path = Path(weights)
    return load(path), f"{label}, {path.name}", file_digest(path)


def file_digest(path: Path) -> str:
    """Sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_digest(module: nn.Module) -> str:
    """Sha256 of a module's parameters and buffers, in their order."""
    digest = hashlib.sha256()
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
