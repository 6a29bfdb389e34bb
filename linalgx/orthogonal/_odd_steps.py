"""Steps X ← p(X) with odd polynomials, and their sequences.

Legend: X with few rows, G = X Xᴴ; a row (c₀, c₁, c₂, …) is p(x) = c₀ x + c₁ x³ + c₂ x⁵ + …;
P = c₀ I + Z with Z = c₁ G + c₂ G² + …, so that p(X) = P X; Q a product of such P.
"""

from collections.abc import Sequence

from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, find_kernel, hermitian_square, host_float, is_complex
from linalgx.orthogonal._minimax import Row
from linalgx.typing import Array, Callback, Namespace

# BLAS calls on one triangle win from about 512 rows in float32 and 128 in complex128 on.
_KERNEL_BITS = 512 * 32
# Steps on the Gram matrix: the first restart comes early, while small singular values grow most.
_RESTARTS = 2, 3
_WIDE = 3


def rows_gram(x: Array, *, xp: Namespace) -> Array:
    """Gram matrix X Xᴴ of the rows."""
    return x @ adjoint(x, xp=xp)


def odd_step(x: Array, row: Row, g: Array | None = None, *, xp: Namespace) -> Array:
    """Return p(X); `g` is the Gram matrix of the rows when it is known."""
    kernel = find_kernel("quintic_step", xp) if len(row) == 3 else None
    if kernel is not None and _row_bits(x, xp=xp) >= _KERNEL_BITS:
        return kernel(x, row, g)
    y = higher_terms(rows_gram(x, xp=xp) if g is None else g, row, xp=xp) @ x
    y += row[0] * x
    return y


def higher_terms(g: Array, row: Row, *, xp: Namespace) -> Array:
    """Return Z = P − c₀ I for polynomials of degree 3, 5 or 7, with at most two products."""
    if len(row) == 2:
        return row[1] * g
    square = hermitian_square(g, xp=xp)
    z = row[1] * g
    if len(row) == 4:
        z += row[3] * (square @ g)
    square *= row[2]
    z += square
    return z


def run_steps(x: Array, rows: Sequence[Row], g: Array | None = None, *, xp: Namespace) -> Array:
    """Take all steps, on the Gram matrix where that is less work."""
    if x.shape[-1] >= _WIDE * x.shape[-2] and len(rows) > 1:
        return _run_on_gram(x, rows, g, xp=xp)
    for row in rows:
        x, g = odd_step(x, row, g, xp=xp), None
    return x


def run_observed(
    x: Array, rows: Sequence[Row], callback: Callback, *, flipped: bool, xp: Namespace
) -> Array:
    """Take the steps one by one, showing each iterate and its distance from orthogonality."""
    for k in range(len(rows) + 1):
        g = rows_gram(x, xp=xp)
        defects = frobenius(g - identity_like(g, xp=xp), xp=xp)
        seen = adjoint(x, xp=xp) if flipped else x
        if notify(callback, k, seen, host_float(xp.max(defects))) or k == len(rows):
            break
        x = odd_step(x, rows[k], g, xp=xp)
    return x


def _run_on_gram(x: Array, rows: Sequence[Row], g: Array | None, *, xp: Namespace) -> Array:
    """Iterate on G: X ← P X means G ← P G P, and the wide X is touched at restarts only.

    Rounding in G hides singular values below the root of eps; the restarts, which recompute G
    from X, keep that error from growing with the product of the slopes P.
    """
    first, later = _RESTARTS
    q = None
    for k, row in enumerate(rows, start=1):
        if g is None:
            g = rows_gram(x, xp=xp)
        p = higher_terms(g, row, xp=xp) + row[0] * identity_like(g, xp=xp)
        q = p if q is None else p @ q
        if k == len(rows) or (k >= first and (k - first) % later == 0):
            x, q, g = q @ x, None, None
        else:
            g = p @ (g @ p)
    return x


def _row_bits(x: Array, *, xp: Namespace) -> int:
    """Bits in one column of X."""
    bits = int(xp.finfo(x.dtype).bits) * (2 if is_complex(x, xp=xp) else 1)
    return int(x.shape[-2]) * bits
