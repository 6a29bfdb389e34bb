"""From systems to results: honest endings, batches, the one warning.

Legend: A X = B with blocks X, B of shape (n, k), one column for each right-hand side.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite, nan

from linalgx.backend import as_arrays, namespace_of, times_power_of_two
from linalgx.errors import ConvergenceWarning, warn
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._stopping import Monitor, Stopping, largest, times
from linalgx.relaxation._system import Ending, System, admitted, copied
from linalgx.results import Status
from linalgx.typing import Array, MatrixLike

RESTARTS = 3
"""How often a run that believed to have converged is started again from where it is."""

WORST = (
    Status.CONVERGED,
    Status.STOPPED,
    Status.MAXITER,
    Status.STAGNATED,
    Status.BREAKDOWN,
    Status.DIVERGED,
)


Attempt = Callable[[System, Array, Monitor], Ending]
"""Runs from a start until the monitor, or a breakdown, ends it."""

Run = Callable[[System, Stopping], SolveResult]


def solve_system(
    run: Run,
    a: MatrixLike,
    b: Array,
    x0: Array | None,
    stopping: Stopping,
    *,
    rows: bool,
    check_finite: bool,
) -> SolveResult:
    """Solve one system, or each of a batch, and warn once when a tolerance was not met.

    `rows` says that the solver needs the rows of A and not only products.
    """
    systems, batch = admitted(a, b, x0, rows=rows, check_finite=check_finite)
    results: list[SolveResult] = []
    for system in systems:
        stopped = bool(results) and results[-1].status is Status.STOPPED
        results.append((_untouched if stopped else _solved)(run, system, stopping))
    result = results[0] if batch is None else merged(results, batch, b)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(_complaint(result), ConvergenceWarning)
    return result


def _solved(run: Run, system: System, stopping: Stopping) -> SolveResult:
    """Solve one system, column by column where that is necessary."""
    if not system.columns:
        return run(system, stopping)
    results = [run(column, stopping) for column in system.columns]
    result = merged(results, (len(results),), system.b)
    return replace(result, x=result.x.mT)


def _untouched(run: Run, system: System, stopping: Stopping) -> SolveResult:
    """Return the start of a system that an observer did not let begin."""
    norm = largest(stopping.norms(system.first_residual(), xp=system.xp))
    x = times_power_of_two(copied(system.x, xp=system.xp), system.x_exponent, xp=system.xp)
    monitor = Monitor(stopping, [], system.vector, system.exponent, system.xp)
    monitor.history = [times(norm, system.exponent)]
    return _result(system, x, Status.STOPPED, "", norm, monitor)


def honest(
    attempt: Attempt, system: System, stopping: Stopping, *, stationary: bool = False
) -> SolveResult:
    """Run a solver whose residual is a recurrence; believe only a recomputed one.

    A run that believed wrongly goes on from where it is, at most three times. A `stationary`
    method, which sees the same residual again, then aims lower by as much as it missed.
    """
    monitor = system.monitor(stopping)
    x, wanted = system.x, None
    for restart in range(RESTARTS + 1):
        x, status, reason = attempt(system, x, monitor)
        monitor.targets = wanted = wanted or monitor.targets
        norms = stopping.norms(r := system.accurate_residual(x), xp=system.xp)
        if monitor.met(norms) or status is not Status.CONVERGED:
            break
        if not isfinite(largest(norms)):
            status = Status.DIVERGED  # an operator that fails now and then
            break
        if restart == RESTARTS or monitor.k >= stopping.maxiter:
            status = Status.STAGNATED if restart == RESTARTS else Status.MAXITER
            break
        if stationary:
            monitor.targets = [_lower(t, n) for t, n in zip(wanted, norms, strict=True)]
    del r
    x = copied(x, xp=system.xp) if x is system.x and system.guessed else x
    if monitor.met(norms) and status is not Status.STOPPED:
        status, reason = Status.CONVERGED, ""
    if system.x_exponent:
        x, changed = _in_scale(system, x, stopping)
        norms = norms if changed is None else changed
        if status is Status.CONVERGED and not monitor.met(norms):
            status, reason = Status.BREAKDOWN, ""
    return _result(system, x, status, reason, largest(norms), monitor)


def _lower(target: float, norm: float) -> float:
    """Return the target for a run that ended at `norm` when it believed to be at the target."""
    return 0.9 * target * (target / norm if norm > target else 1.0)


def _in_scale(system: System, x: Array, stopping: Stopping) -> tuple[Array, list[float] | None]:
    """Undo the scaling of x; and the norms of the residual if x cannot be represented so."""
    xp, e = system.xp, system.x_exponent
    shown = times_power_of_two(x, e, xp=xp)
    if not bool(xp.all(xp.isfinite(shown))):
        return shown, [nan] * x.shape[1]
    again = times_power_of_two(shown, -e, xp=xp)
    if bool(xp.all(again == x)):
        return shown, None
    return shown, stopping.norms(system.accurate_residual(again), xp=xp)


def _result(
    system: System, x: Array, status: Status, reason: str, residual: float, monitor: Monitor
) -> SolveResult:
    """Name the answer."""
    return SolveResult(
        x=x[:, 0] if system.vector else x,
        status=status,
        iterations=max(monitor.k, 0),
        residual=times(residual, system.exponent),
        history=tuple(monitor.history),
        matvecs=system.matvecs,
        reason=reason or status.name.lower(),
    )


def merged(results: Sequence[SolveResult], batch: tuple[int, ...], b: Array) -> SolveResult:
    """One result for a batch: the worst of everything."""
    if not results:
        return _nothing(b)
    xp = namespace_of(results[0].x)
    x = xp.stack([result.x for result in results])
    worst = max(results, key=lambda result: WORST.index(result.status))
    longest = max(len(result.history) for result in results)
    histories = [
        (*result.history, *[result.history[-1]] * (longest - len(result.history)))
        for result in results
    ]
    return replace(
        worst,
        x=xp.reshape(x, (*batch, *x.shape[1:])),
        iterations=max(result.iterations for result in results),
        residual=largest([result.residual for result in results]),
        history=tuple(largest(norms) for norms in zip(*histories, strict=True)),
        matvecs=sum(result.matvecs for result in results),
    )


def _nothing(b: Array) -> SolveResult:
    """Return the result of a batch without problems."""
    _, (x,) = as_arrays({"b": b})
    return SolveResult(
        x=x, status=Status.CONVERGED, iterations=0, residual=0.0, history=(0.0,), matvecs=0,
        reason="converged",
    )  # fmt: skip


def _complaint(result: SolveResult) -> str:
    return (
        f"{result.reason} after {result.iterations} iterations: {result.status.value}; "
        f"the residual is {result.residual:.3e}, it started from {result.history[0]:.3e}"
    )
