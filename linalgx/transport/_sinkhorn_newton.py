"""Sinkhorn-Newton: Newton's method on both marginal equations.

After Brauer, Clason, Lorenz and Wirth (arXiv 1710.06635). Quadratic convergence close to the
solution, and no line search. Where every row and column has too much mass, full steps come down
safely; where one has far too little, the first step overflows. Hence the start: potentials with an
entry one in each row and column, for which P = exp(−C/ε) where C has a zero in each. For small ε
that is not enough, and the way down from a larger one, with sweeps at each, is our addition;
``options={"anneal": False, "sweeps": 0}`` is without it.

Legend: r = P1, c = Pᵀ1; (s, t) = (δf, δg)/ε solves [[diag(r), P], [Pᵀ, diag(c)]] (s, t) =
(a − r, b − c). The matrix is singular along (1, −1): the sums of s and t are made equal.
"""

from math import log
from typing import Any, NamedTuple

from linalgx.backend import host_float, safe_min
from linalgx.results import Status
from linalgx.transport._absorbed import exact_steps
from linalgx.transport._annealing import WARMEST, cooling, transforms
from linalgx.transport._costs import DenseCost
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._newton import widened
from linalgx.transport._passes import plan_rows
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import first_potential
from linalgx.transport._stopping import AIM, Monitor, Stopping
from linalgx.transport._whole import lazy_plan
from linalgx.typing import Array

LIMIT = 1000  # Newton steps and sweeps
SWEEPS = 10
STAGE_RTOL = 1e-3
"""Error at which Newton's method has arrived at an ε on the way."""
CG_SHARE = 24
"""Part of n + m that conjugate gradients may take, as published."""


def sinkhorn_newton(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Take full Newton steps, at each ε on the way down."""
    problem = widened(problem)
    path: tuple[float, ...] = (problem.epsilon,)
    if options.get("anneal", "start" not in options):
        path = cooling(problem.epsilon, WARMEST * problem.range)
    f, g = _start(problem.at(path[0]), options)
    monitor = Monitor(stopping, LIMIT)
    status = None
    for k, epsilon in enumerate(path):
        stage = problem.at(epsilon)
        f, g = (f, g) if k == 0 else exact_steps(stage, g)
        stage_rtol = None if epsilon == path[-1] else STAGE_RTOL
        f, g, status = _solved(stage, f, g, stage_rtol, monitor, options)
        if status is not None:
            break
    return monitor.run(f, g, status or Status.STAGNATED, "sinkhorn_newton", path[: k + 1])


def _start(problem: Problem, options: Options) -> tuple[Array, Array]:
    """Return c-transforms; exact rows and columns where a potential to start from is given."""
    if "start" in options:
        return exact_steps(problem, first_potential(problem, options))
    return transforms(problem)


def _solved(
    problem: Problem,
    f: Array,
    g: Array,
    stage_rtol: float | None,
    monitor: Monitor,
    options: Options,
) -> tuple[Array, Array, Status | None]:
    """Sweep, then take Newton steps; without a status where this ε was only on the way."""
    xp, e, n = problem.xp, problem.epsilon, f.shape[0]
    cap = options.get("cg_cap", max(1, sum(problem.shape) // CG_SHARE))
    rtol = AIM * monitor.stopping.rtol if stage_rtol is None else stage_rtol
    system, step = System.at(problem, f, g), xp.concat([xp.zeros_like(f), xp.zeros_like(g)])
    longest = -0.25 * log(safe_min(step, xp=xp))
    first, sweeps = system.error, options.get("sweeps", SWEEPS)
    while True:
        status = monitor.step(system.error, f)  # what a stage begins with is a sweep, too
        if stage_rtol is not None:
            status = None if status is Status.CONVERGED else status
            if system.error <= stage_rtol:
                return f, g, status
        if status is not None:
            return f, g, status
        if sweeps > 0:
            f, g = exact_steps(problem, g)
        else:
            step = system.direction(step, rtol, cap)
            if not host_float(xp.max(xp.abs(step))) <= longest:  # the next plan would overflow
                return f, g, Status.DIVERGED if system.error > first else Status.BREAKDOWN
            f, g = f + e * step[:n], g + e * step[n:]
        system, sweeps = System.at(problem, f, g), sweeps - 1


class System(NamedTuple):
    """The linearized marginal equations at two potentials."""

    problem: Problem
    plan: Any  # an array, or a map where the cost is not stored
    adjoint: Any
    diagonal: Array
    missing: Array
    error: float

    @classmethod
    def at(cls, problem: Problem, f: Array, g: Array) -> "System":
        """Compute the plan, and what its sums lack."""
        xp = problem.xp
        plan: Any
        if isinstance(problem.cost, DenseCost):
            block = problem.cost.block(0, f.shape[0])
            plan = xp.astype(plan_rows(block, f, g, problem.epsilon, xp=xp), f.dtype, copy=False)
            adjoint = plan.mT
        else:
            plan = lazy_plan(problem, f, g)
            adjoint = plan.adjoint
        diagonal = xp.concat([plan @ xp.ones_like(g), adjoint @ xp.ones_like(f)])
        missing = xp.concat([problem.a, problem.b]) - diagonal
        return cls(problem, plan, adjoint, diagonal, missing, host_float(xp.sum(xp.abs(missing))))

    def direction(self, start: Array, rtol: float, cap: int) -> Array:
        """Return (s, t), to a residual of `rtol`; begin with `start` where that beats zero."""
        xp, n = self.problem.xp, self.problem.a.shape[0]
        left = self.missing - self._times(start)
        size = host_float(xp.sum(xp.abs(left)))
        if not size < self.error:
            start, left, size = xp.zeros_like(start), self.missing, self.error
        z, _ = conjugate_gradients(self._times, left, self.diagonal, rtol / size, cap, xp=xp)
        z = start + z
        half = (xp.sum(z[n:]) - xp.sum(z[:n])) / sum(self.problem.shape)
        return xp.concat([z[:n] + half, z[n:] - half])

    def _times(self, z: Array) -> Array:
        xp, n = self.problem.xp, self.problem.a.shape[0]
        product = xp.concat([self.plan @ z[n:], self.adjoint @ z[:n]])
        return self.diagonal * z + product
