"""Polar factors of many tiny square matrices, one after the other, in registers and cache.

Real 2x2 matrices by a closed form; the others by the Newton iteration with Frobenius scaling,
one polish and a check. All arithmetic is in double precision.

Legend: S the matrix divided by a power of two 2ᵉ, X the iterate and in the end U, Y = X⁻¹,
X ← (g X + g⁻¹Yᴴ)/2 with the scaling g, B = UᴴS, or SUᴴ on the left. `tag` is a tuple of n zeros
for the orders that are compiled for themselves, and empty otherwise.
"""

from math import frexp
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

EPS = 2.220446049250313e-16
MOST = 30
OWN_ORDERS = (3, 4, 8)


def polar_tiny(a: Array, u: Array, p: Array, good: Array, left: bool, compute_p: bool) -> None:
    """Write U and P of every matrix of a batch ``(k, n, n)``; `good` says which are accurate.

    The others are singular or nearly so, or not finite, and are left to the caller. `p` is not
    touched unless `compute_p`.
    """
    n, wide = a.shape[-1], np.complex128 if np.iscomplexobj(a) else np.float64
    # One signature for all inputs: double precision, contiguous, writable.
    s = np.array(a, dtype=wide, order="C", copy=None)
    s = s if s.flags.writeable else s.copy()
    same = u.dtype == wide
    # Zeros, for the matrices that are left out are converted with the others.
    outs = (u, p) if same else (np.zeros_like(s), np.zeros_like(s) if compute_p else s)
    tag = (0,) * n if n in OWN_ORDERS else ()
    closed = n == 2 and wide is np.float64
    (_closed_form if closed else _by_newton)(s, *outs, good, left, compute_p, tag)
    if not same:
        u[...] = outs[0]
        if compute_p:
            p[...] = outs[1]


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_jit
def _order(a, tag):  # type: ignore[no-untyped-def]
    """n, as a constant that unrolls loops where the tag knows it."""
    return len(tag) if len(tag) > 0 else a.shape[-1]


@_jit
def _closed_form(a, u, p, good, left, compute_p, tag):  # type: ignore[no-untyped-def]
    """Real 2x2: U is the rotation, or for det A < 0 the reflection, along S ± cof S."""
    s, x = np.empty((2, 2)), np.empty((2, 2))
    two = (0, 0)
    for k in range(a.shape[0]):
        e = _scaled(a[k], s, two)
        sign = 1.0 if s[0, 0] * s[1, 1] >= s[0, 1] * s[1, 0] else -1.0
        c, d = s[0, 0] + sign * s[1, 1], s[0, 1] - sign * s[1, 0]
        r = np.sqrt(c * c + d * d)
        good[k] = 0.0 < r < np.inf
        if good[k]:
            c, d = c / r, d / r
            x[0, 0], x[0, 1], x[1, 0], x[1, 1] = c, d, -sign * d, sign * c
            _finish(s, x, u[k], p[k], e, left, compute_p, two)


@_jit
def _by_newton(a, u, p, good, left, compute_p, tag):  # type: ignore[no-untyped-def]
    """Any order, real or complex."""
    n = _order(a, tag)
    s, x, y = np.empty((n, n), a.dtype), np.empty((n, n), a.dtype), np.empty((n, n), a.dtype)
    order, row = np.empty(n, np.int64), np.empty(n, a.dtype)
    for k in range(a.shape[0]):
        e = _scaled(a[k], s, tag)
        for i in range(n):
            for j in range(n):
                x[i, j] = s[i, j]
        good[k] = False
        # The polish squares the defect: what is larger than √eps is not an isometry afterwards.
        if _newton(x, y, order, tag) and _polish(x, y, row, tag) <= EPS:
            skew, size = _finish(s, x, u[k], p[k], e, left, compute_p, tag)
            good[k] = skew <= (8.0 * EPS) ** 2 * size  # false for NaN


@_jit
def _scaled(a, s, tag):  # type: ignore[no-untyped-def]
    """Write A 2⁻ᵉ with its largest component in [1/2, 1), and return e; 0 for zero or NaN."""
    n = _order(a, tag)
    top = 0.0
    for i in range(n):
        for j in range(n):
            top = max(top, abs(a[i, j].real), abs(a[i, j].imag))
    e = 0
    if 0.0 < top < np.inf:
        e = frexp(top)[1]
    down1, down2 = 2.0 ** (-(e // 2)), 2.0 ** (e // 2 - e)  # 2⁻ᵉ itself may overflow
    for i in range(n):
        for j in range(n):
            s[i, j] = a[i, j] * down1 * down2
    return e


@_jit
def _newton(x, y, order, tag):  # type: ignore[no-untyped-def]
    """Iterate until X changes by less than 3e-5; the next step and the polish would both square.

    False when that does not happen, or when X is singular.
    """
    n = _order(x, tag)
    size = _square_norm(x, tag)
    for _ in range(MOST):
        if not _inverse(x, y, order, size, tag):
            return False
        g = np.sqrt(np.sqrt(_square_norm(y, tag) / size))
        h, g = 0.5 / g, 0.5 * g
        change, size = 0.0, 0.0
        for i in range(n):
            for j in range(n):
                new = g * x[i, j] + h * np.conj(y[j, i])
                d = new - x[i, j]
                change += d.real * d.real + d.imag * d.imag
                size += new.real * new.real + new.imag * new.imag
                x[i, j] = new
        if change <= 1e-9 * size:
            return True
    return False


@_jit
def _square_norm(x, tag):  # type: ignore[no-untyped-def]
    n = _order(x, tag)
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += x[i, j].real * x[i, j].real + x[i, j].imag * x[i, j].imag
    return total


@_jit
def _inverse(x, y, order, size, tag):  # type: ignore[no-untyped-def]
    """Write X⁻¹ into Y; false for a singular X, ‖X‖_F² = `size`.

    The branches are decided when compiled. A determinant has an error of a few eps ‖X‖ⁿ; below
    a thousand times that its sign, which decides that of U, means nothing.
    """
    if len(tag) == 3:
        return _cofactors_3(x, y, 1e3 * EPS * size * np.sqrt(size))
    if len(tag) == 4:
        return _cofactors_4(x, y, 1e3 * EPS * size * size)
    n = _order(x, tag)
    for i in range(n):
        for j in range(n):
            y[i, j] = x[i, j]
    return _gauss_jordan(y, order, tag)


@_jit
def _cofactors_3(x, y, least):  # type: ignore[no-untyped-def]
    """Order 3 by cofactors: no pivoting, no branches."""
    a, b, c = x[0, 0], x[0, 1], x[0, 2]
    d, e, f = x[1, 0], x[1, 1], x[1, 2]
    g, h, i = x[2, 0], x[2, 1], x[2, 2]
    p, q, r = e * i - f * h, f * g - d * i, d * h - e * g
    det = a * p + b * q + c * r
    if not abs(det) > least:
        return False
    w = 1.0 / det
    y[0, 0], y[0, 1], y[0, 2] = p * w, (c * h - b * i) * w, (b * f - c * e) * w
    y[1, 0], y[1, 1], y[1, 2] = q * w, (a * i - c * g) * w, (c * d - a * f) * w
    y[2, 0], y[2, 1], y[2, 2] = r * w, (b * g - a * h) * w, (a * e - b * d) * w
    return True


@_jit
def _cofactors_4(x, y, least):  # type: ignore[no-untyped-def]
    """Order 4 by the 2x2 minors of the upper two rows (s) and of the lower two (c)."""
    s0 = x[0, 0] * x[1, 1] - x[1, 0] * x[0, 1]
    s1 = x[0, 0] * x[1, 2] - x[1, 0] * x[0, 2]
    s2 = x[0, 0] * x[1, 3] - x[1, 0] * x[0, 3]
    s3 = x[0, 1] * x[1, 2] - x[1, 1] * x[0, 2]
    s4 = x[0, 1] * x[1, 3] - x[1, 1] * x[0, 3]
    s5 = x[0, 2] * x[1, 3] - x[1, 2] * x[0, 3]
    c0 = x[2, 0] * x[3, 1] - x[3, 0] * x[2, 1]
    c1 = x[2, 0] * x[3, 2] - x[3, 0] * x[2, 2]
    c2 = x[2, 0] * x[3, 3] - x[3, 0] * x[2, 3]
    c3 = x[2, 1] * x[3, 2] - x[3, 1] * x[2, 2]
    c4 = x[2, 1] * x[3, 3] - x[3, 1] * x[2, 3]
    c5 = x[2, 2] * x[3, 3] - x[3, 2] * x[2, 3]
    det = s0 * c5 - s1 * c4 + s2 * c3 + s3 * c2 - s4 * c1 + s5 * c0
    if not abs(det) > least:
        return False
    w = 1.0 / det
    y[0, 0] = (x[1, 1] * c5 - x[1, 2] * c4 + x[1, 3] * c3) * w
    y[0, 1] = (x[0, 2] * c4 - x[0, 1] * c5 - x[0, 3] * c3) * w
    y[0, 2] = (x[3, 1] * s5 - x[3, 2] * s4 + x[3, 3] * s3) * w
    y[0, 3] = (x[2, 2] * s4 - x[2, 1] * s5 - x[2, 3] * s3) * w
    y[1, 0] = (x[1, 2] * c2 - x[1, 0] * c5 - x[1, 3] * c1) * w
    y[1, 1] = (x[0, 0] * c5 - x[0, 2] * c2 + x[0, 3] * c1) * w
    y[1, 2] = (x[3, 2] * s2 - x[3, 0] * s5 - x[3, 3] * s1) * w
    y[1, 3] = (x[2, 0] * s5 - x[2, 2] * s2 + x[2, 3] * s1) * w
    y[2, 0] = (x[1, 0] * c4 - x[1, 1] * c2 + x[1, 3] * c0) * w
    y[2, 1] = (x[0, 1] * c2 - x[0, 0] * c4 - x[0, 3] * c0) * w
    y[2, 2] = (x[3, 0] * s4 - x[3, 1] * s2 + x[3, 3] * s0) * w
    y[2, 3] = (x[2, 1] * s2 - x[2, 0] * s4 - x[2, 3] * s0) * w
    y[3, 0] = (x[1, 1] * c1 - x[1, 0] * c3 - x[1, 2] * c0) * w
    y[3, 1] = (x[0, 0] * c3 - x[0, 1] * c1 + x[0, 2] * c0) * w
    y[3, 2] = (x[3, 1] * s1 - x[3, 0] * s3 - x[3, 2] * s0) * w
    y[3, 3] = (x[2, 0] * s3 - x[2, 1] * s1 + x[2, 2] * s0) * w
    return True


@_jit
def _gauss_jordan(y, order, tag):  # type: ignore[no-untyped-def]
    """Invert in place by elimination with row pivoting; false for a zero pivot."""
    n = _order(y, tag)
    for k in range(n):
        r, big = k, abs(y[k, k])
        for i in range(k + 1, n):
            if abs(y[i, k]) > big:
                r, big = i, abs(y[i, k])
        order[k] = r
        if not big > 0.0:
            return False
        if r != k:
            for j in range(n):
                y[k, j], y[r, j] = y[r, j], y[k, j]
        pivot = 1.0 / y[k, k]
        y[k, k] = 1.0
        for j in range(n):
            y[k, j] *= pivot
        for i in range(n):
            if i != k:
                f = y[i, k]
                y[i, k] = 0.0
                for j in range(n):
                    y[i, j] -= f * y[k, j]
    for k in range(n - 1, -1, -1):
        r = order[k]
        if r != k:
            for i in range(n):
                y[i, k], y[i, r] = y[i, r], y[i, k]
    return True


@_jit
def _polish(x, y, row, tag):  # type: ignore[no-untyped-def]
    """X ← X (I + E) with E = (I − XᴴX)/2 in Y, row by row; return ‖I − XᴴX‖_F² before."""
    n = _order(x, tag)
    defect = 0.0
    for i in range(n):
        for j in range(i + 1):
            t = 0.0 * x[0, 0] + (1.0 if i == j else 0.0)
            for k in range(n):
                t -= np.conj(x[k, i]) * x[k, j]
            y[i, j] = 0.5 * t
            y[j, i] = 0.5 * np.conj(t)
            defect += (1.0 if i == j else 2.0) * (t.real * t.real + t.imag * t.imag)
    for i in range(n):
        for j in range(n):
            row[j] = x[i, j]
        for k in range(n):
            f = row[k]
            for j in range(n):
                x[i, j] += f * y[k, j]
    return defect


@_jit
def _finish(s, x, u, p, e, left, compute_p, tag):  # type: ignore[no-untyped-def]
    """Write U and P; return ‖B − Bᴴ‖_F²/4 and ‖S‖_F²."""
    n = _order(s, tag)
    up1, up2 = 2.0 ** (e // 2), 2.0 ** (e - e // 2)
    skew = 0.0
    for i in range(n):
        for j in range(n):
            u[i, j] = x[i, j]
    for i in range(n):
        for j in range(i + 1):
            b, c = 0.0 * s[0, 0], 0.0 * s[0, 0]
            for k in range(n):
                if left:
                    b += s[i, k] * np.conj(x[j, k])
                    c += s[j, k] * np.conj(x[i, k])
                else:
                    b += np.conj(x[k, i]) * s[k, j]
                    c += np.conj(x[k, j]) * s[k, i]
            d = 0.5 * (b - np.conj(c))
            skew += (1.0 if i == j else 2.0) * (d.real * d.real + d.imag * d.imag)
            if compute_p:
                h = 0.5 * (b + np.conj(c)) * up1 * up2
                p[i, j] = h
                p[j, i] = np.conj(h)
    return skew, _square_norm(s, tag)
