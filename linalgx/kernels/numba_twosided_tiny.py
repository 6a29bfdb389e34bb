"""Eigenvalues and eigenvectors of many tiny real symmetric matrices, side by side.

Two-sided Jacobi, row-cyclic. The numbers of 32 matrices lie side by side, so that every
operation is one on a vector of them; a matrix that needs no rotation is turned by the angle zero.
All arithmetic is in double precision.

Legend: B[i, j, l] the upper triangle of matrix l, Y = Vᵀ; a = B_pp, b = B_qq, g = B_pq,
θ = (b − a)/(2g), t the smaller root of t² + 2θt = 1, c = 1/√(1 + t²), s = ct.
"""

from math import frexp
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

LANES = 32

ROOM = 480
"""Exponent of the largest entry: room for what is small, and for the product of two entries."""

SMALLEST = 2.0**-1022

HALF = 800
POWERS = np.ldexp(1.0, np.arange(-HALF, HALF + 1))
"""2ᵏ for |k| up to `HALF`; two of them multiply to any power between the ends of the range."""


def eigh_tiny(a: Array, w: Array, v: Array, relative: bool, limit: int) -> tuple[bool, bool]:
    """Write ascending eigenvalues and eigenvectors of a batch ``(k, n, n)``, signs fixed.

    A matrix is done when all pairs have |g| <= eps √|ab|, or |g| <= eps ‖A‖_F/n unless `relative`.
    Returns whether all matrices are Hermitian, else there is no result, and whether all are done
    after at most `limit` sweeps.
    """
    n = a.shape[-1]
    unit = float(np.finfo(a.dtype).eps)
    # Writable and double, or every kind of array would be compiled for itself.
    a, x, y = np.array(a, np.float64), np.empty(w.shape), np.empty(v.shape)
    good, done = _run(a, x, y, unit, max(n, 10) * unit, relative, limit)
    with np.errstate(over="ignore"):
        w[...], v[...] = x, y
    return bool(good), bool(done)


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
# Called by compiled code only, which saves some of the compilation.
_part: Any = njit(nogil=True, error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True)


@_jit
def _run(a, w, v, unit, allowed, relative, limit):  # type: ignore[no-untyped-def]
    count, n = a.shape[0], a.shape[-1]
    b, y = np.empty((n, n, LANES)), np.empty((n, n, LANES))
    turn, low, order = np.empty((2, LANES)), np.empty(LANES), np.empty(n, np.int64)
    exponent, done = np.empty(LANES, np.int64), True
    tol = unit if relative else 0.0
    for start in range(0, count, LANES):
        for m in range(LANES):
            # The last matrix fills the lanes left over.
            e, size = _load(a[min(start + m, count - 1)], b, y, m, allowed)
            if not size < np.inf:
                return False, False
            exponent[m], low[m] = e, SMALLEST if relative else unit / n * size
        moved, k = True, 0
        while moved and k < limit:
            moved, k = False, k + 1
            for p in range(n - 1):
                for q in range(p + 1, n):
                    if _turn(b[p, p], b[q, q], b[p, q], turn, low, tol):
                        moved = True
                        _apply(b, y, p, q, turn[0], turn[1])
        done = done and not moved
        for m in range(min(LANES, count - start)):
            _write(b, y, m, exponent[m], w[start + m], v[start + m], order)
    return True, done


@_part
def _load(a, b, y, m, allowed):  # type: ignore[no-untyped-def]
    """Write the Hermitian part of A to a lane, its largest entry near 2⁴⁸⁰, and the identity.

    Returns the exponent and ‖B‖_F; infinity if A is not Hermitian.
    """
    n = a.shape[0]
    top = 0.0
    for i in range(n):
        for j in range(n):
            top = max(top, float(abs(a[i, j])))
    e = frexp(top)[1] - ROOM if 0.0 < top < np.inf else 0
    one, two = POWERS[HALF - e // 2], POWERS[HALF + e // 2 - e]  # 2⁻ᵉ itself may overflow
    skew, size = 0.0, 0.0
    for i in range(n):
        for j in range(i, n):
            u, z = a[i, j] * one * two, a[j, i] * one * two
            h = 0.5 * (u + z)
            size += (1.0 if i == j else 2.0) * h * h
            skew += 2.0 * (u - z) * (u - z)
            b[i, j, m] = h
            y[i, j, m] = y[j, i, m] = 1.0 if i == j else 0.0
    # False for NaN.
    return e, np.sqrt(size) if np.sqrt(skew) <= allowed * np.sqrt(size) else np.inf


@_part
def _turn(lower, upper, beside, turn, low, tol):  # type: ignore[no-untyped-def]
    """Annihilate B_pq of all lanes; false when all of them are small enough."""
    needed, c, s = 0.0, turn[0], turn[1]
    for m in range(LANES):  # no root as long as nothing has to be done
        least = max(low[m], tol * min(abs(lower[m]), abs(upper[m])))
        needed += 1.0 if abs(beside[m]) > least else 0.0
    if needed == 0.0:
        return False
    needed = 0.0
    for m in range(LANES):
        a, b, g = lower[m], upper[m], beside[m]
        rotates = 1.0 if abs(g) > max(low[m], tol * np.sqrt(abs(a * b))) else 0.0
        theta = 0.5 * (b - a) / (g if rotates > 0.0 else 1.0)
        t = rotates / (abs(theta) + np.sqrt(1.0 + theta * theta))
        t = t if theta >= 0.0 else -t
        c[m] = 1.0 / np.sqrt(1.0 + t * t)
        s[m] = c[m] * t
        lower[m] = a - t * g
        upper[m] = b + t * g
        beside[m] = g - rotates * g
        needed += rotates
    return needed > 0.0


@_part
def _apply(b, y, p, q, c, s):  # type: ignore[no-untyped-def]
    """Turn rows and columns p and q of B, upper triangle, and rows p and q of Y."""
    n = b.shape[0]
    for i in range(n):
        if i != p and i != q:
            _rotate(b[min(i, p), max(i, p)], b[min(i, q), max(i, q)], c, s)
        _rotate(y[p, i], y[q, i], c, s)


@_part
def _rotate(x, z, c, s):  # type: ignore[no-untyped-def]
    """Turn two rows of lanes; loads before stores, or the compiler fears that they overlap."""
    for m in range(0, LANES, 4):
        u0, u1, u2, u3 = x[m], x[m + 1], x[m + 2], x[m + 3]
        v0, v1, v2, v3 = z[m], z[m + 1], z[m + 2], z[m + 3]
        c0, c1, c2, c3 = c[m], c[m + 1], c[m + 2], c[m + 3]
        s0, s1, s2, s3 = s[m], s[m + 1], s[m + 2], s[m + 3]
        x[m], x[m + 1] = c0 * u0 - s0 * v0, c1 * u1 - s1 * v1
        x[m + 2], x[m + 3] = c2 * u2 - s2 * v2, c3 * u3 - s3 * v3
        z[m], z[m + 1] = s0 * u0 + c0 * v0, s1 * u1 + c1 * v1
        z[m + 2], z[m + 3] = s2 * u2 + c2 * v2, s3 * u3 + c3 * v3


@_part
def _write(b, y, m, e, w, v, order):  # type: ignore[no-untyped-def]
    """Sort by insertion, and make the largest component of each vector positive."""
    n = b.shape[0]
    one, two = POWERS[HALF + e // 2], POWERS[HALF + e - e // 2]
    for i in range(n):
        j, value = i, b[i, i, m]
        while j > 0 and b[order[j - 1], order[j - 1], m] > value:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    for j in range(n):
        r = order[j]
        w[j] = b[r, r, m] * one * two
        big, sign = -1.0, 1.0
        for i in range(n):
            if abs(y[r, i, m]) > big:
                big, sign = abs(y[r, i, m]), 1.0 if y[r, i, m] >= 0.0 else -1.0
        for i in range(n):
            v[i, j] = sign * y[r, i, m]
