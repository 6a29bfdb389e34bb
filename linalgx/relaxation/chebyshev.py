"""Chebyshev's semi-iteration: the best polynomial for an interval, without inner products.

Legend: M⁻¹A with spectrum in [a, b], θ = (a + b)/2 and δ = (b − a)/2 its centre and radius,
σ = θ/δ, ϱ = T(σ)/T(σ) of degrees k − 1 and k, d the next change of x.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import acosh, cosh, exp, expm1, inf, isfinite, log, log1p, sqrt
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx.backend import device_of, is_complex
from linalgx.errors import LinAlgError
from linalgx.relaxation._interval import spectral_interval
from linalgx.relaxation._krylov import (
    Apply,
    Preconditioner,
    admit_preconditioner,
    starting_residual,
)
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping, times
from linalgx.relaxation._system import Ending, System, copied, settle_zeros
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.results import Status
from linalgx.typing import Array, Callback, MatrixLike

__all__ = ["chebyshev"]

NAMED = {"jacobi": True}
SMOOTHED = 0.1
"""Part of the spectrum, from its lower end, that a smoother leaves to others."""

MOST = 1.7e308
"""Target of a run that has none: the residual has to be a number."""

CYCLE = 20
"""Fewest steps after which the rate says something about the interval."""


def chebyshev(
    a: MatrixLike,
    b: Array,
    /,
    *,
    bounds: tuple[float, float] | None = None,
    steps: int | None = None,
    preconditioner: Preconditioner | str = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    criterion: str = "b",
    norm: str = "2",
    check_every: int = 1,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve A x = b, or smooth its error, by Chebyshev's semi-iteration.

    For Hermitian positive definite matrices on machines where inner products are expensive, and
    as a smoother, with `steps`. Where they are not, `cg` needs fewer iterations and no bounds.

    Parameters
    ----------
    a : array, sparse container, LinearOperator, LinearMap or PreparedMatrix, shape (..., n, n)
        Hermitian, which is not checked.
    b : array, shape (..., n) or (..., n, k)
        Right-hand sides.
    bounds : pair of float, optional
        Interval that holds the eigenvalues of M⁻¹A, M the preconditioner. The upper one must not
        be too small. ``None`` estimates both, and corrects the lower one on the way.
    steps : int, optional
        Take exactly that many steps and look at no residual. The default bounds are then
        [0.1 b, b], with b estimated, as for a smoother. Without an `rtol` of your own the result
        counts as converged.
    preconditioner : None, "jacobi", matrix, operator or callable
        M⁻¹, as in `cg`; ``"jacobi"`` is the diagonal of A, which operators do not know.
    x0 : array, optional
        Starting guess, of the shape of `b`; zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); ``rtol=None`` stands for 1e-8, or 1e-5 with
        32 bits.
    maxiter : int, optional
        Most iterations; 10 000 when ``None``.
    criterion : str
        ``"b"``, or ``"r0"`` for ‖b − A x₀‖ in the place of ‖b‖.
    norm : str
        ``"2"`` or ``"inf"``.
    check_every : int
        Iterations between two looks at the residual.
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        Its `residual` is computed from `x`.

    Raises
    ------
    ValueError
        Shapes do not fit, or not 0 < a < b.
    LinAlgError
        The diagonal is not positive, and ``"jacobi"`` wants it.
    TypeError
        ``"jacobi"`` with an operator; libraries differ.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met; the reason is ``"diverged"`` where the upper bound is too small.

    See Also
    --------
    cg : Finds the interval by itself, at the price of inner products.
    ridge_chebyshev : Many small dense problems in low precision.

    Notes
    -----
    **Method.** x ← x + d, r = b − A x, ϱ' = 1/(2σ − ϱ), d ← ϱ'ϱ d + (2ϱ'/δ) M⁻¹r, starting from
    d = M⁻¹r/θ and ϱ = 1/σ. Bounds: 10 Lanczos steps for two vectors, the upper Ritz value times
    1.1. If the residual falls more slowly than it should on the interval, the rate tells of an
    eigenvalue below, where the next cycle then begins; this is an adaptive procedure of ours.

    **Cost.** One product and one preconditioner an iteration, and a norm where it is looked at.
    Three blocks of the size of `b`.

    **Accuracy.** After k steps the error is at most 2((√κ − 1)/(√κ + 1))ᵏ times the first,
    κ = b/a. r is never carried along, so it is true to rounding.

    **Backends.** See :doc:`/backends`; one synchronisation every `check_every` iterations.

    References
    ----------
    .. [1] G. H. Golub and R. S. Varga, "Chebyshev semi-iterative methods, successive
       overrelaxation iterative methods, and second order Richardson iterative methods", Numer.
       Math. 3, 1961.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, b = lx.gallery.poisson2d(31), np.ones(31 * 31)
    >>> mu = np.cos(np.pi / 32)
    >>> result = lx.relaxation.chebyshev(a, b, bounds=(4 * (1 - mu), 4 * (1 + mu)))
    >>> result.converged, 150 < result.iterations < 220
    (True, True)
    """
    stopping = Stopping.admit(
        rtol, atol, maxiter, criterion, callback, norm=norm, check_every=check_every
    )
    if steps is not None:
        steps = admit_integer(steps, "steps", 0)
        stopping = replace(stopping, maxiter=steps)
    aimless = steps is not None and rtol is None and atol == 0.0
    ends = None if bounds is None else _admit_bounds(bounds)
    if isinstance(preconditioner, str):
        choose(preconditioner, NAMED, "preconditioner")

    def run(system: System, stopping: Stopping) -> SolveResult:
        settle_zeros(system)
        apply, smooth = _preconditioner(preconditioner, system)
        plan = _Plan(
            apply, smooth, _in_scale(ends, preconditioner, system), steps is not None, aimless
        )
        return honest(partial(_attempt, plan), system, stopping)

    return solve_system(run, a, b, x0, stopping, rows=False, check_finite=check_finite)


def _admit_bounds(bounds: Any) -> tuple[float, float]:
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise ValueError(f"bounds must be a pair of numbers, got {bounds!r}") from None
    low, high = admit_real(low, "bounds", ends="()"), admit_real(high, "bounds", ends="()")
    if not low <= high:
        raise ValueError(f"bounds must be increasing, got {(low, high)}")
    return low, high


def _in_scale(
    ends: tuple[float, float] | None, preconditioner: Any, system: System
) -> tuple[float, float] | None:
    """Bounds for the matrix as it was scaled; Jacobi's matrix does not depend on that."""
    shift = system.x_exponent - system.exponent
    if ends is None or not shift or isinstance(preconditioner, str):
        return ends
    return times(ends[0], shift), times(ends[1], shift)


def _preconditioner(preconditioner: Any, system: System) -> tuple[Apply, Array]:
    """How to apply M⁻¹, and M times ones, or something like it."""
    xp, b = system.xp, system.b
    ones = xp.ones((b.shape[0], 1), dtype=b.dtype, device=device_of(b))
    if not isinstance(preconditioner, str):
        return admit_preconditioner(preconditioner, system), ones
    if not isinstance(system.a, PreparedMatrix):
        raise TypeError(
            "preconditioner='jacobi' needs the diagonal of a, which operators do not know; "
            "give it as a function"
        )
    inverse = system.a.inverse_diagonal
    if not bool(xp.all((xp.real(inverse) if is_complex(inverse, xp=xp) else inverse) > 0)):
        raise LinAlgError(
            "a must have a positive diagonal for preconditioner='jacobi'; use preconditioner=None"
        )
    column = inverse[:, None]
    return (lambda r: column * r), ones / column


@dataclass(slots=True)
class _Plan:
    """How to run: the interval is found in the first attempt and kept for the others."""

    apply: Apply
    smooth: Array
    ends: tuple[float, float] | None
    fixed: bool
    aimless: bool
    adaptive: bool = False

    def interval(self, system: System) -> tuple[float, float]:
        if self.ends is None:
            low, high = spectral_interval(self.apply, self.smooth, system)
            self.adaptive = not self.fixed
            self.ends = (SMOOTHED * high if self.fixed and low > 0.0 else low, high)
        return self.ends


def _attempt(plan: _Plan, system: System, x: Array, monitor: Monitor) -> Ending:
    """Run from x, in cycles if the interval has to be learned."""
    r = starting_residual(system, x)
    x = copied(x, xp=system.xp)
    norms = monitor.stopping.norms(r, xp=system.xp)
    status = monitor.begin(norms, x)
    if plan.fixed and status is Status.CONVERGED and monitor.stopping.maxiter > 0:
        status = None  # nobody asked
    if plan.aimless:
        monitor.targets = [MOST] * len(norms)
    while status is None:
        low, high = plan.interval(system)
        if not 0.0 < low <= high < inf:
            return x, Status.BREAKDOWN, "indefinite" if isfinite(low) else "breakdown"
        cycle = _Cycle(low, high, norms)
        r, norms, status = _run(cycle, plan, system, x, r, monitor)
    return x, status, ""


class _Cycle:
    """The recurrence on an interval, and what its residuals say about it."""

    def __init__(self, low: float, high: float, norms: Sequence[float]) -> None:
        self.ends = low, high
        self.theta = 0.5 * (low + high)
        self.delta = max(0.5 * (high - low), 1e-12 * self.theta)
        self.sigma = self.theta / self.delta
        self.ratio = 1.0 / self.sigma
        self.first = self.best = max(norms, default=0.0)
        self.steps = self.idle = 0

    def next(self) -> tuple[float, float]:
        """Factors of d and of M⁻¹r."""
        before, self.ratio = self.ratio, 1.0 / (2.0 * self.sigma - self.ratio)
        return self.ratio * before, 2.0 * self.ratio / self.delta

    def stalls(self, norm: float) -> bool:
        """Whether the residual has not got smaller for long; the interval promises it would."""
        self.idle = 0 if norm < 0.99 * self.best else self.idle + 1
        self.best = min(self.best, norm)
        return self.idle > 50.0 + 10.0 / acosh(self.sigma)

    def below(self, norm: float) -> float | None:
        """Return the eigenvalue below the interval that would explain the rate, if any.

        On the interval ‖r‖ falls as 1/T(σ); the component of an eigenvalue λ < a as
        T((θ − λ)/δ)/T(σ).
        """
        if self.steps < CYCLE or not 0.0 < norm < self.first:
            return None
        reach = self.steps * acosh(self.sigma)
        promised = reach + log1p(exp(-2.0 * reach)) - log(2.0)  # ln T(σ)
        excess = promised + log(norm / self.first)  # ln T((θ − λ)/δ)
        if not excess > max(0.3 * promised, 0.1):
            return None
        arc = excess + log1p(sqrt(-expm1(-2.0 * excess)))  # acosh of the exponential
        low = self.theta - self.delta * cosh(arc / self.steps)
        return low if 0.0 < low < 0.9 * self.ends[0] else None


def _run(
    cycle: _Cycle, plan: _Plan, system: System, x: Array, r: Array, monitor: Monitor
) -> tuple[Array, list[float], Status | None]:
    """One cycle, in place in x; without a status the interval has been corrected."""
    stopping = monitor.stopping
    d = plan.apply(r) / cycle.theta
    while True:
        x += d
        cycle.steps += 1
        due, last = monitor.due and not plan.fixed, monitor.k + 1 >= stopping.maxiter
        if due or not last:
            r = system.residual(x)
        norms = stopping.norms(r, xp=system.xp) if due else None
        status = monitor.step(norms, x)
        if norms is not None and status is None:
            worst = max(norms, default=0.0)
            if cycle.stalls(worst):
                status = Status.STAGNATED
            elif plan.adaptive and (low := cycle.below(worst)) is not None:
                plan.ends = low, cycle.ends[1]
                return r, norms, None
        if status is not None:
            return r, norms or [], status
        old, new = cycle.next()
        d = old * d + new * plan.apply(r)
