"""The three problems of a divergence, each solved by itself.

Legend: OT(a, b) the optimum with reference a⊗b; a self term is OT(a, a), whose f = g.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from linalgx.backend import host_float
from linalgx.results import Status
from linalgx.transport._finish import finish
from linalgx.transport._methods import METHODS
from linalgx.transport._passes import row_softmin
from linalgx.transport._problem import Problem, single
from linalgx.transport._run import Run
from linalgx.transport._stopping import Stopping
from linalgx.transport._unbalanced import newton as unbalanced_newton
from linalgx.transport.unbalanced import unbalanced_run
from linalgx.typing import Array, Namespace

SWEEPS = 30
"""Symmetric sweeps for a self term before a general method takes over."""


class Part(NamedTuple):
    """One of the three problems, solved."""

    value: float
    g: Array
    plan: Any
    status: Status
    residual: float
    iterations: int
    history: tuple[float, ...]


Solver = Callable[..., Part]


def balanced_part(
    cost: Any, a: Array, b: Array, epsilon: float, same: bool, stopping: Stopping, *,
    method: str, xp: Namespace,
) -> Part:  # fmt: skip
    """Solve one problem with equal sums."""
    problem = single(cost, a, b, epsilon, xp=xp)
    run = (
        self_run(problem, stopping, method) if same else METHODS[method].run(problem, stopping, {})
    )
    found = finish(problem, run, stopping.rtol, cost, a, b, epsilon)
    value = float(found.dual_value)
    return Part(
        value, found.g, found.plan, found.status, found.residual, found.iterations, found.history
    )


def self_run(problem: Problem, stopping: Stopping, method: str) -> Run:
    """Solve a symmetric problem with f = g."""
    xp, e = problem.xp, problem.epsilon
    log = e * xp.log(problem.a)
    f, history = 0.5 * (log + row_softmin(problem.cost, log, e, xp=xp)), []
    for _ in range(SWEEPS):
        s = row_softmin(problem.cost, f, e, xp=xp)
        history.append(2.0 * host_float(xp.sum(xp.abs(xp.exp((f - s) / e) - problem.a))))
        if history[-1] <= stopping.rtol:
            done = len(history) - 1
            return Run(f, f, Status.CONVERGED, done, tuple(history), "symmetric", (e,))
        f = 0.5 * (f + log + s)
    run = METHODS[method].run(problem, stopping, {})
    shift = 0.5 * (xp.sum(problem.a * run.f) - xp.sum(problem.a * run.g))
    f = 0.5 * ((run.f - shift) + (run.g + shift))
    return run._replace(f=f, g=f)


def unbalanced_part(
    cost: Any, a: Array, b: Array, epsilon: float, same: bool, stopping: Stopping, *,
    rho: float, xp: Namespace,
) -> Part:  # fmt: skip
    """Solve one problem with soft marginals; that of a measure with itself is no special case."""
    pair = (rho, rho)
    found = unbalanced_run(cost, a, b, epsilon, pair, True, unbalanced_newton, stopping, xp=xp)
    return Part(
        found.dual_value, found.g, found.plan, found.status, found.residual, found.iterations,
        found.history,
    )  # fmt: skip
