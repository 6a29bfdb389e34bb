"""From potentials to the result: nothing is reported that was not computed from them.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε), r = P1, c = Pᵀ1.
"""

from typing import Any

from linalgx.backend import device_of, find_kernel, host_float
from linalgx.results import Status
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import (
    Sums,
    between,
    column_softmin,
    moved_cost,
    plan_rows,
    plan_sums,
    row_lowest,
    row_softmin,
)
from linalgx.transport._problem import Problem
from linalgx.transport._result import TransportResult
from linalgx.transport._rounding import Rounding, rounding, rounding_of
from linalgx.transport._run import Run
from linalgx.transport._whole import empty_bins, everywhere, whole_plan
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
    sums = sums_of(problem, plan, f, g)
    error = _relative_error(sums, part_a, part_b, xp=xp)
    worst = host_float(xp.max(error))
    kl, dual = _values(sums, f, g, part_a, part_b, e, xp=xp)
    lower, upper = _bounds(problem, plan, sums, f, g, part_a, part_b)
    plan = whole_plan(problem, plan, f, g, a, b)
    f, g = everywhere(problem, f, g, cost, unit)
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
        empty=(empty_bins(problem.rows, a, xp=xp), empty_bins(problem.columns, b, xp=xp)),
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


def sums_of(problem: Problem, plan: Array | None, f: Array, g: Array) -> Sums:
    """Return the sums of the plan, which is computed again where it is not stored."""
    xp = problem.xp
    if plan is None or find_kernel("plan_sums", xp) is not None:
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
        parts = rounding_of(plan, r, a, b, xp=xp)
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
    share = parts.share(xp=xp)
    if plan is None:
        e = problem.epsilon
        f, g = f + e * xp.log(parts.x), g + e * xp.log(parts.y)
        moved = plan_sums(problem.cost, f, g, e, xp=xp).cost
        moved = moved + between(problem.cost, share, parts.missing_b, xp=xp)
        return xp.asarray(moved, dtype=f.dtype, device=device_of(f))
    block = problem.cost.block(0, plan.shape[-2])
    kernel = find_kernel("rounded_cost", xp)
    if kernel is not None:
        cost = kernel(block, plan, parts.x, parts.y, share, parts.missing_b)
        return xp.asarray(cost, dtype=f.dtype, device=device_of(f))
    return moved_cost(block, parts.applied(plan, xp=xp), xp=xp)


def _number(x: Array, *, xp: Namespace) -> Any:
    """Python number of a single problem, array of a batch."""
    return x if x.ndim else host_float(x)
