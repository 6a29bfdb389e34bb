"""Sketch-and-project: solve a few random combinations of the equations at a time.

Legend: K z = r the system, S = sketch, W = Kᴴ S, z ← z + W (Wᴴ W)⁺ Sᴴ (r − K z).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx._core.scaling import exponent_of
from linalgx.backend import (
    adjoint,
    as_arrays,
    as_generator,
    as_matrix,
    device_of,
    eps,
    host_float,
    standard_normal,
    svd,
    times_power_of_two,
    uniform,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._stopping import Monitor, Stopping, times
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace, RNGLike

Draw = Callable[[int], tuple[Array, Array]]
"""Takes a number of steps, returns the sketched equations of all: rows Sᴴ K and Sᴴ r."""


def sketch_and_project(
    k: Array,
    r: Array,
    /,
    *,
    sketch: str = "gaussian",
    size: int | None = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    check_every: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve K z = r by projecting onto random combinations of its equations.

    For inexact Newton steps on saddle-point (KKT) systems, where a rough solution is enough and
    neither definiteness nor symmetry is there to be used. Each step can only bring z nearer to
    the solution.

    Parameters
    ----------
    k : array, shape (m, n)
        Any matrix with a consistent system; the error decreases in the row space of K.
    r : array, shape (m,)
        Right-hand side.
    sketch : str
        ``"gaussian"``: random combinations of all equations. ``"rows"``: equations drawn
        uniformly, the block Kaczmarz method. ``"weighted"``: drawn with probability
        ‖K_i‖²/‖K‖_F².
    size : int, optional
        Combinations s in each step; half of the equations when ``None``.
    x0 : array, shape (n,), optional
        Start; zero when ``None``.
    rtol, atol : float, optional
        Stop when ‖r − K z‖ ≤ max(rtol ‖r‖, atol). ``rtol=None`` stands for 1e-8, or 1e-5 in
        single precision. The accuracy schedule of an inexact Newton method goes here.
    maxiter : int, optional
        Most steps, 10 000 when ``None``.
    check_every : int, optional
        Steps between two looks at the residual, which costs a product with K; m/s when ``None``.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness.
    callback : callable, optional
        Receives an `IterationState` for each step; its residual is NaN where there was no look.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        ``x``, and in ``history`` one residual for each step, NaN where there was no look.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a `size` outside [1, m].

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    cg : For positive definite matrices.

    Notes
    -----
    **Method.** z is moved to the nearest point that fulfils Sᴴ K z = Sᴴ r, with a new S in each
    step. For ``"weighted"`` and s = 1 the expected squared error shrinks in each step at least
    by 1 − σ_min²/‖K‖_F², the randomized Kaczmarz method.

    **Cost.** A step takes O(n s²), and for Gaussian sketches a product of an s × m with an
    m × n matrix. Single equations cost O(n) each.

    **Accuracy.** The residual is computed from z. The number of steps grows with the square of
    ‖K‖_F/σ_min divided by s.

    **Backends.** See :doc:`/backends`; one synchronisation for each look at the residual.

    References
    ----------
    Hong, Na, Mahoney, Kolar, arXiv 2305.18379. Strohmer and Vershynin, A Randomized Kaczmarz
    Algorithm with Exponential Convergence, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> k = np.asarray([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [1.0, 1.0, 0.0]])
    >>> result = lx.relaxation.sketch_and_project(k, k @ np.ones(3), size=2, rng=0)
    >>> print(result.x.round(6), result.converged)
    [1. 1. 1.] True
    """
    named = {"k": k, "r": r} if x0 is None else {"k": k, "r": r, "x0": x0}
    xp, (k, r, *start) = as_arrays(named, check_finite=check_finite)
    size, every = _admit(k, r, start, size, check_every)
    stopping = Stopping.admit(rtol, atol, maxiter, "b", callback, check_every=every)
    kind, rng = choose(sketch, SKETCHES, "sketch"), as_generator(rng)
    z = start[0] if start else xp.zeros(k.shape[1], dtype=k.dtype, device=device_of(k))
    make = partial(kind, size=size, rng=rng, xp=xp)
    result = _run(k, r, z, make, size, stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the residual {result.residual:.3e} is above the tolerance after "
            f"{result.iterations} steps; a larger size or maxiter helps",
            ConvergenceWarning,
        )
    return result


@dataclass(frozen=True, slots=True)
class _Rows:
    """Draws equations, by their numbers; `limits` are cumulated weights, or nothing."""

    k: Array
    r: Array
    size: int
    rng: Any
    limits: Array | None
    xp: Namespace

    def __call__(self, steps: int) -> tuple[Array, Array]:
        xp, m = self.xp, self.k.shape[0]
        if self.limits is None and self.size == 1:
            share = uniform((steps,), self.rng, like=self.k, xp=xp)
            chosen = xp.clip(xp.astype(share * m, xp.int64), 0, m - 1)
        elif self.limits is None:
            order = xp.argsort(uniform((steps, m), self.rng, like=self.k, xp=xp), axis=-1)
            chosen = xp.reshape(order[:, : self.size], (-1,))
        else:
            share = uniform((steps * self.size,), self.rng, like=self.k, xp=xp)
            chosen = xp.searchsorted(self.limits, share * self.limits[-1], side="right")
            chosen = xp.clip(chosen, 0, m - 1)  # rounding may reach the last limit
        return xp.take(self.k, chosen, axis=0), xp.take(self.r, chosen, axis=0)


@dataclass(frozen=True, slots=True)
class _Mixtures:
    """Draws Gaussian combinations of all equations."""

    k: Array
    r: Array
    size: int
    rng: Any
    xp: Namespace

    def __call__(self, steps: int) -> tuple[Array, Array]:
        shape = (steps * self.size, self.k.shape[0])
        sh = standard_normal(shape, self.rng, like=self.k, xp=self.xp)
        return sh @ self.k, sh @ self.r


def _gaussian(k: Array, r: Array, *, size: int, rng: Any, xp: Namespace) -> Draw:
    return _Mixtures(k, r, size, rng, xp)


def _uniform_rows(k: Array, r: Array, *, size: int, rng: Any, xp: Namespace) -> Draw:
    return _Rows(k, r, size, rng, None, xp)


def _weighted_rows(k: Array, r: Array, *, size: int, rng: Any, xp: Namespace) -> Draw:
    return _Rows(k, r, size, rng, xp.cumulative_sum(_squares(k, xp=xp)), xp)


SKETCHES: dict[str, Callable[..., Draw]] = {
    "gaussian": _gaussian,
    "rows": _uniform_rows,
    "weighted": _weighted_rows,
}


def _squares(w: Array, *, xp: Namespace) -> Array:
    """Squared norms of the rows."""
    return xp.linalg.vector_norm(w, axis=-1) ** 2


def _admit(
    k: Array, r: Array, start: list[Array], size: int | None, every: int | None
) -> tuple[int, int]:
    """Check shapes; return the size of a sketch and the steps between two looks."""
    as_matrix(k, "k", check_finite=False)
    if k.ndim != 2:
        raise ValueError(f"k must be one matrix, shape (m, n), got shape {tuple(k.shape)}")
    m, n = k.shape
    for name, x, wanted in (("r", r, m), *(("x0", x, n) for x in start)):
        if tuple(x.shape) != (wanted,):
            raise ValueError(
                f"{name} must have shape ({wanted},) for k of shape {(m, n)}, got {tuple(x.shape)}"
            )
    size = max((m + 1) // 2, 1) if size is None else admit_integer(size, "size", 1)
    if size > max(m, 1):
        raise ValueError(f"size must lie in [1, {m}] for k of shape {(m, n)}, got {size}")
    every = -(-m // size) if every is None else admit_integer(every, "check_every", 1)
    return size, max(every, 1)


def _run(
    k: Array,
    r: Array,
    z: Array,
    make: Callable[[Array, Array], Draw],
    size: int,
    stopping: Stopping,
    *,
    xp: Namespace,
) -> SolveResult:
    """Scale, take steps until the monitor ends them, and name the answer.

    K and r are divided by 2^e and 2^f, so z is multiplied by 2^(e − f).
    """
    e, f = exponent_of(k, xp=xp), exponent_of(r[:, None], xp=xp)
    k, r = times_power_of_two(k, -e, xp=xp), times_power_of_two(r, -f, xp=xp)
    z = times_power_of_two(z, e - f, xp=xp)
    draw, every = make(k, r), stopping.check_every
    target = max(stopping.relative(r, xp=xp) * _norm(r, xp=xp), times(stopping.atol, -f))
    monitor = Monitor(stopping, [target], True, f, xp)
    status = monitor.begin([_norm(r - k @ z, xp=xp)], _shown(z, e, monitor, xp=xp))
    if status is None and not bool(xp.any(k != 0.0)):
        status = Status.STAGNATED  # nothing will ever move
    while status is None:
        turn = monitor.k % every
        if turn == 0:
            rows, right = draw(min(every, stopping.maxiter - monitor.k))
        part = slice(turn * size, (turn + 1) * size)
        z = _project(z, rows[part, :], right[part], xp=xp)
        norms = [_norm(r - k @ z, xp=xp)] if monitor.due else None
        status = monitor.step(norms, _shown(z, e, monitor, xp=xp))
    return SolveResult(
        x=times_power_of_two(z, f - e, xp=xp),
        status=status,
        iterations=monitor.k,
        residual=times(_norm(r - k @ z, xp=xp), f),
        history=tuple(monitor.history),
        matvecs=sum(norm == norm for norm in monitor.history) + 1,
        reason=status.name.lower(),
    )


def _shown(z: Array, e: int, monitor: Monitor, *, xp: Namespace) -> Array:
    """Return the iterate for the observer, as a block; the monitor undoes the rest."""
    return times_power_of_two(z, -e, xp=xp)[:, None] if monitor.observed else z[:, None]


def _project(z: Array, w: Array, t: Array, *, xp: Namespace) -> Array:
    """Move z to the nearest point with W z = t."""
    gap = t - w @ z
    if w.shape[0] == 1:
        square = xp.sum(_squares(w, xp=xp))
        square = xp.where(square > 0.0, square, xp.ones_like(square))  # then W = 0
        return z + adjoint(w, xp=xp) @ (gap / xp.astype(square, w.dtype))
    u, s, vh = svd(w, xp=xp)
    kept = s > max(w.shape) * eps(w, xp=xp) * s[:1]
    inverse = xp.where(kept, 1.0 / xp.where(kept, s, xp.ones_like(s)), xp.zeros_like(s))
    return z + adjoint(vh, xp=xp) @ (xp.astype(inverse, w.dtype) * (adjoint(u, xp=xp) @ gap))


def _norm(x: Array, *, xp: Namespace) -> float:
    return host_float(xp.linalg.vector_norm(x))
