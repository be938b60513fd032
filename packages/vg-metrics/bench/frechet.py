"""Frechet distance of 2048-d features beside the usual ways: scipy's matrix square root, and torchmetrics.

The first case takes the distance of moments that are there already, the second goes from features to the distance, the
third has fewer samples than dimensions, the last streams features drawn on the fly: its memory does not grow with their
number, see the slow test of `tests/test_streamed_memory.py`. Memory is PyTorch's alone, not NumPy's.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from harness import Case, Form, Setting
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from vg_metrics.distances import FrechetDistance
from vg_metrics.functional.frechet import Moments, frechet_distance_from_features

BATCH = 500  # features streamed at once


class Given(nn.Module):
    """The feature network of torchmetrics' metric where features are given already."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


def their_metric(real: Tensor, fake: Tensor) -> FrechetInceptionDistance:
    metric = FrechetInceptionDistance(Given(real.shape[1]), compute_with_cache=False)
    for features, is_real in ((real, True), (fake, False)):
        for batch in features.split(BATCH):
            metric.update(batch, real=is_real)
    return metric


def our_metric(real: Tensor, fake: Tensor) -> FrechetDistance:
    metric = FrechetDistance(real.shape[1])
    metric.compute_with_cache = False
    for side, features in (("real", real), ("fake", fake)):
        for batch in features.split(BATCH):
            metric.update(batch, side)
    return metric


def usual_distance(mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray) -> Tensor:
    root = sqrtm(cov1 @ cov2).real
    return torch.tensor(((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2 - 2 * root))


def usual_moments(features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    x = features.double().numpy()
    return x.mean(0), np.cov(x, rowvar=False)


def quietly(form: Form) -> Form:
    """Without the warning of too few samples."""

    def quiet() -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return form()

    return quiet


def correlated(setting: Setting, count: int, width: int) -> Tensor:
    """Float32 features whose variances fall from 1 to 1 / width."""
    spread = torch.arange(1, width + 1) ** -0.5
    basis = torch.linalg.qr(setting.randn(width, width, requires_grad=False)).Q
    return setting.randn(count, width, requires_grad=False) * spread @ basis


def drawn(count: int, width: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(0, count, BATCH):
        yield torch.randn(BATCH, width, generator=generator)


def streamed(count: int, width: int) -> Tensor:
    metric = FrechetDistance(width)
    for batch in drawn(count, width):
        metric.update(batch, "real")
    return metric.real[:-1, :-1]


def kept(count: int, width: int) -> Tensor:
    return Moments.of(torch.cat(list(drawn(count, width)))).scatter


def cases(setting: Setting) -> Iterator[Case]:
    width, count, few = (32, 200, 20) if setting.tiny else (2048, 10_000, 1000)
    real, fake = correlated(setting, count, width), correlated(setting, count, width) + 0.01
    moments = *usual_moments(real), *usual_moments(fake)
    theirs, ours = their_metric(real, fake), our_metric(real, fake)
    forms: dict[str, Callable[[], Tensor]] = {
        "scipy sqrtm": lambda: usual_distance(*moments),
        "torchmetrics": theirs.compute,
        "ours": ours.compute,
    }
    yield Case(name=f"distance of moments, {width}-d", forms=forms)

    forms = {
        "torchmetrics": lambda: their_metric(real, fake).compute(),
        "ours": lambda: frechet_distance_from_features(real, fake),
        "ours streamed": lambda: our_metric(real, fake).compute(),
    }
    yield Case(name=f"{count} features of {width}-d to distance", forms=forms)

    real, fake = real[:few], fake[:few]
    forms = {
        "scipy sqrtm": lambda: usual_distance(*usual_moments(real), *usual_moments(fake)),
        "torchmetrics": lambda: their_metric(real, fake).compute(),
        "ours": lambda: frechet_distance_from_features(real, fake),
        "ours streamed": lambda: our_metric(real, fake).compute(),
    }
    yield Case(name=f"{few} features of {width}-d to distance", forms={k: quietly(form) for k, form in forms.items()})

    forms = {"kept": lambda: kept(count, width), "streamed": lambda: streamed(count, width)}
    yield Case(name=f"moments of {count} features, {width}-d", forms=forms)
