"""How the entries of an array lie in memory."""

import numpy as np

from linalgx.backend._libraries import library_name
from linalgx.typing import Array, Namespace


def by_rows(a: Array, *, xp: Namespace) -> Array:
    """Return a NumPy matrix with contiguous rows, itself where it has them; others as they are."""
    if library_name(xp) != "numpy" or a.strides[-1] == a.itemsize:
        return a
    return np.ascontiguousarray(a)


def lies_by_columns(a: Array, *, xp: Namespace) -> bool:
    """Whether a NumPy matrix has contiguous columns; of others it is not known."""
    return library_name(xp) == "numpy" and a.strides[-2] == a.itemsize and a.shape[-1] > 1
