"""Mirror descent on the factors of a transport plan.

Legend: P = Q diag(1/w) Rᵀ with couplings Q of (a, w) and R of (b, w), v = (Q, R, w);
G_Q = C R diag(1/w), G_R = Cᵀ Q diag(1/w), G_w = −diag(Qᵀ C R)/w² the gradients of ⟨C, P⟩; λ the
step of one iteration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import frexp, inf, isfinite, ldexp, sqrt
from typing import Any

from linalgx.backend import as_generator, device_of, eps, host_float, standard_normal, uniform
from linalgx.errors import LinAlgError
from linalgx.results import Status
from linalgx.transport._costs import Cost, DenseCost, blocks
from linalgx.transport._couplings import Couplings, nearest_couplings
from linalgx.transport._factored_cost import FactoredCost
from linalgx.transport._program import fetch
from linalgx.transport._stopping import Monitor
from linalgx.typing import Array, Namespace, RNGLike

FLOOR = 1e-6
"""Smallest weight of a component."""

MAXITER = 1000

NOISE = 0.1
"""Standard deviation of the noise in the logarithms of the start."""

LEAST_GAMMA = 1e-6
"""Share of `gamma` below which shortened steps count as stagnation."""

Product = Callable[[Array], Array]


def _products(cost: Cost) -> tuple[Product, Product]:
    """Return products with C and Cᵀ."""
    if isinstance(cost, FactoredCost):
        return cost.times, cost.transposed().times
    if isinstance(cost, DenseCost):
        return (lambda x: cost.matrix @ x), (lambda x: cost.matrix.mT @ x)
    xp = cost.xp

    def times(x: Array) -> Array:
        return xp.concat([rows @ x for _, _, rows in blocks(cost)], axis=0)

    def times_transposed(x: Array) -> Array:
        total: Any = 0.0
        for i, j, rows in blocks(cost):
            total = total + rows.mT @ x[i:j, :]
        return total

    return times, times_transposed


@dataclass(slots=True)
class _State:
    """Factors, their gradients and objective, and the cost."""

    v: Couplings
    slope: Couplings
    objective: float
    cost: float


class Descent:
    """Mirror descent; costs are divided by 2^exponent."""

    __slots__ = (
        "a", "apply", "apply_transposed", "b", "epsilon", "exponent", "gamma", "monitor", "size",
        "state", "tiny", "xp",
    )  # fmt: skip

    def __init__(
        self, cost: Cost, a: Array, b: Array, epsilon: float, gamma: float, monitor: Monitor
    ) -> None:
        size = max(abs(x) for x in cost.span())
        if not size < inf:
            raise LinAlgError("cost holds NaN or infinite entries, or its products overflow")
        self.exponent = frexp(size)[1]
        self.apply, self.apply_transposed = _products(cost.times_power_of_two(-self.exponent))
        self.a, self.b, self.xp, self.monitor = a, b, cost.xp, monitor
        self.epsilon, self.gamma = ldexp(epsilon, -self.exponent), gamma
        self.tiny = cost.xp.finfo(a.dtype).smallest_normal

    def solve(self, start: Couplings) -> Status:
        """Step until the monitor ends it; steps that raise the objective are taken back."""
        xp, first = self.xp, self.gamma
        self.state = self.measured(start)
        # Unit of all costs; a bound of the entries of a product of factors would be far too large.
        self.size = host_float(xp.max(xp.abs(self.state.slope.q))) or 1.0
        if not isfinite(self.state.objective):
            raise LinAlgError(f"the objective at the start is {self.state.objective}")
        slack = 64.0 * eps(self.a, xp=self.xp)
        while True:
            v, step = self._stepped()
            there = self.measured(v)
            status = self.monitor.step(self._gradient(v, step), self.state.v.q)
            if status is not None:
                return status
            if there.objective <= self.state.objective + slack * self.size:
                self.state = there
                continue
            self.gamma = 0.5 * self.gamma
            if self.gamma < LEAST_GAMMA * first:
                return Status.STAGNATED

    def _logs(self, v: Couplings) -> Couplings:
        xp = self.xp
        return Couplings(*(xp.log(xp.maximum(x, xp.full_like(x, self.tiny))) for x in v))

    def measured(self, v: Couplings) -> _State:
        """Gradients and objective."""
        xp, (q, r, w) = self.xp, v
        slope_q = self.apply(r / w[None, :])
        slope_r = self.apply_transposed(q / w[None, :])
        costs = xp.sum(q * slope_q, axis=0)
        slope = Couplings(slope_q, slope_r, -costs / w)
        total = xp.sum(costs)
        objective = total
        if self.epsilon:
            logs = self._logs(v)
            parts = [xp.sum(x * (y - 1.0)) for x, y in zip(v, logs, strict=True)]
            objective = total + self.epsilon * (parts[0] + parts[1] + parts[2])
            slope = Couplings(*(s + self.epsilon * y for s, y in zip(slope, logs, strict=True)))
        value, moved = fetch([objective, total], xp=xp)
        return _State(v, slope, value, moved)

    def _stepped(self) -> tuple[Couplings, Array]:
        """Return the next factors and the length of the step to them, on the device."""
        xp, slope = self.xp, self.state.slope
        largest = xp.max(xp.stack([xp.max(xp.abs(s)) for s in slope]))
        one = xp.ones_like(largest)
        step = self.gamma * self.size / xp.where(largest > 0, largest * largest, one)
        if self.epsilon:
            step = xp.minimum(step, one / self.epsilon)
        logs = self._logs(self.state.v)
        moved = Couplings(*(y - step * s for y, s in zip(logs, slope, strict=True)))
        return nearest_couplings(moved, self.a, self.b, FLOOR, xp=xp), step

    def _gradient(self, there: Couplings, step: Array) -> float:
        """Return the residual at the current factors."""
        xp, here = self.xp, self.state.v
        change = [
            xp.sum((x - y) * (p - q))
            for x, y, p, q in zip(there, here, self._logs(there), self._logs(here), strict=True)
        ]
        total, length = fetch([change[0] + change[1] + change[2], step], xp=xp)
        return sqrt(max(total, 0.0)) / (length * self.size) if total == total else total


def start(run: Descent, rank: int, rng: RNGLike) -> Couplings:
    """Couplings of random targets with what is near to them; noise parts those chosen twice.

    The product coupling is a saddle point, and a random one is close to it when n is large.
    """
    xp, generator, a, b = run.xp, as_generator(rng), run.a, run.b
    n, m = int(a.shape[0]), int(b.shape[0])
    where = xp.argsort(uniform((m,), generator, like=b, xp=xp))
    chosen = xp.take(where, xp.arange(rank, dtype=where.dtype, device=device_of(b)) % m)
    everything = xp.arange(m, dtype=where.dtype, device=device_of(b))
    targets = xp.astype(everything[:, None] == chosen[None, :], b.dtype)
    noise = [NOISE * standard_normal((k, rank), generator, like=a, xp=xp) for k in (n, m)]
    w = xp.full((rank,), 1.0 / rank, dtype=a.dtype, device=device_of(a))
    logs = Couplings(noise[0], noise[1], xp.log(w))
    logs = logs._replace(q=logs.q - _attraction(run.apply(targets), run.gamma, xp=xp))
    v = nearest_couplings(logs, a, b, FLOOR, xp=xp)
    near = run.apply_transposed(v.q / v.g[None, :])
    logs = logs._replace(r=logs.r - _attraction(near, run.gamma, xp=xp))
    return nearest_couplings(logs, a, b, FLOOR, xp=xp)


def _attraction(near: Array, gamma: float, *, xp: Namespace) -> Array:
    """Return costs up to a constant for each row, their spread brought to `gamma`."""
    spread_ = near - xp.min(near, axis=1, keepdims=True)
    top = xp.max(spread_)
    return gamma * spread_ / xp.where(top > 0, top, xp.ones_like(top))
