"""Eigenvalues of positive definite matrices: Cholesky with pivoting, then one-sided Jacobi.

A = D H D with a unit diagonal of H gives L = D C whatever D is, with an error in C alone, and the
rotations from the right keep it so: eigenvalues come with an error of eps κ(H), not eps κ(A).

Legend: A = L Lᴴ, G = L V with orthogonal columns, G = U Σ; then A = U Σ² Uᴴ. L has the rows of A
and columns in the order of the pivots; d is the diagonal of what is left of A, f a column of L.
"""

from typing import Any

from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, device_of, eps, find_kernel, is_complex, qr
from linalgx.jacobi._columns import orthogonal_columns
from linalgx.jacobi._starts import refined, rotated
from linalgx.jacobi._tournament_columns import normalized
from linalgx.jacobi._two_sided import Diagonal, Task, real_diagonal
from linalgx.results import Status
from linalgx.typing import Array, Namespace

LARGE = 96
"""Order from which a start by a fast decomposition pays."""

MEDIUM = 32
"""The same for the kernel."""


def definite(a: Array, task: Task, *, xp: Namespace) -> Diagonal | None:
    """Diagonalize positive definite matrices; ``None`` when one of them is not definite."""
    flat, batch = flatten_batch(a, xp=xp)
    parts = pivoted_factor(flat, xp=xp)
    if parts is None:
        return None
    chol, order = parts
    tol = eps(chol, xp=xp) * max(chol.shape[-1], 1) ** 0.5
    free = task.maxiter is None and task.callback is None
    if free and not batch and chol.shape[-1] >= MEDIUM:
        g, done = _started(chol[0, ...], order[0, ...], tol, xp=xp)
        chol = g[None, ...]
        if done:
            return _named(chol, Status.CONVERGED, batch, xp=xp)
    columns = orthogonal_columns(
        unflatten_batch(chol, batch, xp=xp),
        accumulate=False,
        pivoting=task.pivoting,
        tol=tol,
        maxiter=task.maxiter,
        rng=task.rng,
        callback=task.callback,
        xp=xp,
    )
    g = flatten_batch(columns.g, xp=xp)[0]
    return _named(g, columns.status, batch, xp=xp)


def _started(chol: Array, order: Array, tol: float, *, xp: Namespace) -> tuple[Array, bool]:
    """Return L times a unitary matrix that makes its columns almost orthogonal, where it exists."""
    lower, back = xp.take(chol, order, axis=0), xp.argsort(order)
    kernel: Any = find_kernel("jacobi_start", xp)
    g = None if kernel is None else kernel(lower, tol, eps(lower, xp=xp))
    if g is not None:
        return xp.take(g, back, axis=0), True
    g = rotated(lower, xp=xp) if lower.shape[0] >= LARGE else None
    if g is None:
        return chol, False
    g, done = refined(g, tol, xp=xp)
    return xp.take(g, back, axis=0), done


def _named(g: Array, status: Status, batch: tuple[int, ...], *, xp: Namespace) -> Diagonal:
    """Read eigenvalues and eigenvectors off G; unitary ones also where G has not converged."""
    if status is Status.CONVERGED:
        norms, u = normalized(g, xp=xp)
        w = norms[..., 0, :] ** 2
    else:
        norms, _ = normalized(g, xp=xp)
        order = xp.argsort(norms, axis=-1, descending=True)
        g = xp.take_along_axis(g, xp.broadcast_to(order, g.shape), axis=-1)
        u, r = qr(g, xp=xp)
        w = xp.sum(xp.abs(r) ** 2, axis=-1)  # the diagonal of UᴴAU
    return Diagonal(xp.reshape(w, (*batch, w.shape[-1])), unflatten_batch(u, batch, xp=xp), status)


def pivoted_factor(a: Array, *, xp: Namespace) -> tuple[Array, Array] | None:
    """Return L and the pivots of each matrix of a batch ``(k, n, n)``; ``None``: not definite."""
    if 0 in a.shape:
        order = xp.zeros(a.shape[:-1], dtype=xp.int64, device=device_of(a))
        return xp.zeros_like(a), order
    # Below that a pivot is but rounding errors, and κ(H) so large that no digit could be kept.
    least = a.shape[-1] * eps(a, xp=xp)
    kernel: Any = find_kernel("pivoted_factor", xp)
    if kernel is None:
        return _by_columns(a, least, xp=xp)
    if not bool(xp.all(real_diagonal(a, xp=xp) > 0.0)):
        return None
    chol, order = xp.zeros_like(a), xp.zeros(a.shape[:-1], dtype=xp.int64, device=device_of(a))
    return (chol, order) if kernel(a, chol, order, least) else None


def _by_columns(a: Array, least: float, *, xp: Namespace) -> tuple[Array, Array] | None:
    """Subtract one column after the other from all matrices at once; one question at the end."""
    columns, pivots = [], []
    d = first = real_diagonal(a, xp=xp)
    eye = identity_like(a, xp=xp)
    eye = xp.real(eye) if is_complex(a, xp=xp) else eye
    used = xp.zeros_like(d)
    good = xp.all(d > 0.0)
    for _ in range(a.shape[-1]):
        p = xp.argmax(xp.where(used > 0.0, -xp.ones_like(d), d), axis=-1, keepdims=True)
        here = xp.take(eye, xp.reshape(p, (-1,)), axis=0)
        pivot = xp.take_along_axis(d, p, axis=-1)
        good = good & xp.all(pivot > least * xp.take_along_axis(first, p, axis=-1))
        root = xp.sqrt(xp.where(pivot > 0.0, pivot, xp.ones_like(pivot)))
        column = xp.broadcast_to(p[..., None, :], (*d.shape, 1))
        f = xp.take_along_axis(a, column, axis=-1)[..., 0] / xp.astype(root, a.dtype)
        f = xp.where(here > 0.0, xp.astype(root + xp.zeros_like(d), a.dtype), f)
        f = xp.where(used > 0.0, xp.zeros_like(f), f)
        columns.append(f)
        pivots.append(p[..., 0])
        used = used + here
        a = a - f[..., None] * adjoint(f[..., None], xp=xp)
        d = d - xp.abs(f) ** 2
    return (xp.stack(columns, axis=-1), xp.stack(pivots, axis=-1)) if bool(good) else None
