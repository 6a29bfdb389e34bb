"""The Sinkhorn divergence: a distance of distributions made of entropic transport.

Legend: OT(a, b) the optimum with reference a⊗b, φ, ψ its potentials;
S(a, b) = OT(a, b) − OT(a, a)/2 − OT(b, b)/2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import as_arrays, eps, host_float, is_array, namespace_of
from linalgx.errors import ConvergenceWarning, warn
from linalgx.results import Result, Status
from linalgx.transport._costs import DenseCost, is_lazy
from linalgx.transport._looped import looped, same_lead
from linalgx.transport._methods import METHODS
from linalgx.transport._passes import row_softmin
from linalgx.transport._points import powered, pull, squared_distances
from linalgx.transport._problem import admit_problem, balanced
from linalgx.transport._real import real_arrays
from linalgx.transport._self_terms import Part, Solver, balanced_part, unbalanced_part
from linalgx.transport._stopping import Stopping
from linalgx.transport._unbalanced import shrink
from linalgx.typing import Array, Namespace

__all__ = ["DivergenceResult", "divergence"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DivergenceResult(Result):
    """A divergence, its parts, and its gradients.

    Attributes
    ----------
    value : float, or Array of shape (...)
        S, zero for equal measures.
    parts : tuple of float or of Array
        OT between the two, and of each with itself: dual values with reference a⊗b.
    gradient_a, gradient_b : Array, shapes (..., n) and (..., m)
        ∂S/∂a and ∂S/∂b; for equal masses up to a constant each. Also in bins without mass.
    gradient_x, gradient_y : Array or None, shapes (..., n, d) and (..., m, d)
        ∂S/∂x and ∂S/∂y, ``None`` where costs were given.
    status, converged : Status, bool
        How the worst of the three problems ended, of a batch the worst of all.
    iterations, history : int, tuple of float
        Of the problem between the two; of a batch the slowest.
    residual : float
        The largest of all.
    """

    value: Any
    parts: tuple[Any, Any, Any]
    gradient_a: Array
    gradient_b: Array
    gradient_x: Array | None
    gradient_y: Array | None


def divergence(
    x: Array | None,
    y: Array | None,
    a: Array | None = None,
    b: Array | None = None,
    /,
    *,
    epsilon: float,
    p: float = 2.0,
    costs: tuple[Any, Any, Any] | None = None,
    rho: float | None = None,
    method: str = "auto",
    rtol: float | None = None,
    maxiter: int | None = None,
    check_finite: bool = True,
) -> DivergenceResult:
    """Compute the Sinkhorn divergence of two clouds of points, and its gradients.

    A smooth loss between distributions: unlike the entropic cost alone it is zero for equal
    measures and positive otherwise, so that its gradient pulls points to where they belong.

    Parameters
    ----------
    x, y : array, shapes (..., n, d) and (..., m, d)
        Points; ``None`` where `costs` are given.
    a, b : array, shapes (..., n) and (..., m), optional
        Their masses, of equal sums without `rho`; uniform with sum one when ``None``.
    epsilon : float
        Regularization, positive, in units of the cost.
    p : float
        The cost is |x − y|^p, p ≥ 1. (Other libraries take half of it for p = 2.)
    costs : tuple of three costs, optional
        Costs between x and y, within x, within y, instead of points; arrays of shapes (..., n, m),
        (..., n, n), (..., m, m), or lazy.
    rho : float, optional
        Price of wrong marginals, as in `solve_unbalanced`; then sums may differ.
    method : str
        Of `solve`. With `rho` it must be ``"auto"``.
    rtol : float, optional
        Tolerance of all three problems. ``None`` stands for eps^0.575: 1e-9 or 1e-4.
    maxiter : int, optional
        Most iterations of each.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    DivergenceResult
        ``value``, ``parts``, ``gradient_a``, ``gradient_b``, ``gradient_x``, ``gradient_y``.

    Raises
    ------
    ValueError
        Shapes that do not fit, negative masses, unequal sums without `rho`, p below 1.
    TypeError
        Both points and `costs`, or neither.

    Warns
    -----
    ConvergenceWarning
        One of the three problems did not reach the tolerance.

    See Also
    --------
    solve, solve_unbalanced : The problems it consists of.

    Notes
    -----
    **Method.** S = OT(a, b) − OT(a, a)/2 − OT(b, b)/2, with `rho` + ε(Σa − Σb)²/2, from the dual
    values of three problems solved to the same tolerance: their errors are of second order, so that
    S is not negative beyond rounding. Self terms iterate f ← (f + ε log a + softmin f)/2; where
    that is slow a general method takes over, and f and g are averaged. ∂S/∂a = φ_ab − φ_aa, with
    `rho` −(ρ + ε)(e^(−φ_ab/ρ) − e^(−φ_aa/ρ)), φ from one more row step, which extends it to bins
    without mass. ∂S/∂x_i = Σ_j P_ij ∂c(x_i, y_j) − Σ_j P^aa_ij ∂c(x_i, x_j).

    **Cost.** Three transport problems; costs and plans of all three are stored, unless lazy `costs`
    are given. Batches run one after the other.

    **Accuracy.** S to rounding of the largest part; gradients to about `rtol`.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, Interpolating between optimal transport and MMD
    using Sinkhorn divergences, 2019. Séjourné et al. for unequal masses.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import divergence
    >>> x = np.random.default_rng(0).standard_normal((50, 2))
    >>> print(round(divergence(x, x + 0.5, epsilon=0.1).value, 6))  # a shift by (1/2, 1/2)
    0.5
    """
    choose(method, METHODS, "method")
    price = None if rho is None else admit_real(rho, "rho", ends="()")
    if price is not None and method != "auto":
        raise ValueError(f"method must be 'auto' beside rho, got {method!r}")
    how = _How(admit_real(epsilon, "epsilon", ends="()"), admit_real(p, "p", 1.0), price, method,
               check_finite)  # fmt: skip
    if costs is None:
        xp, lead, given = _admit_points(x, y, a, b, check_finite=check_finite)
        one: Callable[..., DivergenceResult] = partial(_of_points, how=how)
    else:
        if x is not None or y is not None:
            raise TypeError("x and y must be None beside costs")
        xp, lead, given = _admit_costs(costs, a, b, how)
        one = partial(_of_costs, how=how)
    unit = max(eps(z, xp=xp) for z in given if is_array(z))
    stopping = Stopping.admit(rtol, maxiter, None, unit)
    result = looped(one, given, lead, stopping, xp=xp)
    if result.status is not Status.CONVERGED:
        warn(
            f"the residual {result.residual:.1e} is above {stopping.rtol:.1e}; a larger epsilon, "
            f"maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


class _How(NamedTuple):
    """Options of a call."""

    epsilon: float
    p: float
    price: float | None
    method: str
    check_finite: bool


Given = tuple[Namespace, tuple[int, ...], list[Any]]


def _admit_points(x: Any, y: Any, a: Any, b: Any, *, check_finite: bool) -> Given:
    """Check the points; the masses are checked beside the costs."""
    masses = {name: mass for name, mass in (("a", a), ("b", b)) if mass is not None}
    xp, (x, y, *rest) = real_arrays({"x": x, "y": y, **masses}, check_finite=False)
    for name, points in (("x", x), ("y", y)):
        if points.ndim < 2:
            raise ValueError(
                f"{name} must be a matrix or a batch of matrices, one point in each row, "
                f"got shape {tuple(points.shape)}"
            )
    if x.shape[-1] == 0:
        raise ValueError(f"x must have points of at least one coordinate, got {tuple(x.shape)}")
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"y must have points of {x.shape[-1]} coordinates, got {y.shape[-1]}")
    as_arrays({"x": x, "y": y}, check_finite=check_finite)
    arrays = dict(zip(masses, rest, strict=True))
    return _with_lead({"x": (x, 2), "y": (y, 2)}, arrays, xp=xp)


def _admit_costs(costs: Any, a: Any, b: Any, how: _How) -> Given:
    """Check that three costs were given."""
    if not isinstance(costs, tuple | list) or len(costs) != 3:
        raise TypeError("costs must be a tuple of three costs: between x and y, within x, within y")
    if any(is_lazy(cost) for cost in costs):
        xp, cost, a, b = admit_problem(costs[0], a, b, how.epsilon, check_finite=how.check_finite)
        _require_sizes(cost, *costs[1:])
        return xp, (), [cost, costs[1], costs[2], a, b]
    named = {f"costs[{k}]": cost for k, cost in enumerate(costs)}
    masses = {name: mass for name, mass in (("a", a), ("b", b)) if mass is not None}
    xp, arrays = real_arrays({**named, **masses}, check_finite=False)
    stored = dict(zip(named, arrays[:3], strict=True))
    for name, cost in stored.items():
        if cost.ndim < 2:
            raise ValueError(
                f"{name} must be a matrix or a batch of matrices, got shape {tuple(cost.shape)}"
            )
    _require_sizes(*stored.values())
    rest = dict(zip(masses, arrays[3:], strict=True))
    return _with_lead({name: (cost, 2) for name, cost in stored.items()}, rest, xp=xp)


def _require_sizes(cross: Any, within_x: Any, within_y: Any) -> None:
    """Refuse costs that are not between the same points."""
    n, m = cross.shape[-2:]
    for k, cost, size in ((1, within_x, n), (2, within_y, m)):
        if tuple(getattr(cost, "shape", ())[-2:]) != (size, size):
            raise ValueError(
                f"costs[{k}] must have shape (..., {size}, {size}) to fit costs[0], "
                f"got {tuple(getattr(cost, 'shape', ()))}"
            )


def _with_lead(
    named: dict[str, tuple[Array, int]], masses: dict[str, Array], *, xp: Namespace
) -> Given:
    """Give all the same leading axes; masses that were not given stay ``None``."""
    lead, arrays = same_lead({**named, **{k: (x, 1) for k, x in masses.items()}}, xp=xp)
    found = dict(zip((*named, *masses), arrays, strict=True))
    return xp, lead, [*arrays[: len(named)], found.get("a"), found.get("b")]


def _of_points(
    x: Array, y: Array, a: Any, b: Any, stopping: Stopping, *, how: _How
) -> DivergenceResult:
    """Compute one divergence, and the gradients with respect to the points."""
    xp = namespace_of(x)
    pairs = ((x, y), (x, x), (y, y))
    one, two, three = (powered(squared_distances(*pair, xp=xp), how.p, xp=xp) for pair in pairs)
    return _of_costs(one, two, three, a, b, stopping, how=how, points=(x, y))


def _of_costs(
    cross: Any, within_x: Any, within_y: Any, a: Any, b: Any, stopping: Stopping, *, how: _How,
    points: tuple[Array, Array] | None = None,
) -> DivergenceResult:  # fmt: skip
    """Compute one divergence."""
    problems = [
        admit_problem(cost, one, two, how.epsilon, check_finite=how.check_finite)
        for cost, one, two in ((cross, a, b), (within_x, a, a), (within_y, b, b))
    ]
    xp = problems[0][0]
    if how.price is None:
        balanced(*problems[0][2:], xp=xp)  # refuses unequal sums
        by: Solver = partial(balanced_part, method=how.method)
    else:
        by = partial(unbalanced_part, rho=how.price)
    parts = [
        by(*problem[1:], how.epsilon, k > 0, stopping, xp=xp) for k, problem in enumerate(problems)
    ]
    return _named(parts, problems, how.epsilon, how.price, points, how.p, xp=xp)


def _potential(cost: Any, g: Array, b: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return φ, one row step from g, in all bins."""
    stored = cost if is_lazy(cost) else DenseCost(cost, xp=xp)
    g = xp.where(b > 0, g, xp.full_like(g, -xp.inf))
    return xp.astype(row_softmin(stored, g, epsilon, xp=xp), g.dtype, copy=False)


def _difference(
    phi: Array, own: Array, epsilon: float, rho: float | None, *, xp: Namespace
) -> Array:
    """Return the gradient with respect to a mass from the potentials of two problems."""
    if rho is None:
        return phi - own
    phi, own = shrink(epsilon, rho) * phi, shrink(epsilon, rho) * own
    return (rho + epsilon) * xp.exp(-own / rho) * -xp.expm1((own - phi) / rho)


def _named(
    parts: list[Part], problems: list[Any], epsilon: float, rho: float | None,
    points: tuple[Array, Array] | None, p: float, *, xp: Namespace,
) -> DivergenceResult:  # fmt: skip
    """Combine the three problems."""
    (_, cost, a, b), within_x, within_y = problems
    cross, first, second = parts
    transposed = cost.transposed() if is_lazy(cost) else cost.mT
    phi = _potential(cost, cross.g, b, epsilon, xp=xp)
    # The other potential of the cross problem, by a column step from the row step.
    held = xp.where(a > 0, a, xp.ones_like(a))
    share = 1.0 if rho is None else shrink(epsilon, rho)
    psi = _potential(transposed, share * phi + epsilon * xp.log(held), a, epsilon, xp=xp)
    own_a = _potential(within_x[1], first.g, a, epsilon, xp=xp)
    own_b = _potential(within_y[1], second.g, b, epsilon, xp=xp)
    value = cross.value - 0.5 * first.value - 0.5 * second.value
    if rho is not None:
        value += 0.5 * epsilon * host_float(xp.sum(a) - xp.sum(b)) ** 2
    moves: list[Array | None] = [None, None]
    if points is not None and all(is_array(part.plan) for part in parts):
        x, y = points
        moves = [
            pull(cross.plan, x, y, p, xp=xp) - pull(first.plan, x, x, p, xp=xp),
            pull(cross.plan.mT, y, x, p, xp=xp) - pull(second.plan, y, y, p, xp=xp),
        ]
    worst = next((q for q in parts if q.status is not Status.CONVERGED), cross)
    return DivergenceResult(
        value=value,
        parts=(cross.value, first.value, second.value),
        gradient_a=_difference(phi, own_a, epsilon, rho, xp=xp),
        gradient_b=_difference(psi, own_b, epsilon, rho, xp=xp),
        gradient_x=moves[0],
        gradient_y=moves[1],
        status=worst.status,
        iterations=cross.iterations,
        residual=max((q.residual for q in parts), key=lambda r: (r != r, r)),
        history=cross.history,
    )
