"""Greenkhorn: the worst row or column first (Altschuler, Weed, Rigollet 2017).

For teaching and coarse tolerances: each update costs O(n + m), but waits for the one before.

Legend: P the plan, r = P1, c = Pᵀ1; u, v the logarithms of what rows and columns of P were
multiplied by since it was computed; ρ(x, y) = y − x + x log(x/y) >= 0 says how far y is from x.
"""

from typing import NamedTuple

from linalgx.backend import find_kernel, host_float, namespace_of
from linalgx.results import Status
from linalgx.transport._absorbed import exact_steps
from linalgx.transport._costs import DenseCost
from linalgx.transport._newton import widened
from linalgx.transport._passes import plan_rows
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import first_potential
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

LIMIT = 10_000  # iterations of n + m updates
RENEWAL = 10
"""Iterations after which P and its sums are computed anew: rounding errors do not add up."""

LOSS = 1e-3
"""Share of a sum below which it is added up anew instead of being updated."""
NEAR = 1e-4
"""Relative distance below which ρ is taken from its series."""


class Work(NamedTuple):
    """What the updates change."""

    p: Array
    r: Array
    c: Array
    u: Array
    v: Array


def greenkhorn(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Update one row or column at a time; n + m updates count as one iteration."""
    if not isinstance(problem.cost, DenseCost):
        raise TypeError(
            "cost must be a stored matrix for method 'greenkhorn', which reads single rows and "
            "columns of the plan; for a lazy cost use 'auto' or 'sinkhorn'"
        )
    problem = widened(problem)
    xp = problem.xp
    update = find_kernel("greenkhorn_updates", xp) or generic_updates
    f, g = exact_steps(problem, first_potential(problem, options))
    work = _renewed(problem, f, g)
    monitor, fresh, after = Monitor(stopping, LIMIT), True, 0
    while True:
        error = _error(work, problem.a, problem.b, xp=xp)
        if not fresh and (not error > stopping.rtol or monitor.iterations % RENEWAL == 0):
            f, g = _moved(problem, f, g, work)
            work, fresh = _renewed(problem, f, g), True
            error = _error(work, problem.a, problem.b, xp=xp)
        shown = f if stopping.callback is None else _moved(problem, f, g, work)[0]
        status = monitor.step(error, shown, after)
        if status is not None:
            return _named(problem, f, g, work, monitor, status)
        update(work.p, work.r, work.c, problem.a, problem.b, work.u, work.v, sum(problem.shape))
        fresh, after = False, 1


def generic_updates(
    p: Array, r: Array, c: Array, a: Array, b: Array, u: Array, v: Array, count: int
) -> None:
    """Make exact, `count` times, the row or column with the largest ρ; p, r, c, u, v change."""
    xp = namespace_of(p)
    for _ in range(count):
        rows, columns = _distance(a, r, xp=xp), _distance(b, c, xp=xp)
        i, j = int(xp.argmax(rows)), int(xp.argmax(columns))
        if bool(rows[i] >= columns[j]):
            factor = a[i] / r[i]
            new = c + (factor - 1.0) * p[i, :]
            p[i, :] *= factor
            u[i] += xp.log(factor)
            r[i] = a[i]
            # What is left after most was taken away has lost its digits.
            c[:] = xp.sum(p, axis=0) if bool(xp.any(new < LOSS * c)) else new
        else:
            factor = b[j] / c[j]
            new = r + (factor - 1.0) * p[:, j]
            p[:, j] *= factor
            v[j] += xp.log(factor)
            c[j] = b[j]
            r[:] = xp.sum(p, axis=1) if bool(xp.any(new < LOSS * r)) else new


def _distance(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Return ρ(x, y); from its series where its terms cancel."""
    d = (y - x) / x
    near = xp.abs(d) < NEAR
    series = d * d * (0.5 - d * (1.0 / 3.0 - 0.25 * d))
    return x * xp.where(near, series, d - xp.log(y / x))


def _renewed(problem: Problem, f: Array, g: Array) -> Work:
    """Compute the plan of two potentials and its sums, all in the dtype of the masses."""
    xp = problem.xp
    block = problem.cost.block(0, problem.shape[0])
    p = plan_rows(block, f, g, problem.epsilon, xp=xp)
    p = xp.astype(p, f.dtype, copy=False)
    u, v = xp.zeros_like(f), xp.zeros_like(g)
    return Work(p, xp.sum(p, axis=1), xp.sum(p, axis=0), u, v)


def _moved(problem: Problem, f: Array, g: Array, work: Work) -> tuple[Array, Array]:
    return f + problem.epsilon * work.u, g + problem.epsilon * work.v


def _error(work: Work, a: Array, b: Array, *, xp: Namespace) -> float:
    return host_float(xp.sum(xp.abs(work.r - a)) + xp.sum(xp.abs(work.c - b)))


def _named(
    problem: Problem, f: Array, g: Array, work: Work, monitor: Monitor, status: Status
) -> Run:
    """Name what is handed over."""
    f, g = _moved(problem, f, g, work)
    return monitor.run(f, g, status, "greenkhorn", (problem.epsilon,))
