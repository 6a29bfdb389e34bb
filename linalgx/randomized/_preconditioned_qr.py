"""Pivoted QR of a tall matrix, preconditioned by the pivoted QR of a sketch.

Legend: A m x n; S a sparse sketch, d x m; S A P = Q_s R_s; k the numerical rank of R_s; B the first
k columns of A P times the inverse of the leading block of R_s, well conditioned; B = Q₁ R_b;
E = (I − Q₁Q₁ᴴ) times the other columns, of the size of rounding errors.
"""

from math import ceil
from typing import Any

from linalgx._core.orthonormal import cholesky_pass, cholesky_qr, orthonormal
from linalgx.backend import (
    adjoint,
    eps,
    gram,
    is_complex,
    qr,
    qr_pivoted,
    safe_min,
    solve_triangular,
    standard_normal,
    svdvals,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.randomized._sketches import sketch_map
from linalgx.typing import Array, Namespace

Factors = tuple[Array, Array, Array]

WORST = 30.0
"""Condition number of B up to which one pass, with an error of its square, is enough."""


def cqrrpt(a: Array, rng: Any, *, xp: Namespace) -> Factors:
    """Return Q, R and the order of the columns of one tall matrix at unit scale."""
    n = a.shape[1]
    basis, small, p = qr_pivoted(_sketched(a, rng, xp=xp), xp=xp)
    _, small = positive_diagonal(basis, small, xp=xp)
    rank = numerical_rank(small, xp=xp)
    if rank == 0:
        return qr_pivoted(a, xp=xp)
    ordered = xp.take(a, p, axis=1)
    q, r = _preconditioned(ordered[:, :rank], small[:rank, :rank], xp=xp)
    if rank == n:
        return q, r, p
    return _completed(q, r, ordered[:, rank:], p, rng, xp=xp)


def numerical_rank(r: Array, *, xp: Namespace) -> int:
    """Return how many diagonal entries of a pivoted triangular factor are above rounding."""
    sizes = to_host(xp.abs(xp.linalg.diagonal(r)))
    limit = _limit(r, xp=xp) * float(sizes[0])
    above = [bool(size > 0.0) and bool(size >= limit) for size in sizes]
    return above.index(False) if False in above else len(above)


def cholesky_or_sketch(a: Array, rng: Any, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of one tall matrix, without pivoting."""
    try:
        return cholesky_qr(a, gram(a, xp=xp), xp=xp)
    except LinAlgError:
        small = positive_diagonal(*qr(_sketched(a, rng, xp=xp), xp=xp), xp=xp)[1]
    sizes = xp.abs(xp.linalg.diagonal(small))
    if not bool(xp.min(sizes) > _limit(a, xp=xp) * xp.max(sizes)):  # zeros and NaN, too
        return qr(a, xp=xp)
    return _preconditioned(a, small, xp=xp)


def _sketched(a: Array, rng: Any, *, xp: Namespace) -> Array:
    """Return S A."""
    m, n = a.shape
    rows = max(ceil(1.5 * n), n + 8)
    return sketch_map("sparse_sign", rows, m, rng, like=a, xp=xp, zeta=4) @ a


def _limit(a: Array, *, xp: Namespace) -> float:
    """Relative size of the diagonal entries of R_s that are taken for rounding errors."""
    return 2.0 * float(eps(a, xp=xp) ** 0.95)


def _preconditioned(a: Array, small: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of a matrix of full rank, from the factor of its sketch."""
    b = solve_triangular(small, adjoint(a, xp=xp), lower=False, adjoint=True, xp=xp)
    q, r = _well_conditioned(adjoint(b, xp=xp), xp=xp)
    return q, r @ small


def _well_conditioned(b: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R by one pass of Cholesky QR, or by what is safe if `b` is not as expected."""
    try:
        q, r = cholesky_pass(b, xp=xp)
    except LinAlgError:
        return orthonormal(b, xp=xp)
    s = svdvals(r, xp=xp)
    return (q, r) if bool(s[0] <= WORST * s[-1]) else orthonormal(b, xp=xp)


def _completed(q: Array, r: Array, rest: Array, p: Array, rng: Any, *, xp: Namespace) -> Factors:
    """Return the factors of all columns from those of the first ones.

    Columns are brought to equal size, so that the factors of small ones are accurate, too.
    """
    rank, n = r.shape[0], p.shape[0]
    qh = adjoint(q, xp=xp)
    size = xp.max(xp.abs(rest), axis=0, keepdims=True)
    size = xp.where(size >= safe_min(rest, xp=xp), size, xp.ones_like(size))
    size = xp.astype(size, rest.dtype)
    rest = rest / size
    beside = qh @ rest
    e = rest - q @ beside
    again = qh @ e
    beside, e = (beside + again) * size, e - q @ again
    # Where E is zero, random directions below the rounding errors complete the basis.
    random = standard_normal(e.shape, rng, like=e, xp=xp)
    random = random - q @ (qh @ random)
    basis, _ = qr(e + eps(e, xp=xp) * e.shape[0] ** -0.5 * random, xp=xp)
    basis, _ = qr(basis - q @ (qh @ basis), xp=xp)
    turn, corner, order = qr_pivoted((adjoint(basis, xp=xp) @ e) * size, xp=xp)
    basis = basis @ turn
    zeros = xp.zeros_like(adjoint(beside, xp=xp))
    upper = xp.concat([r, xp.take(beside, order, axis=1)], axis=1)
    r = xp.concat([upper, xp.concat([zeros, corner], axis=1)], axis=0)
    p = xp.concat([p[:rank], xp.take(p[rank:n], order)])
    return xp.concat([q, basis], axis=1), r, p


def positive_diagonal(q: Array, r: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Make the diagonal of R real and not negative; Q R, at unit scale, stays what it is."""
    diagonal = xp.linalg.diagonal(r) / eps(r, xp=xp)  # the least numbers have no inverse
    size = xp.abs(diagonal)
    one, none = xp.ones_like(diagonal), size == 0.0
    phase = xp.where(none, one, diagonal / xp.astype(xp.where(none, one, size), r.dtype))
    if bool(xp.all(phase == 1.0)):
        return q, r
    back = xp.conj(phase) if is_complex(r, xp=xp) else phase
    return q * phase[..., None, :], back[..., :, None] * r
