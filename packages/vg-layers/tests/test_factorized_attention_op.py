"""The op under T-SA and S-SA: its derivatives, what it keeps, and its kernel against the reference."""

import pytest
import torch
from torch.library import opcheck
from vg_layers.ops.factorized_attention import factorized_attention, kernel

AXES = ["time", "space"]
IMPLS = ["torch", "triton"]
SIZES = [(1, 2, 18, 2, 3, 6), (2, 1, 5, 3, 1, 1), (1, 4, 20, 1, 3, 2), (0, 2, 3, 2, 2, 2)]  # b, d, c, t, h, w
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def draw(size, rng, dtype=torch.float64):
    b, d, c, *rest = size
    shapes = [(b, d, *rest), (b, d, *rest), (b, c, *rest)]
    return [torch.randn(shape, dtype=torch.float64, generator=rng).to(dtype).requires_grad_() for shape in shapes]


def whole_maps(query, key, value, along):
    """Eq. 4.1 and 4.3 with all attention maps at once, by PyTorch's own operations."""
    pair, picked = (
        ("bdihw,bdjhw->bhwij", "bhwij,bcjhw->bcihw") if along == "time" else ("bdti,bdtj->btij", "btij,bctj->bcti")
    )
    size = value.shape
    if along == "space":
        query, key, value = (x.flatten(3) for x in (query, key, value))
    return torch.einsum(picked, torch.einsum(pair, query, key).softmax(-1), value).reshape(size)


def penalty_gradients(function, tensors):
    """The gradients of a gradient penalty: second derivatives."""
    first = torch.autograd.grad(function(*tensors).pow(3).sum(), tensors, create_graph=True)
    return torch.autograd.grad(sum(g.square().sum() for g in first), tensors)


def close(found, wanted, dtype):
    torch.testing.assert_close(found, wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.fixture
def small_tiles(monkeypatch):
    """Several tiles along each axis at tiny sizes."""
    monkeypatch.setattr(kernel, "POSITIONS", 16)
    monkeypatch.setattr(kernel, "CHANNELS", 16)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_whole_maps(size, along, impl, rng, small_tiles):
    tensors = draw(size, rng)
    found = factorized_attention(*tensors, along=along, impl=impl)
    wanted = whole_maps(*tensors, along)
    close(found, wanted, torch.float64)
    cotangent = torch.randn(wanted.shape, dtype=torch.float64, generator=rng)
    for a, b in zip(*(torch.autograd.grad(y, tensors, cotangent) for y in (found, wanted)), strict=True):
        close(a, b, torch.float64)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
def test_second_derivatives_are_those_of_whole_maps_and_not_lost(along, impl, rng, small_tiles):
    tensors = draw((1, 2, 3, 3, 2, 2), rng)
    wanted = penalty_gradients(lambda *x: whole_maps(*x, along), tensors)
    found = penalty_gradients(lambda *x: factorized_attention(*x, along=along, impl=impl), tensors)
    assert min(w.abs().max() for w in wanted) > 0.1
    for a, b in zip(found, wanted, strict=True):
        close(a, b, torch.float64)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
def test_first_and_second_derivatives_by_differences(along, impl, rng):
    def apply(*tensors):
        return factorized_attention(*tensors, along=along, impl=impl)

    size, fast = (1, 1, 2, 2, 2, 1), impl == "triton"
    assert torch.autograd.gradcheck(apply, draw(size, rng), fast_mode=fast)
    assert torch.autograd.gradgradcheck(apply, draw(size, rng), fast_mode=fast)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
def test_no_attention_map_is_kept_for_the_backward_pass(along, impl, rng):
    tensors = draw((2, 1, 2, 5, 4, 2), rng)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        factorized_attention(*tensors, along=along, impl=impl)
    assert kept
    assert max(kept) <= tensors[2].numel()  # a map of the batch has 2 * 8 * 5^2 or 2 * 5 * 8^2 numbers, a value 160


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
def test_large_scores_do_not_overflow(along, impl, rng):
    tensors = [100 * x for x in draw((1, 2, 3, 3, 2, 3), rng)]
    close(factorized_attention(*tensors, along=along, impl=impl), whole_maps(*tensors, along), torch.float64)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("along", AXES)
def test_memory_layout_changes_nothing_but_the_layout_of_the_result(along, impl, rng):
    tensors = draw((2, 2, 3, 4, 3, 2), rng)
    last = [x.contiguous(memory_format=torch.channels_last_3d) for x in tensors]
    y = factorized_attention(*last, along=along, impl=impl)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)
    close(y, factorized_attention(*tensors, along=along, impl=impl), torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])  # Triton's interpreter multiplies bfloat16 wrongly
@pytest.mark.parametrize("along", AXES)
def test_kernel_is_close_in_lower_precision(along, dtype, rng, small_tiles):
    exact = draw((1, 3, 20, 3, 5, 4), rng)
    tensors = [x.detach().to(dtype) for x in exact]
    y = factorized_attention(*tensors, along=along, impl="triton")
    assert y.dtype == dtype
    close(y.double(), whole_maps(*(x.double() for x in tensors), along), dtype)


@pytest.mark.parametrize("along", AXES)
def test_only_triton_launches_the_kernel(along, rng, monkeypatch):
    launches = []
    launch = kernel.launch
    monkeypatch.setattr(kernel, "launch", lambda *given: launches.append(given) or launch(*given))
    tensors = draw((1, 1, 2, 2, 2, 2), rng)
    for impl in ("torch", "auto"):
        factorized_attention(*tensors, along=along, impl=impl)
    assert not launches
    factorized_attention(*tensors, along=along, impl="triton")
    assert len(launches) == 1


@pytest.mark.parametrize("along", AXES)
def test_kernel_is_a_proper_operator(along, rng):
    opcheck(kernel.factorized_attention, (*draw((1, 2, 3, 2, 2, 1), rng), along))


def test_what_cannot_be_is_refused(rng):
    query, key, value = draw((1, 2, 4, 3, 2, 2), rng)
    with pytest.raises(ValueError, match="along='frames', wanted 'time' or 'space'"):
        factorized_attention(query, key, value, along="frames")
    with pytest.raises(ValueError, match=r"shapes \(1, 2, 3, 2, 2\), \(1, 2, 3, 2, 2\), \(1, 4, 2, 2, 2\); wanted"):
        factorized_attention(query, key, value[:, :, :2], along="time")
    with pytest.raises(RuntimeError, match="impl='triton' was asked for, but the kernel does not take"):
        factorized_attention(query.cfloat().cdouble(), key, value, along="time", impl="triton")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("along", AXES)
def test_kernel_equals_reference_on_a_gpu(along, dtype, rng):
    tensors = [x.detach().cuda().to(dtype).requires_grad_() for x in draw((2, 32, 256, 16, 32, 32), rng)]
    tensors[0].data *= 0.3
    results = []
    for impl in IMPLS:
        y = factorized_attention(*tensors, along=along, impl=impl)
        results.append((y, *torch.autograd.grad(y.float().square().sum(), tensors)))
    for a, b in zip(*results, strict=True):
        assert (a - b).float().norm() < TOLERANCE[dtype] * b.float().norm()
