"""Relaxation sweeps over compressed rows, and the colours, levels and orders that they go by.

Legend: n rows with `data`, `indices`, `indptr`; dinv the reciprocals of the diagonal, zero for rows
that are left out; x ← x + ω dinv (b − A x), one row after the other.

A row is summed from its right end: its left neighbours, the newest numbers, come last, so that the
processor need not wait for them before it begins. Indices are made unsigned, which spares
the check for negative ones.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def sor_sweep(a: Any, dinv: Array, x: Array, b: Array, omega: float, backward: bool) -> Array:
    """Sweep over the rows of a CSR container; returns `x`, changed in place where it can be."""
    x, b = _writable(x), _writable(b)
    w = dinv.real.dtype.type(omega)
    rows = (a.indptr, a.indices, a.data, dinv)
    if x.shape[1] == 1:
        (_backward if backward else _forward)(*rows, x.reshape(-1), b.reshape(-1), w)
    else:
        sums = np.empty(x.shape[1], x.dtype)
        (_backward_block if backward else _forward_block)(*rows, x, b, w, sums)
    return x


def sor_run(
    a: Any,
    dinv: Array,
    x: Array,
    b: Array,
    omega: float,
    symmetric: bool,
    first: int,
    most: int,
    last: int,
    every: int,
    bounds: tuple[float, float],
    largest: bool,
) -> tuple[Array, list[float]]:
    """Sweep over one column until the residual leaves ``(low, high]``, at most `most` times.

    It is computed after sweep k, counted from `first` + 1, when `every` divides k, and for k =
    `last`; `largest` asks for its largest entry. Returns `x` and the norms, NaN where not computed.
    """
    x, b = _writable(x), _writable(b)
    norms = np.full(most, np.nan)
    done = _run(
        *(a.indptr, a.indices, a.data, dinv, x.reshape(-1), b.reshape(-1)),
        *(dinv.real.dtype.type(omega), symmetric, first, last, every, *bounds, largest, norms),
    )
    return x, norms[:done].tolist()


def _writable(x: Array) -> Array:
    """Also for what is only read: one signature for all inputs."""
    return x if x.flags.c_contiguous and x.flags.writeable else np.array(x, order="C")


@_jit
def _forward(indptr, indices, data, dinv, x, b, omega):  # type: ignore[no-untyped-def]
    for i in range(b.shape[0]):
        s = b[i]
        k, start = np.uintp(indptr[i + 1]), np.uintp(indptr[i])
        while k > start:
            k -= np.uintp(1)
            s -= data[k] * x[np.uintp(indices[k])]
        x[i] += omega * dinv[i] * s


@_jit
def _backward(indptr, indices, data, dinv, x, b, omega):  # type: ignore[no-untyped-def]
    for i in range(b.shape[0] - 1, -1, -1):
        s = b[i]
        for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            s -= data[k] * x[np.uintp(indices[k])]
        x[i] += omega * dinv[i] * s


@_jit
def _forward_block(indptr, indices, data, dinv, x, b, omega, sums):  # type: ignore[no-untyped-def]
    for i in range(b.shape[0]):
        _relax_row(i, indptr, indices, data, dinv, x, b, omega, sums)


@_jit
def _backward_block(indptr, indices, data, dinv, x, b, omega, sums):  # type: ignore[no-untyped-def]
    for i in range(b.shape[0] - 1, -1, -1):
        _relax_row(i, indptr, indices, data, dinv, x, b, omega, sums)


@_jit
def _relax_row(i, indptr, indices, data, dinv, x, b, omega, sums):  # type: ignore[no-untyped-def]
    """All columns of one row."""
    columns = x.shape[1]
    for c in range(columns):
        sums[c] = b[i, c]
    for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
        f, j = data[k], np.uintp(indices[k])
        for c in range(columns):
            sums[c] -= f * x[j, c]
    for c in range(columns):
        x[i, c] += omega * dinv[i] * sums[c]


@_jit
def _residual_norm(indptr, indices, data, x, b, largest):  # type: ignore[no-untyped-def]
    """‖b − A x‖, accumulated in double precision; NaN where an entry is NaN."""
    total = 0.0
    for i in range(b.shape[0]):
        s = b[i]
        for k in range(np.uintp(indptr[i]), np.uintp(indptr[i + 1])):
            s -= data[k] * x[np.uintp(indices[k])]
        square = np.float64(s.real) * np.float64(s.real) + np.float64(s.imag) * np.float64(s.imag)
        if not largest:
            total += square
        elif not square <= total:
            total = square
            if not total <= np.inf:
                return total
    return np.sqrt(total)


@_jit
def _run(  # type: ignore[no-untyped-def]
    indptr,
    indices,
    data,
    dinv,
    x,
    b,
    omega,
    symmetric,
    first,
    last,
    every,
    low,
    high,
    largest,
    norms,
):
    for k in range(norms.shape[0]):
        _forward(indptr, indices, data, dinv, x, b, omega)
        if symmetric:
            _backward(indptr, indices, data, dinv, x, b, omega)
        if (first + k + 1) % every == 0 or first + k + 1 == last:
            norms[k] = _residual_norm(indptr, indices, data, x, b, largest)
            if norms[k] <= low or not norms[k] <= high:
                return k + 1
    return norms.shape[0]


def row_levels(indptr: Array, indices: Array) -> Array:
    """One more than the largest level among the earlier neighbours of each row, from zero."""
    levels = np.zeros(indptr.shape[0] - 1, np.int64)
    _levels(indptr, indices, levels)
    return levels


@_jit
def _levels(indptr, indices, levels):  # type: ignore[no-untyped-def]
    for i in range(levels.shape[0]):
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            if j < i and levels[j] >= levels[i]:
                levels[i] = levels[j] + 1


def two_colors(indptr: Array, indices: Array) -> Array | None:
    """Colours 0 and 1 such that neighbours differ, or ``None``."""
    colors = np.full(indptr.shape[0] - 1, -1, np.int64)
    queue = np.empty(indptr.shape[0] - 1, np.int64)
    return colors if _two_colors(indptr, indices, colors, queue) else None


@_jit
def _two_colors(indptr, indices, colors, queue):  # type: ignore[no-untyped-def]
    """Breadth first, from the first row that has no colour yet."""
    for root in range(colors.shape[0]):
        if colors[root] >= 0:
            continue
        colors[root], queue[0], head, tail = 0, root, 0, 1
        while head < tail:
            i = queue[head]
            head += 1
            for k in range(indptr[i], indptr[i + 1]):
                j = indices[k]
                if j == i:
                    continue
                if colors[j] < 0:
                    colors[j] = 1 - colors[i]
                    queue[tail] = j
                    tail += 1
                elif colors[j] == colors[i]:
                    return False
    return True


def first_fit(indptr: Array, indices: Array, order: Array) -> Array:
    """Give each row, in this order, the first colour that none of its neighbours has."""
    colors = np.full(indptr.shape[0] - 1, -1, np.int64)
    widest = int(np.max(np.diff(indptr), initial=0))
    _first_fit(indptr, indices, order, colors, np.full(widest + 1, -1, np.int64))
    return colors


@_jit
def _first_fit(indptr, indices, order, colors, taken):  # type: ignore[no-untyped-def]
    """`taken` says by which row a colour was last seen to be taken."""
    for i in order:
        for k in range(indptr[i], indptr[i + 1]):
            color = colors[indices[k]]
            if color >= 0:
                taken[color] = i
        color = 0
        while taken[color] == i:
            color += 1
        colors[i] = color
