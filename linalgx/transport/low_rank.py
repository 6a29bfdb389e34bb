"""Transport plans of low nonnegative rank, by mirror descent on their factors.

Legend: P = Q diag(1/w) Rᵀ with couplings Q of (a, w) and R of (b, w), w a distribution over the
k components; G_Q = C R diag(1/w), G_R = Cᵀ Q diag(1/w), G_w = −diag(Qᵀ C R)/w² the gradients of
⟨C, P⟩; λ the step of one iteration.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import (
    device_of,
    host_float,
    namespace_of,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.operators import LinearMap
from linalgx.results import IterationState, Result, Status
from linalgx.transport._costs import Cost, DenseCost, is_lazy
from linalgx.transport._couplings import Couplings
from linalgx.transport._factored_cost import FactoredCost, is_pair
from linalgx.transport._looped import looped
from linalgx.transport._mirror import MAXITER, Descent, start
from linalgx.transport._problem import admit_problem, balanced, kept
from linalgx.transport._program import require_finite_cost
from linalgx.transport._rounding import rounding_of
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.transport._whole import spread
from linalgx.typing import Array, Callback, Namespace, RNGLike

__all__ = ["LowRankTransportResult", "low_rank"]

RTOL = 1e-3
"""Default tolerance: what matters for the plan, and above √eps in both precisions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LowRankTransportResult(Result):
    """A plan by its factors, P = Q diag(1/w) Rᵀ, a stationary point and not more.

    Attributes
    ----------
    q, r : Array, shapes (..., n, k) and (..., m, k)
        Nonnegative, Q1 = a, R1 = b, Qᵀ1 = Rᵀ1 = w.
    weights : Array, shape (..., k)
        w, the mass that goes through each component.
    cost : float, or Array of shape (...)
        ⟨C, P⟩.
    objective : float or Array
        ⟨C, P⟩ + ε Σ X(log X − 1) over the entries of Q, R and w, at mass one: what was minimized.
        Each start can lead to another value.
    marginal_error : float or Array
        (‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁)/Σa of the returned factors.
    status, converged, iterations : Status, bool, int
        How it ended; converged means stationary. Of a batch the worst, and the iterations of the
        slowest problem.
    residual : float
        √(KL(v⁺|v) + KL(v|v⁺))/λ over all factors v and the step from them, relative to max|G_Q| at
        the start, an average cost: the size of the projected gradient; of a batch the largest.
    history : tuple of float
        The same for each iteration, ``k = 0`` first; of the slowest problem.
    """

    q: Array
    r: Array
    weights: Array
    cost: Any
    objective: Any
    marginal_error: Any

    @property
    def plan(self) -> LinearMap | Array:
        """P as a map; ``plan @ x`` costs 2(n + m)k operations. Of a batch the arrays P."""
        if self.q.ndim > 2:
            return (self.q / self.weights[..., None, :]) @ self.r.mT
        return _plan(self.q, self.r, self.weights)


def low_rank(
    cost: Array | tuple[Array, Array] | Cost,
    a: Array | None = None,
    b: Array | None = None,
    /,
    *,
    rank: int,
    epsilon: float = 0.0,
    gamma: float = 10.0,
    rtol: float | None = None,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> LowRankTransportResult:
    """Find a transport plan that factors through few components.

    Time and memory of an iteration are linear in n + m when the cost comes as two factors, which
    squared Euclidean distances do. The plan shows clusters that travel together. The problem is not
    convex: the answer is a stationary point that depends on the start, so compare a few `rng`.

    Parameters
    ----------
    cost : array, shape (..., n, m), or pair of arrays, shapes (n, d) and (m, d), or lazy cost
        Finite costs C; a tuple of two matrices (A, B) stands for A Bᵀ, which is never formed.
    a, b : array, shapes (..., n) and (..., m), optional
        Masses of equal sums; uniform with sum one when ``None``.
    rank : int
        Number of components, at least 1.
    epsilon : float
        Entropic regularization of the factors, in units of the cost; zero for none.
    gamma : float
        Step length before normalization, positive.
    rtol : float, optional
        Stop when the residual is at most this; 1e-3 when ``None``.
    maxiter : int, optional
        Most iterations, 1000 when ``None``.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness of the start; all problems of a batch get the same from an integer.
    callback : callable, optional
        Receives an `IterationState` with Q, at mass one, for each iteration, of a batch for one
        problem after the other.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LowRankTransportResult
        ``q``, ``r``, ``weights``, ``cost``, ``objective``, and ``plan``, a `LinearMap`.

    Raises
    ------
    ValueError
        Shapes that do not fit, infinite costs, negative masses, unequal sums, or options out of
        range.
    LinAlgError
        The masses or the objective at the start are not finite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    solve : Entropic transport, a convex problem.

    Notes
    -----
    **Method.** Scetbon, Cuturi and Peyré: Q ∘ exp(−λ(G_Q + ε log Q)) and the same for R and w, then
    the nearest couplings in Kullback and Leibler's sense, with w ≥ 1e-6;
    λ = min(γ/max(‖G_Q‖∞, ‖G_R‖∞, ‖G_w‖∞)², 1/ε), costs in units of max|G_Q| at the start. Ours are
    the projection, Newton's method on its 2k dual variables with two steps of Dykstra's method
    ahead; the halving of γ when the objective would grow, which therefore never does; and the
    start, which gathers what is near to `rank` random targets.

    **Cost.** An iteration: two products of C with k columns and about six Newton steps of
    4(n + m)k² operations. Some ten arrays of the size of Q and R. Batches run one after the other.

    **Accuracy.** Marginals are exact up to rounding. 200 + 200 points in the plane, k = 10: 178
    iterations; ⟨C, P⟩ is 1.28 times the optimum over all plans.

    **Backends.** See :doc:`/backends`; one synchronisation for each Newton step.

    References
    ----------
    Scetbon, Cuturi, Peyré, Low-Rank Sinkhorn Factorization, 2021.

    Examples
    --------
    Two groups that exchange places:

    >>> import numpy as np
    >>> from linalgx.transport import low_rank
    >>> c = np.kron([[1.0, 0.0], [0.0, 1.0]], np.ones((3, 3)))
    >>> result = low_rank(c, rank=2, rng=0)
    >>> print(f"{result.cost:.3f}", result.weights.round(2), result.converged)
    0.000 [0.5 0.5] True
    """
    rank = admit_integer(rank, "rank", 1)
    epsilon, gamma = admit_real(epsilon, "epsilon"), admit_real(gamma, "gamma", ends="()")
    cost = FactoredCost.admit(cost, check_finite=check_finite) if is_pair(cost) else cost
    xp, cost, a, b = admit_problem(cost, a, b, 1.0, check_finite=check_finite)
    if not is_lazy(cost):
        require_finite_cost(cost, check_finite=check_finite, xp=xp)
    stopping = Stopping.admit(RTOL if rtol is None else rtol, maxiter, callback, 1.0)

    def one(cost: Any, a: Array, b: Array, stopping: Stopping) -> LowRankTransportResult:
        cost = cost if is_lazy(cost) else DenseCost(cost, xp=xp)
        return _solve(cost, a, b, stopping, rank, epsilon, gamma, rng)

    result = looped(one, (cost, a, b), tuple(cost.shape[:-2]), stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the projected gradient {result.residual:.1e} is above {stopping.rtol:.1e} after "
            f"{result.iterations} iterations; a larger maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


def _solve(
    cost: Cost, a: Array, b: Array, stopping: Stopping, rank: int, epsilon: float, gamma: float,
    rng: RNGLike,
) -> LowRankTransportResult:  # fmt: skip
    """Solve one problem."""
    xp = cost.xp
    a1, b1, mass = balanced(a, b, xp=xp)
    if not isfinite(host_float(mass + xp.sum(b))):
        raise LinAlgError("the masses hold NaN or infinite entries, or their sum overflows")
    rows, columns = kept(a1, xp=xp), kept(b1, xp=xp)
    run = Descent(
        cost.restricted(rows, columns),
        a1 if rows is None else xp.take(a1, rows),
        b1 if columns is None else xp.take(b1, columns),
        epsilon, gamma, Monitor(_showing_all(stopping, rows, int(a.shape[0]), xp=xp), MAXITER),
    )  # fmt: skip
    status = run.solve(start(run, rank, rng))
    return _named(run, status, (a1, b1), (rows, columns), host_float(mass))


def _showing_all(stopping: Stopping, rows: Array | None, n: int, *, xp: Namespace) -> Stopping:
    """Make the observer see the bins without mass, too."""
    show = stopping.callback
    if show is None or rows is None:
        return stopping

    def whole(state: IterationState) -> object:
        return show(IterationState(state.k, spread(state.x, rows, n, xp=xp), state.residual))

    return Stopping(stopping.rtol, stopping.maxiter, whole)


def _feasible(x: Array, a: Array, w: Array, *, xp: Namespace) -> Array:
    """Round a coupling to its marginals, which removes what the projection has left."""
    return rounding_of(x, xp.sum(x, axis=1), a, w, xp=xp).applied(x, xp=xp)


def _plan(q: Array, r: Array, w: Array) -> LinearMap:
    left, right = q / w[None, :], r / w[None, :]
    return LinearMap.from_callables(
        (int(q.shape[0]), int(r.shape[0])),
        lambda x: left @ (r.mT @ x),
        lambda x: right @ (q.mT @ x),
        xp=namespace_of(q), device=device_of(q), dtype=q.dtype,
    )  # fmt: skip


def _named(
    run: Descent, status: Status, masses: tuple[Array, Array], places: tuple[Any, Any], mass: float
) -> LowRankTransportResult:
    """Make the factors exactly feasible, measure them, and put back the bins without mass."""
    xp, (q, r, w) = run.xp, run.state.v
    w = w / xp.sum(w)
    q, r = _feasible(q, run.a, w, xp=xp), _feasible(r, run.b, w, xp=xp)
    last = run.measured(Couplings(q, r, w))
    q, r = (
        x if where is None else spread(x, where, int(a.shape[0]), xp=xp)
        for x, a, where in zip((q, r), masses, places, strict=True)
    )
    a, b = masses
    left, right = xp.sum(r, axis=0) / w, xp.sum(q, axis=0) / w
    error = xp.sum(xp.abs(q @ left - a)) + xp.sum(xp.abs(r @ right - b))
    unit = 2.0**run.exponent
    return LowRankTransportResult(
        q=mass * q,
        r=mass * r,
        weights=mass * w,
        cost=mass * unit * last.cost,
        objective=unit * last.objective,
        marginal_error=host_float(error),
        status=status,
        iterations=run.monitor.iterations,
        residual=run.monitor.history[-1],
        history=tuple(run.monitor.history),
    )
