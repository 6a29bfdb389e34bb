"""Columns that stand for a matrix: how they are found, and what the others are in terms of them.

Legend: A m x n, S the indices of k columns; C = A[:, S] = QP, with P triangular up to the order of
the columns; T the coefficients of the best approximation, A ≈ C T, T = P⁻¹QᴴA, T[:, S] = I; Y the
sketch of the rows of A, l x n, and E what the chosen columns leave of it.
"""

from typing import Any, NamedTuple

from linalgx._core.scaling import extreme_exponent
from linalgx.backend import (
    adjoint,
    device_of,
    eps,
    gram,
    host_array,
    is_complex,
    is_sparse,
    qr,
    qr_pivoted,
    solve_triangular,
    standard_normal,
    times_power_of_two,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.randomized._operand import Operand
from linalgx.randomized._random_pivots import (
    HOPELESS,
    accepted,
    host_uniform,
    proposals,
    total_of,
)
from linalgx.typing import Array, Namespace

BLOCK = 50
"""Most columns at a time."""


def places(values: list[int], *, like: Array, xp: Namespace) -> Array:
    """Return indices as an array."""
    return xp.asarray(values, dtype=xp.int64, device=device_of(like))


def columns_of(op: Operand, chosen: list[int]) -> Array:
    """Return A[:, S]: stored columns, or products with unit vectors."""
    if op.stored is not None and not is_sparse(op.stored):
        return op.xp.take(op.stored, places(chosen, like=op.like, xp=op.xp), axis=1)
    return op.times(_unit_vectors(op.shape[1], chosen, like=op.like, xp=op.xp))


def rows_of(op: Operand, chosen: list[int]) -> Array:
    """Return A[S, :]."""
    if op.stored is not None and not is_sparse(op.stored):
        return op.xp.take(op.stored, places(chosen, like=op.like, xp=op.xp), axis=0)
    units = _unit_vectors(op.shape[0], chosen, like=op.like, xp=op.xp)
    return adjoint(op.adjoint_times(units), xp=op.xp)


def _unit_vectors(n: int, chosen: list[int], *, like: Array, xp: Namespace) -> Array:
    everything = xp.arange(n, dtype=xp.int64, device=device_of(like))
    found = everything[:, None] == places(chosen, like=like, xp=xp)[None, :]
    return xp.astype(found, like.dtype)


def random_columns(op: Operand, rank: int, rng: Any) -> list[int]:
    """Return columns drawn in proportion to what those before leave of their squared norms.

    Of a sketch with 2·rank + 10 rows, or of the matrix itself when it has no more.
    """
    xp, m = op.xp, op.shape[0]
    rows = 2 * rank + 10
    if rows < m:
        y = adjoint(op.adjoint_times(standard_normal((m, rows), rng, like=op.like, xp=xp)), xp=xp)
    else:
        y = rows_of(op, list(range(m)))
    y = times_power_of_two(y, -extreme_exponent(y, xp=xp), xp=xp)
    return _pivots(y, rank, rng, xp=xp)


def _pivots(e: Array, rank: int, rng: Any, *, xp: Namespace) -> list[int]:
    """Project chosen columns out of E, block by block, until there are enough of them."""
    unit, d = eps(e, xp=xp), _squares(e, xp=xp)
    chosen: list[int] = []
    least = (10.0 * unit) ** 2 * total_of(d)
    while len(chosen) < rank and total_of(d) > least:
        count = min(max(rank // 2, 1), BLOCK)
        proposed = proposals(d, host_uniform(count, rng, like=e, xp=xp))
        block = xp.take(e, places(proposed.tolist(), like=e, xp=xp), axis=1)
        u = host_uniform(count, rng, like=e, xp=xp)
        h, sizes = to_host(gram(block, xp=xp)), d[proposed]
        kept = accepted(h, sizes, u, HOPELESS * unit * sizes, rank - len(chosen))
        d[proposed[0]] *= bool(kept)
        if not kept:
            continue
        q, _ = qr(xp.take(block, places(kept, like=e, xp=xp), axis=1), xp=xp)
        e = e - q @ (adjoint(q, xp=xp) @ e)
        chosen += [int(proposed[j]) for j in kept]
        d = _squares(e, xp=xp)
        d[chosen] = 0.0
    return filled(chosen, d, rank)


def filled(chosen: list[int], d: Any, count: int) -> list[int]:
    """Add columns of which nothing is left, the largest of rounding errors first."""
    taken = set(chosen)
    rest = [int(j) for j in (-d).argsort(kind="stable") if int(j) not in taken]
    return chosen + rest[: count - len(chosen)]


def _squares(e: Array, *, xp: Namespace) -> Any:
    """Squared norms of columns, on the host."""
    squares = xp.linalg.vecdot(e, e, axis=-2)
    return host_array(to_host(xp.real(squares) if is_complex(e, xp=xp) else squares)).copy()


class Basis(NamedTuple):
    """Columns and what solves with them.

    `kept` are the positions of those that are independent, in the order of P, `others` the rest.
    """

    columns: Array
    q: Array
    p: Array
    kept: list[int]
    others: list[int]


def basis_of(columns: Array, floor: float, *, xp: Namespace) -> Basis:
    """Return Q and P; columns that depend on others up to `floor` are left out of them."""
    q, r = qr(columns, xp=xp)
    if not bool(xp.all(xp.isfinite(r))):
        raise LinAlgError("a has NaN or infinite entries")
    turn, p, order = qr_pivoted(r, xp=xp)
    sizes = to_host(xp.abs(xp.linalg.diagonal(p))).tolist()
    rank = sum(size > floor * sizes[0] for size in sizes)
    positions = [int(j) for j in to_host(order)]
    q = q @ turn[:, :rank]
    return Basis(columns, q, p[:rank, :rank], positions[:rank], positions[rank:])


def solved(basis: Basis, b: Array, *, xp: Namespace) -> Array:
    """Return P⁻¹B in the order of the columns, with zeros for those that were left out."""
    if basis.kept:
        b = solve_triangular(basis.p, b, lower=False, xp=xp)
    zeros = xp.zeros((len(basis.others), b.shape[-1]), dtype=b.dtype, device=device_of(b))
    order = basis.kept + basis.others
    back = sorted(range(len(order)), key=order.__getitem__)
    return xp.take(xp.concat((b, zeros), axis=0), places(back, like=b, xp=xp), axis=0)


def coefficients(basis: Basis, op: Operand, chosen: list[int]) -> Array:
    """Return T, with T[:, S] = I to the last bit."""
    xp = op.xp
    t = solved(basis, adjoint(op.adjoint_times(basis.q), xp=xp), xp=xp)
    if not bool(xp.all(xp.isfinite(t))):
        raise LinAlgError("a product with a has NaN or infinite entries")
    units = adjoint(_unit_vectors(op.shape[1], chosen, like=op.like, xp=xp), xp=xp)
    ours = xp.any(units != 0.0, axis=0, keepdims=True)
    return xp.where(ours, units, t)
