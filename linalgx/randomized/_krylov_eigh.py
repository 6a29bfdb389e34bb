"""Eigenvalues of largest modulus from a block Krylov space.

Legend: A = Aᴴ, n x n; Q n x l, orthonormal basis of the space; W = A Q; H = QᴴW; Z l x k,
eigenvectors of H, w its eigenvalues by decreasing modulus; V = Q Z; b = columns of a block.
"""

from typing import Any, NamedTuple

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx.backend import (
    device_of,
    eigh,
    eps,
    host_float,
    standard_normal,
    to_host,
)
from linalgx.randomized._blocks import (
    Columns,
    bordered,
    column_norms,
    completed,
    leading,
    next_block,
    padded,
    unit_columns,
)
from linalgx.randomized._error import left_out_hermitian
from linalgx.randomized._krylov import relative
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering, value_errors
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
    q, w, h = Columns(xp=xp), Columns(xp=xp), None
    more = op.times(standard_normal((n, block), rng, like=op.like, xp=xp))
    apart = False
    while True:
        fresh = next_block(more, q, rng, apart=apart, xp=xp)
        q.append(fresh)
        w.append(op.times(fresh))
        h = _grown(h, q, w, xp=xp)
        ritz = _ritz(h, q, w, max(rank, block), xp=xp)
        missing = len(ritz.values) < rank
        residual = 1.0 if missing else relative(ritz.norms[:rank], ritz.values)
        errors = value_errors(ritz.values, ritz.norms, rank, eps(op.like, xp=xp), hermitian=True)
        if steering.look(ritz.values[:rank], residual, q.count, n, errors=errors):
            return _named(op, ritz, q, w, rank, rng), residual
        apart = block >= rank and not missing
        if steering.wants_fresh:
            more = standard_normal((n, block), rng, like=op.like, xp=xp)
        elif apart:
            top = float(abs(ritz.values[0]))
            more = ritz.gaps[:, steering.open_from(ritz.norms, rank, top) :]
        else:
            more = w.blocks[-1]


def subspace_pairs(
    op: Operand, rank: int, columns: int, steering: Steering, rng: Any
) -> tuple[Pairs, float]:
    """Return the leading eigenpairs by iteration with `columns` vectors, and their residual."""
    xp, n = op.xp, op.shape[0]
    image = op.times(standard_normal((n, columns), rng, like=op.like, xp=xp))
    while True:
        basis, _ = orthonormal(unit_columns(image, xp=xp), xp=xp)
        image = op.times(basis)
        q, w = Columns(basis, xp=xp), Columns(image, xp=xp)
        ritz = _ritz(_grown(None, q, w, xp=xp), q, w, rank, xp=xp)
        residual = relative(ritz.norms[:rank], ritz.values)
        if steering.look(ritz.values[:rank], residual, columns, 2 * n):
            return _named(op, ritz, q, w, rank, rng), residual


def _grown(h: Array | None, q: Columns, w: Columns, *, xp: Namespace) -> Array:
    """Append the last block to H, and look at what it shows of A − Aᴴ."""
    side = q.coefficients(w.blocks[-1])
    _require_hermitian(side, w.coefficients(q.blocks[-1]), w.blocks[0], xp=xp)
    return bordered(h, side, xp=xp)


def _ritz(h: Array, q: Columns, w: Columns, count: int, *, xp: Namespace) -> Ritz:
    """Return the leading eigenpairs of H = QᴴA Q."""
    values, z = eigh(h, xp=xp)
    order = abs(to_host(values)).argsort(kind="stable")[::-1]
    places = xp.asarray(order.copy(), dtype=xp.int64, device=device_of(values))
    values, z = xp.take(values, places, axis=0), xp.take(z, leading(places, count), axis=1)
    gaps = w.combined(z) - q.combined(z) * xp.astype(leading(values, count), z.dtype)[None, :]
    norms = to_host(column_norms(gaps, xp=xp))
    return Ritz(to_host(values), values, z, gaps, norms)


def _require_hermitian(h: Array, other: Array, first: Array, *, xp: Namespace) -> None:
    """Refuse an operator that makes two of QᴴA Q_i and QᴴAᴴQ_i; NaN is another matter.

    The first block tells the size of A: late ones may be rounding errors only.
    """
    gap, size = (host_float(frobenius(x, xp=xp)) for x in (h - other, first))
    if gap > 1e4 * eps(h, xp=xp) * size:
        raise ValueError(
            f"a must be Hermitian, got products with ‖QᴴAQ − (QᴴAQ)ᴴ‖ = {gap:.1e} for "
            f"‖AQ‖ = {size:.1e}"
        )


def _named(op: Operand, ritz: Ritz, q: Columns, w: Columns, rank: int, rng: Any) -> Pairs:
    xp = op.xp
    v, values = q.combined(leading(ritz.z, rank)), leading(ritz.w, rank)
    error = left_out_hermitian(op, values, v, q, w, rng)
    return Pairs(padded(values, rank, xp=xp), completed(v, rank, rng, xp=xp), error)
