"""Cholesky decomposition with diagonal pivoting, row by row.

Legend: A = L Lᴴ, rows of L in the order of A, columns in the order of the pivots; d the diagonal
of what is left of A; p the pivot, the largest number in d.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array


def pivoted_factor(a: Array, chol: Array, order: Array, least: float) -> bool:
    """Write L and the pivots of each matrix ``(k, n, n)``; false when one is not definite.

    A pivot of at most `least` times its diagonal entry of A counts as zero. `chol` comes as zeros.
    """
    a = np.ascontiguousarray(a)
    a = a if a.flags.writeable else a.copy()
    return bool(_run(a, chol, order, least))


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_jit
def _run(a, chol, order, least):  # type: ignore[no-untyped-def]
    good = True
    for k in range(a.shape[0]):
        good = good and _factor(a[k], chol[k], order[k], least)
    return good


@_jit
def _factor(a, chol, order, least):  # type: ignore[no-untyped-def]
    n = a.shape[0]
    d, left = np.empty(n, chol.real.dtype), np.arange(n)
    for i in range(n):
        d[i] = a[i, i].real
    for k in range(n):
        at = k
        for i in range(k + 1, n):
            if d[left[i]] > d[left[at]]:
                at = i
        p = left[at]
        left[at], left[k] = left[k], p
        order[k] = p
        if not least * a[p, p].real < d[p] < np.inf:
            return False
        root = np.sqrt(d[p])
        chol[p, k] = root
        row = chol[p]
        for m in range(k + 1, n):
            i = left[m]
            other, total = chol[i], a[i, p]
            for j in range(k):
                total -= other[j] * np.conj(row[j])
            value = total / root
            other[k] = value
            d[i] -= value.real * value.real + value.imag * value.imag
    return True
