"""The torchmetrics classes: any split into batches and processes gives the score of the whole."""

import subprocess
import sys

import pytest
import torch
import vg_metrics
from vg_metrics.distances import DensityCoverage, InceptionScore, PrecisionRecall
from vg_metrics.functional import Moments, kernel_distance
from vg_metrics.functional.coverage import density_coverage, precision_recall
from vg_metrics.functional.inception_score import inception_score
from vg_metrics.video import FrechetVideoDistance, KernelVideoDistance


def two_sets(rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(61, 6, generator=rng) + 50, 1.5 * torch.randn(47, 6, generator=rng) + 51


def test_frechet_in_batches_is_that_of_all_features(rng):
    real, fake = two_sets(rng)
    metric = FrechetVideoDistance(6)
    for part in real.split([1, 30, 30]):
        metric.update(part, side="real")
    for part in fake.split(20):
        metric.update(part, side="fake")
    torch.testing.assert_close(metric.compute(), Moments.of(real).distance(Moments.of(fake)), rtol=1e-9, atol=0)


def test_ddof_0_takes_the_covariance_of_the_population(rng):
    real, fake = two_sets(rng)
    metric = FrechetVideoDistance(6, ddof=0)
    metric.update(real, "real")
    metric.update(fake, "fake")
    torch.testing.assert_close(metric.compute(), Moments.of(real).distance(Moments.of(fake), ddof=0), rtol=1e-9, atol=0)


def test_frechet_state_does_not_grow_and_resets(rng):
    real, fake = two_sets(rng)
    metric = FrechetVideoDistance(6)
    before = metric.real.shape
    for _ in range(3):
        metric.update(real, "real")
    assert metric.real.shape == before == (7, 7)
    metric.reset()
    metric.update(real, "real")
    metric.update(fake, "fake")
    torch.testing.assert_close(metric.compute(), Moments.of(real).distance(Moments.of(fake)), rtol=1e-9, atol=0)


def test_kernel_metric_is_the_kernel_distance(rng):
    real, fake = two_sets(rng)
    for options in ({}, {"subsets": 4, "subset_size": 10, "degree": 2}):
        metric = KernelVideoDistance(**options, seed=3)
        for side, features in (("real", real), ("fake", fake)):
            for part in features.split(25):
                metric.update(part, side)
        generator = torch.Generator().manual_seed(3)
        assert metric.compute() == kernel_distance(real, fake, **options, generator=generator)


@pytest.mark.parametrize(("kind", "score"), [(PrecisionRecall, precision_recall), (DensityCoverage, density_coverage)])
def test_coverage_in_batches_is_that_of_all_features(kind, score, rng):
    real, fake = two_sets(rng)
    for options in ({}, {"k": 2}):
        metric = kind(**options)
        for side, features in (("real", real), ("fake", fake)):
            for part in features.split(25):
                metric.update(part, side)
        assert metric.compute() == score(real, fake, **options)


def test_inception_score_in_batches_is_that_of_all_predictions(rng):
    logits = 3 * torch.randn(50, 7, generator=rng)
    for options in ({}, {"splits": 5}, {"probabilities": True}):
        given = logits.softmax(1) if options.get("probabilities") else logits
        metric = InceptionScore(**options)
        for part in given.split(20):
            metric.update(part)
        assert metric.compute() == inception_score(given, **options)


def test_states_of_two_processes_merge_into_that_of_one(rng):
    """By torchmetrics' own merging, which reduces states as a process group does."""
    real, fake = two_sets(rng)
    for kind, wanted in (
        (lambda: FrechetVideoDistance(6), Moments.of(real).distance(Moments.of(fake))),
        (KernelVideoDistance, kernel_distance(real, fake)),
        (PrecisionRecall, precision_recall(real, fake)),
        (DensityCoverage, density_coverage(real, fake)),
    ):
        first, second = kind(), kind()
        first.update(real[::2], "real")
        first.update(fake[:20], "fake")
        second.update(real[1::2], "real")
        second.update(fake[20:], "fake")
        first.merge_state(second)
        torch.testing.assert_close(first.compute(), wanted, rtol=1e-9, atol=1e-12)


PROCESS = """
import sys, torch, torch.distributed as dist
from vg_metrics.distances import DensityCoverage, InceptionScore, PrecisionRecall
from vg_metrics.video import FrechetVideoDistance, KernelVideoDistance

rank, folder = int(sys.argv[1]), sys.argv[2]
real, fake = torch.load(f"{folder}/sets.pt", weights_only=True)
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
score = InceptionScore()
score.update(real[rank::2])
found = [*score.compute()]
for metric in (FrechetVideoDistance(6), KernelVideoDistance(), PrecisionRecall(), DensityCoverage()):
    metric.update(real[rank::2], "real")
    metric.update(fake[20:] if rank else fake[:20], "fake")
    found.append(metric.compute())
torch.save(found, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_give_the_score_of_one(rng, tmp_path):
    sets = two_sets(rng)
    torch.save(sets, tmp_path / "sets.pt")
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    wanted = [*inception_score(sets[0]), Moments.of(sets[0]).distance(Moments.of(sets[1]))]
    wanted += [score(*sets) for score in (kernel_distance, precision_recall, density_coverage)]
    for rank in range(2):
        got = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)


def test_too_few_samples_warn_or_fail(rng):
    real, fake = two_sets(rng)
    metric = FrechetVideoDistance(6)
    metric.update(real, "real")
    metric.update(fake[:1], "fake")
    with pytest.raises(ValueError, match="at least 2 samples, found 1"):
        metric.compute()
    metric.update(fake[1:6], "fake")
    with pytest.warns(UserWarning, match="6 samples for features of width 6"):
        metric.compute()


@pytest.mark.parametrize("metric", [FrechetVideoDistance(6), KernelVideoDistance()], ids=["frechet", "kernel"])
def test_features_that_do_not_fit_are_refused(metric, rng):
    real, _ = two_sets(rng)
    metric.update(real, "real")
    with pytest.raises(ValueError, match="width 5 cannot join features of width 6"):
        metric.update(real[:, :5], "fake")
    with pytest.raises(ValueError, match="6 values that are not finite"):
        metric.update(torch.full((1, 6), torch.nan), "fake")
    with pytest.raises(ValueError, match="side is 'left'"):
        metric.update(real, "left")


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_a_metric_without_a_side_says_which(rng):
    for metric in (KernelVideoDistance(), PrecisionRecall(), DensityCoverage()):
        metric.update(two_sets(rng)[0], "real")
        with pytest.raises(ValueError, match="no fake features"):
            metric.compute()
    with pytest.raises(ValueError, match="no predictions"):
        InceptionScore().compute()


def test_the_package_offers_the_classes():
    assert vg_metrics.FrechetVideoDistance is FrechetVideoDistance
    with pytest.raises(AttributeError, match="no attribute 'FrechetVideo'"):
        _ = vg_metrics.FrechetVideo
