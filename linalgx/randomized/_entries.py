"""A positive semidefinite matrix by its diagonal, a few columns and small blocks.

Legend: A = 4^e Ã, so that F of Ã is 2^-e that of A.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from linalgx._core.scaling import extreme_exponent
from linalgx.backend import (
    adjoint,
    as_matrix,
    as_vector,
    describe,
    device_of,
    host_float,
    is_array,
    is_complex,
    is_operator,
    is_sparse,
    require_finite,
    times_power_of_two,
)
from linalgx.typing import Array, DType, Namespace


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of Ã on demand.

    Attributes
    ----------
    diagonal : Array
        Real, shape (n,).
    columns, block : callable
        Take s indices to shape (n, s), and to shape (s, s).
    dtype : dtype
        Of an empty factor.
    half : int
        The exponent e.
    xp : namespace
        Array library.
    """

    diagonal: Array
    columns: Callable[[Array], Array]
    block: Callable[[Array], Array]
    dtype: DType
    half: int
    xp: Namespace

    @property
    def n(self) -> int:
        """Order of the matrix."""
        return int(self.diagonal.shape[0])

    def indices(self, values: Sequence[int]) -> Array:
        """Return an integer array beside the entries."""
        xp = self.xp
        return xp.asarray(list(values), dtype=xp.int64, device=device_of(self.diagonal))

    def unscaled(self, f: Array) -> Array:
        """Return the factor of A."""
        return times_power_of_two(f, self.half, xp=self.xp)


def admit_entries(a: Any, diagonal: Any, *, check_finite: bool) -> Entries:
    """Pass a matrix, or a function of rows and columns, through the gate."""
    if callable(a) and not (is_array(a) or is_sparse(a) or is_operator(a)):
        return _of_function(a, diagonal, check_finite=check_finite)
    if diagonal is not None:
        raise ValueError(f"diagonal belongs to a function, got it beside {describe(a)}")
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    if a.ndim > 2:
        raise ValueError(f"a must be one matrix, shape (n, n), got shape {tuple(a.shape)}")
    d = _real(xp.linalg.diagonal(a), xp=xp)
    half = _half_exponent(d, xp=xp)

    def columns(places: Array) -> Array:  # rows lie together in memory
        return adjoint(scaled(xp.take(a, places, axis=0)), xp=xp)

    def block(places: Array) -> Array:
        return scaled(xp.take(xp.take(a, places, axis=0), places, axis=1))

    def scaled(x: Array) -> Array:
        return times_power_of_two(x, -2 * half, xp=xp)

    return Entries(scaled(d), columns, block, a.dtype, half, xp)


def _of_function(
    function: Callable[[Array, Array], Array], diagonal: Any, *, check_finite: bool
) -> Entries:
    if diagonal is None:
        raise ValueError("diagonal must be given beside a function, got None")
    xp, d = as_vector(diagonal, "diagonal", check_finite=check_finite)
    if d.ndim != 1:
        raise ValueError(f"diagonal must be one vector, shape (n,), got shape {tuple(d.shape)}")
    d = _real(d, xp=xp)
    half = _half_exponent(d, xp=xp)
    everything = xp.arange(d.shape[0], dtype=xp.int64, device=device_of(d))

    def asked(rows: Array, columns: Array) -> Array:
        x, shape = function(rows, columns), (rows.shape[0], columns.shape[0])
        if not is_array(x) or tuple(x.shape) != shape:
            raise ValueError(f"a must return arrays of shape {shape} here, got {describe(x)}")
        if not is_complex(x, xp=xp):
            x = xp.astype(x, d.dtype, copy=False)
        if check_finite:
            require_finite(x, "what a returns", xp=xp)
        return times_power_of_two(x, -2 * half, xp=xp)

    return Entries(
        times_power_of_two(d, -2 * half, xp=xp),
        lambda places: asked(everything, places),
        lambda places: asked(places, places),
        d.dtype,
        half,
        xp,
    )


def _real(d: Array, *, xp: Namespace) -> Array:
    """Return the real diagonal; `ValueError` for a negative entry."""
    d = xp.real(d) if is_complex(d, xp=xp) else d
    least = host_float(xp.min(d)) if d.shape[0] else 0.0
    if least < 0.0:
        raise ValueError(f"a must be positive semidefinite, got the diagonal entry {least}")
    return d


def _half_exponent(d: Array, *, xp: Namespace) -> int:
    return extreme_exponent(d[None, :], xp=xp) // 2
