"""Sinkhorn-Newton-Sparse as published: sweeps, then Newton steps with the plan's largest entries.

After Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying (arXiv 2401.12253).
What is dropped stays on the diagonals, where it damps the steps: convergence is linear, and stalls
where the kept entries carry too little of the plan. ``sparsify="mass"`` chooses them as `ssns`.

Legend: as in `_sparsified`; λ the density, the share of the entries that is kept.
"""

from math import ceil

from linalgx.backend import host_float
from linalgx.results import Status
from linalgx.transport._absorbed import Absorbed
from linalgx.transport._newton import widened
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import first_potential
from linalgx.transport._sparsified import (
    Model,
    Patience,
    Point,
    Step,
    by_mass,
    change,
    gradient_norm,
    largest,
    moved,
    noise,
    point,
    require_stored,
    slope,
)
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array

SWEEPS = 20
SPARSIFY = ("topk", "mass")
DROPPED = 0.01  # as in `ssns`
LIMIT = 1000
CG_RTOL = 1e-10
CG_CAP = 3000


def sns(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Make some sweeps, then Newton steps with a fixed number of entries."""
    require_stored(problem, "sns")
    problem = widened(problem)
    xp = problem.xp
    monitor = Monitor(stopping, LIMIT + options.get("sweeps", SWEEPS))
    f, g, status = _swept(problem, monitor, options)
    by = options.get("sparsify", "topk")
    count = kept_entries(problem, options.get("density"))
    here = point(problem, f, g)
    patience = Patience(problem, here.error)
    while status is None:
        if by == "topk":
            kept = largest(here.p, count, xp=xp)
        else:
            kept = by_mass(here.p, DROPPED * gradient_norm(problem, here), xp=xp)
        model = Model(problem, here, kept, 0.0)
        step = model.solve(problem.a - here.r, problem.b - here.c, CG_RTOL, CG_CAP)
        here, decrease = _searched(problem, here, step.centred(problem))
        status = monitor.step(here.error, here.f)
        if status is None and (decrease == 0.0 or patience.ends(here.error, decrease)):
            status = Status.STAGNATED
    return monitor.run(here.f, here.g, status, "sns", (problem.epsilon,))


def kept_entries(problem: Problem, density: float | None) -> int:
    """Return ⌈λ n m⌉; by default λ = 2/min(n, m): a vertex has n + m − 1 entries."""
    n, m = problem.shape
    density = 2 / min(n, m) if density is None else density
    return min(n * m, ceil(density * n * m))


def _swept(
    problem: Problem, monitor: Monitor, options: Options
) -> tuple[Array, Array, Status | None]:
    """Stage one: a fixed number of Sinkhorn's sweeps."""
    state = Absorbed.start(problem, first_potential(problem, options))
    status = monitor.step(host_float(state.error()), state.f)
    for _ in range(options.get("sweeps", SWEEPS)):
        if status is not None:
            break
        state.sweep()
        status = monitor.step(host_float(state.error()), state.f)
    return *state.potentials(), status


def _searched(problem: Problem, here: Point, step: Step) -> tuple[Point, float]:
    """Halve the step until D decreases enough (Armijo); the point, and the decrease or zero."""
    down, allowed = slope(problem, here, step), noise(problem)
    length = 1.0
    while length > 1e-10:
        shorter = step.times(length)
        there = moved(problem, here, shorter)
        rise = change(problem, here, there, shorter)
        if rise <= 1e-4 * length * down + allowed:
            return there, -rise
        length /= 2
    return here, 0.0
