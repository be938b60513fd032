"""Losses and label prediction of the warm-ups, against stored numbers of the released codes and slow loops."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from vg_reid.warmup import jvtc, mmcl
from vg_reid.warmup.act import source_distances
from vg_reid.warmup.cluster_contrast import cluster_centers, move_centers
from vg_reid.warmup.identities import identity_batches, triplet_losses


def arrays(path) -> dict[str, Tensor]:
    with np.load(path) as file:
        return {key: torch.from_numpy(np.asarray(file[key])) for key in file}


def test_jvtc_losses_and_memory_are_those_of_the_released_code(fixtures):
    data = arrays(fixtures / "jvtc" / "losses.npz")
    views = data["x"].view(8, 4, 32)
    assert jvtc.local_loss(views, float(data["local_beta"])).item() == pytest.approx(
        float(data["local_loss"]), abs=1e-6
    )
    own = data["labels"][data["index"]]
    loss = jvtc.global_loss(views, data["bank"], data["labels"], own, float(data["global_beta"]))
    assert loss.item() == pytest.approx(float(data["global_loss"]), abs=1e-5)
    bank = data["bank"].clone()
    bank[data["index"]] = jvtc.renewed(bank[data["index"]], views, 0.12)
    torch.testing.assert_close(bank, data["bank_after_epoch12"], rtol=0, atol=1e-6)


def test_jvtc_losses_are_the_slow_ones(rng):
    views = torch.randn(3, 2, 5, generator=rng, dtype=torch.float64)
    bank = torch.randn(7, 5, generator=rng, dtype=torch.float64)
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 3])
    local = wide = 0.0
    centers = [F.normalize(v.mean(0), dim=0) for v in views]
    for i, v in [(image, view) for image in range(3) for view in views[image]]:
        scores = torch.stack([F.normalize(v, dim=0) @ center for center in centers]) / 0.1
        local -= float(scores.log_softmax(0)[i]) / 6
        scores = torch.stack([F.normalize(v, dim=0) @ entry for entry in bank]) / 0.05
        alike = [j for j in range(7) if labels[j] == labels[i]]
        wide -= sum(float(scores.log_softmax(0)[j]) for j in alike) / len(alike) / 6
    assert jvtc.local_loss(views).item() == pytest.approx(local, rel=1e-10)
    assert jvtc.global_loss(views, bank, labels, labels[:3]).item() == pytest.approx(wide, rel=1e-10)


def test_jvtc_memory_moves_and_may_be_kept_at_length_one(rng):
    views, entries = torch.randn(2, 4, 3, generator=rng), F.normalize(torch.randn(2, 3, generator=rng))
    moved = jvtc.renewed(entries, views, 0.8)
    torch.testing.assert_close(moved[1], 0.8 * entries[1] + 0.2 * F.normalize(views[1].mean(0), dim=0))
    torch.testing.assert_close(jvtc.renewed(entries, views, 0.8, unit=True), F.normalize(moved))


def test_mmcl_labels_and_losses_are_those_of_the_released_code(fixtures):
    data = arrays(fixtures / "mmcl" / "mmcl.npz")
    labels = mmcl.predict_labels(data["bank"], data["targets"], similarity=float(data["mplp_t"]))
    assert torch.equal(labels, data["multilabel"])
    logits = data["queries"] @ data["bank"].T
    options = {"positive_weight": float(data["delta"]), "hard_share": float(data["r"])}
    assert mmcl.multi_label_loss(logits, labels, **options).item() == pytest.approx(float(data["loss_multi"]), abs=1e-5)
    single = F.one_hot(data["targets"], 300)
    assert mmcl.multi_label_loss(logits, single, **options).item() == pytest.approx(
        float(data["loss_single"]), abs=1e-5
    )


def slow_labels(bank: Tensor, own: int, least: float) -> list[int]:
    """MPLP for one image, candidate after candidate."""
    similar = bank @ bank[own]
    order = sorted(range(len(bank)), key=lambda j: -float(similar[j]))
    found = sum(float(s) > least for s in similar)
    looked, last = min(max(found, 10), len(bank)), 1
    for place, candidate in enumerate(order[:looked]):
        ranked = sorted(range(len(bank)), key=lambda j: -float(bank[candidate] @ bank[j]))
        if ranked.index(order[0]) > looked:
            break
        last = max(last, place)
    return sorted({own, *order[: min(last + 1, found)]})


@pytest.mark.parametrize("least", [0.2, 0.6, 0.95])
def test_mplp_is_the_slow_walk(rng, least):
    centers = F.normalize(torch.randn(6, 8, generator=rng, dtype=torch.float64))
    bank = F.normalize(centers.repeat(7, 1) + 0.25 * torch.randn(42, 8, generator=rng, dtype=torch.float64))
    labels = mmcl.predict_labels(bank, torch.arange(42), similarity=least)
    assert [row.nonzero().flatten().tolist() for row in labels] == [slow_labels(bank, i, least) for i in range(42)]


def test_mmcl_loss_is_the_slow_one_and_differentiable(rng):
    logits = (2 * torch.rand(3, 23, generator=rng, dtype=torch.float64) - 1).requires_grad_()
    labels = (torch.rand(3, 23, generator=rng) < 0.2).float()
    labels[torch.arange(3), torch.arange(3)] = 1
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        positive = [x for x, one in zip(row, label, strict=True) if one]
        negative = sorted((x for x, one in zip(row, label, strict=True) if not one), reverse=True)
        hard = negative[: int(0.3 * len(negative))]
        total += 5 * np.mean([(1 - x) ** 2 for x in positive]) + np.mean([(1 + x) ** 2 for x in hard])
    assert mmcl.multi_label_loss(logits, labels, hard_share=0.3).item() == pytest.approx(total / 3, rel=1e-10)
    assert torch.autograd.gradcheck(lambda x: mmcl.multi_label_loss(x, labels, hard_share=0.3), logits)


def test_mmcl_loss_of_too_few_negatives_for_a_hard_one_is_that_of_positives():
    loss = mmcl.multi_label_loss(torch.tensor([[0.5, 0.9]]), torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(5 * 0.25)


def test_triplet_losses_are_the_slow_ones(rng):
    features, labels = torch.randn(7, 4, generator=rng, dtype=torch.float64), torch.tensor([0, 0, 1, 1, 1, 2, 2])
    losses = triplet_losses(features, labels, 0.5)
    for i in range(7):
        away = [float((features[i] - features[j]).norm()) for j in range(7)]
        farthest = max(d for j, d in enumerate(away) if labels[j] == labels[i])
        nearest = min(d for j, d in enumerate(away) if labels[j] != labels[i])
        assert losses[i].item() == pytest.approx(max(0.0, farthest - nearest + 0.5), abs=1e-6)
    assert triplet_losses(features, torch.zeros(7)).tolist() == [0] * 7


def test_source_distances_are_those_of_the_nearest_source_image(rng):
    features, source = torch.randn(5, 3, generator=rng), torch.randn(4, 3, generator=rng)
    slow = [1 - np.exp(-min(float((x - s).square().sum()) for s in source)) for x in features]
    torch.testing.assert_close(source_distances(features, source), torch.tensor(slow).float() / (max(slow) + 1e-3))


def test_centers_move_feature_by_feature(rng):
    features = F.normalize(torch.randn(6, 4, generator=rng))
    labels = torch.tensor([0, 1, -1, 1, 0, 1])
    centers = cluster_centers(features, labels)
    torch.testing.assert_close(centers[1], F.normalize(features[[1, 3, 5]].mean(0), dim=0))
    wanted = centers.clone()
    move_centers(centers, features[:2], torch.tensor([1, 1]), 0.25)
    for feature in features[:2]:
        wanted[1] = F.normalize(0.25 * wanted[1] + 0.75 * feature, dim=0)
    torch.testing.assert_close(centers, wanted)


def test_identity_batches_have_as_many_images_of_each_identity():
    labels = torch.tensor([0, 0, 0, 1, -1, 2, 2, 2, 2, 3, 3, -1])
    batches = identity_batches(labels, batch_size=6, instances=3, key=(0, 1))
    assert [len(batch) for batch in batches] == [6, 6]
    counts = [labels[batch].unique(return_counts=True) for batch in batches]
    assert sorted(torch.cat([identities for identities, _ in counts]).tolist()) == [0, 1, 2, 3]
    assert all(count.tolist() == [3, 3] for _, count in counts)
    assert sorted(batches[0] + batches[1]).count(3) == 3  # the only image of identity 1, three times
    assert batches == identity_batches(labels, batch_size=6, instances=3, key=(0, 1))
    assert batches != identity_batches(labels, batch_size=6, instances=3, key=(0, 2))
    assert [len(batch) for batch in identity_batches(labels, batch_size=30, instances=2, key=(0,))] == [8]
