"""One-sided Jacobi: rotations from the right until all columns are orthogonal.

Legend: G = G₀ V with orthogonal columns, V unitary; the cosine of two columns is
|gₚᴴg_q|/(‖gₚ‖ ‖g_q‖), and zero where one of them is zero.
"""

from typing import Any, NamedTuple, Protocol

from linalgx._core.iterate import notify
from linalgx.backend import find_kernel
from linalgx.errors import LinAlgError
from linalgx.jacobi._pivoting import default_limit, iteration_pairs, pivot_generator
from linalgx.jacobi._tournament_columns import ArrayColumns, largest_cosine
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace, RNGLike

WHOLE = ("cyclic", "tournament", "permutation")
"""Rules whose iteration meets every pair."""

SLACK = 2.0
"""A pair that needs no rotation may seem to need one when its cosine is summed in another order."""


class Columns(NamedTuple):
    """Orthogonal columns, unsorted, the rotations if they were accumulated, and how it went.

    `cosine` is a bound where the iteration converged, and the largest one where it did not.
    """

    g: Array
    v: Array | None
    cosine: float
    iterations: int
    status: Status


class Turner(Protocol):
    """The columns, and what turns pairs of them."""

    @property
    def g(self) -> Array:
        """G V."""

    @property
    def v(self) -> Array | None:
        """V, if it is accumulated."""

    def turn(self, pairs: Array, tol: float) -> float:
        """Turn all pairs; return the largest cosine met."""


def orthogonal_columns(
    g: Array,
    *,
    accumulate: bool,
    pivoting: str,
    tol: float,
    maxiter: int | None,
    rng: RNGLike,
    callback: Callback | None,
    xp: Namespace,
) -> Columns:
    """Return G = G₀ V whose columns have cosines of at most `tol`, for each matrix of a batch.

    The largest component of each matrix is expected near one. The columns come in no particular
    order. `LinAlgError` for NaN.
    """
    kernel: Any = find_kernel("onesided_columns", xp)
    turner: Turner = kernel(g, accumulate) if kernel else ArrayColumns(g, accumulate, xp=xp)
    tol = float(tol)  # the referee takes no other scalars
    rule = ("cyclic" if kernel else "tournament") if pivoting == "auto" else pivoting
    n = g.shape[-1]
    limit = default_limit(rule, n) if maxiter is None else maxiter
    if 0 in g.shape or n == 1:
        largest_cosine(g, xp=xp)
        stopped = notify(callback, 0, g, 0.0)
        return Columns(turner.g, turner.v, 0.0, 0, Status.STOPPED if stopped else Status.CONVERGED)
    if callback is not None and notify(callback, 0, turner.g, largest_cosine(turner.g, xp=xp)):
        k, status = 0, Status.STOPPED
    else:
        run = _sweeps if rule in WHOLE else _draws
        k, status = run(turner, rule, n, tol, limit, rng, callback, xp=xp)
    g = turner.g
    cosine = SLACK * tol if status is Status.CONVERGED else largest_cosine(g, xp=xp)
    return Columns(g, turner.v, cosine, k, status)


def _sweeps(
    turner: Turner,
    rule: str,
    n: int,
    tol: float,
    limit: int,
    rng: RNGLike,
    callback: Callback | None,
    *,
    xp: Namespace,
) -> tuple[int, Status]:
    """Sweep until a sweep meets no pair to turn."""
    generator = pivot_generator(rng) if rule == "permutation" else None
    for k in range(1, limit + 1):
        seen = _finite(turner.turn(iteration_pairs(rule, n, generator), tol))
        if _shown(turner, k, callback, xp=xp):
            return k, Status.STOPPED
        if seen <= tol:
            return k, Status.CONVERGED
    done = largest_cosine(turner.g, xp=xp) <= SLACK * tol
    return limit, Status.CONVERGED if done else Status.MAXITER


def _draws(
    turner: Turner,
    rule: str,
    n: int,
    tol: float,
    limit: int,
    rng: RNGLike,
    callback: Callback | None,
    *,
    xp: Namespace,
) -> tuple[int, Status]:
    """Draw pairs; look at all cosines once in the work of a sweep."""
    generator = pivot_generator(rng)
    period = n * (n - 1) // 2 if rule == "uniform" else max(n - 1, 1)
    for k in range(1, limit + 1):
        _finite(turner.turn(iteration_pairs(rule, n, generator), tol))
        if _shown(turner, k, callback, xp=xp):
            return k, Status.STOPPED
        if (k % period == 0 or k == limit) and largest_cosine(turner.g, xp=xp) <= SLACK * tol:
            return k, Status.CONVERGED
    return limit, Status.MAXITER


def _shown(turner: Turner, k: int, callback: Callback | None, *, xp: Namespace) -> bool:
    """Show G to the observer; true when it asks to stop."""
    if callback is None:
        return False
    return notify(callback, k, turner.g, largest_cosine(turner.g, xp=xp))


def _finite(cosine: float) -> float:
    if not cosine < float("inf"):
        raise LinAlgError("the Jacobi rotations met NaN or an infinity")
    return cosine
