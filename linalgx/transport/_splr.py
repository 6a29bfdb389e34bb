"""Sparse plus low rank (Wang and Qiu 2025): a sparse Hessian of fixed density and one BFGS pair.

The pair brings back, along the last step, the curvature that the dropped entries would have had;
meant for plans with many entries of equal weight, at larger ε.

Legend: as in `_sparsified`; A the shifted sparse model, (y, z) the last changes of gradient and
point, q the negative gradient, τ the density. As in `ssns`, all potentials move.
"""

from math import ceil, inf
from typing import NamedTuple

from linalgx.backend import host_float
from linalgx.results import Status
from linalgx.transport._absorbed import exact_steps
from linalgx.transport._newton import widened
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import first_potential
from linalgx.transport._sparsified import (
    Model,
    Patience,
    Point,
    Step,
    change,
    gradient_norm,
    largest,
    moved,
    noise,
    point,
    require_stored,
    shift_unit,
    slope,
)
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Namespace

DENSITY = 0.01
"""Largest density; a run starts with a tenth of it."""

DENSER, SPARSER = 1.1, 0.99
MOST_SHIFT = 1e-3
CURVATURE = 1e-6
"""Pairs with less of it are skipped."""

ARMIJO, WOLFE = 1e-4, 0.9
TRIALS = 30
LIMIT = 1000
CG_RTOL = 1e-8
CG_CAP = 3000


class Pair(NamedTuple):
    """Change of the gradient, and the step that made it."""

    y: Step
    z: Step


def splr(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Take quasi-Newton steps."""
    require_stored(problem, "splr")
    problem = widened(problem)
    xp, unit = problem.xp, shift_unit(problem)
    densest = options.get("density", DENSITY)
    density, length = densest / 10, 1.0
    monitor = Monitor(stopping, LIMIT)
    here = point(problem, *exact_steps(problem, first_potential(problem, options)))
    status = monitor.step(here.error, here.f)
    patience, pair = Patience(problem, here.error), None
    size = gradient_norm(problem, here)
    while status is None:
        kept = largest(here.p, ceil(density * here.p.shape[0] * here.p.shape[1]), xp=xp)
        model = Model(problem, here, kept, unit * min(size, MOST_SHIFT))
        q = Step(problem.a - here.r, problem.b - here.c)
        step = direction(model, q, pair, xp=xp).centred(problem)
        length, there, decrease = _searched(problem, here, step, min(1.0, 1.5 * length))
        pair = _pair(here, there, step.times(length), unit, xp=xp)
        before, size = size, gradient_norm(problem, there)
        density = min(densest, DENSER * density) if size > before else SPARSER * density
        density, here = max(density, densest / 100), there
        status = monitor.step(here.error, here.f)
        if status is None and patience.ends(here.error, decrease):
            status = Status.STAGNATED
    return monitor.run(here.f, here.g, status, "splr", (problem.epsilon,))


def direction(model: Model, q: Step, pair: Pair | None, *, xp: Namespace) -> Step:
    """Solve (A + BFGS correction) d = q; with a pair this takes a second solve with A."""
    plain = model.solve(q.s, q.t, CG_RTOL, CG_CAP)
    if pair is None:
        return plain
    y, z = pair
    bent = model.solve(y.s, y.t, CG_RTOL, CG_CAP)  # A⁻¹ y
    yz, zq = inner(y, z, xp=xp), inner(z, q, xp=xp)
    along = (1 + inner(y, bent, xp=xp) / yz) * zq / yz - inner(y, plain, xp=xp) / yz
    back = zq / yz
    return Step(
        plain.s + along * z.s - back * bent.s,
        plain.t + along * z.t - back * bent.t,
    )


def inner(x: Step, y: Step, *, xp: Namespace) -> float:
    """Inner product of two steps."""
    return host_float(xp.sum(x.s * y.s) + xp.sum(x.t * y.t))


def _pair(here: Point, there: Point, z: Step, unit: float, *, xp: Namespace) -> Pair | None:
    """Return the pair of a step; ``None`` when it has too little curvature."""
    y = Step(there.r - here.r, there.c - here.c)
    # The bound is published for potentials f = ε s.
    enough = unit * inner(y, z, xp=xp) > CURVATURE * inner(y, y, xp=xp)
    return Pair(y, z) if enough else None


def _searched(
    problem: Problem, here: Point, step: Step, length: float
) -> tuple[float, Point, float]:
    """Find a length that meets both conditions of Wolfe, by bisection; point and decrease with it.

    When trials run out the last length that lowered D enough is taken, or none.
    """
    down, allowed = slope(problem, here, step), noise(problem)
    low, high = 0.0, inf
    best = (length, here, 0.0)
    for _ in range(TRIALS):
        taken = step.times(length)
        there = moved(problem, here, taken)
        rise = change(problem, here, there, taken)
        if not rise <= ARMIJO * length * down + allowed:
            high = length
        else:
            best, low = (length, there, -rise), length
            if slope(problem, there, step) >= WOLFE * down:
                break
        length = 2 * low if high == inf else 0.5 * (low + high)
    return best
