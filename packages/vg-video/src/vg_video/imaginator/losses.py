"""What ImaGINator's objective has beside the adversarial losses: reconstruction (3.3.3)."""

from torch import Tensor


def reconstruction_loss(fake: Tensor, real: Tensor) -> Tensor:
    """L_rec (eq. 3.4): the sum of absolute differences over a clip, (b, 3, t, h, w) twice, as its mean over the batch.

    With 32 frames of 64 x 64 pixels this is 393,216 times the mean absolute difference.
    """
    return (fake - real).abs().sum() / len(real)
