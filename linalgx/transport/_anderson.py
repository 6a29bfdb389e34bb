"""Sinkhorn's iteration with Anderson's acceleration, accepted only where the dual decreases.

Legend: x = log of the row scalings, y of the column scalings, columns exact; one sweep maps x to
x + ρ(x) with ρ = −log(r/a). With the last differences Δx, Δρ in columns, γ minimizes
‖ρ − Δρ γ‖ in the norm weighted by a, and the step is ρ − (Δx + Δρ) γ.

The change of the dual is D⁺ − D = −ε(⟨a, Δx⟩ + ⟨b, Δy⟩); close to the solution rounding hides
that, and the mean of the gradients at both ends, ½⟨(r − a) + (r⁺ − a), Δx⟩, replaces it.
"""

from linalgx.backend import device_of, eps, host_float, safe_min
from linalgx.backend import solve as solve_linear
from linalgx.transport._halves import Halves, halves
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import LIMIT, first_potential, wide_potentials
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

MEMORY = 5
LONGEST = 30.0
"""Largest change of the logarithm of a scaling; a plain step is taken instead of a longer one."""


def anderson(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Alternate an accelerated row step and an exact column step; a rejected one costs a sweep."""
    problem = wide_potentials(problem)
    xp, a = problem.xp, problem.a
    state = halves(problem, first_potential(problem, options))
    monitor = Monitor(stopping, LIMIT)
    memory = options.get("memory", MEMORY)
    seen: list[tuple[Array, Array]] = []
    x, excess, after = xp.zeros_like(a), state.rows(), 0
    while True:
        error = host_float(xp.sum(a * xp.abs(xp.expm1(excess))))
        shown = a if stopping.callback is None else state.potentials()[0]
        status = monitor.step(error, shown, after)
        if status is not None:
            return monitor.run(*state.potentials(), status, "anderson", (problem.epsilon,))
        # The last iteration allowed leaves none to make up for a rejected step.
        step = accelerated(x, -excess, seen if monitor.left > 1 else [], a, xp=xp)
        seen = [*seen, (x, -excess)][-memory:]
        new, moved = _swept(state, step)
        after = 1
        if monitor.left > 1 and not decreases(problem, step, moved, excess, new, error):
            new, _ = _swept(state, -excess - step)  # back, and a plain step from there
            step, after = -excess, 2
        x, excess = x + step, new


def accelerated(
    x: Array, rho: Array, seen: list[tuple[Array, Array]], a: Array, *, xp: Namespace
) -> Array:
    """Return the step that the last differences suggest; ρ itself while there are none."""
    if not seen:
        return rho
    dx = xp.stack([x - old for old, _ in seen])
    dr = xp.stack([rho - old for _, old in seen])
    weighted = dr * a
    gram = weighted @ dr.mT
    eye = xp.eye(len(seen), dtype=a.dtype, device=device_of(a))
    ridge = eps(a, xp=xp) ** (2 / 3) * xp.sum(gram * eye) + safe_min(a, xp=xp)
    gamma = solve_linear(gram + ridge * eye, (weighted @ rho)[:, None], xp=xp)[:, 0]
    step = rho - gamma @ (dx + dr)
    return xp.where(xp.max(xp.abs(step)) <= LONGEST, step, rho)


def decreases(
    problem: Problem, step: Array, moved: Array, excess: Array, new: Array, error: float
) -> bool:
    """Whether the dual is smaller after the rows moved by `step` and the columns by `moved`."""
    xp, a, b = problem.xp, problem.a, problem.b
    if error < eps(a, xp=xp) ** 0.4:
        return host_float(xp.sum(a * (xp.expm1(excess) + xp.expm1(new)) * step)) < 0.0
    return host_float(xp.sum(a * step) + xp.sum(b * moved)) > 0.0


def _swept(state: Halves, step: Array) -> tuple[Array, Array]:
    """Move the rows, make the columns exact; the new log(r/a), and how far the columns moved."""
    state.move_rows(step)
    columns = state.columns()
    state.move_columns(-columns)
    return state.rows(), -columns
