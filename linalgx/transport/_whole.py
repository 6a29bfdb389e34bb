"""Plans and potentials of all bins, those without mass included.

Empty bins were taken out before the problem was solved. Their rows and columns of the plan are
zero; their potentials are c-transforms, min_j (C_ij − g_j), which no constraint contradicts.
"""

from typing import Any

from linalgx.backend import device_of
from linalgx.operators import LinearMap
from linalgx.transport._costs import DenseCost, blocks
from linalgx.transport._passes import column_lowest, finite_or_zero, plan_rows, row_lowest
from linalgx.transport._problem import Problem
from linalgx.typing import Array, Namespace


def whole_plan(problem: Problem, plan: Array | None, f: Array, g: Array, a: Array, b: Array) -> Any:
    """Put back the bins without mass: rows and columns of zeros."""
    xp = problem.xp
    if plan is None:
        return _spread_map(problem, lazy_plan(problem, f, g), a, b)
    if problem.rows is not None:
        plan = spread(plan, problem.rows, a.shape[-1], xp=xp)
    if problem.columns is not None:
        plan = spread(plan.mT, problem.columns, b.shape[-1], xp=xp).mT
    return plan


def lazy_plan(problem: Problem, f: Array, g: Array) -> LinearMap:
    """Return a map that multiplies with the plan, its rows computed anew for each product."""
    xp, e = problem.xp, problem.epsilon
    cost: Any = problem.cost
    n, m = problem.shape
    if hasattr(cost, "plan_times"):  # separable
        return LinearMap.from_callables(
            (n, m),
            lambda y: cost.plan_times(f, g, e, y),
            lambda x: cost.transposed().plan_times(g, f, e, x),
            xp=xp, device=device_of(f), dtype=f.dtype,
        )  # fmt: skip

    def times(y: Array) -> Array:
        parts = [plan_rows(rows, f[i:j], g, e, xp=xp) @ y for i, j, rows in blocks(cost)]
        return xp.concat(parts, axis=0) if len(parts) > 1 else parts[0]

    def times_transposed(x: Array) -> Array:
        total: Any = 0.0
        for i, j, rows in blocks(cost):
            total = total + plan_rows(rows, f[i:j], g, e, xp=xp).mT @ x[i:j, ...]
        return total

    return LinearMap.from_callables(
        (n, m), times, times_transposed, xp=xp, device=device_of(f), dtype=f.dtype
    )


def _spread_map(problem: Problem, plan: LinearMap, a: Array, b: Array) -> LinearMap:
    rows, columns, xp = problem.rows, problem.columns, problem.xp
    if rows is None and columns is None:
        return plan
    n, m = a.shape[-1], b.shape[-1]

    def times(y: Array) -> Array:
        z = plan @ (y if columns is None else xp.take(y, columns, axis=0))
        return z if rows is None else spread(z, rows, n, xp=xp)

    def times_transposed(x: Array) -> Array:
        z = plan.adjoint @ (x if rows is None else xp.take(x, rows, axis=0))
        return z if columns is None else spread(z, columns, m, xp=xp)

    return LinearMap.from_callables(
        (n, m), times, times_transposed, xp=xp, device=device_of(a), dtype=a.dtype
    )


def everywhere(problem: Problem, f: Array, g: Array, cost: Any, unit: float) -> tuple[Array, Array]:
    """Return potentials of all bins in the caller's units; c-transforms where there is no mass.

    Zero where all pairs of an empty bin are forbidden.
    """
    xp = problem.xp
    f, g = unit * f, unit * g
    if problem.rows is None and problem.columns is None:
        if len(problem.shape) == 2 or bool(xp.all(problem.a > 0) & xp.all(problem.b > 0)):
            return f, g
        return _batch_everywhere(problem, f, g, cost)
    whole = cost if hasattr(cost, "block") else DenseCost(cost, xp=xp)
    if problem.rows is not None:
        lowest = row_lowest(whole.restricted(None, problem.columns), g, xp=xp)
        f = _merged(f, finite_or_zero(lowest, xp=xp), problem.rows, xp=xp)
    if problem.columns is not None:
        lowest = finite_or_zero(column_lowest(whole, f, xp=xp), xp=xp)
        g = _merged(g, lowest, problem.columns, xp=xp)
    return f, g


def _batch_everywhere(problem: Problem, f: Array, g: Array, cost: Array) -> tuple[Array, Array]:
    """Fill in the potentials of empty bins of a batch, where they are −∞."""
    xp = problem.xp
    whole = DenseCost(cost, xp=xp)
    low = xp.full_like(g, -xp.inf)
    lowest = row_lowest(whole, xp.where(problem.b > 0, g, low), xp=xp)
    f = xp.where(problem.a > 0, f, finite_or_zero(lowest, xp=xp))
    lowest = finite_or_zero(column_lowest(whole, f, xp=xp), xp=xp)
    return f, xp.where(problem.b > 0, g, lowest)


def _merged(f: Array, other: Array, places: Array, *, xp: Namespace) -> Array:
    """Take f at the places, `other` elsewhere."""
    n = other.shape[0]
    held = spread(xp.ones_like(f), places, n, xp=xp) > 0
    return xp.where(held, spread(f, places, n, xp=xp), other)


def spread(rows: Array, places: Array, n: int, *, xp: Namespace) -> Array:
    """Return n rows, zero but for those at the given places, which are sorted."""
    everywhere = xp.arange(n, dtype=places.dtype, device=device_of(places))
    at = xp.minimum(
        xp.searchsorted(places, everywhere), xp.full_like(everywhere, places.shape[0] - 1)
    )
    filled = xp.take(rows, at, axis=0)
    held = xp.take(places, at) == everywhere
    mask = xp.reshape(held, (n, *[1] * (rows.ndim - 1)))
    return xp.where(mask, filled, xp.zeros_like(filled))


def empty_bins(places: Array | None, a: Array, *, xp: Namespace) -> Array | None:
    """Return the indices that are not among the places."""
    if places is None:
        return None
    return xp.nonzero(spread(xp.ones_like(places), places, a.shape[-1], xp=xp) == 0)[0]
