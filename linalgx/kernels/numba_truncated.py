"""Newton's steps on a transport plan of which only the entries that matter are kept.

Legend: P in compressed rows (data, columns, starts), its columns exact: Pᵀ1 = b; r = P1. The
semi-dual Hessian is S = diag(d) − P diag(h) Pᵀ with d and 1/h slightly above r and b.

Indices are made unsigned, which spares the check for negative ones.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.kernels.numba_softmin import exponential
from linalgx.typing import Array

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
# Vectorizing the sum over one short row would cost more than it brings.
_jit_rows: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

Rows = tuple[Array, Array, Array]


def truncated_count(
    block: Array, f: Array, g: Array, epsilon: float, rows: Array, columns: Array
) -> Array:
    """Count the entries of each row with (f_i + g_j − C_ij)/ε > min(rows_i, columns_j)."""
    counts = np.empty(block.shape[0], np.int64)
    _count(block, f, g, 1.0 / epsilon, rows, columns, counts)
    return counts


def truncated_fill(
    block: Array,
    f: Array,
    g: Array,
    epsilon: float,
    rows: Array,
    columns: Array,
    start: int,
    data: Array,
    indices: Array,
) -> None:
    """Write those entries and their columns, from `start` on."""
    _fill(block, f, g, 1.0 / epsilon, rows, columns, start, data, indices)


def truncated_rows(plan: Rows) -> Array:
    """Return P1."""
    r = np.empty(plan[2].size - 1)
    _row_sums(*plan, r)
    return r


def truncated_columns(plan: Rows, weights: Array, m: int) -> Array:
    """Return Pᵀ times the weights."""
    w = np.zeros(m)
    _columns(*plan, weights, w)
    return w


def truncated_rescale(plan: Rows, u: Array, v: Array) -> None:
    """Replace P by diag(u) P diag(v), in place."""
    _rescale(*plan, u, v)


def coarse_of_rows(plan: Rows, rows: Array, columns: Array) -> Rows:
    """Return the entries with P_ij > min(rows_i, columns_j)."""
    data, indices = np.empty(plan[0].size + 1), np.empty(plan[0].size + 1, np.int32)
    starts = np.zeros(plan[2].size, np.int64)
    _coarse_of_rows(*plan, rows, columns, data, indices, starts)
    return data, indices, starts


def coarse_of_dense(
    k: Array, u: Array, v: Array, rows: Array, columns: Array, most: float
) -> Rows | None:
    """Return the entries of P = diag(u) K diag(v) with P_ij > min(rows_i, columns_j).

    ``None`` when they are more than a share `most` of all.
    """
    starts = np.zeros(k.shape[0] + 1, np.int64)
    kept = _coarse_count(k, u, v, rows, columns, starts)
    if kept > most * k.size:
        return None
    data, indices = np.empty(kept + 1), np.empty(kept + 1, np.int32)
    _coarse_fill(k, u, v, rows, columns, data, indices)
    return data, indices, starts


def squared_product(k: Array, h: Array) -> Array:
    """Return Σ_j K_ij² h_j for each row."""
    out = np.empty(k.shape[0], np.result_type(k, h))
    _squared_product(k, h, out)
    return out


def truncated_direction(
    plan: Rows, d: Array, h: Array, rhs: Array, floor: float, tolerance: float, cap: int
) -> tuple[Array, int]:
    """Solve S x = rhs by conjugate gradients to a relative L1 residual; x and the iterations.

    The preconditioner is the exact diagonal of S, at least `floor` times d.
    """
    work = np.zeros((5, d.size))
    middle = np.empty(h.size)
    done: int = _conjugate_gradients(*plan, d, h, rhs, floor, tolerance, cap, *work, middle)
    return work[0], done


@_jit
def _count(block, f, g, inverse, rows, columns, counts):  # type: ignore[no-untyped-def]
    n, m = block.shape
    for i in range(n):
        kept = 0
        for j in range(m):
            kept += (f[i] + g[j] - block[i, j]) * inverse > min(rows[i], columns[j])
        counts[i] = kept


@_jit
def _fill(block, f, g, inverse, rows, columns, start, data, indices):  # type: ignore[no-untyped-def]
    n, m = block.shape
    at = np.uintp(start)
    for i in range(n):
        for j in range(m):
            z = (f[i] + g[j] - block[i, j]) * inverse
            if z > min(rows[i], columns[j]):
                data[at] = z
                indices[at] = j
                at += np.uintp(1)
    for k in range(start, np.int64(at)):
        data[k] = exponential(data[k])


@_jit_rows
def _coarse_of_rows(data, columns, starts, low, high, out, indices, ends):  # type: ignore[no-untyped-def]
    # Written before it is known whether it stays: no branch that is hard to predict.
    at = np.uintp(0)
    for i in range(low.size):
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            j = np.uintp(columns[k])
            out[at] = data[k]
            indices[at] = columns[k]
            at += np.uintp(data[k] > min(low[i], high[j]))
        ends[i + 1] = at


@_jit
def _coarse_count(k, u, v, low, high, starts):  # type: ignore[no-untyped-def]
    for i in range(k.shape[0]):
        kept = 0
        for j in range(k.shape[1]):
            kept += u[i] * k[i, j] * v[j] > min(low[i], high[j])
        starts[i + 1] = starts[i] + kept
    return starts[-1]


@_jit_rows
def _coarse_fill(k, u, v, low, high, out, indices):  # type: ignore[no-untyped-def]
    at = np.uintp(0)
    for i in range(k.shape[0]):
        for j in range(k.shape[1]):
            p = u[i] * k[i, j] * v[j]
            out[at] = p
            indices[at] = j
            at += np.uintp(p > min(low[i], high[j]))


@_jit
def _squared_product(k, h, out):  # type: ignore[no-untyped-def]
    for i in range(k.shape[0]):
        total = 0.0
        for j in range(k.shape[1]):
            total += k[i, j] * k[i, j] * h[j]
        out[i] = total


@_jit_rows
def _row_sums(data, columns, starts, r):  # type: ignore[no-untyped-def]
    for i in range(r.size):
        total = 0.0
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            total += data[k]
        r[i] = total


@_jit_rows
def _columns(data, columns, starts, weights, w):  # type: ignore[no-untyped-def]
    for i in range(weights.size):
        x = weights[i]
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            w[np.uintp(columns[k])] += data[k] * x


@_jit_rows
def _rescale(data, columns, starts, u, v):  # type: ignore[no-untyped-def]
    for i in range(u.size):
        x = u[i]
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            data[k] *= x * v[np.uintp(columns[k])]


@_jit_rows
def _product(data, columns, starts, d, h, p, q, middle):  # type: ignore[no-untyped-def]
    """Set q = S p."""
    middle[:] = 0.0
    _columns(data, columns, starts, p, middle)
    for j in range(middle.size):
        middle[j] *= h[j]
    for i in range(p.size):
        total = 0.0
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            total += data[k] * middle[np.uintp(columns[k])]
        q[i] = d[i] * p[i] - total


@_jit_rows
def _diagonal(data, columns, starts, d, h, floor, inverse):  # type: ignore[no-untyped-def]
    for i in range(d.size):
        total = 0.0
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            total += data[k] * data[k] * h[np.uintp(columns[k])]
        inverse[i] = 1.0 / max(d[i] - total, floor * d[i])


@_jit
def _conjugate_gradients(  # type: ignore[no-untyped-def]
    data, columns, starts, d, h, rhs, floor, tolerance, cap, x, r, p, q, inverse, middle
):
    _diagonal(data, columns, starts, d, h, floor, inverse)
    rho = 0.0
    for i in range(d.size):
        r[i] = rhs[i]
        p[i] = inverse[i] * r[i]
        rho += p[i] * r[i]
    target = tolerance * tolerance * rho
    done = 0
    while done < cap and rho > target:
        _product(data, columns, starts, d, h, p, q, middle)
        curvature = 0.0
        for i in range(d.size):
            curvature += p[i] * q[i]
        if not 0.0 < curvature < np.inf:
            break
        alpha = rho / curvature
        new = 0.0
        for i in range(d.size):
            x[i] += alpha * p[i]
            r[i] -= alpha * q[i]
            new += inverse[i] * r[i] * r[i]
        beta = new / rho
        rho = new
        for i in range(d.size):
            p[i] = inverse[i] * r[i] + beta * p[i]
        done += 1
    return done
