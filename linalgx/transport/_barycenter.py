"""Methods for barycenters on a fixed support. All masses are one here, all weights positive.

Legend: plans P_k = exp((f_k ⊕ g_k − C)/ε) with exact columns b_k, r_k = P_k 1, s_k the soft minimum
of C − g_k over columns, w the weights. The optimum has r_k = q for all k and Σ w_k f_k = ε log d,
d = 1, or, without bias, d∘(K d) = q with K = exp(−C/ε).
"""

from dataclasses import dataclass, replace
from math import inf

from linalgx.backend import eps, host_float, is_gpu, to_host
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
from linalgx.transport._continuation import CG_CAP, LONGEST, ScaledPlan
from linalgx.transport._costs import Cost
from linalgx.transport._frozen import GPU_CHECK
from linalgx.transport._passes import column_softmin, row_softmin
from linalgx.transport._problem import Problem
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, DType, Namespace

LEAST_SWEEPS = 2
"""Sweeps before each round of Newton steps, which are blind where a plan has next to no mass."""

LIMIT = {"log": 100_000, "scaling": 100_000, "newton": 4000}


@dataclass(frozen=True, slots=True)
class Measures:
    """What the methods work on; `log_b` is −∞ where b is zero."""

    cost: Cost
    b: Array
    w: Array
    log_b: Array
    epsilon: float
    debiased: bool
    xp: Namespace

    def at(self, epsilon: float) -> "Measures":
        """Return the same with another regularization."""
        return replace(self, epsilon=epsilon)

    def astype(self, dtype: DType) -> "Measures":
        """Return the same in another precision."""
        b, w, log_b = (self.xp.astype(x, dtype, copy=False) for x in (self.b, self.w, self.log_b))
        return replace(self, cost=self.cost.astype(dtype), b=b, w=w, log_b=log_b)

    def weighted(self, x: Array) -> Array:
        """Return Σ w_k x_k."""
        return self.xp.sum(self.w[:, None] * x, axis=0)

    def columned(self, f: Array) -> Array:
        """Return the g_k with exact columns."""
        xp, e = self.xp, self.epsilon
        low = [column_softmin(self.cost, f[k, :], e, xp=xp) for k in range(f.shape[0])]
        return e * self.log_b + xp.stack(low)

    def softmin(self, g: Array) -> Array:
        """Return the s_k."""
        rows = [
            row_softmin(self.cost, g[k, :], self.epsilon, xp=self.xp) for k in range(g.shape[0])
        ]
        return self.xp.astype(self.xp.stack(rows), g.dtype, copy=False)

    def bias(self, log_d: Array) -> Array:
        """Return log(K d)."""
        return (
            -row_softmin(self.cost, self.epsilon * log_d, self.epsilon, xp=self.xp) / self.epsilon
        )


@dataclass(slots=True)
class State:
    """Potentials f, g with exact columns, s, and log d."""

    f: Array
    g: Array
    s: Array
    log_d: Array

    @classmethod
    def of(cls, these: Measures, f: Array, log_d: Array) -> "State":
        """Make the columns exact."""
        g = these.columned(f)
        return cls(f, g, these.softmin(g), log_d)

    def astype(self, dtype: DType, *, xp: Namespace) -> "State":
        """Return the same in another precision."""
        f, g, s, log_d = (
            xp.astype(x, dtype, copy=False) for x in (self.f, self.g, self.s, self.log_d)
        )
        return State(f, g, s, log_d)

    def marginals(self, these: Measures) -> Array:
        """Return the r_k."""
        return these.xp.exp((self.f - self.s) / these.epsilon)


def disagreement(these: Measures, r: Array, log_d: Array) -> tuple[Array, float]:
    """Return q = Σ w_k r_k and Σ w_k ‖r_k − q‖₁, without bias plus ‖d∘(K d) − q‖₁."""
    xp = these.xp
    q = these.weighted(r)
    error = xp.sum(these.weighted(xp.abs(r - q[None, :])))
    if these.debiased:
        error = error + xp.sum(xp.abs(xp.exp(log_d + these.bias(log_d)) - q))
    return q, host_float(error)


def start(these: Measures) -> State:
    """Start from f = 0, d = 1."""
    zero = row_softmin(these.cost, these.log_b[0, :], these.epsilon, xp=these.xp)
    zero = these.xp.zeros_like(zero)
    f = these.xp.stack([zero] * these.b.shape[0])
    return State.of(these, f, zero)


def projected(these: Measures, state: State) -> State:
    """Multiply up the geometric mean: log q = log d − Σ w_k s_k/ε, f_k = ε log q + s_k; d first."""
    e = these.epsilon
    log_d = state.log_d
    mean = -these.weighted(state.s) / e
    if these.debiased:
        log_d = 0.5 * (2.0 * log_d + mean - these.bias(log_d))
    return State.of(these, e * (log_d + mean)[None, :] + state.s, log_d)


def log_domain(these: Measures, stopping: Stopping) -> tuple[State, Monitor, Status]:
    """Iterate Bregman projections on potentials (Benamou et al. 2015)."""
    monitor = Monitor(stopping, LIMIT["log"])
    state = start(these)
    q, error = disagreement(these, state.marginals(these), state.log_d)
    status = monitor.step(error, q)
    while status is None:
        state = projected(these, state)
        q, error = disagreement(these, state.marginals(these), state.log_d)
        status = monitor.step(error, q)
    return state, monitor, status


def scaling(these: Measures, stopping: Stopping) -> tuple[State, Monitor, Status]:
    """Do the same with products of the kernel matrix: fast, and only for large ε."""
    xp, e = these.xp, these.epsilon
    monitor = Monitor(stopping, LIMIT["scaling"])
    k = xp.exp(-these.cost.block(0, these.cost.shape[0]) / e)
    if not bool(xp.all(xp.max(k, axis=0) > 0) & xp.all(xp.max(k, axis=1) > 0)):
        raise LinAlgError("the kernel exp(−C/ε) underflows; method='log' has no such limit")
    u, d = xp.ones_like(these.b[:, :1] * k[None, :, 0]), xp.ones_like(k[:, 0])
    while True:
        kv = (these.b / (u @ k)) @ k.mT
        r = u * kv
        q = these.weighted(r)
        miss = xp.sum(these.weighted(xp.abs(r - q[None, :])))
        kd = k @ d if these.debiased else d
        miss = miss + xp.sum(xp.abs(d * kd - q)) if these.debiased else miss
        error, least = to_host(xp.stack([miss, xp.min(kv)])).tolist()
        status = monitor.step(error, q)
        broken = status is Status.BREAKDOWN or not least > 0
        if broken or (status is not None and not _usable(u, d, xp=xp)):
            raise LinAlgError("the scalings over- or underflow; method='log' has no such limit")
        if status is not None:
            return State.of(these, e * xp.log(u), xp.log(d)), monitor, status
        mean = xp.exp(these.weighted(xp.log(kv)))
        d = d * xp.sqrt(mean / kd) if these.debiased else d
        u = (d * mean)[None, :] / kv


def _usable(u: Array, d: Array, *, xp: Namespace) -> bool:
    """Whether logarithms exist."""
    return all(bool(xp.all((x > 0) & xp.isfinite(x))) for x in (u, d))


def newton(these: Measures, stopping: Stopping) -> tuple[State, Monitor, Status]:
    """Cool down; each stage ends by Newton steps on the semi-dual under Σ w_k f_k = 0; no d."""
    monitor = Monitor(stopping, LIMIT["newton"])
    state = start(these)
    q, error = disagreement(these, state.marginals(these), state.log_d)
    status = monitor.step(error, q)
    if status is not None:
        return state, monitor, status
    low, high = these.cost.span()
    known: list[tuple[float, Array]] = []
    for epsilon in cooling(these.epsilon, WARMEST * (high - low)):
        last = epsilon == these.epsilon
        rtol = stopping.rtol if last else max(STAGE_RTOL, stopping.rtol)
        f = extrapolated(known, epsilon, state.f)
        state, status = _stage(these.at(epsilon), f, state.log_d, rtol, monitor, last=last)
        if status not in (None, Status.STAGNATED):
            break
        known.append((epsilon, state.f))
    return state, monitor, status or Status.STAGNATED


def shifted(these: Measures, f: Array, log_d: Array) -> Array:
    """Make Σ w_k f_k = ε log d."""
    return f + (these.epsilon * log_d - these.weighted(f))[None, :]


def _stage(
    these: Measures, f: Array, log_d: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[State, Status | None]:
    """Solve one ε: sweeps, then Newton steps, until an exact pass agrees."""
    state = State.of(these, shifted(these, f, log_d), log_d)
    best, stalled = inf, 0
    for _ in range(ROUNDS):
        q, now = disagreement(these, state.marginals(these), state.log_d)
        for k in range(SWEEPS):
            if now <= rtol or (k >= LEAST_SWEEPS and now <= CLOSE):
                break
            state = projected(these, state)
            q, now = disagreement(these, state.marginals(these), state.log_d)
            status = monitor.note(now, q, rtol if last else 0.0)
            if status is not None:
                return state, status
        if now <= rtol:
            return state, Status.CONVERGED if last else None
        stalled = stalled + 1 if not now < 0.9 * best else 0
        best = min(best, now)
        if stalled >= 5:
            return state, Status.STAGNATED
        moved, status = _polished(these, state, rtol, monitor)
        state = State.of(these, state.f + these.epsilon * moved, state.log_d)
        if status is not None:
            return state, status
    return state, Status.STAGNATED


class _Plans:
    """All plans with their scalings; (k, n) and (k, m) arrays of vectors."""

    __slots__ = ("parts", "xp")

    def __init__(self, these: Measures, state: State) -> None:
        xp = self.xp = these.xp
        one = xp.ones_like
        self.parts = []
        for k in range(state.f.shape[0]):
            f, g = state.f[k, :], state.g[k, :]
            mass = xp.sum(one(f[:1]))
            problem = Problem(these.cost, one(f), one(g), these.epsilon, xp, mass)
            self.parts.append(ScaledPlan(problem, f, g))

    def times(self, y: Array) -> Array:
        return self.xp.stack([p.times(y[k, :]) for k, p in enumerate(self.parts)])

    def transposed(self, x: Array) -> Array:
        return self.xp.stack([p.transposed(x[k, :]) for k, p in enumerate(self.parts)])

    def square(self, h: Array) -> Array:
        return self.xp.stack([p.square(h[k, :]) for k, p in enumerate(self.parts)])

    def rescale(self, u: Array, v: Array) -> None:
        for k, p in enumerate(self.parts):
            p.rescale(u[k, :], v[k, :])


def _polished(
    these: Measures, state: State, rtol: float, monitor: Monitor
) -> tuple[Array, Status | None]:
    """Take Newton steps; log of the row scalings."""
    xp, b = these.xp, these.b
    plans = _Plans(these, state)
    held = b > 0
    safe = xp.maximum(xp.where(held, b, xp.ones_like(b)), _tiny(b, xp=xp))
    u, mu, slow = xp.zeros_like(state.f), 1e-3, 0
    r = plans.times(xp.ones_like(b))
    q = these.weighted(r)
    now = host_float(xp.sum(these.weighted(xp.abs(r - q[None, :]))))
    while now > 0.2 * rtol and slow < 5:
        lift = 1.0 + mu * min(1.0, now)
        h = xp.where(held, 1.0 / (lift * safe), xp.zeros_like(b))
        s = _direction(these, plans, r * lift, h, q[None, :] - r, min(0.1, max(now, 1e-4)))
        bound = LONGEST * xp.ones_like(s)
        s = xp.maximum(xp.minimum(s, bound), -bound)
        s = s - these.weighted(s)[None, :]
        step, log = _searched(these, plans, s, safe, r, now)
        mu = 4 * mu if step < 1.0 else max(mu / 4, 1e-12)
        if not step > 0.0:
            break
        plans.rescale(xp.exp(step * s), xp.exp(-log))
        u = u + step * s
        r = plans.times(xp.ones_like(b))
        q = these.weighted(r)
        before, now = now, host_float(xp.sum(these.weighted(xp.abs(r - q[None, :]))))
        slow = slow + 1 if not now < 0.9 * before else 0
        status = monitor.note(now, q, 0.0)
        if status is not None:
            return u, status
    return u, None


def _tiny(x: Array, *, xp: Namespace) -> Array:
    """Return the least number whose inverse is finite."""
    return xp.ones_like(x) * float(xp.finfo(x.dtype).smallest_normal)


def _searched(
    these: Measures, plans: _Plans, s: Array, safe: Array, r: Array, now: float
) -> tuple[float, Array]:
    """Halve the step until the dual decreases enough; the step, and log(P_kᵀe^(step s)/b_k)."""
    xp = these.xp
    slope = host_float(xp.sum(these.weighted(r * s)))
    step = 1.0
    while step > 1e-10:
        columns = xp.maximum(plans.transposed(xp.exp(step * s)), _tiny(safe, xp=xp))
        ratio = xp.where(these.b > 0, columns / safe, xp.ones_like(safe))
        log = xp.log(ratio)
        if now < blind_below(r, xp=xp):
            return step, log
        change = host_float(xp.sum(these.weighted(these.b * log)))
        if change <= 1e-4 * step * slope:
            return step, log
        step /= 2
    return 0.0, xp.zeros_like(safe)


def _direction(
    these: Measures, plans: _Plans, d: Array, h: Array, rhs: Array, tolerance: float
) -> Array:
    """Solve w_k S_k s_k = w_k (rhs_k − λ) with Σ w_k s_k = 0 by projected conjugate gradients."""
    xp, w = these.xp, these.w[:, None]
    diagonal = xp.maximum(d - plans.square(h), 64 * eps(d, xp=xp) * d)
    diagonal = xp.maximum(diagonal, _tiny(d, xp=xp))
    inverse = 1.0 / diagonal
    total = xp.sum(w * inverse, axis=0)[None, :]

    def fitted(y: Array) -> tuple[Array, Array]:
        """Remove from a residual, divided by w, what λ takes; and precondition the rest."""
        y = y - (xp.sum(w * y * inverse, axis=0)[None, :] / total)
        return y, y * inverse

    x = xp.zeros_like(rhs)
    r, z = fitted(rhs)
    p, rho = z, xp.sum(w * r * z)
    target = tolerance * xp.sum(w * xp.abs(r))
    going, zero, one = rho > 0, xp.zeros_like(rho), xp.ones_like(rho)
    every = GPU_CHECK if is_gpu(rhs, xp=xp) else 1
    for k in range(CG_CAP):
        going = going & (xp.sum(w * xp.abs(r)) > target)
        if k % every == 0 and not bool(going):
            break
        a_p = d * p - plans.times(h * plans.transposed(p))
        curvature = xp.sum(w * p * a_p)
        going = going & (curvature > 0) & xp.isfinite(curvature)
        alpha = xp.where(going, rho / xp.where(going, curvature, one), zero)
        x = x + alpha * p
        r, z = fitted(r - alpha * a_p)
        new = xp.sum(w * r * z)
        p = z + xp.where(going, new / xp.where(going, rho, one), zero) * p
        rho = new
    return x


METHODS = {"log": log_domain, "scaling": scaling, "newton": newton}
