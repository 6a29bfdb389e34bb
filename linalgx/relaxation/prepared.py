"""A matrix made ready for many solves: sorted rows, known diagonal, remembered orderings.

In a time loop the values of a matrix change and its pattern stays. What depends on the pattern
only (colours, levels, positions) is found once.
"""

from math import ldexp
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import (
    as_matrix,
    as_operand,
    block_product,
    csr_parts,
    describe,
    device_of,
    host_array,
    is_complex,
    is_operator,
    is_sparse,
    make_csr,
    require_finite,
    times_power_of_two,
    to_csr,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Device, DType, MatrixLike

__all__ = ["PreparedMatrix", "prepare"]

ON_ZERO = {"raise": False, "skip": True}
"""Whether rows without a diagonal entry are left out of the sweeps."""


class PreparedMatrix:
    """A square matrix with sorted rows and a known diagonal, made by `prepare`.

    Parameters
    ----------
    matrix : sparse container in CSR format, or array, shape (n, n)
        Checked, with sorted rows and without duplicates: what `prepare` sees to.
    block_size : int
        See below.
    diag_shift : float
        See `prepare`.
    skip : bool
        Whether rows without a diagonal entry are left out of the sweeps.

    Attributes
    ----------
    matrix : sparse container in CSR format, or array, shape (n, n)
        What products are computed with.
    inverse_diagonal : Array, shape (n,)
        Reciprocals of the diagonal, with `diag_shift` added before; zero in skipped rows.
    xp : namespace
        Array library of operands and products.
    block_size : int
        Order of the blocks of a matrix that came in BSR format, else 1.

    See Also
    --------
    prepare : Makes it.

    Examples
    --------
    >>> import linalgx as lx
    >>> a = lx.relaxation.prepare(lx.gallery.poisson2d(3))
    >>> print(a.shape, a.update_values(2 * a.matrix.data).inverse_diagonal[0])
    (9, 9) 0.125
    """

    __slots__ = (
        "_options",
        "block_size",
        "in_order",
        "inverse_diagonal",
        "matrix",
        "of_pattern",
        "of_values",
        "xp",
    )

    def __init__(
        self, matrix: Any, /, block_size: int = 1, diag_shift: float = 0.0, skip: bool = False
    ) -> None:
        self.xp, self.matrix = as_operand(matrix, "a", check_finite=False)
        self.block_size = block_size
        self._options = (diag_shift, skip)
        self.in_order = True  # entries are in the order in which the caller stores them
        self.inverse_diagonal = _inverse_diagonal(matrix, diag_shift, skip)
        # Found on demand by the orderings: what depends on the pattern, and on the values.
        self.of_pattern: dict[Any, Any] = {}
        self.of_values: dict[Any, Any] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    @property
    def dtype(self) -> DType:
        """Type of the entries."""
        return self.matrix.dtype

    @property
    def device(self) -> Device:
        """Where operands have to be."""
        return device_of(self.inverse_diagonal)

    @property
    def diag_shift(self) -> float:
        """What is added to the diagonal where sweeps divide by it."""
        return self._options[0]

    @property
    def is_sparse(self) -> bool:
        """Whether the matrix is stored by its nonzero entries."""
        return is_sparse(self.matrix)

    def __matmul__(self, x: Array) -> Array:
        """Multiply with a vector (n,) or a block (n, k)."""
        return block_product(self.matrix, x)

    def __repr__(self) -> str:
        kind = f"{self.matrix.nnz} stored entries" if self.is_sparse else "dense"
        return f"PreparedMatrix {self.shape[0]}×{self.shape[1]}, {self.dtype}, {kind}"

    def update_values(self, data: MatrixLike, *, check_finite: bool = True) -> "PreparedMatrix":
        """Give the matrix new values; its pattern stays.

        Parameters
        ----------
        data : array, shape (nnz,), or matrix of the same pattern, shape (n, n)
            New entries in the order of the attribute ``matrix.data``, or a matrix to take them
            from: only the latter where `prepare` had to sort the entries.
        check_finite : bool
            Whether to look for NaN and Inf.

        Returns
        -------
        PreparedMatrix
            Itself.

        Raises
        ------
        ValueError
            Shape or pattern differ, or the new values are complex and the old ones real. The old
            values are then kept.
        LinAlgError
            A diagonal entry is zero. The old values are then kept.
        """
        matrix = self._refilled(data, check_finite)
        inverse_diagonal = _inverse_diagonal(matrix, *self._options)
        self.matrix, self.inverse_diagonal = matrix, inverse_diagonal
        self.of_values = {}
        return self

    def astype(self, dtype: DType) -> "PreparedMatrix":
        """Return the same matrix in another dtype; itself when nothing changes."""
        if dtype == self.dtype:
            return self
        key = ("astype", str(dtype))
        if key not in self.of_values:
            xp = self.xp
            cast = self.matrix.astype(dtype) if self.is_sparse else xp.astype(self.matrix, dtype)
            new = PreparedMatrix(cast, self.block_size, *self._options)
            new.of_pattern = self.of_pattern
            self.of_values[key] = new
        found: PreparedMatrix = self.of_values[key]
        return found

    def scaled(self, exponent: int) -> "PreparedMatrix":
        """Return 2^exponent times the matrix."""
        key = ("scaled", exponent)
        if key not in self.of_values:
            xp, (diag_shift, skip) = self.xp, self._options
            if self.is_sparse:
                data, indices, indptr = csr_parts(self.matrix)
                data = times_power_of_two(data[:, None], exponent, xp=xp)[:, 0]
                matrix = make_csr(data, indices, indptr, self.shape, xp=xp)
            else:
                matrix = times_power_of_two(self.matrix, exponent, xp=xp)
            new = PreparedMatrix(matrix, self.block_size, ldexp(diag_shift, exponent), skip)
            new.of_pattern = self.of_pattern
            self.of_values[key] = new
        found: PreparedMatrix = self.of_values[key]
        return found

    def _refilled(self, data: MatrixLike, check_finite: bool) -> Any:
        """Matrix of the old pattern with new values."""
        if not self.is_sparse:
            xp, new = as_matrix(data, "data", square=True, check_finite=check_finite)
            self._require(tuple(new.shape) == self.shape, "shape", tuple(new.shape), self.shape)
            return self._cast(new)
        old, indices, indptr = csr_parts(self.matrix)
        if is_sparse(data):
            xp, new = as_operand(data, "data", check_finite=check_finite)
            new = to_csr(new)
            same = new.shape == self.shape and new.nnz == self.matrix.nnz
            self._require(same, "pattern", f"{new.shape}, {new.nnz} entries", repr(self))
            values, columns, starts = csr_parts(new)
            same = bool(xp.all(columns == indices)) and bool(xp.all(starts == indptr))
            self._require(same, "pattern", "other places", "those of the prepared matrix")
            return make_csr(self._cast(values), indices, indptr, self.shape, xp=xp)
        xp, values = self.xp, data
        if not self.in_order:
            raise ValueError(
                f"data must be a matrix, because prepare had to sort the entries of a, "
                f"got {describe(data)}; or prepare a matrix in CSR format with sorted rows"
            )
        self._require(
            getattr(values, "shape", None) == old.shape,
            "shape",
            getattr(values, "shape", describe(values)),
            old.shape,
        )
        if check_finite:
            require_finite(values, "data", xp=xp)
        values = xp.astype(self._cast(values), self.dtype)  # a copy: callers go on to change data
        return make_csr(values, indices, indptr, self.shape, xp=xp)

    def _cast(self, data: Array) -> Array:
        """Values in the dtype of the matrix, which an update keeps."""
        xp = self.xp
        lost = is_complex(data, xp=xp) and not xp.isdtype(self.dtype, "complex floating")
        self._require(not lost, "dtype", data.dtype, self.dtype)
        return xp.astype(data, self.dtype, copy=False)

    @staticmethod
    def _require(same: bool, what: str, came: object, wanted: object) -> None:
        if not same:
            raise ValueError(f"data must keep the {what} {wanted}, got {came}; prepare it anew")


def prepare(
    a: MatrixLike,
    /,
    *,
    diag_shift: float = 0.0,
    on_zero: str = "raise",
    check_finite: bool = True,
) -> PreparedMatrix:
    """Make a matrix ready for many solves.

    Every solver of this family does this by itself. Do it once, by hand, when several systems
    share a matrix or its pattern, as in a time loop.

    Parameters
    ----------
    a : sparse container or array, shape (n, n)
        Rows are sorted and duplicates added up, in a copy where that is needed.
    diag_shift : float
        Added to the diagonal where the sweeps divide by it; products keep the matrix as it is.
    on_zero : str
        ``"raise"`` refuses rows whose diagonal entry is zero or missing, ``"skip"`` leaves them
        out of the sweeps.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    PreparedMatrix
        Accepted wherever `a` is, with ``update_values(data)`` for new values.

    Raises
    ------
    TypeError
        `a` has no rows to sweep over, as an operator.
    LinAlgError
        A diagonal entry is zero; the message names the rows.

    See Also
    --------
    sor : Uses it.

    Notes
    -----
    **Method.** Compressed rows, sorted, without duplicates; the reciprocals of the diagonal.

    **Cost.** One pass over the entries; a copy of them only when they were not sorted. Entries
    are kept by reference: do not change them in place, use ``update_values``.

    **Accuracy.** Exact.

    **Backends.** See :doc:`/backends`; sparse containers of SciPy and CuPy, dense arrays of all.

    References
    ----------
    .. [1] D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press, 1971.

    Examples
    --------
    >>> import linalgx as lx
    >>> lx.relaxation.prepare(lx.gallery.poisson2d(3))
    PreparedMatrix 9×9, float64, 33 stored entries
    """
    diag_shift = admit_real(diag_shift, "diag_shift", -float("inf"))
    skip = choose(on_zero, ON_ZERO, "on_zero")
    if isinstance(a, PreparedMatrix):
        asked = diag_shift != 0.0 or skip
        if not asked:
            return a
        made = PreparedMatrix(a.matrix, a.block_size, diag_shift, skip)
        made.in_order = a.in_order
        return made
    if is_operator(a):
        raise TypeError(
            f"a must be a dense or sparse array, got {describe(a)}; it has no rows to sweep over, "
            f"but cg and chebyshev need products only"
        )
    _, a = as_operand(a, "a", check_finite=check_finite)
    if len(a.shape) != 2:
        raise ValueError(f"a must be one matrix, shape (n, n), got shape {tuple(a.shape)}")
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"a must be square, shape (n, n), got {tuple(a.shape)}")
    if not is_sparse(a):
        return PreparedMatrix(a, 1, diag_shift, skip)
    block_size = int(a.blocksize[0]) if a.format == "bsr" else 1
    matrix = to_csr(a)
    made = PreparedMatrix(matrix, block_size, diag_shift, skip)
    made.in_order = matrix is a
    return made


def _inverse_diagonal(matrix: Any, diag_shift: float, skip: bool) -> Array:
    """Reciprocals of the shifted diagonal, zeros where it is zero; or say where it is."""
    xp, _ = as_operand(matrix, "a", check_finite=False)
    d = matrix.diagonal() if is_sparse(matrix) else xp.linalg.diagonal(matrix)
    if diag_shift:
        d = d + diag_shift
    zero = d == 0
    if not bool(xp.any(zero)):
        return 1.0 / d
    if not skip:
        rows = host_array(to_host(xp.nonzero(zero)[0])).astype(int).tolist()
        shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
        raise LinAlgError(
            f"a has a zero or missing diagonal entry in {len(rows)} rows ({shown}); "
            f"reorder it, or use prepare(a, diag_shift=...) or prepare(a, on_zero='skip')"
        )
    one = xp.ones_like(d)
    return xp.where(zero, xp.zeros_like(d), one / xp.where(zero, one, d))
