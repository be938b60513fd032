"""StyleGAN2's residual discriminator against slow loops and StyleGAN2's own numbers."""

import pytest
import torch
from torch import Tensor
from vg_layers.residual import ResidualDiscriminator, ResidualDownBlock, minibatch_std


def slow_minibatch_std(x: Tensor, group_size: int, num_channels: int) -> Tensor:
    b, c, h, w = x.shape
    group = min(group_size, b)
    share = c // num_channels
    maps = x.new_zeros(b, num_channels, h, w)
    for n in range(b):
        members = x[n % (b // group) :: b // group]
        assert len(members) == group
        for f in range(num_channels):
            values = members[:, f * share : (f + 1) * share]
            deviation = (values - values.mean(0)).square().mean(0).add(1e-8).sqrt()
            maps[n, f] = deviation.mean()
    return torch.cat([x, maps], 1)


@pytest.mark.parametrize("name", ["g4_c1", "g4_c2", "g8_c1", "g2_c3"])
def test_minibatch_std_has_the_values_and_gradients_of_stylegan2(name, check_sg2):
    check_sg2(f"mbstd_{name}", minibatch_std)


@pytest.mark.parametrize(
    ("shape", "group_size", "num_channels"),
    [((6, 4, 3, 2), 3, 2), ((2, 3, 1, 1), 4, 1), ((1, 2, 2, 3), 4, 1), ((4, 3, 2, 2), 1, 3)],
)
def test_minibatch_std_is_the_slow_loop(shape, group_size, num_channels, rng):
    x = torch.randn(shape, dtype=torch.float64, generator=rng)
    ours = minibatch_std(x, group_size, num_channels)
    torch.testing.assert_close(ours, slow_minibatch_std(x, group_size, num_channels), rtol=1e-10, atol=1e-10)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: minibatch_std(x, group_size, num_channels), x)
    assert torch.autograd.gradgradcheck(lambda x: minibatch_std(x, group_size, num_channels), x)


def official_names(size: int, blocks: int) -> dict[str, str]:
    names = {}
    for kind in ("weight", "bias"):
        names |= {f"from_rgb.{kind}": f"b{size}.fromrgb.{kind}", f"conv.{kind}": f"b4.conv.{kind}"}
        names |= {f"hidden.{kind}": f"b4.fc.{kind}", f"out.{kind}": f"b4.out.{kind}"}
        for i in range(blocks):
            for conv in ("conv0", "conv1", "skip"):
                names[f"blocks.{i}.{conv}.{kind}"] = f"b{size >> i}.{conv}.{kind}"
    return names


@pytest.mark.parametrize("name", ["disc_16_c3", "disc_16_c12", "disc_32_c3"])
def test_discriminator_has_the_logits_and_gradient_penalty_of_stylegan2(name, sg2_network):
    """In float32, as the numbers are: logits, d logits / d x, R1, and the gradient of R1 by each parameter."""
    state, arrays, about = sg2_network(name)
    x = arrays["x"].requires_grad_()
    channels, size = x.shape[1], x.shape[2]
    blocks = size.bit_length() - 3
    widths = [len(state[f"b{size >> i}.conv0.bias"]) for i in range(blocks)] + [len(state["b4.conv.bias"])]
    discriminator = ResidualDiscriminator(channels, widths).double()
    names = {ours: theirs for ours, theirs in official_names(size, blocks).items() if theirs in state}
    discriminator.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})

    logits = discriminator(x)
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    penalty = gradient.square().sum((1, 2, 3))
    torch.testing.assert_close(logits, arrays["logits"].squeeze(1), rtol=0, atol=1e-6)
    torch.testing.assert_close(gradient, arrays["grad_x"], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(penalty, arrays["r1"], rtol=1e-5, atol=1e-8)

    parameters = dict(discriminator.named_parameters())
    gradients = torch.autograd.grad(
        5 * penalty.mean(), [*parameters.values()], allow_unused=True, materialize_grads=True
    )
    assert parameters.keys() == names.keys()
    for key, value in zip(parameters, gradients, strict=True):
        expected = about["r1_param_grad_norms"][names[key]]
        torch.testing.assert_close(
            value.norm().item(), expected, rtol=1e-4, atol=1e-9, msg=lambda m, k=key: f"{k}: {m}"
        )


def test_discriminator_has_the_size_of_stylegan2s():
    """23.4 million parameters at 64x64, with one frame or 16 of them as channels."""
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in ResidualDiscriminator(channels, [256, 512, 512, 512, 512]).parameters())
            for channels in (3, 48)
        ]
    assert [round(count / 1e6, 2) for count in counts] == [23.41, 23.42]
    assert counts[1] - counts[0] == 45 * 256


def test_second_gradient_of_a_block_is_there(rng):
    block = ResidualDownBlock(2, 3).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, generator=rng, requires_grad=True)
    assert torch.autograd.gradgradcheck(block, x, fast_mode=True)
    (first,) = torch.autograd.grad(block(x).square().sum(), x, create_graph=True)
    for gradient in torch.autograd.grad(first.square().sum(), list(block.parameters())):
        assert gradient.abs().max() > 0


def test_block_keeps_the_mean_square_of_smooth_images(rng):
    x = torch.randn(64, 64, 1, 1, generator=rng).expand(-1, -1, 16, 16)
    y = ResidualDownBlock(64, 64)(x)
    assert y.shape == (64, 64, 8, 8)
    assert 0.8 < y[:, :, 3:5, 3:5].square().mean() < 1.2  # away from the border's zeros


@pytest.mark.slow
def test_block_compiles_whole_with_its_gradient():
    block, x = ResidualDownBlock(3, 4), torch.randn(2, 3, 8, 8, requires_grad=True)
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True)
    gradients = [torch.autograd.grad(f(x).square().sum(), x)[0] for f in (block, compiled)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_small_batches_are_one_group(batch):
    discriminator = ResidualDiscriminator(6, [8, 5, 7])
    assert discriminator(torch.randn(batch, 6, 16, 16)).shape == (batch,)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="widths are empty"):
        ResidualDiscriminator(3, [])
    with pytest.raises(ValueError, match=r"x has shape \(1, 3, 8, 16\), wanted 16x16 pixels"):
        ResidualDiscriminator(3, [4, 4, 4])(torch.zeros(1, 3, 8, 16))
    with pytest.raises(ValueError, match="group_size=4 does not divide a batch of 6"):
        minibatch_std(torch.zeros(6, 2, 1, 1))
    with pytest.raises(ValueError, match="num_channels=3 does not divide 2 channels"):
        minibatch_std(torch.zeros(4, 2, 1, 1), num_channels=3)
