"""Passes over a transport plan P_ij = exp((f_i + g_j − C_ij)/ε), one exponential an entry.

The exponential is written out so that the compiler makes vector instructions of it; that of NumPy
is as fast only where the processor has AVX-512. Sums are kept in 64 bits whatever the arrays hold.

Legend: exp y = 2^k e^r with k = y/log 2 rounded, |r| <= log(2)/2, e^r by its Taylor polynomial of
degree 13 (truncated below 2^-57); log 2 in two parts, so that r is exact to rounding.
"""

from math import factorial
from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

LOG2E = 1.4426950408889634
LOG2_HIGH, LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ROUND = (
    6755399441055744.0  # 1.5·2^52: adding it rounds to an integer, which is then in the low bits
)
ONE_BITS = 1023 << 52
LEAST, MOST = -708.0, 709.0  # below exp is subnormal: zero here; above it would overflow
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1 / factorial(k) for k in range(2, 14))

# Sums may be reordered; the exponential may not, its rounding trick would be lost.
_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
_jit_exp: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def softmin_rows(block: Array, g: Array, epsilon: float) -> Array:
    """Return −ε log Σ_j exp((g_j − C_ij)/ε) for each row."""
    out = np.empty(block.shape[:-1], np.result_type(block, g))
    run = _softmin_rows if block.ndim == 2 else _each_softmin_rows
    run(block, g, 1.0 / epsilon, epsilon, out)
    return out


def softmax_columns(block: Array, f: Array, epsilon: float) -> tuple[Array, Array]:
    """Return t_j = max_i (f_i − C_ij)/ε and Σ_i exp((f_i − C_ij)/ε − t_j), in 64 bits."""
    shape = (*block.shape[:-2], block.shape[-1])
    top, total = np.full(shape, -np.inf), np.zeros(shape)
    run = _softmax_columns if block.ndim == 2 else _each_softmax_columns
    run(block, f, 1.0 / epsilon, top, total)
    return top, total


def plan_rows(block: Array, f: Array, g: Array, epsilon: float) -> Array:
    """Return the rows of P that belong to a block of rows of C."""
    out = np.empty(block.shape, block.dtype)
    run = _plan_rows if block.ndim == 2 else _each_plan_rows
    run(block, f, g, 1.0 / epsilon, out)
    return out


def plan_sums(block: Array, f: Array, g: Array, epsilon: float, c: Array) -> tuple[Array, Any]:
    """Return the row sums of the plan and Σ C P, and add the column sums to `c`; nothing stored."""
    r = np.empty(block.shape[:-1])
    line = np.empty(block.shape[-1])
    if block.ndim == 2:
        return r, _plan_sums(block, f, g, 1.0 / epsilon, r, c, line)
    cost = np.empty(block.shape[0])
    _each_plan_sums(block, f, g, 1.0 / epsilon, r, c, line, cost)
    return r, cost


def rounded_cost(block: Array, p: Array, x: Array, y: Array, share: Array, missing: Array) -> Any:
    """Return Σ C_ij (x_i P_ij y_j + share_i missing_j) over the pairs that carry mass."""
    if block.ndim == 2:
        return _rounded_cost(block, p, x, y, share, missing)
    cost = np.empty(block.shape[0])
    _each_rounded_cost(block, p, x, y, share, missing, cost)
    return cost


def lowest_rows(block: Array, g: Array) -> Array:
    """Return min_j (C_ij − g_j) for each row."""
    out = np.empty(block.shape[:-1], np.result_type(block, g))
    run = _lowest_rows if block.ndim == 2 else _each_lowest_rows
    run(block, g, out)
    return out


@_jit_exp
def exponential(y):  # type: ignore[no-untyped-def]
    """Return exp y for y <= 0 or a little above, to an error of two units in the last place."""
    x = min(max(y, LEAST), MOST)
    t = x * LOG2E + ROUND
    k = t - ROUND
    r = (x - k * LOG2_HIGH) - k * LOG2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (C2 + r * C3) + r2 * (C4 + r * C5)
    high = (C6 + r * C7) + r2 * (C8 + r * C9) + r4 * ((C10 + r * C11) + r2 * (C12 + r * C13))
    power = (np.float64(t).view(np.int64) << 52) + ONE_BITS
    e = (1.0 + (r + r2 * (low + r4 * high))) * np.int64(power).view(np.float64)
    return e if y >= LEAST else (0.0 if y < LEAST else y)  # NaN stays what it is


@_jit
def _softmin_rows(block, g, inverse, epsilon, out):  # type: ignore[no-untyped-def]
    n, m = block.shape
    for i in range(n):
        top = -np.inf
        for j in range(m):
            top = max(top, g[j] - block[i, j])
        if not np.isfinite(top):
            out[i] = -top
            continue
        total = 0.0
        for j in range(m):
            total += exponential((g[j] - block[i, j] - top) * inverse)
        out[i] = -(top + np.log(total) * epsilon)


@_jit
def _softmax_columns(block, f, inverse, top, total):  # type: ignore[no-untyped-def]
    n, m = block.shape
    for i in range(n):
        for j in range(m):
            top[j] = max(top[j], f[i] - block[i, j])
    for j in range(m):
        top[j] = top[j] * inverse if np.isfinite(top[j]) else 0.0
    for i in range(n):
        for j in range(m):
            total[j] += exponential((f[i] - block[i, j]) * inverse - top[j])


@_jit
def _plan_rows(block, f, g, inverse, out):  # type: ignore[no-untyped-def]
    n, m = block.shape
    for i in range(n):
        for j in range(m):
            out[i, j] = exponential((f[i] + g[j] - block[i, j]) * inverse)


@_jit
def _plan_sums(block, f, g, inverse, r, c, line):  # type: ignore[no-untyped-def]
    n, m = block.shape
    cost = 0.0
    for i in range(n):
        total = 0.0
        for j in range(m):
            p = exponential((f[i] + g[j] - block[i, j]) * inverse)
            line[j] = p
            total += p
        r[i] = total
        moved = 0.0
        for j in range(m):
            c[j] += line[j]
            # Forbidden pairs have an infinite cost and no mass.
            moved += line[j] * block[i, j] if line[j] > 0.0 else 0.0
        cost += moved
    return cost


@_jit
def _lowest_rows(block, g, out):  # type: ignore[no-untyped-def]
    n, m = block.shape
    for i in range(n):
        low = np.inf
        for j in range(m):
            low = min(low, block[i, j] - g[j])
        out[i] = low


@_jit
def _rounded_cost(block, p, x, y, share, missing):  # type: ignore[no-untyped-def]
    n, m = block.shape
    cost = 0.0
    for i in range(n):
        moved = 0.0
        for j in range(m):
            mass = x[i] * p[i, j] * y[j] + share[i] * missing[j]
            moved += block[i, j] * mass if mass > 0.0 else 0.0
        cost += moved
    return cost


# The same for each problem of a batch, the first axis.


@_jit
def _each_softmin_rows(block, g, inverse, epsilon, out):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        _softmin_rows(block[k], g[k], inverse, epsilon, out[k])


@_jit
def _each_softmax_columns(block, f, inverse, top, total):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        _softmax_columns(block[k], f[k], inverse, top[k], total[k])


@_jit
def _each_plan_rows(block, f, g, inverse, out):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        _plan_rows(block[k], f[k], g[k], inverse, out[k])


@_jit
def _each_plan_sums(block, f, g, inverse, r, c, line, cost):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        cost[k] = _plan_sums(block[k], f[k], g[k], inverse, r[k], c[k], line)


@_jit
def _each_rounded_cost(block, p, x, y, share, missing, cost):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        cost[k] = _rounded_cost(block[k], p[k], x[k], y[k], share[k], missing[k])


@_jit
def _each_lowest_rows(block, g, out):  # type: ignore[no-untyped-def]
    for k in range(block.shape[0]):
        _lowest_rows(block[k], g[k], out[k])
