"""A cost matrix given by two factors, C = A Bᵀ, never formed as a whole."""

from math import inf
from typing import Any, TypeGuard

from linalgx.backend import as_arrays, device_of, host_float, times_power_of_two
from linalgx.typing import Array, DType, Namespace


class FactoredCost:
    """C = A Bᵀ with A n×d and B m×d; rows are computed when asked for."""

    __slots__ = ("device", "dtype", "left", "right", "shape", "xp")

    def __init__(self, left: Array, right: Array, *, xp: Namespace) -> None:
        self.left, self.right, self.xp = left, right, xp
        self.shape = (int(left.shape[0]), int(right.shape[0]))
        self.dtype = left.dtype
        self.device = device_of(left)

    @classmethod
    def admit(cls, pair: tuple[Any, Any], *, check_finite: bool) -> "FactoredCost":
        """Admit a pair of real matrices with equally many columns."""
        names = ("cost[0]", "cost[1]")
        xp, (left, right) = as_arrays(
            dict(zip(names, pair, strict=True)), check_finite=check_finite
        )
        if xp.isdtype(left.dtype, "complex floating"):
            raise TypeError(
                f"cost has dtype {left.dtype}; accepted are float32, float64, integer and bool"
            )
        if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
            raise ValueError(
                f"cost must be a pair of matrices with equally many columns, got shapes "
                f"{tuple(left.shape)} and {tuple(right.shape)}"
            )
        return cls(left, right, xp=xp)

    def block(self, start: int, stop: int) -> Array:
        """Rows ``start:stop``."""
        return self.left[start:stop, :] @ self.right.mT

    def times(self, x: Array) -> Array:
        """Product C x."""
        return self.left @ (self.right.mT @ x)

    def transposed(self) -> "FactoredCost":
        """Return the same cost with source and target exchanged."""
        return FactoredCost(self.right, self.left, xp=self.xp)

    def span(self) -> tuple[float, float]:
        """Bounds of the entries by the norms of the rows of both factors."""
        xp = self.xp
        if 0 in self.shape:
            return 0.0, 0.0
        norms = [xp.max(xp.linalg.vector_norm(x, axis=1)) for x in (self.left, self.right)]
        high = host_float(norms[0] * norms[1])
        return (-high, high) if high < inf else (-inf, inf)

    def restricted(self, rows: Array | None, columns: Array | None) -> "FactoredCost":
        """Return the cost between some of the bins."""
        xp = self.xp
        left = self.left if rows is None else xp.take(self.left, rows, axis=0)
        right = self.right if columns is None else xp.take(self.right, columns, axis=0)
        return FactoredCost(left, right, xp=xp)

    def times_power_of_two(self, exponent: int) -> "FactoredCost":
        """Return the cost times 2^exponent."""
        left = times_power_of_two(self.left, exponent, xp=self.xp)
        return FactoredCost(left, self.right, xp=self.xp)

    def astype(self, dtype: DType) -> "FactoredCost":
        """Return the cost with entries of another real dtype."""
        xp = self.xp
        left, right = (xp.astype(x, dtype, copy=False) for x in (self.left, self.right))
        return FactoredCost(left, right, xp=xp)


def is_pair(cost: Any) -> TypeGuard[tuple[Any, Any]]:
    """Whether a cost is a tuple of two arrays; nested tuples of numbers are one matrix."""
    return (
        isinstance(cost, tuple) and len(cost) == 2 and all(getattr(x, "ndim", 0) > 1 for x in cost)
    )
