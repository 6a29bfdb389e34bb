"""What a truncated decomposition leaves out, estimated where it is not known.

Legend: Q n x l, orthonormal columns, on which A is known; Omega n x t, normal numbers that are
independent of Q. E‖A (I − Q Qᴴ) Omega‖²_F/t = ‖A (I − Q Qᴴ)‖²_F, and the two parts of
‖A − A V Vᴴ‖²_F, inside and outside of the span of Q, add up. Large directions are in Q, so that few
normal vectors tell the rest to a few per cent.
"""

from math import inf, ldexp
from typing import Any

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eps, host_float, standard_normal, to_host
from linalgx.randomized._blocks import Columns, projected
from linalgx.randomized._operand import Operand
from linalgx.typing import Array

VECTORS = 10
"""Normal vectors for one estimate."""


def outside(op: Operand, q: Columns, rng: Any) -> float:
    """Estimate ‖A (I − Q Qᴴ)‖_F by fresh normal vectors."""
    xp = op.xp
    omega = standard_normal((op.shape[1], VECTORS), rng, like=op.like, xp=xp)
    rest = projected(projected(omega, q), q)
    return float(host_float(frobenius(op.times(rest), xp=xp)) / VECTORS**0.5)


def left_out(op: Operand, kept: float, rest: float, q: Columns, rng: Any, rank: int) -> float:
    """Return ‖A − A V Vᴴ‖_F: from the norm of stored entries, or by normal vectors.

    `kept` is ‖A V‖²_F, `rest` what A Q has beyond that. The difference from the norm is taken only
    where it does not cancel. Rounding adds about √k eps·‖A V‖_F.
    """
    unit = eps(op.like, xp=op.xp)
    if op.norm is not None:
        square = op.norm * op.norm - kept
        if square > unit**0.5 * kept:
            return float(square**0.5)
    beyond = outside(op, q, rng) if q.count < op.shape[1] else 0.0
    return float((max(rest, 0.0) + beyond * beyond + rank * unit * unit * kept) ** 0.5)


def in_user_scale(error: float, exponent: int) -> float:
    """Multiply by 2^exponent."""
    try:
        return ldexp(error, exponent)
    except OverflowError:
        return inf


def left_out_hermitian(
    op: Operand, values: Array, v: Array, q: Columns, w: Columns, rng: Any
) -> float:
    """Return ‖A − V diag(w) Vᴴ‖_F in the same way, for V in the span of Q, with W = A Q."""
    xp = op.xp
    kept = float((to_host(values).astype(float) ** 2).sum())
    factor = xp.astype(values, v.dtype)[:, None]
    rest = 0.0
    for block, image in zip(q.blocks, w.blocks, strict=True):
        inside = image - v @ (factor * (adjoint(v, xp=xp) @ block))
        rest += host_float(frobenius(inside, xp=xp)) ** 2
    return left_out(op, kept, rest, q, rng, values.shape[0])
