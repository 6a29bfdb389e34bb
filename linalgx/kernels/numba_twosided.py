"""Two-sided Jacobi rotations of Hermitian matrices, one pair after the other.

Legend: B Hermitian, kept whole; Y = Vᵀ, so that eigenvectors are rows; a = B_pp, b = B_qq,
g = B_pq, w = g/|g|, θ = (b − a)/(2|g|), t the smaller root of t² + 2θt = 1, c = 1/√(1 + t²),
s = ct.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

TINY = 3
"""The order that is compiled for itself."""

LARGE_ANGLE = {"float32": 3e3, "float64": 7e7}
"""1/√eps: for larger θ the root is 1/(2θ) to the last bit."""


def two_sided_sweeps(
    b: Array, y: Array, pairs: Array, tol: float, floor: Array, limit: int
) -> tuple[int, bool]:
    """Rotate each matrix of a batch ``(k, n, n)``, in place, over the pairs again and again.

    A matrix is done when no pair has |g| > max(tol √|ab|, floor). Returns the most rounds over the
    pairs that a matrix took, at most `limit`, and whether the last of them rotated anything.
    """
    tag = (0,) * TINY if b.shape[-1] == TINY else ()
    flat = pairs.reshape(-1, 2).astype(np.uintp)
    big = LARGE_ANGLE[b.real.dtype.name]
    rounds, left = _run(b, y, flat, tol, floor.astype(np.float64), limit, big, tag)
    return int(rounds), bool(left)


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_jit
def _run(b, y, pairs, tol, floor, limit, big, tag):  # type: ignore[no-untyped-def]
    most, unfinished = 0, False
    for k in range(b.shape[0]):
        done, moved = 0, 1
        while moved > 0 and done < limit:
            moved = 0
            for i in range(pairs.shape[0]):
                moved += _rotate(b[k], y[k], pairs[i, 0], pairs[i, 1], tol, floor[k], big, tag)
            done += 1
        most = max(most, done)
        unfinished = unfinished or moved > 0
    return most, unfinished


@_jit
def _rotate(b, y, p, q, tol, floor, big, tag):  # type: ignore[no-untyped-def]
    """Annihilate B_pq; 0 when it is small enough."""
    n = len(tag) if len(tag) > 0 else b.shape[0]
    g, lower, upper = b[p, q], b[p, p].real, b[q, q].real
    size = abs(g)
    # The product of roots neither over- nor underflows.
    if not (size > floor and size > tol * (np.sqrt(abs(lower)) * np.sqrt(abs(upper)))):
        return 0
    theta = 0.5 * (upper - lower) / size
    if abs(theta) > big:
        t = 0.5 / theta
    else:
        t = 1.0 / (abs(theta) + np.sqrt(1.0 + theta * theta))
        t = t if theta >= 0.0 else -t
    c = 1.0 / np.sqrt(1.0 + t * t)
    s = c * t
    kind = b.dtype.type
    # Row p becomes c·p − sw·q and row q becomes s·p + cw·q; in Y with the conjugate of w.
    c1, s1, cw, sw = kind(c), kind(s), kind(c * (g / size)), kind(s * (g / size))
    row_p, row_q = b[p], b[q]
    for k in range(n):
        u, v = row_p[k], row_q[k]
        row_p[k] = c1 * u - sw * v
        row_q[k] = s1 * u + cw * v
    for k in range(n):
        b[k, p] = np.conj(row_p[k])
        b[k, q] = np.conj(row_q[k])
    b[p, p], b[q, q] = kind(lower - t * size), kind(upper + t * size)
    b[p, q] = b[q, p] = kind(0.0)
    cw, sw = np.conj(cw), np.conj(sw)
    row_p, row_q = y[p], y[q]
    for k in range(n):
        u, v = row_p[k], row_q[k]
        row_p[k] = c1 * u - sw * v
        row_q[k] = s1 * u + cw * v
    return 1
