"""Reduction of one real matrix, square or tall, to bidiagonal form, and products with its factors.

LAPACK's gebrd reads the matrix twice for each column. Here one pass does everything: each column,
while it is in the cache, gets the updates of the last step, its product with the new left
reflector, and its share of the product with the right one, whose vector is known by then up to a
factor and its first component. The idea is that of the BLAS 2.5 operators; the arrangement is ours.
The factors are applied in blocks, with products of matrices.

Legend: A = Q B Pᵀ, B with diagonal d and superdiagonal e; reflectors I − τ u uᵀ on the left and
I − σ v vᵀ on the right, first components 1; A ← A − u yᵀ − x vᵀ; `raw` = the row that becomes v;
w = A raw, z = yᵀ raw. Columns of A are rows of `m`. k reflectors together are I − V T Vᵀ with
T⁻¹ = striu(VᵀV) + diag(1/τ).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from scipy.linalg import get_blas_funcs

from linalgx.typing import Array

BLOCK = 64
"""Reflectors that are applied together."""


def bidiagonalized(a: Array) -> tuple[Array, Array, Callable[[Array], Array]]:
    """Return d, e, and the function that makes Q X Pᵀ of a square X, which it overwrites.

    Real A, square or tall. For square A in C order all of this belongs to Aᵀ, and the function
    returns the transpose; its result is in C order, too. X is in C order. The components of A
    must not be tiny: the reduction takes 1e-15 in single and 1e-146 in double precision for zero.
    """
    rows, n = a.shape
    flip = rows > n or a.flags.f_contiguous
    m = np.array(a.T if flip else a, order="C")
    d, e, tau, sigma = np.zeros((4, n), dtype=m.dtype)
    _reduce(m, d, e, tau, sigma, np.finfo(m.dtype).tiny / np.finfo(m.dtype).eps)

    def expand(x: Array) -> Array:
        if rows > n:
            x = np.concatenate([x, np.zeros((rows - n, n), dtype=x.dtype)])
        _reflect(m, tau, x)
        x = _transposed(x)
        _reflect(m[:, :n].T[:-1, 1:], sigma[:-1], x[1:])
        return x.T if flip else x

    return d, e[:-1], expand


def _reflect(rows: Array, tau: Array, x: Array) -> None:
    """Replace X by the product of all reflectors with it; vector i is row i from i on.

    For each block, from the last: W = T VᵀX, then X − V W. BLAS sees transposes.
    """
    times, solve, rank_k = _routines(x.dtype.char)
    dead = tau == 0.0
    inverse = 1.0 / np.where(dead, 1.0, tau)
    own = int(rows.flags.c_contiguous)  # else Vᵀ is copied as it lies, by columns
    count = rows.shape[0]
    for lo in range((count - 1) // BLOCK * BLOCK, -1, -BLOCK):
        hi = min(lo + BLOCK, count)
        v = np.array(rows[lo:hi, lo:], order="C" if own else "F")
        v[:, : hi - lo] *= _above(hi - lo, v.dtype)
        _diagonal(v)[...] = 1.0
        if dead[lo:hi].any():
            v[dead[lo:hi]] = 0.0
        v = v.T if own else v
        s = rank_k(1.0, v, trans=own)
        _diagonal(s)[...] = inverse[lo:hi]
        y = x[lo:].T
        w = times(1.0, y, v, trans_b=1 - own)
        w = solve(1.0, s, w, side=1, trans_a=1, overwrite_b=1)
        times(-1.0, w, v, beta=1.0, c=y, trans_b=own, overwrite_c=1)


def _transposed(x: Array) -> Array:
    """Transpose in C order; by padded strips, for strides of powers of two fight for the cache."""
    rows, n = x.shape
    out = np.empty((n, rows), dtype=x.dtype)
    strip = np.empty((BLOCK, n + 16), dtype=x.dtype)[:, :n]
    for lo in range(0, rows, BLOCK):
        hi = min(lo + BLOCK, rows)
        strip[: hi - lo] = x[lo:hi]
        out[:, lo:hi] = strip[: hi - lo].T
    return out


def _diagonal(x: Array) -> Array:
    return np.einsum("ii->i", x[:, : x.shape[0]])


@cache
def _above(k: int, dtype: Any) -> Array:
    return np.tri(k, k=-1, dtype=dtype).T


@cache
def _routines(char: str) -> Any:
    return get_blas_funcs(("gemm", "trsm", "syrk"), dtype=np.dtype(char))


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_jit
def _reduce(m, d, e, tau, sigma, least):  # type: ignore[no-untyped-def]
    """Overwrite m with the reflectors and with B, as LAPACK does."""
    n, rows = m.shape
    # Unpacked at once, rows would no longer be known to be contiguous.
    room = np.zeros((7, rows), m.dtype)
    u, last, x, y, v, w, raw = room[0], room[1], room[2], room[3], room[4], room[5], room[6]
    one = m.dtype.type(1)
    for i in range(n):
        a = m[i]
        _column(a[i:], last[i:], x[i:], u[i:], y[i], v[i])
        d[i], tau[i], scale = _reflector(a[i], _square(a[i + 1 :]), least)
        a[i], u[i] = d[i], one
        for r in range(i + 1, rows):
            u[r] = a[r] * scale
            a[r] = u[r]
        if i == n - 1:
            return
        w[:] = 0
        _pass(m, i, last[i:], x[i:], u[i:], y, v, w[i:], raw, tau[i])
        e[i], sigma[i], scale = _reflector(raw[i + 1], _square(raw[i + 2 : n]), least)
        m[i + 1, i], v[i + 1] = e[i], one
        z = y[i + 1]
        for j in range(i + 2, n):
            v[j] = raw[j] * scale
            m[j, i] = v[j]
            z += y[j] * v[j]
        a = m[i + 1]
        for r in range(i + 1, rows):
            x[r] = sigma[i] * (a[r] + scale * w[r] - u[r] * z)
            last[r] = u[r]


@_jit
def _pass(m, i, last, x, u, y, v, w, raw, tau):  # type: ignore[no-untyped-def]
    """Update all columns after i, compute y and raw, and w from all but the first of them.

    Four columns together need less than half of the loads.
    """
    j, n = i + 1, m.shape[0]
    y[j] = tau * _column(m[j, i:], last, x, u, y[j], v[j])
    raw[j] = m[j, i] - y[j]
    j += 1
    while j + 4 <= n:
        a, b, c, d = m[j, i:], m[j + 1, i:], m[j + 2, i:], m[j + 3, i:]
        t = _columns(a, b, c, d, last, x, u, y[j:], v[j:])
        for k in range(4):
            y[j + k] = tau * t[k]
            raw[j + k] = m[j + k, i] - y[j + k]
        _add(w, a, b, c, d, raw[j:])
        j += 4
    while j < n:
        a = m[j, i:]
        y[j] = tau * _column(a, last, x, u, y[j], v[j])
        raw[j] = f = a[0] - y[j]
        for r in range(w.shape[0]):
            w[r] += f * a[r]
        j += 1


@_jit
def _add(w, a, b, c, d, raw):  # type: ignore[no-untyped-def]
    f, g, h, p = raw[0], raw[1], raw[2], raw[3]
    for r in range(w.shape[0]):
        w[r] += f * a[r] + g * b[r] + h * c[r] + p * d[r]


@_jit
def _column(a, last, x, u, y, v):  # type: ignore[no-untyped-def]
    """Update one column and return its product with u."""
    total = u.dtype.type(0)
    for r in range(a.shape[0]):
        a[r] -= last[r] * y + x[r] * v
        total += u[r] * a[r]
    return total


@_jit
def _columns(a, b, c, d, last, x, u, y, v):  # type: ignore[no-untyped-def]
    """Do the same for four columns."""
    y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
    v0, v1, v2, v3 = v[0], v[1], v[2], v[3]
    s = t = p = q = u.dtype.type(0)
    for r in range(a.shape[0]):
        f, g, h = last[r], x[r], u[r]
        a0, b0 = a[r] - f * y0 - g * v0, b[r] - f * y1 - g * v1
        c0, d0 = c[r] - f * y2 - g * v2, d[r] - f * y3 - g * v3
        a[r], b[r], c[r], d[r] = a0, b0, c0, d0
        s += h * a0
        t += h * b0
        p += h * c0
        q += h * d0
    return s, t, p, q


@_jit
def _square(x):  # type: ignore[no-untyped-def]
    total = x.dtype.type(0)
    for r in range(x.shape[0]):
        total += x[r] * x[r]
    return total


@_jit
def _reflector(alpha, square, least):  # type: ignore[no-untyped-def]
    """Return β, τ and 1/(α − β) for the vector (α, x) with ‖x‖² = `square`.

    H = I for tiny x, which is far below the rounding errors of A, and set to zero.
    """
    if square <= least:
        zero = 0 * alpha
        return alpha, zero, zero
    beta = -np.copysign(np.sqrt(alpha * alpha + square), alpha)
    return beta, (beta - alpha) / beta, 1 / (alpha - beta)
