"""Singular triplets of the smallest rank that meets an error, block by block.

Legend: A m x n, m ≥ n; Q n x l, orthonormal columns; W = A Q; A ≈ W Qᴴ, which leaves
E² = ‖A‖²_F − ‖W‖²_F.
"""

from typing import Any

from linalgx._core.orthonormal import orthonormal
from linalgx.backend import adjoint, eps, standard_normal, svd, to_host
from linalgx.randomized._blocks import Columns, next_block, projected
from linalgx.randomized._error import outside
from linalgx.randomized._krylov import Triplets
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering

SHARE = 0.25
"""Part of the allowed square error that may lie outside of the basis, where no value is known."""


def adaptive_triplets(
    op: Operand, block: int, steering: Steering, rng: Any
) -> tuple[Triplets, float]:
    """Return as many triplets of a tall matrix as the tolerance needs, and the relative error."""
    xp, n, rtol = op.xp, op.shape[1], steering.rtol
    q, w = Columns(xp=xp), Columns(xp=xp)
    while True:
        fresh = standard_normal((n, block), rng, like=op.like, xp=xp)
        fresh = projected(fresh, q)
        fresh = next_block(op.adjoint_times(op.times(fresh)), q, rng, xp=xp)
        q.append(fresh)
        w.append(op.times(fresh))
        base, r = orthonormal(w.all, xp=xp)
        small, s, zh = svd(r, xp=xp)
        squares = to_host(s).astype(float) ** 2
        beyond = _beyond(op, float(squares.sum()), q, rng)
        total = float(squares.sum()) + beyond
        rank, error = _least_rank(squares, beyond, rtol * rtol * total)
        error += eps(op.like, xp=xp) ** 2 * total  # rounding
        residual = (error / total) ** 0.5 if total > 0.0 else error**0.5
        # Until then the rank is not the least one, since values outside are not known.
        ready = not beyond > SHARE * rtol * rtol * total
        if steering.look(to_host(s)[:rank], residual, q.count, n, ready=ready):
            u, v = base @ small[:, :rank], q.combined(adjoint(zh, xp=xp)[:, :rank])
            return Triplets(u, s[:rank], v, error**0.5), residual


def _beyond(op: Operand, known: float, q: Columns, rng: Any) -> float:
    """Return ‖A (I − Q Qᴴ)‖²_F, `known` being ‖A Q‖²_F."""
    if q.count == op.shape[1]:
        return 0.0
    if op.norm is not None:
        square = op.norm * op.norm - known
        if square > 1e4 * eps(op.like, xp=op.xp) * known:  # else it is what cancellation left
            return square
    return outside(op, q, rng) ** 2


def _least_rank(squares: Any, beyond: float, allowed: float) -> tuple[int, float]:
    """Return the least k with tail(k) + beyond ≤ allowed, or the number of nonzero values."""
    tails = squares[::-1].cumsum()[::-1]  # tails[k]: what rank k leaves out
    rank = int((tails + beyond > allowed).sum())
    if beyond > allowed:
        rank = int((squares > 0.0).sum())
    return rank, beyond + (float(tails[rank]) if rank < len(tails) else 0.0)
