"""Costs between all points of a grid, handled one axis at a time.

Legend: C_ij = Σ_k c_k(i_k, j_k) with tables c_k of one axis each, so a soft minimum over all
points is one over the first axis, then one over the next. Points are numbered as in a reshape.
"""

from collections.abc import Sequence
from math import inf, ldexp, log, prod
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import as_arrays, device_of, find_kernel, host_float, is_complex
from linalgx.typing import Array, Device, DType, Namespace

__all__ = ["GridCost"]

SAFE = {"double": 1e-250, "single": 1e-25}
"""Sums that lose nothing to underflow of their terms."""

LINES = 2**21
"""Entries of the largest array of one soft minimum."""


class GridCost:
    """The sum over the axes of |x_k − y_k|^p between all points of tensor grids, never stored.

    For images and volumes: with N points on each of d axes, a pass costs d N^(d+1) operations
    instead of N^(2d). Any function of this family that says so takes it in the place of a matrix;
    masses are images, flattened.

    Parameters
    ----------
    axes : sequence of arrays, shapes (n_1,), (n_2,), ...
        Coordinates along each axis.
    other : sequence of arrays, optional
        Coordinates of the target's grid, with as many axes; the same grid when ``None``.
    p : float
        Power of the differences, positive: 2 for squared Euclidean distances.
    scale : float or "max"
        Factor of all costs, positive; ``"max"`` divides them by the largest one.
    check_finite : bool
        Whether to look for NaN and Inf.

    Attributes
    ----------
    tables : tuple of Array
        The costs along each axis, scaled.
    scale : float
        The factor.
    shape : tuple of int
        (n, m), the numbers of points.

    Raises
    ------
    ValueError
        Axes that are not vectors, other numbers of axes, p or scale not positive.

    See Also
    --------
    PointCloudCost : Points anywhere.
    solve : Takes this cost.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import GridCost, solve
    >>> x = np.linspace(0.0, 1.0, 24)
    >>> image = np.exp(-30 * ((x[:, None] - 0.3) ** 2 + (x[None, :] - 0.4) ** 2))
    >>> image /= image.sum()
    >>> cost = GridCost((x, x))
    >>> cost
    GridCost(n=576, m=576, axes=(24, 24), scale=1)
    >>> result = solve(cost, image.ravel(), image[::-1, :].ravel(), epsilon=0.02)
    >>> print(result.converged, round(result.cost, 3))
    True 0.173
    """

    __slots__ = ("_columns", "_high", "_rows", "device", "dtype", "scale", "shape", "tables", "xp")

    def __init__(
        self,
        axes: Sequence[Any],
        other: Sequence[Any] | None = None,
        *,
        p: float = 2,
        scale: float | str = 1.0,
        check_finite: bool = True,
    ) -> None:
        p = admit_real(p, "p", ends="()")
        other = axes if other is None else other
        if len(axes) != len(other) or not len(axes):
            raise ValueError(
                f"axes and other must be equally many, at least one, "
                f"got {len(axes)} and {len(other)}"
            )
        named = {f"axes[{k}]": x for k, x in enumerate(axes)}
        named |= {f"other[{k}]": x for k, x in enumerate(other)}
        xp, arrays = as_arrays(named, check_finite=check_finite)
        for name, x in zip(named, arrays, strict=True):
            if is_complex(x, xp=xp):
                raise TypeError(
                    f"{name} has dtype {x.dtype}; accepted are float32, float64, integer and bool"
                )
            if x.ndim != 1:
                raise ValueError(f"{name} must be a vector, got shape {tuple(x.shape)}")
        pairs = zip(arrays[: len(axes)], arrays[len(axes) :], strict=True)
        away = [xp.abs(x[:, None] - y[None, :]) for x, y in pairs]
        most = max((host_float(xp.max(z)) for z in away if 0 not in z.shape), default=0.0)
        largest = log(float(xp.finfo(away[0].dtype).max) / len(axes))
        if check_finite and most > 0.0 and not p * log(most) < largest:
            raise ValueError(
                f"axes must be short enough for finite costs, got lengths up to {most:.1e} "
                f"whose power {p:g} overflows"
            )
        tables = tuple(z**p for z in away)
        self._set(tables, 1.0, None, None, xp=xp)
        high = self.span()[1]
        if scale == "max":
            factor = 1.0 / high if high > 0.0 else 1.0
        else:
            factor = admit_real(scale, "scale", ends="()")
        self._set(tuple(factor * c for c in tables), factor, None, None, xp=xp)

    def _set(
        self,
        tables: tuple[Array, ...],
        scale: float,
        rows: Array | None,
        columns: Array | None,
        *,
        xp: Namespace,
    ) -> None:
        self.tables, self.scale = tables, scale
        self._rows, self._columns = rows, columns
        self._high: float | None = None
        self.xp: Namespace = xp
        self.dtype: DType = tables[0].dtype
        self.device: Device = device_of(tables[0])
        n = prod(int(c.shape[0]) for c in tables) if rows is None else int(rows.shape[0])
        m = prod(int(c.shape[1]) for c in tables) if columns is None else int(columns.shape[0])
        self.shape = (n, m)

    def _with(
        self, tables: tuple[Array, ...], scale: float, rows: Array | None, columns: Array | None
    ) -> "GridCost":
        cost = object.__new__(GridCost)
        cost._set(tables, scale, rows, columns, xp=self.xp)
        return cost

    def block(self, start: int, stop: int) -> Array:
        """Return the costs of the rows ``start:stop``."""
        xp = self.xp
        rows = self._rows
        if rows is None:
            rows = xp.arange(self.shape[0], dtype=xp.int64, device=self.device)
        rest, parts = rows[start:stop], []
        for c in self.tables[::-1]:
            parts.append(xp.take(c, rest % c.shape[0], axis=0))
            rest = rest // c.shape[0]
        total = parts.pop()
        for part in parts[::-1]:
            total = xp.reshape(total[:, :, None] + part[:, None, :], (total.shape[0], -1))
        return total if self._columns is None else xp.take(total, self._columns, axis=1)

    def toarray(self) -> Array:
        """Return all costs as an array."""
        return self.block(0, self.shape[0])

    def transposed(self) -> "GridCost":
        """Return the same cost with source and target exchanged."""
        tables = tuple(c.mT for c in self.tables)
        cost = self._with(tables, self.scale, self._columns, self._rows)
        cost._high = self._high
        return cost

    def span(self) -> tuple[float, float]:
        """Return the least and the largest cost of the whole grid."""
        if any(0 in c.shape for c in self.tables):
            return 0.0, 0.0
        xp = self.xp
        ends = [(host_float(xp.min(c)), host_float(xp.max(c))) for c in self.tables]
        return sum(low for low, _ in ends), sum(high for _, high in ends)

    def restricted(self, rows: Array | None, columns: Array | None) -> "GridCost":
        """Return the cost between some of the points, by their indices; ``None`` stands for all."""
        if rows is None and columns is None:
            return self
        xp = self.xp
        pairs = ((self._rows, rows), (self._columns, columns))
        chosen = [
            old if new is None else new if old is None else xp.take(old, new) for old, new in pairs
        ]
        return self._with(self.tables, self.scale, *chosen)

    def times_power_of_two(self, exponent: int) -> "GridCost":
        """Return the cost times 2^exponent."""
        if not exponent:
            return self
        tables = tuple(c * ldexp(1.0, exponent) for c in self.tables)
        return self._with(tables, ldexp(self.scale, exponent), self._rows, self._columns)

    def astype(self, dtype: DType) -> "GridCost":
        """Return the cost with entries of another real dtype."""
        tables = tuple(self.xp.astype(c, dtype, copy=False) for c in self.tables)
        return self._with(tables, self.scale, self._rows, self._columns)

    def softmin_rows(self, g: Array, epsilon: float) -> Array:
        """Return −ε log Σ_j exp((g_j − C_ij)/ε), one axis after the other."""
        return self._passed(self.tables, g, epsilon, mild=self._is_mild(epsilon))

    def lowest_rows(self, g: Array) -> Array:
        """Return min_j (C_ij − g_j), one axis after the other."""
        return self._passed(self.tables, g, 0.0)

    def plan_sums(self, f: Array, g: Array, epsilon: float) -> tuple[Array, Array, Array]:
        """Return the marginals of a plan and ⟨C, P⟩: for each axis c_k K_k for K_k."""
        xp, tables = self.xp, self.tables
        r = xp.exp((f - self.softmin_rows(g, epsilon)) / epsilon)
        c = xp.exp((g - self.transposed().softmin_rows(f, epsilon)) / epsilon)
        moved: Any = 0.0
        for k, table in enumerate(tables):
            held = table > 0
            logs = epsilon * xp.log(xp.where(held, table, xp.ones_like(table)))
            weighted = xp.where(held, table - logs, xp.full_like(table, inf))
            away = self._passed((*tables[:k], weighted, *tables[k + 1 :]), g, epsilon)
            moved = moved + xp.sum(xp.exp((f - away) / epsilon))
        return r, c, moved

    def plan_times(self, f: Array, g: Array, epsilon: float, y: Array) -> Array:
        """Return P y for the plan of two potentials: positive and negative parts by themselves."""
        xp = self.xp
        if y.ndim > 1:
            columns = [self.plan_times(f, g, epsilon, y[:, k]) for k in range(y.shape[1])]
            return xp.stack(columns, axis=1)
        total: Any = 0.0
        for sign in (1.0, -1.0):
            part = sign * y
            held = part > 0
            logs = xp.log(xp.where(held, part, xp.ones_like(part)))
            moved = xp.where(held, g + epsilon * logs, xp.full_like(logs, -inf))
            away = self.softmin_rows(moved, epsilon)
            total = total + sign * xp.exp((f - away) / epsilon)
        return total

    def between(self, x: Array, y: Array) -> Array:
        """Return xᵀ C y from the sums of x and y along the other axes."""
        xp = self.xp
        x = self._spread(x, self._rows, 0, 0.0)
        y = self._spread(y, self._columns, 1, 0.0)
        total: Any = 0.0
        for k, c in enumerate(self.tables):
            others = tuple(i for i in range(len(self.tables)) if i != k)
            u, v = (xp.sum(z, axis=others) if others else z for z in (x, y))
            total = total + xp.sum(u * (c @ v))
        return total

    def _spread(self, g: Array, places: Array | None, side: int, empty: float) -> Array:
        """Give a vector the shape of the grid, with a value for points that are left out."""
        xp = self.xp
        sizes = tuple(int(c.shape[side]) for c in self.tables)
        if places is not None:
            everywhere = xp.arange(prod(sizes), dtype=places.dtype, device=self.device)
            at = xp.searchsorted(places, everywhere)
            near = xp.minimum(at, xp.full_like(at, places.shape[0] - 1))
            held = xp.take(places, near) == everywhere
            values = xp.take(g, near)
            g = xp.where(held, values, xp.full_like(values, empty))
        return xp.reshape(g, sizes)

    def _is_mild(self, epsilon: float) -> bool:
        """Whether no exponential of a cost comes near underflow; the largest cost is asked once."""
        if self._high is None:
            self._high = self.span()[1]
        return self._high <= -log(SAFE[_precision(self.tables[0], xp=self.xp)]) * epsilon

    def _passed(
        self, tables: tuple[Array, ...], g: Array, epsilon: float, *, mild: bool = False
    ) -> Array:
        """Take soft minima along all axes; minima where ε is zero."""
        xp, d = self.xp, len(tables)
        z = self._spread(g, self._columns, 1, -inf)
        for table in tables:  # the first axis goes to the end: at last the order is back
            z = xp.permute_dims(z, (*range(1, d), 0))
            lead = tuple(z.shape[:-1])
            z = xp.reshape(z, (-1, z.shape[-1]))
            if epsilon == 0.0:
                z = -_lowest(table, z, xp=xp)
            else:
                z = _softmax(table, z, epsilon, mild=mild, xp=xp)
            z = xp.reshape(z, (*lead, z.shape[-1]))
        out = -xp.reshape(z, (-1,))
        return out if self._rows is None else xp.take(out, self._rows)

    def __repr__(self) -> str:
        n, m = self.shape
        axes = tuple(int(c.shape[0]) for c in self.tables)
        return f"GridCost(n={n}, m={m}, axes={axes}, scale={self.scale:.3g})"


def _precision(x: Array, *, xp: Namespace) -> str:
    return "double" if xp.finfo(x.dtype).bits == 64 else "single"


def _softmax(table: Array, z: Array, epsilon: float, *, mild: bool, xp: Namespace) -> Array:
    """Return ε log Σ_j exp((z_rj − c_ij)/ε) for all lines r: a product where nothing underflows.

    Where that is not known to be so, the sums are looked at, which waits for the device.
    """
    top = xp.max(z, axis=1, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    total = xp.exp((z - top) / epsilon) @ xp.exp(-table / epsilon).mT
    filled = xp.where(total > 0.0, total, xp.ones_like(total))
    done = top + epsilon * xp.where(total > 0.0, xp.log(filled), xp.full_like(filled, -inf))
    if mild:
        return done
    lost = xp.any(total < SAFE[_precision(z, xp=xp)], axis=1)
    if not bool(xp.any(lost)):
        return done
    lines = xp.nonzero(lost)[0]
    careful = _careful(table, xp.take(z, lines, axis=0), epsilon, xp=xp)
    if lines.shape[0] == z.shape[0]:
        return careful
    at = xp.cumulative_sum(xp.astype(lost, lines.dtype)) - 1
    every = xp.take(careful, xp.maximum(at, xp.zeros_like(at)), axis=0)
    return xp.where(lost[:, None], every, done)


def _careful(table: Array, z: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return the same with the largest exponent of each sum taken out."""
    kernel = find_kernel("softmin_rows", xp)
    if kernel is not None:
        table = table + 0.0  # in rows
        return xp.stack([-kernel(table, z[r, :], epsilon) for r in range(z.shape[0])])
    parts, size = [], max(1, LINES // max(1, table.shape[0] * table.shape[1]))
    for start in range(0, z.shape[0], size):
        stop = min(start + size, z.shape[0])
        y = (z[start:stop, None, :] - table[None, :, :]) / epsilon
        top = xp.max(y, axis=2)
        finite = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.sum(xp.exp(y - finite[:, :, None]), axis=2)
        logs = finite + xp.log(xp.where(total > 0.0, total, xp.ones_like(total)))
        parts.append(xp.where(total > 0.0, epsilon * logs, xp.full_like(logs, -inf)))
    return xp.concat(parts, axis=0)


def _lowest(table: Array, z: Array, *, xp: Namespace) -> Array:
    """Return min_j (c_ij − z_rj) for all lines r."""
    kernel = find_kernel("lowest_rows", xp)
    if kernel is not None:
        return xp.stack([kernel(table, z[r, :]) for r in range(z.shape[0])])
    size = max(1, LINES // max(1, table.shape[0] * table.shape[1]))
    starts = range(0, z.shape[0], size)
    some = (z[start : min(start + size, z.shape[0]), None, :] for start in starts)
    return xp.concat([xp.min(table[None, :, :] - y, axis=2) for y in some], axis=0)
