"""Toeplitz matrices as products by FFT, and two preconditioners for them.

Legend: t_k = entry of the k-th diagonal below the main one, f(θ) = Σ t_k exp(ikθ) the symbol,
L = length of the circular convolution, S = sine matrix with entries sin(ijπ/(n + 1)).
"""

from collections.abc import Callable

from linalgx._core.scaling import extreme_exponent
from linalgx.backend import (
    as_arrays,
    device_of,
    eps,
    host_float,
    is_complex,
    real_dtype,
    times_power_of_two,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._fourier import by_parts, sine_transform, smooth_length
from linalgx.typing import Array, Namespace


def toeplitz(column: Array, row: Array | None = None, /, *, check_finite: bool = True) -> LinearMap:
    """Make the map of a Toeplitz matrix, whose diagonals are constant, with products by FFT.

    For shift-invariant operators on a regular grid: fractional derivatives, convolutions,
    covariances of stationary processes. The matrix is never formed.

    Parameters
    ----------
    column : array, shape (m,)
        First column.
    row : array, shape (n,), optional
        First row; its first entry is not looked at. ``None`` makes the matrix Hermitian, with
        the conjugate of `column`, whose first entry must then be real.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        Shape ``(m, n)``, with adjoint.

    Raises
    ------
    ValueError
        No vector, or a diagonal that is not real where the matrix is to be Hermitian.

    See Also
    --------
    tau_preconditioner, circulant_preconditioner : Preconditioners for it.
    linalgx.gallery.riesz_column : A column to try.

    Notes
    -----
    **Method.** The matrix is a corner of a circulant matrix of order L ≥ m + n − 1, which the
    FFT makes diagonal. L is the next number without prime factors above 5.

    **Cost.** Two FFTs of length L for each column, 8 to 10 L log₂ L flops for real numbers; no
    array beyond the transformed block.

    **Accuracy.** ‖y − T x‖ is a small multiple of eps log L ‖t‖₂ ‖x‖₂: small relative to the
    largest diagonal, not to each entry of y.

    **Backends.** See :doc:`/backends`; the library needs the ``fft`` extension.

    References
    ----------
    Golub and Van Loan, Matrix Computations, 2013, section 4.8.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> t = lx.relaxation.toeplitz(np.asarray([2.0, -1.0, 0.0, 0.0]))
    >>> print((t @ np.asarray([1.0, 2.0, 3.0, 4.0])).round(12) + 0.0)
    [0. 0. 0. 5.]
    """
    xp, column, row, exponent = _admit(column, row, check_finite=check_finite)
    m, n = column.shape[0], row.shape[0]
    if m == 0 or n == 0:
        return _empty_map(m, n, column, xp=xp)
    length = smooth_length(m + n - 1)
    gap = xp.zeros(length - m - n + 1, dtype=column.dtype, device=device_of(column))
    spectrum = _transform(xp.concat([column, gap, xp.flip(row[1:])])[:, None], length, xp=xp)
    adjoint = xp.conj(spectrum)
    return LinearMap.from_callables(
        (m, n),
        lambda x: _convolve(spectrum, x, length, exponent, like=column, xp=xp)[:m, :],
        lambda x: _convolve(adjoint, x, length, exponent, like=column, xp=xp)[:n, :],
        xp=xp,
        device=device_of(column),
        dtype=column.dtype,
    )


def circulant_preconditioner(
    column: Array, row: Array | None = None, /, *, check_finite: bool = True
) -> LinearMap:
    """Make T. Chan's circulant preconditioner of a Toeplitz matrix.

    The circulant matrix nearest to T in the Frobenius norm, inverted. Good where the symbol has
    no zero; near a zero `tau_preconditioner` needs far fewer steps.

    Parameters
    ----------
    column : array, shape (n,)
        First column of the Toeplitz matrix T.
    row : array, shape (n,), optional
        First row, as for `toeplitz`; ``None`` stands for a Hermitian T.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        The inverse C⁻¹, of shape ``(n, n)``; positive definite when T is.

    Raises
    ------
    ValueError
        `row` has another length than `column`; or as for `toeplitz`.
    LinAlgError
        C is singular up to rounding.

    See Also
    --------
    tau_preconditioner : The better one for real symmetric matrices of differential operators.

    Notes
    -----
    **Method.** C has the first column c_k = ((n − k) t_k + k t_{k−n})/n; the FFT makes it
    diagonal.

    **Cost.** Two FFTs of length n for each column; n eigenvalues are kept.

    **Accuracy.** Products carry a small multiple of eps log n. For the Riesz derivative of order
    1.8 with n = 255, 1023, 4095, CG takes 14, 21, 30 steps (to 1e-8; without it 124, 437, 1528).

    **Backends.** See :doc:`/backends`; the library needs the ``fft`` extension.

    References
    ----------
    T. Chan, An Optimal Circulant Preconditioner for Toeplitz Systems, SIAM J. Sci. Stat.
    Comput., 1988.

    Examples
    --------
    >>> import linalgx as lx
    >>> t = lx.gallery.riesz_column(1023)
    >>> lx.relaxation.circulant_preconditioner(t).shape
    (1023, 1023)
    """
    xp, column, row, exponent = _admit(column, row, check_finite=check_finite)
    n = column.shape[0]
    if row.shape[0] != n:
        raise ValueError(f"row must have as many entries as column, {n}, got {row.shape[0]}")
    if n == 0:
        return _empty_map(n, n, column, xp=xp)
    share = xp.arange(n, dtype=real_dtype(column, xp=xp), device=device_of(column)) / float(n)
    wrapped = xp.concat([column[:1], xp.flip(row[1:])])
    chan = (1.0 - share) * column + share * wrapped
    spectrum = _transform(chan[:, None], n, xp=xp)
    _require_regular(xp.abs(spectrum), column, "circulant", xp=xp)
    inverse = 1.0 / spectrum
    adjoint = xp.conj(inverse)
    return LinearMap.from_callables(
        (n, n),
        lambda x: _convolve(inverse, x, n, -exponent, like=column, xp=xp),
        lambda x: _convolve(adjoint, x, n, -exponent, like=column, xp=xp),
        xp=xp,
        device=device_of(column),
        dtype=column.dtype,
    )


def tau_preconditioner(
    column: Array,
    /,
    *,
    symbol: Callable[[Array], Array] | None = None,
    check_finite: bool = True,
) -> LinearMap:
    """Make the τ preconditioner of a real symmetric Toeplitz matrix.

    The first choice for matrices of differential and fractional operators, whose symbol vanishes
    at zero: the number of steps of CG hardly grows with n.

    Parameters
    ----------
    column : array, shape (n,)
        First column of the Toeplitz matrix T. Complex arrays must hold real values.
    symbol : callable, optional
        The symbol f as a function of an array of angles θ in (0, π), with positive values.
        ``None`` takes the trigonometric polynomial that `column` defines.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        The inverse of the τ matrix, of shape ``(n, n)``, positive definite.

    Raises
    ------
    ValueError
        `column` is not real, or `symbol` returns another shape.
    LinAlgError
        The symbol is not positive at a node, up to rounding.

    See Also
    --------
    circulant_preconditioner : For Hermitian and for nonsymmetric matrices.

    Notes
    -----
    **Method.** The τ matrix is S diag(f(θ_j)) S · 2/(n + 1) at θ_j = jπ/(n + 1), with the sine
    transform S by an FFT. The symbol of the column itself, t₀ + 2 Σ t_k cos kθ, gives T minus a
    Hankel matrix, the natural τ matrix.

    **Cost.** Two real FFTs of length 2(n + 1) for each column; n eigenvalues are kept.

    **Accuracy.** Products carry a small multiple of eps log n. For the Riesz derivative of order
    1.8 with n = 255, 1023, 4095, CG takes 5, 6, 6 steps (to 1e-8).

    **Backends.** See :doc:`/backends`; the library needs the ``fft`` extension.

    References
    ----------
    Bini and Di Benedetto, A New Preconditioner for the Parallel Solution of Positive Definite
    Toeplitz Systems, 1990. Mazza et al., arXiv 2106.14834, for fractional derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> t = np.asarray([2.0, -1.0, 0.0, 0.0])
    >>> p = lx.relaxation.tau_preconditioner(t)  # T is itself a τ matrix
    >>> print((p @ (lx.relaxation.toeplitz(t) @ np.arange(4.0))).round(12) + 0.0)
    [0. 1. 2. 3.]
    """
    xp, column, _, exponent = _admit(column, None, check_finite=check_finite)
    exponent = exponent if symbol is None else 0
    if is_complex(column, xp=xp) and bool(xp.any(xp.imag(column) != 0.0)):
        raise ValueError("column must be real for a τ preconditioner, got complex values")
    n = column.shape[0]
    if n == 0:
        return _empty_map(n, n, column, xp=xp)
    values = _nodes(column, symbol, xp=xp)
    _require_regular(values, column, "τ", xp=xp)
    scaled = (2.0 / (n + 1)) / values[:, None]

    def apply(x: Array) -> Array:
        y = sine_transform(scaled * sine_transform(x, xp=xp), xp=xp)
        return times_power_of_two(y, -exponent, xp=xp) if exponent else y

    return LinearMap.from_callables(
        (n, n), apply, apply, xp=xp, device=device_of(column), dtype=column.dtype
    )


def _admit(
    column: Array, row: Array | None, *, check_finite: bool
) -> tuple[Namespace, Array, Array, int]:
    """Admit first column and row, the row from the column when it is not given.

    Both are divided by 2^e, e the last item, which is zero unless sums might over- or underflow.
    """
    named = {"column": column} if row is None else {"column": column, "row": row}
    xp, vectors = as_arrays(named, check_finite=check_finite)
    for name, x in zip(named, vectors, strict=True):
        if x.ndim != 1:
            raise ValueError(f"{name} must be one vector, shape (n,), got shape {tuple(x.shape)}")
    exponent = extreme_exponent(xp.concat(vectors)[None, :], xp=xp)
    if exponent:
        vectors = tuple(times_power_of_two(x, -exponent, xp=xp) for x in vectors)
    column = vectors[0]
    if row is not None:
        return xp, column, vectors[1], exponent
    if not is_complex(column, xp=xp):
        return xp, column, column, exponent
    if column.shape[0] > 0 and not bool(xp.imag(column[0]) == 0.0):
        raise ValueError(
            f"column must begin with a real number for a Hermitian matrix, got {column[0]}; "
            f"give row for a matrix that is not"
        )
    return xp, column, xp.conj(column), exponent


def _empty_map(m: int, n: int, like: Array, *, xp: Namespace) -> LinearMap:
    """Return the map without rows or columns."""

    def zeros(rows: int, x: Array) -> Array:
        return xp.zeros((rows, x.shape[1]), dtype=like.dtype, device=device_of(like))

    return LinearMap.from_callables(
        (m, n),
        lambda x: zeros(m, x),
        lambda x: zeros(n, x),
        xp=xp,
        device=device_of(like),
        dtype=like.dtype,
    )


def _transform(x: Array, length: int, *, xp: Namespace) -> Array:
    """Transform columns, padded with zeros; half a spectrum for real ones."""
    return (xp.fft.fft if is_complex(x, xp=xp) else xp.fft.rfft)(x, n=length, axis=0)


def _convolve(
    spectrum: Array, x: Array, length: int, exponent: int, *, like: Array, xp: Namespace
) -> Array:
    """Multiply with 2^e times the circulant matrix of a spectrum, half of one for a real matrix."""

    def real(y: Array) -> Array:
        return xp.fft.irfft(spectrum * _transform(y, length, xp=xp), n=length, axis=0)

    if is_complex(like, xp=xp):
        x = xp.astype(x, xp.result_type(x, like), copy=False)
        y = xp.fft.ifft(spectrum * _transform(x, length, xp=xp), axis=0)
    else:
        y = by_parts(real, x, xp=xp)
    return times_power_of_two(y, exponent, xp=xp) if exponent else y


def _nodes(column: Array, symbol: Callable[[Array], Array] | None, *, xp: Namespace) -> Array:
    """Return the symbol at jπ/(n + 1), j = 1, ..., n, real."""
    n, real = column.shape[0], real_dtype(column, xp=xp)
    if symbol is not None:
        j = xp.arange(1, n + 1, dtype=real, device=device_of(column))
        values = symbol(j * (xp.pi / (n + 1)))
        if tuple(values.shape) != (n,):
            raise ValueError(f"symbol must return shape {(n,)}, got {tuple(values.shape)}")
        return xp.astype(values, real, copy=False)
    t = xp.real(column) if is_complex(column, xp=xp) else column
    gap = xp.zeros(3, dtype=real, device=device_of(column))
    even = xp.concat([t, gap, xp.flip(t[1:])])
    return xp.real(xp.fft.rfft(even))[1 : n + 1]


def _require_regular(values: Array, column: Array, kind: str, *, xp: Namespace) -> None:
    """Raise when the smallest eigenvalue is not above the rounding errors of the transform."""
    least, most = host_float(xp.min(values)), host_float(xp.max(xp.abs(values)))
    bound = eps(column, xp=xp) * most
    if not least > bound:
        raise LinAlgError(
            f"the {kind} preconditioner is singular or indefinite: the smallest eigenvalue is "
            f"{least:.3e}, and {bound:.1e} is rounding; shift the matrix or give its symbol"
        )
