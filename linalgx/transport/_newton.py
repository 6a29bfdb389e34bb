"""Annealed truncated-plan Newton: our own combination of known parts.

Cooling from a large ε, each stage started by linear extrapolation of the potentials in ε (they
become affine as ε → 0); a few Sinkhorn sweeps; then Newton's method on the semi-dual
F(f) = −⟨a, f⟩ − ⟨b, g(f)⟩, restricted to the entries of the plan that matter.

Legend: P = diag(u) P₀ diag(v) with exact columns, r = P1, e = ‖r − a‖₁; s = δf/ε; S the semi-dual
Hessian diag(r) − P diag(1/b) Pᵀ, both diagonals raised by 1 + μ min(1, e).
"""

import os
from math import inf
from typing import NamedTuple

from linalgx.backend import eps, host_float, library_name
from linalgx.results import Status
from linalgx.transport._absorbed import Absorbed, exact_steps
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import column_lowest, plan_sums, row_lowest
from linalgx.transport._plans import Plan, choose_plan
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

WARMEST = float(os.environ.get("CW","0.05"))  # the first ε, in units of the range of the costs

COOLING = float(os.environ.get("CF","4"))
STAGE_RTOL = 1e-6
"""Error at which a stage ends: a looser one would lose small flows that are forced."""
SWEEPS = 10
CLOSE = 0.2
"""Error below which Newton's method takes over from the sweeps."""
ROUNDS = 40
LIMIT = 2000  # Newton steps and sweeps
CG_CAP = 3000
COARSE = 0.1
"""Share of the mass that the Hessian may leave out, in units of the error."""
LONGEST = 30.0
STALE = 25.0
"""Logarithm of scalings beyond which the kept entries are chosen anew."""


def newton(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Go down to the target ε, solving each stage by `_stage`."""
    xp = problem.xp
    problem = widened(problem)
    monitor = Monitor(stopping, LIMIT)
    g = options.get("g")
    f, g = _transforms(problem) if g is None else (None, xp.astype(g, problem.b.dtype))
    stage_rtol = options.get("stage_rtol", STAGE_RTOL)
    path = cooling(problem.epsilon, problem.range * options.get("warmest", WARMEST))
    known: list[tuple[float, Array, Array]] = []
    status: Status | None = None
    for epsilon in path:
        last = epsilon == path[-1]
        here = problem.at(epsilon)
        start = _extrapolated(known, epsilon, f, g)
        rtol = stopping.rtol if last else stage_rtol
        f, g, status = _stage(here, *start, rtol, monitor, last=last)
        if status not in (None, Status.CONVERGED, Status.STAGNATED):
            break
        known.append((epsilon, f, g))
    done = path[: len(known) + 1]
    return monitor.run(f, g, status or Status.STAGNATED, "newton", done)


def widened(problem: Problem) -> Problem:
    """On the host the vectors of a 32-bit problem are kept in 64 bits."""
    xp = problem.xp
    if library_name(xp) != "numpy" or problem.a.dtype == xp.float64:
        return problem
    return problem.with_masses(*(xp.astype(x, xp.float64) for x in (problem.a, problem.b)))


def cooling(epsilon: float, warmest: float) -> tuple[float, ...]:
    """Return the values of ε, by a constant factor, the last one being the target."""
    path = [max(epsilon, warmest)]
    while path[-1] > epsilon:
        path.append(max(path[-1] / COOLING, epsilon))
    return tuple(path)


def _transforms(problem: Problem) -> tuple[Array, Array]:
    """Start from f_i = min_j C_ij and g_j = min_i (C_ij − f_i)."""
    f = row_lowest(problem.cost, problem.xp.zeros_like(problem.b), xp=problem.xp)
    return f, column_lowest(problem.cost, f, xp=problem.xp)


def _extrapolated(
    known: list[tuple[float, Array, Array]], epsilon: float, f: Array | None, g: Array
) -> tuple[Array | None, Array]:
    """Continue the potentials of the last two stages linearly in ε."""
    if len(known) < 2:
        return f, g
    (before, *old), (last, *new) = known[-2:]
    t = (epsilon - last) / (last - before)
    return new[0] + t * (new[0] - old[0]), new[1] + t * (new[1] - old[1])


def _stage(
    problem: Problem, f: Array | None, g: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[Array, Array, Status | None]:
    """Solve one ε: sweeps, then Newton's method on the plan, until an exact pass agrees."""
    best, stalled = inf, 0
    for _ in range(ROUNDS):
        f, g, k, error, settled = _swept(problem, f, g, rtol, monitor)
        status = _noted(monitor, error, f, rtol, last=last, after=0)
        if status is not None or (error <= rtol and (last or settled)):
            return f, g, status
        stalled = stalled + 1 if not error < 0.5 * best else 0
        best = min(best, error)
        if stalled >= 8:
            return f, g, Status.STAGNATED
        plan = choose_plan(problem, f, g, rtol, k)
        if plan is None:
            continue
        moved = _polished(problem, plan, rtol, monitor, last=last)
        f, g = f + problem.epsilon * moved.u, g + problem.epsilon * moved.v
        if moved.status is not None or (not last and moved.error <= rtol):
            return f, g, moved.status
    return f, g, Status.STAGNATED


def _noted(
    monitor: Monitor, error: float, f: Array, rtol: float, *, last: bool, after: int
) -> Status | None:
    """Tell the monitor; only the last stage may end the run by its error."""
    status = monitor.step(error, f, after)
    return None if status is Status.CONVERGED and not (last and error <= rtol) else status


def _swept(
    problem: Problem, f: Array | None, g: Array, rtol: float, monitor: Monitor
) -> tuple[Array, Array, Array | None, float, bool]:
    """Make rows, then columns exact; sweep while the error is large.

    Returns f and g, the plan where it is stored, the error, and whether all rows are near.
    """
    xp = problem.xp
    if not isinstance(problem.cost, DenseCost):
        f, g = exact_steps(problem, g)
        r = plan_sums(problem.cost, f, g, problem.epsilon, xp=xp).r
        return f, g, None, host_float(xp.sum(xp.abs(r - problem.a))), _settled(r, problem.a, xp=xp)
    state = Absorbed.near(problem, f, g)
    error = host_float(state.error())
    for _ in range(min(SWEEPS, monitor.left)):
        if not error > max(CLOSE, rtol):
            break
        state.sweep()
        monitor.iterations += 1
        error = host_float(state.error())
    f, g = state.potentials()
    return f, g, state.plan(), error, _settled(state.u * state.kv, state.a, xp=xp)


class Moved(NamedTuple):
    """What Newton's method on a plan has done: log of the scalings, the error, how it ended."""

    u: Array
    v: Array
    error: float
    status: Status | None


def _polished(
    problem: Problem, plan: Plan, rtol: float, monitor: Monitor, *, last: bool
) -> Moved:
    """Take Newton steps until the error is small, or the kept entries may be the wrong ones."""
    xp, a, b = problem.xp, problem.a, problem.b
    one = xp.ones_like(a)
    u, v, mu, slow, extra = xp.zeros_like(a), xp.zeros_like(b), 1e-3, 0, 0
    w, s = plan.columns(one), u
    status = None
    while True:
        # The columns are made exact by every move.
        v = v + xp.log(b / w)
        plan.rescale(xp.exp(s), b / w)
        r = plan.rows()
        u, v, r = _levelled(plan, u, v, r, a, b, xp=xp)
        error = host_float(xp.sum(xp.abs(r - a)))
        if error <= 0.5 * rtol:
            extra += 1
            if last or extra > 8 or _settled(r, a, xp=xp):
                return Moved(u, v, error, status)
        if status is not None or slow >= 5 or _stale(u, v, xp=xp):
            return Moved(u, v, error, status)
        raised = 1.0 + mu * min(1.0, error)
        import os
        tolerance = min(float(os.environ.get('TB','0.1')), max(error, float(os.environ.get('TA','1e-4'))))
        delta = float(os.environ.get('CO','0.1')) * min(0.1, error)
        s, _ = plan.direction(r * raised, 1.0 / (b * raised), a - r, tolerance, CG_CAP, delta)
        s = xp.clip(s - xp.sum(a * s), -LONGEST, LONGEST)
        step, w = _searched(plan, s, a, b, r, error, xp=xp)
        mu = 4 * mu if step < 1.0 else max(mu / 4, 1e-12)
        s = step * s
        u = u + s
        slow = slow + 1 if step < 1.0 else 0
        status = _noted(monitor, error, u, 0.0, last=False, after=1)


def _settled(r: Array, a: Array, *, xp: Namespace) -> bool:
    """Whether every row has nearly its mass, the tiny ones too, whose error no sum would show."""
    return host_float(xp.max(xp.abs(r / a - 1.0))) < 0.1


def _levelled(
    plan: Plan, u: Array, v: Array, r: Array, a: Array, b: Array, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Sweep on the kept entries while rows are far from their masses: there Newton's model is bad."""
    for _ in range(SWEEPS):
        ratio = a / r
        if 0.5 < host_float(xp.min(ratio)) and host_float(xp.max(ratio)) < 2.0:
            break
        w = b / plan.columns(ratio)
        plan.rescale(ratio, w)
        u, v, r = u + xp.log(ratio), v + xp.log(w), plan.rows()
    return u, v, r


def _stale(u: Array, v: Array, *, xp: Namespace) -> bool:
    """Whether the scalings have grown so far that other entries may matter now."""
    return not host_float(xp.maximum(xp.max(xp.abs(u)), xp.max(xp.abs(v)))) <= STALE


def _searched(
    plan: Plan, s: Array, a: Array, b: Array, r: Array, error: float, *, xp: Namespace
) -> tuple[float, Array]:
    """Halve the step until F decreases enough (Armijo); one product with Pᵀ for each trial.

    Close to the solution rounding hides the decrease, and the full step is taken.
    """
    slope = host_float(xp.sum((r - a) * s))
    step = 1.0
    while step > 1e-10:
        w = plan.columns(xp.exp(step * s))
        if error < max(1e-6, eps(a, xp=xp) ** 0.4):
            return step, w
        change = host_float(xp.sum(b * xp.log(w / b)) - step * xp.sum(a * s))
        if change <= 1e-4 * step * slope:
            return step, w
        step /= 2
    return 0.0, b
