"""Rows of a factorized sparse approximate inverse: one small Cholesky factorization each.

Legend: S the pattern of row i, k columns, the last of them i; L the Cholesky factor of A[S, S];
the row is conj(z), where Lᴴz = e_k. All arithmetic is in double precision.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array


def fsai_rows(
    data: Array, indices: Array, indptr: Array, columns: Array, starts: Array
) -> tuple[Array, int]:
    """Return the entries of G on the pattern (columns, starts), and the row that failed, or −1.

    Both the matrix (data, indices, indptr) and the pattern come as compressed sorted rows.
    """
    wide = np.complex128 if np.iscomplexobj(data) else np.float64
    out = np.zeros(len(columns), dtype=wide)
    places = (_plain(x, np.int64) for x in (indices, indptr, columns, starts))
    failed = _rows(_plain(data, wide), *places, out)
    return out.astype(data.dtype, copy=False), int(failed)


def _plain(x: Array, dtype: Any) -> Array:
    """Contiguous and writable, so that one signature fits all."""
    x = np.ascontiguousarray(x, dtype=dtype)
    return x if x.flags.writeable else x.copy()


_jit: Any = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def _rows(data, indices, indptr, columns, starts, out):  # type: ignore[no-untyped-def]
    n = len(starts) - 1
    most = 0
    for i in range(n):
        most = max(most, starts[i + 1] - starts[i])
    where = np.full(n, -1, np.int64)
    factor = np.empty((most, most), out.dtype)
    for i in range(n):
        first, k = starts[i], starts[i + 1] - starts[i]
        for p in range(k):
            where[columns[first + p]] = p
        _gather(data, indices, indptr, columns[first : first + k], where, factor)
        for p in range(k):
            where[columns[first + p]] = -1
        if not _cholesky(factor, k):
            return i
        _solve(factor, k, out[first : first + k])
    return -1


@_jit
def _gather(data, indices, indptr, chosen, where, factor):  # type: ignore[no-untyped-def]
    """Write the lower triangle of A[S, S]."""
    for p in range(len(chosen)):
        for q in range(p + 1):
            factor[p, q] = 0.0
        for t in range(indptr[chosen[p]], indptr[chosen[p] + 1]):
            q = where[indices[t]]
            if 0 <= q <= p:
                factor[p, q] = data[t]


@_jit
def _cholesky(factor, k):  # type: ignore[no-untyped-def]
    """Factorize in place; false when the block is not positive definite, or not finite."""
    for p in range(k):
        for q in range(p):
            s = factor[p, q]
            for t in range(q):
                s -= factor[p, t] * np.conj(factor[q, t])
            factor[p, q] = s / factor[q, q].real
        d = factor[p, p].real
        for t in range(p):
            d -= factor[p, t].real ** 2 + factor[p, t].imag ** 2
        if not 0.0 < d < np.inf:
            return False
        factor[p, p] = np.sqrt(d)
    return True


@_jit
def _solve(factor, k, row):  # type: ignore[no-untyped-def]
    """Write the last row of the inverse factor."""
    row[k - 1] = 1.0 / factor[k - 1, k - 1].real
    for p in range(k - 2, -1, -1):
        s = row[p] * 0.0
        for t in range(p + 1, k):
            s -= row[t] * factor[t, p]
        row[p] = s / factor[p, p].real
