"""Safe and sparse Newton method (Tang and Qiu 2024): a Hessian sparsified by mass.

The mass that may be dropped shrinks with the gradient, so the steps become those of Newton's method
and convergence is superlinear. A Levenberg shift, steered by the gain, makes every model definite.

The published method fixes the last column potential. Where that bin is light the dropped mass then
holds all others back, so here every potential moves and the shift alone makes the model definite.

Legend: as in `_sparsified`; δ the mass that a column may lose, μ the shift over the norm of the
gradient, ρ the gain: the actual decrease over that of the model.
"""

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
    by_mass,
    change,
    gradient_norm,
    moved,
    noise,
    point,
    require_stored,
    shift_unit,
    slope,
)
from linalgx.transport._stopping import Monitor, Stopping

DROPPED = 0.01
SHIFT, LEAST_SHIFT = 1.0, 1e-3
LENGTHS = (1.0, 0.5, 0.25, 0.1)
POOR, GOOD = 0.25, 0.75
LIMIT = 1000
CG_RTOL = 1e-8
CG_CAP = 3000


def ssns(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Take shifted Newton steps."""
    require_stored(problem, "ssns")
    problem = widened(problem)
    xp, unit = problem.xp, shift_unit(problem)
    dropped, mu = options.get("dropped", DROPPED), options.get("shift", SHIFT)
    monitor = Monitor(stopping, LIMIT)
    here = point(problem, *exact_steps(problem, first_potential(problem, options)))
    status = monitor.step(here.error, here.f)
    patience = Patience(problem, here.error)
    while status is None:
        size = gradient_norm(problem, here)
        kept = by_mass(here.p, dropped * size, xp=xp)
        model = Model(problem, here, kept, unit * mu * size)
        step = model.solve(problem.a - here.r, problem.b - here.c, CG_RTOL, CG_CAP)
        there, gain, decrease = _tried(problem, here, step.centred(problem))
        mu = 4 * mu if gain < POOR else max(mu / 2, LEAST_SHIFT) if gain > GOOD else mu
        here = there if gain > 0 else here
        status = monitor.step(here.error, here.f)
        if status is None and patience.ends(here.error, decrease):
            status = Status.STAGNATED
    return monitor.run(here.f, here.g, status, "ssns", (problem.epsilon,))


def _tried(problem: Problem, here: Point, step: Step) -> tuple[Point, float, float]:
    """Try shorter and shorter steps until D decreases; the point, the gain ρ, the decrease.

    Where rounding hides the decrease the whole step is taken, with gain one.
    """
    down, allowed = slope(problem, here, step), noise(problem)
    for length in LENGTHS:
        shorter = step.times(length)
        there = moved(problem, here, shorter)
        actual = change(problem, here, there, shorter)
        predicted = length * (1 - length / 2) * down
        if abs(actual) <= allowed and abs(predicted) <= allowed:
            return there, 1.0, -actual
        if actual < 0:
            return there, actual / predicted if predicted < 0 else -1.0, -actual
    return here, -1.0, 0.0
