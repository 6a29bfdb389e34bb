"""Gram-Schmidt steps on pairs of columns, and their congruences, one pair after the other.

Legend: see the generic code: c = a_pᴴa_q/a_pᴴa_p for columns, which are the rows of `x`, and
c = B_pq/B_pp for forms; N ← S⁻¹N adds c times row q to row p.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array


def triangular_columns(x: Array, n: Array, pairs: Array, dead: float) -> tuple[Array, Array]:
    """Make pairs of rows of every `x` orthogonal; both arrays are changed where they can be."""
    x, n, pairs = _ours(x), _ours(n), np.ascontiguousarray(pairs).reshape(-1, 2)
    _columns(*(a.reshape(-1, *a.shape[-2:]) for a in (x, n)), pairs, x.real.dtype.type(dead))
    return x, n


def triangular_forms(b: Array, n: Array, least: Array, pairs: Array) -> tuple[Array, Array, Array]:
    """Make entries of every `b` zero; `least` is the smallest diagonal entry of each so far."""
    b, n, pairs = _ours(b), _ours(n), np.ascontiguousarray(pairs).reshape(-1, 2)
    least = np.array(least, order="C")
    _forms(*(a.reshape(-1, *a.shape[-2:]) for a in (b, n)), least.reshape(-1), pairs)
    return b, n, least


def _ours(a: Array) -> Array:
    """Work arrays of the caller; they become contiguous at the first call."""
    return a if a.flags.c_contiguous and a.flags.writeable else np.array(a, order="C")


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})


@_jit
def _columns(xs, ns, pairs, dead):  # type: ignore[no-untyped-def]
    for k in range(xs.shape[0]):
        for i in range(pairs.shape[0]):
            p, q = np.uintp(pairs[i, 0]), np.uintp(pairs[i, 1])
            x, y = xs[k, p], xs[k, q]
            d, g = (np.conj(x[0]) * x[0]).real, np.conj(x[0]) * y[0]
            for j in range(1, x.shape[0]):
                d += (np.conj(x[j]) * x[j]).real
                g += np.conj(x[j]) * y[j]
            if d <= dead:
                continue
            c = g / d
            for j in range(x.shape[0]):
                y[j] -= c * x[j]
            _add(ns[k, p], ns[k, q], c)


@_jit
def _forms(bs, ns, least, pairs):  # type: ignore[no-untyped-def]
    for k in range(bs.shape[0]):
        b = bs[k]
        for i in range(pairs.shape[0]):
            p, q = np.uintp(pairs[i, 0]), np.uintp(pairs[i, 1])
            g, d = b[p, q], b[p, p].real
            if d <= 0.0:
                continue
            c = g / d
            rest = b[q, q].real - (np.conj(c) * g).real
            _add(b[q], b[p], -np.conj(c))
            b[q, q] = rest
            b[q, p] = 0.0
            for j in range(b.shape[0]):
                b[j, q] = np.conj(b[q, j])
            if not rest >= least[k]:  # NaN counts
                least[k] = rest
            _add(ns[k, p], ns[k, q], c)


@_jit
def _add(x, y, c):  # type: ignore[no-untyped-def]
    for j in range(x.shape[0]):
        x[j] += c * y[j]
