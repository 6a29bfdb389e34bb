"""The quintic step with BLAS routines that compute one triangle of a Hermitian product.

NumPy reaches the rank-k update only for real x xᵀ, mirrors every result, and needs separate passes
for the linear combination. Here G = x xᴴ and c₂ G² + c₁ G are rank-k updates of one triangle, and
the product with x reads one triangle.

Legend: y = xᵀ in Fortran order, which is x in C order; all Gram matrices are of y, G = yᴴ y.
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs

from linalgx.typing import Array

_STRIP = 64


def quintic_step(x: Array, row: tuple[float, ...], g: Array | None = None) -> Array:
    """Return ``(c0 I + c1 G + c2 G²) x`` with ``G = x xᴴ``, which may be given as `g`."""
    if x.ndim == 2:
        return _step(x, row, g)
    out = np.empty(x.shape, dtype=x.dtype)
    for k in product(*(range(n) for n in x.shape[:-2])):
        out[k] = _step(x[k], row, None if g is None else g[k])
    return out


def _step(x: Array, row: tuple[float, ...], g: Array | None) -> Array:
    """Take the step for one matrix."""
    rank_k, times = _routines(x.dtype.char)
    y = np.ascontiguousarray(x).T
    adjoint = 2 if np.iscomplexobj(y) else 1
    n = y.shape[1]
    if g is None:
        room = np.empty((n, n), dtype=y.dtype, order="F")
        gram = rank_k(1.0, y, c=room, trans=adjoint, lower=1, overwrite_c=1)
        _mirror(gram.T)
    else:
        gram = np.ascontiguousarray(g).T  # the transpose, since gram is of y
    p = rank_k(row[2], gram, beta=row[1], c=gram.copy(order="F"), lower=1, overwrite_c=1)
    p.T.reshape(-1)[:: n + 1] += row[0]
    return times(1.0, p, y, c=np.empty_like(y), side=1, lower=1, overwrite_c=1).T


@cache
def _routines(char: str) -> tuple[Any, Any]:
    """Rank-k update and one-sided product for a dtype."""
    names = ("herk", "hemm") if char in "FD" else ("syrk", "symm")
    rank_k, times = get_blas_funcs(names, dtype=np.dtype(char))
    return rank_k, times


def _mirror(c: Array) -> None:
    """Fill the lower triangle of a C-ordered matrix from the upper one.

    Strips are copied before they are transposed: reading a power of two rows apart would
    otherwise fight for the same lines of the cache (measured four times slower at n = 1024).
    """
    n = c.shape[0]
    below = np.tri(_STRIP, k=-1, dtype=bool)
    for j in range(0, n, _STRIP):
        k = min(j + _STRIP, n)
        strip = np.conjugate(c[j:k, j:])  # a copy for real numbers too
        np.copyto(c[j:k, j:k], strip[:, : k - j].T, where=below[: k - j, : k - j])
        c[k:, j:k] = strip[:, k - j :].T
