"""Rotations of a whole batch at once: of triangles, or of the matrices as they are.

Legend: G = A V = U Σ; or P₁ sorts the rows of A by size, P₂ its columns, P₁ A P₂ = Q R,
Rᴴ V = G = U Σ, A = (P₁ᵀ Q V) Σ (P₂ U)ᴴ.
"""

from linalgx.backend import adjoint, device_of, qr, real_dtype
from linalgx.jacobi._columns import orthogonal_columns
from linalgx.jacobi._plan import Plan
from linalgx.jacobi._tournament_columns import normalized
from linalgx.results import Status
from linalgx.typing import Array, Namespace


def plain(
    a: Array, plan: Plan, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None, Status]:
    """Return U, s and V, unsorted, of tall or square matrices; columns of V may be zero."""
    rows = xp.argsort(xp.max(xp.abs(a), axis=-1), axis=-1, descending=True)
    norms, _ = normalized(a, xp=xp)
    order = xp.argsort(norms[..., 0, :], axis=-1, descending=True)
    q, r = qr(along_rows(along_columns(a, order, xp=xp), rows, xp=xp), xp=xp)
    v, s, x, status = rotated(adjoint(r, xp=xp), plan, xp=xp)
    if x is None or v is None:
        return None, s, None, status
    u = along_rows(q @ x, xp.argsort(rows, axis=-1), xp=xp)
    return u, s, along_rows(v, xp.argsort(order, axis=-1), xp=xp), status


def rotated(
    a: Array, plan: Plan, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None, Status]:
    """Return U, s and V, unsorted, by nothing but rotations of A; columns of U may be zero."""
    tol = plan.tol(a, xp=xp)
    columns = orthogonal_columns(a, accumulate=plan.vectors, tol=tol, xp=xp, **plan.iteration)
    norms, u = normalized(columns.g, xp=xp)
    return (u if plan.vectors else None), norms[..., 0, :], columns.v, columns.status


def along_columns(a: Array, order: Array, *, xp: Namespace) -> Array:
    """Permute the columns of each matrix."""
    index = xp.broadcast_to(order[..., None, :], a.shape)
    return xp.take_along_axis(a, index, axis=-1)


def along_rows(a: Array, order: Array, *, xp: Namespace) -> Array:
    """Permute the rows of each matrix."""
    index = xp.broadcast_to(order[..., :, None], a.shape)
    return xp.take_along_axis(a, index, axis=-2)


def descending(
    u: Array | None, s: Array, v: Array | None, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None]:
    """Sort by singular values, and complete U and V to orthonormal columns."""
    key = s
    if u is not None and v is not None:
        # Zero vectors come after those that are known although their singular value is zero.
        lost = xp.minimum(*(xp.max(xp.abs(x), axis=-2) for x in (u, v))) == 0
        key = xp.where(lost, -xp.ones_like(s), s)
    order = xp.argsort(key, axis=-1, descending=True)
    one = s.ndim == 1
    s = xp.take(s, order, axis=0) if one else xp.take_along_axis(s, order, axis=-1)
    if u is None or v is None:
        return None, s, None
    u, v = (xp.take(x, order, axis=1) if one else along_columns(x, order, xp=xp) for x in (u, v))
    return _completed(u, xp=xp), s, _completed(v, xp=xp)


def _completed(x: Array, *, xp: Namespace) -> Array:
    """Replace zero columns, which come last, such that all are orthonormal if the others are."""
    nothing = xp.max(xp.abs(x), axis=-2, keepdims=True) == 0
    if not bool(xp.any(nothing)):
        return x
    # Of Q the last columns are those that X lacks.
    return xp.where(nothing, qr(x, xp=xp)[0], x)


def blank(
    a: Array, k: int, vectors: bool, *, xp: Namespace
) -> tuple[Array | None, Array, Array | None]:
    """Return U, s and V of matrices without entries."""
    *lead, m, n = a.shape
    s = xp.zeros((*lead, k), dtype=real_dtype(a, xp=xp), device=device_of(a))
    if not vectors:
        return None, s, None
    u, v = (xp.zeros((*lead, rows, k), dtype=a.dtype, device=device_of(a)) for rows in (m, n))
    return u, s, v
