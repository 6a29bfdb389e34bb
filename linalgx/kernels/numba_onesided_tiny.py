"""Singular value decompositions of many tiny matrices, side by side.

One-sided Jacobi on many matrices at once: the innermost loop of everything goes over them, so that
one instruction treats several, and no branch tells them apart. In double precision.

Legend: columns x, y of G with squares a ≥ b, if need be after an exchange; g = xᴴy, t the smaller
root of t² + 2θt = 1 with θ = (a − b)/(2|g|); c = 1/√(1 + t²), s = c t, e = s ḡ/|g|,
h = 1 − c = s²/(1 + c); x ← x + (e y − h x), y ← y − (ē x + h y). Work arrays have axes
(real and imaginary part, column, row, matrix); G stands on V. Wide matrices are seen as Aᴴ.
"""

from math import sqrt
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

LANES = 32
ROOM = 2**17
"""Most numbers of the matrices that are in work together, few enough to stay in the cache."""

MOST = 30
TINIEST = 1e-300

VANISHED = 1e-130
"""Square of a column that counts as zero, so that products of two are far from underflow.

A column without room, orthogonal to more others than there are dimensions, becomes shorter with
each sweep and would end there anyway.
"""


FAR = 1e-45
"""Product of the smallest row and column of a matrix, the largest entry one, that is too small."""


def svd_tiny(a: Array, u: Array, s: Array, vh: Array, vectors: bool, unit: float) -> Array | None:
    """Write the factors of every matrix of a batch (k, m, n); ``None`` for NaN and infinities.

    `unit` is the epsilon of the cosines; `u` and `vh` are not touched unless `vectors`. Returns the
    indices of matrices whose rows and columns differ so much that results may be wrong.
    """
    tol, far = unit * sqrt(max(a.shape[1:])), []
    many = LANES * max(1, ROOM // (LANES * s.shape[1] * sum(a.shape[1:])))
    for first in range(0, len(a), many):
        part = slice(first, first + many)
        found = _block(a[part], u[part], s[part], vh[part], vectors, tol)
        if found is None:
            return None
        far.append(first + found)
    return np.concatenate(far)


def _block(a: Array, u: Array, s: Array, vh: Array, vectors: bool, tol: float) -> Array | None:
    """Do the same for some of the matrices."""
    tall, long, k = a.shape[1] >= a.shape[2], max(a.shape[1:]), s.shape[1]
    g, exponent = _lanes(a.transpose(0, 2, 1) if tall else a.conj(), vectors)
    if g is None:
        return None
    far = np.flatnonzero(_is_far(g[:, :, :, :long])[: len(a)])
    squares = np.empty((g.shape[0], k, LANES))
    if not _orthogonalize(g, squares, long, tol, (0,) * g.shape[1]):
        return None
    _sort(g, squares)
    size, half = np.sqrt(squares), exponent // 2
    with np.errstate(over="ignore"):
        s[...] = _single(size * 2.0**half * 2.0 ** (exponent - half), len(a))
    if vectors:
        if g.shape[1] == 2:
            z = np.empty((g.shape[0], *g.shape[2:]), np.complex128)
            z.real, z.imag = g[:, 0], g[:, 1]
        else:
            z = g[:, 0]
        _write(z[:, :, :long], z[:, :, long:], size, u, vh, tall)
    return far


def _is_far(x: Array) -> Array:
    """Whether rows and columns of each matrix differ by too many orders of magnitude."""
    x = np.max(np.abs(x), axis=1)
    columns, rows = np.max(x, axis=2), np.max(x, axis=1)
    # Zeros are no trouble.
    least = (np.min(y, axis=1, initial=1.0, where=y > 0.0) for y in (columns, rows))
    return np.multiply(*least).reshape(-1) < FAR


def _lanes(columns: Array, vectors: bool) -> tuple[Array | None, Array]:
    """Lay the matrices, columns as rows, side by side at unit scale, and identities below them.

    Returns their exponents as well; no matrices if there are NaN or infinities.
    """
    count, k, long = columns.shape
    kinds = 2 if np.iscomplexobj(columns) else 1
    groups = -(-count // LANES)
    padded = np.zeros((groups * LANES, k, long), np.complex128 if kinds == 2 else np.float64)
    padded[:count] = columns
    g = np.zeros((groups, kinds, k, long + k if vectors else long, LANES))
    x = g[:, :, :, :long]
    x[...] = padded.view(np.float64).reshape(groups, LANES, k, long, kinds).transpose(0, 4, 2, 3, 1)
    top = np.max(np.abs(x), axis=(1, 2, 3))[:, None]
    if not np.all(top < np.inf):
        return None, top
    exponent = np.frexp(top)[1]
    half = exponent // 2
    for power in (half, exponent - half):
        x *= (2.0**-power)[:, None, None]
    if vectors:
        np.einsum("gjjl->gjl", g[:, 0, :, long:])[...] = 1.0
    return g, exponent


def _single(x: Array, count: int) -> Array:
    """Bring the matrices from the last axis to the first one, and drop the lanes left over."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(-1, *x.shape[1:-1])[:count]


def _sort(g: Array, squares: Array) -> None:
    """Sort columns by size; the rotations leave few of them in disorder."""
    group, lane = np.nonzero(np.any(squares[:, :-1] < squares[:, 1:], axis=1))
    if group.size:
        size = squares[group, :, lane]
        order = np.argsort(-size, axis=1, kind="stable")
        squares[group, :, lane] = np.take_along_axis(size, order, axis=1)
        order = order[:, None, :, None]
        g[group, :, :, :, lane] = np.take_along_axis(g[group, :, :, :, lane], order, axis=2)


def _write(x: Array, y: Array, size: Array, u: Array, vh: Array, tall: bool) -> None:
    """Write U and Vᴴ; the largest component of each left vector is positive."""
    x = x / np.where(size == 0.0, 1.0, size)[:, :, None]
    group, lane = np.nonzero(size[:, -1] == 0.0)
    if group.size:
        # Zero columns come last, and of Q the last columns are those that X lacks.
        some = x[group, :, :, lane]
        q = np.linalg.qr(some.transpose(0, 2, 1))[0].transpose(0, 2, 1)
        x[group, :, :, lane] = np.where((size == 0.0)[group, :, lane][..., None], q, some)
    left, right = (x, y) if tall else (y, x)
    pivot = left[:, :, 0]
    for i in range(1, left.shape[2]):
        other = left[:, :, i]
        pivot = np.where(np.abs(other) > np.abs(pivot), other, pivot)
    back = (pivot.conj() / np.abs(pivot))[:, :, None]
    u[...] = _single(left * back, len(u)).transpose(0, 2, 1)
    vh[...] = _single(right * back, len(u)).conj()


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
# Called by compiled code only, which saves a third of the compilation.
_part: Any = njit(nogil=True, error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True)


@_jit
def _orthogonalize(groups, squares, long, tol, tag):  # type: ignore[no-untyped-def]
    """Make the columns of all matrices orthogonal; false where that never ends."""
    h, dot = np.empty((2, LANES)), np.empty((2, LANES))
    for k in range(groups.shape[0]):
        if not _sweeps(groups[k], squares[k], h, dot, long, tol, tag):
            return False
    return True


@_part
def _sweeps(g, squares, h, dot, long, tol, tag):  # type: ignore[no-untyped-def]
    """Sweep until a sweep finds all cosines below `tol`; false if that never happens."""
    k = g.shape[1]
    for _ in range(MOST):
        _square(g, squares, long)
        turned = False
        for p in range(k - 1):
            for q in range(p + 1, k):
                _product(g, p, q, dot, long, tag)
                found = _angles(squares[p], squares[q], dot, h, tol, tag)
                if found == 0:
                    continue
                turned = True
                for part in range(g.shape[0]):
                    if found == 2:
                        _swap(g[part, p], g[part, q], h[1])
                if len(tag) == 1:
                    _turn_real(g[0, p], g[0, q], dot[0], h[0])
                else:
                    _turn_complex(g[0, p], g[1, p], g[0, q], g[1, q], dot, h[0])
        if not turned:
            return True
    return False


@_part
def _square(g, squares, long):  # type: ignore[no-untyped-def]
    """Write the squares of the columns; those that come close to underflow become zero."""
    for j in range(g.shape[1]):
        total = squares[j]
        for lane in range(LANES):
            total[lane] = 0.0
        for part in range(g.shape[0]):
            for i in range(long):
                x = g[part, j, i]
                for lane in range(LANES):
                    total[lane] += x[lane] * x[lane]
        for lane in range(LANES):
            if 0.0 < total[lane] < VANISHED:
                total[lane] = 0.0
                for part in range(g.shape[0]):
                    for i in range(long):
                        g[part, j, i, lane] = 0.0


@_part
def _product(g, p, q, dot, long, tag):  # type: ignore[no-untyped-def]
    """Write xᴴy of all lanes."""
    re, im = dot[0], dot[1]
    for lane in range(LANES):
        re[lane] = im[lane] = 0.0
    for i in range(long):
        x, y, xi, yi = g[0, p, i], g[0, q, i], g[-1, p, i], g[-1, q, i]
        for lane in range(LANES):
            re[lane] += x[lane] * y[lane]
            if len(tag) == 2:
                re[lane] += xi[lane] * yi[lane]
                im[lane] += x[lane] * yi[lane] - xi[lane] * y[lane]


@_part
def _angles(squares_p, squares_q, dot, h, tol, tag):  # type: ignore[no-untyped-def]
    """Replace g by e, write h, both squares, and whether the columns change places.

    Returns 0 when all cosines are below `tol`, 2 when columns change places, else 1. With
    r² = (a − b)² + 4|g|² the larger of c and s is √((1 + |a − b|/r)/2), and the product of the new
    squares is ab − |g|².
    """
    re, im, needed = dot[0], dot[1], 0
    for lane in range(LANES):
        square = re[lane] * re[lane] + im[lane] * im[lane]
        a, b = squares_p[lane], squares_q[lane]
        needed |= 1 if square > tol * tol * (a * b) and min(a, b) >= VANISHED else 0
    if needed == 0:
        return 0
    for lane in range(LANES):
        a, b = squares_p[lane], squares_q[lane]
        both, square = a * b, re[lane] * re[lane] + im[lane] * im[lane]
        turn, swap = square > tol * tol * both and min(a, b) >= VANISHED, a < b
        r = sqrt((a - b) * (a - b) + 4.0 * square)
        r = r if turn else 1.0
        c = sqrt(0.5 + 0.5 * (abs(a - b) / r))
        factor = 1.0 / (r * c) if turn else 0.0
        first = 0.5 * (a + b + r)
        rest = (both - square) / (first + TINIEST)
        h[0, lane] = square * factor * factor / (1.0 + c)
        h[1, lane] = 1.0 if turn and swap else 0.0
        needed |= 2 if turn and swap else 0
        re[lane], im[lane] = re[lane] * factor, im[lane] * (factor if swap else -factor)
        squares_p[lane] = first if turn else a
        squares_q[lane] = max(rest, 0.0) if turn else b
    return 2 if needed >= 2 else 1


@_part
def _swap(x, y, swap):  # type: ignore[no-untyped-def]
    for i in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(LANES)):
            u, w = x[i, lane], y[i, lane]
            x[i, lane] = w if swap[lane] > 0.0 else u
            y[i, lane] = u if swap[lane] > 0.0 else w


@_part
def _turn_real(x, y, e, h):  # type: ignore[no-untyped-def]
    for i in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(LANES)):
            u, w = x[i, lane], y[i, lane]
            x[i, lane] = u + (e[lane] * w - h[lane] * u)
            y[i, lane] = w - (e[lane] * u + h[lane] * w)


@_part
def _turn_complex(x, xi, y, yi, e, h):  # type: ignore[no-untyped-def]
    er, ei = e[0], e[1]
    for i in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(LANES)):
            u, v, w, z = x[i, lane], xi[i, lane], y[i, lane], yi[i, lane]
            x[i, lane] = u + (er[lane] * w - ei[lane] * z - h[lane] * u)
            xi[i, lane] = v + (er[lane] * z + ei[lane] * w - h[lane] * v)
            y[i, lane] = w - (er[lane] * u + ei[lane] * v + h[lane] * w)
            yi[i, lane] = z - (er[lane] * v - ei[lane] * u + h[lane] * z)
