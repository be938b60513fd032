"""Inception score of class predictions (eq. 2.3 to 2.5)."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from vg_metrics.functional._inputs import ArrayLike, to_features

TOLERANCE = 1e-3  # of a sum of probabilities, which may come in half precision


def inception_score(
    predictions: ArrayLike, *, splits: int = 1, probabilities: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Inception score exp(E_x KL(p(y|x) || p(y))) of eq. 2.5, with the marginal p(y) of eq. 2.4.

    The mean divergence is the entropy of the marginal minus the mean entropy of the predictions, and p log p is 0 where
    p is 0: no small number is added inside a logarithm, as public implementations do.

    Args:
        predictions: logits, or probabilities, (n, classes).
        splits: parts of (nearly) equal size, consecutive as given; each has a marginal and a score of its own. 1 for
            UCF101 (5.3.6); 10 is usual for images.
        probabilities: which of the two they are. None asks the values: probabilities are not negative, and each row
            sums to 1.
    Returns:
        Mean over the splits and their standard deviation (of the population, so 0 for one), float64, () each; scores
        lie between 1 and the number of classes.
    Raises:
        ValueError: if a value is not finite, there are fewer samples than splits, or probabilities were announced
            and a row holds others.
    """
    p = _to_probabilities(predictions, probabilities)
    n = len(p)
    if not 1 <= splits <= n:
        raise ValueError(f"{splits} splits of {n} samples: wanted 1 to {n}")
    bounds = [index * n // splits for index in range(splits + 1)]
    scores = torch.stack([_score(p[start:end]) for start, end in pairwise(bounds)])
    return scores.mean(), scores.std(correction=0)


def repeated_inception_score(
    draw: Callable[[int, int], ArrayLike],
    *,
    repeats: int = 10,
    count: int = 5000,
    probabilities: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Inception score over new samples again and again: 10 times with N = 5,000 (2.2.1).

    Args:
        draw: from (repeat, count), the repeat counted from 0, to predictions (count, classes) of new samples.
        repeats: how often.
        count: samples of each repeat, N in eq. 2.4.
        probabilities: as in `inception_score`.
    Returns:
        Mean over the repeats and their standard deviation (of the population), float64, () each.
    Raises:
        ValueError: as `inception_score`, or if `draw` gives another number of samples.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, wanted at least 1")
    scores = []
    for repeat in range(repeats):
        predictions = draw(repeat, count)
        if len(predictions) != count:
            raise ValueError(f"repeat {repeat} drew {len(predictions)} samples, wanted {count}")
        scores.append(inception_score(predictions, probabilities=probabilities)[0])
    return torch.stack(scores).mean(), torch.stack(scores).std(correction=0)


def _to_probabilities(predictions: ArrayLike, probabilities: bool | None) -> Tensor:
    values = to_features(predictions, "predictions")
    off = (values.sum(1) - 1).abs().max()
    valid = bool(values.min() >= 0 and off <= TOLERANCE)
    if probabilities and not valid:
        raise ValueError(
            f"predictions are no probabilities: the least is {values.min():.3g}, and a row sums to 1 +- {off:.3g}"
        )
    return values if valid and probabilities is not False else values.softmax(1)


def _score(p: Tensor) -> Tensor:
    entropies = torch.special.entr(p).sum(1)
    return (torch.special.entr(p.mean(0)).sum() - entropies.mean()).clamp_min(0).exp()
