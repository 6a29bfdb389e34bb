"""What tuners are given: values to choose from, contexts, and polynomial features of contexts."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import is_array, to_host

OMEGAS = tuple(1.0 + 0.95 * i / 19 for i in range(20))
"""The grid for ω that stands for ``values=None``: 20 points from 1 to 1.95."""


def admit_values(values: Any) -> tuple[Any, ...]:
    """Return the values to choose from; ``None`` stands for the grid for ω."""
    if values is None:
        return OMEGAS
    if isinstance(values, str | bytes) or not (is_array(values) or isinstance(values, Iterable)):
        raise TypeError(f"values must be a sequence of numbers or names, got {values!r}")
    values = to_host(values).tolist() if is_array(values) else list(values)
    values = [v.item() if getattr(v, "shape", None) == () else v for v in values]
    if not values:
        raise ValueError("values must hold at least one value, got none")
    for v in values:
        if isinstance(v, float) and not isfinite(v):
            raise ValueError(f"values must be finite, got {v}")
    return tuple(values)


def plain_context(context: Any) -> Any:
    """Return a context as a float or a tuple of floats."""
    if context is None:
        return None
    if is_array(context):
        context = to_host(context).tolist()
    if isinstance(context, list | tuple):
        return tuple(_real_context(c) for c in context)
    return _real_context(context)


def _real_context(context: Any) -> float:
    try:
        number = admit_real(context, "context", float("-inf"))
    except TypeError:
        raise TypeError(
            f"context must be a real number or a sequence of them, got {context!r}"
        ) from None
    if not isfinite(number):
        raise ValueError(f"context must be finite, got {number}")
    return number


def scalar_context(context: Any) -> float:
    """Return the context of a tuner that needs exactly one number."""
    if not isinstance(context, float):
        raise ValueError(f"this tuner needs one real number as context, got {context!r}")
    return context


def admit_bounds(bounds: Any) -> tuple[float, float]:
    """Return the interval of contexts."""
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise TypeError(
            f"context_bounds must be two numbers, low and high, got {bounds!r}"
        ) from None
    low, high = (admit_real(end, "context_bounds", float("-inf")) for end in (low, high))
    if not (isfinite(low) and low < high):
        raise ValueError(f"context_bounds must be finite and increasing, got {(low, high)}")
    return low, high


def chebyshev(context: float, bounds: tuple[float, float], count: int) -> list[float]:
    """Return T₀, ..., T of degree count − 1 at the context, clipped to its bounds."""
    low, high = bounds
    x = max(-1.0, min(1.0, 2.0 * (context - low) / (high - low) - 1.0))
    t = [1.0, x]
    while len(t) < count:
        t.append(2.0 * x * t[-1] - t[-2])
    return t[:count]
