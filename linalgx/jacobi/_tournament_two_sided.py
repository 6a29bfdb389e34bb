"""Two-sided Jacobi rotations by whole arrays: all pairs of a round, and all matrices, at once.

The pairs of a round are brought together, B = [P; Q; R] with the first indices of the pairs, the
second ones and the rest, so that a round is a handful of operations on slices. The order in which
the indices lie is known on the host; between rounds it changes by one gather for each factor.

Legend: B Hermitian, Y = Vᵀ, eigenvectors as rows; for each pair a = B_pp, b = B_qq, g = B_pq,
w = g/|g|, d = b − a, t = 2|g| sgn(d)/(|d| + √(d² + 4|g|²)), c = 1/√(1 + t²), s = ct.
"""

from typing import Any

from linalgx._core.polish import identity_like
from linalgx.backend import device_of, hermitian, is_complex
from linalgx.typing import Array, Namespace


def two_sided_rounds(
    b: Array, y: Array, pairs: Array, tol: float, floor: Array, *, xp: Namespace
) -> tuple[Array, Array, bool]:
    """Return B and Y after one pass over the rounds of `pairs`, and whether anything was rotated.

    A pair is left alone unless |g| > max(tol √|ab|, floor), in each matrix of a batch
    ``(k, n, n)`` by itself.
    """
    n, moved = b.shape[-1], None
    place = list(range(n))
    for pairs_of_round in pairs.tolist():
        order = _order(pairs_of_round, n)
        b, y = _moved(b, y, [place.index(j) for j in order], xp=xp)
        place = order
        b, y, any_ = _round(b, y, len(pairs_of_round), tol, floor, xp=xp)
        moved = any_ if moved is None else moved | any_
    b, y = _moved(b, y, sorted(range(n), key=place.__getitem__), xp=xp)
    return b, y, moved is not None and bool(moved)


def _order(pairs: list[list[int]], n: int) -> list[int]:
    """First indices, second indices, idle ones."""
    first, second = [p for p, _ in pairs], [q for _, q in pairs]
    met = {*first, *second}
    return [*first, *second, *(j for j in range(n) if j not in met)]


def _moved(b: Array, y: Array, index: list[int], *, xp: Namespace) -> tuple[Array, Array]:
    """Bring rows and columns of B and rows of Y into another order."""
    if index == list(range(len(index))):
        return b, y
    to = xp.asarray(index, dtype=xp.int64, device=device_of(b))
    b = xp.take(xp.take(b, to, axis=-2), to, axis=-1)
    return b, xp.take(y, to, axis=-2)


def _round(
    b: Array, y: Array, h: int, tol: float, floor: Array, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Rotate the pairs (i, h + i), i < h."""
    diagonal = xp.linalg.diagonal(b)
    diagonal = xp.real(diagonal) if is_complex(b, xp=xp) else diagonal
    low, high = diagonal[..., :h], diagonal[..., h : 2 * h]
    g = xp.linalg.diagonal(b[..., :h, h : 2 * h])
    c, s, phase, change, rotates = _angles(low, high, g, tol, floor, xp=xp)
    diagonal = xp.concat([low - change, high + change, diagonal[..., 2 * h :]], axis=-1)
    b = _turned(b, c, s, phase, xp=xp)
    b = _turned(b.mT, c, s, _conjugate(phase, xp=xp), xp=xp).mT
    y = _turned(y, c, s, _conjugate(phase, xp=xp), xp=xp)
    # Rounding errors of rows and columns differ, and an entry is looked at on one side only.
    b = _exact(hermitian(b, xp=xp), diagonal, rotates, xp=xp)
    return b, y, xp.any(rotates)


def _angles(
    low: Array, high: Array, g: Array, tol: float, floor: Array, *, xp: Namespace
) -> tuple[Any, ...]:
    """Return c, s, w, the change t|g| of the diagonal, and which pairs are rotated."""
    size = xp.abs(g)
    bound = tol * (xp.sqrt(xp.abs(low)) * xp.sqrt(xp.abs(high)))
    rotates = (size > bound) & (size > floor[..., None])
    zero, one = xp.zeros_like(size), xp.ones_like(size)
    size = xp.where(rotates, size, zero)
    d, twice = high - low, 2.0 * size
    # No square that could underflow, and |t| <= 1 whatever the rounding.
    t = twice / xp.where(rotates, xp.abs(d) + xp.hypot(d, twice), one)
    t = xp.where(d < 0.0, -t, t)
    c = 1.0 / xp.sqrt(1.0 + t * t)
    safe = xp.where(rotates, size, one)
    if is_complex(g, xp=xp):
        phase = xp.where(rotates, g / xp.astype(safe, g.dtype), xp.ones_like(g))
        kinds = (xp.astype(c, g.dtype), xp.astype(c * t, g.dtype))
    else:
        phase, kinds = xp.where(rotates & (g < 0.0), -one, one), (c, c * t)
    return (*kinds, phase, t * size, rotates)


def _turned(x: Array, c: Array, s: Array, phase: Array, *, xp: Namespace) -> Array:
    """Rows p become c p − s w q, and rows q become s p + c w q."""
    h = c.shape[-1]
    c, s = c[..., None], s[..., None]
    p, q = x[..., :h, :], phase[..., None] * x[..., h : 2 * h, :]
    return xp.concat([c * p - s * q, s * p + c * q, x[..., 2 * h :, :]], axis=-2)


def _exact(b: Array, diagonal: Array, rotates: Array, *, xp: Namespace) -> Array:
    """Write the diagonal as it follows from the tangents, and zeros at the rotated pairs."""
    n, h = b.shape[-1], rotates.shape[-1]
    eye = identity_like(b, xp=xp)
    rows = xp.astype(diagonal, b.dtype)[..., None] * eye
    gone = xp.concat([rotates, rotates], axis=-1)[..., None]
    shift = [*range(h, 2 * h), *range(h)]
    met = xp.take(eye, xp.asarray(shift, dtype=xp.int64, device=device_of(b)), axis=0) == 1.0
    lost = xp.concat([met & gone, xp.zeros_like(b[..., : n - 2 * h, :], dtype=xp.bool)], axis=-2)
    return xp.where(eye == 1.0, rows, xp.where(lost, xp.zeros_like(b), b))


def _conjugate(x: Array, *, xp: Namespace) -> Array:
    return xp.conj(x) if is_complex(x, xp=xp) else x
