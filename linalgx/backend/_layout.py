"""How the entries of an array lie in memory."""

import numpy as np

from linalgx.backend._libraries import library_name
from linalgx.typing import Array, Namespace


def by_rows(a: Array, *, xp: Namespace) -> Array:
    """Return a NumPy matrix whose rows are contiguous, itself where they are: for loops over rows."""
    if library_name(xp) != "numpy" or a.strides[-1] == a.itemsize:
        return a
    return np.ascontiguousarray(a)
