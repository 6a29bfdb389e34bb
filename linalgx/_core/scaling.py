"""Exact scaling by powers of two, so that no square over- or underflows.

Legend: e = exponent with 2^(e-1) <= max|components of A| < 2^e, one for each matrix.
"""

from typing import Any

from linalgx.backend import exponents, max_component, real_dtype, times_power_of_two
from linalgx.typing import Array, Namespace


def to_unit_scale(a: Array, *, xp: Namespace) -> tuple[Array, Any]:
    """Divide by 2^e; returns the scaled matrices and e, which `from_unit_scale` understands."""
    exponent = exponents(max_component(a, xp=xp))
    return times_power_of_two(a, -exponent, xp=xp), exponent


def from_unit_scale(a: Array, exponent: Any, *, xp: Namespace) -> Array:
    """Multiply by 2^e, undoing `to_unit_scale`."""
    return times_power_of_two(a, exponent, xp=xp)


def exponent_of(a: Array, *, xp: Namespace) -> int:
    """Return e of one matrix."""
    return int(exponents(max_component(a, xp=xp)).reshape(-1)[0])


def extreme_exponent(a: Array, *, xp: Namespace) -> int:
    """Return e of one matrix, or zero where sums and squares are far from the limits."""
    exponent = exponent_of(a, xp=xp)
    usual = 20 if real_dtype(a, xp=xp) == xp.float32 else 300
    return exponent if abs(exponent) > usual else 0
