"""One layer of vg-layers in a GAN of one's own: F-SA (4.3.1) in the middle of a generator and of a discriminator.

Run `python examples/layer_in_your_gan.py`; it needs vg-layers only. The data are squares that drift.
"""

import torch
from torch import Tensor, nn
from vg_layers import FactorizedAttention, Window, discriminator_loss, generator_loss, transposed_conv

LATENT, WIDTH, BATCH, STEPS = 16, 16, 8, 20


def moving_squares(count: int) -> Tensor:
    """Bright squares on black, each with a place and a speed of its own: (count, 1, 8, 16, 16) in [-1, 1]."""
    video = -torch.ones(count, 1, 8, 16, 16)
    for clip, (top, start, speed) in zip(video, torch.randint(0, 6, (count, 3)).tolist(), strict=True):
        for t in range(8):
            left = (start + speed * t) % 13
            clip[:, t, top : top + 4, left : left + 4] = 1
    return video


torch.manual_seed(0)
double = Window(kernel=4, stride=2, padding=1)  # twice the frames, twice the height and width
generator = nn.Sequential(
    nn.Linear(LATENT, WIDTH * 2 * 4 * 4),
    nn.Unflatten(1, (WIDTH, 2, 4, 4)),
    transposed_conv(WIDTH, WIDTH, kind="1+2d", temporal=double, spatial=double),
    FactorizedAttention(WIDTH),  # (b, c, t, h, w) -> the same: it fits between any two video layers
    transposed_conv(WIDTH, 1, kind="1+2d", temporal=double, spatial=double, norm=False),
    nn.Tanh(),
)
discriminator = nn.Sequential(
    nn.Conv3d(1, WIDTH, 4, stride=2, padding=1),
    nn.LeakyReLU(0.2),
    FactorizedAttention(WIDTH, spectral_norm=True),
    nn.Conv3d(WIDTH, WIDTH, 4, stride=2, padding=1),
    nn.LeakyReLU(0.2),
    nn.Flatten(),
    nn.Linear(WIDTH * 2 * 4 * 4, 1),
)
g_adam, d_adam = (torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999)) for net in (generator, discriminator))

for step in range(1, STEPS + 1):
    fake = generator(torch.randn(BATCH, LATENT))
    d_loss = discriminator_loss(discriminator(moving_squares(BATCH)), discriminator(fake.detach()))
    d_adam.zero_grad()
    d_loss.backward()
    d_adam.step()

    g_loss = generator_loss(discriminator(fake))
    g_adam.zero_grad()
    g_loss.backward()
    g_adam.step()
    print(f"step {step:3d}  d {d_loss.item():.3f}  g {g_loss.item():.3f}  gamma_t {generator[3].tsa.gamma.item():+.5f}")
