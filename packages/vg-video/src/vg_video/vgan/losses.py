"""What VGAN's objective has beside the adversarial loss."""

from torch import Tensor


def mask_loss(mask: Tensor) -> Tensor:
    """L1 norm of the mask, (b, 1, t, h, w) in [0, 1], as the mean of its values: the share that is foreground."""
    return mask.mean()
