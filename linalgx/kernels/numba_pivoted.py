"""Cholesky decomposition with diagonal pivoting, row by row.

Legend: A = L Lᴴ, rows of L in the order of A, columns in the order of the pivots; d the diagonal
of what is left of A; p the pivot, the largest number in d.
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array


def pivoted_factor(a: Array, chol: Array, order: Array, least: float) -> bool:
    """Write L and the pivots of each matrix ``(k, n, n)``; false when one is not definite.

    A pivot of at most `least` times its diagonal entry of A counts as zero. All arithmetic is in
    double precision.
    """
    wide = np.complex128 if np.iscomplexobj(a) else np.float64
    n = a.shape[-1]
    d, left, factor = np.empty(n), np.empty(n, np.intp), np.zeros((n, n), wide)
    for k in range(a.shape[0]):
        if not _factor(np.array(a[k], wide), factor, d, left, least):
            return False
        chol[k], order[k] = factor, left
        factor[...] = 0.0
    return True


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_jit
def _factor(a, chol, d, left, least):  # type: ignore[no-untyped-def]
    n = a.shape[0]
    for i in range(n):
        d[i] = a[i, i].real
        left[i] = i
    for k in range(n):
        at = k
        for i in range(k + 1, n):
            if d[left[i]] > d[left[at]]:
                at = i
        p = left[at]
        left[at], left[k] = left[k], p
        if not least * a[p, p].real < d[p] < np.inf:
            return False
        root = sqrt(d[p])
        chol[p, k] = root
        for m in range(k + 1, n):
            i = left[m]
            total = a[i, p]
            for j in range(k):
                total -= chol[i, j] * np.conj(chol[p, j])
            total /= root
            chol[i, k] = total
            d[i] -= total.real * total.real + total.imag * total.imag
    return True
