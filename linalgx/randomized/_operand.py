"""The gate for matrices of which products suffice.

Legend: A = 2^e Ã; the operand is Ã, whose entries are far from the limits of the precision. Batches
are dense; each matrix of a batch is an operand of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from linalgx._core.batching import flatten_batch
from linalgx._core.scaling import exponent_of
from linalgx.backend import adjoint as conjugate_transpose
from linalgx.backend import (
    as_operand,
    csr_parts,
    device_of,
    is_operator,
    is_sparse,
    make_csr,
    real_dtype,
    times_power_of_two,
    to_csr,
)
from linalgx.operators import LinearMap
from linalgx.typing import Array, MatrixLike, Namespace

Product = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Operand:
    """One matrix by its products with blocks of vectors.

    Attributes
    ----------
    shape : tuple of int
        Rows m and columns n.
    times, adjoint_times : callable
        Take (n, k) to (m, k), and (m, k) to (n, k).
    like : Array
        An array without entries, of the dtype and on the device of the products.
    stored : array or sparse container, optional
        The entries, at unit scale, where they are stored.
    exponent : int
        Results of degree one are to be multiplied by 2^exponent.
    xp : namespace
        Array library.
    """

    shape: tuple[int, int]
    times: Product
    adjoint_times: Product
    like: Array
    stored: MatrixLike | None
    exponent: int
    xp: Namespace

    @property
    def adjoint(self) -> "Operand":
        """The conjugate transpose, by its products only."""
        return replace(
            self,
            shape=self.shape[::-1],
            times=self.adjoint_times,
            adjoint_times=self.times,
            stored=None,
        )

    def unscaled(self, x: Array, degree: int = 1) -> Array:
        """Undo the scaling of a result of that degree."""
        return times_power_of_two(x, degree * self.exponent, xp=self.xp)


def admit_operands(
    a: MatrixLike, name: str, *, square: bool = False, check_finite: bool = True
) -> tuple[list[Operand], tuple[int, ...]]:
    """Pass a matrix, a batch or an operator through the gate; the leading shape comes second.

    A batch without matrices gives one operand, of zeros, from which the shapes of the results
    can be told.
    """
    xp, a = as_operand(a, name, check_finite=check_finite)
    if square and a.shape[-1] != a.shape[-2]:
        shape = "(n, n)" if is_sparse(a) or is_operator(a) else "(..., n, n)"
        raise ValueError(f"{name} must be square, shape {shape}, got {tuple(a.shape)}")
    if is_operator(a):
        return [_of_map(LinearMap(a))], ()
    if is_sparse(a):
        return [_of_sparse(a, xp=xp)], ()
    flat, batch = flatten_batch(a, xp=xp)
    if prod(batch) == 0:
        flat = xp.zeros((1, *a.shape[-2:]), dtype=a.dtype, device=device_of(a))
    return [_of_dense(flat[k, ...], xp=xp) for k in range(flat.shape[0])], batch


def _extreme(a: Array, *, xp: Namespace) -> int:
    """Return e, or zero where fourth powers, which Gram matrices of AᴴAΩ are, cause no trouble."""
    exponent = exponent_of(a, xp=xp)
    usual = 8 if real_dtype(a, xp=xp) == xp.float32 else 100
    return exponent if abs(exponent) > usual else 0


def _of_dense(a: Array, *, xp: Namespace) -> Operand:
    exponent = _extreme(a, xp=xp)
    a = times_power_of_two(a, -exponent, xp=xp)

    def adjoint_times(y: Array) -> Array:  # conjugates the block, which is the smaller one
        if not xp.isdtype(a.dtype, "complex floating"):
            return a.mT @ y
        return conjugate_transpose(conjugate_transpose(y, xp=xp) @ a, xp=xp)

    shape = (int(a.shape[0]), int(a.shape[1]))
    return Operand(shape, lambda x: a @ x, adjoint_times, a[:0, :0], a, exponent, xp)


def _of_sparse(a: MatrixLike, *, xp: Namespace) -> Operand:
    data, columns, starts = csr_parts(to_csr(a))
    exponent = _extreme(data[:, None], xp=xp)
    scaled = times_power_of_two(data, -exponent, xp=xp)
    stored = make_csr(scaled, columns, starts, tuple(a.shape), xp=xp)
    product = LinearMap(stored)
    like = xp.empty((0, 0), dtype=data.dtype, device=device_of(data))
    adjoint = product.adjoint
    return Operand(
        product.shape, lambda x: product @ x, lambda y: adjoint @ y, like, stored, exponent, xp
    )


def _of_map(a: LinearMap) -> Operand:
    xp = a.xp
    like = xp.empty((0, 0), dtype=a.dtype, device=a.device)

    def adjoint_times(y: Array) -> Array:  # a map may have no adjoint, which only products tell
        return xp.astype(a.adjoint @ y, a.dtype, copy=False)

    def times(x: Array) -> Array:
        return xp.astype(a @ x, a.dtype, copy=False)

    return Operand(a.shape, times, adjoint_times, like, None, 0, xp)
