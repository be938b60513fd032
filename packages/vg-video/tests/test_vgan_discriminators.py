import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_layers import NSGAN
from vg_video import vgan
from vg_video.autoencoder import Sight


def discriminator(**settings) -> vgan.VideoDiscriminator:
    return vgan.VideoDiscriminator(vgan.VideoDiscriminatorConfig(**settings))


def clips(rng: torch.Generator, b: int = 2) -> torch.Tensor:
    return torch.rand(b, 3, 32, 64, 64, generator=rng) * 2 - 1


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_layers_and_parameters_are_the_released_ones():
    with torch.device("meta"):
        net, twice = discriminator(), vgan.VideoDiscriminator(vgan.image_conditioned().video_discriminator)
    layers = [
        (layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        for layer in net.modules()
        if isinstance(layer, nn.Conv3d)
    ]
    halving = [(n, (4, 4, 4), (2, 2, 2), (1, 1, 1)) for n in (64, 128, 256, 512)]
    assert layers == [*halving, (2, (2, 4, 4), (1, 1, 1), (0, 0, 0))]
    assert parameters(net) == 11_057_858
    assert [layer.out_channels for layer in twice.modules() if isinstance(layer, nn.Conv3d)] == [128, 256, 512, 1024, 2]
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm3d)]
    assert [(norm.num_features, norm.eps) for norm in norms] == [(128, 1e-3), (256, 1e-3), (512, 1e-3)]


@pytest.mark.parametrize("classes", [0, 3])
def test_the_loss_of_its_score_is_the_cross_entropy_of_the_two_outputs(classes, rng):
    net = discriminator(width=3, classes=classes).double()
    real, fake, label = clips(rng, 3).double(), clips(rng, 3).double(), torch.tensor([2, 0, 1])

    def outputs(video: torch.Tensor) -> torch.Tensor:
        """Two outputs a clip, layer by layer: 0 for real, 1 for generated."""
        x = video
        for index, layer in enumerate([*net.first, *net.rest]):
            x = layer(x.clone())
            if index == 1 and classes:
                maps = torch.eye(classes, dtype=x.dtype)[label][:, :, None, None, None].repeat(1, 1, *x.shape[2:])
                x = torch.cat([x, maps], dim=1)
        return x.flatten(1)

    told = (label,) if classes else ()
    ours = [NSGAN().discriminator(net(real, *told), net(fake, *told)), NSGAN().generator(net(fake, *told))]
    truth = torch.zeros(3, dtype=torch.long)
    theirs = [
        F.cross_entropy(outputs(real), truth) + F.cross_entropy(outputs(fake), truth + 1),
        F.cross_entropy(outputs(fake), truth),
    ]
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    for a, b in zip(ours, theirs, strict=True):
        for ours_grad, theirs_grad in zip(
            *(torch.autograd.grad(loss, list(net.parameters()), retain_graph=True) for loss in (a, b)), strict=True
        ):
            torch.testing.assert_close(ours_grad, theirs_grad, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("norm", "deviation"), [("batch", 0.01), ("none", (2 / 1.04 / 64 / 16) ** 0.5)])
def test_weights_start_as_released_or_without_norm_such_that_maps_keep_their_size(norm, deviation, rng):
    net = discriminator(width=16, norm=norm)
    second = [layer for layer in net.modules() if isinstance(layer, nn.Conv3d)][1]
    assert second.weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert not second.bias.any()
    scores = net(clips(rng, 4))
    assert scores.shape == (4,) and scores.isfinite().all()


def test_the_label_changes_what_is_said_of_a_clip(rng):
    net = discriminator(classes=3, width=4)
    video = clips(rng, 1).expand(3, -1, -1, -1, -1)
    assert len({round(score, 6) for score in net(video, torch.arange(3)).tolist()}) == 3
    assert net.sight == Sight(3, 3, 4, 3)


def test_a_gradient_penalty_reaches_the_weights(rng):
    net = discriminator(width=2, norm="none", classes=2)
    video = clips(rng).requires_grad_()
    (gradient,) = torch.autograd.grad(net(video, torch.tensor([0, 1])).sum(), video, create_graph=True)
    gradient.square().sum().backward()
    weights = [p for p in net.parameters() if p.ndim > 1]
    assert len(weights) == 5
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in weights)


@pytest.mark.parametrize(
    ("shape", "label", "message"),
    [
        ((2, 3, 16, 64, 64), [0, 1], r"video has shape \(2, 3, 16, 64, 64\), wanted \(b, 3, 32, 64, 64\)"),
        ((2, 3, 32, 32, 64), [0, 1], "video has shape"),
        ((2, 3, 32, 64, 64), None, "label is None"),
        ((2, 3, 32, 64, 64), [0, 3], "from 0 to 2"),
    ],
)
def test_other_clips_and_labels_are_refused(shape, label, message):
    label = None if label is None else torch.tensor(label)
    with pytest.raises(ValueError, match=message):
        discriminator(classes=3, width=2)(torch.zeros(shape), label)


def test_settings_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError, match="has no classes"):
        discriminator(width=2)(clips(rng), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="norm='spectral', wanted one of batch, none"):
        discriminator(norm="spectral")
    with pytest.raises(ValueError, match="width=0, wanted at least 1"):
        discriminator(width=0)
