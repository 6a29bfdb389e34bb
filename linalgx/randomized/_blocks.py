"""Orthonormal bases that grow block by block.

Legend: Q n x l, orthonormal columns; Y n x b, the next block; G a block of normal numbers.
"""

from typing import Any

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx._core.polish import identity_like
from linalgx.backend import (
    adjoint,
    cholesky,
    device_of,
    gram,
    hermitian,
    is_complex,
    qr,
    solve_triangular,
    standard_normal,
)
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


class Columns:
    """Columns side by side, kept as the blocks that they came in: nothing is copied."""

    __slots__ = ("_xp", "blocks", "count")

    def __init__(self, *blocks: Array, xp: Namespace) -> None:
        self._xp = xp
        self.blocks: list[Array] = list(blocks)
        self.count = sum(block.shape[1] for block in blocks)

    def append(self, block: Array) -> None:
        """Add a block behind the others."""
        self.blocks.append(block)
        self.count += block.shape[1]

    def coefficients(self, y: Array) -> Array:
        """Return QᴴY."""
        parts = [adjoint(block, xp=self._xp) @ y for block in self.blocks]
        return self._xp.concat(parts, axis=0)

    def combined(self, z: Array) -> Array:
        """Return Q Z."""
        found, start = None, 0
        for block in self.blocks:
            end = start + block.shape[1]
            part = block @ z[start:end, :]
            if found is None:
                found = part
            else:
                found += part
            start = end
        return found

    @property
    def all(self) -> Array:
        """A copy of all columns."""
        return self._xp.concat(self.blocks, axis=1)


def bordered(g: Array | None, side: Array, *, xp: Namespace) -> Array:
    """Return a Hermitian matrix with new last columns `side`, and rows to match."""
    old = side.shape[0] - side.shape[1]
    corner = hermitian(side[old:, :], xp=xp)
    if g is None:
        return corner
    upper = xp.concat([g, side[:old, :]], axis=1)
    return xp.concat([upper, xp.concat([adjoint(side[:old, :], xp=xp), corner], axis=1)], axis=0)


def leading(x: Array, count: int) -> Array:
    """Return the first columns, or entries of a vector: all if there are fewer."""
    return x[..., : min(count, x.shape[-1])]


def projected(y: Array, q: Columns) -> Array:
    """Return (I − Q Qᴴ) Y."""
    return y - q.combined(q.coefficients(y)) if q.count else y


def unit_columns(y: Array, *, xp: Namespace) -> Array:
    """Divide columns by their largest component, for a well-scaled Gram matrix; zeros stay."""
    size = xp.max(xp.abs(y), axis=0, keepdims=True)
    return y / xp.astype(xp.where(size > 0.0, size, xp.ones_like(size)), y.dtype)


def next_block(y: Array, q: Columns, rng: Any, *, apart: bool = False, xp: Namespace) -> Array:
    """Return an orthonormal basis of the columns of Y in the complement of those of Q.

    Twice is enough, for columns of which the second projection leaves half; once, for columns
    that are `apart` from those of Q up to rounding. Those that lie in the span of the others are
    drawn anew.
    """
    n, b = y.shape
    y = leading(y, min(b, n - q.count))
    for _ in range(4):
        y = _rough_basis(y if apart else projected(y, q), xp=xp)
        y, r = _cleared(projected(y, q), xp=xp)
        left = xp.abs(xp.linalg.diagonal(r))
        if bool(xp.all(left >= 0.5)):
            return y
        apart = False
        fresh = standard_normal(y.shape, rng, like=y, xp=xp)
        y = xp.where(left[None, :] >= 0.5, y, fresh)
    return _rest(y, q, xp=xp)


def _rough_basis(y: Array, *, xp: Namespace) -> Array:
    """Return a basis whose columns are far from dependent; rounding may tilt them."""
    try:
        return _times_inverse(y, gram(y, xp=xp), xp=xp)[0]
    except LinAlgError:
        return orthonormal(unit_columns(y, xp=xp), xp=xp)[0]


def _cleared(y: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of columns that are nearly orthonormal, by one pass where they are."""
    g = gram(y, xp=xp)
    if bool(frobenius(g - identity_like(g, xp=xp), xp=xp) <= 0.1):
        return _times_inverse(y, g, xp=xp)
    return orthonormal(y, xp=xp)


def _times_inverse(y: Array, g: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of a pass of Cholesky QR by the inverse of R, which is faster.

    Q spans what Y does, and is orthonormal, up to κ(R)·eps: no less than with a solve where R is
    harmless, and elsewhere a second pass follows.
    """
    factor = cholesky(g, xp=xp)
    inverse = solve_triangular(factor, identity_like(g, xp=xp), lower=True, adjoint=True, xp=xp)
    return y @ inverse, adjoint(factor, xp=xp)


def column_norms(x: Array, *, xp: Namespace) -> Array:
    """Return the norms of the columns, whose squares are in range."""
    square = x * x if not is_complex(x, xp=xp) else xp.real(x) ** 2 + xp.imag(x) ** 2
    return xp.sqrt(xp.sum(square, axis=0))


def _rest(y: Array, q: Columns, *, xp: Namespace) -> Array:
    """Fill up by Householder's Q, which is orthonormal whatever the columns are."""
    both, _ = qr(xp.concat([*q.blocks, y], axis=1), xp=xp)
    return both[:, q.count :]


def completed(x: Array, rank: int, rng: Any, *, xp: Namespace) -> Array:
    """Append orthonormal columns until there are `rank`."""
    missing = rank - x.shape[1]
    if missing <= 0:
        return x
    fresh = standard_normal((x.shape[0], missing), rng, like=x, xp=xp)
    return xp.concat([x, next_block(fresh, Columns(x, xp=xp), rng, xp=xp)], axis=1)


def padded(s: Array, count: int, *, xp: Namespace) -> Array:
    """Append zeros until there are `count` values."""
    zeros = xp.zeros((max(count - s.shape[0], 0),), dtype=s.dtype, device=device_of(s))
    return xp.concat([s, zeros]) if zeros.shape[0] else s
