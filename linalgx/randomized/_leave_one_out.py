"""Projections that leave one sample out: all of them from one basis.

Legend: Y = Q R the samples, n x k; Q_i the projector basis of Y without column i. The unit vector
s_i is orthogonal to all columns of R but the i-th, so that Q_i Q_iᴴ = Q (I − s_i s_iᴴ) Qᴴ; S has
the columns s_i, which are those of R⁻ᴴ, normalized.
"""

from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import device_of, eps, qr, solve_triangular
from linalgx.typing import Array, Namespace


def paired(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Return diag(XᴴY)."""
    return xp.linalg.vecdot(x, y, axis=-2)


def joined(old: Array, new: Array, *, xp: Namespace) -> Array:
    """Return samples so far, ``None`` before the first, and new ones."""
    return new if old is None else xp.concat((old, new), axis=-1)


def extended_basis(q: Array, r: Array, y: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return the new columns of Q, and Q and R of all samples, from those of the samples so far.

    `q` and `r` are ``None`` before the first. Householder transformations give orthonormal columns
    also where the new samples depend on the old ones. The old columns come out of them with other
    phases only, which the diagonal D of the leading block tells:
    [Q, Y] = [Q₁, Q₂] [[D, R₁₂], [0, R₂₂]] with Q = Q₁D.
    """
    if q is None:
        q, r = qr(y, xp=xp)
        return q, q, r
    k = q.shape[-1]
    both, factor = qr(xp.concat((q, y), axis=-1), xp=xp)
    new = both[:, k:]
    phases = xp.linalg.diagonal(factor[:k, :k])
    upper = xp.conj(phases)[:, None] if xp.isdtype(y.dtype, "complex floating") else phases[:, None]
    columns = xp.concat((upper * factor[:k, k:], factor[k:, k:]), axis=0)
    below = xp.zeros((new.shape[-1], k), dtype=y.dtype, device=device_of(y))
    r = xp.concat((xp.concat((r, below), axis=0), columns), axis=-1)
    return new, xp.concat((q, new), axis=-1), r


def left_out(r: Array, *, xp: Namespace) -> Array:
    """Return S of a triangular R.

    Diagonal entries at rounding level, which samples of a matrix of low rank have, are lifted to
    it: the inverse of a triangle of pure rounding errors may overflow.
    """
    floor = 4.0 * eps(r, xp=xp) * frobenius(r, xp=xp)
    floor = xp.where(floor > 0.0, floor, xp.ones_like(floor))
    d = xp.linalg.diagonal(r)
    lift = xp.where(xp.abs(d) < floor, xp.astype(floor, d.dtype) - d, xp.zeros_like(d))
    eye = identity_like(r, xp=xp)
    s = solve_triangular(r + eye * lift, eye, lower=False, adjoint=True, regular=True, xp=xp)
    length = xp.linalg.vector_norm(s, axis=0, keepdims=True)
    return s / xp.astype(length, s.dtype, copy=False)
