"""The memory bank against eq. 6.5 one image after another, and the released code's bank."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vg_reid.memory import MemoryBank


def unit(rng, n, d=5):
    return F.normalize(torch.randn(n, d, dtype=torch.float64, generator=rng), dim=1)


def test_update_is_equation_6_5_and_rows_stay_of_length_1(rng):
    start, features = unit(rng, 7), unit(rng, 3)
    bank = MemoryBank(start, momentum=0.3)
    bank.update(torch.tensor([5, 0, 2]), features)
    expected = start.clone()
    for image, feature in zip((5, 0, 2), features, strict=True):
        mixed = [0.3 * a + 0.7 * b for a, b in zip(start[image].tolist(), feature.tolist(), strict=True)]
        expected[image] = torch.tensor(mixed, dtype=torch.float64) / sum(value**2 for value in mixed) ** 0.5
    torch.testing.assert_close(bank.vectors, expected, rtol=1e-12, atol=1e-12)


def test_a_fifth_of_the_old_vector_is_kept_by_default(rng):
    bank = MemoryBank(torch.tensor([[1.0, 0.0]]))
    bank.update(torch.tensor([0]), torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(bank.vectors, F.normalize(torch.tensor([[0.2, 0.8]])))


def test_an_image_that_occurs_twice_is_renewed_in_the_order_of_the_batch(rng):
    start, features = unit(rng, 4), unit(rng, 2)
    together, apart = MemoryBank(start), MemoryBank(start)
    together.update(torch.tensor([3, 3]), features)
    for feature in features:
        apart.update(torch.tensor([3]), feature[None])
    torch.testing.assert_close(together.vectors, apart.vectors, rtol=0, atol=0)


def test_bank_is_no_part_of_the_graph(rng):
    start = unit(rng, 4).requires_grad_()
    bank = MemoryBank(start)
    bank.update(torch.tensor([1]), unit(rng, 1).requires_grad_())
    assert not bank.vectors.requires_grad
    assert not list(bank.parameters())
    torch.testing.assert_close(
        start.detach(), unit(torch.Generator().manual_seed(0), 4)
    )  # the caller's is not written to


def test_bank_after_a_batch_is_that_of_the_released_code(fixtures):
    data = {
        key: torch.from_numpy(np.asarray(value)) for key, value in np.load(fixtures / "gcl_memory/memory.npz").items()
    }
    bank = MemoryBank(data["bank_before"], momentum=float(data["momentum"]))
    bank.update(data["indexes"], data["f"])
    torch.testing.assert_close(bank.vectors, data["bank_after"], rtol=1e-5, atol=1e-6)


def test_state_is_tensors_alone_and_comes_back(rng):
    bank = MemoryBank(unit(rng, 4), dataset="market")
    state = bank.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    other = MemoryBank(unit(rng, 4), dataset="market")
    other.load_state_dict(state)
    torch.testing.assert_close(other.vectors, bank.vectors, rtol=0, atol=0)


@pytest.mark.parametrize("inside", [False, True])
def test_bank_of_another_dataset_is_refused(inside, rng):
    def net(rows, dataset):
        bank = MemoryBank(unit(rng, rows), dataset=dataset)
        return nn.ModuleDict({"bank": bank}) if inside else bank

    for rows, dataset, message in (
        (5, "market", r"found a memory bank of \(5, 5\), wanted \(4, 5\)"),
        (4, "duke", "found a memory bank of another data set"),
    ):
        with pytest.raises(ValueError, match=message):
            net(4, "market").load_state_dict(net(rows, dataset).state_dict())


def test_what_does_not_fit_is_refused_and_spoils_nothing(rng):
    bank = MemoryBank(unit(rng, 4))
    before = bank.vectors.clone()
    with pytest.raises(ValueError, match=r"shape \(2, 5\), wanted \(1, 5\)"):
        bank.update(torch.tensor([0]), unit(rng, 2))
    with pytest.raises(ValueError, match="not finite: the bank was left as it was"):
        bank.update(torch.tensor([0, 1]), torch.stack([torch.ones(5), torch.full((5,), torch.nan)]))
    torch.testing.assert_close(bank.vectors, before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("vectors", "momentum", "message"),
    [
        (torch.ones(3), 0.2, r"shape \(3,\), wanted \(n, d\)"),
        (torch.tensor([[1.0, 0.0], [torch.nan, 1.0]]), 0.2, "row 1 has length nan"),
        (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 0.2, "row 1 has length 0"),
        (torch.ones(3, 2), 1.0, "momentum=1, wanted at least 0 and below 1"),
    ],
)
def test_a_bank_that_cannot_be_is_refused(vectors, momentum, message):
    with pytest.raises(ValueError, match=message):
        MemoryBank(vectors, momentum)
