"""The torchmetrics over pairs of videos, embeddings of faces and features of persons: any split gives the same."""

import pytest
import torch
from torchmetrics import Metric
from vg_metrics.content import AverageContentDistance, AverageContentDistanceToInput
from vg_metrics.functional.content import acd
from vg_metrics.functional.image import video_psnr, video_ssim
from vg_metrics.functional.ranking import reid_ranking_from_features
from vg_metrics.image import PairedVideoPSNR, PairedVideoSSIM
from vg_metrics.reid import ReIDRanking


def videos(rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    real = torch.rand(5, 3, 2, 11, 12, generator=rng) * 2 - 1
    return (real + 0.2 * torch.randn(real.shape, generator=rng)).clamp(-1, 1), real


def faces(rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    embeddings = torch.randn(6, 4, 8, generator=rng)
    embeddings[1, 2] = embeddings[3] = torch.nan
    return embeddings, torch.randn(6, 8, generator=rng)


def persons(rng: torch.Generator) -> dict[str, list[torch.Tensor]]:
    """Features, identities and cameras of each side; one query has no match."""
    sides = {}
    for side, count in (("query", 9), ("gallery", 31)):
        labels = [torch.randint(high, (count,), generator=rng) for high in (4, 3)]
        sides[side] = [torch.randn(count, 5, generator=rng), *labels]
    sides["query"][1][0] = 99
    return sides


def halves(metric: type[Metric], options: dict, updates: list[tuple], single: list[tuple]) -> list:
    """What a metric says after all updates, after the same in one, and merged out of two."""
    results = []
    for parts in ([updates], [single], [updates[::2], updates[1::2]]):
        metrics = []
        for part in parts:
            metrics.append(metric(**options))
            for arguments in part:
                metrics[-1].update(*arguments)
        for other in metrics[1:]:
            metrics[0].merge_state(other)  # torchmetrics' own, which reduces states as a process group does
        results.append(metrics[0].compute())
    return results


@pytest.mark.parametrize(
    ("metric", "function", "options"),
    [
        (PairedVideoSSIM, video_ssim, {"data_range": 2}),
        (PairedVideoSSIM, video_ssim, {"data_range": 2, "preset": "skimage"}),
        (PairedVideoPSNR, video_psnr, {"data_range": 2}),
    ],
)
def test_paired_scores_are_the_mean_over_videos(metric, function, options, rng):
    generated, real = videos(rng)
    wanted = function(generated, real, **options).mean()
    parts = list(zip(generated.split(2), real.split(2), strict=True))
    for got in halves(metric, options, parts, [(generated, real)]):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("squared", [False, True])
def test_content_distances_are_the_mean_over_videos_with_faces(squared, rng):
    embeddings, inputs = faces(rng)
    for metric, sides in (
        (AverageContentDistance, (embeddings,)),
        (AverageContentDistanceToInput, (embeddings, inputs)),
    ):
        wanted = acd(*sides, squared=squared)
        parts = list(zip(*(side.split(4) for side in sides), strict=True))
        for got in halves(metric, {"squared": squared}, parts, [sides]):
            assert got["acd"].item() == pytest.approx(wanted.value, rel=1e-12)
            assert {name: int(got[name]) for name in ("videos", "skipped_videos", "skipped_frames")} == {
                "videos": 5,
                "skipped_videos": 1,
                "skipped_frames": 5,
            }


@pytest.mark.parametrize("options", [{}, {"distance": "euclidean", "ranks": (1, 3), "trapezoid": True}])
def test_ranking_of_streamed_features_is_that_of_all(options, rng):
    sides = persons(rng)
    whole = [(*values, side) for side, values in sides.items()]
    parts = [(*rows, side) for side, v in sides.items() for rows in zip(*(x.split(8) for x in v), strict=True)]
    query, gallery = sides.values()
    wanted = reid_ranking_from_features(*(x for pair in zip(query, gallery, strict=True) for x in pair), **options)
    for got in halves(ReIDRanking, options, parts, whole):
        assert {name: value.item() for name, value in got.items()} == {
            "map": pytest.approx(wanted.map),
            **{f"rank{rank}": pytest.approx(share) for rank, share in wanted.rank.items()},
            "minp": pytest.approx(wanted.minp),
            "queries": len(wanted.ap),
            "skipped_queries": len(wanted.skipped),
        }
    assert wanted.skipped[0] == 0


def test_a_call_returns_the_score_of_its_batch_and_reset_forgets(rng):
    generated, real = videos(rng)
    metric = PairedVideoSSIM(data_range=2)
    assert metric(generated[:2], real[:2]) == pytest.approx(video_ssim(generated[:2], real[:2], data_range=2).mean())
    metric(generated[2:], real[2:])
    assert metric.compute() == pytest.approx(video_ssim(generated, real, data_range=2).mean())
    metric.reset()
    metric.update(generated[:1], generated[:1])
    assert metric.compute() == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (PairedVideoSSIM(data_range=2), "no videos were given"),
        (AverageContentDistance(), "no video with faces to compare, 0 without"),
        (ReIDRanking(), "no query features were given"),
    ],
)
def test_a_metric_of_nothing_says_so(metric, message):
    with pytest.raises(ValueError, match=message):
        metric.compute()


def test_what_does_not_belong_together_is_refused(rng):
    sides = persons(rng)
    metric = ReIDRanking()
    with pytest.raises(ValueError, match=r"cams have shape \(3,\), wanted \(9,\)"):
        metric.update(sides["query"][0], sides["query"][1], torch.zeros(3), "query")
    with pytest.raises(ValueError, match="side is 'left', wanted 'query' or 'gallery'"):
        metric.update(*sides["query"], "left")
    with pytest.raises(ValueError, match="not finite"):
        metric.update(torch.full((1, 5), torch.nan), torch.zeros(1), torch.zeros(1), "query")
    with pytest.raises(ValueError, match=r"wanted \(b, c, t, h, w\) twice"):
        PairedVideoPSNR(data_range=2).update(torch.zeros(1, 3, 2, 11, 11), torch.zeros(1, 3, 3, 11, 11))
