"""Truncated Newton on the semi-dual, without a matrix (Kemertas, Jepson, Farahmand 2025), cooled.

Nothing but products with the plan and soft minima: made for a GPU, for costs that are not stored,
and for batches, of which the problems that have arrived stay where they are. The published method
tries smaller and smaller discounts until the residual of S itself passes; a discount proportional
to the error, as in Levenberg's method, takes a third to a half of the products (ours).

Legend: P = exp((f_i + g_j − C_ij)/ε) with columns that are exact but for the rounding of exponents,
r = P1, c = Pᵀ1, e = ‖r − a‖₁, s = δf/ε; S = diag(r) − P diag(1/c) Pᵀ the Hessian, in which b for c
would let that rounding make curvatures negative; δ discounts the second term. Every sum runs over
the last axis, behind those of a batch. No bin is empty.
"""

from collections.abc import Iterator
from math import inf
from typing import Any

from linalgx.backend import eps, to_host
from linalgx.results import Status
from linalgx.transport._absorbed import exact_steps
from linalgx.transport._annealing import (
    STAGE_RTOL,
    WARMEST,
    Potentials,
    both_extrapolated,
    cooling,
    transforms,
)
from linalgx.transport._clipped import clipped
from linalgx.transport._costs import DenseCost, blocks
from linalgx.transport._frozen import frozen_gradients
from linalgx.transport._newton import widened
from linalgx.transport._passes import joined, plan_rows
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import AIM, DEFAULT_POWER, Monitor, Stopping
from linalgx.typing import Array

STORED = 2**23
"""Entries up to which the plan of a cost that is not stored is kept during a step: 64 MB."""

SWEEPS = 10
"""Sweeps between two Newton steps, at most."""

AT_ONCE = 5
"""Of them without a new plan."""

DISCOUNT = 1e-3
"""δ over the error at first; four times that after a step that was cut, a quarter else."""

LIMIT = 2000
CG_CAP = 3000
LONGEST = 30.0
ARMIJO = 0.01
HALVINGS = 30
LEAST_FORCING, MOST_FORCING = 1e-4, 0.1
"""Bounds of the residual of a Newton equation, relative to its right-hand side."""

PATIENCE = 5


def mdot(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Cool down to the target ε."""
    return cooled(problem, Monitor(stopping, LIMIT), options)


def continued(problem: Problem, start: Potentials, monitor: Monitor, options: Options) -> Run:
    """Solve at ε alone, from potentials that are good already; cool down where that fails."""
    monitor.limit += LIMIT
    run = cooled(problem, monitor, {**options, "start": start, "warmest": 0.0})
    return run if run.status is not Status.STAGNATED else cooled(problem, monitor, options)


def cooled(problem: Problem, monitor: Monitor, options: Options) -> Run:
    """Solve one ε after the other by `_stage`, with a monitor that may have seen other methods."""
    problem = widened(problem)
    xp, stopping = problem.xp, monitor.stopping
    least = max(STAGE_RTOL, eps(problem.a, xp=xp) ** DEFAULT_POWER)
    path = cooling(problem.epsilon, problem.range * options.get("warmest", WARMEST))
    known: list[tuple[float, Potentials]] = []
    for epsilon in path:
        last = epsilon == path[-1]
        rtol = AIM * stopping.rtol if last else options.get("stage_rtol", least)
        start = both_extrapolated(known, epsilon) if known else options.get("start")
        _, g = start or transforms(problem)
        f, g, status = _stage(problem.at(epsilon), g, rtol, monitor)
        known.append((epsilon, (f, g)))
        if status not in (Status.CONVERGED, Status.STAGNATED):
            break
    return monitor.run(f, g, status, "mdot", path[: len(known)])


def _stage(
    problem: Problem, g: Array, rtol: float, monitor: Monitor
) -> tuple[Array, Array, Status]:
    """Solve one ε: Newton steps, and sweeps wherever the rows are far from their sums."""
    xp, a = problem.xp, problem.a
    f, g = exact_steps(problem, g)
    close = rtol**0.4
    best, slow, sweeps = inf, 0, 0
    mu = DISCOUNT * xp.ones_like(f[..., :1])
    while True:
        plan = Products(problem, f, g)
        r = plan.rows()
        error = xp.sum(xp.abs(r - a), axis=-1, keepdims=True)
        chi = xp.sum((a - r) ** 2 / r, axis=-1)
        worst, far = (float(x) for x in to_host(xp.stack([xp.max(error), xp.max(chi)])))
        status = monitor.step(worst, f)  # a Newton step, or some sweeps, are one iteration
        if status not in (None, Status.CONVERGED):
            return f, g, status
        if worst <= rtol:
            return f, g, Status.CONVERGED
        if not far < close and sweeps < SWEEPS:
            f, g, more = plan.swept(r, min(SWEEPS - sweeps, max(monitor.left, 1)))
            sweeps += more
            continue
        slow, sweeps = slow + 1 if not worst < 0.9 * best else 0, 0
        best = min(best, worst)
        if slow >= PATIENCE:
            return f, g, Status.STAGNATED
        discount = mu * xp.minimum(error, xp.ones_like(error)) + 64 * eps(a, xp=xp)
        c = plan.transposed_times(xp.ones_like(a))
        f, g, cut = _searched(plan, r, c, direction(plan, r, c, error, discount, rtol))
        mu = clipped(xp.where(cut, 4.0 * mu, 0.25 * mu), 1e-12, 0.5, xp=xp)


class Products:
    """Products with the plan of two potentials: from memory, or with rows computed anew."""

    __slots__ = ("_p", "f", "g", "problem")

    def __init__(self, problem: Problem, f: Array, g: Array) -> None:
        self.problem, self.f, self.g = problem, f, g
        n, m = problem.shape[-2:]
        kept = isinstance(problem.cost, DenseCost) or n * m <= STORED
        self._p = self._rows(problem.cost.block(0, n), f) if kept else None

    def _rows(self, block: Array, f: Array) -> Array:
        return plan_rows(block, f, self.g, self.problem.epsilon, xp=self.problem.xp)

    def _parts(self) -> Iterator[tuple[int, int, Array]]:
        """Rows of the plan, block by block: (start, stop, rows)."""
        if self._p is not None:
            yield 0, self._p.shape[-2], self._p
            return
        for i, j, block in blocks(self.problem.cost):
            yield i, j, self._rows(block, self.f[i:j])

    def rows(self) -> Array:
        """Return P1."""
        xp, dtype = self.problem.xp, self.f.dtype
        return joined([xp.sum(p, axis=-1, dtype=dtype) for _, _, p in self._parts()], xp=xp)

    def times(self, y: Array) -> Array:
        """Return P y."""
        return joined([(p @ y[..., None])[..., 0] for _, _, p in self._parts()], xp=self.problem.xp)

    def transposed_times(self, x: Array) -> Array:
        """Return Pᵀ x."""
        total: Any = 0.0
        for i, j, p in self._parts():
            total = total + (x[..., None, i:j] @ p)[..., 0, :]
        return total

    def swept(self, r: Array, most: int) -> tuple[Array, Array, int]:
        """Make rows, then columns exact, several times where the plan is stored; how often."""
        xp, a, b, e = self.problem.xp, self.problem.a, self.problem.b, self.problem.epsilon
        if self._p is None:
            return *exact_steps(self.problem, self.g), 1
        most = min(most, AT_ONCE)
        for _ in range(most):
            u = a / r
            v = b / self.transposed_times(u)
            r = self.times(v)
        return self.f + e * xp.log(u), self.g + e * xp.log(v), most

    def squares(self, h: Array) -> Array:
        """Return (P∘P) h."""
        parts = [((p * p) @ h[..., None])[..., 0] for _, _, p in self._parts()]
        return joined(parts, xp=self.problem.xp)


def direction(
    plan: Products, r: Array, c: Array, error: Array, discount: Array, rtol: float
) -> Array:
    """Solve S s = a − r inexactly, preconditioned by the diagonal; zero where e has arrived."""
    problem, xp = plan.problem, plan.problem.xp
    a, one = problem.a, xp.ones_like(error)
    h = (one - discount) / c
    inverse = 1.0 / xp.maximum(r - plan.squares(h), 64 * eps(r, xp=xp) * r)
    rhs = xp.where(error > rtol, a - r, xp.zeros_like(r))
    forcing = xp.maximum(error, 0.9 * rtol / error)
    forcing = clipped(forcing, LEAST_FORCING, MOST_FORCING, xp=xp)
    target = forcing * xp.sum(xp.abs(rhs), axis=-1, keepdims=True)

    def apply(x: Array) -> Array:
        return r * x - plan.times(h * plan.transposed_times(x))

    s, _ = frozen_gradients(apply, rhs, inverse, target, CG_CAP, xp=xp)
    s = s - xp.sum(a * s, axis=-1, keepdims=True)
    longest = xp.max(xp.abs(s), axis=-1, keepdims=True)
    return s * (LONGEST / xp.maximum(longest, LONGEST * one))


def _searched(plan: Products, r: Array, c: Array, s: Array) -> tuple[Array, Array, Array]:
    """Halve steps until F decreases enough (Armijo), each problem for itself.

    Returns the new f and g, and in which problems the step was cut. Close to the solution rounding
    hides the decrease: an increase of its size is accepted.
    """
    problem, xp = plan.problem, plan.problem.xp
    a, b, e = problem.a, problem.b, problem.epsilon
    slope = xp.sum((r - a) * s, axis=-1, keepdims=True)
    lift = xp.sum(a * s, axis=-1, keepdims=True)
    noise = 8 * eps(a, xp=xp) * (1 + xp.max(xp.abs(s), axis=-1, keepdims=True))
    length = xp.ones_like(slope)
    for _ in range(HALVINGS):
        w = plan.transposed_times(xp.exp(length * s))
        change = xp.sum(b * xp.log(w / c), axis=-1, keepdims=True) - length * lift
        enough = change <= ARMIJO * length * slope + noise
        if bool(xp.all(enough)):
            break
        length = xp.where(enough, length, 0.5 * length)
    return plan.f + e * length * s, plan.g + e * xp.log(b / w), length < 1.0
