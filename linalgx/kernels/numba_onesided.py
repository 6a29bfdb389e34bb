"""One-sided Jacobi: pairs of columns are made orthogonal by plane rotations, one after the other.

The columns of G are kept as rows, each contiguous, in double precision whatever the input.

Legend: x, y two columns with squares a ≥ b, g = xᴴy, θ = (a − b)/(2|g|),
t = 1/(θ + √(1 + θ²)), c = 1/√(1 + t²), s = c t, e = s ḡ/|g|, h = 1 − c = s²/(1 + c);
x ← x + (e y − h x), y ← y − (ē x + h y), which makes errors in proportion to the angle only;
`squares` = ‖column‖², `tol` the cosine below which a pair stays as it is.
"""

from math import prod, sqrt
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
# Called by compiled code only, which saves some of the compilation.
_part: Any = njit(nogil=True, error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True)
_sums: Any = njit(
    nogil=True, error_model="numpy", fastmath={"contract", "reassoc"}, no_cpython_wrapper=True
)

VANISHED = {"float32": 1e-48, "float64": 1e-280}
"""Square of a column that counts as zero, as in the generic code."""


class OnesidedColumns:
    """The columns of G and, with `accumulate`, those of V, which are turned in place."""

    def __init__(self, g: Array, accumulate: bool) -> None:
        *lead, m, n = g.shape
        wide = np.complex128 if np.iscomplexobj(g) else np.float64
        self._lead, self._dtype, self._accumulate = tuple(lead), g.dtype, accumulate
        self._g = np.array(np.swapaxes(g, -1, -2), dtype=wide, order="C")
        self._g = self._g.reshape(prod(lead), n, m)
        self._v = np.zeros((self._g.shape[0], n, n if accumulate else 0), dtype=wide)
        if accumulate:
            self._v[...] = np.eye(n)
        self._squares, self._least = np.empty(n), VANISHED[g.real.dtype.name]

    def turn(self, pairs: Array, tol: float) -> float:
        """Turn the pairs of all rounds; return the largest cosine met."""
        pairs = np.array(pairs.reshape(-1, 2), dtype=np.intp)  # writable, or it is another type
        return float(_turn(self._g, self._v, pairs, tol, self._squares, self._least))

    @property
    def g(self) -> Array:
        """G V in the precision of G."""
        return self._shown(self._g)

    @property
    def v(self) -> Array | None:
        """V, if it is accumulated."""
        return self._shown(self._v) if self._accumulate else None

    def _shown(self, rows: Array) -> Array:
        rows = rows.reshape(*self._lead, *rows.shape[1:])
        # A copy: rotations go on, and an observer may keep what it was shown.
        return np.swapaxes(rows, -1, -2).astype(self._dtype)


@_jit
def _turn(g, v, pairs, tol, squares, least):  # type: ignore[no-untyped-def]
    seen = 0.0
    for k in range(g.shape[0]):
        cosine = turn_pairs(g[k], v[k], pairs, tol, squares, least)
        seen = cosine if not cosine <= seen else seen
    return seen


@_part
def turn_pairs(g, v, pairs, tol, squares, least):  # type: ignore[no-untyped-def]
    """Turn the pairs of one matrix; return the largest cosine met, or NaN."""
    for j in range(g.shape[0]):
        squares[j] = _square(g[j])
    _drop(g, squares, least)
    seen = 0.0
    for i in range(pairs.shape[0]):
        p, q = pairs[i, 0], pairs[i, 1]
        cosine = turn_pair(g, v, p, q, tol, squares, least)
        seen = cosine if not cosine <= seen else seen
    _drop(g, squares, least)
    return seen


@_part
def _drop(g, squares, least):  # type: ignore[no-untyped-def]
    """Set columns to zero that are too small."""
    for j in range(g.shape[0]):
        if squares[j] < least:
            squares[j] = 0.0
            for i in range(g.shape[1]):
                g[j, i] *= 0.0


@_part
def turn_pair(g, v, p, q, tol, squares, least):  # type: ignore[no-untyped-def]
    """Make columns p and q orthogonal, the larger one first; return their cosine before."""
    x, y = g[p], g[q]
    a, b = squares[p], squares[q]
    if a < least or b < least:
        return 0.0
    dot = _dot(x, y)
    size = abs(dot)
    cosine = size / (sqrt(a) * sqrt(b))
    if cosine <= tol:
        return cosine
    swapped = a < b
    if swapped:
        a, b, dot = b, a, np.conj(dot)
    e, h, change = rotation(a, b, dot, size)
    squares[p], squares[q] = a + change, b - change
    if swapped:
        _rotate_swapped(y, x, e, h)
    else:
        _rotate(x, y, e, h)
    if squares[q] <= 1e-3 * b:  # cancellation
        squares[q] = _square(y)
    if v.shape[1] > 0:
        if swapped:
            _rotate_swapped(v[q], v[p], e, h)
        else:
            _rotate(v[p], v[q], e, h)
    return cosine


@_part
def rotation(a, b, dot, size):  # type: ignore[no-untyped-def]
    """Return e, h and the growth of a, for squares a ≥ b."""
    theta = 0.5 * ((a - b) / size)
    t = 0.5 / theta if theta > 1e8 else 1.0 / (theta + sqrt(1.0 + theta * theta))
    c = 1.0 / sqrt(1.0 + t * t)
    s = c * t
    return (s / size) * np.conj(dot), s * s / (1.0 + c), t * size


@_part
def _rotate(x, y, e, h):  # type: ignore[no-untyped-def]
    f = np.conj(e)
    for i in range(x.shape[0]):
        u, w = x[i], y[i]
        x[i] = u + (e * w - h * u)
        y[i] = w - (f * u + h * w)


@_part
def _rotate_swapped(x, y, e, h):  # type: ignore[no-untyped-def]
    """Rotate, and let both columns change places."""
    f = np.conj(e)
    for i in range(x.shape[0]):
        u, w = x[i], y[i]
        y[i] = u + (e * w - h * u)
        x[i] = w - (f * u + h * w)


@_sums
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = 0.0 * x[0]
    for i in range(x.shape[0]):
        total += np.conj(x[i]) * y[i]
    return total


@_sums
def _square(x):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i].real * x[i].real + x[i].imag * x[i].imag
    return total


@_jit
def small_angles(c, x):  # type: ignore[no-untyped-def]
    """Write the skew matrix X of the angles for a Gram matrix C; return max cosine and ‖X‖_F.

    Columns with squares a, b and inner product g have the tangent 2|g|/(|d| + √(d² + 4|g|²)),
    d = b − a, with the sign of d; equal squares are left alone.
    """
    n = c.shape[0]
    largest, total = 0.0, 0.0
    for i in range(n):
        x[i, i] = 0.0
        a = c[i, i].real
        for j in range(i):
            b, g = c[j, j].real, c[i, j]
            square = g.real * g.real + g.imag * g.imag
            d = b - a
            size = abs(d) + sqrt(d * d + 4.0 * square)
            largest = max(largest, square / (a * b))
            t = 2.0 / size if d > 0.0 else (-2.0 / size if d < 0.0 else 0.0)
            x[i, j] = g * t
            x[j, i] = -np.conj(g) * t
            total += t * t * square
    return sqrt(largest), sqrt(2.0 * total)
