"""SSIM and PSNR against loops over windows, torchmetrics and public numbers."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure
from vg_metrics.functional.image import PSNR_CAP, psnr, ssim, ssim_diversity, video_psnr, video_ssim


def frames(rng: torch.Generator, n: int, c: int, h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    a = torch.rand(n, c, h, w, generator=rng, dtype=torch.float64)
    return a, (a + 0.2 * torch.randn(a.shape, generator=rng, dtype=torch.float64)).clamp(0, 1)


def slow_ssim(a: torch.Tensor, b: torch.Tensor, weights: torch.Tensor, unbias: float, data_range: float) -> float:
    """Mean over all whole windows of one channel, one window after another; the formula of Wang et al. 2004."""
    size, c1, c2 = len(weights), (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for y in range(a.shape[0] - size + 1):
        for x in range(a.shape[1] - size + 1):
            p, q = a[y : y + size, x : x + size], b[y : y + size, x : x + size]
            mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
            var_p, var_q = ((weights * (s - m) ** 2).sum() * unbias for s, m in ((p, mean_p), (q, mean_q)))
            cov = (weights * (p - mean_p) * (q - mean_q)).sum() * unbias
            values.append(
                (2 * mean_p * mean_q + c1) * (2 * cov + c2) / ((mean_p**2 + mean_q**2 + c1) * (var_p + var_q + c2))
            )
    return float(torch.stack(values).mean())


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_ssim_is_the_formula_of_each_preset(data_range, rng):
    a, b = (x * data_range for x in frames(rng, 2, 3, 13, 17))
    gauss = torch.exp(-((torch.arange(11) - 5.0).double() ** 2) / (2 * 1.5**2))
    gauss = torch.outer(gauss, gauss) / gauss.sum() ** 2
    uniform = torch.full((7, 7), 1 / 49, dtype=torch.float64)
    for preset, weights, unbias in (("wang", gauss, 1.0), ("skimage", uniform, 49 / 48)):
        slow = torch.tensor(
            [[slow_ssim(a[i, c], b[i, c], weights, unbias, data_range) for c in range(3)] for i in range(2)]
        ).double()
        got = ssim(a, b, data_range=data_range, preset=preset)
        torch.testing.assert_close(got, slow.mean(1), rtol=1e-6, atol=1e-6)


def test_wang_preset_equals_torchmetrics_away_from_its_padding(rng):
    a, b = frames(rng, 3, 3, 20, 31)
    _, outside = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    inside = outside[..., 5:-5, 5:-5].mean((1, 2, 3))
    torch.testing.assert_close(ssim(a, b, data_range=1.0), inside, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("preset", "options"),
    [("skimage", {}), ("wang", {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False})],
)
def test_presets_equal_skimage(preset, options, rng):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    a, b = ((x[0] * 255).byte() for x in frames(rng, 1, 3, 20, 31))
    outside = metrics.structural_similarity(a.numpy(), b.numpy(), channel_axis=0, data_range=255, **options)
    assert ssim(a[None], b[None], data_range=255, preset=preset).item() == pytest.approx(outside, abs=1e-9)
    decibel = metrics.peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=255)
    assert psnr(a[None], b[None], data_range=255).item() == pytest.approx(decibel, abs=1e-9)


def test_psnr_is_the_mean_error_in_decibel(rng):
    a, b = frames(rng, 4, 3, 5, 6)
    slow = [10 * math.log10(255**2 / float(((p - q) * 255).square().mean())) for p, q in zip(a, b, strict=True)]
    torch.testing.assert_close(psnr(a * 255, b * 255, data_range=255), torch.tensor(slow, dtype=torch.float64))


def test_identical_frames_are_capped_and_fully_similar(rng):
    a, _ = frames(rng, 2, 1, 12, 12)
    assert psnr(a, a, data_range=1).tolist() == [PSNR_CAP] * 2
    torch.testing.assert_close(ssim(a, a, data_range=1), torch.ones(2, dtype=torch.float64))


def load_fill(fixtures: Path) -> ModuleType:
    """The generator of inputs that lies beside the fixtures."""
    spec = importlib.util.spec_from_file_location("fill", fixtures / "fill.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_values_of_the_reference_are_met(fixtures: Path):
    """metrics/data.npz: two clips of four frames, frames ordered clip by clip, float32."""
    fill, data = load_fill(fixtures), np.load(fixtures / "metrics" / "data.npz")
    real = (fill.video_input("metric.real", (2, 3, 4, 64, 64)) + 1) / 2
    fake = np.clip(real + 0.1 * fill.normal_input("metric.noise", (2, 3, 4, 64, 64)), 0, 1)
    real, fake = (v.transpose(0, 2, 1, 3, 4).reshape(8, 3, 64, 64) for v in (real, fake))
    np.testing.assert_allclose(ssim(real, fake, data_range=1), data["ssim_per_frame"], atol=5e-6)
    decibel = psnr(real, fake, data_range=1)
    np.testing.assert_allclose(decibel, data["psnr_per_frame"], atol=1e-5)
    pooled = -10 * torch.log10((10 ** (-decibel / 10)).mean())  # the reference also pools the error of all frames
    assert pooled.item() == pytest.approx(float(data["psnr_batch"]), abs=1e-4)


def test_a_video_has_the_mean_of_its_frames(rng):
    a, b = (x.unflatten(0, (2, 4)).transpose(1, 2) for x in frames(rng, 8, 3, 12, 15))  # (2, 3, 4, 12, 15)
    slow = [
        [f(a[i, :, t][None], b[i, :, t][None], data_range=1) for t in range(4)] for f in (ssim, psnr) for i in (0, 1)
    ]
    wanted = torch.tensor(slow).double().mean(1)
    torch.testing.assert_close(video_ssim(a, b, data_range=1), wanted[:2], rtol=1e-6, atol=0)
    torch.testing.assert_close(video_psnr(a, b, data_range=1), wanted[2:], rtol=1e-6, atol=0)
    assert not torch.equal(video_ssim(a, b, data_range=1, preset="skimage"), video_ssim(a, b, data_range=1))


def test_ssim_diversity_is_the_mean_over_persons_of_their_pairs(rng):
    images, _ = frames(rng, 9, 3, 12, 13)
    persons = [4, 7, 4, 2, 7, 4, 9, 7, 4]
    means = []
    for person in (4, 7):
        own = [i for i, p in enumerate(persons) if p == person]
        scores = [ssim(images[[i]], images[[j]], data_range=1).item() for i in own for j in own if i < j]
        means.append(sum(scores) / len(scores))
    got = ssim_diversity(images, torch.tensor(persons), data_range=1, pairs=None)
    assert got.value == pytest.approx(sum(means) / 2)
    assert got.standard_error == pytest.approx(abs(means[0] - means[1]) / 2)
    assert (got.pairs, got.identities, got.skipped) == (6 + 3, 2, [2, 9])


def test_pairs_of_a_person_are_drawn_by_the_seed(rng):
    images, _ = frames(rng, 12, 1, 12, 12)
    persons = torch.arange(12) % 2  # 15 pairs each
    first, again = (ssim_diversity(images, persons, data_range=1, pairs=4) for _ in range(2))
    other = ssim_diversity(images, persons, data_range=1, pairs=4, generator=torch.Generator().manual_seed(1))
    assert first == again != other and first.pairs == 8
    whole = ssim_diversity(images, persons, data_range=1, pairs=None)
    assert whole == ssim_diversity(images, persons, data_range=1, pairs=15) and whole.pairs == 30


def test_the_same_image_again_and_again_is_called_most_diverse(rng):
    """The caveat of 6.4.4, kept as it is."""
    image = torch.rand(1, 3, 12, 12, generator=rng)
    got = ssim_diversity(image.expand(4, -1, -1, -1), torch.zeros(4), data_range=1)
    assert got.value == pytest.approx(1) and math.isnan(got.standard_error)


def test_what_is_no_pair_of_frames_is_refused():
    a = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="no pairs"):
        psnr(a, a[:, :1], data_range=1)
    with pytest.raises(ValueError, match="8x8 are smaller than the 11x11 window"):
        ssim(a, a, data_range=1)
    with pytest.raises(ValueError, match="data_range is 0"):
        ssim(a, a, data_range=0)
    with pytest.raises(ValueError, match="no preset 'tf'"):
        ssim(a, a, data_range=1, preset="tf")
    with pytest.raises(ValueError, match="wanted 4 axes"):
        psnr(a[0], a[0], data_range=1)
    with pytest.raises(ValueError, match=r"wanted \(b, c, t, h, w\) twice"):
        video_ssim(a, a, data_range=1)
    with pytest.raises(ValueError, match=r"identities have shape \(2,\), wanted \(1,\)"):
        ssim_diversity(a, torch.zeros(2), data_range=1)
    with pytest.raises(ValueError, match="none of 1 identities has two images"):
        ssim_diversity(a, torch.zeros(1), data_range=1)
    with pytest.raises(ValueError, match="pairs are 0"):
        ssim_diversity(a, torch.zeros(1), data_range=1, pairs=0)
