"""Singular value decompositions of many tiny matrices, side by side.

One-sided Jacobi on many matrices at once: the innermost loop of everything goes over them, so that
one instruction treats several, and no branch tells them apart. In double precision.

Legend: columns x, y of G with squares a, b; g = xᴴy, t² + 2θt = 1 with θ = (a − b)/(2|g|), of
whose roots the positive one makes x the larger column; c = 1/√(1 + t²), s = c t, e = s ḡ/|g|,
h = 1 − c = s²/(1 + c); x ← x + (e y − h x), y ← y − (ē x + h y). Work arrays have axes
(real and imaginary part, column, row, matrix); G stands on V. Wide matrices are seen as Aᴴ.
"""

from math import frexp, sqrt
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

LANES = 32
GROUP = 32
MOST = 30
SMALL = 1e-7
"""Cosine from which the next sweep is expected to meet nothing, so that a look suffices."""

TINIEST = 1e-300

VANISHED = 1e-280
"""Square of a column that counts as zero. A column without room, orthogonal to more others than
there are dimensions, becomes shorter with each sweep and would end there anyway."""


def svd_tiny(a: Array, u: Array, s: Array, vh: Array, vectors: bool, unit: float) -> bool:
    """Write the factors of every matrix of a batch (..., m, n); false for NaN and infinities.

    `unit` is the epsilon of the cosines; `u` and `vh` are not touched unless `vectors`.
    """
    m, n = a.shape[-2:]
    k, long, tol = min(m, n), max(m, n), unit * sqrt(max(m, n))
    parts = _parts(a, m, n)
    kinds, count = parts.shape[:2]
    tag = (0,) * kinds
    outs = [np.empty((kinds, count, *shape)) for shape in ((m, k), (k, n))]
    values = np.empty((count, k))
    rows = long + k if vectors else long
    g, squares = np.empty((GROUP, kinds, k, rows, LANES)), np.empty((GROUP, k, LANES))
    scale = np.ones((GROUP, LANES, 2))
    for first in range(0, count, GROUP * LANES):
        part = slice(first, first + GROUP * LANES)
        if not _load(parts[:, part], g, scale, m >= n, long):
            return False
        if not _orthogonalize(g, squares, long, tol, tag):
            return False
        _store(g, squares, scale, *(out[:, part] for out in outs), values[part], m >= n, long)
    s[...] = values.reshape(s.shape)
    if vectors:
        for to, out in zip((u, vh), outs, strict=True):
            if kinds == 2:
                to.real, to.imag = out[0].reshape(to.shape), out[1].reshape(to.shape)
            else:
                to[...] = out[0].reshape(to.shape)
    return True


def _parts(a: Array, m: int, n: int) -> Array:
    """Return real, and imaginary parts as one array."""
    if np.iscomplexobj(a):
        return np.stack([a.real, a.imag]).astype(np.float64, copy=False).reshape(2, -1, m, n)
    a = np.array(a, dtype=np.float64, order="C", copy=None).reshape(1, -1, m, n)
    return a if a.flags.writeable else a.copy()


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_jit
def _load(a, g, scale, tall, long):  # type: ignore[no-untyped-def]
    """Copy matrices divided by powers of two; free lanes hold zeros. False for NaN."""
    parts, count = a.shape[0], a.shape[1]
    g[:] = 0.0
    for matrix in range(count):
        group, lane, top = matrix // LANES, matrix % LANES, 0.0
        for part in range(parts):
            for row in range(a.shape[2]):
                for column in range(a.shape[3]):
                    size = abs(a[part, matrix, row, column])
                    top = size if not size <= top else top
        if not top < np.inf:
            return False
        e = frexp(top)[1] if top > 0.0 else 0
        down1, down2 = 2.0 ** (-(e // 2)), 2.0 ** (e // 2 - e)
        scale[group, lane, 0], scale[group, lane, 1] = 2.0 ** (e // 2), 2.0 ** (e - e // 2)
        x = g[group]
        for j in range(x.shape[1]):
            if x.shape[2] > long:
                x[0, j, long + j, lane] = 1.0
            for part in range(parts):
                # The adjoint of a wide matrix.
                down = -down1 if part == 1 and not tall else down1
                for i in range(long):
                    entry = a[part, matrix, i, j] if tall else a[part, matrix, j, i]
                    x[part, j, i, lane] = entry * down * down2
    return True


@_jit
def _orthogonalize(groups, squares, long, tol, tag):  # type: ignore[no-untyped-def]
    """Make the columns of all matrices orthogonal; false where that never ends."""
    work, dot = np.empty((2, LANES)), np.empty((2, LANES))
    for k in range(groups.shape[0]):
        if not _sweeps(groups[k], squares[k], work, dot, long, tol, tag):
            return False
    return True


@_jit
def _sweeps(g, squares, work, dot, long, tol, tag):  # type: ignore[no-untyped-def]
    """Sweep until a look at all cosines finds them below `tol`; false if that never happens."""
    k, met = g.shape[1], work[0]
    for _ in range(MOST):
        _square(g, squares, long)
        for lane in range(LANES):
            met[lane] = 0.0
        for p in range(k - 1):
            for q in range(p + 1, k):
                _product(g, p, q, dot, long, tag)
                if len(tag) == 1:
                    _real_angles(squares[p], squares[q], dot[0], work[1], met, tol)
                    _turn_real(g[0, p], g[0, q], dot[0], work[1])
                else:
                    _complex_angles(squares[p], squares[q], dot, work[1], met, tol)
                    _turn_complex(g[0, p], g[1, p], g[0, q], g[1, q], dot, work[1])
        if np.max(met) == 0.0:
            _square(g, squares, long)
            if _settled(g, squares, dot, long, tol, tag):
                return True
    return False


@_jit
def _square(g, squares, long):  # type: ignore[no-untyped-def]
    """Write the squares of the columns; those that come close to underflow become zero."""
    for j in range(g.shape[1]):
        total = squares[j]
        for lane in range(np.uintp(total.shape[0])):
            total[lane] = 0.0
        for part in range(g.shape[0]):
            x = g[part, j]
            for i in range(np.uintp(long)):
                for lane in range(np.uintp(total.shape[0])):
                    total[lane] += x[i, lane] * x[i, lane]
        for lane in range(total.shape[0]):
            if 0.0 < total[lane] < VANISHED:
                total[lane] = 0.0
                for part in range(g.shape[0]):
                    for i in range(long):
                        g[part, j, i, lane] = 0.0


@_jit
def _settled(g, squares, dot, long, tol, tag):  # type: ignore[no-untyped-def]
    """Whether all cosines are below `tol`."""
    for p in range(g.shape[1] - 1):
        for q in range(p + 1, g.shape[1]):
            _product(g, p, q, dot, long, tag)
            for lane in range(LANES):
                size = dot[0, lane] * dot[0, lane]
                if len(tag) == 2:
                    size += dot[1, lane] * dot[1, lane]
                if not size <= tol * tol * (squares[p, lane] * squares[q, lane]):
                    return False
    return True


@_jit
def _product(g, p, q, dot, long, tag):  # type: ignore[no-untyped-def]
    """Write xᴴy of all lanes."""
    x, y, re = g[0, p], g[0, q], dot[0]
    for lane in range(np.uintp(re.shape[0])):
        re[lane] = 0.0
    for i in range(np.uintp(long)):
        for lane in range(np.uintp(re.shape[0])):
            re[lane] += x[i, lane] * y[i, lane]
    if len(tag) == 2:
        _rest(x, g[1, p], y, g[1, q], re, dot[1], long)


@_jit
def _rest(x, xi, y, yi, re, im, long):  # type: ignore[no-untyped-def]
    """Complete xᴴy of complex columns."""
    for lane in range(np.uintp(re.shape[0])):
        im[lane] = 0.0
    for i in range(np.uintp(long)):
        for lane in range(np.uintp(re.shape[0])):
            re[lane] += xi[i, lane] * yi[i, lane]
            im[lane] += x[i, lane] * yi[i, lane] - xi[i, lane] * y[i, lane]


@_jit
def _real_angles(a, b, dot, h, met, tol):  # type: ignore[no-untyped-def]
    """Replace g by e, and write h; zeros where the cosine is below `tol`."""
    for lane in range(np.uintp(h.shape[0])):
        g = dot[lane]
        factor, less, big, small, above = _angle(a[lane], b[lane], g * g, abs(g), met[lane], tol)
        dot[lane], h[lane], a[lane], b[lane], met[lane] = g * factor, less, big, small, above


@_jit
def _complex_angles(a, b, dot, h, met, tol):  # type: ignore[no-untyped-def]
    re, im = dot[0], dot[1]
    for lane in range(np.uintp(h.shape[0])):
        x, y = re[lane], im[lane]
        square = x * x + y * y
        factor, less, big, small, above = _angle(
            a[lane], b[lane], square, sqrt(square), met[lane], tol
        )
        re[lane], im[lane] = x * factor, -y * factor
        h[lane], a[lane], b[lane], met[lane] = less, big, small, above


@_jit
def _angle(a, b, square, size, met, tol):  # type: ignore[no-untyped-def]
    """Return s/|g|, h, both new squares, and 1 where the cosine is above `SMALL` or was before.

    With r² = (a − b)² + 4|g|² the larger of c and s is √((1 + |a − b|/r)/2), and the product of
    the new squares is ab − |g|².
    """
    both = a * b
    turn = square > tol * tol * both
    small = max(SMALL, tol)
    above = 1.0 if square > small * small * both else met
    r = sqrt((a - b) * (a - b) + 4.0 * square)
    r = r if turn else 1.0
    large = sqrt(0.5 + 0.5 * (abs(a - b) / r))
    less = size / (r * large)
    up = a >= b
    c, s = large if up else less, less if up else large
    factor = 1.0 / (r * large) if up else large / (size + TINIEST)
    h = s * s / (1.0 + c)
    first = 0.5 * (a + b + r)
    rest = (both - square) / (first + TINIEST)
    return (
        factor if turn else 0.0,
        h if turn else 0.0,
        first if turn else a,
        max(rest, 0.0) if turn else b,
        above,
    )


@_jit
def _turn_real(x, y, e, h):  # type: ignore[no-untyped-def]
    for i in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(e.shape[0])):
            u, w = x[i, lane], y[i, lane]
            x[i, lane] = u + (e[lane] * w - h[lane] * u)
            y[i, lane] = w - (e[lane] * u + h[lane] * w)


@_jit
def _turn_complex(x, xi, y, yi, e, h):  # type: ignore[no-untyped-def]
    er, ei = e[0], e[1]
    for i in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(h.shape[0])):
            u, v, w, z = x[i, lane], xi[i, lane], y[i, lane], yi[i, lane]
            x[i, lane] = u + (er[lane] * w - ei[lane] * z - h[lane] * u)
            xi[i, lane] = v + (er[lane] * z + ei[lane] * w - h[lane] * v)
            y[i, lane] = w - (er[lane] * u + ei[lane] * v + h[lane] * w)
            yi[i, lane] = z - (er[lane] * v - ei[lane] * u + h[lane] * z)


@_jit
def _store(g, squares, scale, u, vh, values, tall, long):  # type: ignore[no-untyped-def]
    """Write the factors of all matrices of some groups."""
    parts, k = g.shape[1], g.shape[2]
    x, y, order = np.zeros((parts, k, long)), np.zeros((parts, k, k)), np.empty(k, np.intp)
    left, right = (x, y) if tall else (y, x)
    for matrix in range(values.shape[0]):
        group, lane = matrix // LANES, matrix % LANES
        _sort(squares[group], lane, order)
        for j in range(k):
            size = sqrt(squares[group, order[j], lane])
            values[matrix, j] = size * scale[group, lane, 0] * scale[group, lane, 1]
        if g.shape[3] > long:
            _vectors(g[group], squares[group], order, x, y, lane, long)
            _write(left, right, u, vh, matrix)


@_jit
def _sort(squares, lane, order):  # type: ignore[no-untyped-def]
    """Write the order of the columns by size, the largest first."""
    for j in range(order.shape[0]):
        i = j
        while i > 0 and squares[order[i - 1], lane] < squares[j, lane]:
            order[i] = order[i - 1]
            i -= 1
        order[i] = j


@_jit
def _vectors(g, squares, order, x, y, lane, long):  # type: ignore[no-untyped-def]
    """Write the vectors of one matrix as rows of X and Y."""
    for j in range(order.shape[0]):
        size = sqrt(squares[order[j], lane])
        inverse = 1.0 / size if size > 0.0 else 0.0
        for part in range(g.shape[0]):
            for i in range(long):
                x[part, j, i] = g[part, order[j], i, lane] * inverse
            for i in range(order.shape[0]):
                y[part, j, i] = g[part, order[j], long + i, lane]
        if inverse == 0.0:
            _complete(x, j)


@_jit
def _complete(x, j):  # type: ignore[no-untyped-def]
    """Make row j a unit vector orthogonal to the rows before it.

    A coordinate vector of which the others hold least, orthogonalized twice.
    """
    parts, long = x.shape[0], x.shape[2]
    best, least = 0, np.inf
    for i in range(long):
        held = 0.0
        for k in range(j):
            for part in range(parts):
                held += x[part, k, i] * x[part, k, i]
        if held < least:
            best, least = i, held
    x[0, j, best] = 1.0
    for _ in range(2):
        for k in range(j):
            re, im = 0.0, 0.0
            for i in range(long):
                re += x[0, k, i] * x[0, j, i]
                if parts == 2:
                    re += x[1, k, i] * x[1, j, i]
                    im += x[0, k, i] * x[1, j, i] - x[1, k, i] * x[0, j, i]
            for i in range(long):
                x[0, j, i] -= re * x[0, k, i]
                if parts == 2:
                    x[0, j, i] += im * x[1, k, i]
                    x[1, j, i] -= re * x[1, k, i] + im * x[0, k, i]
        total = 0.0
        for part in range(parts):
            for i in range(long):
                total += x[part, j, i] * x[part, j, i]
        for part in range(parts):
            for i in range(long):
                x[part, j, i] /= sqrt(total)


@_jit
def _write(left, right, u, vh, m):  # type: ignore[no-untyped-def]
    """Write U and Vᴴ; the largest component of each left vector becomes real and positive."""
    parts, k, rows = left.shape
    for j in range(k):
        re, im, top = 1.0, 0.0, 0.0
        for i in range(rows):
            a, b = left[0, j, i], left[parts - 1, j, i] if parts == 2 else 0.0
            if a * a + b * b > top:
                re, im, top = a, b, a * a + b * b
        size = sqrt(top) if top > 0.0 else 1.0
        re, im = re / size, im / size
        if parts == 1:
            for i in range(rows):
                u[0, m, i, j] = left[0, j, i] * re
            for i in range(right.shape[2]):
                vh[0, m, j, i] = right[0, j, i] * re
        else:
            for i in range(rows):
                a, b = left[0, j, i], left[1, j, i]
                u[0, m, i, j], u[1, m, i, j] = a * re + b * im, b * re - a * im
            for i in range(right.shape[2]):
                a, b = right[0, j, i], right[1, j, i]
                vh[0, m, j, i], vh[1, m, j, i] = a * re + b * im, a * im - b * re
