"""The method for transport with linear constraints.

Legend: P = exp((f⊕g − C + Σ λ_k D_k)/ε), m_k = ⟨D_k, P⟩, slack s_k = σ e^(−λ_k/ε); minimize
Φ = ε ΣP + ε Σ s_k − ⟨a, f⟩ − ⟨b, g⟩, whose gradient is (r − a, c − b, m − s). z = (f, g, λ).
"""

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from linalgx._core.polish import identity_like
from linalgx.backend import eigh, eps, hermitian, host_float, to_host
from linalgx.errors import LinAlgError
from linalgx.results import Status
from linalgx.transport._annealing import (
    CLOSE,
    ROUNDS,
    STAGE_RTOL,
    SWEEPS,
    WARMEST,
    blind_below,
    cooling,
    extrapolated,
)
from linalgx.transport._continuation import CG_CAP, LONGEST
from linalgx.transport._costs import DenseCost
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._passes import column_softmin, plan_rows, row_softmin
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

LIMIT = 4000
INNER = 5
"""Newton steps on λ in one cycle."""


class Point(NamedTuple):
    """What follows from potentials and multipliers."""

    p: Array
    r: Array
    c: Array
    moved: Array
    slack: Array
    error: float
    dual: float


@dataclass(frozen=True, slots=True)
class Constrained:
    """A problem at unit scale; `d` holds the constraints as rows (K, nm), `sizes` max|D_k|."""

    c: Array
    d: Array
    sizes: Array
    a: Array
    b: Array
    sigma: float
    epsilon: float
    xp: Namespace

    def at(self, epsilon: float) -> "Constrained":
        """Return the same with another regularization."""
        return replace(self, epsilon=epsilon)

    def split(self, z: Array) -> tuple[Array, Array, Array]:
        """Return f, g, λ."""
        n, m = self.c.shape
        return z[:n], z[n : n + m], z[n + m :]

    def joined(self, *parts: Array) -> Array:
        """Return z."""
        return self.xp.concat(parts)

    def effective(self, multipliers: Array) -> Array:
        """Return C − Σ λ_k D_k."""
        return self.c - self.xp.reshape(multipliers @ self.d, tuple(self.c.shape))

    def slack(self, multipliers: Array) -> Array:
        """Return s."""
        return self.sigma * self.xp.exp(-multipliers / self.epsilon)

    def point(self, z: Array) -> Point:
        """Compute the plan and its sums, with one transfer to the host."""
        xp, e = self.xp, self.epsilon
        f, g, multipliers = self.split(z)
        p = plan_rows(self.effective(multipliers), f, g, e, xp=xp)
        r, c = xp.sum(p, axis=1), xp.sum(p, axis=0)
        moved, slack = self.d @ xp.reshape(p, (-1,)), self.slack(multipliers)
        miss = xp.sum(xp.abs(r - self.a)) + xp.sum(xp.abs(c - self.b))
        miss = miss + xp.sum(xp.abs(moved - slack) / self.sizes)
        dual = e * (xp.sum(r) + xp.sum(slack)) - xp.sum(self.a * f) - xp.sum(self.b * g)
        error, value = to_host(xp.stack([miss, dual])).tolist()
        return Point(p, r, c, moved, slack, error, value)

    def curvature(self, p: Array) -> Array:
        """Return ⟨D_k D_l, P⟩."""
        return (self.d * self.xp.reshape(p, (1, -1))) @ self.d.mT


def cycled(these: Constrained, z: Array) -> Array:
    """Make the rows exact, then the columns, then minimize over λ."""
    xp, e = these.xp, these.epsilon
    _, g, multipliers = these.split(z)
    cost = DenseCost(these.effective(multipliers), xp=xp)
    f = e * xp.log(these.a) + row_softmin(cost, g, e, xp=xp)
    g = e * xp.log(these.b) + column_softmin(cost, f, e, xp=xp)
    z = these.joined(f, g, multipliers)
    still = xp.zeros_like(z[: f.shape[0] + g.shape[0]])
    for _ in range(INNER if these.sizes.shape[0] else 0):
        here = these.point(z)
        miss = here.slack - here.moved
        step = _small_system(these.curvature(here.p), here.slack, miss, xp=xp)
        step = step * min(
            1.0, LONGEST / max(host_float(xp.max(xp.abs(step * these.sizes))), 1e-300)
        )
        slope = -host_float(xp.sum(miss * step))
        t = _halved(these, z, xp.concat([still, step]), here, e * slope)
        z = z + t * e * xp.concat([still, step])
        if not t > 0.0 or not slope < -1e-6:
            break
    return z


def _small_system(h: Array, slack: Array, y: Array, *, xp: Namespace) -> Array:
    """Solve (H + diag(s)) x = y; eigenvalues at rounding level are raised."""
    h = h + identity_like(h, xp=xp) * slack[:, None]
    scale = xp.sqrt(xp.linalg.diagonal(h))
    scale = xp.where(scale > 0, scale, xp.ones_like(scale))
    w, v = eigh(hermitian(h / scale[:, None] / scale[None, :], xp=xp), xp=xp)
    w = xp.maximum(w, xp.ones_like(w) * (64 * eps(w, xp=xp)))
    return (v @ ((v.mT @ (y / scale)) / w)) / scale


def _halved(these: Constrained, z: Array, step: Array, here: Point, slope: float) -> float:
    """Halve the step, in units of ε, until Φ decreases enough; zero when it never does."""
    if here.error < blind_below(z, xp=these.xp):
        return 1.0
    t = 1.0
    while t > 1e-10:
        if these.point(z + t * these.epsilon * step).dual - here.dual <= 1e-4 * t * slope:
            return t
        t /= 2
    return 0.0


def solve_constrained_run(these: Constrained, stopping: Stopping) -> tuple[Array, Monitor, Status]:
    """Cool down to the target ε; each stage alternates cycles and Newton steps in all variables."""
    xp = these.xp
    span = host_float(xp.max(these.c)) - host_float(xp.min(these.c))
    if not span < inf:
        raise LinAlgError("cost holds NaN or infinite entries, or its range overflows")
    monitor = Monitor(stopping, LIMIT)
    z = these.joined(xp.zeros_like(these.a), xp.zeros_like(these.b), xp.zeros_like(these.sizes))
    z = cycled(these, z)
    status = monitor.step(these.point(z).error, these.split(z)[0])
    if status is not None:
        return z, monitor, status
    known: list[tuple[float, Array]] = []
    for epsilon in cooling(these.epsilon, WARMEST * span):
        last = epsilon == these.epsilon
        rtol = stopping.rtol if last else max(STAGE_RTOL, stopping.rtol)
        start = extrapolated(known, epsilon, z)
        z, status = _stage(these.at(epsilon), start, rtol, monitor, last=last)
        if status not in (None, Status.STAGNATED):
            break
        known.append((epsilon, z))
    return z, monitor, status or Status.STAGNATED


def _stage(
    these: Constrained, z: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[Array, Status | None]:
    """Solve one ε: cycles until the error is small, then Newton steps."""
    best, stalled = inf, 0
    for _ in range(ROUNDS):
        for _ in range(SWEEPS):
            z = cycled(these, z)
            now = these.point(z).error
            status = monitor.note(now, these.split(z)[0], rtol if last else 0.0)
            if status is not None:
                return z, status
            if now <= max(CLOSE, rtol):
                break
        if now <= rtol:
            return z, Status.CONVERGED if last else None
        z, now, status = _polished(these, z, rtol, monitor, last=last)
        if status is not None or now <= rtol:
            return z, status if last or status is not Status.CONVERGED else None
        stalled = stalled + 1 if not now < 0.5 * best else 0
        best = min(best, now)
        if stalled >= 3:
            return z, Status.STAGNATED
    return z, Status.STAGNATED


def _polished(
    these: Constrained, z: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[Array, float, Status | None]:
    """Take Newton steps in all variables, damped by μ on the diagonal."""
    here, mu, slow = these.point(z), 1e-3, 0
    while here.error > rtol and slow < 5:
        raised = 1.0 + mu * min(1.0, here.error)
        y, step = _direction(these, here, raised)
        xp = these.xp
        n = these.c.shape[0] + these.c.shape[1]
        size = xp.concat([step[:n], step[n:] * these.sizes])
        step = step * min(1.0, LONGEST / max(host_float(xp.max(xp.abs(size))), 1e-300))
        slope = -these.epsilon * host_float(xp.sum(y * step))
        t = _halved(these, z, step, here, slope)
        mu = 4 * mu if t < 1.0 else max(mu / 4, 1e-12)
        if not t > 0.0:
            break
        z = z + t * these.epsilon * step
        before, here = here.error, these.point(z)
        slow = slow + 1 if not here.error < 0.9 * before else 0
        status = monitor.note(here.error, these.split(z)[0], rtol if last else 0.0)
        if status is not None:
            return z, here.error, status
    return z, here.error, None


def _direction(these: Constrained, here: Point, raised: float) -> tuple[Array, Array]:
    """Return the negative gradient y, and the solution of ε H x = y by conjugate gradients."""
    xp, p = these.xp, here.p
    n, m = these.c.shape
    parts = xp.reshape(these.d * xp.reshape(p, (1, -1)), (-1, n, m))
    rows, columns = xp.sum(parts, axis=2), xp.sum(parts, axis=1)
    h = these.curvature(p)
    y = these.joined(these.a - here.r, these.b - here.c, here.slack - here.moved)
    diagonal = these.joined(here.r, here.c, xp.linalg.diagonal(h) + here.slack)
    tiny = float(xp.finfo(y.dtype).smallest_normal)
    diagonal = xp.maximum(raised * diagonal, xp.ones_like(diagonal) * tiny)

    def apply(x: Array) -> Array:
        s, t, w = these.split(x)
        return these.joined(
            raised * here.r * s + p @ t + w @ rows,
            raised * here.c * t + s @ p + w @ columns,
            rows @ s + columns @ t + h @ w + here.slack * w,
        )

    tolerance = min(0.1, max(here.error, 1e-4))
    return y, conjugate_gradients(apply, y, diagonal, tolerance, CG_CAP, xp=xp)[0]
