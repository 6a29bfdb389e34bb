"""Coefficient schedules for odd polynomial iterations: one table of names.

A schedule is a list of rows, one a step. A row (c₀, c₁, c₂, …) is the odd polynomial
p(x) = c₀ x + c₁ x³ + c₂ x⁵ + …, applied to the singular values of a matrix.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx.backend import as_matrix, host_array, is_complex, to_host
from linalgx.orthogonal._minimax import Row, polar_express_coefficients
from linalgx.orthogonal._shape_fit import shape_coefficients

__all__ = ["SCHEDULES", "polar_express_coefficients", "schedule", "shape_coefficients"]

Schedule = Callable[[int | None, tuple[int, int]], list[Row]]

_LOWER = 1e-3  # what "polar_express" and "cans" assume about the smallest singular value
_MARGIN = 1.01  # "polar_express" starts from A/(1.01 ν), since rounding may lift ‖A/ν‖₂ above 1


def schedule(coefficients: object, steps: int | None, shape: tuple[int, int]) -> list[Row]:
    """Rows for `steps` steps on matrices of a shape, from a name or from an array of rows."""
    steps = None if steps is None else admit_integer(steps, "steps", 1)
    if isinstance(coefficients, str):
        return choose(coefficients, SCHEDULES, "coefficients")(steps, shape)
    return _given(coefficients, steps)


def _given(coefficients: Any, steps: int | None) -> list[Row]:
    """Check an array of rows and take the first `steps` of them."""
    xp, table = as_matrix(coefficients, "coefficients")
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] not in (2, 3, 4):
        raise ValueError(
            f"coefficients must be one of {', '.join(map(repr, SCHEDULES))}, or an array of "
            f"shape (steps, 3), or (steps, 2) and (steps, 4) for cubic and septic steps; "
            f"got shape {tuple(table.shape)}"
        )
    if is_complex(table, xp=xp):
        raise TypeError(f"coefficients must be real, got {table.dtype}")
    if steps is not None and steps > table.shape[0]:
        raise ValueError(
            f"steps must be at most the number of rows of coefficients, {table.shape[0]}, "
            f"got {steps}"
        )
    return [tuple(row) for row in host_array(to_host(table)).tolist()[:steps]]


def _listed(*rows: Row, default: int) -> Schedule:
    """Use published rows in their order; repeat the last one when more are asked for."""

    def make(steps: int | None, _: tuple[int, int]) -> list[Row]:
        count = default if steps is None else steps
        return [rows[min(t, len(rows) - 1)] for t in range(count)]

    return make


def _minimax_rows(degree: int, default: int, margin: float = 1.0) -> Schedule:
    """Polar Express rows; fewer steps are the first rows of more steps.

    The margin of the start, X₀ = A/(margin·ν), is part of the first row: p₁(x/margin).
    """

    def make(steps: int | None, _: tuple[int, int]) -> list[Row]:
        count = default if steps is None else steps
        return list(_polar_express(count, degree, margin))

    return make


@lru_cache(maxsize=64)
def _polar_express(count: int, degree: int, margin: float) -> tuple[Row, ...]:
    rows = polar_express_coefficients(count, lower=_LOWER, degree=degree).tolist()
    first = tuple(c / margin ** (2 * i + 1) for i, c in enumerate(rows[0]))
    return (first, *(tuple(row) for row in rows[1:]))


def _fitted(steps: int | None, shape: tuple[int, int]) -> list[Row]:
    """ROOT: one triple, every step."""
    m, n = (max(1, size) for size in shape)
    return [tuple(shape_coefficients(m, n).tolist())] * (5 if steps is None else steps)


# The default numbers of Newton-Schulz steps bring a singular value of 1e-2 to 1 in float64.
SCHEDULES: dict[str, Schedule] = {
    "polar_express": _minimax_rows(5, 5, _MARGIN),
    "muon": _listed((3.4445, -4.7750, 2.0315), default=5),
    "you": _listed(
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
        default=5,
    ),
    "turbo": _listed(
        (4.6051, -9.6552, 5.6769),
        (4.7505, -6.0861, 2.1790),
        (2.7763, -2.3190, 0.5523),
        (2.4231, -2.2861, 0.8193),
        default=4,
    ),
    "modula": _listed((3.0, -16 / 5, 6 / 5), default=5),
    "cans": _minimax_rows(3, 9),
    "root": _fitted,
    "newton_schulz3": _listed((3 / 2, -1 / 2), default=17),
    "newton_schulz5": _listed((15 / 8, -10 / 8, 3 / 8), default=11),
    "newton_schulz7": _listed((35 / 16, -35 / 16, 21 / 16, -5 / 16), default=9),
}
