"""Adaptive primal-dual accelerated gradient ascent on the dual (Dvurechensky et al. 2018).

A baseline. It also averages plans on the way, which converge at the same rate; here the potentials
are returned, and the error is theirs.

Legend: z = (f, g)/ε, so that nothing depends on the unit of the costs; φ(z) = ⟨a, f/ε⟩ +
⟨b, g/ε⟩ − ΣP, to be maximized, with gradient (a − P1, b − Pᵀ1); L its local Lipschitz constant,
β = Σα, τ = α/β; ζ the sum of the gradients weighted by α, η the iterates, λ between them.
"""

from math import sqrt
from typing import NamedTuple

from linalgx.backend import eps, host_float
from linalgx.results import Status
from linalgx.transport._absorbed import exact_steps
from linalgx.transport._newton import widened
from linalgx.transport._passes import plan_sums, row_softmin
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import first_potential
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array

LIMIT = 20_000
DOUBLINGS = 100
"""Of L in one step, before the gradients are taken for rounding errors."""


class Point(NamedTuple):
    """The dual at z: its value, its gradient, and the size of that, which is the error."""

    z: Array
    value: float
    gradient: Array
    error: float


class State(NamedTuple):
    """What is carried from step to step."""

    zeta: Array
    eta: Point
    smoothness: float
    beta: float


def apdagd(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Climb; each iteration costs two passes over the plan for each trial of L."""
    problem = widened(problem)
    g = first_potential(problem, options)
    given = "start" in options
    start = _look(problem, _exact(problem, g) if given else _of_unit_mass(problem, g))
    state, monitor = State(start.z, start, 1.0, 0.0), Monitor(stopping, LIMIT)
    while True:
        f, g = _potentials(problem, state.eta.z)
        status = monitor.step(state.eta.error, f)
        new = _climbed(problem, state) if status is None else None
        if new is None:
            status = status or Status.STAGNATED
            return monitor.run(f, g, status, "apdagd", (problem.epsilon,))
        state = new


def _climbed(problem: Problem, state: State) -> State | None:
    """Take one step; ``None`` where no L is large enough."""
    zeta, eta, smoothness, beta = state
    smoothness /= 2.0
    for _ in range(DOUBLINGS):
        alpha = (1.0 + sqrt(1.0 + 4.0 * smoothness * beta)) / (2.0 * smoothness)
        tau = alpha / (beta + alpha)
        between = _look(problem, tau * zeta + (1.0 - tau) * eta.z)
        moved = zeta + alpha * between.gradient
        new = _look(problem, tau * moved + (1.0 - tau) * eta.z)
        if _is_enough(problem, between, new, smoothness):
            return State(moved, new, smoothness, beta + alpha)
        smoothness *= 2.0
    return None


def _is_enough(problem: Problem, old: Point, new: Point, smoothness: float) -> bool:
    """Whether φ(η) >= φ(λ) + ⟨∇φ(λ), η − λ⟩ − (L/2)‖η − λ‖²."""
    xp = problem.xp
    step = new.z - old.z
    least = -0.5 * smoothness * host_float(step @ step)
    if old.error < eps(step, xp=xp) ** 0.4:
        # Rounding hides the difference of values; the gradients tell it to third order.
        return 0.5 * host_float((new.gradient - old.gradient) @ step) >= least
    return new.value - old.value - host_float(old.gradient @ step) >= least


def _look(problem: Problem, z: Array) -> Point:
    """Evaluate φ and its gradient by one pass."""
    xp = problem.xp
    sums = plan_sums(problem.cost, *_potentials(problem, z), problem.epsilon, xp=xp)
    masses = xp.concat([problem.a, problem.b])
    marginals = xp.astype(xp.concat([sums.r, sums.c]), z.dtype, copy=False)
    gradient = masses - marginals
    value = host_float(masses @ z - xp.sum(sums.r))
    return Point(z, value, gradient, host_float(xp.sum(xp.abs(gradient))))


def _potentials(problem: Problem, z: Array) -> tuple[Array, Array]:
    n = problem.a.shape[0]
    return problem.epsilon * z[:n], problem.epsilon * z[n:]


def _exact(problem: Problem, g: Array) -> Array:
    """Start from exact rows and columns."""
    return problem.xp.concat(exact_steps(problem, g)) / problem.epsilon


def _of_unit_mass(problem: Problem, g: Array) -> Array:
    """Start from constant f: the one that gives the plan the mass one."""
    xp, e = problem.xp, problem.epsilon
    logs = -row_softmin(problem.cost, g, e, xp=xp) / e
    top = xp.max(logs)
    total = top + xp.log(xp.sum(xp.exp(logs - top)))
    return xp.concat([xp.zeros_like(problem.a) - total, g / e])
