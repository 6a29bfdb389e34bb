"""The distribution that is nearest to several others, on a fixed support.

Legend: masses b_k, weights w_k; P_k = exp((f_k ⊕ g_k − C)/ε) with P_kᵀ1 = b_k and P_k1 = q.
"""

from dataclasses import dataclass
from functools import partial
from math import ldexp
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import (
    device_of,
    eps,
    host_float,
    library_name,
    require_finite,
    to_host,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.results import IterationState, Result, Status
from linalgx.transport._barycenter import METHODS, Measures, State, disagreement, shifted
from linalgx.transport._costs import DenseCost, is_lazy
from linalgx.transport._finish import judged
from linalgx.transport._looped import looped, same_lead
from linalgx.transport._passes import plan_sums
from linalgx.transport._problem import scale_of
from linalgx.transport._real import real_arrays
from linalgx.transport._stopping import DEFAULT_POWER, Monitor, Stopping
from linalgx.typing import Array, Callback, Namespace

__all__ = ["BarycenterResult", "barycenter"]

DEBIASED_POWER = 0.4
"""Without bias the default tolerance is eps to this power: the iteration converges sublinearly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BarycenterResult(Result):
    """A barycenter, the potentials of its plans, and how well these agree on it.

    Attributes
    ----------
    x : Array, shape (..., n)
        The barycenter q, the weighted mean of the first marginals of all plans.
    f, g : Array, shapes (..., k, n) and (..., k, m)
        Potentials of the plans P_k = exp((f_k ⊕ g_k − C)/ε), zero for measures of weight zero;
        g is −∞ in bins without mass.
    cost : float, or Array of shape (...)
        Σ w_k ⟨C, P_k⟩.
    method : str
        The method that was used.
    status, converged, iterations : Status, bool, int
        How it ended; of a batch the worst, and the iterations of the slowest problem.
    residual : float
        Σ w_k (‖P_k1 − q‖₁ + ‖P_kᵀ1 − b_k‖₁)/Σq from one exact pass; without bias plus
        ‖d∘(K d) − q‖₁/Σq; of a batch the largest.
    history : tuple of float
        The same of the iterates, ``k = 0`` first; of the slowest problem.
    """

    x: Array
    f: Array
    g: Array
    cost: Any
    method: str


def barycenter(
    cost: Any,
    masses: Array,
    /,
    weights: Array | None = None,
    *,
    epsilon: float,
    method: str = "auto",
    debiased: bool = False,
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> BarycenterResult:
    """Compute the entropic barycenter of several distributions.

    The mean in the sense of transport: shapes move and bend into each other, instead of being
    faded into each other.

    Parameters
    ----------
    cost : array, shape (..., n, m), or lazy cost
        Finite costs between the n points of the barycenter and the m bins of the masses.
    masses : array, shape (..., k, m)
        One distribution in each row, all of the same sum. A batch may share one cost.
    weights : array, shape (..., k), optional
        At least zero, in any unit; equal when ``None``.
    epsilon : float
        Regularization, positive. It blurs the barycenter over a distance of about √ε for squared
        distances.
    method : str
        ``"newton"``: few iterations, also for small ε; not for `debiased`. ``"log"``: the
        fixed-point iteration, always stable. ``"scaling"``: the same with products of exp(−C/ε),
        for large ε. ``"auto"``: newton, or log for `debiased`. All give the same answer.
    debiased : bool
        Whether to remove the blur, by the term −OT(q, q)/2 of the divergence. Needs a symmetric
        cost between the same points.
    rtol : float, optional
        Stop when the residual is at most this. ``None`` stands for eps^0.575: 1e-9 or 1e-4; with
        `debiased` for eps^0.4: 5e-7 or 1.7e-3.
    maxiter : int, optional
        Most iterations.
    callback : callable, optional
        Receives an `IterationState` with q for each iteration, of a batch for one problem after
        the other.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    BarycenterResult
        ``x``, ``f``, ``g``, ``cost``.

    Raises
    ------
    ValueError
        Shapes that do not fit, negative masses or weights, sums that differ, or `debiased` with a
        cost that is not symmetric.
    LinAlgError
        ``"scaling"`` under- or overflows.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    divergence : What the barycenter without bias minimizes the weighted sum of.

    Notes
    -----
    **Method.** Minimize Σ w_k (⟨C, P_k⟩ + ε Σ P_k (log P_k − 1)) over plans with P_kᵀ1 = b_k and a
    common P_k1. With u_k = e^(f_k/ε), v_k = e^(g_k/ε), K = exp(−C/ε): v_k = b_k/(Kᵀu_k),
    q = d∘Π(K v_k)^(w_k), u_k = q/(K v_k), d = 1, or without bias d ← √(d∘q/(K d)). log takes
    logarithms of all of it. newton, our construction: ε is cooled down as in `solve`, each stage
    ends by Newton steps in all f_k at once under Σ w_k f_k = 0, by conjugate gradients that are
    projected onto that constraint. Without bias the problem is a deconvolution: its iteration
    converges sublinearly, and details that ε has blurred are determined badly.

    **Cost.** Two passes over n×m exponentials for each measure and sweep, or two
    products. Newton steps keep k plans in memory, or compute them anew for a cost that is not
    stored. Batches run one after the other.

    **Accuracy.** The residual, recomputed. Different methods agree to a multiple of it, a large one
    without bias.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration.

    References
    ----------
    Benamou, Carlier, Cuturi, Nenna, Peyré, Iterative Bregman projections for regularized
    transportation problems, 2015. Janati, Cuturi, Gramfort, Debiased Sinkhorn barycenters, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import barycenter
    >>> x = np.linspace(0.0, 1.0, 5)
    >>> ends = np.asarray([[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    >>> result = barycenter((x[:, None] - x[None, :]) ** 2, ends, epsilon=0.01)
    >>> print(result.x.round(3))
    [0.    0.002 0.996 0.002 0.   ]
    """
    if choose(method, NAMES, "method") is None:
        method = "log" if debiased else "newton"
    epsilon = admit_real(epsilon, "epsilon", ends="()")
    xp, cost, masses, weights = _admit(cost, masses, weights, check_finite=check_finite)
    if debiased:
        _require_symmetric(cost, method, xp=xp)
    unit = eps(masses, xp=xp) ** (DEBIASED_POWER / DEFAULT_POWER if debiased else 1.0)
    stopping = Stopping.admit(rtol, maxiter, callback, unit)
    one = partial(_solve, epsilon=epsilon, method=method, debiased=debiased, xp=xp)
    lead = tuple(masses.shape[:-2])
    result = looped(one, (cost, masses, weights), lead, stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        other = "method='newton', " if method != "newton" and not debiased else ""
        warn(
            f"the residual {result.residual:.1e} is above {stopping.rtol:.1e} after "
            f"{result.iterations} iterations; {other}a larger epsilon, maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


NAMES = {"auto": None, **METHODS}


def _solve(
    cost: Any, masses: Array, weights: Array, stopping: Stopping, *, epsilon: float, method: str,
    debiased: bool, xp: Namespace,
) -> BarycenterResult:  # fmt: skip
    """Compute one barycenter."""
    stored = cost if is_lazy(cost) else DenseCost(cost, xp=xp)
    b, mass, w, places = _normalized(masses, weights, xp=xp)
    exponent = scale_of(stored)
    held = b > 0
    log_b = xp.where(held, xp.log(xp.where(held, b, xp.ones_like(b))), xp.full_like(b, -xp.inf))
    scaled = stored.times_power_of_two(-exponent)
    these = Measures(scaled, b, w, log_b, ldexp(epsilon, -exponent), debiased, xp)
    shown = _in_user_units(stopping, mass, xp=xp)
    if method == "newton" and library_name(xp) == "numpy":  # 32 bits are too few for its products
        wide = METHODS[method](these.astype(xp.float64), shown)
        found = wide[0].astype(b.dtype, xp=xp), *wide[1:]
    else:
        found = METHODS[method](these, shown)
    return _named(these, found, stopping.rtol, method, mass, exponent, places, masses.shape[0])


def _admit(
    cost: Any, masses: Any, weights: Any, *, check_finite: bool
) -> tuple[Namespace, Any, Array, Array]:
    """Admit a cost and the distributions, one in each row."""
    lazy = is_lazy(cost)
    first = cost.xp.zeros((1, 1), dtype=cost.dtype, device=cost.device) if lazy else cost
    named = {"cost": first, "masses": masses}
    if weights is not None:
        named["weights"] = weights
    xp, (first, masses, *rest) = real_arrays(named, check_finite=False)
    for name, x in (("cost", first), ("masses", masses)):
        if x.ndim < 2:
            raise ValueError(
                f"{name} must be a matrix or a batch of matrices, shape (..., n, m), "
                f"got shape {tuple(x.shape)}"
            )
    cost = cost.astype(masses.dtype) if lazy else first
    k, m = masses.shape[-2:]
    if k == 0:
        raise ValueError(f"masses must hold at least one distribution, got {tuple(masses.shape)}")
    if m != cost.shape[-1]:
        raise ValueError(
            f"masses must have shape (..., k, {cost.shape[-1]}) to fit cost, "
            f"got {tuple(masses.shape)}"
        )
    weights = rest[0] if rest else xp.ones((k,), dtype=masses.dtype, device=device_of(masses))
    if weights.ndim < 1 or weights.shape[-1] != k:
        raise ValueError(
            f"weights must have shape (..., {k}) to fit masses, got {tuple(weights.shape)}"
        )
    for name, x in (("cost", first), ("masses", masses), ("weights", weights)):
        if check_finite:
            require_finite(x, name, xp=xp)
        if name != "cost" and bool(xp.any(x < 0)):
            raise ValueError(f"{name} must be at least zero, got {host_float(xp.min(x)):.3e}")
    _, (first, masses, weights) = same_lead(
        {"cost": (first, 2), "masses": (masses, 2), "weights": (weights, 1)}, xp=xp
    )
    if lazy and masses.ndim > 2:
        raise ValueError("masses must be one matrix beside a cost that is not stored: no batches")
    return xp, cost if lazy else first, masses, weights


def _require_symmetric(cost: Any, method: str, *, xp: Namespace) -> None:
    """Without bias the barycenter is compared with itself: C = Cᵀ."""
    if method == "newton":
        raise ValueError(
            "method must be one of 'auto', 'log', 'scaling' for debiased=True, got 'newton'"
        )
    n, m = cost.shape[-2:]
    if n != m:
        raise ValueError(f"cost must be square for debiased=True, got shape {(n, m)}")
    if not is_lazy(cost) and 0 not in cost.shape:
        defect = host_float(xp.max(xp.abs(cost - cost.mT)))
        if not defect <= 100 * eps(cost, xp=xp) * host_float(xp.max(xp.abs(cost))):
            raise ValueError(
                f"cost must be symmetric for debiased=True, got max|C − Cᵀ| = {defect:.1e}"
            )


def _normalized(
    masses: Array, weights: Array, *, xp: Namespace
) -> tuple[Array, Array, Array, list[int]]:
    """Return masses of sum one, their sum, positive weights of sum one, and where they were."""
    sums = xp.sum(masses, axis=1)
    low, high = (host_float(x) for x in (xp.min(sums), xp.max(sums)))
    allowed = 1e-6 if eps(masses, xp=xp) < 1e-10 else 1e-4
    if not high - low <= allowed * high:
        raise ValueError(f"masses must have equal sums, got sums from {low:.9g} to {high:.9g}")
    if not low > 0:
        raise ValueError(f"masses must have a positive sum, got {low:g}")
    if not bool(xp.sum(weights) > 0):
        raise ValueError(f"weights must have a positive sum, got {host_float(xp.sum(weights)):g}")
    places = [k for k, weight in enumerate(to_host(weights).tolist()) if weight > 0]
    b = xp.stack([masses[k, :] / sums[k] for k in places])
    w = xp.stack([weights[k] for k in places]) / xp.sum(weights)
    return b, sums[places[0]], w, places


def _in_user_units(stopping: Stopping, mass: Array, *, xp: Namespace) -> Stopping:
    """Make the observer see barycenters of the caller's mass."""
    show = stopping.callback
    if show is None:
        return stopping

    def shown(state: IterationState) -> object:
        q = mass * xp.astype(state.x, mass.dtype, copy=False)
        return show(IterationState(state.k, q, state.residual))

    return Stopping(stopping.rtol, stopping.maxiter, shown)


def _named(
    these: Measures, found: tuple[State, Monitor, Status], rtol: float, method: str,
    mass: Array, exponent: int, places: list[int], k: int,
) -> BarycenterResult:  # fmt: skip
    """Measure the plans of the potentials."""
    state, monitor, status = found
    xp, e, unit = these.xp, these.epsilon, 2.0**exponent
    f = xp.astype(shifted(these, state.f, state.log_d), these.b.dtype, copy=False)
    g = xp.astype(these.columned(f), these.b.dtype, copy=False)
    rows, columns, cost = [], [], 0.0
    for i in range(f.shape[0]):
        sums = plan_sums(these.cost, f[i, :], g[i, :], e, xp=xp)
        rows.append(xp.astype(sums.r, f.dtype, copy=False))
        columns.append(xp.astype(sums.c, f.dtype, copy=False))
        cost += host_float(these.w[i]) * float(sums.cost)
    q, residual = disagreement(these, xp.stack(rows), state.log_d)
    residual += host_float(xp.sum(these.weighted(xp.abs(xp.stack(columns) - these.b))))
    f = f + e * xp.log(mass)
    return BarycenterResult(
        x=mass * q,
        f=_spread(unit * f, places, k, xp=xp),
        g=_spread(unit * g, places, k, xp=xp),
        cost=unit * cost * host_float(mass),
        method=method,
        status=judged(status, residual, rtol),
        iterations=monitor.iterations,
        residual=residual,
        history=tuple(monitor.history),
    )


def _spread(rows: Array, places: list[int], k: int, *, xp: Namespace) -> Array:
    """Put rows back to their places among k."""
    zero = xp.zeros_like(rows[0, :])
    at = {place: i for i, place in enumerate(places)}
    return xp.stack([rows[at[i], :] if i in at else zero for i in range(k)])
