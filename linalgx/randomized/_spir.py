"""Sketch-and-precondition with iterative refinement: the inner iteration of SPIR.

Legend: M = PᴴÃᴴÃP is well conditioned; conjugate gradients solve M Y = C, each column for itself,
with directions D.
"""

from linalgx.randomized._fossils import Product, Watch
from linalgx.typing import Array, Namespace


def conjugate_gradients(
    product: Product, c: Array, beta: float, watch: Watch, *, xp: Namespace
) -> Array:
    """Return Y with M Y = C, as far as `watch` lets it go; needs no bounds of the spectrum."""
    y, residual, direction = xp.zeros_like(c), c, c
    square = _inner(c, c, xp=xp)
    while True:
        image = product(direction)
        step = _ratio(square, _inner(direction, image, xp=xp), xp=xp)
        y, residual = y + step * direction, residual - step * image
        if watch(y, residual):
            return y
        before, square = square, _inner(residual, residual, xp=xp)
        direction = residual + _ratio(square, before, xp=xp) * direction


def _inner(x: Array, y: Array, *, xp: Namespace) -> Array:
    return xp.sum(xp.conj(x) * y, axis=0, keepdims=True)


def _ratio(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Return x/y, and 0 where y is: that column is solved."""
    zero = y == 0
    return xp.where(zero, xp.zeros_like(x), x / xp.where(zero, xp.ones_like(y), y))
