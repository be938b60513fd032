"""View-invariant losses against loops over eq. 6.6 to 6.8 and the released code's numbers; draws by pseudo labels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vg_reid.contrastive import TERMS, Pairs, contrast_loss, draw_pairs, view_losses
from vg_reid.memory import MemoryBank

LABELS = torch.tensor([0, 0, 1, 1, -1, 0, 2, 2, 1, -1, 2, 0])


def features(rng, *shape):
    return F.normalize(torch.randn(shape, dtype=torch.float64, generator=rng), dim=-1).requires_grad_()


@pytest.fixture
def given(rng):
    """f, f'_new, pairs and bank for three anchors."""
    bank = MemoryBank(features(rng, len(LABELS), 5))
    return features(rng, 3, 5), features(rng, 3, 5), draw_pairs(torch.tensor([1, 8, 6]), LABELS, rng, 6), bank


def slow(positive, query, negatives, temperature):
    """One of the equations as printed: positive pairs, and the views that are pushed away from their negatives."""

    def sim(u, v):
        return u @ v / (u.norm() * v.norm())

    terms = []
    for u, v, view, others in zip(*positive, query, negatives, strict=True):
        apart = sum(torch.exp(sim(view, other) / temperature) for other in others)
        terms.append(torch.log(1 + apart / torch.exp(sim(u, v) / temperature)))
    return sum(terms) / len(terms)


def slow_losses(f, f_new, pairs, bank, temperature, negatives_from="generated", released=False):
    rows = bank.vectors
    f_pos, again, own = rows[pairs.positive], rows[pairs.positive_again], rows[pairs.own]
    target = f.detach() if negatives_from == "generated" else f
    positives = [(f, again if released else f_pos), (f_new, own if released else target), (f_new, f_pos)]
    query = f_new if negatives_from == "generated" else f
    return [slow(positive, query, rows[pairs.negatives], temperature) for positive in positives]


@pytest.mark.parametrize("negatives_from", ["generated", "original"])
@pytest.mark.parametrize("released", [False, True])
def test_losses_and_gradients_are_those_of_equations_6_6_to_6_8(negatives_from, released, given):
    f, f_new, *_ = given
    found = view_losses(*given, temperature=0.3, negatives_from=negatives_from, released=released)
    assert tuple(found) == TERMS
    wanted = slow_losses(*given, 0.3, negatives_from, released)
    gradients = []
    for losses in (list(found.values()), wanted):
        mixed = sum(weight * loss for weight, loss in zip((1, 2, 5), losses, strict=True))
        gradients.append(torch.autograd.grad(mixed, (f, f_new)))
    torch.testing.assert_close(list(found.values()), wanted, rtol=1e-10, atol=1e-10)
    tangents = [g - (g * x).sum(1, keepdim=True) * x for g, x in zip(gradients[0], (f, f_new), strict=True)]
    torch.testing.assert_close(tangents, list(gradients[1]), rtol=1e-9, atol=1e-10)  # sim is blind to the length


def test_gradients_are_those_of_differences(given):
    f, f_new, pairs, bank = given

    def loss(a, b, negatives_from="generated", terms=TERMS):
        options = {"temperature": 0.5, "negatives_from": negatives_from, "terms": terms}
        return sum(view_losses(a, b, pairs, bank, **options).values())

    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, terms=(TERMS[0], TERMS[2])), (f, f_new))
    assert torch.autograd.gradcheck(lambda b: loss(f.detach(), b), f_new)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, "original"), (f, f_new))
    assert torch.autograd.gradcheck(lambda a: contrast_loss(a, pairs, bank, temperature=0.5), f)


def test_an_original_view_is_the_target_of_the_generated_one(given):
    """In L'_vi nothing pushes f away from negatives: it must not be drawn to its own view alone."""
    f, f_new, *_ = given
    loss = view_losses(*given, terms=("generated_original",))["generated_original"]
    to_f, to_new = torch.autograd.grad(loss, (f, f_new), allow_unused=True)
    assert to_f is None
    assert to_new.abs().sum() > 0


def test_each_term_alone_is_what_it_is_among_all(given):
    together = view_losses(*given)
    for term in TERMS:
        alone = view_losses(*given, terms=(term,))
        assert tuple(alone) == (term,)
        torch.testing.assert_close(alone[term], together[term], rtol=0, atol=0)


def test_contrast_without_generation_compares_the_original_view_alone(given):
    f, _, pairs, bank = given
    rows = bank.vectors
    wanted = slow((f, rows[pairs.positive]), f, rows[pairs.negatives], 0.3)
    torch.testing.assert_close(contrast_loss(f, pairs, bank, temperature=0.3), wanted, rtol=1e-10, atol=1e-10)


def test_losses_and_gradients_are_those_of_the_released_code(fixtures):
    data = {
        key: torch.from_numpy(np.asarray(value)) for key, value in np.load(fixtures / "gcl_memory/memory.npz").items()
    }
    f, f_new = (data[key].clone().requires_grad_() for key in ("f", "f_new"))
    alike = data["labels"][data["indexes"], None] == data["labels"]  # the fixture takes the first, not random ones
    first = alike.int().argmax(1)
    negatives = torch.stack([(~row).nonzero()[: int(data["K"]), 0] for row in alike])
    pairs, bank = Pairs(data["indexes"], first, first, negatives), MemoryBank(data["bank_before"])
    loss = sum(view_losses(f, f_new, pairs, bank, temperature=float(data["temperature"]), released=True).values())
    torch.testing.assert_close(loss, data["loss_sum"], rtol=1e-5, atol=0)
    gradients = torch.autograd.grad(loss, (f, f_new))
    torch.testing.assert_close(gradients, (data["grad_f"], data["grad_f_new"]), rtol=1e-4, atol=1e-5)


def test_bank_is_a_constant_and_is_renewed_only_after_the_backward_pass(given):
    f, f_new, pairs, bank = given
    before = bank.vectors.clone()
    loss = sum(view_losses(f, f_new, pairs, bank).values())
    assert not bank.vectors.requires_grad
    torch.testing.assert_close(bank.vectors, before, rtol=0, atol=0)
    bank.update(pairs.own, f)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_draws_are_positives_of_the_same_and_distinct_negatives_of_other_labels(rng):
    anchors = torch.tensor([0, 8, 6, 8])
    seen = [set(), set()]
    outliers = set()
    for _ in range(60):
        pairs = draw_pairs(anchors, LABELS, rng, 5)
        assert torch.equal(pairs.own, anchors)
        for drawn, rows in zip(seen, (pairs.positive, pairs.positive_again), strict=True):
            assert torch.equal(LABELS[rows], LABELS[anchors])
            drawn.add(int(rows[0]))
        assert pairs.negatives.shape == (4, 5)
        assert (LABELS[pairs.negatives] != LABELS[anchors, None]).all()
        assert all(len(set(row)) == 5 for row in pairs.negatives.tolist())
        outliers |= set(pairs.negatives.ravel().tolist()) & {4, 9}
    assert seen == [{0, 1, 5, 11}] * 2  # every image of the cluster, the anchor among them
    assert outliers == {4, 9}


def test_the_two_positives_are_drawn_independently_and_anchors_too(rng):
    labels = torch.zeros(400, dtype=torch.long)
    labels[-9:] = 1
    pairs = draw_pairs(torch.zeros(50, dtype=torch.long), labels, rng, 4)
    assert (pairs.positive != pairs.positive_again).float().mean() > 0.9
    assert len(set(map(frozenset, pairs.negatives.tolist()))) > 10
    assert len(set(pairs.positive.tolist())) > 30


def test_draws_are_a_function_of_the_generator(rng):
    draws = [draw_pairs(torch.tensor([0, 2]), LABELS.numpy(), torch.Generator().manual_seed(s), 3) for s in (3, 3, 4)]
    assert all(torch.equal(a, b) for a, b in zip(*draws[:2], strict=True))
    assert not torch.equal(draws[0].negatives, draws[2].negatives)


def test_fewer_negatives_than_wanted_are_those_beside_the_largest_cluster(rng):
    pairs = draw_pairs(torch.tensor([0, 6]), LABELS, rng)
    assert pairs.negatives.shape == (2, 8)  # 12 images, 4 of them in the largest cluster
    assert sorted(pairs.negatives[0].tolist()) == [2, 3, 4, 6, 7, 8, 9, 10]


def test_one_cluster_has_its_outliers_as_negatives_and_none_without(rng):
    labels = torch.tensor([0, 0, -1, 0])
    assert draw_pairs(torch.tensor([3]), labels, rng).negatives.tolist() == [[2]]
    with pytest.raises(ValueError, match="0 images beside the largest cluster, wanted at least 1 negative"):
        draw_pairs(torch.tensor([0]), torch.zeros(4, dtype=torch.long), rng)


def test_outliers_are_never_anchors(rng):
    with pytest.raises(ValueError, match="image 9 is an outlier"):
        draw_pairs(torch.tensor([0, 9]), LABELS, rng)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives_from": "both"}, "negatives_from='both', wanted 'generated' or 'original'"),
        ({"terms": ()}, "found no terms, wanted some of original_memory"),
        ({"temperature": 0.0}, "temperature=0.0, wanted above 0"),
    ],
)
def test_unknown_settings_are_refused(options, message, given):
    with pytest.raises(ValueError, match=message):
        view_losses(*given, **options)


def test_precision_is_that_of_the_bank(given):
    f, f_new, pairs, bank = given
    low = view_losses(f.bfloat16(), f_new.bfloat16(), pairs, bank)
    exact = view_losses(f.bfloat16().double(), f_new.bfloat16().double(), pairs, bank)
    torch.testing.assert_close(low, exact, rtol=1e-12, atol=0)
