"""What ImaGINator's objective has beside the adversarial losses: reconstruction, and wrong labels (3.3.3, 3.3.5)."""

import torch
from torch import Tensor


def reconstruction_loss(fake: Tensor, real: Tensor) -> Tensor:
    """L_rec (eq. 3.4): the sum of absolute differences over a clip, (b, 3, t, h, w) twice, as its mean over the batch.

    With 32 frames of 64 x 64 pixels this is 393,216 times the mean absolute difference.
    """
    return (fake - real).abs().sum() / len(real)


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
