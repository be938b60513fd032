"""Labels of clips: names, indices and one-hot vectors (4.4.5)."""

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
