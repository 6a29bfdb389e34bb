"""Hermitian eigendecomposition by Jacobi's method."""

from typing import NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx._core.hermitian import require_hermitian
from linalgx._core.signs import fix_signs
from linalgx.backend import (
    as_matrix,
    exponents,
    hermitian,
    max_component,
    real_dtype,
    times_power_of_two,
)
from linalgx.backend import eigh as direct_eigh
from linalgx.errors import ConvergenceWarning, warn
from linalgx.jacobi._definite import definite
from linalgx.jacobi._indefinite import indefinite
from linalgx.jacobi._pivoting import RULES
from linalgx.jacobi._tiny_eigh import is_tiny, tiny_eigh
from linalgx.jacobi._two_sided import Diagonal, Task
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace, RNGLike

ACCURACIES = {"relative": True, "absolute": False}
PIVOTING = {rule: rule for rule in ("auto", *RULES)}


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors as columns."""

    w: Array
    v: Array


def eigh(
    a: Array,
    /,
    *,
    accuracy: str = "relative",
    pivoting: str = "auto",
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
    block_size: int | None = None,
) -> EighResult:
    """Compute eigenvalues and eigenvectors of a Hermitian matrix by Jacobi rotations.

    Meant for positive definite matrices whose rows differ by many orders of magnitude, such as
    covariances of quantities in different units: all eigenvalues come with their digits, where
    other methods leave none of the small ones, and may return negative numbers. Batches of tiny
    matrices are faster than in LAPACK; single large ones are slower.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding.
    accuracy : str
        ``"relative"``: every pair is made small beside its own two diagonal entries.
        ``"absolute"``: beside the norm of the matrix, as other methods do; then, unless another
        option says how to go on, the eigh of the array library does the work where it is faster.
    pivoting : str
        Which pairs are rotated, in which order: ``"cyclic"``, ``"tournament"`` (rounds of disjoint
        pairs), ``"permutation"`` (all pairs in random order), ``"uniform"`` (random pairs) or
        ``"matching"`` (random rounds), all of them on `a` itself. ``"auto"``: the most accurate
        and fastest way.
    maxiter : int, optional
        Most iterations: sweeps over all pairs, or rounds for ``"matching"``, or pairs for
        ``"uniform"``. Thirty sweeps, or three times their work in random pairs.
    rng : None, int, SeedSequence or Generator
        For random orders.
    callback : callable, optional
        Called with an `IterationState` after each iteration, first with ``k = 0``. ``x`` is the
        rotated matrix VᴴAV at an inner scale and ``residual`` the norm of its off-diagonal part
        beside its norm, the largest of a batch; on the way of definite matrices under ``"auto"``,
        G and the largest cosine of two of its columns, see below. It may raise ``StopIteration``.
    check_finite : bool
        Whether to look for NaN and Inf.
    block_size : int, optional
        Rotate pairs of blocks of this size by matrix products; for ``"uniform"`` and
        ``"matching"``, random sets of twice as many indices. 0 means single pairs. By default
        blocks are used where that is faster.

    Returns
    -------
    EighResult
        ``w``, shape (..., n), ascending, and ``v``, shape (..., n, n), with A = V diag(w) Vᴴ.
        The largest component of each eigenvector, the first of several, is real and positive;
        vectors of equal eigenvalues are unique only as a subspace. After an early end, V is
        unitary and w the diagonal of VᴴAV.

    Raises
    ------
    ValueError
        `a` is not Hermitian: ‖A − Aᴴ‖_F > max(n, 10)·eps·‖A‖_F; or an option is not known.

    Warns
    -----
    ConvergenceWarning
        `maxiter` was reached before all pairs passed the test.

    See Also
    --------
    svd : Singular values by rotations from one side.
    linalgx.orthogonal.eigh : For large matrices on parallel hardware.

    Notes
    -----
    **Method.** A rotation makes the entry (p, q) of VᴴAV zero, until |b_pq| ≤ eps √|b_pp b_qq| for
    all pairs, or eps ‖A‖_F/n for absolute accuracy. Definite matrices under ``"auto"``: Cholesky
    with pivoting, A = LLᴴ, and rotations from the right until the columns of G = LV are orthogonal;
    w = their squares [1]_. With random pairs the expected square of the off-diagonal norm shrinks
    by 1 − 2/(n(n−1)) with each pair and 1 − 1/(n−1) with each round, n even [2]_. Cyclic orders of
    blocks permute the vectors of each pair so that their leading part is well conditioned [3]_.

    **Cost.** 6 n³ flops a sweep, 6 to 10 sweeps; for definite matrices n³/3, and 4 n³ a sweep. A
    decomposition by the library starts the rotations of large matrices where it loses nothing: of
    L, or of an indefinite matrix with rows of one size. Then it takes two to four times the time
    of LAPACK, else up to forty times. About 12 times the memory of `a`, 24 without kernels.

    **Accuracy.** ``eigh_ratios(a, w, v)`` below 30. Moreover, for a positive definite A = D H D
    with any diagonal D, H of unit diagonal, relative errors of all eigenvalues are a small multiple
    of n eps κ(H), which does not depend on D; none is negative while n eps κ(H) is well below one.
    For indefinite matrices the like holds only if they are scaled diagonally dominant: A = D H D,
    H the sum of a diagonal of ±1 and a part of norm well below one. All others have errors
    of eps ‖A‖, as with ``accuracy="absolute"``. Numbers of single precision keep this down to 1e-38
    times the largest one.

    **Backends.** See :doc:`/backends`; without compiled kernels all pairs of a round, and all
    matrices of a batch, are rotated at once, with one question to the device a sweep.

    References
    ----------
    .. [1] Demmel, Veselić, SIAM J. Matrix Anal. Appl. 13, 1992.
    .. [2] Detherage, Shah, A Unified Perspective on Orthogonalization and Diagonalization, 2025,
       arXiv:2505.02023; the factors are our derivation.
    .. [3] Demmel, Luo, Schneider, Wang, 2025, arXiv:2506.03466.

    Examples
    --------
    Two quantities in units that differ by a factor of 10¹⁰, and a third:

    >>> import numpy as np
    >>> import linalgx as lx
    >>> d = np.asarray([1.0, 1e-10, 1e-20])
    >>> a = np.asarray([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]]) * d[:, None] * d
    >>> w, v = lx.jacobi.eigh(a)
    >>> print((w / d[::-1] ** 2).round(6))  # 4/3, 3/2, 2
    [1.333333 1.5      2.      ]
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    task = Task(
        relative=choose(accuracy, ACCURACIES, "accuracy"),
        pivoting=choose(pivoting, PIVOTING, "pivoting"),
        block=0 if block_size is None else admit_integer(block_size, "block_size", 0),
        maxiter=None if maxiter is None else admit_integer(maxiter, "maxiter", 0),
        rng=rng,
        callback=callback,
    )
    found = tiny_eigh(a, task.relative, xp=xp) if task.free and is_tiny(a, xp=xp) else None
    w, v, status = _scaled(a, task, xp=xp) if found is None else found
    if status is Status.MAXITER:
        warn(
            "eigh reached its limit of iterations; the vectors are orthonormal, and a is only "
            "approximately v diag(w) vᴴ",
            ConvergenceWarning,
        )
    return EighResult(w, v)


def _scaled(a: Array, task: Task, *, xp: Namespace) -> Diagonal:
    """Treat the Hermitian part of `a` at a scale where squares exist."""
    exponent = exponents(max_component(a, xp=xp))
    require_hermitian(times_power_of_two(a, -exponent, xp=xp), "a", xp=xp)
    exponent = exponent - _headroom(a, task.relative, xp=xp)
    # Always: what the norm test does not see in graded matrices is averaged, too.
    a = hermitian(times_power_of_two(a, -exponent, xp=xp), xp=xp)
    w, v, status = _run(a, task, xp=xp)
    w, v = _ascending(w, v, xp=xp)
    w = times_power_of_two(w[..., None, :], exponent, xp=xp)[..., 0, :]
    return Diagonal(w, fix_signs(v, xp=xp), status)


def _headroom(a: Array, relative: bool, *, xp: Namespace) -> int:
    """Exponent of the largest component: as much room as possible above what underflows.

    Squares of all entries must still add up.
    """
    if not relative:
        return 0
    return 45 if real_dtype(a, xp=xp) == xp.float32 else 480


def _run(a: Array, task: Task, *, xp: Namespace) -> Diagonal:
    """Choose between definite and indefinite, blocks and pairs, ours and the library's."""
    if task.free and not task.relative:
        return Diagonal(*direct_eigh(a, xp=xp), Status.CONVERGED)
    if task.relative and task.pivoting == "auto" and not task.block:
        found = definite(a, task, xp=xp)
        if found is not None:
            return found
    return indefinite(a, task, xp=xp)


def _ascending(w: Array, v: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Sort the eigenvalues of each matrix and their vectors alike."""
    order = xp.argsort(w, axis=-1, stable=True)
    across = xp.broadcast_to(order[..., None, :], v.shape)
    return xp.take_along_axis(w, order, axis=-1), xp.take_along_axis(v, across, axis=-1)
