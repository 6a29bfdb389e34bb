"""Hermitian eigendecomposition by spectral divide and conquer with the polar factor."""

from collections.abc import Callable
from typing import NamedTuple

from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx._core.choose import choose
from linalgx._core.hermitian import require_hermitian
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx._core.signs import fix_signs
from linalgx.backend import as_matrix
from linalgx.backend import eigh as direct_eigh
from linalgx.orthogonal._divide import BASE, divide_and_conquer
from linalgx.typing import Array, Namespace


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors as columns."""

    w: Array
    v: Array


def eigh(a: Array, /, *, method: str = "qdwh", check_finite: bool = True) -> EighResult:
    """Compute eigenvalues and eigenvectors of a Hermitian matrix by spectral division.

    Meant for large matrices on parallel hardware: polar factors, made of products, QR and Cholesky
    decompositions, replace the reduction to tridiagonal form. On a CPU the eigh of the array
    library is faster.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding.
    method : str
        ``"qdwh"``.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    EighResult
        ``w``, shape (..., n), ascending, and ``v``, shape (..., n, n), with A = V diag(w) Vᴴ.
        The largest component of each eigenvector, the first of several, is real and positive;
        vectors of equal eigenvalues are unique only as a subspace.

    Raises
    ------
    ValueError
        `a` is not Hermitian: ‖A − Aᴴ‖_F > max(n, 10)·eps·‖A‖_F; or the method is not known.

    See Also
    --------
    sign : The divider.
    svd : Singular values by the same means.

    Notes
    -----
    **Method.** The sign U of A − sI, s the median of the diagonal, gives the projector
    (U + I)/2 on the eigenvectors above s, and QR bases V₁, V₂ of its range and of the rest. The cut
    is accepted when ‖V₂ᴴ A V₁‖_F ≤ 10 eps ‖A‖_F; otherwise the range is multiplied by the projector
    and orthogonalized again, at most twice, then another shift is tried, then the library's own
    eigh. The blocks Vᵢᴴ A Vᵢ are treated in the same way until their order is at most 256.

    **Cost.** One polar factor of each block, about 40 n³ flops for balanced cuts; spectra over
    many orders of magnitude give unbalanced cuts and cost more. About 14 times the
    memory of `a`.

    **Accuracy.** ``eigh_ratios(a, w, v)`` below 30. Each cut contributes up to 10 eps ‖A‖_F.

    **Backends.** See :doc:`/backends`; the recursion is steered on the host, matrix by matrix.

    References
    ----------
    Nakatsukasa, Higham, SIAM J. Sci. Comput. 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> w, v = lx.orthogonal.eigh(np.asarray([[2.0, 1.0], [1.0, 2.0]]))
    >>> print(w.round(6), v[:, 1].round(6))
    [1. 3.] [0.707107 0.707107]
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    run = choose(method, METHODS, "method")
    a, exponent = to_unit_scale(a, xp=xp)
    w, v = run(require_hermitian(a, "a", xp=xp), xp=xp)
    w = from_unit_scale(w[..., None, :], exponent, xp=xp)[..., 0, :]
    return EighResult(w, fix_signs(v, xp=xp))


def hermitian_eigh(a: Array, *, base: int = BASE, xp: Namespace) -> tuple[Array, Array]:
    """Treat each matrix of a batch; ranks differ, so cuts cannot be shared."""
    if a.shape[-1] <= base or 0 in a.shape:
        return direct_eigh(a, xp=xp)
    flat, batch = flatten_batch(a, xp=xp)
    parts = [divide_and_conquer(flat[k, ...], base=base, xp=xp) for k in range(flat.shape[0])]
    w, v = (xp.stack([part[i] for part in parts]) for i in (0, 1))
    return xp.reshape(w, (*batch, -1)), unflatten_batch(v, batch, xp=xp)


METHODS: dict[str, Callable[..., tuple[Array, Array]]] = {"qdwh": hermitian_eigh}
