"""Successive over-relaxation: sweeps that overshoot by the factor ω.

Legend: x_i ← x_i + ω (b_i − Σ_j a_ij x_j)/a_ii, row after row; k counts sweeps.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import find_kernel, is_operator
from linalgx.errors import PerformanceWarning, warn
from linalgx.relaxation._radius import jacobi_edges
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import DIVERGED, Monitor, Stopping, times
from linalgx.relaxation._sweeps import ORDERINGS, RowSweeper, Sweeper, sweeper
from linalgx.relaxation._system import Ending, System, copied, settle_zeros
from linalgx.relaxation._tuner import is_tuner, tuned
from linalgx.relaxation.omega import split, youngs
from linalgx.relaxation.prepared import PreparedMatrix, prepare
from linalgx.results import Status
from linalgx.typing import Array, Callback, MatrixLike

OMEGAS = ("young",)
CHUNK = 4096
"""Sweeps that the compiled loop does before it comes back."""

_LARGEST = 1.7976931348623157e308


def sor(
    a: MatrixLike,
    b: Array,
    /,
    *,
    omega: Any = "young",
    symmetric: bool = False,
    ordering: str = "natural",
    context: Any = None,
    blocks: Any = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    criterion: str = "b",
    norm: str = "2",
    check_every: int = 1,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve A x = b by successive over-relaxation.

    The classical method with a parameter, fast only when ω is near its optimum, which this
    function finds or learns. For a single large system `ssor_cg` is faster.

    Parameters
    ----------
    a : sparse container, array or PreparedMatrix, shape (n, n) or (..., n, n)
        Best positive definite: then every ω converges. Prepare it when it is used again.
    b : array, shape (..., n) or (..., n, k)
        One or several right-hand sides.
    omega : float, "young" or tuner
        A number in (0, 2); ``"young"`` estimates the optimum from the matrix; a tuner, such as
        `ChebCB`, is asked before and told the number of sweeps after the solve.
    symmetric : bool
        Whether each sweep is followed by one in the reverse order, also with ω.
    ordering : str
        ``"natural"``; ``"multicolor"``, all rows of a colour at once, for GPUs; ``"level"``, as
        parallel as the natural order permits, with the same result; ``"block"``, see `blocks`.
    context : float or sequence of float, optional
        What the tuner is told about this problem.
    blocks : int or array of int, shape (n,), optional
        For ``"block"``: the number of rows of a block, or the number of the block of each row.
        ``None`` stands for the blocks of a matrix in BSR format.
    x0 : array, shape of b, optional
        Starting guess, zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); `rtol` is 1e-8, in single precision 1e-5, when
        ``None``.
    maxiter : int, optional
        Most sweeps, 10 000 when ``None``.
    criterion : str
        ``"b"``; ``"r0"`` puts the first residual in the place of b.
    norm : str
        ``"2"`` or ``"inf"``, of each column.
    check_every : int
        Compute the residual after every so many sweeps only; it costs about as much as a sweep.
    callback : callable, optional
        Receives an `IterationState` for each sweep.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        ``x``, ``iterations`` (sweeps), and in ``omega`` the parameter that was used.

    Raises
    ------
    ValueError
        ω lies outside (0, 2), where SOR cannot converge, or shapes do not fit.
    LinAlgError
        A diagonal entry is zero, or a diagonal block singular; the message says where.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.
    PerformanceWarning
        There are so many levels that the natural order was used instead.

    See Also
    --------
    ssor_cg : Symmetric sweeps as preconditioner, the faster solver.
    jacobi : All rows at once.
    optimal_omega : What ``"young"`` computes.

    Notes
    -----
    **Method.** x_i ← x_i + ω (b_i − Σ a_ij x_j)/a_ii, one row after the other. For Hermitian A
    with positive diagonal it converges for all ω in (0, 2) if, and only if, A is positive
    definite. ``"young"`` takes ω = 2/(1 + √(1 − μ²)), see `optimal_omega`, with the blocks in the
    place of the diagonal for block sweeps; where there is no such number, ω = 1. Several ω are
    never mixed in a run.

    **Cost.** A sweep costs about as much as a product with A, a check of the residual as well.
    ``"young"`` takes about m products on an m × m grid; for a `PreparedMatrix` it starts from the
    vector of the last matrix, and nothing is computed again while the values stay.

    **Accuracy.** ``converged`` means that the freshly computed residual meets the tolerance, in
    double precision also for single.

    **Backends.** See :doc:`/backends`; compiled sweeps for sparse NumPy matrices, triangular
    solves for dense ones, array code for everything else; on a GPU use ``"multicolor"``.

    References
    ----------
    .. [1] D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press, 1971.
    .. [2] R. S. Varga, "Matrix Iterative Analysis", Prentice-Hall, 1962.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.poisson2d(31)
    >>> r = lx.relaxation.sor(a, np.ones(961), criterion="r0")
    >>> print(r.converged, r.iterations)
    True 121
    """
    stopping = Stopping.admit(
        rtol, atol, maxiter, criterion, callback, norm=norm, check_every=check_every
    )
    choose(ordering, ORDERINGS, "ordering")
    if blocks is not None and ordering != "block":
        raise ValueError(f"blocks is for ordering='block', got ordering={ordering!r}")
    if ordering == "block" and is_operator(a):
        prepare(a)  # says what is wrong
    warm = isinstance(a, PreparedMatrix)

    def solve(value: Any) -> SolveResult:
        run = partial(_run, value, symmetric, ordering, blocks, warm)
        # The diagonal of a block may have zeros.
        rows = ordering != "block"
        return solve_system(run, a, b, x0, stopping, rows=rows, check_finite=check_finite)

    if is_tuner(omega):
        return tuned(lambda value: solve(_admit_omega(value)), omega, context)
    if context is not None:
        raise ValueError("context is for a tuner in the place of omega")
    return solve(_admit_omega(omega))


def _admit_omega(omega: Any) -> Any:
    """Check a number, or a name."""
    if isinstance(omega, str):
        choose(omega, dict.fromkeys(OMEGAS, True), "omega")
        return omega
    return admit_real(omega, "omega", 0.0, 2.0, ends="()")


def _run(
    omega: Any,
    symmetric: bool,
    ordering: str,
    blocks: Any,
    warm: bool,
    system: System,
    stopping: Stopping,
) -> SolveResult:
    """Solve one system."""
    sweeps = sweeper(system.a, ordering, xp=system.xp, blocks=blocks)
    if omega == "young":
        omega, matvecs = young_omega(system.a, sweeps, warm=warm)
        system.matvecs += matvecs
    attempt = partial(_attempt, sweeps, omega, symmetric)
    if not stopping.criterion:
        settle_zeros(system)
    result = honest(attempt, system, stopping, stationary=True)
    if sweeps.note and result.converged:  # else there is a more important thing to say
        warn(sweeps.note, PerformanceWarning)
    return replace(result, omega=omega)


def young_omega(prepared: PreparedMatrix, sweeps: Sweeper, *, warm: bool) -> tuple[float, int]:
    """Young's ω of a matrix, or of its blocks, and the products that it took; 1 without one."""
    by_blocks = sweeps.name == "block"
    key = ("young", sweeps.key, str(prepared.dtype))
    if key not in prepared.of_values:
        edges = jacobi_edges(
            split(prepared, sweeps if by_blocks else None),
            prepared.of_pattern.get(key),
            both=False,
            wants_vector=warm,
        )
        if warm:
            prepared.of_pattern[key] = edges.vector
        omega = youngs(edges)
        prepared.of_values[key] = 1.0 if omega is None else omega
        return prepared.of_values[key], edges.matvecs
    return prepared.of_values[key], 0


def _attempt(
    sweeps: Sweeper, omega: float, symmetric: bool, system: System, x: Array, monitor: Monitor
) -> Ending:
    """Sweep until the monitor ends it."""
    xp, stopping = system.xp, monitor.stopping
    r = system.first_residual() if monitor.k < 0 else system.residual(x)
    status = monitor.begin(stopping.norms(r, xp=xp), x)
    x, b = sweeps.enter(x), sweeps.enter(system.b)
    x = copied(x, xp=xp) if x is system.x else x
    fused = find_kernel("sor_run", xp) if b.shape[1] == 1 else None
    if isinstance(sweeps, RowSweeper) and fused is not None and b.shape[0]:
        return _compiled(fused, sweeps, omega, symmetric, system, x, monitor, status)
    while status is None:
        x = sweeps.forward(x, b, omega)
        x = sweeps.backward(x, b, omega) if symmetric else x
        system.matvecs += 1 + symmetric
        norms = None
        if monitor.due:
            system.matvecs += 1
            norms = stopping.norms(b - sweeps.product(x), xp=xp)
        status = monitor.step(norms, sweeps.leave(x) if monitor.observed else x)
    return sweeps.leave(x), status, ""


def _compiled(
    fused: Callable[..., Any],
    sweeps: RowSweeper,
    omega: float,
    symmetric: bool,
    system: System,
    x: Array,
    monitor: Monitor,
    status: Status | None,
) -> Ending:
    """Do the same in compiled code, one sweep at a time for an observer, else many."""
    last, every = monitor.stopping.maxiter, monitor.stopping.check_every
    while status is None:
        low = monitor.targets[0]
        bounds = (low, min(DIVERGED * max(monitor.first[0], low), _LARGEST))
        most = 1 if monitor.observed else min(CHUNK, last - monitor.k)
        x, norms = fused(
            *(sweeps.matrix, sweeps.inverse_diagonal, x, system.b, omega, symmetric),
            *(monitor.k, most, last, every, bounds, monitor.stopping.norm == inf),
        )
        before = monitor.k
        status = _follow(monitor, norms, x)
        looks = monitor.k // every - before // every + (monitor.k == last and last % every > 0)
        system.matvecs += (1 + symmetric) * len(norms) + looks
    return x, status, ""


def _follow(monitor: Monitor, norms: list[float], x: Array) -> Status | None:
    """Tell the monitor of several iterations, of which at most the last one ends the run."""
    before, e = norms[:-1], monitor.exponent
    monitor.history += [times(norm, e) for norm in before] if e else before
    monitor.k += len(norms) - 1
    return monitor.step(norms[-1:] if monitor.due else None, x)
