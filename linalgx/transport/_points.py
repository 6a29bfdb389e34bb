"""Distances of points, and what changes when the points move.

Legend: C_ij = |x_i − y_j|^p, ∂C_ij/∂x_i = p |x_i − y_j|^(p−2) (x_i − y_j).
"""

from typing import Any

from linalgx.typing import Array, Namespace

FEW = 8
"""Dimensions up to which differences are taken directly: exact where points nearly coincide."""

NEAR = 1e-4
"""Share of the lengths below which a square from products has lost digits that roots would show."""


def squared_distances(x: Array, y: Array, *, exact: bool = True, xp: Namespace) -> Array:
    """Return |x_i − y_j|²; without `exact` small ones may have errors of eps times the largest."""
    if 0 in x.shape or 0 in y.shape:
        return x[:, :1] * y[:, :1].mT
    if x.shape[1] <= FEW:
        return _direct(x, y)
    center = xp.mean(y, axis=0)
    u, v = x - center, y - center
    lengths = xp.sum(u * u, axis=1)[:, None] + xp.sum(v * v, axis=1)[None, :]
    squares = lengths - 2.0 * (u @ v.mT)
    if exact:
        return _mended(squares, squares < NEAR * lengths, x, y, xp=xp)
    return xp.maximum(squares, xp.zeros_like(squares))


def _direct(x: Array, y: Array) -> Array:
    """Return the squares from differences, one coordinate after the other."""
    total: Any = None
    for k in range(x.shape[1]):
        square = (x[:, k, None] - y[None, :, k]) ** 2
        total = square if total is None else total + square
    return total


def _mended(squares: Array, near: Array, x: Array, y: Array, *, xp: Namespace) -> Array:
    """Take the marked squares from differences."""
    i, j = xp.nonzero(near)
    if not i.shape[0]:
        return squares
    total: Any = 0.0
    for k in range(x.shape[1]):
        total = total + (xp.take(x[:, k], i) - xp.take(y[:, k], j)) ** 2
    flat = xp.reshape(near, (-1,))
    at = xp.cumulative_sum(xp.astype(flat, i.dtype)) - 1
    every = xp.take(total, xp.maximum(at, xp.zeros_like(at)))
    return xp.where(near, xp.reshape(every, near.shape), squares)


def powered(square: Array, p: float, *, xp: Namespace) -> Array:
    """Return the distances to the power p."""
    if p == 2.0:
        return square
    return xp.sqrt(square) if p == 1.0 else square ** (p / 2)


def pull(plan: Array, x: Array, y: Array, p: float, *, xp: Namespace) -> Array:
    """Return Σ_j P_ij ∂C_ij/∂x_i; pairs at distance zero pull nowhere."""
    if p == 2.0:
        w = 2.0 * plan
    else:
        square = squared_distances(x, y, xp=xp)
        apart = square > 0
        factor = xp.where(apart, square, xp.ones_like(square)) ** (p / 2 - 1.0)
        w = xp.where(apart, p * factor * plan, xp.zeros_like(plan))
    middle = xp.mean(x, axis=0)[None, :]
    x, y = x - middle, y - middle
    return xp.sum(w, axis=1)[:, None] * x - w @ y
