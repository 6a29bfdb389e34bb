"""Matrix scaling: diagonal matrices that give a nonnegative matrix its row and column sums.

The problem behind balancing tables of trade, travel and survey counts, behind doubly stochastic
layers, and behind entropic transport itself: with C = −log A and ε = 1 the scaled matrix is the
plan. It goes by the names of Sinkhorn, iterative proportional fitting and RAS.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.batching import flatten_batch
from linalgx._core.choose import choose
from linalgx.backend import device_of, eps, host_float
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.results import IterationState, Result, Status
from linalgx.transport._balance import Balanced, balance
from linalgx.transport._factors import factors, log_entries
from linalgx.transport._patterns import Patterns, find_patterns
from linalgx.transport._real import real_arrays
from linalgx.typing import Array, Callback, Namespace

MAXITER = 200
ON_PARTIAL = {"raise": False, "drop": True}
"""Whether entries that no plan uses are left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScalingResult(Result):
    """A scaled matrix and its factors.

    Attributes
    ----------
    d1, d2 : Array
        Diagonals of the factors: x = d1 a d2.
    x : Array
        The scaled matrix.
    dropped : int
        Positive entries of `a` that are zero in `x`, since no matrix with these sums has them.
    status, converged, iterations : Status, bool, int
        How it ended, after how many Newton steps.
    residual : float
        Sum of the errors of all row and column sums, divided by the sum of the matrix; computed
        from `x` at the end; the worst of a batch.
    history : tuple of float
        The error that steers, that of the row sums.
    """

    d1: Array
    d2: Array
    x: Array
    dropped: int


def scale(
    a: Array,
    /,
    r: Array | None = None,
    c: Array | None = None,
    *,
    on_partial: str = "raise",
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> ScalingResult:
    """Scale a nonnegative matrix by diagonal matrices to given row and column sums.

    Zeros stay zeros, and ratios a_ij a_kl/(a_il a_kj) are kept: among all matrices with these sums
    the result is the one closest to `a` in relative entropy.

    Parameters
    ----------
    a : array, shape (..., n, m)
        Nonnegative, of any range.
    r, c : array, shape (..., n) and (..., m), optional
        Row and column sums, positive, with equal totals. Without both, rows get the sum one and
        columns n/m; without one of them, the total of the other is spread evenly.
    on_partial : str
        What to do with positive entries that no matrix with these sums has, such as the upper
        right one of [[1, 1], [0, 1]]: ``"raise"``, or ``"drop"`` them, as the limit does.
    rtol : float, optional
        Largest relative marginal error that counts as converged; ``None`` stands for
        max(8, n/2, m/2)·eps.
    maxiter : int, optional
        Most Newton steps, 200 when ``None``.
    callback : callable, optional
        Receives an `IterationState` with the scaled matrix for each step.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    ScalingResult
        ``d1``, ``d2`` and ``x``. The factors are unique up to a number t in d1 t, d2/t for each
        connected part of the pattern: the weighted means of log d1 and log d2 are equal. For a
        symmetric matrix and r = c that makes d1 = d2.

    Raises
    ------
    ValueError
        A negative entry, sums that are not positive, or totals that differ.
    LinAlgError
        The pattern of zeros permits no matrix with these sums (for sums of one: there is no
        perfect matching); or it has entries that none uses and `on_partial` is ``"raise"``; or d1
        and d2 exist, but not within the range of the dtype.

    Warns
    -----
    ConvergenceWarning
        The marginal error is above the tolerance.

    See Also
    --------
    project_birkhoff : The same from logits, for layers; no factors.
    solve : Entropic transport for costs.

    Notes
    -----
    **Method.** Zeros are examined first: a matching (for other sums a largest flow) shows whether
    the sums are possible, and the strongly connected components of its residual graph which entries
    take part. Then Newton's method on the convex function −⟨r, f⟩ + ⟨c, log Aᵀe^f⟩ of f = log d1,
    with a line search that knows longer steps than one, from temperatures falling to one where
    the range of `a` is wide (our construction). The Laplacian diag(P1) − P diag(1/c) Pᵀ is summed
    without cancellation. At the end the factors are split into powers of two, which are exact, and
    a rest that two more Newton steps correct; so the last digits do not suffer from a wide range.

    **Cost.** 4 to 20 Newton steps, each min(n, m)² max(n, m) + min(n, m)³/3 multiplications; above
    order 500 products with the matrix replace the factorization where the matrix is well coupled
    (1.3 s instead of 8 s for order 2000). About eleven times the memory of `a`.

    **Accuracy.** Marginal errors are at rounding level, also for entries from 1e-300 to 1e300 and
    for nearly decoupled blocks. d1 and d2 are as well determined as the coupling of blocks is.

    **Backends.** See :doc:`/backends`; the structure of zeros is found on the host, and one
    transfer a step steers.

    References
    ----------
    Sinkhorn and Knopp, Concerning nonnegative matrices and doubly stochastic matrices, 1967.
    Brauer, Clason, Lorenz and Wirth, A Sinkhorn-Newton method for entropic optimal transport,
    arXiv 1710.06635.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> result = lx.transport.scale(np.asarray([[4.0, 1.0], [1.0, 1.0]]))
    >>> print(result.x.round(6), result.converged)
    [[0.666667 0.333333]
     [0.333333 0.666667]] True
    """
    given = {"a": a, **{name: x for name, x in (("r", r), ("c", c)) if x is not None}}
    xp, arrays = real_arrays(given, check_finite=check_finite)
    a, r, c = _admit(dict(zip(given, arrays, strict=True)), xp=xp)
    drops = choose(on_partial, ON_PARTIAL, "on_partial")
    maxiter = MAXITER if maxiter is None else admit_integer(maxiter, "maxiter", 0)
    rtol, goal = admit_rtol(rtol, a, xp=xp)
    if 0 in a.shape:
        return _empty(a, r, c, xp=xp)
    flat, _ = flatten_batch(a, xp=xp)
    r, c = (xp.reshape(x, (-1, x.shape[-1])) for x in (r, c))
    uniform = len(given) == 1 and a.shape[-1] == a.shape[-2]
    patterns = find_patterns(~(flat == 0.0), r, c, name="a", uniform=uniform, xp=xp)
    _require_use(patterns, drops)
    used = ~(flat == 0.0) if patterns is None else patterns.used
    flat = xp.where(used, flat, xp.zeros_like(flat))
    total = xp.sum(r, axis=1)
    r, c = r / total[:, None], c / xp.sum(c, axis=1)[:, None]
    show = _in_user_shape(callback, total, a, xp=xp)
    run = _balanced(log_entries(flat, used, xp=xp), r, c, (rtol, goal, maxiter), show, xp=xp)
    d1, d2, x = factors(flat, run.f, run.g, r, c, total, patterns, xp=xp)
    residual = marginal_error(x / total[:, None, None], r, c, xp=xp)
    lead, dropped = tuple(a.shape[:-2]), 0 if patterns is None else patterns.unused
    return ScalingResult(
        d1=xp.reshape(d1, (*lead, a.shape[-2])),
        d2=xp.reshape(d2, (*lead, a.shape[-1])),
        x=xp.reshape(x, a.shape),
        dropped=dropped,
        status=judged(run.status, residual, rtol),
        iterations=run.iterations,
        residual=residual,
        history=run.history,
    )


def admit_rtol(rtol: float | None, a: Array, *, xp: Namespace) -> tuple[float, float]:
    """Return the error that will do, and the one to strive for; both are those of a user.

    By default the first is what sums of n and m rounded numbers surely reach.
    """
    if rtol is not None:
        rtol = admit_real(rtol, "rtol")
        return rtol, rtol
    unit = eps(a, xp=xp)
    return max(8.0, *(size / 2.0 for size in a.shape[-2:])) * unit, 4.0 * unit


def marginal_error(x: Array, r: Array, c: Array, *, xp: Namespace) -> float:
    """Worst relative L1 error of a stack of matrices with sums of total one."""
    rows = xp.sum(xp.abs(xp.sum(x, axis=2) - r), axis=1)
    columns = xp.sum(xp.abs(xp.sum(x, axis=1) - c), axis=1)
    return host_float(xp.max(rows + columns))


def judged(status: Status, residual: float, rtol: float) -> Status:
    """Status that the fresh residual allows, with a warning; NaN is no success."""
    if status is Status.STOPPED:
        return status
    if residual <= rtol:
        return Status.CONVERGED
    warn(
        f"the error {residual:.1e} of row and column sums is above the tolerance {rtol:.1e}; "
        f"a larger maxiter or rtol helps",
        ConvergenceWarning,
    )
    if not residual < inf:
        return Status.BREAKDOWN
    return Status.MAXITER if status is Status.MAXITER else Status.STAGNATED


def _admit(arrays: dict[str, Array], *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Check shapes and signs; fill in sums that were not given."""
    a = arrays["a"]
    if a.ndim < 2:
        raise ValueError(
            f"a must be a matrix or a batch of matrices, shape (..., n, m), "
            f"got shape {tuple(a.shape)}"
        )
    n, m = a.shape[-2:]
    if not bool(xp.all(a >= 0.0)):
        raise ValueError("a must be nonnegative, got negative entries or NaN")
    for name, size in (("r", n), ("c", m)):
        if name in arrays:
            _check_sums(arrays[name], name, size, xp=xp)
    lead = _common_lead(a, [x[..., :1] for name, x in arrays.items() if name != "a"], xp=xp)
    a = xp.broadcast_to(a, (*lead, n, m))
    ones = {k: xp.ones((*lead, k), dtype=a.dtype, device=device_of(a)) for k in (n, m)}
    r, c = arrays.get("r"), arrays.get("c")
    if r is None:
        r = ones[n] if c is None else ones[n] * (xp.sum(c, axis=-1, keepdims=True) / max(n, 1))
    if c is None:
        c = ones[m] * (xp.sum(r, axis=-1, keepdims=True) / max(m, 1))
    r, c = xp.broadcast_to(r, (*lead, n)), xp.broadcast_to(c, (*lead, m))
    _check_totals(r, c, xp=xp)
    return a, r, c


def _check_sums(x: Array, name: str, size: int, *, xp: Namespace) -> None:
    if x.ndim < 1 or x.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}) to fit a, got {tuple(x.shape)}")
    if not bool(xp.all(x > 0.0)):
        raise ValueError(f"{name} must hold positive sums, got zero, negative numbers or NaN")


def _common_lead(a: Array, sums: list[Array], *, xp: Namespace) -> tuple[int, ...]:
    """Leading axes of the matrices and of one number of each vector of sums, broadcast."""
    leads = [tuple(a.shape[:-2]), *(tuple(x.shape[:-1]) for x in sums)]
    parts = [xp.ones((*lead, 1), dtype=a.dtype, device=device_of(a)) for lead in leads]
    try:
        return tuple(xp.broadcast_arrays(*parts)[0].shape[:-1])
    except (ValueError, RuntimeError):
        raise ValueError(f"r and c must fit the batch of a, got leading shapes {leads}") from None


def _check_totals(r: Array, c: Array, *, xp: Namespace) -> None:
    """Totals may differ by what rounding of the sums explains, and are then made equal."""
    if 0 in r.shape or 0 in c.shape:
        return
    x, y = xp.sum(r, axis=-1), xp.sum(c, axis=-1)
    allowed = 1e-6 if eps(r, xp=xp) < 1e-10 else 1e-4
    if not bool(xp.all(xp.abs(x - y) <= allowed * xp.maximum(x, y))):
        raise ValueError(
            f"r and c must have equal totals, got {host_float(xp.max(x)):.9g} and "
            f"{host_float(xp.max(y)):.9g}; divide each by its sum"
        )


def _require_use(patterns: Patterns | None, drops: bool) -> None:
    """Refuse entries that no plan uses, unless they are to be dropped."""
    if patterns is None or drops or not patterns.unused:
        return
    k, i, j = patterns.first or (0, 0, 0)
    raise LinAlgError(
        f"a has {patterns.unused} positive entries that no matrix with these sums and zeros has, "
        f"the first at row {i}, column {j} (matrix {k}); on_partial='drop' makes them zero"
    )


def _balanced(
    logits: Array,
    r: Array,
    c: Array,
    limits: tuple[float, float, int],
    show: Callback | None,
    *,
    xp: Namespace,
) -> Balanced:
    """Balance with the shorter side as unknowns; limits are `rtol`, `goal` and `maxiter`."""
    rtol, goal, maxiter = limits
    if logits.shape[1] <= logits.shape[2]:
        return balance(logits, r, c, rtol=rtol, goal=goal, maxiter=maxiter, callback=show, xp=xp)
    turned: Any = None
    if show is not None:
        turned = lambda state: show(replace(state, x=state.x.mT))  # noqa: E731
    run = balance(logits.mT, c, r, rtol=rtol, goal=goal, maxiter=maxiter, callback=turned, xp=xp)
    return run._replace(f=run.g, g=run.f, plan=run.plan.mT)


def _in_user_shape(
    callback: Callback | None, total: Array, a: Array, *, xp: Namespace
) -> Callback | None:
    """Make the observer see the scaled matrices as the result shows them."""
    if callback is None:
        return None

    def show(state: IterationState) -> object:
        x = xp.reshape(state.x * total[:, None, None], a.shape)
        return callback(replace(state, x=x))

    return show


def _empty(a: Array, r: Array, c: Array, *, xp: Namespace) -> ScalingResult:
    """Answer for matrices without entries, or for none."""
    return ScalingResult(
        d1=xp.ones_like(r), d2=xp.ones_like(c), x=xp.zeros_like(a), dropped=0,
        status=Status.CONVERGED, iterations=0, residual=0.0, history=(0.0,),
    )  # fmt: skip
