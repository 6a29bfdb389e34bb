"""Checks of options: one way of saying which argument, what came, and what is accepted."""

from math import inf
from operator import index
from typing import Any


def admit_integer(value: Any, name: str, least: int) -> int:
    """Return an integer option that is at least `least`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def admit_real(
    value: Any, name: str, low: float = 0.0, high: float = inf, *, ends: str = "[)"
) -> float:
    """Return a real option from an interval; `ends` says which end belongs to it."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {value!r}") from None
    above = number >= low if ends[0] == "[" else number > low
    below = number <= high if ends[1] == "]" else number < high
    if not (above and below):  # NaN is neither
        raise ValueError(f"{name} must lie in {ends[0]}{low:g}, {high:g}{ends[1]}, got {number}")
    return number
