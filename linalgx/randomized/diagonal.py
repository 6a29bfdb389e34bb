"""Estimates of a diagonal from products."""

from linalgx._core.choose import choose
from linalgx.randomized._estimate import EstimateResult, Estimator, admit_goal, estimated
from linalgx.randomized._hutchinson import DiagonalHutchinson
from linalgx.randomized._xdiag import XDiag
from linalgx.typing import Array, MatrixLike, Namespace, RNGLike

METHODS: dict[str, type[Estimator]] = {"xdiag": XDiag, "hutchinson": DiagonalHutchinson}


def diagonal(
    a: MatrixLike,
    /,
    matvecs: int,
    *,
    method: str = "xdiag",
    rtol: float | None = None,
    atol: float | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> EstimateResult:
    """Estimate the diagonal of a square matrix from products with random vectors.

    For matrices that are known by their products only. Variances of a posterior, leverage scores
    and Jacobi preconditioners of operators are diagonals.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (..., n, n)
        Any square matrix; ``"xdiag"`` needs the adjoint of an operator.
    matvecs : int
        Products with single vectors; the limit for them where there is a tolerance. With n or
        more, all n columns are computed, the diagonal is exact, and ``error`` is 0.
    method : str
        ``"xdiag"``, or ``"hutchinson"``, which is exact for diagonal matrices only and needs
        no adjoint.
    rtol, atol : float, optional
        Double the samples, from 16 products on, until ``error <= atol + rtol*norm(value)``.
    rng : None, int, SeedSequence or Generator
        Source of the test vectors; all matrices of a batch see the same.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    EstimateResult
        ``value``, shape (..., n); ``error``, two standard errors of it in the Euclidean norm and
        rounding, and ``matvecs``, the products that were used.

    Raises
    ------
    ValueError
        The matrix is not square, the method is not known, or there are too few products for it:
        ``"xdiag"`` needs 6, ``"hutchinson"`` 2.
    TypeError
        An operator has no adjoint.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    trace : The sum.

    Notes
    -----
    **Method.** With Y = AΩ for k = matvecs/2 vectors of random signs, or phases, and Q_i an
    orthonormal basis of Y without its column i, the mean of
    diag(Q_iQ_iᴴA) + conj(ω_i) ∘ (I − Q_iQ_iᴴ)Aω_i, all of them from one QR decomposition and the k
    products AᴴQ [1]_. It is exact up to rounding when the rank of A is below k. hutchinson: the
    mean of conj(ω_i) ∘ Aω_i.

    **Cost.** The products, 6nk² flops, and seven times the memory of the n x k samples.

    **Accuracy.** The true error is below ``error`` in 80 to 100 % of calls. It is at most that of
    the best approximation of rank k/2, up to a small factor.

    **Backends.** See :doc:`/backends`; random numbers are drawn on the host, batches in a loop.

    References
    ----------
    .. [1] Epperly, Tropp, Webber, XTrace, 2023, arXiv 2301.07825.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> b = np.linspace(-1.0, 1.0, 300).reshape(100, 3)
    >>> d = lx.randomized.diagonal(b @ b.T, 10, rng=0)
    >>> print(d.value[:2].round(6), d.error < 1e-10)
    [2.96009  2.841702] True
    """
    kind = choose(method, METHODS, "method")
    goal = admit_goal(matvecs, rtol, atol, least=kind.least, method=method)
    return estimated(a, kind, goal, _itself, rng, check_finite=check_finite)


def _itself(diagonal: Array, xp: Namespace) -> Array:
    return diagonal
