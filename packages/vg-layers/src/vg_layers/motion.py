"""The motion bank and the paths it spans in latent space: linear motion decomposition (5.2.1, 5.2.2)."""

from collections.abc import Callable
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BankMode = Literal["svd", "qr", "cayley"]
BankOrder = Literal["ascending", "descending"]

_BLUR = 1e-9  # below this share of the largest, singular values and differences of their squares count as zero


class MotionBank(nn.Module):
    """Motion directions, the orthonormal rows of D (eq. 5.1), as a function of a trained matrix M (5.2.2).

    Call it once in a training step and give the result to all that walks along it. In eval mode D is computed at the
    first call and kept until M changes; what is kept is no part of the state dict. D is computed in float64, whatever
    autocast says, and returned in the dtype of M.

    Args:
        dim: length of a direction; 512 in 5.2.5.
        n: number of directions, 1 to dim; dim unless given.
        mode: what makes rows orthonormal.
            "svd": the right singular vectors of M, D = V^T (5.2.2). The gradient is finite for any M. Singular vectors
            have no sign of their own; each direction keeps the one that it had in the last training step.
            "qr": the rows of M one after another, as in the author's later code. It costs less, and all directions
            change smoothly with M. M has to have rank n, as at random it has.
            "cayley": the first n rows of the rotation (I + A)^-1 (I - A), where A is the skew part of M. Any M will do.
        order: of the singular values that belong to the directions; the thesis says that the last direction has the
            largest (5.3.4). "ascending" is the only order of the modes that have no singular values.
    Attributes:
        weight: M, (n, dim), drawn from N(0, 1).
        facing: only in mode "svd": vectors whose products with the directions are positive, a buffer, (n, dim). At
            first all ones, so that signs do not depend on the machine; then D of the last training step.
    Raises:
        ValueError: if n is outside 1 to dim, mode or order is another, or order is given to a mode that has none.
    """

    facing: Tensor

    def __init__(
        self, dim: int = 512, n: int | None = None, mode: BankMode = "svd", order: BankOrder = "ascending"
    ) -> None:
        super().__init__()
        n = dim if n is None else n
        if not 1 <= n <= dim:
            raise ValueError(f"n={n} directions, wanted 1 to dim={dim}: no more can be orthonormal")
        if mode not in ("svd", "qr", "cayley"):
            raise ValueError(f"mode={mode!r}, wanted 'svd', 'qr' or 'cayley'")
        if order not in ("ascending", "descending"):
            raise ValueError(f"order={order!r}, wanted 'ascending' or 'descending'")
        if mode != "svd" and order != "ascending":
            raise ValueError(f"order={order!r} is of singular values, which mode={mode!r} does not have")
        self.mode = mode
        self.order = order
        self.weight = nn.Parameter(torch.randn(n, dim))
        if mode == "svd":
            self.register_buffer("facing", torch.ones(n, dim))
        self._kept: tuple[int, Tensor] | None = None  # the version of M, and its D
        self.register_load_state_dict_post_hook(_forget)

    def forward(self) -> Tensor:
        """Return D, (n, dim), whose row i is the direction d_i.

        Raises:
            ValueError: in mode "qr", if M has not rank n.
        """
        if self.training or (torch.is_grad_enabled() and self.weight.requires_grad):
            return self._directions()
        version = self.weight._version  # in-place changes, such as those of `Ema`, count it up
        if self._kept is None or self._kept[0] != version:
            with torch.inference_mode(False), torch.no_grad():
                self._kept = version, self._directions()
        return self._kept[1]

    def extra_repr(self) -> str:
        """Show the settings in `print(bank)`."""
        n, dim = self.weight.shape
        return f"dim={dim}, n={n}, mode={self.mode!r}, order={self.order!r}"

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or to eval mode; either way D will be computed anew."""
        self._kept = None
        return super().train(mode)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        """What `to`, `half`, `cuda` and the like call."""
        self._kept = None
        return super()._apply(fn, recurse)

    def _directions(self) -> Tensor:
        matrix = self.weight.double()  # which autocast leaves alone
        if self.mode == "qr":
            directions = _orthonormalized(matrix)
        elif self.mode == "cayley":
            directions = _rotation(matrix)
        else:
            directions = _SVD.apply(matrix)[2]  # V^T, the largest singular value first
            directions = directions.flip(0) if self.order == "ascending" else directions
            turned = (directions.detach() * self.facing).sum(1, keepdim=True) < 0
            directions = torch.where(turned, -directions, directions)
            if self.training:
                self.facing.copy_(directions.detach())
        return directions.to(self.weight.dtype)


def motion_path(start: Tensor, magnitudes: Tensor, directions: Tensor, leak: float = 0.0) -> Tensor:
    """Walk in latent space along motion directions: w_t = w_0 + sum over j < t of A_j D (eq. 5.4; one step is eq. 5.2).

    5.2.2 cites this as Equation 5.8, which is the linear walk of 5.3.4; here A_j, j from 0, leads from w_j to w_(j+1).

    Args:
        start: w_0, the appearance code, (b, d).
        magnitudes: A_0 to A_(t-2), one row for each transition, any sign, (b, t - 1, n).
        directions: D, orthonormal rows (eq. 5.1), (n, d).
        leak: share of the way from w_0 that is lost at each transition, 0 to 1, so that long paths stay near; none in
            eq. 5.4.
    Returns:
        w_0 to w_(t-1), (b, t, d), summed in the dtype of `directions` also under autocast. The first is `start`.
    Raises:
        ValueError: if b, n or d differ between the arguments, or the leak is outside 0 to 1.
    """
    if not 0 <= leak <= 1:
        raise ValueError(f"leak={leak}, wanted 0 to 1")
    fit = (start.ndim, magnitudes.ndim, directions.ndim) == (2, 3, 2) and start.shape[1] == directions.shape[1]
    if not fit or magnitudes.shape[::2] != (len(start), len(directions)):
        raise ValueError(
            f"start {tuple(start.shape)}, magnitudes {tuple(magnitudes.shape)} and directions "
            f"{tuple(directions.shape)} do not fit, wanted (b, d), (b, t - 1, n) and (n, d)"
        )
    with torch.autocast(directions.device.type, enabled=False):
        first, magnitudes = start.to(directions).unsqueeze(1), magnitudes.to(directions)
        walked = _leaky_sum(magnitudes, leak) if leak else magnitudes.cumsum(1)
        return torch.cat([first, first + walked @ directions], dim=1)


def _leaky_sum(x: Tensor, leak: float) -> Tensor:
    """Sums along axis 1 of (b, t, n), each made of the one before times 1 - leak."""
    times = torch.arange(x.shape[1], device=x.device)
    ages = times.unsqueeze(1) - times  # of each summand (column) at each time (row)
    return torch.where(ages < 0, 0, x.new_tensor(1 - leak) ** ages.clamp_min(0)) @ x


def _forget(bank: MotionBank, _: Any) -> None:
    """Drop the kept D after `load_state_dict`."""
    bank._kept = None


def _orthonormalized(matrix: Tensor) -> Tensor:
    """The rows of M, orthonormalized in their order."""
    q, r = torch.linalg.qr(matrix.mT)
    lengths = r.detach().diagonal()  # what was left of each row when those before it were taken out, up to a sign
    if lengths.abs().min() <= 1e-12 * lengths.abs().max():
        raise ValueError(f"M {tuple(matrix.shape)} has dependent rows, wanted rank {len(matrix)}: 'svd' takes any M")
    return q.mT * lengths.sign().unsqueeze(1)


def _rotation(matrix: Tensor) -> Tensor:
    """The first rows of (I + A)^-1 (I - A), for A the skew part of M with rows of zeros below it."""
    n, dim = matrix.shape
    square = F.pad(matrix, (0, 0, 0, dim - n)) / dim**0.5  # so that random angles spread over the circle
    skew, eye = square - square.mT, torch.eye(dim, dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.solve(eye + skew, eye - skew)[:n]


class _SVD(torch.autograd.Function):
    """M = U S V^T for M (n, d), n <= d, with finite derivatives, also where the exact ones are not.

    The exact ones divide by singular values and by differences of their squares. Here 1/x is x / (x^2 + e^2): the same
    to many digits unless x is tiny, and 0 where x is 0.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        ctx.save_for_backward(u, s, vh)
        return u, s, vh

    @staticmethod
    def backward(ctx: Any, grad_u: Tensor, grad_s: Tensor, grad_vh: Tensor) -> Tensor:  # type: ignore[override]
        u, s, vh = ctx.saved_tensors
        squares = s.square()
        inverse_gaps = _blurred_inverse(squares - squares.unsqueeze(1), squares[0].detach())
        turn_u, turn_v = u.mT @ grad_u, vh @ grad_vh.mT
        core = inverse_gaps * (turn_u - turn_u.mT) * s  # columns times s
        core = core + s.unsqueeze(1) * inverse_gaps * (turn_v - turn_v.mT) + torch.diag(grad_s)
        outside = _blurred_inverse(s, s[0].detach()).unsqueeze(1) * (grad_vh - turn_v.mT @ vh)  # nothing when n = d
        return u @ (core @ vh + outside)


def _blurred_inverse(x: Tensor, largest: Tensor) -> Tensor:
    """1 / x, and 0 for an x that is nothing beside `largest`."""
    return x / (x.square() + (_BLUR * largest).square()).clamp_min(torch.finfo(x.dtype).tiny)
