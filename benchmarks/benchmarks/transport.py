"""Entropic transport and matrix scaling beside POT: speed, memory and error over the commits."""

from typing import Any

import numpy as np
import ot

import linalgx as lx

EPSILON = 5e-3
"""In units of the largest cost; in single precision the plain scalings of POT underflow."""


def pot(cost: Any, a: Any) -> Any:
    threshold = 1e-9 if cost.dtype == np.float64 else 1e-4
    options = {"stopThr": threshold / len(a) ** 0.5, "numItermax": 10**5, "warn": False}
    method = "sinkhorn" if cost.dtype == np.float64 else "sinkhorn_log"
    return ot.sinkhorn(a, a, cost, EPSILON, method=method, **options)


IMPLEMENTATIONS = {
    "auto": lambda c, a: lx.transport.solve(c, a, a, epsilon=EPSILON).plan,
    "sinkhorn": lambda c, a: lx.transport.solve(c, a, a, epsilon=EPSILON, method="sinkhorn").plan,
    "pot": pot,
}


class Clouds:
    """Two Gaussian clouds in the plane."""

    params = (list(IMPLEMENTATIONS), [300, 600], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        x, y = np.random.default_rng(0).standard_normal((2, n, 2))
        cost = np.sum((x[:, None, :] - y) ** 2, axis=-1)
        self.cost = (cost / cost.max()).astype(dtype)
        self.a = np.full(n, 1 / n, dtype=dtype)
        self.solve = IMPLEMENTATIONS[impl]
        self.solve(self.cost, self.a)

    def time_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(self.cost, self.a)

    def peakmem_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(self.cost, self.a)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """(‖P1 − a‖₁ + ‖Pᵀ1 − a‖₁)/tolerance, 1e-9 or 1e-4."""
        plan = self.solve(self.cost, self.a).astype(np.float64)
        error = sum(float(np.abs(plan.sum(axis=k) - 1 / n).sum()) for k in (0, 1))
        return error / (1e-9 if dtype == "float64" else 1e-4)
