"""Minimization of smooth functions of a vector on the host, by the L-BFGS method.

Legend: s_k, y_k the last changes of point and gradient, newest last; d the direction; the step t
fulfils f(x + td) ≤ f(x) + c₁ t⟨g, d⟩ and ⟨g(x + td), d⟩ ≥ c₂⟨g, d⟩ (Wolfe).
"""

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np

MEMORY = 20
"""Pairs (s, y) that are kept."""

DECREASE, CURVATURE = 1e-4, 0.9
"""c₁ and c₂."""

ROUNDING = 1e-15
"""Share of the value by which it may seem to grow; without it the last digits of the gradient could
not be reached."""

TRIALS = 20
"""Most steps that are tried along one direction."""


class Minimum(NamedTuple):
    """The point, max|gradient| after each iteration, and whether the observer stopped."""

    x: Any
    history: tuple[float, ...]
    stopped: bool


class _Point(NamedTuple):
    """A point with value and gradient."""

    x: Any
    value: float
    slope: Any

    @property
    def size(self) -> float:
        return float(np.max(np.abs(self.slope), initial=0.0))


def minimize_smooth(
    f: Callable[[Any], tuple[float, Any]],
    start: Any,
    *,
    gtol: float,
    maxiter: int,
    observe: Callable[[int, Any, float], bool] = lambda k, x, size: False,
) -> Minimum:
    """Run the L-BFGS method until max|gradient| ≤ gtol, or nothing decreases any more.

    `f` takes a NumPy float64 vector and returns value and gradient; `observe` sees the number, the
    point and max|gradient| of each iteration, the start first, and returns whether to stop.
    """
    here = _Point(start, *f(start))
    history = [here.size]
    stopped = observe(0, start, here.size)
    s: list[Any] = []
    y: list[Any] = []
    while not stopped and here.size > gtol and len(history) <= maxiter:
        d = _direction(s, y, here.slope)
        there = _searched(f, here, d, 1.0 if s else 1.0 / max(float(np.linalg.norm(d)), 1e-300))
        if there is None and s:  # the memory misleads: once more along the gradient
            s, y = [], []
            continue
        if there is None:
            break
        change, bend = there.x - here.x, there.slope - here.slope
        if float(change @ bend) > 1e-16 * float(bend @ bend):
            s, y = [*s[1 - MEMORY :], change], [*y[1 - MEMORY :], bend]
        here = there
        history.append(here.size)
        stopped = observe(len(history) - 1, here.x, here.size)
    return Minimum(here.x, tuple(history), stopped)


def _direction(s: list[Any], y: list[Any], slope: Any) -> Any:
    """Return −H g by the two loops over the pairs."""
    d, shares = -slope, []
    for a, b in zip(reversed(s), reversed(y), strict=True):
        shares.append((a @ d) / (a @ b))
        d = d - shares[-1] * b
    if s:
        d = d * ((s[-1] @ y[-1]) / (y[-1] @ y[-1]))
    for a, b, share in zip(s, y, reversed(shares), strict=True):
        d = d + (share - (b @ d) / (a @ b)) * a
    return d


def _searched(
    f: Callable[[Any], tuple[float, Any]], here: _Point, d: Any, step: float
) -> _Point | None:
    """Bisect for a step with both Wolfe conditions; the last one that decreases is good enough."""
    slope = float(here.slope @ d)
    if not slope < 0.0:
        return None
    low, high, best = 0.0, inf, None
    top = here.value + ROUNDING * abs(here.value)
    for _ in range(TRIALS):
        x = here.x + step * d
        there = _Point(x, *f(x))
        if not (isfinite(there.value) and there.value <= top + DECREASE * step * slope):
            high = step
        elif float(there.slope @ d) < CURVATURE * slope:
            low, best = step, there
        else:
            return there
        step = 0.5 * (low + high) if high < inf else 2.0 * step
    return best
