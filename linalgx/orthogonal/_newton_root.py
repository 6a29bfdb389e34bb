"""Roots by matrix products alone: coupled Newton and coupled Newton-Schulz iterations.

Legend: A Hermitian at unit scale, X → A^(−1/p), M = A Xᵖ → I, E = I − M. All iterates are
polynomials in A: they commute and are Hermitian, up to rounding. |M − I| steers, and says nothing
about the accuracy of X, because M drifts away from A Xᵖ by rounding.
"""

from collections.abc import Callable
from math import ceil, log
from typing import NamedTuple

from linalgx._core.batching import where_matrix
from linalgx._core.hermitian import hermitian_power, rounding
from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import eps, hermitian, hermitian_square, is_complex, to_host
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace

State = tuple[Array, ...]
"""Iterate first, the matrix that tends to the identity last."""

RISE = 1.2
"""Growth of |M − I| in one step from which on rounding errors rule."""


class Run(NamedTuple):
    """How an iteration went; the status is that of the steering quantity only."""

    x: Array
    status: Status
    iterations: int
    history: tuple[float, ...]


def newton_inverse_root(
    a: Array,
    p: int,
    *,
    order: int = 3,
    maxiter: int | None,
    callback: Callback | None,
    xp: Namespace,
) -> Run:
    """Return A^(−1/p) by the coupled Newton iteration of order 2 or 3.

    T = Σ_{i<order} bᵢ Eⁱ, the series of (I − E)^(−1/p); X ← X T, M ← Tᵖ M. Order 3 costs half a
    product more and saves a quarter of the steps; its first step is one of order 2.
    """
    eye = identity_like(a, xp=xp)
    b1, b2 = 1.0 / p, (1.0 + p) / (2.0 * p * p)
    size = frobenius(a, xp=xp, keepdims=True) if order == 2 else _trace(a, xp=xp)
    z = (0.5 * (p + 1) if order == 2 else 1.0) / xp.where(size > 0.0, size, xp.ones_like(size))
    x, m = xp.astype(z ** (1.0 / p), a.dtype) * eye, xp.astype(z, a.dtype) * a

    def step(k: int, state: State) -> State:
        x, m = state
        e = eye - m
        t = eye + b1 * e
        if order == 3 and k > 1:
            t = t + b2 * hermitian_square(e, xp=xp)
        m = hermitian_power(t, p, xp=xp) @ m
        return hermitian(x @ t, xp=xp), hermitian(m, xp=xp)

    growth = (1.0 + b1 + (b2 if order == 3 else 0.0)) ** p
    most = _steps(growth, a, xp=xp) + 10
    return _iterate(step, (x, m), most=most, maxiter=maxiter, callback=callback, xp=xp)


def newton_sqrt(a: Array, *, maxiter: int | None, callback: Callback | None, xp: Namespace) -> Run:
    """Return A^(1/2) by the coupled Newton-Schulz iteration.

    Y = A/‖A‖_F, Z = I; T = (3I − M)/2, M = Z Y; Y ← Y T → A^(1/2), Z ← T Z → A^(−1/2).
    Neither the order of the factors nor the lack of symmetry may be changed: with Hermitian parts
    taken in each step rounding errors grow, and at a condition number of 1e6 nothing is left.
    """
    size = frobenius(a, xp=xp, keepdims=True)
    size = xp.where(size > 0.0, size, xp.ones_like(size))
    eye = identity_like(a, xp=xp)
    y = a / xp.astype(size, a.dtype)

    def step(k: int, state: State) -> State:
        y, z, m = state
        t = 1.5 * eye - 0.5 * m
        y, z = y @ t, t @ z
        return y, z, z @ y

    start, most = (y, xp.zeros_like(y) + eye, y), _steps(2.25, a, xp=xp) + 20
    run = _iterate(step, start, most=most, maxiter=maxiter, callback=callback, xp=xp)
    return run._replace(x=hermitian(run.x * xp.astype(size**0.5, a.dtype), xp=xp))


def _iterate(
    step: Callable[[int, State], State],
    state: State,
    *,
    most: int,
    maxiter: int | None,
    callback: Callback | None,
    xp: Namespace,
) -> Run:
    """Step until |M − I| is at rounding level or rises, for each matrix of a batch on its own.

    More than `most` steps are of no use and would let null directions grow without bound.
    """
    limit = most if maxiter is None else min(most, maxiter)
    tolerance = rounding(state[0], xp=xp)
    error = _deviation(state[-1], xp=xp)
    active = error > tolerance
    history, working = _read(error, active, xp=xp)
    if notify(callback, 0, state[0], history[0]):
        return Run(state[0], Status.STOPPED, 0, history)
    for k in range(1, limit + 1):
        if not working:
            return Run(state[0], Status.CONVERGED, k - 1, history)
        new = step(k, state)
        new_error = _deviation(new[-1], xp=xp)
        good = active & (new_error <= RISE * error)  # NaN is not good
        state = tuple(where_matrix(good, n, o, xp=xp) for n, o in zip(new, state, strict=True))
        error = xp.where(good, new_error, error)
        active = good & (error > tolerance)
        values, working = _read(error, active, xp=xp)
        history += values
        if notify(callback, k, state[0], history[-1]):
            return Run(state[0], Status.STOPPED, k, history)
    unfinished = Status.MAXITER if limit < most else Status.STAGNATED
    return Run(state[0], unfinished if working else Status.CONVERGED, limit, history)


def _steps(growth: float, a: Array, *, xp: Namespace) -> int:
    """Count the steps in which the smallest eigenvalue of M grows from eps to one."""
    return ceil(-log(eps(a, xp=xp)) / log(growth))


def _deviation(m: Array, *, xp: Namespace) -> Array:
    """Return max|M − I| per matrix."""
    size = xp.abs(m - identity_like(m, xp=xp))
    return xp.max(size, axis=(-2, -1)) if m.shape[-1] else xp.sum(size, axis=(-2, -1))


def _read(error: Array, active: Array, *, xp: Namespace) -> tuple[tuple[float, ...], bool]:
    """Worst deviation and whether any matrix still works, in one synchronisation."""
    if 0 in error.shape:
        return (0.0,), False
    running = xp.astype(xp.any(active), error.dtype)
    worst, working = to_host(xp.stack([xp.max(error), running]))
    return (float(worst),), bool(working)


def _trace(a: Array, *, xp: Namespace) -> Array:
    """Trace per matrix, of shape (..., 1, 1); real for a Hermitian matrix."""
    trace = xp.linalg.trace(a)[..., None, None]
    return xp.real(trace) if is_complex(a, xp=xp) else trace
