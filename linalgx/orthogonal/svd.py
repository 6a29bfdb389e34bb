"""Singular value decomposition through the polar factor."""

from collections.abc import Callable
from typing import NamedTuple

from linalgx._core.choose import choose
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx._core.signs import column_phases
from linalgx.backend import adjoint, as_matrix, is_complex
from linalgx.orthogonal.eigh import hermitian_eigh
from linalgx.orthogonal.polar import polar
from linalgx.typing import Array, Namespace


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values, right singular vectors as rows."""

    u: Array
    s: Array
    vh: Array


def svd(a: Array, /, *, method: str = "qdwh", check_finite: bool = True) -> SVDResult:
    """Compute the reduced singular value decomposition through the polar factor.

    Meant for large matrices on parallel hardware: polar factors replace the reduction to bidiagonal
    form. On a CPU the svd of the array library is faster.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Any matrix; k = min(m, n).
    method : str
        ``"qdwh"``.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SVDResult
        ``u``, shape (..., m, k), ``s``, shape (..., k), descending, and ``vh``, shape (..., k, n),
        with A = U diag(s) Vᴴ. The largest component of each left singular vector, the first of
        several, is real and positive; vectors of equal singular values are unique only as a
        subspace.

    Raises
    ------
    ValueError
        The method is not known.

    See Also
    --------
    eigh : The second half.
    polar : The first half.

    Notes
    -----
    **Method.** A = U_p P, P = V diag(s) Vᴴ by `eigh`, and U = U_p V. Wide matrices are
    treated as tall ones.

    **Cost.** That of `polar` and of `eigh` of order k, and one product; 17 times the memory
    of a square `a`.

    **Accuracy.** ``svd_ratios(a, u, s, vh)`` below 30. Singular values have errors of eps·s₁, so
    those below that are known in size only; negative ones of that size become zero.

    **Backends.** See :doc:`/backends`; the recursion is steered on the host, matrix by matrix.

    References
    ----------
    Nakatsukasa, Higham, SIAM J. Sci. Comput. 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> u, s, vh = lx.orthogonal.svd(np.asarray([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))
    >>> print(s.round(6))
    [2. 1.]
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    run = choose(method, METHODS, "method")
    a, exponent = to_unit_scale(a, xp=xp)
    if a.shape[-2] >= a.shape[-1]:
        u, s, vh = run(a, xp=xp)
    else:
        v, s, uh = run(adjoint(a, xp=xp), xp=xp)
        u, vh = adjoint(uh, xp=xp), adjoint(v, xp=xp)
    phase = column_phases(u, xp=xp)
    back = xp.conj(phase) if is_complex(u, xp=xp) else phase
    s = from_unit_scale(s[..., None, :], exponent, xp=xp)[..., 0, :]
    return SVDResult(u * back, s, phase.mT * vh)


def _polar_svd(a: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return the factors of a tall matrix; the order of `eigh` is reversed."""
    u, p = polar(a, method="qdwh", check_finite=False)
    w, v = hermitian_eigh(p, xp=xp)
    s, v = xp.flip(xp.maximum(w, xp.zeros_like(w)), axis=-1), xp.flip(v, axis=-1)
    return u @ v, s, adjoint(v, xp=xp)


METHODS: dict[str, Callable[..., tuple[Array, Array, Array]]] = {"qdwh": _polar_svd}
