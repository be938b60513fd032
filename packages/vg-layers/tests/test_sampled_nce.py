"""The contrastive loss against loops over eq. 6.6 to 6.8, against the released code's numbers, and its kernels."""

import math

import numpy as np
import pytest
import torch
from torch.library import opcheck
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from vg_layers.ops.sampled_nce import kernel, reference, sampled_nce

ROUTES = ["all rows", "rows fetched", "triton"]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 3e-2}


def draw(rng, b=3, d=5, n=11, k=7, dtype=torch.float64):
    """Positive similarities, queries, bank and negatives; some negatives occur twice."""
    query = F.normalize(torch.randn(b, d, dtype=torch.float64, generator=rng), dim=1)
    memory = F.normalize(torch.randn(n, d, dtype=torch.float64, generator=rng), dim=1)
    positive = 2 * torch.rand(3, b, dtype=torch.float64, generator=rng) - 1
    negatives = torch.randint(n, (b, k), generator=rng)
    return positive.to(dtype).requires_grad_(), query.to(dtype).requires_grad_(), memory.to(dtype), negatives


def slow(positive, query, memory, negatives, temperature):
    """Eq. 6.6 to 6.8 as printed, one pair after another."""
    loss = torch.empty_like(positive)
    for kind in range(len(positive)):
        for b in range(len(query)):
            terms = [torch.exp(query[b] @ memory[row] / temperature) for row in negatives[b]]
            loss[kind, b] = torch.log(1 + sum(terms) / torch.exp(positive[kind, b] / temperature))
    return loss


@pytest.fixture(params=ROUTES)
def loss(request, monkeypatch):
    """The loss by each way of computing it, in several steps at tiny sizes."""
    monkeypatch.setattr(reference, "_ALL_ROWS", 0 if request.param == "rows fetched" else 1 << 20)
    monkeypatch.setattr(reference, "_FETCHED", 32)
    monkeypatch.setattr(kernel, "PICKS", 2)
    monkeypatch.setattr(kernel, "CHANNELS", 2)
    monkeypatch.setattr(kernel, "SHARE", 4)
    impl = "triton" if request.param == "triton" else "torch"
    return lambda *given, **options: sampled_nce(*given, **options, impl=impl)


def test_loss_and_gradients_are_those_of_equations_6_6_to_6_8(loss, rng):
    positive, query, memory, negatives = draw(rng)
    found = loss(positive, query, memory, negatives, temperature=0.3)
    wanted = slow(positive, query, memory, negatives, 0.3)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    cotangent = torch.randn(3, 3, dtype=torch.float64, generator=rng)
    gradients = [torch.autograd.grad(y, (positive, query), cotangent) for y in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def test_one_positive_a_query_is_a_row_of_several(loss, rng):
    positive, *rest = draw(rng)
    together = loss(positive, *rest)
    for row, expected in zip(positive, together, strict=True):
        torch.testing.assert_close(loss(row, *rest), expected, rtol=1e-12, atol=0)


def test_first_and_second_derivatives_by_differences(loss, rng):
    positive, query, memory, negatives = draw(rng, b=2, d=3, n=5, k=4)

    def apply(positive, query):
        return loss(positive, query, memory, negatives, temperature=0.5)

    assert torch.autograd.gradcheck(apply, (positive, query))
    assert torch.autograd.gradgradcheck(apply, (positive, query))


def test_second_derivative_is_not_lost(loss, rng):
    positive, query, memory, negatives = draw(rng)

    def curvature(y):
        (first,) = torch.autograd.grad(y.sum(), query, create_graph=True)
        return torch.autograd.grad(first.square().sum(), query)[0]

    wanted = curvature(slow(positive, query, memory, negatives, 0.3))
    assert wanted.abs().max() > 0.1
    torch.testing.assert_close(curvature(loss(positive, query, memory, negatives, temperature=0.3)), wanted)


def test_loss_is_exact_when_a_pair_is_very_easy_or_very_hard(loss):
    memory = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    query = torch.tensor([[1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    positive = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    easy, _ = loss(positive, query, memory, torch.tensor([[1, 1, 1]]))
    _, hard = loss(positive, query, memory, torch.tensor([[0, 0, 0]]))
    assert easy.item() == pytest.approx(3 * math.exp(-50), rel=1e-12)
    assert hard.item() == pytest.approx(50 + math.log(3), rel=1e-12)


def test_bank_is_a_constant(loss, rng):
    positive, query, memory, negatives = draw(rng)
    before = memory.clone()
    loss(positive, query, memory, negatives).sum().backward()
    torch.testing.assert_close(memory, before, rtol=0, atol=0)
    assert memory.grad is None
    with pytest.raises(ValueError, match="memory wants a gradient"):
        loss(positive, query, memory.requires_grad_(), negatives)


def test_a_bank_that_changes_before_the_backward_pass_is_noticed(loss, rng):
    positive, query, memory, negatives = draw(rng)
    y = loss(positive, query, memory, negatives)
    memory[0] = 0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that an operation makes."""

    size = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):
        result = function(*given, **(named or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.size = max(self.size, tensor.numel())
        return result


def test_rows_of_the_bank_are_never_all_copied_at_once(loss, rng):
    positive, query, memory, negatives = draw(rng, b=4, d=16, n=12, k=10)
    with Largest() as largest:
        loss(positive, query, memory, negatives).sum().backward()
    assert 0 < largest.size <= memory.numel() < negatives.numel() * 16


def test_batch_of_none_is_accepted(loss, rng):
    positive, query, memory, negatives = draw(rng, b=0)
    y = loss(positive, query, memory, negatives)
    assert y.shape == (3, 0)
    assert torch.autograd.grad(y.sum(), query)[0].shape == (0, 5)


def test_precision_is_that_of_the_bank_also_under_autocast(loss, rng):
    positive, query, memory, negatives = draw(rng, dtype=torch.float32)
    exact = loss(positive, query, memory, negatives)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = loss(positive, query, memory, negatives)
    torch.testing.assert_close(same, exact, rtol=0, atol=0)
    rounded = loss(positive.bfloat16(), query.bfloat16(), memory, negatives)
    assert rounded.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_and_sums_of_the_kernels_are_close_in_lower_precision(dtype, rng):
    _, query, memory, negatives = draw(rng, dtype=dtype)
    weights = torch.rand(3, 7, generator=rng).to(dtype)
    rows = memory[negatives].double()
    found = kernel.row_products(query, memory, negatives), kernel.row_sums(weights, memory, negatives)
    wanted = (
        torch.einsum("bd,bkd->bk", query.double(), rows),
        torch.einsum("bk,bkd->bd", weights.double(), rows),
    )
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_only_triton_launches_the_kernels(rng, monkeypatch):
    launches = []
    for name in ("launch_products", "launch_sums"):
        launch = getattr(kernel, name)
        monkeypatch.setattr(
            kernel, name, lambda *given, name=name, launch=launch: launches.append(name) or launch(*given)
        )
    given = draw(rng)
    for impl in ("torch", "auto"):
        sampled_nce(*given, impl=impl).sum().backward()
    assert not launches
    sampled_nce(*given, impl="triton").sum().backward()
    assert launches == ["launch_products", "launch_sums"]


def test_kernels_are_proper_operators(rng):
    _, query, memory, negatives = draw(rng, b=2, d=3, n=4, k=2)
    opcheck(kernel.row_products, (query, memory, negatives))
    opcheck(kernel.row_sums, (torch.rand(2, 2, dtype=torch.float64, requires_grad=True), memory, negatives))


def test_loss_is_that_of_the_released_code(fixtures):
    data = {
        key: torch.from_numpy(np.asarray(value)) for key, value in np.load(fixtures / "gcl_memory/memory.npz").items()
    }
    bank, labels, indexes = data["bank_before"], data["labels"], data["indexes"]
    f, f_new = (data[key].clone().requires_grad_() for key in ("f", "f_new"))
    alike = labels[indexes, None] == labels  # the fixture takes the first of each kind instead of random ones
    negatives = torch.stack([(~row).nonzero()[: int(data["K"]), 0] for row in alike])
    relative = bank[alike.int().argmax(1)]
    positive = torch.stack([(a * b).sum(1) for a, b in ((f_new, bank[indexes]), (f_new, relative), (f, relative))])
    loss = sampled_nce(positive, f_new, bank, negatives, temperature=float(data["temperature"])).mean(1).sum()
    torch.testing.assert_close(loss, data["loss_sum"], rtol=1e-6, atol=0)
    gradients = torch.autograd.grad(loss, (f, f_new))
    torch.testing.assert_close(gradients, (data["grad_f"], data["grad_f_new"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": torch.zeros(3, 4)}, r"shapes \(3, 4\) and \(11, 5\); wanted \(b, d\) and \(n, d\)"),
        ({"negatives": torch.zeros(2, 7, dtype=torch.int64)}, r"torch.int64 \(2, 7\); wanted torch.int64 \(3, K\)"),
        ({"negatives": torch.zeros(3, 7)}, r"negatives are torch.float32 \(3, 7\)"),
        ({"positive": torch.zeros(3, 1)}, r"positive has shape \(3, 1\); wanted \(..., 3\)"),
        ({"temperature": 0.0}, "temperature=0.0, wanted above 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message, rng):
    given = dict(zip(("positive", "query", "memory", "negatives"), draw(rng), strict=True))
    with pytest.raises(ValueError, match=message):
        sampled_nce(**{**given, **change})


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_equal_the_reference_on_a_gpu(dtype, rng):
    positive, query, memory, negatives = (x.cuda() for x in draw(rng, b=16, d=512, n=12936, k=8192))
    query, memory = query.detach().to(dtype).requires_grad_(), memory.to(dtype)
    results = []
    for impl in ("torch", "triton"):
        y = sampled_nce(positive, query, memory, negatives, impl=impl)
        results.append((y, *torch.autograd.grad(y.sum(), query)))
    for a, b in zip(*results, strict=True):
        assert (a - b).float().norm() < TOLERANCE[dtype] * b.float().norm()
