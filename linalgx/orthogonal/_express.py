"""The Polar Express run to full accuracy: matrix products only.

Legend: X the iterate, ‖X‖₂ ≤ 1; ℓ lower bound of its singular values; G = XᴴX; (a, b, c) the
coefficients of one odd quintic step X (aI + bG + cG²).
"""

from linalgx._core.polish import identity_like
from linalgx.backend import gram, hermitian_square
from linalgx.orthogonal._control import Control, Factors, interval, near_isometry
from linalgx.orthogonal.coefficients import polar_express_coefficients
from linalgx.typing import Array, Namespace

MOST = 40
"""About 28 iterations suffice for any matrix in double precision."""

NEWTON_SCHULZ = (1.875, -1.25, 0.375)


def polar_express(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return U before polishing; ‖G − I‖_F ≤ 1/10 there, or the certificate will see it.

    A singular value may stay below the rest for long. Hence the test asks for G near I, which
    the iteration has at hand, and not for a small change of X.
    """
    x, lower = interval(a, xp=xp)
    rows = [tuple(map(float, row)) for row in _rows(lower)]
    if control.stop(0, x, xp=xp):
        return Factors(x)
    g = gram(x, xp=xp)
    for k in range(1, control.steps(MOST) + 1):
        row = rows[k - 1] if k <= len(rows) else NEWTON_SCHULZ
        x = _step(x, g, *row, xp=xp)
        g = gram(x, xp=xp)
        if control.stop(k, x, xp=xp) or (k >= len(rows) and near_isometry(g, 0.1, xp=xp)):
            return Factors(x)
    control.cut = True
    return Factors(x)


def _rows(lower: float) -> list[list[float]]:
    """Rows until the smallest singular value has passed 0.9."""
    rows = polar_express_coefficients(MOST, lower=lower, cushion=0.1)
    for k, (a, b, c) in enumerate(rows):
        if lower > 0.9:
            return list(rows[:k])
        lower *= a + b * lower**2 + c * lower**4
    return list(rows)


def _step(x: Array, g: Array, a: float, b: float, c: float, *, xp: Namespace) -> Array:
    """X (aI + bG + cG²)."""
    z = a * identity_like(g, xp=xp) + b * g + c * hermitian_square(g, xp=xp)
    return x @ z
