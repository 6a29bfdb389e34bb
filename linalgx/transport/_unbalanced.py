"""Methods for transport with soft marginals: sweeps in the log domain, Newton's method at the end.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε), φ = f − ε log α, ψ = g − ε log β with the reference α⊗β,
which is a⊗b or one. The optimum has r = P1 = p := a e^(−φ/ρ_a) and c = Pᵀ1 = q := b e^(−ψ/ρ_b);
κ = ρ/(ρ + ε).
"""

from dataclasses import dataclass
from math import inf

from linalgx.backend import host_float
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
from linalgx.transport._continuation import LONGEST, ScaledPlan
from linalgx.transport._passes import column_softmin, row_softmin
from linalgx.transport._problem import Problem
from linalgx.transport._run import Run
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

LIMIT = {"sinkhorn": 100_000, "newton": 4000}
TRIAL = 30
"""Sweeps at the target ε before Newton's method cools down to it."""

PATIENCE = 100
"""Sweeps without a smaller error after which it is rounding."""

MOST = 80.0  # largest exponent of a trial step, far from overflow in 32 bits


@dataclass(frozen=True, slots=True)
class Soft:
    """A problem, the strengths of its marginals, and whether the reference is a⊗b."""

    problem: Problem
    rho: tuple[float, float]
    kl: bool

    def at(self, epsilon: float) -> "Soft":
        """Return the same with another regularization."""
        return Soft(self.problem.at(epsilon), self.rho, self.kl)

    def intrinsic(self, f: Array, a: Array) -> Array:
        """Return φ = f − ε log α."""
        return f - self.problem.epsilon * self.problem.xp.log(a) if self.kl else f

    def kept(self, f: Array, a: Array, rho: float) -> Array:
        """Return p = a e^(−φ/ρ), the marginal that the potential asks for."""
        if rho == inf:
            return a
        return a * self.problem.xp.exp(-self.intrinsic(f, a) / rho)

    def stepped(self, softmin: Array, a: Array, rho: float) -> Array:
        """Return the best potential for a soft minimum: φ = κ (soft minimum + ε log(a/α))."""
        e, log = self.problem.epsilon, self.problem.xp.log(a)
        share = shrink(e, rho)
        if self.kl:
            return share * softmin + e * log
        return share * (softmin + e * log)

    def translation(self, f: Array, g: Array) -> float:
        """Return the best λ of (f + λ, g − λ)."""
        (one, two), xp = self.rho, self.problem.xp
        a, b = self.problem.a, self.problem.b
        sizes = []
        for x, mass, rho in ((f, a, one), (g, b, two)):
            z = xp.log(mass) if rho == inf else xp.log(mass) - self.intrinsic(x, mass) / rho
            top = xp.max(z)
            sizes.append(host_float(top + xp.log(xp.sum(xp.exp(z - top)))))
        rate = (0.0 if one == inf else 1.0 / one) + (0.0 if two == inf else 1.0 / two)
        return (sizes[0] - sizes[1]) / rate


def shrink(epsilon: float, rho: float) -> float:
    """Return κ = ρ/(ρ + ε)."""
    return 1.0 if rho == inf else rho / (rho + epsilon)


@dataclass(slots=True)
class State:
    """Potentials with exact columns, c = q, and the soft minimum of g, which tells the rows."""

    f: Array
    g: Array
    softmin: Array


def start(soft: Soft, g: Array) -> State:
    """Make one row step and one column step."""
    p, (rho, _) = soft.problem, soft.rho
    s = row_softmin(p.cost, g, p.epsilon, xp=p.xp)
    return columned(soft, soft.stepped(s, p.a, rho))


def columned(soft: Soft, f: Array) -> State:
    """Make the columns exact."""
    p = soft.problem
    low = column_softmin(p.cost, f, p.epsilon, xp=p.xp)
    g = soft.stepped(low, p.b, soft.rho[1])
    return State(f, g, row_softmin(p.cost, g, p.epsilon, xp=p.xp))


def sweep(soft: Soft, state: State) -> State:
    """Translate, then make the rows exact, then the columns."""
    shift = soft.translation(state.f, state.g)
    return columned(soft, soft.stepped(state.softmin + shift, soft.problem.a, soft.rho[0]))


def error(soft: Soft, state: State) -> float:
    """Return ‖r − p‖₁ relative to the mass that moves; the columns are exact."""
    xp, e = soft.problem.xp, soft.problem.epsilon
    r = xp.exp((state.f - state.softmin) / e)
    p = soft.kept(state.f, soft.problem.a, soft.rho[0])
    return host_float(xp.sum(xp.abs(r - p)) / total_mass(r, xp=xp))


def total_mass(r: Array, *, xp: Namespace) -> Array:
    """Return the sum, or the least normal number where everything is destroyed."""
    return xp.maximum(xp.sum(r), xp.ones_like(r[0]) * float(xp.finfo(r.dtype).smallest_normal))


def sinkhorn(soft: Soft, stopping: Stopping) -> Run:
    """Sweep until the error is small (Chizat et al.; translation after Séjourné et al.)."""
    monitor = Monitor(stopping, LIMIT["sinkhorn"])
    state, status = _swept(soft, start(soft, _zero(soft)), monitor, None)
    e = (soft.problem.epsilon,)
    return monitor.run(state.f, state.g, status or Status.MAXITER, "sinkhorn", e)


def newton(soft: Soft, stopping: Stopping) -> Run:
    """Try sweeps at the target ε; cool down to it where they are slow, and end by Newton steps."""
    monitor = Monitor(stopping, LIMIT["newton"])
    state, status = _swept(soft, start(soft, _zero(soft)), monitor, TRIAL)
    target = soft.problem.epsilon
    if status is not None:
        return monitor.run(state.f, state.g, status, "newton", (target,))
    path = cooling(target, WARMEST * soft.problem.range)
    known: list[tuple[float, Array]] = []
    g = state.g if len(path) == 1 else _zero(soft)
    for epsilon in path:
        last = epsilon == target
        here = soft.at(epsilon)
        rtol = stopping.rtol if last else max(STAGE_RTOL, stopping.rtol)
        state, status = _stage(here, extrapolated(known, epsilon, g), rtol, monitor, last=last)
        if status not in (None, Status.STAGNATED):
            break
        g = state.g
        known.append((epsilon, g))
    done = path[: max(len(known), 1)]
    return monitor.run(state.f, state.g, status or Status.STAGNATED, "newton", done)


def _zero(soft: Soft) -> Array:
    """Start from ψ = 0."""
    b, xp = soft.problem.b, soft.problem.xp
    return soft.problem.epsilon * xp.log(b) if soft.kl else xp.zeros_like(b)


def _swept(
    soft: Soft, state: State, monitor: Monitor, most: int | None
) -> tuple[State, Status | None]:
    """Sweep at the target ε, at most so often, and as long as the error still falls."""
    best, since, done = error(soft, state), 0, 0
    status = monitor.step(best, state.f, 0)
    while status is None and done != most:
        state = sweep(soft, state)
        now = error(soft, state)
        done, since = done + 1, since + 1
        status = monitor.step(now, state.f)
        if now < best:
            best, since = now, 0
        elif since >= PATIENCE and status is None:
            return state, Status.STAGNATED
    return state, status


def _stage(
    soft: Soft, g: Array, rtol: float, monitor: Monitor, *, last: bool
) -> tuple[State, Status | None]:
    """Solve one ε: sweeps, then Newton's method, until an exact pass agrees."""
    state, best, stalled = start(soft, g), inf, 0
    for _ in range(ROUNDS):
        status, now = None, error(soft, state)
        for _ in range(SWEEPS):
            if not now > max(CLOSE, rtol):
                break
            state = sweep(soft, state)
            now = error(soft, state)
            status = monitor.note(now, state.f, rtol if last else 0.0)
            if status is not None:
                return state, status
        if now <= rtol:
            return state, Status.CONVERGED if last else None
        stalled = stalled + 1 if not now < 0.5 * best else 0
        best = min(best, now)
        if stalled >= 3:
            return state, Status.STAGNATED
        u, status = _polished(soft, state, rtol, monitor)
        state = columned(soft, state.f + soft.problem.epsilon * u)
        if status is not None:
            return state, status
    return state, Status.STAGNATED


def _normalized(soft: Soft, state: State) -> tuple[ScaledPlan, Array, Array]:
    """Return the plan and the marginals p, q it should have, divided by the mass that moves."""
    problem, xp = soft.problem, soft.problem.xp
    p = soft.kept(state.f, problem.a, soft.rho[0])
    q = soft.kept(state.g, problem.b, soft.rho[1])
    mass = total_mass(q, xp=xp)
    tiny = xp.ones_like(q) * float(xp.finfo(q.dtype).smallest_normal)
    f = state.f - problem.epsilon * xp.log(mass)
    return ScaledPlan(problem, f, state.g), p / mass, xp.maximum(q / mass, tiny)


def _polished(
    soft: Soft, state: State, rtol: float, monitor: Monitor
) -> tuple[Array, Status | None]:
    """Take Newton steps on the semi-dual, whose Hessian is definite; log of the row scalings."""
    xp, e, (rho, other) = soft.problem.xp, soft.problem.epsilon, soft.rho
    plan, p, q = _normalized(soft, state)
    u, mu, slow = xp.zeros_like(p), 1e-3, 0
    r = plan.times(xp.ones_like(q))
    now = host_float(xp.sum(xp.abs(r - p)))
    while now > 0.5 * rtol and slow < 5:
        lift = 1.0 + mu * min(1.0, now)
        d = r * lift + (0.0 if rho == inf else e / rho) * p
        h = 1.0 / (q * (lift + (0.0 if other == inf else e / other)))
        s = plan.direction(d, h, p - r, min(0.1, max(now, 1e-4)))
        s = s * min(1.0, LONGEST / max(host_float(xp.max(xp.abs(s))), 1e-300))
        step, log = _searched(soft, plan, s, p, q, r, now)
        mu = 4 * mu if step < 1.0 else max(mu / 4, 1e-12)
        if not step > 0.0:
            break
        lowered = shrink(e, other) * log
        plan.rescale(xp.exp(step * s), xp.exp(-lowered))
        p = p if rho == inf else p * xp.exp(-(step * e / rho) * s)
        q = q * xp.exp(log - lowered)
        u = u + step * s
        r = plan.times(xp.ones_like(q))
        before, now = now, host_float(xp.sum(xp.abs(r - p)) / total_mass(r, xp=xp))
        slow = slow + 1 if not now < 0.9 * before else 0
        status = monitor.note(now, state.f + e * u, 0.0)
        if status is not None:
            return u, status
    return u, None


def _searched(
    soft: Soft, plan: ScaledPlan, s: Array, p: Array, q: Array, r: Array, now: float
) -> tuple[float, Array]:
    """Halve the step until the dual decreases enough; the step, and log(Pᵀe^(step s)/q)."""
    xp, e, (rho, other) = soft.problem.xp, soft.problem.epsilon, soft.rho
    slope = host_float(xp.sum((r - p) * s))
    step = 1.0
    while step > 1e-10:
        log = xp.log(plan.transposed(xp.exp(step * s)) / q)
        if now < blind_below(p, xp=xp):
            return step, log
        change = _penalty(p, -step * s, e, rho, 0.0, xp=xp)
        change += _penalty(q, log, e, other, 1.0, xp=xp)
        if change <= 1e-4 * step * slope:
            return step, log
        step /= 2
    return 0.0, xp.zeros_like(q)


def _penalty(
    p: Array, z: Array, epsilon: float, rho: float, more: float, *, xp: Namespace
) -> float:
    """Return (σ/ε) Σ p expm1(ε z/σ) with σ = ρ + more ε: the limit Σ p z where ρ is infinite."""
    if rho == inf:
        return host_float(xp.sum(p * z))
    ratio = rho / epsilon + more
    bounded = xp.minimum(z / ratio, xp.full_like(z, MOST))
    return ratio * host_float(xp.sum(p * xp.expm1(bounded)))


METHODS = {"newton": newton, "sinkhorn": sinkhorn}
