"""The accelerated linearized primal-dual method for strongly concave duals.

Legend: min_x max_y f(x) + Re⟨y, K x⟩ − g(y); x_a the average that is returned, x_m where the
gradient is taken, x̄ the extrapolated point; β, τ, η weights and steps of iteration k.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import (
    as_generator,
    host_float,
    is_operator,
    is_sparse,
    standard_normal,
    svdvals,
)
from linalgx.relaxation._saddle import (
    Prox,
    Saddle,
    SaddleResult,
    admit_saddle,
    complain,
    relative,
    require_start,
)
from linalgx.relaxation._scalars import fetch, inner
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.typing import Array, Callback, MatrixLike, RNGLike

STEPS = 30
"""Power steps that estimate ‖K‖ where the matrix is not dense; 10 % are added."""


def alpd(
    k: MatrixLike,
    /,
    *,
    gradient: Callable[[Array], Array],
    prox_y: Prox,
    lipschitz: float,
    strength: float,
    norm: float | None = None,
    x0: Array | None = None,
    y0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    check_every: int = 10,
    rng: RNGLike = 0,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SaddleResult:
    """Find a saddle point of f(x) + Re⟨y, K x⟩ − g(y), f smooth and g strongly convex.

    For composite problems min f(x) + h(K x) with smooth h, whose conjugate is g. The error of
    the objective falls as 1/k², where the plain linearized method has 1/k.

    Parameters
    ----------
    k : array, sparse container, LinearOperator or LinearMap, shape (m, n)
        The coupling matrix.
    gradient : callable
        Takes x, leaves it as it is and returns ∇f(x).
    prox_y : callable
        Takes a point v and a positive step t, returns argmin g(u) + ‖u − v‖²/(2t).
    lipschitz : float
        Lipschitz constant L ≥ 0 of the gradient.
    strength : float
        Modulus μ > 0 of strong convexity of g.
    norm : float, optional
        An upper bound of ‖K‖₂. ``None`` computes it for arrays, and estimates it by power steps
        for sparse containers and operators.
    x0, y0 : array, shapes (n,) and (m,), optional
        Start; zero when ``None``.
    rtol, atol : float, optional
        Stop when the residual is at most max(rtol·R, atol), R the residual at zero.
        ``rtol=None`` stands for eps^(1/3).
    maxiter : int, optional
        Most iterations, 10 000 when ``None``.
    check_every : int
        Iterations between two looks at the residual, which costs two products and a gradient.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness of the estimate of ‖K‖.
    callback : callable, optional
        Receives an `IterationState` with x_a for each iteration.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SaddleResult
        ``x``, the average x_a, ``y``, and in ``residual``
        √(‖∇f(x) + Kᴴy‖² + ‖y − prox_y(y + K x, 1)‖²).

    Raises
    ------
    ValueError
        Shapes that do not fit, `lipschitz` negative, `strength` not positive.
    LinAlgError
        The residual at the start is not finite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    pdhg : Without smoothness and strong convexity.

    Notes
    -----
    **Method.** For k = 1, 2, ... with β = (k + 1)/2, τ = 2/(μk), η = k/(2L + 4‖K‖²/μ):
    x_m = (1 − 1/β) x_a + x/β; y = prox_y(y + τ K x̄, τ); x' = x − η (∇f(x_m) + Kᴴy);
    x_a ← (1 − 1/β) x_a + x'/β; x̄ = x' + k/(k + 1) (x' − x). The weights are our construction,
    after Khalafi and Boob.

    **Cost.** Two products, one gradient and one proximal map an iteration; some eight vectors.

    **Accuracy.** The residual is computed from x and y. The error of the objective is bounded by
    a multiple of (L + ‖K‖²/μ) ‖x₀ − x‖²/k².

    **Backends.** See :doc:`/backends`; one synchronisation for each look at the residual.

    References
    ----------
    Khalafi and Boob, arXiv 2209.04604.

    Examples
    --------
    The minimum of (x − 3)²/2 + (2x)²/2 as a saddle point, at 3/5:

    >>> import numpy as np
    >>> import linalgx as lx
    >>> result = lx.relaxation.alpd(
    ...     np.asarray([[2.0]]),
    ...     gradient=lambda x: x - 3.0,
    ...     prox_y=lambda v, t: v / (1.0 + t),
    ...     lipschitz=1.0,
    ...     strength=1.0,
    ... )
    >>> print(result.x.round(4), result.y.round(3), result.converged)
    [0.6] [1.2] True
    """
    problem = admit_saddle(k, "k", x0, y0, check_finite=check_finite)
    lipschitz = admit_real(lipschitz, "lipschitz")
    strength = admit_real(strength, "strength", ends="()")
    norm = _norm(k, problem, rng) if norm is None else admit_real(norm, "norm")
    every = admit_integer(check_every, "check_every", 1)
    stopping = Stopping.admit(rtol, atol, maxiter, "b", callback, check_every=every)
    run = _Run(problem, gradient, prox_y, strength, 2.0 * lipschitz + 4.0 * norm**2 / strength)
    result = run.solve(stopping)
    complain(result, "a larger maxiter or rtol helps")
    return result


def _norm(k: MatrixLike, problem: Saddle, rng: RNGLike) -> float:
    """Return ‖K‖₂, or 1.1 times what power steps find."""
    xp = problem.xp
    if 0 in problem.a.shape:
        return 0.0
    if not (is_sparse(k) or is_operator(k)):
        return host_float(svdvals(problem.entries, xp=xp)[0])
    v = standard_normal(problem.x.shape, as_generator(rng), like=problem.x, xp=xp)
    size = 0.0
    for _ in range(STEPS):
        v = problem.ah @ (problem.a @ (v / xp.linalg.vector_norm(v)))
        size = host_float(xp.linalg.vector_norm(v))
        if not size > 0.0:
            break
    return 1.1 * sqrt(size)


@dataclass(frozen=True, slots=True)
class _Run:
    """The iteration; `curvature` is 2L + 4‖K‖²/μ."""

    problem: Saddle
    gradient: Callable[[Array], Array]
    prox_y: Prox
    strength: float
    curvature: float

    def solve(self, stopping: Stopping) -> SaddleResult:
        """Step until the monitor ends it."""
        problem, xp = self.problem, self.problem.xp
        x = bar = average = problem.x
        y = problem.y
        first = self._residual(average, y)
        require_start(first)
        scale = self._residual(xp.zeros_like(x), xp.zeros_like(y))
        rtol = relative(stopping, x, xp=xp)
        target = max(rtol * (scale if scale > 0.0 else first), stopping.atol)
        monitor = Monitor(stopping, [target], True, 0, xp)
        status = monitor.begin([first], average[:, None])
        tau = eta = 0.0
        while status is None:
            tau, eta = self._steps(k := monitor.k + 1)
            weight = 2.0 / (k + 1.0)
            middle = (1.0 - weight) * average + weight * x
            y = self.prox_y(y + tau * (problem.a @ bar), tau)
            new = x - eta * (self.gradient(middle) + problem.ah @ y)
            average = (1.0 - weight) * average + weight * new
            bar = new + (k / (k + 1.0)) * (new - x)
            x = new
            norms = [self._residual(average, y)] if monitor.due else None
            status = monitor.step(norms, average[:, None])
        return SaddleResult(
            x=average,
            y=y,
            status=status,
            iterations=monitor.k,
            residual=self._residual(average, y),
            history=tuple(monitor.history),
            matvecs=problem.a.matmat_count,
            steps=(eta, tau),
        )

    def _steps(self, k: int) -> tuple[float, float]:
        """Return τ and η; without any curvature the problem is linear, and any step will do."""
        return 2.0 / (self.strength * k), k / (self.curvature or 1.0)

    def _residual(self, x: Array, y: Array) -> float:
        """Return how far (x, y) is from fulfilling the optimality conditions."""
        problem, xp = self.problem, self.problem.xp
        slope = self.gradient(x) + problem.ah @ y
        gap = y - self.prox_y(y + problem.a @ x, 1.0)
        return sqrt(sum(fetch([inner(u, u, xp=xp) for u in (slope, gap)], xp=xp)))
