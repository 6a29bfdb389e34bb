"""Halpern's iteration: fixed points of nonexpansive maps, and evidence that there are none.

Legend: T the map, z_k the iterates, v = infimal displacement vector, the shortest element of the
closure of {T z − z}; it is zero when T has a fixed point, and nonzero proves that it has none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt

from linalgx._core.admit import admit_real
from linalgx.backend import as_vector, eps, host_float
from linalgx.errors import ConvergenceWarning, warn
from linalgx.relaxation._scalars import fetch, inner
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.results import Result, Status
from linalgx.typing import Array, Callback, Namespace

SETTLED = 1e-3
"""Relative change of the displacement over a doubling of k below which it counts as settled."""

EARLIEST = 256
"""First k at which infeasibility may be reported."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HalpernResult(Result):
    """A fixed point, or the displacement that says that there is none.

    Attributes
    ----------
    x : Array
        The last iterate.
    displacement : Array
        T x − x, the estimate of v from one step.
    drift : Array
        2 (x − z₀)/k, the estimate of v from all steps; both tend to v as 1/k.
    infeasible : bool
        Whether the displacement has settled at a nonzero vector.
    excluded : float
        (k + 1) ‖T x − x‖/2: a nonexpansive T has no fixed point nearer to z₀ than this.
    status, converged, iterations : Status, bool, int
        How it ended; ``STAGNATED`` for an infeasible problem.
    residual : float
        ‖T x − x‖, computed from `x` at the end.
    history : tuple of float
        ‖T z_k − z_k‖ for each iteration, ``k = 0`` first.
    """

    x: Array
    displacement: Array
    drift: Array
    infeasible: bool
    excluded: float


def halpern(
    operator: Callable[[Array], Array],
    z0: Array,
    /,
    *,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    detect: float = SETTLED,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> HalpernResult:
    """Find a fixed point of a nonexpansive map, or report that there is none.

    Splitting methods for convex problems are such maps, and an infeasible problem is one without
    a fixed point. Where a plain iteration runs away, this one measures how far the problem is
    from being feasible.

    Parameters
    ----------
    operator : callable
        The map T, with ‖T x − T y‖ ≤ ‖x − y‖: takes an array of the shape of `z0`, leaves it as it
        is and returns another.
    z0 : array, shape (..., n)
        Start, and anchor of the iteration.
    rtol, atol : float, optional
        Stop when ‖T z − z‖ ≤ max(rtol ‖T z₀ − z₀‖, atol, 4 eps ‖z₀‖). ``rtol=None`` stands for
        1e-8, or 1e-5 in single precision; as ‖T z − z‖ falls like 1/k in the worst case, larger
        values are usual.
    maxiter : int, optional
        Most applications of T, 10 000 when ``None``.
    detect : float
        Relative change of the displacement over a doubling of k that counts as settled; zero
        never reports infeasibility.
    callback : callable, optional
        Receives an `IterationState` for each iteration.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    HalpernResult
        ``x``, ``displacement``, ``drift``, ``infeasible``, ``excluded``.

    Raises
    ------
    ValueError
        T returns another shape.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met: no fixed point, or too few iterations.

    See Also
    --------
    pdhg : One of the maps that this may be applied to.

    Notes
    -----
    **Method.** z_{k+1} = z₀/(k + 2) + (k + 1)/(k + 2) T z_k. Two estimates tend to v:
    T z_k − z_k, and 2 (z_k − z₀)/k. Infeasible means here that at k = 256, 512, 1024, ... the
    first is above the tolerance, has changed by less than `detect` of itself since k/2, and
    agrees with the second to 100·`detect`. That test is our construction, and evidence only: a
    fixed point beyond ``excluded`` is never ruled out.

    **Cost.** One application of T an iteration; six arrays of the size of `z0`.

    **Accuracy.** ‖T z_k − z_k‖ ≤ 2 ‖z₀ − z*‖/(k + 1) when a fixed point z* exists; without one
    both estimates of v err by a multiple of 1/k.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration.

    References
    ----------
    Park and Ryu, arXiv 2303.15876. Halpern, Fixed Points of Nonexpanding Maps, 1967.

    Examples
    --------
    The lines y = 0 and y = 2 do not meet, and Douglas-Rachford splitting says how far apart they
    are:

    >>> import warnings
    >>> import numpy as np
    >>> import linalgx as lx
    >>> def step(z):
    ...     p = z * np.asarray([1.0, 0.0])
    ...     q = (2 * p - z) * np.asarray([1.0, 0.0]) + np.asarray([0.0, 2.0])
    ...     return z + q - p
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", lx.ConvergenceWarning)
    ...     result = lx.relaxation.halpern(step, np.zeros(2))
    >>> print(result.infeasible, result.displacement.round(6), round(result.excluded))
    True [0. 2.] 257
    """
    xp, z0 = as_vector(z0, "z0", check_finite=check_finite)
    detect = admit_real(detect, "detect", 0.0, 1.0)
    if not callable(operator):
        raise TypeError(f"operator must be callable, got {operator!r}")
    stopping = Stopping.admit(rtol, atol, maxiter, "b", callback)
    result = _run(operator, z0, detect, stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        what = "no fixed point: the displacement settled at" if result.infeasible else "it is still"
        warn(
            f"‖T z − z‖ did not reach the tolerance in {result.iterations} iterations; {what} "
            f"{result.residual:.3e}",
            ConvergenceWarning,
        )
    return result


def _run(
    operator: Callable[[Array], Array],
    z0: Array,
    detect: float,
    stopping: Stopping,
    *,
    xp: Namespace,
) -> HalpernResult:
    """Iterate until the monitor or the displacement ends it; T is applied once an iteration."""
    z, image = z0, _apply(operator, z0, xp=xp)
    earlier, infeasible = image - z0, False
    size, _, _ = _sizes(image - z, z, z0, earlier, 1, xp=xp)
    rounding = 4.0 * eps(z0, xp=xp) * host_float(xp.linalg.vector_norm(z0))
    target = max(stopping.relative(z0, xp=xp) * size, stopping.atol, rounding)
    monitor = Monitor(stopping, [target], False, 0, xp)
    status = monitor.begin([size], z)
    while status is None:
        k = monitor.k
        z = z0 / (k + 2.0) + image * ((k + 1.0) / (k + 2.0))
        image = _apply(operator, z, xp=xp)
        k += 1
        v = image - z
        size, change, apart = _sizes(v, z, z0, earlier, k, xp=xp)
        status = monitor.step([size], z)
        if k & (k - 1) == 0:  # a power of two
            settled = change < detect * size and apart < 100.0 * detect * size
            earlier = v
            if status is None and k >= EARLIEST and settled:
                status, infeasible = Status.STAGNATED, True
    k = monitor.k
    return HalpernResult(
        x=z,
        displacement=image - z,
        drift=2.0 * (z - z0) / max(k, 1),
        infeasible=infeasible,
        excluded=0.5 * (k + 1) * size,
        status=status,
        iterations=k,
        residual=size,
        history=tuple(monitor.history),
    )


def _apply(operator: Callable[[Array], Array], z: Array, *, xp: Namespace) -> Array:
    """Apply T, and say so when it returns something of another shape."""
    image = operator(z)
    if tuple(getattr(image, "shape", ())) != tuple(z.shape):
        raise ValueError(
            f"operator must return an array of the shape {tuple(z.shape)} of z0, "
            f"got {tuple(getattr(image, 'shape', ()))}"
        )
    return image


def _sizes(
    v: Array, z: Array, z0: Array, earlier: Array, k: int, *, xp: Namespace
) -> tuple[float, float, float]:
    """Return ‖v‖, its change since `earlier`, and its distance from the drift, in one transfer."""
    flat = [xp.reshape(u, (-1,)) for u in (v, v - earlier, v - 2.0 * (z - z0) / k)]
    if flat[0].shape[0] == 0:
        return 0.0, 0.0, 0.0
    size, change, apart = (
        sqrt(x) if x >= 0.0 else nan for x in fetch([inner(u, u, xp=xp) for u in flat], xp=xp)
    )
    return size, change, apart
