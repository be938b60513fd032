"""Inception v3 against torchvision with equal weights, in both structures, and its two resizes."""

import functools
import types

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from vg_metrics.features import RANDOM_LABEL, inception_features
from vg_metrics.features.inception import Inception, load, prepare
from vg_metrics.features.preprocess import pillow_bicubic, tensorflow_bilinear
from vg_metrics.features.weights import draw


def restless(state: dict[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
    """The state with normalization statistics that are not the identity."""
    for key, value in state.items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1, generator=rng)
        elif key.endswith("running_var"):
            value.uniform_(0.01, 1, generator=rng)
    return state


def torchvision_inception(classes: int, rng: torch.Generator):
    """torchvision's network with the auxiliary classifier, in eval mode, with features of the pool as well."""
    models = pytest.importorskip("torchvision.models")
    network = models.inception_v3(weights=None, init_weights=False, num_classes=classes, transform_input=False)
    restless(network.state_dict(), rng)
    network.avgpool.register_forward_hook(lambda module, given, pooled: setattr(network, "pooled", pooled.flatten(1)))
    return network.eval()


def test_official_sizes_are_met():
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in Inception(classes).parameters()) for classes in (1000, 1008)]
        without_head = sum(p.numel() for name, p in Inception().named_parameters() if not name.startswith("fc."))
    assert sizes == [23_834_568, 23_850_960] and without_head == 21_785_568


@torch.no_grad()
def test_torchvision_weights_give_torchvision_features(rng, tmp_path):
    reference = torchvision_inception(1000, rng)
    torch.save(reference.state_dict(), tmp_path / "inception_v3_google.pth")  # with AuxLogits
    network = load(tmp_path / "inception_v3_google.pth")
    images = 2 * torch.rand(2, 3, 107, 91, generator=rng) - 1
    logits = reference(images)
    assert logits.shape == (2, 1000) and (logits[0] - logits[1]).norm() > 1e-3 * logits.norm()
    torch.testing.assert_close(network.pool(images), reference.pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(images), logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.unbiased(images) + reference.fc.bias, logits, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_weights_of_2015_have_pools_without_padding_and_a_maximum_at_last(rng, monkeypatch):
    """torchvision's blocks with the average pool replaced as pytorch-fid documents it."""
    reference = torchvision_inception(1008, rng)
    network = load(reference.state_dict())
    images = 2 * torch.rand(2, 3, 107, 91, generator=rng) - 1
    plain = reference(images)

    def pool(x: Tensor, kernel_size: int, stride: int, padding: int) -> Tensor:
        last = x.shape[1] == 2048  # the input of Mixed_7c
        average = functools.partial(F.avg_pool2d, count_include_pad=False)
        return (F.max_pool2d if last else average)(x, kernel_size, stride, padding)

    functional = types.SimpleNamespace(avg_pool2d=pool, max_pool2d=F.max_pool2d, relu=F.relu)
    monkeypatch.setattr("torchvision.models.inception.F", functional)
    logits = reference(images)
    assert (logits - plain).norm() > 1e-3 * plain.norm()
    torch.testing.assert_close(network.pool(images), reference.pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(images), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resize", [pillow_bicubic, tensorflow_bilinear])
def test_preprocessing_of_both_structures(resize, rng):
    images = torch.randint(256, (2, 3, 20, 31), generator=rng, dtype=torch.uint8)
    levels = resize(images, 299)
    torch.testing.assert_close(prepare(images, resize, fid=True), (levels - 128) / 128)
    torch.testing.assert_close(prepare(images / 127.5 - 1, resize, fid=False), 2 * levels / 255 - 1, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(3, 20, 31\), wanted \(b, 3, h, w\)"):
        prepare(images[0], resize, fid=True)


def test_random_inception_is_labelled_and_reacts(rng):
    features = inception_features(resize="tensorflow")
    assert (features.name, features.label, features.width) == ("inception-v3-fid/pool", RANDOM_LABEL, 2048)
    assert features.preprocessing == "TensorFlow 1 bilinear to 299x299, (x - 128) / 128"
    first, second = features.extract(torch.randint(256, (2, 3, 8, 8), generator=rng, dtype=torch.uint8))
    assert (first - second).norm() > 0.05 * first.norm() > 0


@pytest.mark.parametrize("classes", [1000, 1008])
def test_files_are_told_by_their_classes_and_labelled(classes, tmp_path):
    path = tmp_path / "inception.pth"
    torch.save(draw(lambda: Inception(classes), 0).state_dict(), path)
    features = inception_features(path, layer="logits_unbiased")
    fid = classes == 1008
    assert features.width == classes
    assert features.name == ("inception-v3-fid/logits_unbiased" if fid else "inception-v3/logits_unbiased")
    assert features.label == "Inception v3, logits_unbiased, inception.pth" + (
        ", layout from documentation, unverified" if fid else ""
    )
    assert features.preprocessing == (
        "Pillow bicubic on floats, antialiased, to 299x299, " + ("(x - 128) / 128" if fid else "x / 127.5 - 1")
    )


def test_what_is_unknown_is_named(tmp_path):
    state = draw(Inception, 0).state_dict()
    with pytest.raises(
        ValueError, match=r"Inception v3, which has 472 keys: 1 missing \(first Mixed_6c.branch7x7_2.bn.bias\)$"
    ):
        load({key: value for key, value in state.items() if key != "Mixed_6c.branch7x7_2.bn.bias"})
    with pytest.raises(
        ValueError, match=r"472 missing \(first Conv2d_1a_3x3.conv.weight\), 1 unknown \(first base.weight\)"
    ):
        load({"base.weight": torch.zeros(2)})
    with pytest.raises(ValueError, match="layer is 'mixed', wanted one of pool, logits, logits_unbiased"):
        inception_features(layer="mixed")
    with pytest.raises(ValueError, match="resize is 'pillow', wanted one of tensorflow, clean"):
        inception_features(resize="pillow")
    with pytest.raises(FileNotFoundError, match="absent"):
        inception_features(tmp_path / "absent.pth")
