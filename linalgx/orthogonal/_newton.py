"""Scaled Newton iteration: one inverse per step.

Legend: X the iterate, g its scaling; X ← (g X + g⁻¹ X⁻ᴴ)/2.
"""

from math import sqrt

from linalgx._core.norms import frobenius, inf_norm, one_norm
from linalgx.backend import adjoint, device_of, eps, inv
from linalgx.errors import LinAlgError
from linalgx.orthogonal._control import Control, Factors, largest
from linalgx.typing import Array, Namespace

MOST = 20
"""Nine iterations suffice in theory for any matrix in double precision."""


def newton(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return U before polishing; `LinAlgError` for a numerically singular matrix.

    Convergence is quadratic and the polish does the rest, hence the loose test.
    """
    unit, n = eps(a, xp=xp), a.shape[-1]
    limit = sqrt(2.0 * unit ** (1 / 3)) / 1.5
    x, change = xp.asarray(a, dtype=a.dtype, device=device_of(a), copy=True), 1.0
    if control.stop(0, x, xp=xp):
        return Factors(x)
    for k in range(1, control.steps(MOST) + 1):
        y = adjoint(inv(x, xp=xp), xp=xp)
        ratio = _size(y, xp=xp) / _size(x, xp=xp)
        # The first inverse shows the condition number; its square must not overflow.
        if k == 1 and not largest(ratio * _size(x, xp=xp) ** 2, xp=xp) <= 10.0 * n / unit:
            raise LinAlgError("the matrix is numerically singular")
        # Scaling is left out once X hardly changes.
        g = ratio**0.5 if change > 1e-2 else xp.ones_like(ratio)
        new = 0.5 * (g * x + y / g)
        change = _change(new, x, xp=xp)
        x = new
        if control.stop(k, x, xp=xp) or change * sqrt(n) <= limit:
            return Factors(x)
    control.cut = True
    return Factors(x)


def _size(x: Array, *, xp: Namespace) -> Array:
    """Return √(‖X‖₁‖X‖_∞), between σ_max and √n σ_max; the roots first, against overflow."""
    columns, rows = (norm(x, xp=xp, keepdims=True) for norm in (one_norm, inf_norm))
    return xp.sqrt(columns) * xp.sqrt(rows)


def _change(new: Array, x: Array, *, xp: Namespace) -> float:
    """Largest relative change in a batch."""
    return largest(frobenius(new - x, xp=xp) / frobenius(new, xp=xp), xp=xp)
