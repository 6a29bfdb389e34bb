"""Scaled Newton iteration: one inverse per step.

Legend: X the iterate, g its scaling; X ← (g X + g⁻¹ X⁻ᴴ)/2.
"""

from math import sqrt

from linalgx._core.norms import frobenius, inf_norm, one_norm
from linalgx.backend import adjoint, eps, inv
from linalgx.orthogonal._control import Control, Factors, largest
from linalgx.typing import Array, Namespace

MOST = 20
"""Nine iterations suffice in theory for any matrix in double precision."""


def newton(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return U before polishing; `LinAlgError` for a singular matrix.

    Convergence is quadratic and the polish does the rest, hence the loose test.
    """
    unit, n = eps(a, xp=xp), a.shape[-1]
    limit = sqrt(2.0 * unit ** (1 / 3)) / 1.5
    x, change = xp.asarray(a, copy=True), xp.ones_like(frobenius(a, xp=xp))
    if control.stop(0, x, xp=xp):
        return Factors(x)
    for k in range(1, control.steps(MOST) + 1):
        new = _step(x, change, xp=xp)
        size = frobenius(new, xp=xp)
        change = xp.where(size > 0, frobenius(new - x, xp=xp) / size, 0.0)
        x = new
        done = largest(xp.where(change == change, change, 0.0), xp=xp) * sqrt(n) <= limit
        if control.stop(k, x, xp=xp) or done:
            return Factors(x)
    control.cut = True
    return Factors(x)


def _step(x: Array, change: Array, *, xp: Namespace) -> Array:
    """One step; the scaling by norms is left out once X hardly changes."""
    y = adjoint(inv(x, xp=xp), xp=xp)
    ratio = _size(y, xp=xp) / _size(x, xp=xp)
    g = xp.where(change < 1e-2, xp.ones_like(ratio), ratio**0.5)[..., None, None]
    return 0.5 * (g * x + y / g)


def _size(x: Array, *, xp: Namespace) -> Array:
    """Return √(‖X‖₁‖X‖_∞), between σ_max and √n σ_max."""
    return (one_norm(x, xp=xp) * inf_norm(x, xp=xp)) ** 0.5
