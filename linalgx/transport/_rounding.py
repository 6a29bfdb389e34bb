"""Making a plan exactly feasible (Altschuler, Weed, Rigollet 2017).

Legend: P with row sums r becomes diag(x) P diag(y) + e_a e_bᵀ/‖e_a‖₁, x = min(a/r, 1), y =
min(b/(Pᵀx), 1), and e_a, e_b what is then missing.
"""

from collections.abc import Callable
from typing import NamedTuple

from linalgx.typing import Array, Namespace

Product = Callable[[Array], Array]


class Rounding(NamedTuple):
    """Factors and remainders that make a plan feasible."""

    x: Array
    y: Array
    missing_a: Array
    missing_b: Array

    def share(self, *, xp: Namespace) -> Array:
        """Return e_a/‖e_a‖₁, zero where nothing is missing."""
        total = xp.sum(self.missing_a, axis=-1, keepdims=True)
        return self.missing_a / xp.where(total > 0, total, xp.ones_like(total))

    def applied(self, p: Array, *, xp: Namespace) -> Array:
        """Return the feasible plan."""
        scaled = self.x[..., :, None] * p * self.y[..., None, :]
        return scaled + self.share(xp=xp)[..., :, None] * self.missing_b[..., None, :]


def rounding(
    times: Product, times_transposed: Product, r: Array, a: Array, b: Array, *, xp: Namespace
) -> Rounding:
    """Find the factors from products with P and Pᵀ."""
    tiny = xp.finfo(a.dtype).smallest_normal
    one = xp.ones_like(a[..., :1])
    x = xp.minimum(a / xp.maximum(r, one * tiny), one)
    c = times_transposed(x)
    y = xp.minimum(b / xp.maximum(c, one * tiny), one)
    missing_a = xp.maximum(a - x * times(y), xp.zeros_like(one))
    return Rounding(x, y, missing_a, xp.maximum(b - y * c, xp.zeros_like(one)))


def rounding_of(p: Array, r: Array, a: Array, b: Array, *, xp: Namespace) -> Rounding:
    """Find the factors of a plan that is stored."""
    return rounding(
        lambda y: (p @ y[..., None])[..., 0], lambda x: (x[..., None, :] @ p)[..., 0, :],
        r, a, b, xp=xp,
    )  # fmt: skip
