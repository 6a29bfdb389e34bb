"""Cholesky decomposition by making pairs of entries zero, in an order of one's choice.

Legend: A = E H Eᴴ, E of powers of two, diag H near one; B = TᴴHT, D = diag(B), N = T⁻¹,
A = L Bₛ Lᴴ with L = E Nᴴ D^(1/2) and Bₛ = D^(−1/2) B D^(−1/2).
"""

from functools import partial
from math import nan, sqrt
from typing import NamedTuple

from linalgx.backend import adjoint, as_matrix, eps, host_float, times_power_of_two
from linalgx.jacobi._triangular import (
    Form,
    Plan,
    admit_plan,
    equilibrated,
    form_steps,
    identities,
    largest_cosine,
    real_diagonal,
    run,
    unit_diagonal,
)
from linalgx.typing import Array, Callback, Namespace, RNGLike


class CholeskyResult(NamedTuple):
    """Lower triangular L and a matrix B, in the end the identity, with A = L B Lᴴ."""

    l: Array  # noqa: E741
    b: Array


def cholesky(
    a: Array,
    /,
    *,
    pivoting: str = "uniform",
    block: int = 2,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> CholeskyResult:
    """Compute a Cholesky decomposition by eliminating one pair of entries after the other.

    Jacobi's iteration with triangular instead of unitary matrices. It exists to be watched: random
    pairs converge at the rate of the eigenvalue iteration, and its stability can be studied. To get
    a Cholesky decomposition quickly, take that of the array library.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding, positive definite.
    pivoting : str
        The pairs of an iteration: one random pair (``"uniform"``), disjoint random pairs that
        leave at most one index out (``"matching"``), or all pairs once, by rows (``"cyclic"``),
        in the rounds of a tournament (``"tournament"``, and ``"auto"``) or shuffled
        (``"permutation"``).
    block : int
        Size of the random subsets of ``"uniform"`` and ``"matching"``, 2 for the others.
    maxiter : int, optional
        Most iterations: pairs, rounds or sweeps. ``None`` stands for 30 sweeps, and for three
        times as much work with random pairs.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness of the pairs, which are the same for each matrix of a batch.
    callback : callable, optional
        Receives an `IterationState` with the matrix B and its largest cosine
        ``|Bᵢⱼ|/√(Bᵢᵢ Bⱼⱼ)``, i ≠ j.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    CholeskyResult
        ``l``, shape (..., n, n), lower triangular with a positive diagonal, and ``b``, shape
        (..., n, n), Hermitian with a diagonal of ones: A = L B Lᴴ at every moment. At convergence B
        is the identity to rounding, and L the Cholesky factor.

    Raises
    ------
    ValueError
        `a` is not Hermitian, `pivoting` is not known, or `block` does not fit it or the matrix.
    LinAlgError
        `a` is not positive definite: a diagonal entry of B was not positive.

    Warns
    -----
    ConvergenceWarning
        The limit was reached with a cosine above √n·eps; the factors are those so far.

    See Also
    --------
    qr : The same iteration on columns.
    eigh : With rotations.
    potential : What falls by the same factor in all of them.

    Notes
    -----
    **Method.** For a pair p < q, B ← SᴴBS with S = I − c e_p e_qᴴ, c = B_pq/B_pp, makes B_pq zero;
    a subset of indices is treated pair by pair in its order, which is its LDLᴴ decomposition [1]_.
    Pairs go on until no cosine is above √n·eps. With random subsets of k indices, every iteration
    multiplies the potential of B by 1 − k(k−1)/(n(n−1)) on average, exactly (our derivation). Rows
    and columns are divided by powers of two first.

    **Cost.** 12 n flops a pair; 10 to 20 times n(n−1)/2 random pairs are usual, one or two sweeps
    of ``"cyclic"``. Six times the memory of `a`.

    **Accuracy.** ‖A − L Lᴴ‖₁/(n·eps·‖A‖₁) below 30. Errors of each entry are relative to
    √(Aᵢᵢ Aⱼⱼ), so they do not depend on the scaling of rows and columns.

    **Backends.** See :doc:`/backends`; pairs are drawn on the host, and other arrays than NumPy's
    are copied in every round.

    References
    ----------
    .. [1] I. Detherage, R. Shah, "A Unified Perspective on Orthogonalization and
       Diagonalization", 2025, arXiv:2505.02023.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.array([[4.0, 2.0, 2.0], [2.0, 5.0, 3.0], [2.0, 3.0, 6.0]])
    >>> l, b = lx.jacobi.cholesky(a, rng=0)
    >>> print(l.round(6))
    [[2. 0. 0.]
     [1. 2. 0.]
     [1. 1. 2.]]
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    n = a.shape[-1]
    plan = admit_plan("cholesky", n, pivoting, block, maxiter, rng, callback)
    h, exponent = equilibrated(a, "a", xp=xp)
    state = _reduced(h, plan, sqrt(n) * eps(h, xp=xp), xp=xp)
    b, root = unit_diagonal(state.b, 0.0, xp=xp)
    low = adjoint(state.n, xp=xp) * xp.astype(root, a.dtype)[..., None, :]
    return CholeskyResult(times_power_of_two(low, exponent, xp=xp), b)


def _reduced(h: Array, plan: Plan, tol: float, *, xp: Namespace) -> Form:
    """Iterate on B."""

    def cosine(state: Form) -> float:
        if 0 in state.b.shape:
            return 0.0
        size = largest_cosine(state.b, 0.0, xp=xp)
        return host_float(xp.max(xp.where(state.least > 0.0, size, nan * xp.ones_like(size))))

    d = real_diagonal(h, xp=xp)
    least = xp.min(d, axis=-1) if 0 not in h.shape else xp.sum(d, axis=-1)
    start = Form(h, identities(h, plan.order, xp=xp), least)
    end: Form = run(start, partial(form_steps, xp=xp), cosine, lambda s: s.b, plan, tol)
    return end
