import pytest
import torch
from torch import nn
from vg_video import g3an

KINDS = [("3d", "batch"), ("3d", "none"), ("2+1d", "spectral")]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def video_net(kind="3d", norm="none", classes=0, auxiliary=False) -> g3an.VideoDiscriminator:
    config = g3an.VideoDiscriminatorConfig(kind=kind, norm=norm, classes=classes, auxiliary=auxiliary, width=4)
    return g3an.VideoDiscriminator(config)


def test_sizes_are_those_of_the_published_nets():
    whole = g3an.VideoDiscriminator(g3an.VideoDiscriminatorConfig())
    categorical = g3an.VideoDiscriminator(g3an.VideoDiscriminatorConfig(classes=6))
    factorized = g3an.VideoDiscriminator(g3an.VideoDiscriminatorConfig(kind="2+1d", norm="spectral"))
    images = g3an.ImageDiscriminator(g3an.ImageDiscriminatorConfig())
    assert parameters(categorical) == 11_253_504  # MoCoGAN's, which tells 6 categories
    assert parameters(whole) == parameters(categorical) - 6 * 512 * 4**3
    assert parameters(factorized) == 8_347_009
    assert parameters(images) == 2_764_737


@pytest.mark.parametrize(("kind", "norm"), KINDS)
@pytest.mark.parametrize("classes", [0, 3])
def test_a_clip_gets_one_logit(kind, norm, classes, rng):
    net = video_net(kind, norm, classes)
    video = torch.randn(2, 3, 16, 64, 64, generator=rng)
    logits = net(video, torch.tensor([0, 2]) if classes else None)
    assert logits.shape == (2,)
    logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize(("kind", "norm"), KINDS)
def test_a_net_that_tells_labels_gives_logits_of_the_classes_too(kind, norm, rng):
    net = video_net(kind, norm, classes=3, auxiliary=True)
    logits, classes = net(torch.randn(2, 3, 18, 64, 64, generator=rng))
    assert (logits.shape, classes.shape) == ((2,), (2, 3))
    (logits.sum() + classes.square().sum()).backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(ValueError, match="is told none"):
        net(torch.zeros(1, 3, 16, 64, 64), torch.tensor([0]))


@pytest.mark.parametrize("kind", ["3d", "2+1d"])
def test_a_longer_clip_is_judged_by_the_mean_over_its_runs_of_16_frames(kind, rng):
    net = video_net(kind).double()
    video = torch.randn(1, 3, 17, 64, 64, dtype=torch.float64, generator=rng)
    runs = [net(video[:, :, start : start + 16]) for start in range(2)]
    torch.testing.assert_close(net(video), torch.stack(runs).mean(0), rtol=1e-9, atol=1e-9)


def test_the_label_moves_the_logit(rng):
    net = video_net(classes=2)
    video = torch.randn(1, 3, 16, 64, 64, generator=rng)
    assert (net(video, torch.tensor([0])) - net(video, torch.tensor([1]))).abs() > 1e-4


@pytest.mark.parametrize(
    ("shape", "label", "message"),
    [
        ((1, 3, 12, 64, 64), [0], "t >= 16"),
        ((1, 3, 16, 32, 64), [0], "64, 64"),
        ((1, 1, 16, 64, 64), [0], "wanted"),
        ((1, 3, 16, 64, 64), None, "label is None"),
        ((1, 3, 16, 64, 64), [2], "from 0 to 1"),
    ],
)
def test_other_clips_and_labels_are_refused(shape, label, message):
    with pytest.raises(ValueError, match=message):
        video_net(classes=2)(torch.zeros(shape), None if label is None else torch.tensor(label))


def test_a_label_for_a_net_without_classes_is_refused():
    with pytest.raises(ValueError, match="is told none"):
        video_net()(torch.zeros(1, 3, 16, 64, 64), torch.tensor([0]))


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_a_frame_gets_one_logit(norm, rng):
    net = g3an.ImageDiscriminator(g3an.ImageDiscriminatorConfig(width=4, norm=norm))
    assert net(torch.randn(5, 3, 64, 64, generator=rng)).shape == (5,)
    with pytest.raises(ValueError, match=r"\(b, 3, 64, 64\)"):
        net(torch.zeros(5, 3, 32, 32))


@pytest.mark.parametrize("part", ["video", "image"])
def test_discriminators_can_be_differentiated_twice(part, rng):
    """R1 needs it: the gradient of the penalty is the derivative of the input gradient along any direction."""
    net = (
        video_net() if part == "video" else g3an.ImageDiscriminator(g3an.ImageDiscriminatorConfig(width=2, norm="none"))
    )
    net = net.double()
    shape = (1, 3, 16, 64, 64) if part == "video" else (1, 3, 64, 64)
    x = torch.randn(shape, dtype=torch.float64, generator=rng, requires_grad=True)
    weight = net.get_parameter("rest.0.weight" if part == "video" else "net.2.weight")

    def penalty() -> torch.Tensor:
        return torch.autograd.grad(net(x).sum(), x, create_graph=True)[0].square().sum()

    direction = torch.randn(weight.shape, dtype=torch.float64, generator=rng)
    slope = (torch.autograd.grad(penalty(), weight)[0] * direction).sum()
    step = 1e-6
    with torch.no_grad():
        weight += step * direction
    above = penalty()
    with torch.no_grad():
        weight -= 2 * step * direction
    below = penalty()
    torch.testing.assert_close(slope, (above - below) / (2 * step), rtol=1e-4, atol=1e-8)
