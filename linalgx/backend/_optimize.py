"""Minimization of functions of a few coefficients, on the host."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any


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
