"""Eigenvalues of largest modulus from a block Krylov space.

Legend: A = Aᴴ, n x n; Q n x l, orthonormal basis of the space; W = A Q; H = QᴴW; Z l x k,
eigenvectors of H, w its eigenvalues by decreasing modulus; V = Q Z; b = columns of a block.
"""

from typing import Any, NamedTuple

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx.backend import (
    adjoint,
    device_of,
    eigh,
    eps,
    hermitian,
    host_float,
    standard_normal,
    to_host,
)
from linalgx.randomized._blocks import Columns, completed, leading, next_block, padded, unit_columns
from linalgx.randomized._error import left_out_hermitian
from linalgx.randomized._krylov import open_gaps, relative
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering
from linalgx.typing import Array, Namespace


class Pairs(NamedTuple):
    """Eigenvalues, eigenvectors, and ‖A − V diag(w) Vᴴ‖_F as estimated."""

    w: Array
    v: Array
    error: float


class Ritz(NamedTuple):
    """Eigenvalues of H on the host and as an array, Z, gaps A v_j − w_j v_j, their norms."""

    values: Any
    w: Array
    z: Array
    gaps: Array
    norms: Any


def krylov_pairs(
    op: Operand, rank: int, block: int, steering: Steering, rng: Any
) -> tuple[Pairs, float]:
    """Return the leading eigenpairs, by decreasing modulus, and their residual."""
    xp, n = op.xp, op.shape[0]
    room = min(n, 5 * block)
    q, w = (Columns(n, room, like=op.like, xp=xp) for _ in range(2))
    more = op.times(standard_normal((n, block), rng, like=op.like, xp=xp))
    apart = False
    while True:
        fresh = next_block(more, q.all, rng, apart=apart, xp=xp)
        q.append(fresh)
        w.append(op.times(fresh))
        ritz = _ritz(q.all, w.all, max(rank, block), xp=xp)
        missing = len(ritz.values) < rank
        residual = 1.0 if missing else relative(ritz.norms[:rank], ritz.values)
        if steering.look(ritz.values[:rank], residual, q.count, n):
            return _named(op, ritz, q.all, w.all, rank, rng), residual
        apart = block >= rank and not missing
        if steering.wants_fresh:
            more = standard_normal((n, block), rng, like=op.like, xp=xp)
        elif apart:
            enough = 0.1 * steering.rtol * float(abs(ritz.values[0]))
            more = open_gaps(ritz.gaps, ritz.norms, rank, enough)
        else:
            more = w.all[:, w.count - fresh.shape[1] :]


def subspace_pairs(
    op: Operand, rank: int, columns: int, steering: Steering, rng: Any
) -> tuple[Pairs, float]:
    """Return the leading eigenpairs by iteration with `columns` vectors, and their residual."""
    xp, n = op.xp, op.shape[0]
    image = op.times(standard_normal((n, columns), rng, like=op.like, xp=xp))
    while True:
        q, _ = orthonormal(unit_columns(image, xp=xp), xp=xp)
        image = op.times(q)
        ritz = _ritz(q, image, rank, xp=xp)
        residual = relative(ritz.norms[:rank], ritz.values)
        if steering.look(ritz.values[:rank], residual, columns, 2 * n):
            return _named(op, ritz, q, image, rank, rng), residual


def _ritz(q: Array, w: Array, count: int, *, xp: Namespace) -> Ritz:
    """Return the leading eigenpairs of H = QᴴA Q."""
    h = adjoint(q, xp=xp) @ w
    _require_hermitian(h, xp=xp)
    values, z = eigh(hermitian(h, xp=xp), xp=xp)
    order = abs(to_host(values)).argsort(kind="stable")[::-1]
    places = xp.asarray(order.copy(), dtype=xp.int64, device=device_of(values))
    values, z = xp.take(values, places, axis=0), xp.take(z, leading(places, count), axis=1)
    gaps = w @ z - (q @ z) * xp.astype(leading(values, count), z.dtype)[None, :]
    norms = to_host(xp.linalg.vector_norm(gaps, axis=0))
    return Ritz(to_host(values), values, z, gaps, norms)


def _require_hermitian(h: Array, *, xp: Namespace) -> None:
    """Refuse an operator whose products show that it is not Hermitian; NaN is another matter."""
    gap = host_float(frobenius(h - adjoint(h, xp=xp), xp=xp))
    size = host_float(frobenius(h, xp=xp))
    if gap > 1e4 * eps(h, xp=xp) * size:
        raise ValueError(
            f"a must be Hermitian, got products with ‖QᴴAQ − (QᴴAQ)ᴴ‖ = {gap / size:.1e} ‖QᴴAQ‖"
        )


def _named(op: Operand, ritz: Ritz, q: Array, w: Array, rank: int, rng: Any) -> Pairs:
    xp = op.xp
    v, values = q @ leading(ritz.z, rank), leading(ritz.w, rank)
    error = left_out_hermitian(op, values, v, q, w, rng)
    return Pairs(padded(values, rank, xp=xp), completed(v, rank, rng, xp=xp), error)
