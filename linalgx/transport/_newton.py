"""Annealed truncated-plan Newton: our own combination of known parts.

Cooling from a large ε, each stage started by linear extrapolation of the potentials; a few
Sinkhorn sweeps; then Newton's method on the entries of the plan that matter (`_plans`, `_polish`).
A stage is done when an exact pass over all entries agrees.
"""

from math import inf
from typing import NamedTuple

from linalgx.backend import host_float, library_name
from linalgx.results import Status
from linalgx.transport._absorbed import Absorbed, exact_steps
from linalgx.transport._annealing import (
    CLOSE,
    ROUNDS,
    STAGE_RTOL,
    SWEEPS,
    WARMEST,
    Potentials,
    both_extrapolated,
    cooling,
    transforms,
)
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import plan_sums
from linalgx.transport._plans import DensePlan, choose_plan
from linalgx.transport._polish import polished, settled
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array

STALLED = 8
"""Rounds without a halved error after which a stage is given up."""
LIMIT = 4000  # Newton steps and sweeps
SECOND_RTOL, SECOND_WARMEST = 1e-9, 0.5
"""Of the second attempt, made when the first one stagnates: slower, and closer at every stage."""


def newton(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Cool down to ε; where potentials are given, only when these do not lead there."""
    if "start" in options:
        return finished(problem, options["start"], Monitor(stopping, 0), options)
    return _annealed(problem, Monitor(stopping, LIMIT), options)


def finished(problem: Problem, start: Potentials, monitor: Monitor, options: Options) -> Run:
    """Solve at ε alone, from potentials that are good already; cool down where that fails."""
    monitor.limit += LIMIT
    run = _cooled(widened(problem), start, 0.0, STAGE_RTOL, monitor)
    return run if run.status is not Status.STAGNATED else _annealed(problem, monitor, options)


def _annealed(problem: Problem, monitor: Monitor, options: Options) -> Run:
    """Do so with a monitor that may have seen earlier attempts."""
    problem = widened(problem)
    warmest, rtol = options.get("warmest", WARMEST), options.get("stage_rtol", STAGE_RTOL)
    run = _cooled(problem, None, warmest, rtol, monitor)
    if run.status is not Status.STAGNATED:
        return run
    return _cooled(problem, None, SECOND_WARMEST, min(rtol, SECOND_RTOL), monitor)


def widened(problem: Problem) -> Problem:
    """On the host a 32-bit problem is solved in 64 bits."""
    xp = problem.xp
    if library_name(xp) != "numpy" or problem.a.dtype == xp.float64:
        return problem
    return problem.astype(xp.float64)


def _cooled(
    problem: Problem,
    start: Potentials | None,
    warmest: float,
    stage_rtol: float,
    monitor: Monitor,
) -> Run:
    """Solve one ε after the other."""
    path = cooling(problem.epsilon, problem.range * warmest)
    known: list[tuple[float, Potentials]] = []
    done: tuple[Array, Array, Status | None]
    for epsilon in path:
        f, g = both_extrapolated(known, epsilon) if known else start or transforms(problem)
        last = epsilon == path[-1]
        rtol = monitor.stopping.rtol if last else stage_rtol
        done = _stage(problem.at(epsilon), f, g, rtol, monitor, last=last)
        known.append((epsilon, done[:2]))
        if done[2] not in (None, Status.CONVERGED, Status.STAGNATED):
            break
    f, g, status = done
    return monitor.run(f, g, status or Status.STAGNATED, "newton", path[: len(known)])


def _stage(
    problem: Problem, f: Array, g: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[Array, Array, Status | None]:
    """Solve one ε: sweeps, then Newton's method on the plan, until an exact pass agrees."""
    best, stalled = inf, 0
    for _ in range(ROUNDS):
        f, g, state, error, level, status = _swept(problem, f, g, rtol, monitor)
        if status is not None or (error <= rtol and (last or level)):
            return f, g, status or Status.CONVERGED
        stalled = stalled + 1 if not error < 0.5 * best else 0
        best = min(best, error)
        if stalled >= STALLED:
            break
        plan = choose_plan(problem, f, g, rtol, state)
        if plan is None:
            continue
        moved = polished(problem, plan, f, rtol, monitor, thorough=not last)
        f, g = f + problem.epsilon * moved.u, g + problem.epsilon * moved.v
        # Nothing was left out of a whole plan: what it says needs no further pass.
        sure = isinstance(plan, DensePlan) or not last
        if moved.status is not None or (sure and moved.error <= rtol):
            return f, g, moved.status or Status.CONVERGED
    return f, g, Status.STAGNATED


class Swept(NamedTuple):
    """Potentials with exact columns, the stored plan, the error, and whether all rows are near."""

    f: Array
    g: Array
    state: Absorbed | None
    error: float
    settled: bool
    status: Status | None


def _swept(problem: Problem, f: Array, g: Array, rtol: float, monitor: Monitor) -> Swept:
    """Make rows, then columns exact; sweep while the error is large."""
    xp, a = problem.xp, problem.a
    if not isinstance(problem.cost, DenseCost):
        f, g = exact_steps(problem, g)
        r = plan_sums(problem.cost, f, g, problem.epsilon, xp=xp).r
        error = host_float(xp.sum(xp.abs(r - a)))
        return Swept(f, g, None, error, settled(r, a, xp=xp), _first(monitor, error, f))
    state = Absorbed.near(problem, f, g)
    error = host_float(state.error())
    status = _first(monitor, error, f)
    for _ in range(SWEEPS):
        if status is not None or not error > max(CLOSE, rtol):
            break
        state.sweep()
        error = host_float(state.error())
        status = monitor.note(error, state.f)
    return Swept(*state.potentials(), state, error, settled(state.u * state.kv, a, xp=xp), status)


def _first(monitor: Monitor, error: float, f: Array) -> Status | None:
    """Note the error before the first iteration."""
    return None if monitor.history else monitor.note(error, f)
