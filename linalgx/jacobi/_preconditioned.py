"""One matrix: two QR decompositions, then one-sided Jacobi on a triangular factor.

The first sorts rows and pivots columns, so that the rows of its triangular factor, scaled to unit
norm, are well conditioned however A is graded; the second makes the columns nearly orthogonal.
The right singular vectors need no accumulation: they solve a triangular system.

Legend: A sorted by rows, A P = Q₁ R, Rᴴ = Q₂ Lᴴ, L V = G = U_L Σ, W = L⁻¹ G (= V),
A = (Q₁ U_L) Σ (P Q₂ W)ᴴ.
"""

from typing import Any, NamedTuple

from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import (
    adjoint,
    device_of,
    eps,
    find_kernel,
    gram,
    host_float,
    qr,
    qr_pivoted,
    solve_triangular,
)
from linalgx.errors import LinAlgError
from linalgx.jacobi._columns import Columns, orthogonal_columns
from linalgx.jacobi._plan import Plan
from linalgx.jacobi._starts import refined, rotated
from linalgx.jacobi._tournament_columns import normalized, vanished
from linalgx.results import Status
from linalgx.typing import Array, Namespace

LARGE = 48
"""Order from which the start of `_starts` is faster than rotations alone."""


class Triangle(NamedTuple):
    """Q₁, the order P of the columns, Q₂, and L of the order of the rank."""

    q1: Array
    order: Array
    q2: Array
    lower: Array


def preconditioned(
    a: Array, plan: Plan, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None, Status]:
    """Return U, s and V, unsorted, of one tall or square matrix, and how the iteration ended."""
    rows = xp.argsort(xp.max(xp.abs(a), axis=1), descending=True)
    parts = _triangle(xp.take(a, rows, axis=0), xp=xp)
    lower = parts.lower
    columns, v = _turned(lower, plan, xp=xp)
    norms, u = normalized(columns.g, xp=xp)
    k, rank = a.shape[1], lower.shape[0]
    s = norms[0, :]
    if rank < k:
        s = xp.concat([s, xp.zeros(k - rank, dtype=s.dtype, device=device_of(s))])
    if not plan.vectors or v is None:
        return None, s, None, columns.status
    u = _widened(parts.q1, u, xp=xp)
    v = _widened(parts.q2, v, xp=xp)
    u = xp.take(u, xp.argsort(rows), axis=0)
    return u, s, xp.take(v, xp.argsort(parts.order), axis=0), columns.status


def at_once(
    a: Array, plan: Plan, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None] | None:
    """Return sorted factors of an ordinary matrix from the kernel, which knows no rotations."""
    n = a.shape[1]
    kernel: Any = find_kernel("jacobi_svd", xp)
    if kernel is None or n < LARGE or not plan.free:
        return None
    found: tuple[Array | None, Array, Array | None] | None
    found = kernel(a, plan.vectors, plan.tol(a[:n, :], xp=xp), eps(a, xp=xp))
    return found


def _triangle(a: Array, *, xp: Namespace) -> Triangle:
    """Factor A; L is of the order of the rank, as far as R tells it by zeros.

    What is too close to underflow counts as one.
    """
    q1, r, order = qr_pivoted(a, xp=xp)
    least = vanished(a, xp=xp)
    size = xp.max(xp.abs(r), axis=1)
    if not bool(xp.all(xp.isfinite(size))):
        raise LinAlgError("the QR decomposition met NaN or an infinity")
    rank = int(xp.count_nonzero(size > least))
    if rank == r.shape[0]:
        q2, r2 = qr(adjoint(r, xp=xp), xp=xp)
    else:
        q2, r2 = qr(adjoint(r[:rank, :], xp=xp), mode="complete", xp=xp)
    return Triangle(q1, order, q2, adjoint(r2[:rank, :], xp=xp))


def _widened(q: Array, x: Array, *, xp: Namespace) -> Array:
    """Return Q X, followed by the columns of Q that X knows nothing of."""
    rank = x.shape[0]
    y = q[:, :rank] @ x
    return y if rank == q.shape[1] else xp.concat([y, q[:, rank:]], axis=1)


def _turned(lower: Array, plan: Plan, *, xp: Namespace) -> tuple[Columns, Array | None]:
    """Return G and, with vectors, W."""
    tol = plan.tol(lower, xp=xp)
    start = _start(lower, tol, plan, xp=xp)
    if isinstance(start, Columns):
        columns = start
    else:
        columns = orthogonal_columns(start, accumulate=False, tol=tol, xp=xp, **plan.iteration)
    if not plan.vectors:
        return columns, None
    w = _solved(lower, columns.g, xp=xp)
    if w is not None:
        return columns, w
    columns = orthogonal_columns(lower, accumulate=True, tol=tol, xp=xp, **plan.silent)
    return columns, columns.v


def _start(lower: Array, tol: float, plan: Plan, *, xp: Namespace) -> Array | Columns:
    """Return orthogonal columns where that needs no rotations, else what to rotate."""
    if not plan.free or lower.shape[0] < LARGE:
        return lower
    g = rotated(lower, xp=xp)
    if g is None:
        return lower
    g, done = refined(g, tol, xp=xp)
    return Columns(g, None, tol, 1, Status.CONVERGED) if done else g


def _solved(lower: Array, g: Array, *, xp: Namespace) -> Array | None:
    """Return W = L⁻¹ G where it is unitary."""
    try:
        w = solve_triangular(lower, g, lower=True, xp=xp)
    except LinAlgError:
        return None
    e = gram(w, xp=xp) - identity_like(lower, xp=xp)
    n = lower.shape[0]
    # NaN is no isometry, either.
    return w if host_float(frobenius(e, xp=xp)) <= 4.0 * n * eps(lower, xp=xp) else None
