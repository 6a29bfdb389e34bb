"""Small eigenproblems on the host, which steer iterations elsewhere."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from linalgx.errors import LinAlgError


def eigh_tridiagonal(
    diagonal: Sequence[float], beside: Sequence[float], first: int, last: int
) -> tuple[Any, Any]:
    """Eigenvalues number `first` to `last`, ascending, and eigenvectors, of a real tridiagonal."""
    from scipy.linalg import eigh_tridiagonal as by_scipy

    d, e = np.asarray(diagonal, dtype=np.float64), np.asarray(beside, dtype=np.float64)
    if not (np.all(np.isfinite(d)) and np.all(np.isfinite(e))):
        raise LinAlgError("the tridiagonal eigenproblem failed: NaN or infinite entries")
    if d.shape[0] == 1:
        return d, np.ones((1, 1))
    w, v = by_scipy(d, e, select="i", select_range=(first, last), check_finite=False)
    return w, v


def eig_small(h: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors of a general host matrix."""
    h = np.asarray(h)
    if not np.all(np.isfinite(h)):
        raise LinAlgError("the eigenproblem failed: NaN or infinite entries")
    w, v = np.linalg.eig(h)
    return w, v
