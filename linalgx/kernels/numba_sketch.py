"""Products with a sparse sketch: each row of the operand is added to a few rows of the sketch.

Legend: S is d x n with the entries σ_iz in the rows ρ_iz of column i; out ← out + S x.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

STRIP = 256
"""Rows that are reordered at a time where the operand is not stored by rows, or is read-only."""


def add_signed_rows(rows: Array, signs: Array, x: Array, out: Array) -> None:
    """Add S x to `out`, of shape (d, k), for `rows` and `signs` of shape (n, ζ)."""
    # The entries of S are real, so that complex rows are twice as long real ones.
    real = np.finfo(x.dtype).dtype
    signs = np.ascontiguousarray(signs, dtype=real)
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    target = out.view(real)
    if x.flags.c_contiguous and x.flags.writeable:  # one compiled version for all operands
        _add(rows, signs, x.view(real), target)
        return
    for start in range(0, len(x), STRIP):
        part = slice(start, start + STRIP)
        strip = np.array(x[part], order="C")
        _add(rows[part], signs[part], strip.view(real), target)


@_jit
def _add(rows, signs, x, out):  # type: ignore[no-untyped-def]
    n, zeta = rows.shape
    k = np.uintp(x.shape[1])
    for i in range(n):
        for z in range(zeta):
            row, sign = np.uintp(rows[i, z]), signs[i, z]
            for j in range(k):
                out[row, j] += sign * x[i, j]
