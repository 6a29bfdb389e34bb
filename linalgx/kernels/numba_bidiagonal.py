"""An odd rational function of the singular values of a bidiagonal matrix, in O(r n²) operations.

f(B) = m B + Σⱼ aⱼ B Tⱼ⁻¹ with Tⱼ = BᵀB + cⱼI. Both factorizations of every Tⱼ come from recurrences
without a subtraction, so that all elements of all terms are accurate to a few units in the last
place, however small cⱼ is. Above and below the diagonal a term has rank one; therefore halves of
f(B) that do not touch the diagonal are products of matrices with r columns. Our own derivation.

Legend: B n x n with diagonal b and superdiagonal e; all other arrays have one column for each of
the r terms. s + b² and t + e² the pivots from above and from below (e of the row before), g the
diagonal of T⁻¹; T⁻¹ᵢ₊₁ₖ = λᵢ T⁻¹ᵢₖ and (B T⁻¹)ᵢₖ = βᵢ T⁻¹ᵢₖ for i ≥ k; T⁻¹ᵢₖ = ϱᵢ T⁻¹ᵢ₊₁ₖ and
(B T⁻¹)ᵢₖ = αᵢ T⁻¹ᵢ₊₁ₖ for i < k.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from linalgx.typing import Array

LEAF = 32
"""Blocks on the diagonal up to this order are computed element by element."""

NOTHING = 1e-30
"""Products along a column end where they are smaller than this."""


class Terms(NamedTuple):
    """What the recurrences yield, each n x r."""

    rho: Array
    lam: Array
    alpha: Array
    beta: Array
    g: Array


Weights = tuple[float, Array, Array]


def bidiagonal_map(
    b: Array, e: Array, weights: Callable[[float], Weights | None], dtype: Any
) -> Array | None:
    """Return f(B) for ``(m, a, c) = weights(lower)``; ``None`` if that is.

    `b` without zeros, `e`: double precision; ‖B‖₂ ≤ 1. `lower` is a lower bound of the singular
    values, at most √n too small.
    """
    chosen = weights(_lower_bound(b, e))
    if chosen is None:
        return None
    m, a, c = chosen
    n, r = b.shape[0], c.shape[0]
    terms = Terms(*np.empty((5, n, r)))
    _recurrences(b, e, c, *terms)
    x = np.empty((n, n), dtype=dtype)
    factors = np.empty((2, n, r)), np.empty((2, n, r), dtype=dtype)
    _fill(x, 0, n, terms, (a, np.sqrt(c), *factors))
    flat = x.reshape(-1)
    flat[:: n + 1] += m * b
    flat[1 :: n + 1] += m * e
    return x


def _fill(x: Array, lo: int, hi: int, terms: Terms, rest: tuple[Array, ...]) -> None:
    """Write the block of rows and columns lo to hi, by halves."""
    a, roots, wide, own = rest
    if hi - lo <= LEAF:
        block = np.empty((hi - lo, hi - lo))
        _leaf(block, lo, *terms, a)
        x[lo:hi, lo:hi] = block.T
        return
    mid = (lo + hi) // 2
    _halves(lo, mid, hi, *terms, a, roots, *wide)
    own[:, lo:hi] = wide[:, lo:hi]
    rows, columns = own
    np.matmul(rows[lo:mid], columns[mid:hi].T, out=x[lo:mid, mid:hi])
    np.matmul(rows[mid:hi], columns[lo:mid].T, out=x[mid:hi, lo:mid])
    _fill(x, lo, mid, terms, rest)
    _fill(x, mid, hi, terms, rest)


_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_jit
def _lower_bound(b, e):  # type: ignore[no-untyped-def]
    """Return (‖B⁻¹‖₁ ‖B⁻¹‖_∞)^(-1/2): |B⁻¹| is the inverse of |diag b| − |superdiag e|."""
    n = b.shape[0]
    y = 1.0 / abs(b[n - 1])
    inf = y
    for i in range(n - 2, -1, -1):
        y = (1.0 + abs(e[i]) * y) / abs(b[i])
        inf = max(inf, y)
    y = 1.0 / abs(b[0])
    one = y
    for i in range(1, n):
        y = (1.0 + abs(e[i - 1]) * y) / abs(b[i])
        one = max(one, y)
    return 1.0 / (sqrt(inf) * sqrt(one))


@_jit
def _recurrences(b, e, c, rho, lam, alpha, beta, g):  # type: ignore[no-untyped-def]
    """Fill the terms: s ← c + e² s/(b² + s) from above, t ← c + b² t/(e² + t) from below."""
    n, r = b.shape[0], c.shape[0]
    s = c.copy()
    for j in range(r):
        g[0, j] = 0.0
    for i in range(n - 1):
        be, b2, e2 = b[i] * e[i], b[i] * b[i], e[i] * e[i]
        for j in range(r):
            inverse = 1.0 / (b2 + s[j])
            x = s[j] * inverse
            rho[i, j] = -be * inverse
            alpha[i, j] = e[i] * x
            g[i + 1, j] = e2 * x
            s[j] = c[j] + e2 * x
    for j in range(r):
        s[j] = c[j] + b[n - 1] * b[n - 1]
        beta[n - 1, j] = b[n - 1]
        g[n - 1, j] = 1.0 / (g[n - 1, j] + s[j])
    for i in range(n - 2, -1, -1):
        be, b2, e2 = b[i] * e[i], b[i] * b[i], e[i] * e[i]
        for j in range(r):
            inverse = 1.0 / (e2 + s[j])
            x = s[j] * inverse
            lam[i, j] = -be * inverse
            beta[i, j] = b[i] * x
            s[j] = c[j] + b2 * x
            g[i, j] = 1.0 / (g[i, j] + s[j])


@_jit
def _halves(lo, mid, hi, rho, lam, alpha, beta, g, a, roots, rows, columns):  # type: ignore[no-untyped-def]
    """Write factors of both off-diagonal blocks.

    (B T⁻¹)ᵢₖ = (B T⁻¹)ᵢₘ T⁻¹ₘₖ/T⁻¹ₘₘ with m = `mid` between i and k. Times √c the first factor is
    at most 1/2, the second at most 2/√c, so that neither overflows; a/√c is about 1 or less.
    """
    r = a.shape[0]
    w, first, second = np.ones(r), np.empty(r), np.empty(r)
    for j in range(r):
        first[j] = roots[j] * g[mid, j]
        second[j] = a[j] / roots[j]
    for k in range(mid - 1, lo - 1, -1):
        for j in range(r):
            rows[k, j] = first[j] * alpha[k, j] * w[j]
            x = w[j] * rho[k, j]
            x = x if abs(x) > NOTHING else 0.0
            w[j] = x
            columns[k, j] = second[j] * x
    for j in range(r):
        w[j] = 1.0
    for k in range(mid, hi):
        for j in range(r):
            x = w[j]
            rows[k, j] = first[j] * beta[k, j] * x
            columns[k, j] = second[j] * x
            x *= lam[k, j]
            w[j] = x if abs(x) > NOTHING else 0.0


@_jit
def _leaf(x, lo, rho, lam, alpha, beta, g, a):  # type: ignore[no-untyped-def]
    """Write the transpose of a block on the diagonal, column by column from the diagonal."""
    n, r = x.shape[0], a.shape[0]
    w = np.empty(r)
    for k in range(n):
        total = 0.0
        for j in range(r):
            w[j] = a[j] * g[lo + k, j]
            total += w[j] * beta[lo + k, j]
        x[k, k] = total
        for i in range(k + 1, n):
            total = 0.0
            for j in range(r):
                w[j] *= lam[lo + i - 1, j]
                total += w[j] * beta[lo + i, j]
            x[k, i] = total
        for j in range(r):
            w[j] = a[j] * g[lo + k, j]
        for i in range(k - 1, -1, -1):
            total = 0.0
            for j in range(r):
                total += w[j] * alpha[lo + i, j]
                w[j] *= rho[lo + i, j]
            x[k, i] = total
