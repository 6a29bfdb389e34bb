"""Conjugate gradients on compressed rows: several steps without coming back.

Legend: `a` = (entries, columns, starts of rows); `work` has the rows r, p, q = A p; `scalars` holds
rᴴr of this step and of the one before. x is updated one step late, in the pass that makes p.

Indices are made unsigned, which spares the check for negative ones and half of the time.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

Rows = tuple[Array, Array, Array]

RAN, INDEFINITE, BROKEN = 0, 1, 2

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
# Vectorizing the sum over one short row would cost more than it brings.
_jit_rows: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def cg_steps(
    a: Rows,
    work: Array,
    x: Array,
    scalars: Array,
    bounds: tuple[float, float],
    largest: bool,
    norms: Array,
) -> tuple[int, int]:
    """Take up to ``len(norms)`` steps, and note ‖r‖ after each; the largest component if asked.

    Stops when ‖r‖ is at most the first bound or not at most the second, or at a breakdown.
    Returns how many steps were completed, and how they ended.
    """
    ended: tuple[int, int] = _steps(*a, *work, x, scalars, *bounds, largest, norms)
    return ended


@_jit
def _steps(data, columns, starts, r, p, q, x, scalars, target, limit, largest, norms):  # type: ignore[no-untyped-def]
    rho, old, late = scalars[0], scalars[1], 0.0
    ran, code = 0, RAN
    while ran < norms.shape[0]:
        _direct(x, p, r, x.real.dtype.type(late), x.real.dtype.type(rho / old if old > 0 else 0.0))
        late = 0.0
        curvature = _product(data, columns, starts, p, q)
        if not 0.0 < curvature < np.inf:
            code = INDEFINITE if curvature <= 0.0 else BROKEN
            break
        late = rho / curvature
        old = rho
        rho = _reduce(r, q, x.real.dtype.type(late))
        norms[ran] = _largest(r) if largest else np.sqrt(rho)
        ran += 1
        if norms[ran - 1] <= target or not norms[ran - 1] <= limit:
            break
    for i in range(x.shape[0]):
        x[i] += x.real.dtype.type(late) * p[i]
    scalars[0], scalars[1] = rho, old
    return ran, code


@_jit
def _direct(x, p, r, late, beta):  # type: ignore[no-untyped-def]
    """Compute x += α p of the step before, and p = r + β p."""
    for i in range(x.shape[0]):
        x[i] += late * p[i]
        p[i] = r[i] + beta * p[i]


@_jit_rows
def _product(data, columns, starts, p, q):  # type: ignore[no-untyped-def]
    """Compute q = A p, and return pᴴq."""
    total = 0.0
    for i in range(p.shape[0]):
        v = 0 * p[i]
        for k in range(np.uintp(starts[i]), np.uintp(starts[i + 1])):
            v += data[k] * p[np.uintp(columns[k])]
        q[i] = v
        total += np.float64(p[i].real * v.real + p[i].imag * v.imag)
    return total


@_jit
def _reduce(r, q, alpha):  # type: ignore[no-untyped-def]
    """Compute r −= α q; return ‖r‖²."""
    total = 0.0
    for i in range(r.shape[0]):
        v = r[i] - alpha * q[i]
        r[i] = v
        re, im = np.float64(v.real), np.float64(v.imag)
        total += re * re + im * im
    return total


@_jit_rows
def _largest(r):  # type: ignore[no-untyped-def]
    """Return the largest |rᵢ|, or NaN."""
    top = 0.0
    for i in range(r.shape[0]):
        size = abs(r[i])
        top = top if size <= top else size
        if not top <= np.inf:
            return top
    return top
