"""Factorized sparse approximate inverses: two sparse products instead of two triangular solves.

Legend: A Hermitian positive definite, n x n; G lower triangular with the nonzero pattern S, row i
of which has the columns Sᵢ, the last being i; L the Cholesky factor of A[Sᵢ, Sᵢ], e its last unit
vector; GᴴG ≈ A⁻¹.
"""

from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import (
    adjoint,
    cholesky,
    describe,
    device_of,
    find_kernel,
    is_array,
    is_complex,
    is_operator,
    is_sparse,
    make_csr,
    namespace_of,
    solve_triangular,
    to_csr,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._definite import Operand, admit_hermitian
from linalgx.relaxation._rows import Rows, arange, compressed, lower_of, lower_of_power, take
from linalgx.typing import Array, MatrixLike, Namespace

__all__ = ["fsai", "fsai_factor"]

CHUNK = 2**22
"""Entries of the small matrices that the generic code holds at a time."""


def fsai(
    a: MatrixLike,
    /,
    pattern: MatrixLike | str = "lower",
    *,
    power: int = 1,
    drop: float = 0.0,
    check_finite: bool = True,
) -> LinearMap:
    """Make a factorized sparse approximate inverse of a positive definite matrix.

    As a preconditioner it is applied by two sparse products, which run in parallel where the
    triangular solves of an incomplete factorization do not. Each row is found by itself.

    Parameters
    ----------
    a : sparse container or array, shape (n, n)
        Hermitian positive definite.
    pattern : str, or sparse container or array, shape (n, n)
        ``"lower"``, the places where the lower triangle of `a` is not zero, or the places of
        nonzero entries of a matrix, of which the lower triangle counts. The diagonal is added.
    power : int
        ``"lower"`` of this power of the pattern. More entries, fewer iterations.
    drop : float
        Entries no larger than drop·√(a_ii a_jj) do not count for ``"lower"``.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        GᴴG, Hermitian positive definite.

    Raises
    ------
    TypeError
        `a` is an operator, whose entries are not known.
    ValueError
        `a` is not Hermitian, or the pattern has another shape.
    LinAlgError
        `a` is not positive definite.

    See Also
    --------
    fsai_factor : The factor G by itself.
    polynomial_preconditioner : Needs products with `a` only.

    Notes
    -----
    **Method.** Row i of G solves A[Sᵢ, Sᵢ] y = e and is yᴴ/√y_last: the last row of L⁻¹. Then
    the diagonal of GAGᴴ is 1, and among all factors of this pattern with that property G has the
    least condition number in the sense of Kaporin.

    **Cost.** k³/3 multiplications for a row of k entries. The map stores G and Gᴴ, and applying
    it takes two operations for each entry of both.

    **Accuracy.** The diagonal of GAGᴴ to about eps·κ(A[Sᵢ, Sᵢ]). Poisson's equation with 63 x 63
    unknowns takes 110 iterations of conjugate gradients instead of 191; with power 2 and 2.3
    times as many entries 78, with power 3 and 4.2 times as many 60.

    **Backends.** See :doc:`/backends`; rows of equal length are solved together where there is no
    kernel.

    References
    ----------
    Kolotilina and Yeremin, Factorized sparse approximate inverse preconditionings I, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.asarray([[4.0, 2.0], [2.0, 5.0]])
    >>> m = lx.relaxation.fsai(a)
    >>> print(np.allclose(m @ a, np.eye(2)))
    True
    """
    operand = _admit(a, check_finite=check_finite)
    g, xp = _factor(operand, pattern, power, drop), operand.xp
    scale = 2.0**-operand.exponent
    gh = to_csr(g.conj().transpose()) if is_sparse(g) else adjoint(g, xp=xp)
    return operand.mapped(lambda x: (gh @ (g @ x)) * scale)


def fsai_factor(
    a: MatrixLike,
    /,
    pattern: MatrixLike | str = "lower",
    *,
    power: int = 1,
    drop: float = 0.0,
    check_finite: bool = True,
) -> Any:
    """Return the factor G of a factorized sparse approximate inverse, GᴴG ≈ A⁻¹.

    To look at it, to store it, or to update it. Solvers take `fsai`.

    Parameters
    ----------
    a : sparse container or array, shape (n, n)
        Hermitian positive definite.
    pattern : str, or sparse container or array, shape (n, n)
        As for `fsai`.
    power : int
        As for `fsai`.
    drop : float
        As for `fsai`.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    sparse container or array
        G, lower triangular, in CSR format for sparse input, an array for an array.

    Raises
    ------
    TypeError
        `a` is an operator, whose entries are not known.
    ValueError
        `a` is not Hermitian, or the pattern has another shape.
    LinAlgError
        `a` is not positive definite.

    See Also
    --------
    fsai : The preconditioner.

    Notes
    -----
    **Method.** See `fsai`.

    **Cost.** k³/3 multiplications for a row of k entries; the memory of the pattern.

    **Accuracy.** diag(GAGᴴ) = 1 to about eps·κ(A[Sᵢ, Sᵢ]).

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Kolotilina and Yeremin, Factorized sparse approximate inverse preconditionings I, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.asarray([[4.0, 2.0], [2.0, 5.0]])
    >>> g = lx.relaxation.fsai_factor(a)
    >>> print(np.round(g @ a @ g.mT, 12))
    [[1. 0.]
     [0. 1.]]
    """
    operand = _admit(a, check_finite=check_finite)
    half, odd = divmod(operand.exponent, 2)
    return _factor(operand, pattern, power, drop) * (2.0**-half * (0.5**0.5 if odd else 1.0))


def _admit(a: MatrixLike, *, check_finite: bool) -> Operand:
    if is_operator(a):
        raise TypeError(
            f"a must be a dense or sparse array, got {describe(a)}; polynomial_preconditioner "
            f"needs products only"
        )
    return admit_hermitian(a, "a", check_finite=check_finite)


def _factor(operand: Operand, pattern: Any, power: int, drop: float) -> Any:
    """G for the matrix at unit scale."""
    xp, a = operand.xp, operand.entries
    power, drop = admit_integer(power, "power", 1), admit_real(drop, "drop")
    if operand.n == 0:
        return a
    entries = compressed(a, xp=xp)
    if isinstance(pattern, str):
        if pattern != "lower":
            raise ValueError(f"pattern must be one of 'lower' or a matrix, got {pattern!r}")
        s = lower_of_power(entries, power, drop, dense=operand.is_dense, xp=xp)
    else:
        s = lower_of(_admit_pattern(pattern, operand), xp=xp)
    solve_rows = find_kernel("fsai_rows", xp) or generic_rows
    data, failed = solve_rows(entries.data, entries.columns, entries.starts, s.columns, s.starts)
    if failed >= 0:
        raise LinAlgError(f"a is not positive definite on the pattern of row {failed}")
    if operand.is_dense:
        return Rows(s.columns, s.starts, data).expanded(xp=xp)
    columns, starts = (
        xp.astype(x, entries.columns.dtype, copy=False) for x in (s.columns, s.starts)
    )
    return make_csr(data, columns, starts, operand.a.shape, xp=xp)


def _admit_pattern(pattern: Any, operand: Operand) -> Rows:
    """Places where a matrix of the user is not zero."""
    sparse, xp = is_sparse(pattern), operand.xp
    if not (sparse or is_array(pattern)):
        raise TypeError(
            f"pattern must be 'lower', or a dense or sparse array, got {describe(pattern)}"
        )
    if tuple(pattern.shape) != operand.a.shape:
        raise ValueError(
            f"pattern must have the shape of a, {operand.a.shape}, got {tuple(pattern.shape)}"
        )
    pattern = to_csr(pattern) if sparse else pattern
    if namespace_of(pattern.data if sparse else pattern) is not xp:
        raise TypeError("pattern and a are of two libraries; move one with linalgx.to_backend")
    rows = compressed(pattern, xp=xp)
    return rows.kept(rows.data != 0, xp=xp)


def generic_rows(
    data: Array, columns: Array, starts: Array, chosen: Array, first: Array
) -> tuple[Array, int]:
    """Solve rows of equal length together; the arguments are those of the kernel.

    Returns the entries of G on the pattern (chosen, first), and the row that failed, or −1.
    """
    xp = namespace_of(data)
    a, s = Rows(columns, starts, data), Rows(chosen, first)
    counts = first[1:] - first[:-1]
    values, places = [], []
    for k in sorted(set(to_host(counts).tolist())):
        rows = xp.nonzero(counts == k)[0]
        step = max(1, CHUNK // k**2)
        for begin in range(0, rows.shape[0], step):
            part = rows[begin : min(begin + step, rows.shape[0])]
            place = take(s.starts, part, xp=xp)[:, None] + arange(k, s.starts, xp=xp)
            here = take(s.columns, place, xp=xp)
            block = a.lookup(here[:, :, None], here[:, None, :], xp=xp)
            try:
                values.append(_last_rows(block, xp=xp))
            except LinAlgError:
                return data, _failed(block, part, xp=xp)
            places.append(xp.reshape(place, (-1,)))
    order = xp.argsort(xp.concat(places))
    return xp.take(xp.concat(values), order, axis=0), -1


def _last_rows(block: Array, *, xp: Namespace) -> Array:
    """Last rows of the inverse Cholesky factors, one after the other."""
    factor = cholesky(block, xp=xp)
    k = block.shape[-1]
    e = xp.zeros((*block.shape[:-1], 1), dtype=block.dtype, device=device_of(block))
    last = arange(k, e, xp=xp)[:, None] == k - 1
    e = xp.where(last, xp.ones_like(e), e)
    z = solve_triangular(factor, e, lower=True, adjoint=True, xp=xp)
    return xp.reshape(xp.conj(z) if is_complex(z, xp=xp) else z, (-1,))


def _failed(block: Array, rows: Array, *, xp: Namespace) -> int:
    """Row of the first matrix of a batch that is not positive definite."""
    for k in range(block.shape[0]):
        try:
            cholesky(block[k, ...], xp=xp)
        except LinAlgError:
            return int(rows[k])
    return int(rows[0])
