"""What MoCoGAN's generator minimizes beside the discriminators' verdict."""

from torch import Tensor


def first_frame_loss(video: Tensor, image: Tensor) -> Tensor:
    """Mean absolute difference of the first frame of clips, (b, 3, t, h, w), from the images that they go on from."""
    return (video[:, :, 0] - image).abs().mean()
