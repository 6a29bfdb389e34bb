"""Parameters of a solver as functions of the problem, fitted offline to the number of iterations.

Legend: φ_t the features of task t, w_t = clip(θ·φ_t) its parameter, k_t(w) the iterations that it
takes, C(θ) their mean; u coordinates of θ in which the features are orthonormal over the tasks.
"""

from dataclasses import dataclass
from math import inf, isfinite, log, sqrt
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx._core.iterate import notify
from linalgx._core.polish import identity_like
from linalgx.backend import (
    as_arrays,
    as_generator,
    as_matrix,
    from_host,
    host_array,
    is_complex,
    namespace_of,
    to_host,
    uniform,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.relaxation._task_mean import Cost, TaskMean
from linalgx.results import Result, Status
from linalgx.typing import Array, Callback, RNGLike

__all__ = ["MetaFitResult", "fit_meta_parameters"]

METHODS = {"spsa": False, "surrogate": True}
"""Whether the cost is a convergence factor, of which the count is predicted."""

CHECK = 20
"""Iterations between two looks at all neighbours."""
RADIUS, FINEST = 0.02, 1e-3
"""Distance of these, in units of the width of the bounds: at first, and at least."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaFitResult(Result):
    """Coefficients of a fitted parameter, and what they cost.

    Attributes
    ----------
    theta : Array, shape (p,)
        θ, the best that was found.
    value : float
        C(θ), the mean number of iterations, or its prediction.
    evaluations : int
        Calls of the cost.
    status, converged, iterations : Status, bool, int
        How it ended.
    residual : float
        The share of C(θ) that the best neighbour of θ, at 2 % or at 0.1 %, would save.
    history : tuple of float
        C of each iterate.
    """

    theta: Array
    value: float
    evaluations: int


def fit_meta_parameters(
    features: Array,
    cost: Cost,
    /,
    *,
    bounds: tuple[float, float],
    method: str = "spsa",
    start: Array | None = None,
    rtol: float = 0.01,
    accuracy: float = 1e-8,
    maxiter: int = 200,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> MetaFitResult:
    """Fit a solver's parameter, as a linear function of features, to the iterations it causes.

    For a family of problems whose features are known before they are solved. What is minimised
    is the number of iterations to the tolerance. The error after a fixed number of steps is the
    easier target and the wrong one: its minimiser can take arbitrarily many times as long.

    Parameters
    ----------
    features : array, shape (tasks, p)
        φ_t, one row for each task; a column of ones for the constant term.
    cost : callable
        Takes w and the number of a task. Returns the iterations that the solver needs, or for
        ``"surrogate"`` its convergence factor at w.
    bounds : tuple of two float
        w is clipped to these.
    method : str
        ``"spsa"`` needs counts only, which are steps and not smooth; ``"surrogate"`` follows the
        slope of the predicted count.
    start : array, shape (p,), optional
        First θ; ``None`` stands for w in the middle of the bounds.
    rtol : float
        Converged when no neighbour of θ saves a larger share of the iterations.
    accuracy : float
        Tolerance that counts are predicted for.
    maxiter : int
        Most steps.
    rng : optional
        Randomness of ``"spsa"``.
    callback : callable, optional
        Receives an `IterationState` for each step: θ on the host, and C as the residual.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    MetaFitResult
        ``theta``, ``value``, ``evaluations``.

    Raises
    ------
    ValueError
        Shapes do not fit, the bounds are empty, or the cost at the start is not a positive number.

    Warns
    -----
    ConvergenceWarning
        A neighbour of the result is still better.

    See Also
    --------
    ChebCB : Learns online, while the problems are solved.
    predicted_iterations : The surrogate.

    Notes
    -----
    **Method.** Our construction, after the idea that iterations to tolerance are what to learn.
    spsa: u ← u − a δ (ln C(u + cδ) − ln C(u − cδ))/(2c) with random signs δ, c and a falling as
    powers of the iteration. surrogate: steepest descent on ln C with slopes by central differences
    in each w_t, and a step length that doubles on success and halves otherwise. Every 20 steps
    both look at neighbours, at a distance of 2 % of the width of the bounds along and between the
    coordinates, and go to the best. When none is better, they go on looking, halving the
    distance down to 0.1 %.

    **Cost.** Per step three costs of each task, per look 2p².

    **Accuracy.** A local minimum, to 0.1 % of the width of the bounds.

    **Backends.** Runs on the host; θ has the library of the features.

    References
    ----------
    Arisaka and Li, Principled acceleration of iterative numerical methods using machine learning,
    arXiv 2206.08594, 2022. Spall, Multivariate stochastic approximation using a simultaneous
    perturbation gradient approximation, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> best = np.asarray([1.2, 1.5, 1.8])
    >>> fit = lx.relaxation.fit_meta_parameters(
    ...     np.stack([np.ones(3), best], axis=1),
    ...     lambda w, task: 10 + 100 * abs(w - best[task]),
    ...     bounds=(1.0, 2.0),
    ...     rng=0,
    ... )
    >>> print(fit.value < 12)
    True
    """
    xp, features = as_matrix(features, "features", check_finite=check_finite)
    if features.ndim != 2 or 0 in features.shape or is_complex(features, xp=xp):
        raise ValueError(
            f"features must be real, shape (tasks, p), and not empty, got shape "
            f"{tuple(features.shape)} and dtype {features.dtype}"
        )
    problem = TaskMean.admit(features, cost, bounds, choose(method, METHODS, "method"), accuracy)
    rtol, maxiter = admit_real(rtol, "rtol"), admit_integer(maxiter, "maxiter", 0)
    if start is None:
        u = problem.middle()
    else:
        (theta,) = as_arrays({"start": start}, check_finite=check_finite)[1]
        if tuple(theta.shape) != (features.shape[1],):
            raise ValueError(
                f"start must have shape ({features.shape[1]},), got {tuple(theta.shape)}"
            )
        u = problem.coordinates(host_array(to_host(theta)))
    result = _fit(problem, u, rtol, maxiter, as_generator(rng), callback)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"{result.status.value} after {result.iterations} steps: a neighbour would save "
            f"{result.residual:.1%} of the iterations",
            ConvergenceWarning,
        )
    return MetaFitResult(
        theta=from_host(result.theta, like=features, xp=xp, dtype=features.dtype),
        value=result.value,
        evaluations=problem.evaluations,
        status=result.status,
        iterations=result.iterations,
        residual=result.residual,
        history=result.history,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    theta: Any
    value: float
    status: Status
    iterations: int
    residual: float
    history: tuple[float, ...]


def _fit(
    problem: TaskMean, u: Any, rtol: float, maxiter: int, rng: Any, callback: Callback | None
) -> _Fit:
    """Step, look around now and then, and in the end only look, ever closer; keep the best."""
    value = problem.mean(u)
    if not (isfinite(value) and value > 0.0):
        raise ValueError(f"cost must give positive finite numbers at the start, got a mean {value}")
    stepper = _Slope() if problem.surrogate else _Spsa(rng)
    best, history, radius, looking, mark = (u, value), [value], RADIUS, False, value
    for k in range(maxiter + 1):
        if notify(callback, k, problem.back @ u, value):
            status = Status.STOPPED
        elif radius < FINEST:
            status = Status.CONVERGED
        elif k == maxiter:
            status = Status.MAXITER
        else:
            if looking or k % CHECK == CHECK - 1:
                looking = looking or best[1] > (1.0 - RADIUS) * mark  # steps lead no further
                near = _neighbour(problem, best[0], radius)
                radius = radius if 1.0 - near[1] / best[1] > rtol else 0.5 * radius
                u, value = min(best, near, key=lambda pair: pair[1])
                mark = value
            else:
                u, value = stepper.step(problem, u, value, k)
            history.append(value)
            best = min(best, (u, value), key=lambda pair: pair[1])
            continue
        break
    gain = 1.0 - min(_neighbour(problem, best[0], r)[1] for r in (RADIUS, FINEST)) / best[1]
    if status is not Status.STOPPED:
        status = Status.CONVERGED if gain <= rtol else Status.MAXITER
    residual = max(gain, 0.0)
    return _Fit(problem.back @ best[0], best[1], status, len(history) - 1, residual, tuple(history))


def _neighbour(problem: TaskMean, u: Any, radius: float) -> tuple[Any, float]:
    """Return the best point at a distance, along a coordinate or between two, with its cost."""
    p, xp = problem.back.shape[1], namespace_of(u)
    steps = identity_like(problem.back.mT @ problem.back, xp=xp) * (radius * problem.width)
    along = [steps[i, :] for i in range(p)]
    between = [
        sqrt(0.5) * (along[i] + sign * along[j])
        for i in range(p)
        for j in range(i)
        for sign in (1.0, -1.0)
    ]
    tried = [u + sign * step for step in along + between for sign in (1.0, -1.0)]
    return min(((v, problem.mean(v)) for v in tried), key=lambda pair: pair[1])


class _Spsa:
    """Two evaluations for a slope along random signs, with the usual falling gains."""

    __slots__ = ("rng",)

    def __init__(self, rng: Any) -> None:
        self.rng = rng

    def step(self, problem: TaskMean, u: Any, value: float, k: int) -> tuple[Any, float]:
        """Move by at most a tenth of the width."""
        xp, width = namespace_of(u), problem.width
        c = 0.1 * width / (k + 1) ** 0.25
        signs = xp.where(
            uniform(u.shape, self.rng, like=u, xp=xp) < 0.5, -xp.ones_like(u), xp.ones_like(u)
        )
        up, down = problem.mean(u + c * signs), problem.mean(u - c * signs)
        if not (isfinite(up) and isfinite(down)):
            return u, value
        move = 0.3 * width**2 / (k + 10) ** 0.6 * (log(up) - log(down)) / (2.0 * c)
        most = 0.1 * width
        u = u - min(max(move, -most), most) * signs
        return u, problem.mean(u)


class _Slope:
    """Steepest descent on the logarithm."""

    __slots__ = ("length",)

    def __init__(self) -> None:
        self.length = 0.1

    def step(self, problem: TaskMean, u: Any, value: float, k: int) -> tuple[Any, float]:
        """Halve the step until C falls; the next one starts from twice the length."""
        slope = problem.slope(u)
        size = sqrt(float(slope @ slope))
        if not 0.0 < size < inf:
            return u, value
        for _ in range(30):
            new = u - (self.length * problem.width / size) * slope
            lower = problem.mean(new)
            if lower < value:
                self.length *= 2.0
                return new, lower
            self.length *= 0.5
        self.length = RADIUS
        return u, value
