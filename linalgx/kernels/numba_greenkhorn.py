"""Greedy row and column updates of a transport plan, one after another.

Legend: P the plan, r = P1, c = Pᵀ1; u, v the logarithms of what rows and columns were multiplied
by; ρ(x, y) = y − x + x log(x/y) is how far y is from the x that it ought to be.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

LOSS = 1e-3  # share of a sum below which it is added up anew
NEAR = 1e-4  # relative distance below which ρ is taken from its series: its terms cancel

_jit: Any = njit(cache=True, nogil=True, error_model="numpy")


def greenkhorn_updates(
    p: Array, r: Array, c: Array, a: Array, b: Array, u: Array, v: Array, count: int
) -> None:
    """Make exact, `count` times, the row or column with the largest ρ; p, r, c, u, v change."""
    far = np.empty(r.size + c.size, r.dtype)
    _updates(p, r, c, a, b, u, v, count, far[: r.size], far[r.size :])


@_jit
def _distance(x, y):  # type: ignore[no-untyped-def]
    d = (y - x) / x
    if abs(d) < NEAR:
        return x * d * d * (0.5 - d * (1.0 / 3.0 - 0.25 * d))
    return x * (d - np.log(y / x))


@_jit
def _updates(p, r, c, a, b, u, v, count, rows, columns):  # type: ignore[no-untyped-def]
    n, m = p.shape
    for i in range(n):
        rows[i] = _distance(a[i], r[i])
    for j in range(m):
        columns[j] = _distance(b[j], c[j])
    for _ in range(count):
        top, left = np.argmax(rows), np.argmax(columns)
        if rows[top] >= columns[left]:
            factor = a[top] / r[top]
            for k in range(m):
                new = c[k] + (factor - 1.0) * p[top, k]
                p[top, k] *= factor
                c[k] = p[:, k].sum() if new < LOSS * c[k] else new
                columns[k] = _distance(b[k], c[k])
            u[top] += np.log(factor)
            r[top], rows[top] = a[top], 0.0
        else:
            factor = b[left] / c[left]
            for k in range(n):
                new = r[k] + (factor - 1.0) * p[k, left]
                p[k, left] *= factor
                r[k] = p[k, :].sum() if new < LOSS * r[k] else new
                rows[k] = _distance(a[k], r[k])
            v[left] += np.log(factor)
            c[left], columns[left] = b[left], 0.0
