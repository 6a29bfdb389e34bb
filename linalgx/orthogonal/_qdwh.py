"""QDWH: dynamically weighted Halley iteration; QR and Cholesky factorizations only.

Legend: X the iterate, ‖X‖₂ ≤ 1; ℓ lower bound of its singular values; a, b, c weights.
"""

from math import sqrt

from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, cholesky, eps, gram, qr, solve_triangular
from linalgx.orthogonal._control import Control, Factors, all_within, interval
from linalgx.orthogonal._weights import LIMIT, qdwh_rows
from linalgx.typing import Array, Namespace

MOST = 12
"""Six iterations suffice; more are for a lower bound that was too large."""


def qdwh(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return U before polishing.

    The test on the change of X notices when the lower bound was too large, which the recurrence
    for ℓ cannot. Convergence is cubic and the polish squares, so eps^(1/6) is small enough.
    """
    unit, n = eps(a, xp=xp), a.shape[-1]
    x, lower = interval(a, xp=xp)
    rows = qdwh_rows(lower, sqrt(unit))
    if control.stop(0, x, xp=xp):
        return Factors(x)
    for k in range(1, control.steps(MOST) + 1):
        new = _step(x, *(rows[k - 1] if k <= len(rows) else LIMIT), xp=xp)
        done = k >= len(rows) and all_within(new - x, unit ** (1 / 6) * 2.0 * sqrt(n), xp=xp)
        x = new
        if control.stop(k, x, xp=xp) or done:
            return Factors(x)
    control.cut = True
    return Factors(x)


def _step(x: Array, a: float, b: float, c: float, *, xp: Namespace) -> Array:
    """X (aI + b XᴴX)(I + c XᴴX)⁻¹; Cholesky is accurate while c is moderate."""
    if c > 100.0:
        return (b / c) * x + ((a - b / c) / sqrt(c)) * _by_qr(x, sqrt(c), xp=xp)
    return (b / c) * x + (a - b / c) * _by_cholesky(x, c, xp=xp)


def _by_qr(x: Array, root: float, *, xp: Namespace) -> Array:
    """√c X (I + c XᴴX)⁻¹ = Q₁Q₂ᴴ with [√c X; I] = [Q₁; Q₂] R.

    The larger block stands on top; the other order loses all accuracy for large c.
    """
    n = x.shape[-1]
    eye = xp.broadcast_to(identity_like(x, xp=xp), x.shape)
    q, _ = qr(xp.concat([root * x, eye], axis=-2), xp=xp)
    return q[..., :n, :] @ adjoint(q[..., n:, :], xp=xp)


def _by_cholesky(x: Array, c: float, *, xp: Namespace) -> Array:
    """X (I + c XᴴX)⁻¹ with I + c XᴴX = L Lᴴ."""
    factor = cholesky(identity_like(x, xp=xp) + c * gram(x, xp=xp), xp=xp)
    y = solve_triangular(factor, adjoint(x, xp=xp), lower=True, xp=xp)
    return adjoint(solve_triangular(factor, y, lower=True, adjoint=True, xp=xp), xp=xp)
