"""Sketched iterative refinement with momentum: the inner iteration of FOSSILS.

Legend: M = PᴴÃᴴÃP, whose eigenvalues lie in [(1 + √β)⁻², (1 − √β)⁻²], β = n/d, for a sketch of
d rows; the heavy ball with step α = (1 − β)² and momentum β solves M Y = C with rate √β.
"""

from collections.abc import Callable

from linalgx.typing import Array, Namespace

Product = Callable[[Array], Array]
Watch = Callable[[Array, Array], bool]
"""Sees an iterate Y and its residual C − M Y; true ends the iteration."""


def heavy_ball(product: Product, c: Array, beta: float, watch: Watch, *, xp: Namespace) -> Array:
    """Return Y with M Y = C, as far as `watch` lets it go; needs no inner product."""
    alpha = (1.0 - beta) ** 2
    y = alpha * c
    step = y
    while True:
        residual = c - product(y)
        if watch(y, residual):
            return y
        step = alpha * residual + beta * step
        y = y + step
