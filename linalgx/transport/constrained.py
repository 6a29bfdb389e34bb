"""Entropic transport with linear constraints on the plan.

Legend: ⟨D_k, P⟩ = s_k ≥ 0; P = exp((f⊕g − C + Σ λ_k D_k)/ε), s_k = e^(−λ_k/ε).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from linalgx.backend import (
    as_arrays,
    eps,
    host_float,
    require_finite,
    to_host,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.results import Result, Status
from linalgx.transport._constrained import Constrained, solve_constrained_run
from linalgx.transport._finish import centred, judged
from linalgx.transport._looped import looped, same_lead
from linalgx.transport._problem import Problem, admit_problem, single
from linalgx.transport._program import require_finite_cost
from linalgx.transport._real import real_arrays
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.transport._whole import everywhere, whole_plan
from linalgx.typing import Array, Callback, Namespace

__all__ = ["ConstrainedResult", "solve_constrained"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConstrainedResult(Result):
    """A plan under linear constraints, its potentials and multipliers.

    Attributes
    ----------
    plan : Array, shape (..., n, m)
        P = exp((f⊕g − C + Σ λ_k D_k)/ε).
    f, g : Array, shapes (..., n) and (..., m)
        Potentials, centred: ⟨a, f⟩ = ⟨b, g⟩; c-transforms in bins without mass.
    multipliers, slack : Array, shape (..., K)
        λ, large where a constraint is active, and ⟨D_k, P⟩ of the returned plan.
    cost : float, or Array of shape (...)
        ⟨C, P⟩.
    value, dual_value : float or Array
        ⟨C, P⟩ + ε Σ P (log P − 1) + ε Σ s_k (log s_k − 1), and its dual value.
    status, converged, iterations : Status, bool, int
        How it ended; of a batch the worst, and the iterations of the slowest problem.
    residual : float
        KKT error of the returned potentials, relative to the mass: ‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁ +
        Σ |⟨D_k, P⟩ − e^(−λ_k/ε)|/max|D_k|; of a batch the largest.
    history : tuple of float
        The same of the iterates, ``k = 0`` first; of the slowest problem.
    """

    plan: Array
    f: Array
    g: Array
    multipliers: Array
    slack: Array
    cost: Any
    value: Any
    dual_value: Any


def solve_constrained(
    cost: Array,
    a: Array,
    b: Array,
    /,
    *,
    constraints: Array,
    epsilon: float,
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> ConstrainedResult:
    """Solve entropic optimal transport with constraints ⟨D_k, P⟩ ≥ 0.

    For plans that must obey more than their marginals: a budget on a second cost, a minimum share
    of some pairs, fairness between groups. A constraint ⟨E, P⟩ ≤ t is D = t/Σa − E.

    Parameters
    ----------
    cost : array, shape (..., n, m)
        Finite costs C.
    a, b : array, shapes (..., n) and (..., m)
        Masses of equal sums.
    constraints : array, shape (..., K, n, m)
        The D_k, best with max|D_k| near one.
    epsilon : float
        Regularization of plan and slack, positive. Active constraints keep a slack that is
        small in units of ε.
    rtol : float, optional
        Stop when the residual is at most this. ``None`` stands for eps^0.575: 1e-9 or 1e-4.
    maxiter : int, optional
        Most iterations, cycles and Newton steps together.
    callback : callable, optional
        Receives an `IterationState` with f for each iteration, of a batch for one problem after
        the other.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    ConstrainedResult
        ``plan``, ``f``, ``g``, ``multipliers``, ``slack``, ``cost``, ``value``, ``dual_value``.

    Raises
    ------
    ValueError
        Shapes that do not fit, negative masses, unequal sums.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met; perhaps no plan fulfils the constraints.

    See Also
    --------
    solve : Without further constraints.

    Notes
    -----
    **Method.** Minimize ⟨C, P⟩ + ε Σ P (log P − 1) + ε Σ s_k (log s_k − 1) with ⟨D_k, P⟩ = s_k,
    after Tang et al. Cycles: f exact, g exact, Newton steps on λ, whose Hessian is
    (⟨D_k D_l, P⟩ + diag s)/ε. When the error is below 0.2, Newton steps in f, g and λ at once,
    by conjugate gradients with the diagonal, and halving until the dual decreases. ε is cooled
    down as in `solve`; cooling and damping are ours.

    **Cost.** A pass over n×m exponentials and K products of that size for each sum; K² n m for the
    curvature. K + 4 arrays of the size of `cost`. Batches run one after the other.

    **Accuracy.** The residual, recomputed.

    **Backends.** See :doc:`/backends`; a few synchronisations an iteration.

    References
    ----------
    Tang et al., arXiv 2403.05054.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import solve_constrained
    >>> c = np.asarray([[0.0, 1.0], [1.0, 0.0]])
    >>> d = np.asarray([[[-0.3, 0.7], [0.7, -0.3]]])  # at least 30 % off the diagonal
    >>> p = solve_constrained(c, [0.5, 0.5], [0.5, 0.5], constraints=d, epsilon=0.02).plan
    >>> print(p.round(3))
    [[0.35 0.15]
     [0.15 0.35]]
    """
    named = {"cost": cost, "a": a, "b": b, "constraints": constraints}
    real_arrays(named, check_finite=False)
    xp, c, a, b = admit_problem(cost, a, b, epsilon, check_finite=check_finite)
    require_finite_cost(c, check_finite=check_finite, xp=xp)
    d = _admit_constraints(constraints, c, check_finite=check_finite, xp=xp)
    stopping = Stopping.admit(rtol, maxiter, callback, eps(c, xp=xp))
    parts = {"cost": (c, 2), "a": (a, 1), "b": (b, 1), "constraints": (d, 3)}
    lead, arrays = same_lead(parts, xp=xp)
    result = looped(partial(_solve, epsilon=epsilon, xp=xp), arrays, lead, stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the KKT error {result.residual:.1e} is above {stopping.rtol:.1e} after "
            f"{result.iterations} iterations; perhaps no plan fulfils the constraints; otherwise a "
            f"larger epsilon or maxiter helps",
            ConvergenceWarning,
        )
    return result


def _solve(
    c: Array, a: Array, b: Array, d: Array, stopping: Stopping, *, epsilon: float, xp: Namespace
) -> ConstrainedResult:
    """Solve one problem."""
    problem = single(c, a, b, epsilon, xp=xp)
    these = _scaled(problem, d, xp=xp)
    found = solve_constrained_run(these, stopping)
    return _named(these, problem, found, stopping.rtol, c, d, a, b)


def _admit_constraints(d: Any, c: Array, *, check_finite: bool, xp: Namespace) -> Array:
    """Admit the D_k in the dtype of the cost."""
    _, (_, d) = as_arrays({"cost": c, "constraints": d}, check_finite=False)
    n, m = c.shape[-2:]
    if d.ndim < 3 or tuple(d.shape[-2:]) != (n, m):
        raise ValueError(
            f"constraints must have shape (..., K, {n}, {m}) to fit cost, got {tuple(d.shape)}"
        )
    if check_finite:
        require_finite(d, "constraints", xp=xp)
    return xp.astype(d, c.dtype, copy=False)


def _scaled(problem: Problem, d: Array, *, xp: Namespace) -> Constrained:
    """Drop empty bins; λ is in units of the scaled cost."""
    d = d if problem.rows is None else xp.take(d, problem.rows, axis=1)
    d = d if problem.columns is None else xp.take(d, problem.columns, axis=2)
    n, m = problem.shape
    if n * m == 0:
        raise LinAlgError("a or b holds infinite masses")
    flat = xp.reshape(d, (d.shape[0], n * m))
    sizes = xp.max(xp.abs(flat), axis=1) if d.shape[0] else xp.zeros_like(flat[:, 0])
    sizes = xp.where(sizes > 0, sizes, xp.ones_like(sizes))
    sigma = 1.0 / host_float(problem.mass)
    c = problem.cost.block(0, n)
    return Constrained(c, flat, sizes, problem.a, problem.b, sigma, problem.epsilon, xp)


def _named(
    these: Constrained, problem: Problem, found: tuple[Array, Monitor, Status], rtol: float,
    c: Array, d: Array, a: Array, b: Array,
) -> ConstrainedResult:  # fmt: skip
    """Measure the plan of the potentials, and go back to the units of the caller."""
    z, monitor, status = found
    xp, e, unit = these.xp, these.epsilon, 2.0**problem.exponent
    f, g, multipliers = these.split(z)
    mass = problem.mass
    f, g = centred(f, g, these.a, these.b, xp=xp)
    here = these.point(these.joined(f, g, multipliers))
    log = e * xp.log(mass)
    gap = xp.sum((here.r - these.a) * (f + log)) + xp.sum((here.c - these.b) * g)
    gap = mass * (gap + xp.sum(multipliers * (here.moved - here.slack)))
    dual = mass * (host_float(log) - here.dual)
    cost = mass * xp.sum(these.c * here.p)
    cost, dual, gap = to_host(xp.stack([cost, dual, gap])).tolist()
    f, g = centred(f + log, g, these.a, these.b, xp=xp)
    flat = xp.reshape(d, (d.shape[0], c.shape[0] * c.shape[1]))
    whole = c - unit * xp.reshape(multipliers @ flat, tuple(c.shape))
    all_f, all_g = everywhere(problem, f, g, whole, unit)
    return ConstrainedResult(
        plan=whole_plan(problem, mass * here.p, f, g, a, b),
        f=all_f,
        g=all_g,
        multipliers=unit * multipliers,
        slack=mass * here.moved,
        cost=unit * cost,
        value=unit * (dual + gap),
        dual_value=unit * dual,
        status=judged(status, here.error, rtol),
        iterations=monitor.iterations,
        residual=here.error,
        history=tuple(monitor.history),
    )
