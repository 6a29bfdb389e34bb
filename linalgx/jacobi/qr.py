"""QR decomposition by making pairs of columns orthogonal, in an order of one's choice.

Legend: A = Q R, Q = X D^(−1/2), R = D^(1/2) N; X = A T the columns so far, D = diag(XᴴX), N = T⁻¹.
The rows of `x` are the columns of X.
"""

from functools import partial
from math import sqrt
from typing import NamedTuple

from linalgx.backend import (
    adjoint,
    as_matrix,
    eps,
    exponents,
    gram,
    host_float,
    max_component,
    safe_min,
    times_power_of_two,
)
from linalgx.backend import (
    qr as householder,
)
from linalgx.jacobi._triangular import (
    Columns,
    Plan,
    admit_plan,
    column_steps,
    copied,
    identities,
    largest_cosine,
    row_squares,
    run,
)
from linalgx.typing import Array, Callback, Namespace, RNGLike


class QRResult(NamedTuple):
    """Columns of unit length, orthogonal in the end, and an upper triangular matrix."""

    q: Array
    r: Array


def qr(
    a: Array,
    /,
    *,
    pivoting: str = "uniform",
    block: int = 2,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> QRResult:
    """Compute a QR decomposition by Gram-Schmidt steps between pairs of columns.

    Jacobi's iteration with triangular instead of unitary matrices. It exists to be watched: random
    pairs converge at the rate of the eigenvalue iteration, and its stability can be studied. To get
    a QR decomposition quickly, take that of the array library or `linalgx.randomized.qr`.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Any matrix; k = min(m, n).
    pivoting : str
        The pairs of an iteration: one random pair (``"uniform"``), disjoint random pairs that
        leave at most one column out (``"matching"``), or all pairs once, by rows (``"cyclic"``),
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
        Receives an `IterationState` with the columns A T, of which the first min(m, n) take part,
        and the largest cosine between two of them.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    QRResult
        ``q``, shape (..., m, k), with columns of unit length, and ``r``, shape (..., k, n), upper
        triangular with a diagonal that is real and not negative. A = Q R at every moment for
        m ≥ n; the columns of Q are orthogonal at convergence only.

    Raises
    ------
    ValueError
        `pivoting` is not known, or `block` does not fit it or the matrix.

    Warns
    -----
    ConvergenceWarning
        The limit was reached with a cosine above √m·eps; the factors are those so far.

    See Also
    --------
    cholesky : The same iteration on AᴴA.
    svd : With rotations.
    potential : What falls by the same factor in all of them.

    Notes
    -----
    **Method.** For a pair p < q, a_q ← a_q − c a_p with c = a_pᴴa_q/a_pᴴa_p, and row p of R grows
    by c times row q; a subset of columns is treated pair by pair in its order, which is the
    Gram-Schmidt method for it [1]_. Pairs go on until no cosine is above √m·eps. With random
    subsets of k columns, every iteration multiplies the potential of AᴴA by 1 − k(k−1)/(n(n−1)) on
    average, exactly (our derivation). Columns are divided by powers of two first; what is left
    of a wide matrix is multiplied by Qᴴ.

    **Cost.** 6 m flops a pair, and one product AᴴA for each n(n−1)/2 of them; 10 to 20 times
    n(n−1)/2 random pairs are usual, two to four sweeps otherwise. Ten times the memory of `a`.

    **Accuracy.** ``qr_ratios(a, q, r)`` below 30, for random pairs and condition numbers up to
    1/eps as well. Dependent columns leave rounding errors, whose directions mean nothing; a
    column that becomes zero has a zero in R, and its column of Q is completed to an
    orthonormal set. Rounding errors of R relative to each column are independent of the
    scaling of columns.

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
    >>> a = np.array([[3.0, 1.0], [4.0, 2.0]])
    >>> q, r = lx.jacobi.qr(a, rng=0)
    >>> print(r.round(6))
    [[5.  2.2]
     [0.  0.4]]
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    m, k = a.shape[-2], min(a.shape[-2:])
    plan = admit_plan("qr", k, pivoting, block, maxiter, rng, callback)
    x = copied(a.mT, xp=xp)
    exponent = exponents(max_component(x[..., None, :], xp=xp))[..., 0]
    x = times_power_of_two(x, -exponent, xp=xp)
    q, r = _factors(x[..., :k, :], plan, sqrt(m) * eps(a, xp=xp), xp=xp)
    r = xp.concat([r, adjoint(q, xp=xp) @ x[..., k:, :].mT], axis=-1)
    return QRResult(q, times_power_of_two(r, exponent.swapaxes(-1, -2), xp=xp))


def _factors(x: Array, plan: Plan, tol: float, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R for columns of about unit size, at most as many as rows."""
    # Shorter ones have been subtracted to nothing, and the squares of their entries may underflow.
    dead = safe_min(x, xp=xp) / eps(x, xp=xp) ** 2

    def cosine(state: Columns) -> float:
        if 0 in state.x.shape:
            return 0.0
        return host_float(xp.max(largest_cosine(gram(state.x.mT, xp=xp), dead, xp=xp)))

    n = identities(x, x.shape[-2], xp=xp)
    step = partial(column_steps, dead=dead, xp=xp)
    x, n = run(Columns(x, n), step, cosine, lambda state: state.x.mT, plan, tol)
    square = row_squares(x, xp=xp)
    zero = square <= dead
    root = xp.where(zero, xp.zeros_like(square), xp.sqrt(square))
    q = (x / xp.astype(xp.where(zero, xp.ones_like(root), root), x.dtype)[..., None]).mT
    if bool(xp.any(zero)):
        q = _completed(q, zero, xp=xp)
    return q, xp.astype(root, n.dtype)[..., None] * n


def _completed(q: Array, zero: Array, *, xp: Namespace) -> Array:
    """Replace columns that say nothing by ones that are orthogonal to the others."""
    order = xp.argsort(xp.astype(zero, xp.int64), axis=-1)  # the others first, as they come
    back = xp.argsort(order, axis=-1)
    columns, places = (xp.broadcast_to(i[..., None, :], q.shape) for i in (order, back))
    full, _ = householder(xp.take_along_axis(q, columns, axis=-1), xp=xp)
    return xp.where(zero[..., None, :], xp.take_along_axis(full, places, axis=-1), q)
