"""Randomized factorizations beside scikit-learn and SciPy: speed, memory and error."""

import numpy as np
import scipy.linalg
from sklearn.utils.extmath import randomized_svd

import linalgx as lx

RANK = 20


class TruncatedSVD:
    """Singular values 1/j."""

    params = (["krylov", "subspace", "sklearn"], [500], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        rng = np.random.default_rng(0)
        u, v = (np.linalg.qr(rng.standard_normal((k, n)))[0] for k in (4 * n, n))
        self.s = 1.0 / np.arange(1, n + 1)
        self.a = ((u * self.s) @ v.T).astype(dtype)
        self.run(impl)

    def run(self, impl: str) -> np.ndarray:
        if impl == "sklearn":
            return randomized_svd(self.a, RANK, random_state=0)[1]
        return lx.randomized.svd(self.a, RANK, method=impl, rng=0).s

    def time_svd(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def peakmem_svd(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Largest relative error of the singular values."""
        return float(np.max(np.abs(self.run(impl) / self.s[:RANK] - 1)))


class PivotedQR:
    params = (["linalgx", "scipy"], [100], ["float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = lx.gallery.randsvd(50 * n, n, cond=1e12, rng=0, dtype=dtype)
        self.run(impl)

    def run(self, impl: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if impl == "scipy":
            return scipy.linalg.qr(self.a, mode="economic", pivoting=True)
        return lx.randomized.qr(self.a, pivoting=True, rng=0)

    def time_qr(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def peakmem_qr(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Largest of the LAPACK-style ratios."""
        q, r, p = self.run(impl)
        return max(lx.testing.qr_ratios(self.a[:, p], q, r))


class LeastSquares:
    params = (["fossils", "spir", "scipy"], [50], ["float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        rng = np.random.default_rng(0)
        self.a = lx.gallery.randsvd(200 * n, n, cond=1e10, rng=0, dtype=dtype)
        self.b = self.a @ np.ones(n) + 1e-6 * rng.standard_normal(200 * n)
        self.best = np.linalg.norm(self.b - self.a @ scipy.linalg.lstsq(self.a, self.b)[0])
        self.run(impl)

    def run(self, impl: str) -> np.ndarray:
        if impl == "scipy":
            return scipy.linalg.lstsq(self.a, self.b)[0]
        return lx.randomized.lstsq(self.a, self.b, method=impl, rng=0).x

    def time_lstsq(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def peakmem_lstsq(self, impl: str, n: int, dtype: str) -> None:
        self.run(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """How much larger than least the residual is, relatively."""
        return float(np.linalg.norm(self.b - self.a @ self.run(impl)) / self.best - 1)


class Trace:
    """Eigenvalues 0.7^i."""

    params = (["hutchinson", "hutch++", "xtrace", "xnystrace"], [500], ["float64"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        q = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
        w = 0.7 ** np.arange(n)
        self.exact = float(w.sum())
        self.a = ((q * w) @ q.T).astype(dtype)

    def time_trace(self, impl: str, n: int, dtype: str) -> None:
        lx.randomized.trace(self.a, 90, method=impl, rng=0)

    def peakmem_trace(self, impl: str, n: int, dtype: str) -> None:
        lx.randomized.trace(self.a, 90, method=impl, rng=0)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Relative error."""
        value = lx.randomized.trace(self.a, 90, method=impl, rng=0).value
        return abs(value / self.exact - 1)
