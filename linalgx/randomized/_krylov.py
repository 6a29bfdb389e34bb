"""Leading singular triplets from a block Krylov space of the short side.

Legend: A m x n, m ≥ n; Q n x l, orthonormal basis of the space; W = A Q; Y = AᴴW; G = WᴴW;
Z l x k, right singular vectors of W; V = Q Z, U = W Z/s; b = columns of a block.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import cholesky_pass, orthonormal
from linalgx.backend import (
    adjoint,
    eigh,
    eps,
    host_float,
    standard_normal,
    svd,
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
)
from linalgx.randomized._error import left_out
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering, value_errors
from linalgx.typing import Array, Namespace


class Triplets(NamedTuple):
    """U, s, V, columns of singular vectors, and ‖A − U diag(s) Vᴴ‖_F as estimated."""

    u: Array
    s: Array
    v: Array
    error: float


@dataclass(slots=True)
class Space:
    """What is known of the Krylov space.

    In a `chain`, Y lies in the span of Q and of what is `beyond` of its last block.
    """

    q: Columns
    w: Columns
    y: Columns
    chain: bool
    xp: Namespace
    g: Array | None = None
    beyond: Array | None = None

    def extend(self, op: Operand, block: Array) -> None:
        """Multiply a block of the basis with A and with its adjoint."""
        xp, w = self.xp, op.times(block)
        y = op.adjoint_times(w)
        self.q.append(block)
        self.w.append(w)
        self.y.append(y)
        side = self.q.coefficients(y)  # WᴴW_new = QᴴAᴴW_new, from the short side
        self.beyond = y - self.q.combined(side) if self.chain else None
        self.g = bordered(self.g, side, xp=xp)


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
    q, y = Columns(xp=xp), Columns(xp=xp)
    space = Space(q, Columns(xp=xp), y, block < rank, xp)
    more = op.adjoint_times(standard_normal((m, block), rng, like=op.like, xp=xp))
    apart = False
    while True:
        fresh = next_block(more, q, rng, apart=apart, xp=xp)
        space.extend(op, fresh)
        ritz = _ritz(op, space, rank, max(rank, block), steering.rtol)
        errors = value_errors(ritz.values, ritz.norms, rank, eps(op.like, xp=xp))
        residual = _residual(ritz, rank)
        if steering.look(ritz.values[:rank], residual, q.count, n, errors=errors):
            return _finished(op, space, ritz, rank, rng)
        apart = len(ritz.values) > rank if block >= rank else space.chain
        if steering.wants_fresh:
            more = standard_normal((n, block), rng, like=op.like, xp=xp)
            space.chain = apart = False
        elif space.chain:
            more = space.beyond
        elif apart:
            # AᴴA times the last block, or less: the gaps span the same.
            more = ritz.gaps[:, steering.open_from(ritz.norms, rank, ritz.values[0]) :]
        else:
            more = y.blocks[-1]


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
        s, z, u = leading(roots, count), leading(z, count), None
        s = xp.sqrt(xp.maximum(s, xp.zeros_like(s)))
        scale = xp.astype(xp.where(s > 0.0, s, xp.ones_like(s)), z.dtype)[None, :]
        if space.beyond is not None:
            gaps = space.beyond @ (z[space.q.count - space.beyond.shape[1] :, :] / scale)
        else:
            gaps = space.y.combined(z) / scale - space.q.combined(z) * scale
    else:
        base, r = orthonormal(space.w.all, xp=xp)
        small, s, zh = svd(r, xp=xp)
        values, s = to_host(s), leading(s, count)
        z, u = leading(adjoint(zh, xp=xp), count), base @ leading(small, count)
        gaps = op.adjoint_times(u) - space.q.combined(z) * xp.astype(s, z.dtype)[None, :]
    return Ritz(values, s, z, u, gaps, to_host(column_norms(gaps, xp=xp)))


def _residual(ritz: Ritz, rank: int) -> float:
    """Return the largest gap relative to the largest value; 1 while triplets are missing."""
    if len(ritz.values) < rank:
        return 1.0
    return relative(ritz.norms[:rank], ritz.values)


def relative(norms: Any, values: Any) -> float:
    """Return the largest norm in units of the largest value; NaN stays."""
    worst, top = float(norms.max(initial=0.0)), float(abs(values).max(initial=0.0))
    return worst / top if top > 0.0 else worst


def _inside(w: Columns, z: Array, *, xp: Namespace) -> float:
    """Return ‖W − W Z Zᴴ‖²_F."""
    known, start, square = w.combined(z), 0, 0.0
    for block in w.blocks:
        end = start + block.shape[1]
        rest = block - known @ adjoint(z[start:end, :], xp=xp)
        square += host_float(frobenius(rest, xp=xp)) ** 2
        start = end
    return square


def _finished(op: Operand, space: Space, ritz: Ritz, rank: int, rng: Any) -> tuple[Triplets, float]:
    """Return the triplets with orthonormal vectors, and the residual that these have."""
    xp, q = op.xp, space.q
    z, s, u, residual = leading(ritz.z, rank), leading(ritz.s, rank), ritz.u, _residual(ritz, rank)
    if u is None:
        scale = xp.astype(s, z.dtype)[None, :]
        # The columns are orthonormal up to what G leaves of them, so that one pass is enough.
        base, r = cholesky_pass(space.w.combined(z) / scale, xp=xp)
        r = r * scale
        small, s, turn = svd(r, xp=xp)
        u, z = base @ small, z @ adjoint(turn, xp=xp)
        scale = xp.astype(s, z.dtype)[None, :]
        gaps = space.y.combined(z) / scale - q.combined(z) * scale
        residual = relative(to_host(column_norms(gaps, xp=xp)), to_host(s))
    kept = float((to_host(s).astype(float) ** 2).sum())
    rest = float((ritz.values[rank:].astype(float) ** 2).sum())
    if rest <= 1e3 * q.count * eps(op.like, xp=xp) * kept:  # so small are the errors of G's roots
        rest = _inside(space.w, z, xp=xp)
    error = left_out(op, kept, rest, q, rng, rank)
    u, v = (completed(x, rank, rng, xp=xp) for x in (leading(u, rank), q.combined(z)))
    return Triplets(u, padded(s, rank, xp=xp), v, error), residual
