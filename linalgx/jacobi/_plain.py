"""Batches: QR decompositions of sorted matrices, then rotations of all triangles at once.

Legend: P₁ sorts the rows of A by size, P₂ its columns; P₁ A P₂ = Q R, Rᴴ V = G = U Σ,
A = (P₁ᵀ Q V) Σ (P₂ U)ᴴ.
"""

from linalgx.backend import adjoint, device_of, eps, qr, real_dtype, safe_min
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
    g, tol = adjoint(r, xp=xp), plan.tol(r, xp=xp)
    # Below, angles between the smallest and the largest columns would underflow.
    least = safe_min(a, xp=xp) / eps(a, xp=xp) ** 2
    g = xp.where(normalized(g, xp=xp)[0] > least, g, xp.zeros_like(g))
    columns = orthogonal_columns(g, accumulate=plan.vectors, tol=tol, xp=xp, **plan.iteration)
    norms, v = normalized(columns.g, xp=xp)
    s = norms[..., 0, :]
    if columns.v is None:
        return None, s, None, columns.status
    u = along_rows(q @ columns.v, xp.argsort(rows, axis=-1), xp=xp)
    return u, s, along_rows(v, xp.argsort(order, axis=-1), xp=xp), columns.status


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
    """Sort by singular values, and complete V to orthonormal columns where they are zero."""
    order = xp.argsort(s, axis=-1, descending=True)
    one = s.ndim == 1
    s = xp.take(s, order, axis=0) if one else xp.take_along_axis(s, order, axis=-1)
    if u is None or v is None:
        return None, s, None
    u, v = (xp.take(x, order, axis=1) if one else along_columns(x, order, xp=xp) for x in (u, v))
    nothing = xp.max(xp.abs(v), axis=-2, keepdims=True) == 0
    if bool(xp.any(nothing)):
        # Zero columns come last, and of Q the last columns are those that V lacks.
        q, _ = qr(v, xp=xp)
        v = xp.where(nothing, q, v)
    return u, s, v


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
