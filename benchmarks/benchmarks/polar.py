"""The polar decomposition beside SciPy's: speed, memory and orthogonality over the commits."""

import numpy as np
import scipy.linalg

import linalgx as lx

IMPLEMENTATIONS = {
    "linalgx": lx.orthogonal.polar,
    "linalgx-qdwh": lambda a: lx.orthogonal.polar(a, method="qdwh"),
    "scipy": scipy.linalg.polar,
}


class Polar:
    params = (list(IMPLEMENTATIONS), [64, 256], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")
    shape = (1.0, 1.0)

    def setup(self, impl: str, n: int, dtype: str) -> None:
        rows, columns = (int(n * f) for f in self.shape)
        self.a = lx.gallery.randsvd(rows, columns, cond=1e6, rng=0, dtype=dtype)
        self.polar = IMPLEMENTATIONS[impl]
        self.polar(self.a)

    def time_polar(self, impl: str, n: int, dtype: str) -> None:
        self.polar(self.a)

    def peakmem_polar(self, impl: str, n: int, dtype: str) -> None:
        self.polar(self.a)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """‖UᴴU − I‖₁/(n·eps), the worst of a batch."""
        return lx.testing.polar_ratios(self.a, *self.polar(self.a)).orthogonality


class TallPolar(Polar):
    params = (["linalgx", "scipy"], [50], ["float64"])
    shape = (100.0, 1.0)


class TinyPolar(Polar):
    params = (["linalgx", "scipy"], [3], ["float64"])

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = np.random.default_rng(0).standard_normal((2000, n, n)).astype(dtype)
        self.polar = IMPLEMENTATIONS[impl]
        self.polar(self.a)
