import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm
from vg_video import imaginator

FOUR = [(64, 4, 2, 1), (128, 4, 2, 1), (256, 4, 2, 1), (512, 4, 2, 1)]  # kernel number, kernel, stride, padding


def video_discriminator(classes: int = 6, width: int = 64) -> imaginator.VideoDiscriminator:
    return imaginator.VideoDiscriminator(imaginator.VideoDiscriminatorConfig(classes=classes, width=width))


def clips(rng: torch.Generator, b: int = 2, t: int = 32) -> torch.Tensor:
    return torch.rand(b, 3, t, 64, 64, generator=rng) * 2 - 1


def layers(net: nn.Module) -> list[tuple]:
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    return [(conv.out_channels, conv.kernel_size, conv.stride, conv.padding) for conv in convolutions]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_image_discriminator_is_that_of_table_3_2():
    net = imaginator.ImageDiscriminator(imaginator.ImageDiscriminatorConfig())
    assert layers(net) == [(kn, (k,) * 2, (s,) * 2, (p,) * 2) for kn, k, s, p in [*FOUR, (1, 4, 1, 0)]]
    assert parameters(net) == 2_764_737


def test_video_discriminator_is_that_of_table_3_3():
    net = video_discriminator()
    assert layers(net) == [
        *((kn, (k,) * 3, (s,) * 3, (p,) * 3) for kn, k, s, p in FOUR),
        (1, (2, 4, 4), (1, 1, 1), (0, 0, 0)),
    ]
    assert parameters(net) == 11_088_833
    assert parameters(net) - parameters(video_discriminator(0)) == 6 * 128 * 4**3  # the label's maps in Conv2


@pytest.mark.parametrize("classes", [0, 3])
def test_video_discriminator_is_table_3_3_with_the_label_after_the_first_layer(classes, rng):
    net = video_discriminator(classes, width=4)
    sizes = [(3, 4), (4 + classes, 8), (8, 16), (16, 32)]
    plain = [spectral_norm(nn.Conv3d(before, after, 4, 2, 1)) for before, after in sizes]
    plain.append(spectral_norm(nn.Conv3d(32, 1, (2, 4, 4))))
    state = {}
    for index, conv in enumerate(plain):
        name = "net1.0" if index == 0 else f"net2.{2 * index - 2}"
        state |= {f"{name}.{key}": value.clone() for key, value in conv.state_dict().items()}
    net = imaginator.official.load(state, "video_discriminator").train()
    assert (net.config.width, net.config.classes) == (4, classes)
    video, label = clips(rng), torch.tensor([2, 0])
    for _ in range(2):  # training mode: each forward is one power iteration
        x = video
        for index, conv in enumerate(plain):
            x = conv(x)
            x = x if index == 4 else nn.functional.leaky_relu(x, 0.2)
            if index == 0 and classes:
                maps = torch.eye(classes)[label][:, :, None, None, None].repeat(1, 1, *x.shape[2:])
                x = torch.cat([x, maps], dim=1)
        logits = net(video, label) if classes else net(video)
        assert logits.shape == (2,)
        torch.testing.assert_close(logits, x.flatten(), rtol=1e-4, atol=1e-6)


def test_the_label_changes_what_is_said_of_a_clip(rng):
    net = video_discriminator(3, width=4)
    video = clips(rng, 1).expand(3, -1, -1, -1, -1)
    assert len({round(logit, 6) for logit in net(video, torch.arange(3)).tolist()}) == 3


def test_the_auxiliary_classifier_of_table_3_7_sees_no_label_and_tells_it(rng):
    net = imaginator.AuxiliaryVideoDiscriminator(imaginator.VideoDiscriminatorConfig(classes=3, width=4))
    logits, of_classes = net(clips(rng))
    assert (logits.shape, of_classes.shape) == ((2,), (2, 3))
    (logits.sum() + of_classes.square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())
    assert parameters(net) - parameters(video_discriminator(0, width=4)) == 3 * (32 * 2 * 4 * 4 + 1)


@pytest.mark.parametrize("kind", ["video", "auxiliary"])
def test_a_gradient_penalty_reaches_the_weights(kind, rng):
    config = imaginator.VideoDiscriminatorConfig(classes=2, width=2)
    net = (imaginator.AuxiliaryVideoDiscriminator if kind == "auxiliary" else imaginator.VideoDiscriminator)(config)
    video = clips(rng).requires_grad_()
    logits = net(video, torch.tensor([0, 1])) if kind == "video" else net(video)[0]
    (gradient,) = torch.autograd.grad(logits.sum(), video, create_graph=True)
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
        video_discriminator(3, width=2)(torch.zeros(shape), label)


def test_settings_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError, match="has no classes"):
        video_discriminator(0, width=2)(clips(rng), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="nothing to tell"):
        imaginator.AuxiliaryVideoDiscriminator(imaginator.VideoDiscriminatorConfig())
    with pytest.raises(ValueError, match="video has shape"):
        imaginator.AuxiliaryVideoDiscriminator(imaginator.VideoDiscriminatorConfig(classes=2, width=2))(
            torch.zeros(1, 3, 16, 64, 64)
        )
    for changes in ({"width": 0}, {"classes": -1}):
        with pytest.raises(ValueError, match="wanted at least"):
            imaginator.VideoDiscriminatorConfig(**changes)
