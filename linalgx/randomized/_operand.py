"""The gate for matrices of which products suffice.

Legend: A = 2^e Ã; the operand is Ã, whose entries are far from the limits of the precision. Batches
are dense; each matrix of a batch is an operand of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from linalgx._core.batching import flatten_batch
from linalgx._core.norms import frobenius
from linalgx._core.scaling import exponent_of
from linalgx.backend import adjoint as conjugate_transpose
from linalgx.backend import (
    adjoint_product,
    as_operand,
    block_product,
    csr_parts,
    device_of,
    host_float,
    is_operator,
    is_sparse,
    lies_by_columns,
    make_csr,
    quiet,
    real_dtype,
    require_finite,
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
    norm : float, optional
        Frobenius norm at unit scale, where the entries are stored.
    """

    shape: tuple[int, int]
    times: Product
    adjoint_times: Product
    like: Array
    stored: MatrixLike | None
    exponent: int
    xp: Namespace
    norm: float | None = None
    is_sparse: bool = False

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
    xp, a = as_operand(a, name, check_finite=False)
    if square and a.shape[-1] != a.shape[-2]:
        shape = "(n, n)" if is_sparse(a) or is_operator(a) else "(..., n, n)"
        raise ValueError(f"{name} must be square, shape {shape}, got {tuple(a.shape)}")
    if is_operator(a):
        return [_of_map(a if isinstance(a, LinearMap) else LinearMap(a))], ()
    if is_sparse(a):
        return [_of_sparse(a, name, check_finite, xp=xp)], ()
    flat, batch = flatten_batch(a, xp=xp)
    if prod(batch) == 0:
        flat = xp.zeros((1, *a.shape[-2:]), dtype=a.dtype, device=device_of(a))
    norms = [_finite_norm(flat[k, ...], xp=xp) for k in range(flat.shape[0])]
    if check_finite and None in norms:  # an entry is not finite, or only its square
        require_finite(a, name, xp=xp)
    parts = [_of_dense(flat[k, ...], norm, xp=xp) for k, norm in enumerate(norms)]
    return parts, batch


def _finite_norm(a: Array, *, xp: Namespace) -> float | None:
    """Frobenius norm of one matrix if neither that nor fourth powers of it are near the limits.

    One pass over the entries: a finite sum of squares has finite terms.
    """
    if 0 in a.shape:
        return 0.0
    rows = a.mT if lies_by_columns(a, xp=xp) else a
    with quiet():
        norm = host_float(frobenius(rows, xp=xp))
    usual = 2.0**10 if real_dtype(a, xp=xp) == xp.float32 else 2.0**100
    return norm if 1.0 / usual <= norm <= usual else None


def _to_unit_scale(a: Array, norm: float | None, *, xp: Namespace) -> tuple[Array, int, float]:
    """Return the matrix, its exponent and its norm, scaled where that is needed."""
    if norm is not None:
        return a, 0, norm
    exponent = exponent_of(a, xp=xp)
    a = times_power_of_two(a, -exponent, xp=xp)
    return a, exponent, host_float(frobenius(a, xp=xp)) if 0 not in a.shape else 0.0


def _of_dense(a: Array, norm: float | None, *, xp: Namespace) -> Operand:
    a, exponent, norm = _to_unit_scale(a, norm, xp=xp)

    def adjoint_times(y: Array) -> Array:
        # The block is conjugated, which is the smaller one; products from the left are also
        # faster by a sixth for the usual row-major order.
        return conjugate_transpose(conjugate_transpose(y, xp=xp) @ a, xp=xp)

    shape = (int(a.shape[0]), int(a.shape[1]))
    return Operand(shape, lambda x: a @ x, adjoint_times, a[:0, :0], a, exponent, xp, norm)


def _of_sparse(a: MatrixLike, name: str, check_finite: bool, *, xp: Namespace) -> Operand:
    data, columns, starts = csr_parts(to_csr(a))
    norm = _finite_norm(data[None, :], xp=xp)
    if check_finite and norm is None:
        require_finite(data, f"the stored entries of {name}", xp=xp)
    scaled, exponent, norm = _to_unit_scale(data[None, :], norm, xp=xp)
    stored = make_csr(scaled[0, :], columns, starts, tuple(a.shape), xp=xp)
    product = _unchecked_map(stored, xp=xp)
    like = xp.empty((0, 0), dtype=data.dtype, device=device_of(data))
    adjoint = product.adjoint
    return Operand(
        *(product.shape, lambda x: product @ x, lambda y: adjoint @ y, like),
        *(stored, exponent, xp, norm),
        is_sparse=True,
    )


def _unchecked_map(a: MatrixLike, *, xp: Namespace) -> LinearMap:
    """Map of a sparse container that may hold NaN."""
    return LinearMap.from_callables(
        (int(a.shape[0]), int(a.shape[1])),
        lambda x: block_product(a, x),
        lambda y: adjoint_product(a, y),
        xp=xp,
        device=device_of(a.data),
        dtype=a.dtype,
    )


def _of_map(a: LinearMap) -> Operand:
    xp = a.xp
    like = xp.empty((0, 0), dtype=a.dtype, device=a.device)

    def adjoint_times(y: Array) -> Array:  # a map may have no adjoint, which only products tell
        return xp.astype(a.adjoint @ y, a.dtype, copy=False)

    def times(x: Array) -> Array:
        return xp.astype(a @ x, a.dtype, copy=False)

    return Operand(a.shape, times, adjoint_times, like, None, 0, xp)
