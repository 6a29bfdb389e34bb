"""Plain errors of a polar decomposition, in units of eps."""

from math import sqrt
from typing import NamedTuple

from linalgx._core.choose import SIDES, choose
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import adjoint, eigh, eps, hermitian
from linalgx.testing._common import NAN, admit, expect, largest, relative, worst
from linalgx.typing import Array


class PolarErrors(NamedTuple):
    """Errors of a polar decomposition in units of eps."""

    orthogonality: float
    backward: float
    symmetry: float
    min_eig: float


def polar_errors(a: Array, u: Array, p: Array, /, *, side: str = "right") -> PolarErrors:
    """Measure a polar decomposition in Frobenius norms, without the factor n of the ratios.

    Use it to compare algorithms; use `polar_ratios` to decide whether a result is right.

    Parameters
    ----------
    a : array, shape (..., m, n)
        The matrix that was decomposed.
    u : array, shape (..., m, n)
        Its factor with orthonormal columns (rows when m < n).
    p : array, shape (..., n, n) or, on the left, (..., m, m)
        Its Hermitian positive semidefinite factor.
    side : str
        ``"right"`` for A = U P, ``"left"`` for A = P U.

    Returns
    -------
    PolarErrors
        With k = min(m, n), all in units of eps and the worst of a batch: ``orthogonality`` =
        ‖UᴴU − I‖_F/√k, ``backward`` = ‖A − U P‖_F/‖A‖_F, ``symmetry`` = ‖P − Pᴴ‖_F/‖P‖_F, and
        ``min_eig`` = λ_min(P)/max|λ(P)|, the smallest of the batch, which rounding makes
        negative for a singular `a`.

    Raises
    ------
    ValueError
        The shapes do not fit, or `side` is not known.

    See Also
    --------
    polar_ratios : LAPACK-style ratios.

    Notes
    -----
    **Method.** The formulas above, on matrices divided by a power of two.

    **Cost.** Two products and one eigendecomposition of P; seven times the memory of `a`.

    **Accuracy.** Measuring adds about one unit. Good algorithms reach 5 for ``orthogonality``,
    10 √max(1, n/256) for ``backward``, 0 for ``symmetry`` and −10 for ``min_eig``.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> error = lx.testing.polar_errors(2 * np.eye(3), np.eye(3), 2 * np.eye(3))
    >>> error.orthogonality, error.backward, error.symmetry
    (0.0, 0.0, 0.0)
    """
    left = choose(side, SIDES, "side")
    xp, (a, u, p), finite = admit({"a": a, "u": u, "p": p})
    m, n = a.shape[-2:]
    order = m if left else n
    expect(u, "u", (*a.shape[:-2], m, n))
    expect(p, "p", (*a.shape[:-2], order, order))
    if not finite:
        return PolarErrors(NAN, NAN, NAN, NAN)
    a, exponent = to_unit_scale(a, xp=xp)
    p, unit = from_unit_scale(p, -exponent, xp=xp), eps(a, xp=xp)
    if not bool(xp.all(xp.isfinite(p))):  # far too large for this matrix
        return PolarErrors(NAN, NAN, NAN, NAN)
    g = adjoint(u, xp=xp) @ u if m >= n else u @ adjoint(u, xp=xp)
    backward = frobenius(a - (p @ u if left else u @ p), xp=xp)
    symmetry = frobenius(p - adjoint(p, xp=xp), xp=xp)
    w = eigh(hermitian(p, xp=xp), xp=xp)[0]
    deviation = frobenius(g - identity_like(g, xp=xp), xp=xp)
    return PolarErrors(
        worst(deviation, xp=xp) / (unit * sqrt(max(min(m, n), 1))),
        relative(backward, frobenius(a, xp=xp), unit, xp=xp),
        relative(symmetry, frobenius(p, xp=xp), unit, xp=xp),
        -relative(largest(-w, xp=xp), largest(xp.abs(w), xp=xp), unit, xp=xp),
    )
