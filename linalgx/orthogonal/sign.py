"""Sign of a Hermitian matrix: its polar factor, made safe for singular matrices."""

from linalgx._core.batching import where_matrix
from linalgx._core.hermitian import require_hermitian, rounding
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like, polish
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import adjoint, as_matrix, eigh, eps, hermitian
from linalgx.orthogonal.polar import polar
from linalgx.typing import Array, Namespace


def sign(a: Array, /, *, check_finite: bool = True) -> Array:
    """Compute the sign of a Hermitian matrix: same eigenvectors, eigenvalues 1 and −1.

    The sign separates the spectrum at zero: (S + I)/2 projects on the eigenvectors of positive
    eigenvalues, the density matrix of physics, and its trace counts them.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    Array
        S, Hermitian to the last bit, with S² = I also when `a` is singular: the sign of zero is
        plus one. Eigenvalues above −δ count as positive, δ = max(n, 10)·eps·‖A‖_F; what lies
        closer to −δ than rounding errors may come out either way.

    Raises
    ------
    ValueError
        `a` is not Hermitian: ‖A − Aᴴ‖_F > max(n, 10)·eps·‖A‖_F.

    See Also
    --------
    polar : The same for general matrices.
    eigh : Repeats the division.

    Notes
    -----
    **Method.** The polar factor of A + δI; the shift is below rounding errors and decides about
    null vectors. Where the factor is not Hermitian to √eps, the matrix is singular to working
    precision, and the sign is taken from an eigendecomposition. The Hermitian part is polished by
    one Newton-Schulz step.

    **Cost.** That of `polar` without P, and two products; at most 14 times the
    memory of `a`.

    **Accuracy.** ‖S² − I‖₁ < 30 n·eps. S itself is as sensitive as the smallest gap at zero: its
    error is about eps·‖A‖/min|w|.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Higham, Functions of Matrices, 2008, chapter 5.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> s = lx.orthogonal.sign(np.asarray([[0.0, 3.0], [3.0, 0.0]]))
    >>> print(s.round(6) + 0.0)
    [[0. 1.]
     [1. 0.]]
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    a, _ = to_unit_scale(a, xp=xp)
    a = require_hermitian(a, "a", xp=xp)
    delta = rounding(a, xp=xp) * frobenius(a, xp=xp, keepdims=True)
    lifted = a + xp.astype(delta, a.dtype) * identity_like(a, xp=xp)
    u = polar(lifted, compute_p=False, check_finite=False)[0]
    s = _repair(a, u, delta, xp=xp)
    return hermitian(polish(s, xp=xp)[0], xp=xp)


def _repair(a: Array, u: Array, delta: Array, *, xp: Namespace) -> Array:
    """Return the Hermitian part of U, and the sign from eigenvectors where U is far from it."""
    s = hermitian(u, xp=xp)
    close = frobenius(u - adjoint(u, xp=xp), xp=xp) <= eps(u, xp=xp) ** 0.5  # NaN is not
    if bool(xp.all(close)):
        return s
    w, v = eigh(a, xp=xp)
    signs = xp.where(w[..., None, :] >= -delta, xp.ones_like(delta), -xp.ones_like(delta))
    return where_matrix(close, s, (v * xp.astype(signs, v.dtype)) @ adjoint(v, xp=xp), xp=xp)
