"""A light Schrödinger bridge: entropic transport between two samples as a Gaussian mixture.

Legend: v(y) = Σ_k α_k N(y | r_k, ε S_k) with S_k diagonal; the coupling has the conditional
π(y | x) = Σ_k w_k(x) N(y | r_k + S_k x, ε S_k), w_k(x) ∝ α_k exp((xᵀS_k x + 2 r_kᵀx)/(2ε)).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ldexp, sqrt
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.iterate import notify
from linalgx._core.scaling import exponent_of
from linalgx.backend import (
    as_arrays,
    as_generator,
    as_matrix,
    device_of,
    eps,
    is_complex,
    minimize_smooth,
    standard_normal,
    times_power_of_two,
    uniform,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.results import Result, Status
from linalgx.transport._mixture import BridgeLoss, Parameters, log_weights, softmax
from linalgx.typing import Array, Callback, Namespace, RNGLike

__all__ = ["BridgeResult", "light_bridge"]

LEAST = 1e-4
"""Smallest S_k, relative to that of the bridge between two normal distributions."""

NARROW = 0.5
"""S_k at the start, in the same unit."""

MAXITER = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BridgeResult(Result):
    """An entropic coupling that can be sampled for any x, also for those not seen.

    Attributes
    ----------
    log_weights : Array, shape (K,)
        Logarithms of the weights of the components at `origin`; they sum to one.
    means : Array, shape (K, d)
        Means of y given x = `origin`: r_k + S_k·origin.
    scales : Array, shape (K, d)
        Diagonals S_k: the mean of component k moves by S_k (x − origin).
    origin : Array, shape (d,)
        Mean of the first sample.
    epsilon : float
        The ε of the call.
    loss : float
        mean log c(x₀) − mean log v(x₁) after both samples were centred and brought to size one.
    status, converged, iterations, residual, history : Status, bool, int, float, tuple
        As in every result; the residual is the largest entry of the gradient of the loss with
        respect to log α, log(S − low) and r in units of the standard deviation at the start.
    """

    log_weights: Array
    means: Array
    scales: Array
    origin: Array
    epsilon: float
    loss: float

    def weights(self, x: Array, /) -> Array:
        """Return the weights w_k(x) of the components, shape (n, K), for x of shape (n, d)."""
        xp, x = self._admit(x)
        r = self.means - xp.mean(self.means, axis=0, keepdims=True)
        z = log_weights(
            x - self.origin[None, :], self.log_weights, r, self.scales, self.epsilon, xp=xp
        )
        return softmax(z, xp=xp)[1]

    def conditional_mean(self, x: Array, /) -> Array:
        """Return the mean of y given x, shape (n, d): the barycentric map."""
        _, x = self._admit(x)
        w = self.weights(x)
        return w @ self.means + (w @ self.scales) * (x - self.origin[None, :])

    def _admit(self, x: Any) -> tuple[Namespace, Array]:
        """Admit points, one a row, in the precision of the mixture."""
        xp, (_, x) = as_arrays({"means": self.means, "x": x}, check_finite=False)
        d = int(self.means.shape[1])
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"x must have shape (n, {d}), got {tuple(x.shape)}")
        return xp, xp.astype(x, self.means.dtype, copy=False)

    def sample(self, x: Array, /, *, time: float = 1.0, rng: RNGLike = None) -> Array:
        """Draw one point for each row of x: y given x, or the bridge from x to it at a time < 1.

        In between it is the Brownian bridge, x + t(y − x) + √(ε t(1 − t)) times normal numbers.
        """
        time = admit_real(time, "time", 0.0, 1.0, ends="[]")
        generator = as_generator(rng)
        xp, x = self._admit(x)
        n, d = int(x.shape[0]), int(self.means.shape[1])
        u = uniform((n, 1), generator, like=x, xp=xp)
        below = xp.cumulative_sum(self.weights(x), axis=1) <= u
        last = self.means.shape[0] - 1
        k = xp.sum(xp.astype(below, xp.int64), axis=1)
        k = xp.minimum(k, xp.full_like(k, last))  # the weights sum to one but for rounding
        s = xp.take(self.scales, k, axis=0)
        noise = standard_normal((n, d), generator, like=x, xp=xp)
        mean = xp.take(self.means, k, axis=0) + s * (x - self.origin[None, :])
        y = mean + sqrt(self.epsilon) * xp.sqrt(s) * noise
        if time == 1.0:
            return y
        width = sqrt(self.epsilon * time * (1.0 - time))
        return x + time * (y - x) + width * standard_normal((n, d), generator, like=x, xp=xp)


def light_bridge(
    source: Array,
    target: Array,
    /,
    *,
    epsilon: float,
    components: int = 10,
    rtol: float | None = None,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> BridgeResult:
    """Learn the entropic coupling of two distributions from a sample of each.

    The cost is ‖x − y‖²/2. Unlike a plan between the points of both samples the answer is a
    function: it maps new points, and costs the same however large the samples were.

    Parameters
    ----------
    source, target : array, shapes (n, d) and (m, d)
        Samples x₀ and x₁ of the two distributions, one point a row.
    epsilon : float
        Regularization, the variance of the Brownian motion at time one; positive.
    components : int
        Number K of normal components.
    rtol : float, optional
        Stop when the largest entry of the gradient is at most this; ``None`` stands for eps^(1/4):
        1.2e-4 or 1.9e-2.
    maxiter : int, optional
        Most iterations, 1000 when ``None``.
    rng : {None, int, SeedSequence, Generator}, optional
        Which target points the components start from.
    callback : callable, optional
        Receives an `IterationState` with the means for each iteration.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    BridgeResult
        The mixture, with the methods ``sample``, ``conditional_mean`` and ``weights``.

    Raises
    ------
    ValueError
        Shapes that do not fit, samples without points, or options out of range.
    LinAlgError
        The loss at the start is not finite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    solve : The entropic plan between the points of two samples.

    Notes
    -----
    **Method.** Korotin, Gushchin and Burnaev's light bridge: mean log c(x₀) − mean log v(x₁),
    c(x) = Σ_k α_k exp((xᵀS_k x + 2 r_kᵀx)/(2ε)), is minimized over log α, r and log S with its
    analytic gradient and L-BFGS. Both samples are first centred and divided by powers of two;
    r starts at random target points and S at half the value for normal distributions,
    2 V₁/(ε + √(ε² + 4 V₀V₁)) per axis, V the variances. S stays above 1e-4 of it, since otherwise
    the loss has no minimum. Start, scaling and bound are ours.

    **Cost.** About 12(n + m)Kd operations an iteration; arrays of (n + m)K numbers.

    **Accuracy.** One component is a convex problem per axis with the solution above and
    r = m₁ − S m₀. With more the loss has many minima, and the answer depends on `rng`.

    **Backends.** See :doc:`/backends`; loss and gradient are computed where the samples are, the
    optimizer runs on the host, in double precision.

    References
    ----------
    Korotin, Gushchin, Burnaev, Light Schrödinger Bridge, arXiv 2310.01174.

    Examples
    --------
    A unit cloud and a narrow one around 3: the map contracts.

    >>> import numpy as np
    >>> from linalgx.transport import light_bridge
    >>> x = np.linspace(-1.0, 1.0, 21)[:, None]
    >>> bridge = light_bridge(x, 3.0 + 0.5 * x, epsilon=0.01, components=1, rtol=1e-6)
    >>> print(bridge.conditional_mean(np.asarray([[0.0], [1.0]])).round(3)[:, 0])
    [3.    3.487]
    """
    xp, x0, x1 = _admit(source, target, check_finite=check_finite)
    epsilon = admit_real(epsilon, "epsilon", ends="()")
    components = admit_integer(components, "components", 1)
    limit = MAXITER if maxiter is None else admit_integer(maxiter, "maxiter", 0)
    gtol = eps(x1, xp=xp) ** 0.25 if rtol is None else admit_real(rtol, "rtol")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    frame = _Frame.of(x0, x1, xp=xp)
    loss, start = _problem(frame, epsilon, components, rng)
    show = _observer(callback, frame, loss)
    if not loss(start)[0] < float("inf"):
        raise LinAlgError("the loss at the start is not finite: the samples hold NaN or overflow")
    found = minimize_smooth(loss, start, gtol=gtol, maxiter=limit, observe=show)
    result = _named(frame, loss, found.x, found.history, epsilon, (found.stopped, gtol, limit))
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the gradient {result.residual:.1e} is above {gtol:.1e} after {result.iterations} "
            f"iterations; a larger maxiter or rtol, or fewer components help",
            ConvergenceWarning,
        )
    return result


def _admit(source: Array, target: Array, *, check_finite: bool) -> tuple[Namespace, Array, Array]:
    """Admit two real samples of the same dimension."""
    named = {"source": source, "target": target}
    for name, x in named.items():
        xp, alone = as_matrix(x, name, check_finite=False)
        if is_complex(alone, xp=xp):
            raise TypeError(
                f"{name} has dtype {alone.dtype}; accepted are float32, float64, integer and bool"
            )
        if alone.ndim != 2:
            raise ValueError(f"{name} must be one matrix, shape (n, d), got {tuple(alone.shape)}")
        if 0 in alone.shape:
            raise ValueError(f"{name} must hold at least one point, got {tuple(alone.shape)}")
    xp, (x0, x1) = as_arrays(named, check_finite=check_finite)
    if x0.shape[1] != x1.shape[1]:
        raise ValueError(
            f"target must have {x0.shape[1]} columns like source, got shape {tuple(x1.shape)}"
        )
    return xp, x0, x1


@dataclass(slots=True)
class _Frame:
    """Centred samples at size one, and how to return from them."""

    x: Array
    y: Array
    origin: Array
    goal: Array
    exponents: tuple[int, int]
    xp: Namespace

    @classmethod
    def of(cls, x0: Array, x1: Array, *, xp: Namespace) -> "_Frame":
        """Centre each sample and divide it by a power of two."""
        (x, origin, e0), (y, goal, e1) = (_centred(x, xp=xp) for x in (x0, x1))
        return cls(x, y, origin, goal, (e0, e1), xp)

    def means(self, r: Array) -> Array:
        """Means at the origin in the units of the caller."""
        return times_power_of_two(r, self.exponents[1], xp=self.xp) + self.goal[None, :]


def _centred(x: Array, *, xp: Namespace) -> tuple[Array, Array, int]:
    """Return (x − mean)/2^e, the mean and e."""
    first = exponent_of(x, xp=xp)
    x = times_power_of_two(x, -first, xp=xp)
    mean = xp.mean(x, axis=0)
    x = x - mean[None, :]
    second = exponent_of(x, xp=xp)
    x = times_power_of_two(x, -second, xp=xp)
    return x, times_power_of_two(mean, first, xp=xp), first + second


def _problem(
    frame: _Frame, epsilon: float, components: int, rng: RNGLike
) -> tuple[BridgeLoss, Any]:
    """Return the loss and the start, as a vector on the host."""
    xp, x, y = frame.xp, frame.x, frame.y
    e = ldexp(epsilon, -sum(frame.exponents))
    v0, v1 = xp.mean(x * x, axis=0), xp.mean(y * y, axis=0)
    v1 = xp.maximum(v1, xp.full_like(v1, eps(y, xp=xp)))  # constant coordinates
    s = 2.0 * v1 / (e + xp.sqrt(e * e + 4.0 * v0 * v1))
    m = int(y.shape[0])
    where = xp.argsort(uniform((m,), as_generator(rng), like=y, xp=xp))
    turns = xp.arange(components, dtype=where.dtype, device=device_of(y)) % m
    r = xp.take(y, xp.take(where, turns), axis=0)
    theta = xp.zeros_like(r) + xp.log((NARROW - LEAST) * s)[None, :]
    width = xp.sqrt(e * NARROW * s)
    loss = BridgeLoss(x, y, LEAST * s, width, e, components, xp)
    return loss, loss.packed(Parameters(xp.zeros_like(r[:, 0]), r / width[None, :], theta))


def _observer(
    callback: Callback | None, frame: _Frame, loss: BridgeLoss
) -> Callable[[int, Any, float], bool]:
    """Make the observer see means in the units of the caller."""

    def show(k: int, vector: Any, size: float) -> bool:
        return notify(callback, k, frame.means(loss.mixture(loss.unpacked(vector))[0]), size)

    return show


def _named(
    frame: _Frame,
    loss: BridgeLoss,
    vector: Any,
    history: tuple[float, ...],
    epsilon: float,
    end: tuple[bool, float, int],
) -> BridgeResult:
    """Measure the answer and name it in the units of the caller."""
    xp, p = frame.xp, loss.unpacked(vector)
    value, slope = loss(vector)
    residual = float(abs(slope).max())
    stopped, gtol, limit = end
    if stopped:
        status = Status.STOPPED
    elif residual <= gtol:
        status = Status.CONVERGED
    else:
        status = Status.MAXITER if len(history) > limit else Status.STAGNATED
    r, s = loss.mixture(p)
    top, _ = softmax(p.log_alpha[None, :], xp=xp)
    e0, e1 = frame.exponents
    return BridgeResult(
        log_weights=p.log_alpha - top[0],
        means=frame.means(r),
        scales=times_power_of_two(s, e1 - e0, xp=xp),
        origin=frame.origin,
        epsilon=epsilon,
        loss=value,
        status=status,
        iterations=len(history) - 1,
        residual=residual,
        history=history,
    )
