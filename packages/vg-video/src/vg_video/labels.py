"""Labels of clips: names, indices, one-hot vectors (4.4.5), and wrong ones (algorithm 1)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def one_hot(label: Tensor | None, classes: int) -> Tensor:
    """One-hot vectors, (b, classes), of class indices, (b,).

    Raises:
        ValueError: if there is no label, or one outside 0 to classes - 1.
    """
    if label is None:
        raise ValueError(f"label is None, wanted (b,) class indices: the net was built for {classes} classes")
    if label.ndim != 1 or label.min() < 0 or label.max() >= classes:
        raise ValueError(f"label={label.tolist()}, wanted (b,) class indices from 0 to {classes - 1}")
    return F.one_hot(label, classes).to(torch.get_default_dtype())


def wrong_labels(label: Tensor, classes: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw another label for each clip, all others being equally likely (algorithm 1).

    Args:
        label: class indices, (b,).
        classes: number of classes.
        generator: source of the draw, on the CPU; PyTorch's own when None.
    Raises:
        ValueError: if there is no other class.
    """
    if classes < 2:
        raise ValueError(f"classes={classes}, wanted at least 2: there is no wrong label otherwise")
    shift = torch.randint(1, classes, label.shape, generator=generator)
    return (label + shift.to(label.device)) % classes


def class_index(label: int | str, classes: tuple[str, ...]) -> int:
    """The index of a class given by name or index; a name wins over an index that reads the same.

    Raises:
        ValueError: if there is no such class, or there are no classes at all.
    """
    if not classes:
        raise ValueError(f"label={label!r}, but the model was trained without labels: leave it out")
    if label in classes:
        return classes.index(label)
    if str(label).isdecimal() and int(label) < len(classes):
        return int(label)
    raise ValueError(f"label={label!r}, wanted one of {', '.join(classes)} or an index from 0 to {len(classes) - 1}")
