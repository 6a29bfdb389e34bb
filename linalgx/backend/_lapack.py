"""LAPACK for one large NumPy matrix, in the precision of the matrix.

NumPy computes single precision factorizations in double precision, at twice the cost, and
reorders what it is given. These calls hand the buffer over as it lies.
"""

from importlib import import_module
from typing import Any

import numpy as np

from linalgx.errors import LinAlgError
from linalgx.typing import Array

SMALLEST = 48
"""Order from which the saved work exceeds the price of the call."""


def suits(a: Array) -> bool:
    """Whether an array is one NumPy matrix large enough for these calls."""
    return isinstance(a, np.ndarray) and a.ndim == 2 and min(a.shape) >= SMALLEST


def svd(a: Array) -> tuple[Array, Array, Array]:
    """Reduced SVD by divide and conquer; of the transpose when that is how `a` lies in memory."""
    if a.flags.c_contiguous:
        v, s, uh = _gesdd(a.T)
        return uh.T, s, v.T
    return _gesdd(a)


def eigh(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a Hermitian matrix by divide and conquer."""
    hermitian = np.iscomplexobj(a)
    # A real symmetric matrix is its own transpose, which saves the reordering.
    a = a.T if a.flags.c_contiguous and not hermitian else a
    w, v, info = _routine("heevd" if hermitian else "syevd", a)(a, lower=1)
    _check(info)
    return w, v


def lu_pivots(a: Array) -> Array:
    """Sizes of the pivots of a single precision LU factorization."""
    a = np.array(a.T, dtype=np.complex64 if np.iscomplexobj(a) else np.float32, order="F")
    lu, _, _ = _routine("getrf", a)(a, overwrite_a=1)
    return np.abs(np.diagonal(lu))


def _gesdd(a: Array) -> tuple[Array, Array, Array]:
    workspace, _ = _routine("gesdd_lwork", a)(*a.shape, full_matrices=0)
    u, s, vh, info = _routine("gesdd", a)(a, full_matrices=0, lwork=int(workspace.real))
    _check(info)
    return u, s, vh


def _routine(name: str, a: Array) -> Any:
    return import_module("scipy.linalg").get_lapack_funcs(name, (a,))


def _check(info: int) -> None:
    if info:
        raise LinAlgError(f"LAPACK did not converge or met NaN, info = {info}")
