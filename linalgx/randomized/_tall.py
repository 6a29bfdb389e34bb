"""A tall matrix as least squares sees it: products, gradients and sketches, few passes over it.

Legend: A = 2^e Ã, Ã is m x n with m ≥ n; X and B are blocks, one column for each right-hand side.
Gradients Ãᴴ(B − Ã X) and products ÃᴴÃ X are made strip by strip, so that a strip of a dense matrix
comes from memory once for both factors.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from linalgx.backend import (
    adjoint,
    csr_parts,
    device_of,
    is_complex,
    is_gpu,
    is_sparse,
    make_csr,
    times_power_of_two,
    to_csr,
)
from linalgx.operators import LinearMap
from linalgx.randomized._sketches import SignColumns
from linalgx.typing import Array, DType, MatrixLike, Namespace

ENTRIES = 2**16
"""Entries of a strip: half a megabyte, which stays in the cache between two products."""
COLUMNS = 64
"""Columns of an operator that are made at a time for its sketch."""

Product = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Tall:
    """One tall matrix.

    Attributes
    ----------
    shape : tuple of int
        Rows m and columns n.
    strips : tuple of (slice, callable, callable)
        Rows of a strip, and the products with the strip and with its adjoint.
    stored : array or sparse container, optional
        The entries, where they are stored.
    exponent : int
        The matrix was divided by 2^exponent.
    like : Array
        An array without entries, of the dtype and on the device of the products.
    xp : namespace
        Array library.
    """

    shape: tuple[int, int]
    strips: tuple[tuple[slice, Product, Product], ...]
    stored: MatrixLike | None
    exponent: int
    like: Array
    xp: Namespace

    def normal_product(self, x: Array) -> Array:
        """Return ÃᴴÃ X."""
        total = _zeros(self, x)
        for _, times, adjoint_times in self.strips:
            total = total + adjoint_times(times(x))
        return total

    def gradient(self, x: Array, b: Array) -> tuple[Array, Array]:
        """Return Ãᴴ R, and the norms of the columns of R = B − Ã X, shape (1, k)."""
        xp, total = self.xp, _zeros(self, x)
        squares = []
        for rows, times, adjoint_times in self.strips:
            r = b[rows, :] - times(x)
            total = total + adjoint_times(r)
            squares.append(xp.linalg.vector_norm(r, axis=0) ** 2)
        return total, xp.sqrt(xp.sum(xp.stack(squares), axis=0))[None, :]

    def sketched(self, sketch: SignColumns | None) -> Array:
        """Return S Ã, or all of Ã where there is no sketch."""
        xp, stored = self.xp, self.stored
        if stored is not None and is_sparse(stored):
            return stored.toarray() if sketch is None else sketch.times_sparse(stored)
        if stored is not None:
            return stored if sketch is None else sketch.times(stored)
        n, ((_, times, _),) = self.shape[1], self.strips
        parts, place = [], (self.like.dtype, device_of(self.like))
        for start in range(0, n, COLUMNS):
            width, (dtype, device) = min(COLUMNS, n - start), place
            some = times(xp.eye(n, width, k=-start, dtype=dtype, device=device))
            parts.append(some if sketch is None else sketch.times(some))
        return xp.concat(parts, axis=1)

    @property
    def entries(self) -> Array | None:
        """Stored entries as a matrix, of sparse containers as a column."""
        stored = self.stored
        return stored.data[:, None] if stored is not None and is_sparse(stored) else stored

    def divided(self, exponent: int) -> "Tall":
        """Divide by a power of two."""
        xp = self.xp
        if is_sparse(self.stored):
            data, columns, starts = csr_parts(self.stored)
            data = times_power_of_two(data, -exponent, xp=xp)
            small = of_sparse(make_csr(data, columns, starts, self.shape, xp=xp), xp=xp)
        elif self.stored is not None:
            small = of_dense(times_power_of_two(self.stored, -exponent, xp=xp), xp=xp)
        else:
            ((rows, *products),) = self.strips
            times, adjoint_times = (_divided(product, exponent, xp=xp) for product in products)
            small = replace(self, strips=((rows, times, adjoint_times),))
        return replace(small, exponent=exponent)


def _zeros(a: Tall, x: Array) -> Array:
    """Return the zeros that a sum of products begins with."""
    shape = (a.shape[1], x.shape[1])
    return a.xp.zeros(shape, dtype=a.like.dtype, device=device_of(a.like))


def _divided(product: Product, exponent: int, *, xp: Namespace) -> Product:
    return lambda x: times_power_of_two(product(x), -exponent, xp=xp)


def of_dense(a: Array, *, xp: Namespace) -> Tall:
    """Cut a dense matrix into strips that fit the cache; on a GPU there is one."""
    m, n = a.shape
    height = max(m if is_gpu(a, xp=xp) else ENTRIES // max(n, 1), 1)
    slices = [slice(k, min(k + height, m)) for k in range(0, m, height)] or [slice(0, 0)]
    strips = tuple((rows, *_products(a[rows, :], xp=xp)) for rows in slices)
    return Tall((int(m), int(n)), strips, a, 0, a[:0, :0], xp)


def of_sparse(a: MatrixLike, *, xp: Namespace) -> Tall:
    """Take compressed rows; those of the adjoint are stored, too."""
    a = to_csr(a)
    ah = a.conj().transpose()
    like = xp.empty((0, 0), dtype=a.dtype, device=device_of(a.data))
    strips = ((slice(0, a.shape[0]), lambda x: a @ x, lambda y: ah @ y),)
    return Tall((int(a.shape[0]), int(a.shape[1])), strips, a, 0, like, xp)


def of_operator(a: LinearMap, dtype: DType) -> Tall:
    """Take products with an operator and its adjoint, in a dtype that may be wider than its own."""
    xp = a.xp

    def times(x: Array) -> Array:
        return xp.astype(a @ x, dtype, copy=False)

    def adjoint_times(y: Array) -> Array:  # a map may have no adjoint, which only products tell
        return xp.astype(a.adjoint @ y, dtype, copy=False)

    like = xp.empty((0, 0), dtype=dtype, device=a.device)
    return Tall(a.shape, ((slice(0, a.shape[0]), times, adjoint_times),), None, 0, like, xp)


def _products(a: Array, *, xp: Namespace) -> tuple[Product, Product]:
    def adjoint_times(y: Array) -> Array:  # conjugates the block, which is the smaller one
        if not is_complex(a, xp=xp):
            return a.mT @ y
        return adjoint(adjoint(y, xp=xp) @ a, xp=xp)

    return lambda x: a @ x, adjoint_times
