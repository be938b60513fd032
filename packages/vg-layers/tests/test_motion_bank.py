"""The motion bank: orthonormal directions, gradients also where an SVD has none, and what it keeps."""

import copy
import itertools

import pytest
import torch
from torch import Tensor, nn
from vg_layers.ema import Ema
from vg_layers.motion import MotionBank, motion_path

MODES = ["svd", "qr", "cayley"]
SIZES = [(5, 5), (7, 3), (4, 1), (1, 1)]  # dim, n


def bank_of(matrix: Tensor, **settings) -> MotionBank:
    """A bank whose M is `matrix`."""
    bank = MotionBank(matrix.shape[1], matrix.shape[0], **settings).to(matrix.dtype)
    bank.weight.data.copy_(matrix)
    return bank


def lopsided(directions: Tensor, seed: int = 1) -> Tensor:
    """A number that changes when directions turn: of a full basis, no squared norm does."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(directions.shape, dtype=torch.float64, generator=generator).to(directions)
    return (weights * directions).sum() + (weights * directions.square()).sum()


def svd_of(matrix: Tensor) -> Tensor:
    return bank_of(matrix)()


# --- what D is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "size"), list(itertools.product(MODES, SIZES)))
def test_directions_are_orthonormal_as_in_equation_5_1(mode, size):
    dim, n = size
    directions = MotionBank(dim, n, mode).double()()
    assert directions.shape == (n, dim)
    torch.testing.assert_close(directions @ directions.T, torch.eye(n, dtype=torch.float64), rtol=0, atol=1e-12)


def test_defaults_are_the_512_directions_of_section_5_2_5():
    bank = MotionBank()
    assert (bank.weight.shape, bank.mode, bank.order) == ((512, 512), "svd", "ascending")
    assert bank.weight.std().item() == pytest.approx(1, rel=0.01)
    assert repr(bank) == "MotionBank(dim=512, n=512, mode='svd', order='ascending')"


@pytest.mark.parametrize("size", SIZES)
def test_directions_are_eigenvectors_of_m_transposed_m_and_the_last_has_the_largest_singular_value(size, rng):
    dim, n = size
    matrix = torch.randn(n, dim, dtype=torch.float64, generator=rng)
    directions, gram = svd_of(matrix), matrix.T @ matrix
    stretched = directions @ gram
    values = (stretched * directions).sum(1)
    torch.testing.assert_close(stretched, values.unsqueeze(1) * directions, rtol=1e-10, atol=1e-10)
    largest = torch.linalg.eigvalsh(gram)[-n:]  # ascending
    torch.testing.assert_close(values, largest, rtol=1e-10, atol=1e-10)
    other_way = bank_of(matrix, order="descending")()
    torch.testing.assert_close(other_way, directions.flip(0), rtol=0, atol=0)


def test_directions_of_an_svd_depend_on_m_only_through_m_transposed_m(rng):
    """So the signs that a library gives to U and V cannot matter."""
    matrix = torch.randn(6, 6, dtype=torch.float64, generator=rng)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=rng))
    for other in (-matrix, turn @ matrix, matrix.flip(0)):
        torch.testing.assert_close(svd_of(other), svd_of(matrix), rtol=0, atol=1e-10)
    assert (svd_of(matrix).sum(1) > 0).all()


def test_directions_do_not_change_their_sign_while_m_moves(rng):
    """Of a plain SVD of width 512, a fifth do when each entry of M moves by 0.002."""
    bank, matrix = MotionBank(12).double(), torch.randn(12, 12, dtype=torch.float64, generator=rng)
    drift = 0.02 * torch.randn(12, 12, dtype=torch.float64, generator=rng)
    turns = {"bank": 0, "each matrix by itself": 0}
    kept = alone = None
    for step in range(40):
        bank.weight.data.copy_(matrix + step * drift)
        before, kept = (kept, alone), bank().detach()
        alone = svd_of(bank.weight.data)
        if step:
            turns["bank"] += ((before[0] * kept).sum(1) < 0).sum().item()
            turns["each matrix by itself"] += ((before[1] * alone).sum(1) < 0).sum().item()
    assert turns["each matrix by itself"] > 3
    assert turns["bank"] == 0
    restored = MotionBank(12).double().eval()
    restored.load_state_dict(bank.state_dict())
    assert torch.equal(restored(), kept)


def test_qr_is_gram_schmidt_of_the_rows(rng):
    matrix = torch.randn(4, 6, dtype=torch.float64, generator=rng)
    rows = []
    for row in matrix:
        rest = row - sum((row @ before) * before for before in rows)
        rows.append(rest / rest.norm())
    torch.testing.assert_close(bank_of(matrix, mode="qr")(), torch.stack(rows), rtol=1e-10, atol=1e-10)


def test_cayley_is_the_transform_of_the_skew_part(rng):
    matrix = torch.randn(5, 5, dtype=torch.float64, generator=rng)
    directions = bank_of(matrix, mode="cayley")()
    skew, eye = (matrix - matrix.T) / 5**0.5, torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close((eye + skew) @ directions, eye - skew, rtol=1e-10, atol=1e-10)
    assert torch.linalg.det(directions).item() == pytest.approx(1)
    fewer = torch.cat([matrix[:2], torch.zeros(3, 5, dtype=torch.float64)])
    torch.testing.assert_close(
        bank_of(matrix[:2], mode="cayley")(), bank_of(fewer, mode="cayley")()[:2], rtol=1e-10, atol=1e-10
    )


# --- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "size"), list(itertools.product(MODES, [(4, 4), (5, 2), (3, 1)])))
def test_first_and_second_derivatives_are_those_of_finite_differences(mode, size, rng):
    dim, n = size
    bank = MotionBank(dim, n, mode).double()
    matrix = torch.randn(n, dim, dtype=torch.float64, generator=rng, requires_grad=True)

    def directions(matrix):
        return torch.func.functional_call(bank, {"weight": matrix}, ())

    assert torch.autograd.gradcheck(directions, matrix)
    assert torch.autograd.gradgradcheck(directions, matrix)


def test_gradient_of_a_float32_bank_is_that_of_a_float64_bank(rng):
    """An SVD in float32 is off by percents at width 512, and by more than this already at 64."""
    matrix = torch.randn(64, 64, generator=rng)
    gradients = []
    for bank in (bank_of(matrix), bank_of(matrix.double())):
        lopsided(bank()).backward()
        gradients.append(bank.weight.grad.double())
    assert gradients[0].isfinite().all()
    assert (gradients[0] - gradients[1]).norm() < 1e-5 * gradients[1].norm()


def degenerate(rng) -> dict[str, Tensor]:
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=rng, dtype=torch.float64))
    return {
        "identity": torch.eye(6, dtype=torch.float64),
        "orthogonal": turn,
        "orthogonal rows": turn[:3],
        "scaled orthogonal": 1e-12 * turn,
        "zero": torch.zeros(6, 6, dtype=torch.float64),
        "zero, few directions": torch.zeros(2, 6, dtype=torch.float64),
        "one": torch.ones(4, 6, dtype=torch.float64),
        "rank 2": torch.randn(6, 2, generator=rng, dtype=torch.float64) @ torch.randn(2, 6, generator=rng).double(),
        "two equal values": turn @ torch.diag(torch.tensor([5.0, 2, 2, 1, 0.5, 0.1]).double()) @ turn.T,
    }


@pytest.mark.parametrize("mode", ["svd", "cayley"])
def test_first_and_second_gradients_are_finite_for_any_matrix(mode, rng):
    for name, matrix in degenerate(rng).items():
        bank = bank_of(matrix, mode=mode)
        directions = bank()
        eye = torch.eye(len(matrix), dtype=torch.float64)
        torch.testing.assert_close(directions @ directions.T, eye, rtol=0, atol=1e-12, msg=name)
        (first,) = torch.autograd.grad(lopsided(directions), bank.weight, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), bank.weight)
        assert first.isfinite().all(), name
        assert second.isfinite().all(), name


def test_the_derivative_of_a_plain_svd_is_not_finite_there():
    matrix = torch.eye(6, dtype=torch.float64, requires_grad=True)
    lopsided(torch.linalg.svd(matrix).Vh).backward()
    assert not matrix.grad.isfinite().all()


def test_equal_singular_values_do_not_disturb_the_gradient_of_another_direction(rng):
    matrix = degenerate(rng)["two equal values"].requires_grad_()

    def last(matrix):  # of singular value 5, which is alone
        return torch.func.functional_call(bank_of(matrix.detach()), {"weight": matrix}, ())[-1]

    assert torch.autograd.gradcheck(last, matrix)


def test_qr_refuses_a_matrix_without_full_rank_since_its_gradient_would_not_be_finite(rng):
    with pytest.raises(ValueError, match=r"M \(4, 6\) has dependent rows, wanted rank 4"):
        bank_of(degenerate(rng)["one"], mode="qr")()


@pytest.mark.gpu
@pytest.mark.parametrize("mode", MODES)
def test_directions_and_gradients_on_a_gpu_are_those_on_a_cpu(mode, rng):
    results = []
    matrix = torch.randn(512, 512, generator=rng)
    for device in ("cpu", "cuda"):
        bank = bank_of(matrix.to(device), mode=mode).to(device)
        directions = bank()
        lopsided(directions).backward()
        results.append((directions.detach().cpu(), bank.weight.grad.cpu()))
    torch.testing.assert_close(results[1][0], results[0][0], rtol=0, atol=1e-5)
    assert (results[1][1] - results[0][1]).norm() < 1e-4 * results[0][1].norm()


# --- precision and what is kept ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_autocast_does_not_round_directions_or_paths(mode, rng):
    bank = MotionBank(16, 5, mode)
    start, magnitudes = torch.randn(2, 16, generator=rng), torch.randn(2, 7, 5, generator=rng)
    exact = motion_path(start, magnitudes, bank())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        directions = bank()
        path = motion_path(start, magnitudes, directions)
        rounded = motion_path(start, magnitudes.bfloat16(), directions)  # as a network under autocast returns them
    assert directions.dtype == path.dtype == rounded.dtype == torch.float32
    torch.testing.assert_close(directions, bank(), rtol=0, atol=0)
    torch.testing.assert_close(path, exact, rtol=0, atol=0)


def test_directions_are_kept_in_eval_mode_and_are_no_state():
    bank = MotionBank(6).eval()
    with torch.no_grad():
        kept = bank()
        assert bank() is kept
    assert list(bank.state_dict()) == ["weight", "facing"]
    assert list(MotionBank(6, mode="qr").state_dict()) == ["weight"]
    assert bank().requires_grad, "with gradients the graph of D is needed, and is new each time"
    assert bank.train()() is not bank()


def test_directions_follow_every_change_of_the_matrix(rng):
    bank, other = MotionBank(6).eval(), MotionBank(6)
    with torch.no_grad():
        before = bank()
        bank.weight.add_(torch.rand(6, 6, generator=rng))
        changed = bank()
        assert not torch.equal(changed, before)
        bank.load_state_dict(other.state_dict())
        assert torch.equal(bank(), other())
        for assign in (False, True):  # as part of a network
            net = copy.deepcopy(nn.Sequential(bank))
            net[0]()
            net.load_state_dict({"0.weight": torch.eye(6), "0.facing": torch.ones(6, 6)}, assign=assign)
            assert torch.equal(net[0](), torch.eye(6).flip(0))
        bank.weight.data = torch.eye(6)  # behind its back, so nothing tells
        assert torch.equal(bank.train().eval()(), torch.eye(6).flip(0))
        assert bank.double()().dtype == torch.float64


def test_directions_of_an_average_follow_its_updates(rng):
    """The averaged network is always in eval mode, and nobody calls `train` on it."""
    bank = MotionBank(6)
    ema = Ema(bank, decay=0.5)
    with torch.no_grad():
        for _ in range(3):
            bank.weight.add_(0.1 * torch.rand(6, 6, generator=rng))
            directions = bank()
            ema.update(bank)
            average = ema.module()
            torch.testing.assert_close(average.abs(), svd_of(ema.module.weight).abs(), rtol=0, atol=0)
            assert ((average * directions).sum(1) > 0).all(), "signs are those that the networks were trained with"


def test_directions_kept_in_inference_mode_serve_with_gradients_later(rng):
    bank = MotionBank(4).eval().requires_grad_(False)
    with torch.inference_mode():
        kept = bank()
    magnitudes = torch.randn(1, 3, 4, generator=rng, requires_grad=True)
    assert bank() is kept
    motion_path(torch.zeros(1, 4), magnitudes, kept).sum().backward()
    assert magnitudes.grad.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 9}, "n=9 directions, wanted 1 to dim=8"),
        ({"n": 0}, "n=0 directions"),
        ({"mode": "eigh"}, "mode='eigh', wanted 'svd', 'qr' or 'cayley'"),
        ({"order": "random"}, "order='random', wanted 'ascending' or 'descending'"),
        ({"mode": "qr", "order": "descending"}, "order='descending' is of singular values, which mode='qr'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MotionBank(8, **settings)


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(2, 5, 4, 4), (3, 1, 6, 2), (1, 2, 1, 1), (0, 3, 4, 2)])  # b, t, d, n
def test_a_path_is_the_sum_of_equation_5_4_and_the_steps_of_equation_5_3(size, rng):
    b, t, d, n = size
    start = torch.randn(b, d, dtype=torch.float64, generator=rng)
    magnitudes = torch.randn(b, t - 1, n, dtype=torch.float64, generator=rng)
    directions = MotionBank(d, n).double()()
    path = motion_path(start, magnitudes, directions)
    assert path.shape == (b, t, d)
    assert torch.equal(path[:, 0], start)
    for k, s in itertools.product(range(b), range(1, t)):
        moved = sum(magnitudes[k, j, i] * directions[i] for i in range(n) for j in range(s))
        torch.testing.assert_close(path[k, s], start[k] + moved, rtol=1e-10, atol=1e-10)
        step = sum(magnitudes[k, s - 1, i] * directions[i] for i in range(n))
        torch.testing.assert_close(path[k, s], path[k, s - 1] + step, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_first_and_second_derivatives_of_a_path(leak, rng):
    inputs = [
        torch.randn(size, dtype=torch.float64, generator=rng, requires_grad=True)
        for size in [(1, 3), (1, 2, 2), (2, 3)]
    ]
    assert torch.autograd.gradcheck(lambda *inputs: motion_path(*inputs, leak), inputs)
    assert torch.autograd.gradgradcheck(lambda *inputs: motion_path(*inputs, leak), inputs)


@pytest.mark.parametrize("leak", [0.0, 1e-9, 0.25, 1.0])
def test_a_leak_takes_a_share_of_the_way_at_each_transition(leak, rng):
    start = torch.randn(2, 3, dtype=torch.float64, generator=rng)
    magnitudes = torch.randn(2, 2000, 2, dtype=torch.float64, generator=rng)  # a share to the power of 2000 is 0
    directions = MotionBank(3, 2).double()()
    path = motion_path(start, magnitudes, directions, leak)
    way = torch.zeros(2, 3, dtype=torch.float64)
    for time, row in enumerate(magnitudes.unbind(1), start=1):
        way = (1 - leak) * way + row @ directions
        torch.testing.assert_close(path[:, time], start + way, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("leak", [-0.1, 1.1])
def test_a_leak_outside_0_to_1_is_refused(leak):
    with pytest.raises(ValueError, match=f"leak={leak}, wanted 0 to 1"):
        motion_path(torch.zeros(1, 2), torch.zeros(1, 1, 2), torch.eye(2), leak)


def test_a_path_reaches_the_matrix_with_its_gradient(rng):
    bank = MotionBank(5, 3)
    path = motion_path(torch.randn(2, 5, generator=rng), torch.randn(2, 4, 3, generator=rng), bank())
    lopsided(path).backward()
    assert bank.weight.grad.norm() > 0


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 4), (2, 3, 3), (4, 4)),
        ((2, 4), (1, 3, 4), (4, 4)),
        ((2, 4), (2, 4), (4, 4)),
        ((4,), (2, 3, 4), (4, 4)),
        ((2, 4), (2, 3, 4), (4,)),
        ((2, 5), (2, 3, 4), (4, 4)),
    ],
)
def test_paths_of_shapes_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match=r"do not fit, wanted \(b, d\), \(b, t - 1, n\) and \(n, d\)"):
        motion_path(*(torch.zeros(shape) for shape in shapes))
