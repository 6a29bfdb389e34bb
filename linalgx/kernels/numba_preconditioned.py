"""The preconditioned one-sided Jacobi driver with factors that are applied, never formed.

The same steps as in the generic code, by LAPACK calls on one set of buffers. It gives up where
rotations are needed, and leaves such matrices to the generic code.

Legend: A sorted by rows, A P = Q₁ R, Rᴴ = Q₂ T, L = Tᴴ, G = L V with orthogonal columns,
W = R⁻¹ G = Q₂ V, where R has rows of the same norms and the same condition as L; X the skew matrix
of the angles between the columns of G.
"""

from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from linalgx.kernels.numba_onesided import small_angles
from linalgx.typing import Array

STEPS = 3
Factors = tuple[Array | None, Array, Array | None]


def jacobi_svd(a: Array, vectors: bool, tol: float, unit: float) -> Factors | None:
    """Return U, s, descending, and V of a tall or square matrix, or ``None``."""
    m, n = a.shape
    run = _routines(a.dtype.char)
    rows = np.argsort(-np.max(np.abs(a), axis=1), kind="stable")
    first, order, tau1, _, _ = run["geqp3"](np.asfortranarray(a[rows]), 64 * n, 1)
    r = np.asfortranarray(np.triu(first[:n]))
    if not abs(r[-1, -1]) > 0.0:
        return None
    second, _, _, _ = run["geqrf"](np.array(r.conj().T, order="F"), 64 * n, 1)
    g = _orthogonal(np.asfortranarray(np.triu(second)), tol, unit, run)
    if g is None:
        return None
    s = np.linalg.norm(g, axis=0)
    sort = np.argsort(-s, kind="stable")
    s = s[sort]
    if not vectors:
        return None, s, None
    g = np.asfortranarray(g[:, sort])
    w = run["trsm"](1.0, r, g)
    e = _gram(w)
    np.einsum("ii->i", e)[...] -= 1.0
    if not np.linalg.norm(e) <= 4.0 * n * unit:
        return None
    left = np.zeros((m, n), dtype=a.dtype, order="F")
    np.divide(g, s, out=left[:n])
    left, _, _ = run["mqr"]("L", "N", first, tau1, left, 64 * n, overwrite_c=1)
    u, v = np.empty(left.shape, a.dtype), np.empty(w.shape, a.dtype)
    u[rows], v[order - 1] = left, w
    return u, s, v


def jacobi_start(lower: Array, tol: float, unit: float) -> Array | None:
    """Return a lower triangle times a unitary matrix, its columns orthogonal, or ``None``."""
    run = _routines(lower.dtype.char)
    return _orthogonal(np.asfortranarray(lower.conj().T), tol, unit, run)


def _orthogonal(t: Array, tol: float, unit: float, run: Any) -> Array | None:
    """Return G = Tᴴ V with orthogonal columns where small angles suffice after the start."""
    d = np.abs(np.diagonal(t))
    spread = np.min(d) / np.max(d)
    if spread >= unit**0.375:
        v = run["evd"](t @ t.conj().T, lower=1, overwrite_a=1)[1]
    elif spread >= unit**0.7:
        # The left singular vectors of T are the right ones of L.
        v = run["gesdd"](t, full_matrices=0)[0]
    else:
        return None
    g = run["trmm"](1.0, t, v, trans_a=2)
    x = np.empty_like(t)
    for _ in range(STEPS):
        cosine, size = small_angles(_gram(g), x)
        if cosine <= tol:
            return np.asarray(g)
        if not size <= unit**0.25:
            return None
        step = g @ x
        g = g + (step + 0.5 * (step @ x))
    return None


def _gram(g: Array) -> Array:
    return g.conj().T @ g if np.iscomplexobj(g) else g.T @ g


@cache
def _routines(char: str) -> dict[str, Any]:
    dtype = np.dtype(char)
    kind = dtype.kind == "c"
    names = {"mqr": "unmqr" if kind else "ormqr", "evd": "heevd" if kind else "syevd"}
    names |= {name: name for name in ("geqp3", "geqrf", "gesdd")}
    found = dict(zip(names, get_lapack_funcs(tuple(names.values()), dtype=dtype), strict=True))
    return found | dict(
        zip(("trsm", "trmm"), get_blas_funcs(("trsm", "trmm"), dtype=dtype), strict=True)
    )
