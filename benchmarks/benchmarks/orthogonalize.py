"""Five quintic steps beside the usual loop: speed, memory and distance from the scalar map."""

from functools import partial
from typing import Any

import numpy as np

import linalgx as lx

TABLE = lx.orthogonal.polar_express_coefficients(5, lower=1e-3)


def quintic_loop(a: Any) -> Any:
    """The loop that optimizers use: three products a step."""
    x = a / np.linalg.norm(a)
    for c in TABLE.astype(a.dtype):
        g = x @ x.T
        x = c[0] * x + (c[1] * g + c[2] * g @ g) @ x
    return x


IMPLEMENTATIONS = {
    "linalgx": partial(lx.orthogonal.orthogonalize, coefficients=TABLE),
    "loop": quintic_loop,
}


class Orthogonalize:
    params = (list(IMPLEMENTATIONS), [128, 512], ["float32", "float64"])
    param_names = ("impl", "n", "dtype")
    columns = 1

    def setup(self, impl: str, n: int, dtype: str) -> None:
        shape = n, self.columns * n
        self.a = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        self.run = IMPLEMENTATIONS[impl]
        self.run(self.a)

    def time_orthogonalize(self, impl: str, n: int, dtype: str) -> None:
        self.run(self.a)

    def peakmem_orthogonalize(self, impl: str, n: int, dtype: str) -> None:
        self.run(self.a)

    def track_ratio(self, impl: str, n: int, dtype: str) -> float:
        """Largest deviation of a singular value from the composed scalar map, in eps."""
        s = np.linalg.svd(self.a.astype(float), compute_uv=False)
        s /= np.linalg.norm(s)
        for a, b, c in TABLE:
            s = s * (a + s**2 * (b + s**2 * c))
        got = np.linalg.svd(self.run(self.a).astype(float), compute_uv=False)
        return float(abs(got - np.sort(s)[::-1]).max() / np.finfo(dtype).eps)


class WideOrthogonalize(Orthogonalize):
    params = (["linalgx", "loop"], [128], ["float32"])
    columns = 4


class Coefficients:
    params = (["polar_express", "root"],)
    param_names = ("impl",)

    def setup(self, impl: str) -> None:
        self.columns = 0

    def time_coefficients(self, impl: str) -> None:
        if impl == "polar_express":
            lx.orthogonal.polar_express_coefficients(8, lower=1e-3)
        else:  # a new shape each time: fits are remembered
            self.columns += 1
            lx.orthogonal.shape_coefficients(100, 100 + self.columns)
