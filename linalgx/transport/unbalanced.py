"""Entropic transport between unequal masses: the marginals are wishes with a price.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε); reference α⊗β, φ = f − ε log α, ψ = g − ε log β;
p = a e^(−φ/ρ_a), q = b e^(−ψ/ρ_b) the marginals at the optimum. KL(x|y) = Σ x log(x/y) − x + y.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, ldexp
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import device_of, eps, host_float
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.results import Result, Status
from linalgx.transport._costs import DenseCost, is_lazy
from linalgx.transport._finish import judged, sums_of
from linalgx.transport._looped import looped
from linalgx.transport._newton import widened
from linalgx.transport._passes import plan_rows
from linalgx.transport._problem import Problem, admit_problem, kept, scale_of
from linalgx.transport._real import real_arrays
from linalgx.transport._run import Run
from linalgx.transport._stopping import Stopping
from linalgx.transport._unbalanced import METHODS, Soft, total_mass
from linalgx.transport._whole import everywhere, whole_plan
from linalgx.typing import Array, Callback, Namespace

__all__ = ["UnbalancedResult", "solve_unbalanced"]

REFERENCES = {"kl": True, "entropy": False}
"""Whether the reference of the entropy is a⊗b; otherwise the counting measure."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class UnbalancedResult(Result):
    """A plan with soft marginals, its potentials and values.

    Attributes
    ----------
    plan : Array or LinearMap, shape (..., n, m)
        P_ij = exp((f_i + g_j − C_ij)/ε); a map where the cost is not stored.
    f, g : Array, shapes (..., n) and (..., m)
        Potentials; unique, so not centred. In bins without mass, where the plan is zero,
        c-transforms.
    cost : float, or Array of shape (...)
        ⟨C, P⟩.
    value, dual_value, gap : float or Array
        What was minimized, the dual value, and their difference. Of an infinite penalty the value
        has no part.
    mass : float or Array
        ΣP, the mass that moves.
    method : str
        The method that was used.
    status, converged, iterations : Status, bool, int
        How it ended; of a batch the worst, and the iterations of the slowest problem.
    residual : float
        (‖P1 − p‖₁ + ‖Pᵀ1 − q‖₁)/ΣP with the marginals p, q that the potentials ask for, from one
        exact pass over the returned potentials; of a batch the largest.
    history : tuple of float
        The same of the iterates, ``k = 0`` first; of the slowest problem.
    """

    plan: Any
    f: Array
    g: Array
    cost: Any
    value: Any
    dual_value: Any
    gap: Any
    mass: Any
    method: str


def solve_unbalanced(
    cost: Any,
    a: Any,
    b: Any,
    /,
    *,
    epsilon: float,
    rho: float | tuple[float, float],
    reference: str = "kl",
    method: str = "newton",
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> UnbalancedResult:
    """Solve entropic optimal transport with soft marginals.

    For masses of unequal sums, and for data with outliers: mass may be created and destroyed at a
    price. Beyond a cost of about ρ_a + ρ_b it is cheaper to destroy than to move.

    Parameters
    ----------
    cost : array, shape (..., n, m), or lazy cost
        Costs C; +∞ forbids a pair.
    a, b : array, shapes (..., n) and (..., m)
        Masses, of any positive sums.
    epsilon : float
        Regularization, positive.
    rho : float or pair of floats
        Prices ρ_a, ρ_b of wrong marginals, positive. One of them may be infinite: that marginal is
        then met. For both see `solve`.
    reference : str
        ``"kl"``: the regularization is ε KL(P|a⊗b). ``"entropy"``: it is ε Σ P (log P − 1). With
        soft marginals these are two different plans.
    method : str
        ``"newton"`` or ``"sinkhorn"``.
    rtol : float, optional
        Stop when the residual is at most this. ``None`` stands for eps^0.575: 1e-9 or 1e-4.
    maxiter : int, optional
        Most iterations, sweeps and Newton steps together.
    callback : callable, optional
        Receives an `IterationState` with f for each iteration, of a batch for one problem after
        the other.
    check_finite : bool
        Whether to look for NaN, −∞, and infinite masses.

    Returns
    -------
    UnbalancedResult
        ``plan``, ``f``, ``g``, ``cost``, ``value``, ``dual_value``, ``gap``, ``mass``.

    Raises
    ------
    ValueError
        Shapes that do not fit, negative masses or none at all, a row or column of forbidden pairs
        that holds mass, an option out of its range.
    LinAlgError
        Potentials so large that rounding leaves nothing of ε or ρ.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    solve : Both marginals are met.

    Notes
    -----
    **Method.** Minimize ⟨C, P⟩ + ε KL(P|α⊗β) + ρ_a KL(P1|a) + ρ_b KL(Pᵀ1|b). Sweeps: φ ← κ_a times
    its balanced update, κ = ρ/(ρ + ε), in the log domain, the same for ψ; each after the best
    translation (φ + λ, ψ − λ), λ = log(⟨a, e^(−φ/ρ_a)⟩/⟨b, e^(−ψ/ρ_b)⟩)/(1/ρ_a + 1/ρ_b), without
    which large ρ converge slowly. newton: thirty sweeps; where they do not suffice, ε is cooled
    down as in `solve`, and each stage ends by Newton steps on the semi-dual with the definite
    Hessian diag(r + ε p/ρ_a) − P diag(1/(q (1 + ε/ρ_b))) Pᵀ, over the entries of the plan that
    matter, our combination. The gap is ρ_a KL(P1|p) + ρ_b KL(Pᵀ1|q), so it has no cancellation.

    **Cost.** Two passes over n×m exponentials a sweep. One array of the size of `cost`, and the
    kept entries in compressed rows. Batches run one after the other.

    **Accuracy.** The residual, recomputed; rounding of the potentials keeps it above about
    eps·max|f|/ε and eps·max|f|/ρ. The gap is about its square times ε + ρ.

    **Backends.** See :doc:`/backends`; Newton steps keep the whole plan outside NumPy.

    References
    ----------
    Chizat, Peyré, Schmitzer, Vialard, Scaling algorithms for unbalanced optimal transport problems.
    Séjourné, Vialard, Peyré, for the translation.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import solve_unbalanced
    >>> result = solve_unbalanced(np.asarray([[2.0]]), [1.0], [1.0], epsilon=1.0, rho=1.0)
    >>> print(round(result.mass, 6), round(float(np.exp(-2 / 3)), 6))
    0.513417 0.513417
    """
    run = choose(method, METHODS, "method")
    kl = choose(reference, REFERENCES, "reference")
    real_arrays({"a": a, "b": b}, check_finite=False)  # both are needed
    xp, cost, a, b = admit_problem(cost, a, b, epsilon, check_finite=check_finite)
    prices = admit_prices(rho)
    stopping = Stopping.admit(rtol, maxiter, callback, eps(a, xp=xp))

    def single(cost: Any, a: Array, b: Array, stopping: Stopping) -> UnbalancedResult:
        return unbalanced_run(cost, a, b, epsilon, prices, kl, run, stopping, xp=xp)

    result = looped(single, (cost, a, b), tuple(cost.shape[:-2]), stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the residual {result.residual:.1e} is above {stopping.rtol:.1e} after "
            f"{result.iterations} iterations; a larger epsilon, maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


def unbalanced_run(
    cost: Any, a: Array, b: Array, epsilon: float, rho: tuple[float, float], kl: bool,
    run: Callable[[Soft, Stopping], Run], stopping: Stopping, *, xp: Namespace,
) -> UnbalancedResult:  # fmt: skip
    """Scale, run a method and name the answer; all arguments are checked."""
    problem = _problem(cost, a, b, epsilon, xp=xp)
    one, two = (x if x == inf else ldexp(x, -problem.exponent) for x in rho)
    soft = Soft(problem, (one, two), kl)
    wide = Soft(widened(problem), soft.rho, kl)
    return _named(soft, run(wide, stopping), stopping.rtol, cost, a, b)


def admit_prices(rho: Any) -> tuple[float, float]:
    """Return ρ_a and ρ_b."""
    pair = tuple(rho) if isinstance(rho, tuple | list) else (rho, rho)
    if len(pair) != 2:
        raise ValueError(f"rho must be a number or a pair of numbers, got {len(pair)}")
    one, two = (admit_real(x, "rho", ends="(]") for x in pair)
    if one == two == inf:
        raise ValueError("rho must hold a finite number, got two infinite ones: see solve")
    return one, two


def _problem(cost: Any, a: Array, b: Array, epsilon: float, *, xp: Namespace) -> Problem:
    """Drop empty bins and bring extreme costs to unit scale; the masses stay as they are."""
    for name, x in (("a", a), ("b", b)):
        if not bool(xp.sum(x) > 0):
            raise ValueError(f"{name} must have a positive sum, got {host_float(xp.sum(x)):g}")
    rows, columns = kept(a, xp=xp), kept(b, xp=xp)
    a = a if rows is None else xp.take(a, rows)
    b = b if columns is None else xp.take(b, columns)
    stored = cost if is_lazy(cost) else DenseCost(cost, xp=xp)
    stored = stored.restricted(rows, columns)
    low, high = stored.span()
    if isinstance(stored, DenseCost):
        _require_allowed(stored.matrix, xp=xp)
    if not high - low < inf:
        raise LinAlgError("cost holds NaN or infinite entries, or its range overflows")
    exponent = scale_of(stored)
    one = xp.ones((), dtype=a.dtype, device=device_of(a))
    return Problem(
        stored.times_power_of_two(-exponent), a, b, ldexp(epsilon, -exponent), xp,
        one, exponent, rows, columns,
    )  # fmt: skip


def _require_allowed(c: Array, *, xp: Namespace) -> None:
    """Refuse bins from which nothing may move: their potentials are infinite."""
    for name, axis in (("row", 1), ("column", 0)):
        closed = xp.all(c == inf, axis=axis)
        if bool(xp.any(closed)):
            first = int(xp.argmax(xp.astype(closed, xp.int64)))
            raise ValueError(
                f"cost must allow a pair in each row and column that holds mass, got only infinite "
                f"entries in {name} {first} of these; set its mass to zero"
            )


def _require_digits(soft: Soft, f: Array, g: Array) -> None:
    """Refuse potentials whose rounding is larger than what they are divided by.

    Only those below zero: where they are large and positive all mass is destroyed.
    """
    xp, e = soft.problem.xp, soft.problem.epsilon
    size = -host_float(xp.minimum(xp.min(f), xp.min(g)))
    if eps(f, xp=xp) * size > min(e, *soft.rho):
        raise LinAlgError(
            f"the potentials reach {-size:.1e} in units of the cost and leave no digits for "
            f"epsilon {e:.1e} and rho {min(soft.rho):.1e}; float64, or a rho nearer to epsilon and "
            f"the cost, helps"
        )


def _named(soft: Soft, run: Run, rtol: float, cost: Any, a: Array, b: Array) -> UnbalancedResult:
    """Measure the plan of the potentials, in the dtype they are returned in."""
    problem, xp, e = soft.problem, soft.problem.xp, soft.problem.epsilon
    unit = 2.0**problem.exponent
    f, g = (xp.astype(x, problem.a.dtype, copy=False) for x in (run.f, run.g))
    _require_digits(soft, f, g)
    stored = isinstance(problem.cost, DenseCost)
    plan = plan_rows(problem.cost.block(0, f.shape[0]), f, g, e, xp=xp) if stored else None
    sums = sums_of(problem, plan, f, g)
    r, c = (xp.astype(x, f.dtype, copy=False) for x in (sums.r, sums.c))
    p, q = soft.kept(f, problem.a, soft.rho[0]), soft.kept(g, problem.b, soft.rho[1])
    moved = total_mass(r, xp=xp)
    residual = host_float((xp.sum(xp.abs(r - p)) + xp.sum(xp.abs(c - q))) / moved)
    dual = _dual(soft, f, g, r)
    gap = _gap(soft, f, r, p, problem.a, soft.rho[0]) + _gap(soft, g, c, q, problem.b, soft.rho[1])
    whole = whole_plan(problem, plan, f, g, a, b)
    f, g = everywhere(problem, f, g, cost, unit)
    return UnbalancedResult(
        plan=whole,
        f=f,
        g=g,
        cost=unit * host_float(sums.cost),
        value=unit * (dual + gap),
        dual_value=unit * dual,
        gap=unit * gap,
        mass=host_float(xp.sum(r)),
        method=run.method,
        status=judged(run.status, residual, rtol),
        iterations=run.iterations,
        residual=residual,
        history=run.history,
    )


def _dual(soft: Soft, f: Array, g: Array, r: Array) -> float:
    """Return −Σ ρ a (e^(−φ/ρ) − 1) − … − ε (ΣP − Σα Σβ); the last sum is left out for "entropy"."""
    problem, xp = soft.problem, soft.problem.xp
    value = -problem.epsilon * xp.sum(r)
    if soft.kl:
        value = value + problem.epsilon * xp.sum(problem.a) * xp.sum(problem.b)
    for x, mass, rho in ((f, problem.a, soft.rho[0]), (g, problem.b, soft.rho[1])):
        phi = soft.intrinsic(x, mass)
        value = value + (
            xp.sum(mass * phi) if rho == inf else -rho * xp.sum(mass * xp.expm1(-phi / rho))
        )
    return host_float(value)


def _gap(soft: Soft, f: Array, r: Array, p: Array, a: Array, rho: float) -> float:
    """Return ρ KL(r|p); ⟨r − a, φ⟩ where ρ is infinite."""
    xp = soft.problem.xp
    if rho == inf:
        return host_float(xp.sum((r - a) * soft.intrinsic(f, a)))
    held = (p > 0) & (r > 0)
    part = xp.where(held, (r - p) / xp.where(held, p, xp.ones_like(p)), xp.zeros_like(p))
    lost = xp.where(held, xp.zeros_like(p), p + r)
    return rho * host_float(xp.sum(p * ((1.0 + part) * xp.log1p(part) - part)) + xp.sum(lost))
