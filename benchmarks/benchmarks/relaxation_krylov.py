"""Krylov methods beside SciPy's: speed, memory and true residual over the commits."""

from typing import Any

import numpy as np
import scipy.sparse.linalg

import linalgx as lx


def scipy_cg(a: Any, b: Any) -> Any:
    return scipy.sparse.linalg.cg(a, b, rtol=1e-5)[0]


IMPLEMENTATIONS = {
    "ssor_cg": lambda a, b: lx.relaxation.ssor_cg(a, b, rtol=1e-5).x,
    "cg": lambda a, b: lx.relaxation.cg(a, b, rtol=1e-5).x,
    "chebyshev": lambda a, b: lx.relaxation.chebyshev(a, b, rtol=1e-5).x,
    "deflated_cg": lambda a, b: lx.relaxation.deflated_cg(a, b, rtol=1e-5, harvest=4).x,
    "gcro_dr": lambda a, b: lx.relaxation.gcro_dr(a, b, rtol=1e-5).x,
    "scipy": scipy_cg,
}


class Poisson:
    params = (list(IMPLEMENTATIONS), [31, 127], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = lx.gallery.poisson2d(n).astype(dtype)
        self.b = np.random.default_rng(0).standard_normal(n * n).astype(dtype)
        self.solve = IMPLEMENTATIONS[impl]
        self.solve(self.a, self.b)

    def time_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(self.a, self.b)

    def peakmem_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(self.a, self.b)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """‖b − A x‖/(1e-5 ‖b‖): at most one."""
        x = self.solve(self.a, self.b).astype(np.float64)
        b = self.b.astype(np.float64)
        r = b - self.a.astype(np.float64) @ x
        return float(np.linalg.norm(r) / (1e-5 * np.linalg.norm(b)))
