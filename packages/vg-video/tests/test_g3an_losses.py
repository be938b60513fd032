import torch
from torch import nn
from vg_video.g3an.losses import Logits, discriminator_losses, generator_losses, gradient_penalties


def some(rng: torch.Generator) -> Logits:
    return Logits(
        torch.randn(5, dtype=torch.float64, generator=rng), torch.randn(7, dtype=torch.float64, generator=rng)
    )


def test_discriminators_minimize_the_negative_of_equation_4_6(rng):
    real, fake = some(rng), some(rng)
    losses = discriminator_losses(real, fake)
    for loss, x, g in (
        (losses["video_discriminator"], real.video, fake.video),
        (losses["image_discriminator"], real.image, fake.image),
    ):
        objective = x.sigmoid().log().mean() + (1 - g.sigmoid()).log().mean()
        torch.testing.assert_close(loss, -objective, rtol=1e-12, atol=1e-12)


def test_the_generator_wants_both_discriminators_to_say_real(rng):
    fake = some(rng)
    losses = generator_losses(fake)
    torch.testing.assert_close(losses["generator_video"], -fake.video.sigmoid().log().mean(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(losses["generator_image"], -fake.image.sigmoid().log().mean(), rtol=1e-12, atol=1e-12)


def test_penalties_are_half_the_squared_input_gradients_times_the_weight(rng):
    slopes = torch.randn(2, 6, dtype=torch.float64, generator=rng)
    video, frames = (torch.randn(3, 6, dtype=torch.float64, generator=rng, requires_grad=True) for _ in range(2))
    real = Logits(video @ slopes[0], frames @ slopes[1])  # a linear net: its input gradient is its slope
    losses = gradient_penalties(real, video, frames, weight=4.0)
    torch.testing.assert_close(losses["video_r1"], 2 * slopes[0].square().sum())
    torch.testing.assert_close(losses["image_r1"], 2 * slopes[1].square().sum())


def test_gradients_flow_to_the_generator_where_the_discriminator_is_sure():
    """The reason for the non-saturating form (4.3.3)."""
    logits = nn.Parameter(torch.tensor([-20.0]))
    generator_losses(Logits(logits, logits.detach()))["generator_video"].backward()
    torch.testing.assert_close(logits.grad, torch.tensor([-1.0]))
