"""Newton's method on the semi-dual of a plan that is given.

Legend: the semi-dual F(f) = −⟨a, f⟩ − ⟨b, g(f)⟩; P with exact columns, r = P1, e = ‖r − a‖₁;
s = δf/ε; S the Hessian diag(r) − P diag(1/b) Pᵀ, both diagonals raised by 1 + μ min(1, e)
(Levenberg's shift); w = Pᵀe^s.
"""

from math import inf
from typing import NamedTuple

from linalgx.backend import host_float
from linalgx.results import Status
from linalgx.transport._annealing import SWEEPS, blind_below
from linalgx.transport._clipped import clipped
from linalgx.transport._plans import Plan
from linalgx.transport._problem import Problem
from linalgx.transport._stopping import Monitor
from linalgx.typing import Array, Namespace

SHIFT = 1e-3  # μ at first
CG_CAP = 3000
COARSE = 0.1
"""Share of the mass that the Hessian may leave out, in units of the error."""
LONGEST = 8.0
"""Largest step of a potential, in units of ε."""
STALE = 15.0
"""Logarithm of scalings beyond which other entries of the plan may matter."""
LEVEL = 2.0
"""Factor between a row sum and its mass beyond which the quadratic model is no good."""
SLOW = 5
"""Shortened steps in a row after which it is given up."""
WAIT = 40
"""Steps without a halved error after which it is given up."""
EXTRA = 8
"""Steps that are spent on rows of tiny mass when the sum of errors is small already."""


class Moved(NamedTuple):
    """Logarithms of the scalings that were applied, the error, and a status that ends the run."""

    u: Array
    v: Array
    error: float
    status: Status | None


def polished(
    problem: Problem, plan: Plan, f: Array, rtol: float, monitor: Monitor, *, thorough: bool
) -> Moved:
    """Take Newton steps from the plan of f until the error is small, or a new plan is due.

    Thorough: until every row has nearly its own mass, too.
    """
    xp, a, b = problem.xp, problem.a, problem.b
    u, v, mu = xp.zeros_like(a), xp.zeros_like(b), SHIFT
    slow, extra, moving = 0, 0, False
    least, waited = inf, 0
    s, w = u, plan.columns(xp.ones_like(a))
    while True:
        plan.rescale(xp.exp(s), b / w)
        u, v, r = _levelled(plan, u + s, v + xp.log(b / w), a, b, xp=xp)
        error = host_float(xp.sum(xp.abs(r - a)))
        status = monitor.note(error, f + problem.epsilon * u) if moving else None
        if error <= 0.5 * rtol:
            extra += 1
            if not thorough or extra > EXTRA or settled(r, a, xp=xp):
                return Moved(u, v, error, status)
        least, waited = (error, 0) if error < 0.5 * least else (least, waited + 1)
        if status is not None or slow >= SLOW or waited >= WAIT or _stale(u, v, xp=xp):
            return Moved(u, v, error, status)
        raised = 1.0 + mu * min(1.0, error)
        tolerance = min(0.1, max(error, 1e-4))
        delta = COARSE * min(0.1, error)
        missing = a - r
        missing = missing - a * xp.sum(missing)  # rounding: S would hardly bend along a constant
        s, _ = plan.direction(r * raised, 1.0 / (b * raised), missing, tolerance, CG_CAP, delta)
        s = clipped(s - xp.sum(a * s), -LONGEST, LONGEST, xp=xp)
        step, w = _searched(plan, s, r, error, a, b, xp=xp)
        mu, slow = (4 * mu, slow + 1) if step < 1.0 else (max(mu / 4, 1e-12), 0)
        s, moving = step * s, True


def settled(r: Array, a: Array, *, xp: Namespace) -> bool:
    """Whether every row has nearly its mass, the tiny ones too, whose error no sum would show."""
    return host_float(xp.max(xp.abs(r / a - 1.0))) < 0.1


def _levelled(
    plan: Plan, u: Array, v: Array, a: Array, b: Array, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Sweep while rows are far from their masses; returns the scalings and the row sums."""
    r = plan.rows()
    for _ in range(SWEEPS):
        ratio = a / r
        far = xp.maximum(xp.max(ratio), 1.0 / xp.min(ratio))
        if host_float(far) < LEVEL:
            break
        w = b / plan.columns(ratio)
        plan.rescale(ratio, w)
        u, v, r = u + xp.log(ratio), v + xp.log(w), plan.rows()
    return u, v, r


def _stale(u: Array, v: Array, *, xp: Namespace) -> bool:
    """Whether the scalings have grown so far that other entries may matter now."""
    return not host_float(xp.maximum(xp.max(xp.abs(u)), xp.max(xp.abs(v)))) <= STALE


def _searched(
    plan: Plan, s: Array, r: Array, error: float, a: Array, b: Array, *, xp: Namespace
) -> tuple[float, Array]:
    """Halve the step until F decreases enough (Armijo); one product with Pᵀ for each trial.

    Close to the solution rounding hides the decrease, and the full step is taken. Returns the
    step and w.
    """
    close = error < blind_below(a, xp=xp)
    slope = 0.0 if close else host_float(xp.sum((r - a) * s))
    step = 1.0
    while step > 1e-10:
        w = plan.columns(xp.exp(step * s))
        if close:
            return step, w
        change = host_float(xp.sum(b * xp.log(w / b)) - step * xp.sum(a * s))
        if change <= 1e-4 * step * slope:
            return step, w
        step /= 2
    return 0.0, b
