"""One face for everything that multiplies like a matrix.

`LinearMap` gives dense arrays, sparse containers, SciPy and CuPy linear operators and pairs of
functions the same shape, dtype, ``@`` and ``.adjoint``, and counts the products it was asked for.
"""

from collections.abc import Callable
from operator import index
from typing import Any

from linalgx.backend import (
    adjoint,
    adjoint_product,
    as_operand,
    block_product,
    default_float,
    default_namespace,
    describe,
    device_of,
    is_array,
    is_complex,
    is_operator,
    is_sparse,
    library_name,
    namespace_of,
)
from linalgx.typing import Array, Device, DType, MatrixLike, Namespace

__all__ = ["LinearMap"]

Product = Callable[[Array], Array]


class LinearMap:
    """A matrix known by its products.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (m, n)
        What to multiply with. Sparse containers are never made dense; an operator of SciPy or
        CuPy needs ``rmatmat`` only when the adjoint is used.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Type of the entries.
    device : device, optional
        Where the products are computed; ``None`` stands for the default of the library.
    xp : namespace
        Array library of the operands and the products.
    matmat_count : int
        Products so far, with the map and with its adjoint; a block counts as one.

    See Also
    --------
    linalgx.testing.check_adjoint : Tests that the adjoint fits the map.

    Notes
    -----
    Products are dense arrays, also for sparse matrices. An operator without an adjoint raises
    `TypeError` when, and only when, the adjoint is needed.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.LinearMap(np.diag([1.0, 2.0, 3.0]))
    >>> a @ np.ones(3)
    array([1., 2., 3.])
    >>> a.adjoint.shape, a.matmat_count
    ((3, 3), 1)
    """

    __slots__ = ("_apply", "_apply_adjoint", "_count", "device", "dtype", "shape", "xp")

    def __init__(self, a: MatrixLike, /) -> None:
        if isinstance(a, LinearMap):
            self._set(a.shape, a.dtype, a.device, a.xp, a._apply, a._apply_adjoint)
            return
        xp, a = as_operand(a, "a")
        if len(a.shape) != 2:
            raise ValueError(f"a must be one matrix, shape (m, n), got shape {tuple(a.shape)}")
        apply, apply_adjoint = _products(a, xp=xp)
        whole = bool(xp.isdtype(a.dtype, ("bool", "integral")))  # of an operator: the rest is cast
        dtype = default_float(None, xp=xp) if whole else a.dtype
        device = None if is_operator(a) else device_of(a.data if is_sparse(a) else a)
        self._set((int(a.shape[0]), int(a.shape[1])), dtype, device, xp, apply, apply_adjoint)

    def _set(
        self,
        shape: tuple[int, int],
        dtype: DType,
        device: Device | None,
        xp: Namespace,
        apply: Product,
        apply_adjoint: Product | None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.xp = xp
        self._apply = apply
        self._apply_adjoint = apply_adjoint
        self._count = [0]  # shared with the adjoint

    @classmethod
    def from_callables(
        cls,
        shape: tuple[int, int],
        matmat: Product,
        rmatmat: Product | None = None,
        *,
        xp: Namespace | None = None,
        device: Device | None = None,
        dtype: DType | None = None,
    ) -> "LinearMap":
        """Make a map of two functions.

        Parameters
        ----------
        shape : tuple of int
            Rows m and columns n.
        matmat : callable
            Takes an array of shape (n, k) and returns one of shape (m, k).
        rmatmat : callable, optional
            The adjoint: takes (m, k), returns (n, k).
        xp, device, dtype : optional
            Library, device and type of the products; by default those of `set_backend`.

        Returns
        -------
        LinearMap

        Examples
        --------
        >>> import numpy as np
        >>> import linalgx as lx
        >>> twice = lx.LinearMap.from_callables((2, 2), lambda x: 2 * x)
        >>> twice @ np.ones(2)
        array([2., 2.])
        """
        rows, columns = map(index, shape)
        if rows < 0 or columns < 0:
            raise ValueError(f"shape must hold two non-negative integers, got {shape}")
        xp, device, dtype = default_namespace(xp, device, dtype)
        new = cls.__new__(cls)
        new._set((rows, columns), dtype, device, xp, matmat, rmatmat)
        return new

    @classmethod
    def from_dask(cls, a: Any) -> "LinearMap":
        """Make a map of a chunked Dask array; its workers compute the products.

        Parameters
        ----------
        a : dask.array.Array, shape (m, n)
            Any chunking. Operands and products are NumPy arrays on the host.

        Returns
        -------
        LinearMap

        Raises
        ------
        TypeError
            `a` is not a Dask array of a floating dtype.

        Examples
        --------
        >>> import dask.array as da
        >>> import numpy as np
        >>> import linalgx as lx
        >>> a = lx.LinearMap.from_dask(da.ones((6, 4), chunks=2))
        >>> a @ np.ones(4)
        array([4., 4., 4., 4., 4., 4.])
        """
        if not (hasattr(a, "dask") and hasattr(a, "compute") and len(a.shape) == 2):
            raise TypeError(f"a must be a two-dimensional dask.array.Array, got {describe(a)}")
        return cls.from_callables(
            (int(a.shape[0]), int(a.shape[1])),
            lambda x: (a @ x).compute(),
            lambda x: (a.conj().transpose() @ x).compute(),
            xp="numpy",
            dtype=str(a.dtype),
        )

    @property
    def adjoint(self) -> "LinearMap":
        """The conjugate transpose; it shares the count of products."""
        if self._apply_adjoint is None:
            raise TypeError(
                f"this map of shape {self.shape} has no adjoint; give rmatmat to from_callables"
            )
        new = LinearMap.__new__(LinearMap)
        shape, device = self.shape[::-1], self.device
        new._set(shape, self.dtype, device, self.xp, self._apply_adjoint, self._apply)
        new._count = self._count
        return new

    @property
    def matmat_count(self) -> int:
        """Products so far, with the map and with its adjoint."""
        return self._count[0]

    def __matmul__(self, x: Array) -> Array:
        """Multiply with a vector (n,) or a block (n, k)."""
        if not is_array(x) or namespace_of(x) is not self.xp:
            raise TypeError(f"this map takes {library_name(self.xp)} arrays, got {describe(x)}")
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ValueError(
                f"the operand of a map of shape {self.shape} must have shape "
                f"({self.shape[1]},) or ({self.shape[1]}, k), got {tuple(x.shape)}"
            )
        block = x[:, None] if x.ndim == 1 else x
        y = self._apply(block)
        self._count[0] += 1
        self._require_product(y, block)
        return y[:, 0] if x.ndim == 1 else y

    def _require_product(self, y: Any, block: Array) -> None:
        """Refuse what is no product of this map with a block."""
        if not is_array(y) or namespace_of(y) is not self.xp:
            raise TypeError(
                f"a product of this map must be an array of {library_name(self.xp)}, "
                f"the operator returned {describe(y)}"
            )
        if tuple(y.shape) != (self.shape[0], block.shape[1]):
            raise ValueError(
                f"a product of this map must have shape {(self.shape[0], block.shape[1])}, "
                f"the operator returned {tuple(y.shape)}"
            )
        real = not self.xp.isdtype(self.dtype, "complex floating")
        if real and is_complex(y, xp=self.xp) and not is_complex(block, xp=self.xp):
            raise TypeError(
                f"a product of this map of {self.dtype} must be real, the operator returned "
                f"{y.dtype}; give the map a complex dtype"
            )

    def __repr__(self) -> str:
        m, n = self.shape
        return f"LinearMap {m}×{n}, {self.dtype}, {library_name(self.xp)}"


def _adjoint_product(a: Any) -> Product:
    """Return the product with the adjoint; operators say only when called that they have none."""

    def apply(x: Array) -> Array:
        try:
            return a.rmatmat(x)
        except (AttributeError, NotImplementedError, TypeError) as error:
            raise TypeError(
                f"the {describe(a)} of shape {tuple(a.shape)} cannot multiply with its adjoint; "
                f"give it rmatvec or rmatmat: {error}"
            ) from error

    return apply


def _products(a: Any, *, xp: Namespace) -> tuple[Product, Product | None]:
    """Return the functions for products with `a` and with its adjoint."""
    if is_sparse(a):
        return (lambda x: block_product(a, x)), (lambda x: adjoint_product(a, x))
    if is_operator(a):
        return a.matmat, _adjoint_product(a)
    ah = adjoint(a, xp=xp)
    return (lambda x: a @ x), (lambda x: ah @ x)
