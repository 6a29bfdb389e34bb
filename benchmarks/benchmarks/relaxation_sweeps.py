"""Sweeps beside PyAMG's, whole solves, and the estimate of ω: speed, memory, accuracy."""

from math import cos, pi
from typing import Any

import numpy as np

import linalgx as lx


class Sweep:
    params = (["natural", "multicolor", "level", "pyamg"], [64, 256], ["float64", "float32"])
    param_names = ("impl", "n", "dtype")
    omega = 1.0

    def setup(self, impl: str, n: int, dtype: str) -> None:
        from linalgx.relaxation._levels import level_sweeper
        from linalgx.relaxation._sweeps import sweeper

        self.a = lx.gallery.poisson2d(n, dtype=dtype)
        self.b = np.ones((n * n, 1), dtype=dtype)
        self.x = np.zeros_like(self.b)
        p = lx.relaxation.prepare(self.a)
        if impl == "level":  # asked for by name it gives way to the natural order
            self.sweeper: Any = level_sweeper(p)
        elif impl != "pyamg":
            self.sweeper = sweeper(p, impl, xp=p.xp)
        self.sweep(impl)

    def sweep(self, impl: str) -> Any:
        if impl == "pyamg":
            from pyamg.relaxation.relaxation import gauss_seidel

            gauss_seidel(self.a, self.x[:, 0], self.b[:, 0])
            return self.x
        return self.sweeper.forward(self.x, self.b, self.omega)

    def time_sweep(self, impl: str, n: int, dtype: str) -> None:
        self.sweep(impl)

    def peakmem_sweep(self, impl: str, n: int, dtype: str) -> None:
        self.sweep(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Error of the last equation, which a sweep has just solved, in units of eps."""
        self.x[...] = 0.0
        x = self.sweep(impl)
        if impl in ("multicolor", "level"):
            x = self.sweeper.leave(x)
        row = 1 if impl == "multicolor" else -1
        gap = (self.a @ x - self.b)[row, 0]
        return float(abs(gap) / (8 * np.finfo(dtype).eps))


class Solve:
    params = (["sor", "symmetric", "jacobi"], [10, 63], ["float64", "float32"])
    param_names = ("impl", "n", "dtype")

    def setup(self, impl: str, n: int, dtype: str) -> None:
        self.a = lx.relaxation.prepare(lx.gallery.poisson2d(n, dtype=dtype))
        self.b = np.ones(n * n, dtype=dtype)
        self.solve(impl)

    def solve(self, impl: str) -> Any:
        options = {"rtol": 1e-3, "check_every": 4}
        if impl == "jacobi":
            return lx.relaxation.jacobi(self.a, self.b, **options)
        return lx.relaxation.sor(self.a, self.b, symmetric=impl == "symmetric", **options)

    def time_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(impl)

    def peakmem_solve(self, impl: str, n: int, dtype: str) -> None:
        self.solve(impl)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Residual in units of the tolerance."""
        return self.solve(impl).residual / (1e-3 * float(np.linalg.norm(self.b)))


class Radius:
    params = (["cold", "warm"], [31, 127])
    param_names = ("impl", "n")

    def setup(self, impl: str, n: int) -> None:
        self.a = lx.relaxation.prepare(lx.gallery.poisson2d(n))
        self.start = lx.relaxation.jacobi_radius(self.a).vector if impl == "warm" else None

    def time_radius(self, impl: str, n: int) -> None:
        lx.relaxation.jacobi_radius(self.a, start=self.start)

    def peakmem_radius(self, impl: str, n: int) -> None:
        lx.relaxation.jacobi_radius(self.a, start=self.start)

    def track_ratio(self, impl: str, n: int) -> float:
        """Error of 1 − μ in units of what is promised."""
        exact = cos(pi / (n + 1))
        found = lx.relaxation.jacobi_radius(self.a, start=self.start).radius
        return abs(found - exact) / (2e-3 * (1.0 - exact))
