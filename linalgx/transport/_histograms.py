"""Entropic transport between histograms on a grid, of which one is to be chosen.

Legend: W(x, y) = min ⟨C, P⟩ + γ Σ P log P over plans P from x to y; C is the sum over the axes of
squared distances, each axis of length one; K = e^(−C/γ). For fixed x its conjugate in y is
W*(x, g) = γ Σ x_i (u_i − log x_i) with u = log(K e^(g/γ)), and y = ∇W*(x, g) has the logarithm
g/γ + log(Kᵀ(x e^(−u))): the second marginal of the plan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, prod
from typing import Any

from linalgx.backend import device_of, eps, from_host, host_float, minimize_smooth, to_host
from linalgx.typing import Array, Namespace

STEPS = 300
"""Most iterations of L-BFGS."""

SWEEPS = 1000
"""Most sweeps after it."""

CHECK = 10
"""Sweeps between two looks at the error, which wait for the device."""


@dataclass(slots=True)
class Histograms:
    """Data X of shape (N, I₁, ..., I_d), each of mass one, and the kernel of every axis.

    Of kernels that do not come near underflow the entries are kept, of others their logarithms.
    """

    x: Array
    log_x: Array
    kernels: list[Array]
    mild: bool
    gamma: float
    xp: Namespace

    @classmethod
    def of(cls, x: Array, gamma: float, *, xp: Namespace) -> "Histograms":
        """Prepare logarithms of the data and of the kernels."""
        kernels = []
        for size in x.shape[1:]:
            t = xp.arange(size, dtype=x.dtype, device=device_of(x)) / max(size - 1, 1)
            kernels.append(-((t[:, None] - t[None, :]) ** 2) / gamma)
        mild = 1.0 / gamma < -0.8 * log(xp.finfo(x.dtype).smallest_normal)
        if mild:
            kernels = [xp.exp(kernel) for kernel in kernels]
        return cls(x, floored_log(x, xp=xp), kernels, mild, gamma, xp)

    def smoothed(self, z: Array) -> Array:
        """Return log(K e^z), one axis after the other; the kernels are symmetric."""
        xp = self.xp
        for axis, kernel in enumerate(self.kernels, start=1):
            rows = xp.moveaxis(z, axis, -1)
            if self.mild:  # what underflows is far below the product of the largest entry
                top = xp.max(rows, axis=-1, keepdims=True)
                rows = xp.log(xp.exp(rows - top) @ kernel) + top
            else:
                rows = rows[..., None, :] + kernel
                top = xp.max(rows, axis=-1, keepdims=True)
                rows = xp.log(xp.sum(xp.exp(rows - top), axis=-1)) + top[..., 0]
            z = xp.moveaxis(rows, -1, axis)
        return z

    def conjugate(self, g: Array) -> tuple[Array, Array]:
        """Return W*(x, g), one number for each histogram, and log ∇W*(x, g)."""
        u = self.smoothed(g / self.gamma)
        value = self.gamma * _sums(self.x * (u - self.log_x), xp=self.xp)
        return value, g / self.gamma + self.smoothed(self.log_x - u)

    def values(self, y: Array, g: Array) -> tuple[Array, Array]:
        """Return W(x, y) and its potentials, by L-BFGS from `g` and Sinkhorn's sweeps after it."""
        xp = self.xp
        log_y, goal = floored_log(y, xp=xp), eps(y, xp=xp) ** 0.4

        def negative(g: Array) -> tuple[Array, Array]:
            value, log_here = self.conjugate(g)
            return xp.sum(value) - xp.sum(g * y), xp.exp(log_here) - y

        g = minimized(negative, g, goal / max(prod(self.x.shape[1:]), 1), xp=xp)
        for sweep in range(SWEEPS):
            value, log_here = self.conjugate(g)
            if sweep % CHECK == 0:
                error = xp.max(_sums(xp.abs(xp.exp(log_here) - y), xp=xp))
                if not host_float(error) > goal:
                    break
            g = g + self.gamma * (log_y - log_here)
        value, _ = self.conjugate(g)
        return _sums(g * y, xp=xp) - value, g


def minimized(
    f: Callable[[Array], tuple[Array, Array]], start: Array, goal: float, *, xp: Namespace
) -> Array:
    """Minimize a function of an array, which returns value and gradient, by L-BFGS on the host."""

    def on_host(vector: Any) -> tuple[float, Any]:
        g = from_host(vector, like=start, xp=xp, dtype=start.dtype)
        value, slope = f(xp.reshape(g, start.shape))
        return host_float(value), to_host(xp.reshape(slope, (-1,))).astype("float64")

    first = to_host(xp.reshape(start, (-1,))).astype("float64")
    found = minimize_smooth(on_host, first, gtol=goal, maxiter=STEPS).x
    return xp.reshape(from_host(found, like=start, xp=xp, dtype=start.dtype), start.shape)


def floored_log(x: Array, *, xp: Namespace) -> Array:
    """Logarithm that takes zeros for the smallest normal number."""
    return xp.log(xp.maximum(x, xp.full_like(x, xp.finfo(x.dtype).smallest_normal)))


def _sums(x: Array, *, xp: Namespace) -> Array:
    """Sum over each histogram."""
    return xp.sum(xp.reshape(x, (x.shape[0], -1)), axis=1)


def onto_simplex(v: Array, *, xp: Namespace) -> Array:
    """Nearest points with nonnegative coordinates of sum one, for each vector of the last axis."""
    k = int(v.shape[-1])
    ordered = xp.sort(v, axis=-1, descending=True)
    counts = xp.arange(1, k + 1, dtype=v.dtype, device=device_of(v))
    # The threshold is the largest of these, at the last coordinate that stays positive.
    levels = (xp.cumulative_sum(ordered, axis=-1) - 1.0) / counts
    positive = xp.maximum(v - xp.max(levels, axis=-1, keepdims=True), xp.zeros_like(v))
    return positive / xp.sum(positive, axis=-1, keepdims=True)


def outer(columns: list[Array], *, xp: Namespace) -> Array:
    """Outer products of columns k of all matrices: shape (K, I₁, ..., I_d)."""
    rank = int(columns[0].shape[1])
    atoms: Any = xp.ones((rank, 1), dtype=columns[0].dtype, device=device_of(columns[0]))
    for u in columns:
        atoms = xp.reshape(atoms[:, :, None] * u.mT[:, None, :], (rank, -1))
    return xp.reshape(atoms, (rank, *(int(u.shape[0]) for u in columns)))
