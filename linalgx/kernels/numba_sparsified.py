"""Which entries of a plan are too small to be kept, without sorting all of them."""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

_jit: Any = njit(cache=True, nogil=True, error_model="numpy")


def least_kept(p: Array, most: float) -> Array:
    """Return for each row the least entry that stays when the smaller ones may sum up to `most`.

    Infinite where all may go.
    """
    least = np.empty(p.shape[0], p.dtype)
    _least_kept(p, most, least)
    return least


@_jit
def _least_kept(p, most, least):  # type: ignore[no-untyped-def]
    n, m = p.shape
    surely = most / m  # entries up to this sum to no more than `most`, whatever there is
    between = np.empty(m, p.dtype)
    for i in range(n):
        total, count, low = 0.0, 0, np.inf
        for j in range(m):
            x = p[i, j]
            if x <= surely:
                total += x
            elif x <= most:
                between[count] = x
                count += 1
            else:
                low = min(low, x)
        for x in np.sort(between[:count]):
            total += x
            if total > most:
                low = x
                break
        least[i] = low
