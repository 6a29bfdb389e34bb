"""Orthonormal bases that grow block by block.

Legend: Q n x l, orthonormal columns; Y n x b, the next block; G a block of normal numbers.
"""

from typing import Any

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import cholesky_pass, orthonormal
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, device_of, gram, qr, standard_normal
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


class Columns:
    """Columns, kept as contiguous rows, to which blocks are appended."""

    __slots__ = ("_store", "_xp", "count")

    def __init__(self, rows: int, room: int, *, like: Array, xp: Namespace) -> None:
        self._xp = xp
        self._store = xp.empty((room, rows), dtype=like.dtype, device=device_of(like))
        self.count = 0

    def append(self, block: Array) -> None:
        """Add a block behind the others; the room doubles when it is used up."""
        end = self.count + block.shape[1]
        if end > self._store.shape[0]:
            shape = (2 * end, self._store.shape[1])
            store = self._xp.empty(shape, dtype=block.dtype, device=device_of(block))
            store[: self.count, :] = self._store[: self.count, :]
            self._store = store
        self._store[self.count : end, :] = block.mT
        self.count = end

    @property
    def all(self) -> Array:
        """A view of the columns so far."""
        return self._store[: self.count, :].mT


def leading(x: Array, count: int) -> Array:
    """Return the first columns, or entries of a vector: all if there are fewer."""
    return x[..., : min(count, x.shape[-1])]


def projected(y: Array, q: Array | None, *, xp: Namespace) -> Array:
    """Return (I − Q Qᴴ) Y."""
    if q is None or q.shape[1] == 0:
        return y
    return y - q @ (adjoint(q, xp=xp) @ y)


def unit_columns(y: Array, *, xp: Namespace) -> Array:
    """Divide columns by their largest component, for a well-scaled Gram matrix; zeros stay."""
    size = xp.max(xp.abs(y), axis=0, keepdims=True)
    return y / xp.astype(xp.where(size > 0.0, size, xp.ones_like(size)), y.dtype)


def next_block(y: Array, q: Array | None, rng: Any, *, apart: bool = False, xp: Namespace) -> Array:
    """Return an orthonormal basis of the columns of Y in the complement of those of Q.

    Twice is enough, for columns of which the second projection leaves half; once, for columns
    that are `apart` from those of Q up to rounding. Those that lie in the span of the others are
    drawn anew.
    """
    n, b = y.shape
    y = leading(y, min(b, n - (0 if q is None else q.shape[1])))
    for _ in range(4):
        y = unit_columns(y if apart else projected(y, q, xp=xp), xp=xp)
        y, r = _cleared(projected(_rough_basis(y, xp=xp), q, xp=xp), xp=xp)
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
        return cholesky_pass(y, xp=xp)[0]
    except LinAlgError:
        return orthonormal(y, xp=xp)[0]


def _cleared(y: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of columns that are nearly orthonormal, by one pass where they are."""
    g = gram(y, xp=xp)
    if bool(frobenius(g - identity_like(g, xp=xp), xp=xp) <= 0.1):
        return cholesky_pass(y, g, xp=xp)
    return orthonormal(y, xp=xp)


def _rest(y: Array, q: Array | None, *, xp: Namespace) -> Array:
    """Fill up by Householder's Q, which is orthonormal whatever the columns are."""
    if q is None:
        return qr(y, xp=xp)[0]
    both, _ = qr(xp.concat([q, y], axis=1), xp=xp)
    return both[:, q.shape[1] :]


def completed(x: Array, rank: int, rng: Any, *, xp: Namespace) -> Array:
    """Append orthonormal columns until there are `rank`."""
    missing = rank - x.shape[1]
    if missing <= 0:
        return x
    fresh = standard_normal((x.shape[0], missing), rng, like=x, xp=xp)
    return xp.concat([x, next_block(fresh, x, rng, xp=xp)], axis=1)


def padded(s: Array, count: int, *, xp: Namespace) -> Array:
    """Append zeros until there are `count` values."""
    zeros = xp.zeros((max(count - s.shape[0], 0),), dtype=s.dtype, device=device_of(s))
    return xp.concat([s, zeros]) if zeros.shape[0] else s
