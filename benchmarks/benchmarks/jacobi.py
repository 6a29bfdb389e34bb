"""Jacobi's methods beside LAPACK: speed, memory and relative accuracy over the commits."""

from typing import Any

import numpy as np

import linalgx as lx

SVD = {
    "relative": lx.jacobi.svd,
    "absolute": lambda a: lx.jacobi.svd(a, accuracy="absolute"),
    "numpy": lambda a: np.linalg.svd(a, full_matrices=False),
}
EIGH = {
    "relative": lx.jacobi.eigh,
    "absolute": lambda a: lx.jacobi.eigh(a, accuracy="absolute"),
    "numpy": np.linalg.eigh,
}


class JacobiSVD:
    params = (list(SVD), [64, 256], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
        self.svd = SVD[impl]
        self.svd(self.a)

    def time_svd(self, impl: str, n: int, dtype: str) -> None:
        self.svd(self.a)

    def peakmem_svd(self, impl: str, n: int, dtype: str) -> None:
        self.svd(self.a)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Largest of the LAPACK-style ratios."""
        return max(lx.testing.svd_ratios(self.a, *self.svd(self.a)))


class TinySVD(JacobiSVD):
    params = (list(SVD), [3, 8], ["float64"])

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = np.random.default_rng(0).standard_normal((5000, n, n)).astype(dtype)
        self.svd = SVD[impl]
        self.svd(self.a)


class GradedEigh:
    """D H D with H_ij = 2^-|i-j|: exact in binary, eigenvalues over 38 decades at n = 32."""

    params = (list(EIGH), [32], ["float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        i = np.arange(n)
        p = 7 * i % n
        self.a = 2.0 ** (-2 * p[:, None] - 2 * p - abs(i[:, None] - i)).astype(dtype)
        self.eigh = EIGH[impl]
        self.eigh(self.a)

    def time_eigh(self, impl: str, n: int, dtype: str) -> None:
        self.eigh(self.a)

    def peakmem_eigh(self, impl: str, n: int, dtype: str) -> None:
        self.eigh(self.a)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Relative error of the smallest eigenvalue in units of eps."""
        w: Any = self.eigh(self.a)[0]
        return float(abs(w[0] / 2.8211864402919319e-38 - 1) / np.finfo(dtype).eps)
