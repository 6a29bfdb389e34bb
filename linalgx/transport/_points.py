"""Distances of points, and what changes when the points move.

Legend: C_ij = |x_i − y_j|^p, ∂C_ij/∂x_i = p |x_i − y_j|^(p−2) (x_i − y_j).
"""

from linalgx.typing import Array, Namespace

FEW = 16
"""Coordinates up to which differences are formed, which leaves no cancellation."""


def squared_distances(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Return |x_i − y_j|²."""
    d = x.shape[1]
    if d > FEW:
        middle = xp.mean(x, axis=0)[None, :]
        x, y = x - middle, y - middle
        square = xp.sum(x * x, axis=1)[:, None] + xp.sum(y * y, axis=1)[None, :] - 2.0 * (x @ y.mT)
        return xp.maximum(square, xp.zeros_like(square))
    total = xp.zeros_like(x[:, :1] * y[:, 0][None, :])
    for k in range(d):
        gap = x[:, k][:, None] - y[:, k][None, :]
        total = total + gap * gap
    return total


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
