"""Minimizations on the host: of coefficients, and of smooth functions of many variables."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np


def minimize_simplex(
    f: Callable[[Any], float], starts: Iterable[tuple[float, ...]]
) -> tuple[tuple[float, ...], float]:
    """Run the simplex method of Nelder and Mead from each start; best point and its value.

    Deterministic. `f` takes a NumPy vector and must return finite numbers.
    """
    minimize = import_module("scipy.optimize").minimize
    options = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000}
    runs = [minimize(f, start, method="Nelder-Mead", options=options) for start in starts]
    best = min(runs, key=lambda run: float(run.fun))
    return tuple(float(value) for value in best.x), float(best.fun)


class Minimum(NamedTuple):
    """Where a minimization ended: the point on the host, and max|gradient| for each iteration."""

    x: Any
    history: tuple[float, ...]
    stopped: bool


def minimize_smooth(
    f: Callable[[Any], tuple[float, Any]],
    start: Any,
    *,
    gtol: float,
    maxiter: int,
    observe: Callable[[int, Any, float], bool] = lambda k, x, size: False,
) -> Minimum:
    """Run the L-BFGS method until max|gradient| ≤ gtol, or nothing decreases any more.

    `f` takes a NumPy float64 vector and returns value and gradient, both finite; `observe` sees the
    number, the point and max|gradient| of each iteration, the start first, and returns whether to
    stop.
    """
    minimize = import_module("scipy.optimize").minimize
    last: dict[str, Any] = {}
    history: list[float] = []

    def evaluate(x: Any) -> tuple[float, Any]:
        value, slope = f(x)
        last.update(x=x.copy(), size=float(np.max(np.abs(slope), initial=0.0)))
        return float(value), slope

    def look(x: Any) -> bool:
        if not np.array_equal(x, last["x"]):  # the line search ended with an earlier point
            evaluate(x)
        history.append(last["size"])
        return observe(len(history) - 1, x, last["size"])

    def after(intermediate_result: Any) -> None:
        if look(intermediate_result.x):
            last["stopped"] = True
            raise StopIteration

    evaluate(start)
    stopped = look(start)
    if stopped or not last["size"] > gtol or maxiter == 0:
        return Minimum(start, tuple(history), stopped)
    options = {"maxiter": maxiter, "maxfun": 20 * maxiter, "maxcor": 20, "maxls": 40,
               "ftol": 0.0, "gtol": gtol}  # fmt: skip
    found = minimize(evaluate, start, jac=True, method="L-BFGS-B", callback=after, options=options)
    return Minimum(found.x, tuple(history), "stopped" in last)
