"""Columns and rows chosen by singular vectors: DEIM and leverage scores.

Legend: U, V the leading singular vectors, m x k and n x k; a row of either stands for a row or a
column of the matrix.
"""

from typing import Any

from linalgx.backend import (
    adjoint,
    device_of,
    host_array,
    is_complex,
    namespace_of,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.randomized._operand import Operand
from linalgx.randomized._random_pivots import host_uniform
from linalgx.randomized.svd import svd
from linalgx.typing import Array, Namespace


def by_deim(op: Operand, rank: int, rng: Any) -> tuple[list[int], list[int]]:
    """Return columns and rows by discrete empirical interpolation."""
    u, v = _vectors(op, rank, rng)
    return _interpolation_points(v, xp=op.xp), _interpolation_points(u, xp=op.xp)


def by_leverage(op: Operand, rank: int, rng: Any) -> tuple[list[int], list[int]]:
    """Return columns and rows drawn in proportion to their leverage scores."""
    u, v = _vectors(op, rank, rng)
    return _weighted_sample(v, rng, xp=op.xp), _weighted_sample(u, rng, xp=op.xp)


def _vectors(op: Operand, rank: int, rng: Any) -> tuple[Array, Array]:
    """Return U and V."""
    xp = op.xp
    dtype, device = op.like.dtype, device_of(op.like)
    if rank == 0:
        u, v = (xp.zeros((size, 0), dtype=dtype, device=device) for size in op.shape)
        return u, v
    a = LinearMap.from_callables(
        op.shape, op.times, op.adjoint_times, xp=xp, device=device, dtype=dtype
    )
    result = svd(a, rank, method="subspace", rng=rng, check_finite=False)
    if not bool(xp.all(xp.isfinite(result.s))):
        raise LinAlgError("a product with a has NaN or infinite entries")
    return result.u, adjoint(result.vh, xp=xp)


def _interpolation_points(v: Array, *, xp: Namespace) -> list[int]:
    """Return the rows in which each vector differs most from its interpolant by those before.

    Eliminating a vector's row from all later vectors leaves their interpolation errors.
    """
    chosen: list[int] = []
    while v.shape[1]:
        gap = v[:, 0]
        i = int(xp.argmax(xp.abs(gap)))
        chosen.append(i)
        v = v[:, 1:] - gap[:, None] * (v[i, 1:] / gap[i])[None, :]
    return chosen


def _weighted_sample(v: Array, rng: Any, *, xp: Namespace) -> list[int]:
    """Draw as many different rows as there are vectors, one after another, by weight.

    The smallest of exponential variables with these rates are such a sample.
    """
    rows, count = v.shape
    squares = xp.linalg.vecdot(v, v, axis=-1)
    weights = host_array(to_host(xp.real(squares) if is_complex(v, xp=xp) else squares))
    u = host_uniform(rows, rng, like=v, xp=xp)
    times = -namespace_of(u).log1p(-u) / weights.clip(1e-300)
    return [int(j) for j in times.argsort(kind="stable")[:count]]
