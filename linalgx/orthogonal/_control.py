"""What the methods of the polar factor share: limit, observer, and the interval they start from.

Legend: X = A/α with ‖X‖₂ ≤ 1; ℓ = lower bound of its singular values; G = XᴴX.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import (
    adjoint,
    as_generator,
    cholesky,
    eps,
    gram,
    host_float,
    qr,
    solve_triangular,
    standard_normal,
)
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Callback, Namespace


class Factors(NamedTuple):
    """What a method returns: U to be polished and certified, or final U and, if wanted, P."""

    u: Array
    p: Array | None = None
    final: bool = False


@dataclass(slots=True)
class Control:
    """The caller's limit and observer, and whether P is wanted.

    `cut` is set by a method that came to the limit before its own test was met, `refused` when
    the observer raised: what it raises, a `LinAlgError` included, belongs to the caller.
    """

    maxiter: int | None
    callback: Callback | None
    batch: tuple[int, ...]
    compute_p: bool
    cut: bool = False
    refused: bool = False

    def steps(self, most: int) -> int:
        """Return the number of iterations allowed to a method that never needs more than `most`."""
        return most if self.maxiter is None else min(most, self.maxiter)

    def stop(self, k: int, x: Array, *, xp: Namespace) -> bool:
        """Show the iterate of step `k`; true when the observer asks to stop."""
        if self.callback is None:
            return False
        x = xp.reshape(x, (*self.batch, *x.shape[-2:]))
        residual = largest(orthogonality(x, xp=xp), xp=xp)
        self.refused = True  # stays so when the observer raises
        stop = notify(self.callback, k, x, residual)
        self.refused = False
        return stop


def orthogonality(x: Array, *, xp: Namespace) -> Array:
    """Return ‖XᴴX − I‖_F/√n per matrix."""
    e = minus_identity(gram(x, xp=xp), xp=xp)
    return frobenius(e, xp=xp) / sqrt(x.shape[-1])


def largest(values: Array, *, xp: Namespace) -> float:
    """Largest of the values of a batch, on the host."""
    return host_float(xp.max(values))


def minus_identity(g: Array, *, xp: Namespace) -> Array:
    """G − I in the place of G, which must be ours; only the diagonals are touched."""
    n = g.shape[-1]
    flat = xp.reshape(g, (*g.shape[:-2], n * n))
    flat[..., :: n + 1] -= 1.0
    return xp.reshape(flat, g.shape)


def all_within(x: Array, limit: float, *, xp: Namespace) -> bool:
    """Whether ‖X‖_F ≤ limit for all matrices; NaN is left to the certificate."""
    size = frobenius(x, xp=xp)
    return largest(xp.where(size == size, size, 0.0), xp=xp) <= limit


def near_isometry(g: Array, limit: float, *, xp: Namespace) -> bool:
    """Whether ‖G − I‖_F ≤ limit for all matrices."""
    return all_within(g - identity_like(g, xp=xp), limit, xp=xp)


def interval(x: Array, *, xp: Namespace) -> tuple[Array, float]:
    """Return X = A/α per matrix and one ℓ ≤ σ_min(X) that holds, about, for all of them.

    Where half of the smallest singular value, as estimated, cannot be told from rounding errors,
    ℓ is eps/10. Cholesky of G resolves down to √eps; only beyond that a QR decomposition is made.
    """
    g = gram(x, xp=xp)
    unit, n = eps(x, xp=xp), x.shape[-1]
    # σ_max² ≤ ‖G‖_F ≤ √n σ_max².
    alpha = xp.sqrt(frobenius(g, xp=xp, keepdims=True))
    x = x / alpha
    try:
        lower = _smallest(cholesky(g / (alpha * alpha), xp=xp), xp=xp)
    except LinAlgError:
        lower = 0.0
    if lower > sqrt(30.0 * unit * sqrt(n)):
        return x, lower / 2
    lower, resolved = 0.0, 30.0 * unit * sqrt(n)
    r = qr(x, xp=xp)[1]
    # σ_min ≤ |r_ii|, so that tiny ones tell all, and the solves below do not overflow.
    if host_float(xp.min(xp.abs(xp.linalg.diagonal(r)))) > resolved:
        lower = _smallest(adjoint(r, xp=xp), xp=xp)
    return x, lower / 2 if lower > resolved else unit / 10


def _smallest(factor: Array, *, xp: Namespace) -> float:
    """Estimate σ_min of L, the least of a batch, by inverse iteration with L Lᴴ.

    It starts from two random vectors and comes out a little too large. Maxima instead of norms:
    squares of the solutions may overflow.
    """
    y = standard_normal((*factor.shape[:-1], 2), as_generator(0), like=factor, xp=xp)
    size = xp.max(xp.abs(y), axis=(-2, -1), keepdims=True)
    for _ in range(4):
        for turn in (False, True):
            y = y / (size * frobenius(y / size, xp=xp, keepdims=True))
            y = solve_triangular(factor, y, lower=True, adjoint=turn, xp=xp)
            size = xp.max(xp.abs(y), axis=(-2, -1), keepdims=True)
    return 1.0 / largest(size * frobenius(y / size, xp=xp, keepdims=True), xp=xp)
