"""Leading singular triplets from a block Krylov space of the short side.

Legend: A m x n, m ≥ n; Q n x l, orthonormal basis of the space; W = A Q; Y = AᴴW; G = WᴴW;
Z l x k, right singular vectors of W; V = Q Z, U = W Z/s; b = columns of a block.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from linalgx._core.orthonormal import cholesky_pass, orthonormal
from linalgx.backend import (
    adjoint,
    eigh,
    eps,
    hermitian,
    standard_normal,
    svd,
    to_host,
)
from linalgx.randomized._blocks import Columns, completed, leading, next_block, padded
from linalgx.randomized._error import left_out
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering
from linalgx.typing import Array, Namespace


class Triplets(NamedTuple):
    """U, s, V, columns of singular vectors, and ‖A − U diag(s) Vᴴ‖_F as estimated."""

    u: Array
    s: Array
    v: Array
    error: float


@dataclass(slots=True)
class Space:
    """What is known of the Krylov space."""

    q: Columns
    w: Columns
    y: Columns
    g: Array | None
    xp: Namespace

    def extend(self, op: Operand, block: Array) -> None:
        """Multiply a block of the basis with A and with its adjoint."""
        xp, w = self.xp, op.times(block)
        y = op.adjoint_times(w)
        self.q.append(block)
        self.w.append(w)
        self.y.append(y)
        side = adjoint(self.q.all, xp=xp) @ y  # WᴴW_new = QᴴAᴴW_new, from the short side
        old = side.shape[0] - side.shape[1]
        corner = hermitian(side[old:, :], xp=xp)
        if self.g is not None:
            upper = xp.concat([self.g, side[:old, :]], axis=1)
            lower = xp.concat([adjoint(side[:old, :], xp=xp), corner], axis=1)
            corner = xp.concat([upper, lower], axis=0)
        self.g = corner


class Ritz(NamedTuple):
    """Leading singular triplets of A Q and the gaps Aᴴu_j − s_j v_j.

    `values` has all singular values, on the host, and `norms` those of the gaps. U is None where
    W Z/s will do.
    """

    values: Any
    s: Array
    z: Array
    u: Array | None
    gaps: Array
    norms: Any


def krylov_triplets(
    op: Operand, rank: int, block: int, steering: Steering, rng: Any
) -> tuple[Triplets, float]:
    """Return the leading triplets of a tall matrix, and their residual."""
    xp, (m, n) = op.xp, op.shape
    room = min(n, 5 * block)
    q, w, y = (Columns(size, room, like=op.like, xp=xp) for size in (n, m, n))
    space = Space(q, w, y, None, xp)
    more = op.adjoint_times(standard_normal((m, block), rng, like=op.like, xp=xp))
    apart = False
    while True:
        fresh = next_block(more, q.all, rng, apart=apart, xp=xp)
        space.extend(op, fresh)
        ritz = _ritz(op, space, rank, max(rank, block), steering.rtol)
        if steering.look(ritz.values[:rank], _residual(ritz, rank), q.count, n):
            return _finished(op, space, ritz, rank, rng)
        apart = block >= rank and len(ritz.values) > rank
        if steering.wants_fresh:
            more = standard_normal((n, block), rng, like=op.like, xp=xp)
        elif apart:
            more = open_gaps(ritz.gaps, ritz.norms, rank, 0.1 * steering.rtol * ritz.values[0])
        else:
            more = y.all[:, y.count - fresh.shape[1] :]


def _ritz(op: Operand, space: Space, rank: int, count: int, rtol: float) -> Ritz:
    """Return the leading singular triplets of W.

    By the eigenvalues of G where s_k is far above their rounding errors and the tolerance allows
    it; else by the QR decomposition of W.
    """
    xp, unit = op.xp, eps(op.like, xp=op.xp)
    roots, z = eigh(space.g, xp=xp)
    roots, z = xp.flip(roots, axis=0), xp.flip(z, axis=1)
    values = to_host(roots).clip(min=0.0) ** 0.5
    least = max(unit**0.25, 100.0 * unit / max(rtol, unit)) * values[0]
    if len(values) >= rank and values[rank - 1] >= least > 0.0:
        s, z, u = xp.sqrt(leading(roots, count)), leading(z, count), None
        scale = xp.astype(xp.where(s > 0.0, s, xp.ones_like(s)), z.dtype)[None, :]
        gaps = (space.y.all @ z) / scale - (space.q.all @ z) * scale
    else:
        base, r = orthonormal(space.w.all, xp=xp)
        small, s, zh = svd(r, xp=xp)
        values, s = to_host(s), leading(s, count)
        z, u = leading(adjoint(zh, xp=xp), count), base @ leading(small, count)
        gaps = op.adjoint_times(u) - (space.q.all @ z) * xp.astype(s, z.dtype)[None, :]
    return Ritz(values, s, z, u, gaps, to_host(xp.linalg.vector_norm(gaps, axis=0)))


def _residual(ritz: Ritz, rank: int) -> float:
    """Return the largest gap relative to the largest value; 1 while triplets are missing."""
    if len(ritz.values) < rank:
        return 1.0
    return relative(ritz.norms[:rank], ritz.values)


def relative(norms: Any, values: Any) -> float:
    """Return the largest norm in units of the largest value; NaN stays."""
    worst, top = float(norms.max(initial=0.0)), float(abs(values).max(initial=0.0))
    return worst / top if top > 0.0 else worst


def open_gaps(gaps: Array, norms: Any, rank: int, enough: float) -> Array:
    """Return directions that extend the space: AᴴA times the last block, or less.

    The gaps span the same. Those before the first one that has not converged are left out, which
    makes late blocks smaller.
    """
    open_ = [j for j, norm in enumerate(norms) if j >= rank or not norm <= enough]
    return gaps[:, open_[0] if open_ else 0 :]


def _finished(op: Operand, space: Space, ritz: Ritz, rank: int, rng: Any) -> tuple[Triplets, float]:
    """Return the triplets with orthonormal vectors, and the residual that these have."""
    xp, q = op.xp, space.q.all
    z, s, u, residual = leading(ritz.z, rank), leading(ritz.s, rank), ritz.u, _residual(ritz, rank)
    if u is None:
        scale = xp.astype(s, z.dtype)[None, :]
        # The columns are orthonormal up to what G leaves of them, so that one pass is enough.
        base, r = cholesky_pass((space.w.all @ z) / scale, xp=xp)
        r = r * scale
        small, s, turn = svd(r, xp=xp)
        u, z = base @ small, z @ adjoint(turn, xp=xp)
        scale = xp.astype(s, z.dtype)[None, :]
        gaps = (space.y.all @ z) / scale - (q @ z) * scale
        residual = relative(to_host(xp.linalg.vector_norm(gaps, axis=0)), to_host(s))
    kept = float((to_host(s).astype(float) ** 2).sum())
    rest = float((ritz.values[rank:].astype(float) ** 2).sum())
    error = left_out(op, kept, rest, q, rng)
    u, v = (completed(x, rank, rng, xp=xp) for x in (leading(u, rank), q @ z))
    return Triplets(u, padded(s, rank, xp=xp), v, error), residual
