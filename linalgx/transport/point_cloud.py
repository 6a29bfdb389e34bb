"""Costs between points of two clouds, computed when they are needed.

Legend: C_ij = s|x_i − y_j|^p with x n×d, y m×d.
"""

from math import inf, ldexp
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import as_arrays, device_of, find_kernel, host_float, is_complex, to_host
from linalgx.transport._costs import blocks
from linalgx.transport._points import FEW, powered, squared_distances
from linalgx.typing import Array, Device, DType, Namespace

__all__ = ["PointCloudCost"]


class PointCloudCost:
    """The p-th power of Euclidean distances between two clouds of points, never stored.

    For clouds of which the n×m matrix would not fit into memory, and in low dimension also the
    faster way: the costs are computed beside the exponentials. Any function of this family that
    says so takes it in the place of a matrix.

    Parameters
    ----------
    x, y : array, shapes (n, d) and (m, d)
        Points.
    p : float
        Power of the distance, positive: 2 for squared distances, 1 for distances.
    scale : float or "max"
        Factor s of all costs, positive; ``"max"`` divides them by the largest one.
    check_finite : bool
        Whether to look for NaN and Inf.

    Attributes
    ----------
    x, y : Array
        The points.
    p, scale : float
        Power and factor.
    shape : tuple of int
        (n, m).

    Raises
    ------
    ValueError
        Shapes that do not fit, p or scale not positive, or costs that overflow.

    See Also
    --------
    GridCost : All points of a grid, by one axis after the other.
    solve : Takes this cost.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import PointCloudCost, solve
    >>> points = np.random.default_rng(0).random((300, 2))
    >>> cost = PointCloudCost(points, points + 0.5, scale="max")
    >>> cost
    PointCloudCost(n=300, m=300, d=2, p=2, scale=0.234)
    >>> result = solve(cost, epsilon=0.01)
    >>> print(result.converged, round(result.cost / cost.scale, 2))
    True 0.54
    """

    __slots__ = ("_tiles", "device", "dtype", "p", "scale", "shape", "x", "xp", "y")

    def __init__(
        self,
        x: Any,
        y: Any,
        /,
        p: float = 2,
        *,
        scale: float | str = 1.0,
        check_finite: bool = True,
    ) -> None:
        xp, (x, y) = as_arrays({"x": x, "y": y}, check_finite=check_finite)
        for name, points in (("x", x), ("y", y)):
            if is_complex(points, xp=xp):
                raise TypeError(
                    f"{name} has dtype {points.dtype}; accepted are float32, float64, integer "
                    f"and bool"
                )
            if points.ndim != 2:
                raise ValueError(
                    f"{name} must be an array of points, shape (n, d), got {tuple(points.shape)}"
                )
        if x.shape[1] != y.shape[1] or not x.shape[1]:
            raise ValueError(
                f"x and y must have points of one dimension, at least 1, "
                f"got {x.shape[1]} and {y.shape[1]}"
            )
        self._set(x, y, admit_real(p, "p", ends="()"), 1.0, xp=xp)
        if scale == "max":
            high = max((host_float(xp.max(c)) for _, _, c in blocks(self)), default=0.0)
            self.scale = 1.0 / high if high > 0.0 else 1.0
        else:
            self.scale = admit_real(scale, "scale", ends="()")
        if check_finite and min(self.shape) and not self.span()[1] < inf:
            raise ValueError(
                f"x and y must be close enough for finite costs, got distances to the power {p:g} "
                f"that overflow; scale the points first"
            )

    def _set(self, x: Array, y: Array, p: float, scale: float, *, xp: Namespace) -> None:
        self.x, self.y = x, y
        self.p = int(p) if p == int(p) else p
        self.scale = scale
        self.xp: Namespace = xp
        self.dtype: DType = x.dtype
        self.device: Device = device_of(x)
        self.shape: tuple[int, int] = (int(x.shape[0]), int(y.shape[0]))
        self._tiles: Any = None

    def _with(self, x: Array, y: Array, scale: float) -> "PointCloudCost":
        """Other points, the same cost."""
        cost = object.__new__(PointCloudCost)
        cost._set(x, y, self.p, scale, xp=self.xp)
        return cost

    def block(self, start: int, stop: int) -> Array:
        """Return the costs of the rows ``start:stop``."""
        exact = self.p < 2  # roots magnify the errors of small squares
        squares = squared_distances(self.x[start:stop, :], self.y, exact=exact, xp=self.xp)
        costs = powered(squares, self.p, xp=self.xp)
        return costs if self.scale == 1.0 else self.scale * costs

    def toarray(self) -> Array:
        """Return all costs as an array."""
        return self.block(0, self.shape[0])

    def transposed(self) -> "PointCloudCost":
        """Return the same cost with source and target exchanged."""
        cost = self._with(self.y, self.x, self.scale)
        tiles = self._sorted()
        cost._tiles = None if tiles is None else tiles[::-1]
        return cost

    def span(self) -> tuple[float, float]:
        """Return bounds of the least and the largest cost, those of the bounding boxes."""
        xp = self.xp
        corners = [to_host(op(z, axis=0)) for z in (self.x, self.y) for op in (xp.min, xp.max)]
        far = near = 0.0
        for low, high, other_low, other_high in zip(*map(list, corners), strict=True):
            away = max(float(other_low) - float(high), float(low) - float(other_high), 0.0)
            most = max(float(high) - float(other_low), float(other_high) - float(low))
            near, far = near + away * away, far + most * most
        return self.scale * _power(near, 0.5 * self.p), self.scale * _power(far, 0.5 * self.p)

    def restricted(self, rows: Array | None, columns: Array | None) -> "PointCloudCost":
        """Return the cost between some of the points, by their indices; ``None`` stands for all."""
        if rows is None and columns is None:
            return self
        x = self.x if rows is None else self.xp.take(self.x, rows, axis=0)
        y = self.y if columns is None else self.xp.take(self.y, columns, axis=0)
        return self._with(x, y, self.scale)

    def times_power_of_two(self, exponent: int) -> "PointCloudCost":
        """Return the cost times 2^exponent."""
        return self._with(self.x, self.y, ldexp(self.scale, exponent)) if exponent else self

    def astype(self, dtype: DType) -> "PointCloudCost":
        """Return the cost of points of another real dtype."""
        if dtype == self.dtype:
            return self
        x, y = (self.xp.astype(z, dtype) for z in (self.x, self.y))
        return self._with(x, y, self.scale)

    def softmin_rows(self, g: Array, epsilon: float) -> Array | None:
        """Return −ε log Σ_j exp((g_j − C_ij)/ε), or ``None`` where blocks do as well."""
        tiles = self._sorted()
        if tiles is None:
            return None
        kernel: Any = find_kernel("cloud_softmin", self.xp)
        return kernel(*tiles, g, *self._factor(), epsilon)

    def lowest_rows(self, g: Array) -> Array | None:
        """Return min_j (C_ij − g_j), or ``None`` where blocks do as well."""
        tiles = self._sorted()
        if tiles is None:
            return None
        kernel: Any = find_kernel("cloud_lowest", self.xp)
        return kernel(*tiles, g, *self._factor())

    def plan_sums(self, f: Array, g: Array, epsilon: float) -> tuple[Array, Array, float] | None:
        """Return the marginals of a plan and ⟨C, P⟩, or ``None`` where blocks do as well."""
        tiles = self._sorted()
        if tiles is None:
            return None
        kernel: Any = find_kernel("cloud_sums", self.xp)
        sums: tuple[Array, Array, float] = kernel(*tiles, f, g, *self._factor(), epsilon)
        return sums

    def between(self, x: Array, y: Array) -> Array | None:
        """Return xᵀ C y for squared distances, from moments; ``None`` for other powers."""
        if self.p != 2:
            return None
        xp = self.xp
        center = xp.mean(self.y, axis=0)
        u, v = self.x - center, self.y - center
        squares = (x @ xp.sum(u * u, axis=1)) * xp.sum(y) + xp.sum(x) * (y @ xp.sum(v * v, axis=1))
        return self.scale * (squares - 2.0 * xp.sum((x @ u) * (y @ v)))

    def _factor(self) -> tuple[float, bool]:
        return self.scale, self.p == 1

    def _sorted(self) -> Any:
        """Both clouds in tiles for the kernels; ``None`` where there is none for this cost."""
        suited = self.p in (1, 2) and self.x.shape[1] <= FEW and min(self.shape) > 0
        if not suited or find_kernel("cloud_tiles", self.xp) is None:
            return None
        if self._tiles is None:
            kernel: Any = find_kernel("cloud_tiles", self.xp)
            self._tiles = (kernel(self.x), kernel(self.y))
        return self._tiles

    def __repr__(self) -> str:
        n, m = self.shape
        return (
            f"PointCloudCost(n={n}, m={m}, d={self.x.shape[1]}, p={self.p:g}, "
            f"scale={self.scale:.3g})"
        )


def _power(x: float, p: float) -> float:
    """Return x^p, +∞ where it overflows."""
    try:
        return float(x**p)
    except OverflowError:
        return inf
