"""Roots beside SciPy's: speed, memory and residual over the commits."""

from typing import Any

import numpy as np
import scipy.linalg

import linalgx as lx


def covariance(n: int, dtype: str) -> Any:
    """Positive definite matrix, condition number 1e4 (1e2 in single precision)."""
    cond = 1e4 if dtype == "float64" else 1e2
    return lx.gallery.randsvd(n, cond=cond, definite=True, rng=0, dtype=dtype)


class InverseRoot:
    params = (["eigh", "newton", "scipy"], [64, 256], ["float64", "float32"])
    param_names = ("impl", "n", "dtype")
    power = 4

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = covariance(n, dtype)
        self.root(impl)

    def root(self, impl: str) -> Any:
        if impl == "scipy":
            return scipy.linalg.fractional_matrix_power(self.a, -1 / self.power)
        return lx.orthogonal.inverse_root(self.a, self.power, method=impl).x

    def time_root(self, impl: str, n: int, dtype: str) -> None:
        self.root(impl)

    def peakmem_root(self, impl: str, n: int, dtype: str) -> None:
        self.root(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """‖A Xᵖ − I‖ relative to its natural size, in units of n·eps."""
        x = np.asarray(self.root(impl), dtype=dtype)
        return lx.testing.root_ratios(self.a, x, self.power).residual


class SquareRoot(InverseRoot):
    params = (["eigh", "newton", "scipy"], [64, 512], ["float64", "float32"])
    power = -2

    def root(self, impl: str) -> Any:
        if impl == "scipy":
            return scipy.linalg.sqrtm(self.a)
        return lx.orthogonal.sqrt(self.a, method=impl).x
