"""From potentials to the result: nothing is reported that was not computed from them.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε), r = P1, c = Pᵀ1. Rounding multiplies P by diag(x) and
diag(y), x = min(a/r, 1), y = min(b/(Pᵀx), 1), and adds e_a e_bᵀ/‖e_a‖₁ for what is then missing.
"""

from typing import Any, NamedTuple

from linalgx.backend import device_of, find_kernel, host_float
from linalgx.operators import LinearMap
from linalgx.results import Status
from linalgx.transport._costs import DenseCost, blocks
from linalgx.transport._passes import (
    Sums,
    between,
    column_lowest,
    column_softmin,
    finite_or_zero,
    moved_cost,
    plan_rows,
    plan_sums,
    row_lowest,
    row_softmin,
)
from linalgx.transport._problem import Problem
from linalgx.transport._result import TransportResult
from linalgx.transport._run import Run
from linalgx.typing import Array, Namespace


def finish(
    problem: Problem, run: Run, rtol: float, cost: Any, a: Array, b: Array, epsilon: float
) -> TransportResult:
    """Measure the plan and name the answer; `cost`, `a`, `b`, `epsilon` are those of the caller."""
    xp, e, unit = problem.xp, problem.epsilon, 2.0**problem.exponent
    mass = problem.mass[..., None]
    # Potentials of the caller's masses, whose sum need not be one.
    f, g = (xp.astype(x, a.dtype, copy=False) for x in (run.f, run.g))
    f, g = centred(f + e * xp.log(mass), g, problem.a, problem.b, xp=xp)
    part_a, part_b = mass * problem.a, mass * problem.b
    stored = isinstance(problem.cost, DenseCost)
    plan = plan_rows(problem.cost.block(0, f.shape[-1]), f, g, e, xp=xp) if stored else None
    sums = _sums(problem, plan, f, g)
    error = _relative_error(sums, part_a, part_b, xp=xp)
    worst = host_float(xp.max(error))
    kl, dual = _values(sums, f, g, part_a, part_b, e, xp=xp)
    lower, upper = _bounds(problem, plan, sums, f, g, part_a, part_b)
    plan = _whole_plan(problem, plan, f, g, a, b)
    f, g = _everywhere(problem, f, g, cost, unit)
    numbers = [_number(unit * x, xp=xp) for x in (sums.cost, kl, dual, lower, upper)]
    return TransportResult(
        plan=plan,
        f=f,
        g=g,
        cost=numbers[0],
        value_kl=numbers[1],
        dual_value=numbers[2],
        lower_bound=numbers[3],
        upper_bound=numbers[4],
        marginal_error=worst,
        errors=error if error.ndim else None,
        method=run.method,
        epsilon=epsilon,
        epsilon_path=tuple(unit * x for x in run.epsilon_path),
        a=xp.astype(a, a.dtype, copy=True),
        b=xp.astype(b, b.dtype, copy=True),
        empty=(_complement(problem.rows, a, xp=xp), _complement(problem.columns, b, xp=xp)),
        status=judged(run.status, worst, rtol),
        iterations=run.iterations,
        residual=worst,
        history=run.history,
    )


def centred(f: Array, g: Array, a: Array, b: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Shift the potentials against each other until ⟨a, f⟩ = ⟨b, g⟩; masses of sum one."""
    own = xp.sum(a * _zero_where_empty(f, a, xp=xp), axis=-1, keepdims=True)
    other = xp.sum(b * _zero_where_empty(g, b, xp=xp), axis=-1, keepdims=True)
    shift = 0.5 * (other - own)
    return f + shift, g - shift


def judged(status: Status, error: float, rtol: float) -> Status:
    """Return the status that the freshly computed error allows; NaN is no success."""
    if error <= rtol:
        return Status.STOPPED if status is Status.STOPPED else Status.CONVERGED
    return Status.STAGNATED if status is Status.CONVERGED else status


def _sums(problem: Problem, plan: Array | None, f: Array, g: Array) -> Sums:
    """Sums of the plan, which is computed again where it is not stored."""
    xp = problem.xp
    if plan is None or (len(problem.shape) == 2 and find_kernel("plan_sums", xp) is not None):
        r, c, cost = plan_sums(problem.cost, f, g, problem.epsilon, xp=xp)
        return Sums(r, c, xp.asarray(cost, dtype=r.dtype, device=device_of(r)))
    cost = moved_cost(problem.cost.block(0, f.shape[-1]), plan, xp=xp)
    return Sums(xp.sum(plan, axis=-1), xp.sum(plan, axis=-2), cost)


def _relative_error(sums: Sums, a: Array, b: Array, *, xp: Namespace) -> Array:
    """Return the L1 error of both marginals, relative to the mass."""
    missing = xp.sum(xp.abs(sums.r - a), axis=-1) + xp.sum(xp.abs(sums.c - b), axis=-1)
    return missing / xp.sum(a, axis=-1)


def _values(
    sums: Sums, f: Array, g: Array, a: Array, b: Array, e: float, *, xp: Namespace
) -> tuple[Array, Array]:
    """Primal and dual value of the form whose reference measure is a⊗b."""
    r, c = sums.r, sums.c
    # ε Σ P log(P/(a b)) = Σ r (f − ε log a) + Σ c (g − ε log b) − ΣCP, and no logarithm of P.
    phi, psi = kl_potential(f, a, e, xp=xp), kl_potential(g, b, e, xp=xp)
    slack = e * (xp.sum(r, axis=-1) - xp.sum(a, axis=-1) * xp.sum(b, axis=-1))
    primal = xp.sum(r * phi, axis=-1) + xp.sum(c * psi, axis=-1) - slack
    return primal, xp.sum(a * phi, axis=-1) + xp.sum(b * psi, axis=-1) - slack


def kl_potential(f: Array, a: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return f − ε log a, the potential with the reference measure a⊗b; zero where a is."""
    held = a > 0
    log = xp.log(xp.where(held, a, xp.ones_like(a)))
    return xp.where(held, f - epsilon * log, xp.zeros_like(f))


class Rounding(NamedTuple):
    """Factors and remainders that make a plan feasible."""

    x: Array
    y: Array
    missing_a: Array
    missing_b: Array


def rounding(
    times: Any, times_transposed: Any, r: Array, a: Array, b: Array, *, xp: Namespace
) -> Rounding:
    """Find the factors from products with P and Pᵀ (Altschuler, Weed, Rigollet 2017)."""
    tiny = xp.finfo(a.dtype).smallest_normal
    one = xp.ones_like(a[..., :1])
    x = xp.minimum(a / xp.maximum(r, one * tiny), one)
    c = times_transposed(x)
    y = xp.minimum(b / xp.maximum(c, one * tiny), one)
    missing_a = xp.maximum(a - x * times(y), xp.zeros_like(one))
    return Rounding(x, y, missing_a, xp.maximum(b - y * c, xp.zeros_like(one)))


def _bounds(
    problem: Problem, plan: Array | None, sums: Sums, f: Array, g: Array, a: Array, b: Array
) -> tuple[Array, Array]:
    """Bounds of the optimum without regularization."""
    xp = problem.xp
    potential = _zero_where_empty(g, b, xp=xp)
    transform = row_lowest(problem.cost, g, xp=xp)
    lower = xp.sum(_zero_where_empty(transform, a, xp=xp) * a, axis=-1)
    lower = lower + xp.sum(potential * b, axis=-1)
    dtype = f.dtype
    r = xp.astype(sums.r, dtype, copy=False)
    if plan is not None:
        parts = rounding(
            lambda y: (plan @ y[..., None])[..., 0],
            lambda x: (x[..., None, :] @ plan)[..., 0, :], r, a, b, xp=xp,
        )  # fmt: skip
    else:
        e, cost = problem.epsilon, problem.cost
        parts = rounding(
            lambda y: xp.exp((f - row_softmin(cost, g + e * xp.log(y), e, xp=xp)) / e),
            lambda x: xp.exp((g - column_softmin(cost, f + e * xp.log(x), e, xp=xp)) / e),
            r, a, b, xp=xp,
        )  # fmt: skip
    return lower, _rounded_cost(problem, plan, f, g, parts)


def _zero_where_empty(f: Array, a: Array, *, xp: Namespace) -> Array:
    """Return f without the −∞ of bins of a batch that hold no mass."""
    return xp.where(a > 0, f, xp.zeros_like(f))


def _rounded_cost(
    problem: Problem, plan: Array | None, f: Array, g: Array, parts: Rounding
) -> Array:
    """Return ⟨C, diag(x) P diag(y) + e_a e_bᵀ/‖e_a‖₁⟩."""
    xp = problem.xp
    tiny = xp.finfo(f.dtype).smallest_normal
    total = xp.sum(parts.missing_a, axis=-1, keepdims=True)
    share = parts.missing_a / xp.maximum(total, xp.ones_like(total) * tiny)
    if plan is None:
        e = problem.epsilon
        f, g = f + e * xp.log(parts.x), g + e * xp.log(parts.y)
        moved = plan_sums(problem.cost, f, g, e, xp=xp).cost
        moved = moved + between(problem.cost, share, parts.missing_b, xp=xp)
        return xp.asarray(moved, dtype=f.dtype, device=device_of(f))
    block = problem.cost.block(0, plan.shape[-2])
    kernel = find_kernel("rounded_cost", xp) if plan.ndim == 2 else None
    if kernel is not None:
        cost = kernel(block, plan, parts.x, parts.y, share, parts.missing_b)
        return xp.asarray(cost, dtype=f.dtype, device=device_of(f))
    p = parts.x[..., :, None] * plan * parts.y[..., None, :]
    return moved_cost(block, p + share[..., :, None] * parts.missing_b[..., None, :], xp=xp)


def lazy_plan(problem: Problem, f: Array, g: Array) -> LinearMap:
    """Return a map that multiplies with the plan, its rows computed anew for each product."""
    xp, e = problem.xp, problem.epsilon
    cost = problem.cost

    n, m = problem.shape
    if hasattr(cost, "plan_times"):
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


def _whole_plan(
    problem: Problem, plan: Array | None, f: Array, g: Array, a: Array, b: Array
) -> Any:
    """Put back the bins without mass: rows and columns of zeros."""
    xp = problem.xp
    if plan is None:
        return _spread_map(problem, lazy_plan(problem, f, g), a, b)
    if problem.rows is not None:
        plan = spread(plan, problem.rows, a.shape[-1], xp=xp)
    if problem.columns is not None:
        plan = spread(plan.mT, problem.columns, b.shape[-1], xp=xp).mT
    return plan


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


def _everywhere(
    problem: Problem, f: Array, g: Array, cost: Any, unit: float
) -> tuple[Array, Array]:
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


def _complement(places: Array | None, a: Array, *, xp: Namespace) -> Array | None:
    """Indices that are not among the places."""
    if places is None:
        return None
    return xp.nonzero(spread(xp.ones_like(places), places, a.shape[-1], xp=xp) == 0)[0]


def _number(x: Array, *, xp: Namespace) -> Any:
    """Python number of a single problem, array of a batch."""
    return x if x.ndim else host_float(x)
