"""Singular value decomposition with small singular values as accurate as large ones."""

from dataclasses import replace
from typing import NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.batching import flatten_batch
from linalgx._core.choose import choose
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx._core.signs import column_phases
from linalgx._core.together import SEVERITY, stacked
from linalgx.backend import adjoint, as_matrix, find_kernel, is_complex, same_draws, svdvals
from linalgx.backend import svd as library_svd
from linalgx.errors import ConvergenceWarning, warn
from linalgx.jacobi._pivoting import RULES, pivot_generator
from linalgx.jacobi._plain import blank, descending, plain, rotated
from linalgx.jacobi._plan import Plan
from linalgx.jacobi._preconditioned import at_once, preconditioned
from linalgx.jacobi._tiny_svd import is_tiny, tiny
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace, RNGLike


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values, right singular vectors as rows."""

    u: Array | None
    s: Array
    vh: Array | None


ACCURACIES = {"relative": True, "absolute": False}
RANDOM = ("permutation", "uniform", "matching")
PIVOTING = {rule: rule for rule in ("auto", *RULES)}

UNFINISHED = (
    "maxiter was reached before the columns were orthogonal: A = U S Vᴴ holds, but one of U and V "
    "is not orthonormal"
)

Factors = tuple[Array | None, Array, Array | None]
Sorted = tuple[Array | None, Array, Array | None, Status]


def svd(
    a: Array,
    /,
    *,
    accuracy: str = "relative",
    pivoting: str = "auto",
    compute_uv: bool = True,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SVDResult:
    """Compute the reduced singular value decomposition by one-sided Jacobi rotations.

    Choose it where small singular values matter: those of a matrix whose rows or columns differ by
    many orders of magnitude come out with all their digits, while methods that go through a
    bidiagonal form return values below eps·s₁ that are noise. Batches of tiny matrices are also
    decomposed faster.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Any matrix; k = min(m, n).
    accuracy : str
        ``"relative"``: errors relative to each singular value. ``"absolute"``: errors relative to
        the largest one, by the fastest way, which is the svd of the array library except for
        batches of tiny matrices; a `pivoting`, `maxiter` or `callback` asks for rotations
        nevertheless.
    pivoting : str
        Which pairs of columns are turned, and in which order: ``"cyclic"``, row by row;
        ``"tournament"``, disjoint pairs at once; ``"permutation"``, all pairs in random order;
        ``"uniform"``, one random pair at a time; ``"matching"``, random disjoint pairs. All of
        these turn the columns of `a` itself, or its rows if it is wide. ``"auto"``: the most
        accurate and fastest way, which prepares `a` by other means.
    compute_uv : bool
        Whether to return singular vectors.
    maxiter : int, optional
        Most iterations: sweeps over all pairs, or rounds under ``"matching"``, or pairs under
        ``"uniform"``. By default 30 sweeps, three times their work for random pairs.
    rng : None, int, SeedSequence or Generator
        Draws the random pairs.
    callback : callable, optional
        Receives an `IterationState` after each iteration, first with ``k = 0``. Its ``x`` holds the
        columns that become orthogonal, of `a` or its adjoint, or under ``"auto"`` of a square
        factor; its ``residual`` is the largest cosine of two of them. `StopIteration` ends the
        iteration; the factors so far are returned.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SVDResult
        ``u``, shape (..., m, k), ``s``, shape (..., k), descending, and ``vh``, shape (..., k, n),
        with A = U diag(s) Vᴴ; without `compute_uv`, ``u`` and ``vh`` are ``None``. The largest
        component of each left singular vector, the first of several, is real and positive;
        vectors of equal singular values are unique only as a subspace. After a limit or a stop
        A = U diag(s) Vᴴ still holds, but the columns of one of U and V are not yet orthogonal.

    Raises
    ------
    TypeError
        `a` or `maxiter` is of the wrong kind.
    ValueError
        An option is not known, or `a` is not finite.
    LinAlgError
        The rotations met NaN, as they do with ``check_finite=False``.

    Warns
    -----
    ConvergenceWarning
        `maxiter` was reached before the columns were orthogonal.

    See Also
    --------
    qr : The same iteration with triangular matrices.

    Notes
    -----
    **Method.** Under ``"auto"`` rows are sorted, A P = Q₁ R by pivoted QR, Rᴴ = Q₂ Lᴴ; one-sided
    Jacobi makes the columns of G = L W orthogonal, and W = L⁻¹ G by a triangular solve [1]_. Pairs
    are turned until all cosines are below √k eps. Large L with moderate condition number are first
    multiplied by the eigenvectors of LᴴL, or by the singular vectors of L, and all pairs together
    by I + X + X²/2 with the skew matrix X of their angles (our construction); the same test ends
    both. Batches of arrays take unpivoted QR of sorted rows and columns, and accumulate W. A named
    `pivoting` is one-sided Jacobi without any of this.

    **Cost.** Without the start 4k³ flops a sweep, four to ten sweeps; with it about 1.5 to 2 times
    the time of LAPACK's gesdd. At most 14 times the memory of a square `a`.

    **Accuracy.** ``svd_ratios(a, u, s, vh)`` below 30. With ``"relative"``, each singular value has
    a relative error of a modest multiple of eps for A = D₁ B D₂ with diagonal D₁, D₂ of any size
    and well conditioned B for single matrices, and where one of D₁, D₂ is the identity for batches;
    in experiments with n = 32 below 10 eps for one graded side and 60 eps for singular values over
    34 decades. With a named `pivoting` this holds for graded columns of tall matrices and graded
    rows of wide ones, and orders other than the cyclic one may need more than thirty sweeps where
    the rows of a tall one are graded or zero. Singular values below 1e-140 times the largest entry,
    1e-24 in single precision, may come out as zero; of the others only exact zeros are truncated.

    **Backends.** See :doc:`/backends`; compiled kernels on NumPy, which turn the columns in double
    precision for every dtype. Elsewhere pivoted QR of a single matrix runs on the host.

    References
    ----------
    .. [1] Z. Drmač, K. Veselić, "New fast and accurate Jacobi SVD algorithm", I and II, SIAM J.
       Matrix Anal. Appl. 29, 2008.

    Examples
    --------
    Columns that differ by forty orders of magnitude; the product of the singular values is the
    determinant, 1e-40:

    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.array([[1.0, 1.0], [-1.0, 1.0]]) @ np.diag([1e-40, 0.5])
    >>> u, s, vh = lx.jacobi.svd(a)
    >>> print(s / np.sqrt(2))
    [5.e-01 1.e-40]
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    relative = choose(accuracy, ACCURACIES, "accuracy")
    rule = choose(pivoting, PIVOTING, "pivoting")
    limit = None if maxiter is None else admit_integer(maxiter, "maxiter", 0)
    draws = pivot_generator(rng) if rng is not None or rule in RANDOM else None
    plan = Plan(bool(compute_uv), rule, limit, draws, callback)
    if is_tiny(a, plan, xp=xp):
        return SVDResult(*tiny(a, plan, svd, xp=xp))
    scaled, exponent = to_unit_scale(a, xp=xp)
    tall = a.shape[-2] >= a.shape[-1]
    u, s, v, status = _tall(scaled if tall else adjoint(scaled, xp=xp), relative, plan, xp=xp)
    if status is Status.MAXITER:
        warn(UNFINISHED, ConvergenceWarning)
    s = from_unit_scale(s[..., None, :], exponent, xp=xp)[..., 0, :]
    if u is None or v is None:
        return SVDResult(None, s, None)
    u, v = (u, v) if tall else (v, u)
    phase = column_phases(u, xp=xp)
    back = xp.conj(phase) if is_complex(u, xp=xp) else phase
    return SVDResult(u * back, s, adjoint(v * back, xp=xp))


def _tall(a: Array, relative: bool, plan: Plan, *, xp: Namespace) -> Sorted:
    """Return U, s, V and the status for matrices with m ≥ n."""
    if 0 in a.shape:
        return (*blank(a, a.shape[-1], plan.vectors, xp=xp), Status.CONVERGED)
    if not relative and plan.free:
        return (*_library(a, plan, xp=xp), Status.CONVERGED)
    if plan.pivoting != "auto":
        u, s, v, status = rotated(a, plan, xp=xp)
    elif a.ndim == 2:
        found = at_once(a, plan, xp=xp)
        if found is not None:
            return (*found, Status.CONVERGED)
        u, s, v, status = preconditioned(a, plan, xp=xp)
    elif plan.callback is None and find_kernel("onesided_columns", xp) is not None:
        return _each(a, plan, xp=xp)
    else:
        u, s, v, status = plain(a, plan, xp=xp)
    return (*descending(u, s, v, xp=xp), status)


def _each(a: Array, plan: Plan, *, xp: Namespace) -> Sorted:
    """Treat the matrices of a batch one after the other, all with the same draws."""
    flat, lead = flatten_batch(a, xp=xp)
    found = [
        _tall(flat[k, ...], True, replace(plan, rng=rng), xp=xp)
        for k, rng in enumerate(same_draws(plan.rng, flat.shape[0]))
    ]
    *factors, status = zip(*found, strict=True)
    u, s, v = (None if x[0] is None else stacked(x, lead, xp=xp) for x in factors)
    return u, s, v, max(status, key=SEVERITY.index)


def _library(a: Array, plan: Plan, *, xp: Namespace) -> Factors:
    """Leave matrices to the array library, whose errors are relative to the largest value."""
    if not plan.vectors:
        return None, svdvals(a, xp=xp), None
    u, s, vh = library_svd(a, xp=xp)
    return u, s, adjoint(vh, xp=xp)
