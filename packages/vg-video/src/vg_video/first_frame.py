"""The loss that ties the first frame to the image, for systems made to go on from images (3.4.3)."""

from torch import Tensor


def first_frame_loss(video: Tensor, image: Tensor) -> Tensor:
    """Mean absolute difference of the first frame of clips, (b, 3, t, h, w), from the images (b, 3, h, w), ()."""
    return (video[:, :, 0] - image).abs().mean()
