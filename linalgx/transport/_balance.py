"""Scale many matrices to given row and column sums by Newton's method, down to rounding.

The row potentials f are the unknowns of a convex problem, the column potentials g follow exactly.
Sinkhorn's iteration needs 1/(1 − σ²) steps a digit, with σ the second singular value of the scaled
plan; Newton's method does not see σ. Wide ranges of logits are met by temperatures t that fall to
one, with potentials extrapolated in t.

Legend: L logits (k, n, m), −∞ for zeros; P = exp((L + f + g)/t); r, c the sums that are wanted, of
sum one; S = diag(P1) − P diag(1/c) Pᵀ, a Laplacian with the weights W = P diag(1/c) Pᵀ off the
diagonal; D its diagonal, summed from W, for the difference cancels; s the step of f/t.
"""

from math import inf
from typing import NamedTuple

from linalgx._core.iterate import notify
from linalgx.backend import device_of, eps, from_host, solve, to_host
from linalgx.results import Status
from linalgx.transport._clipped import clipped
from linalgx.transport._frozen import frozen_gradients
from linalgx.typing import Array, Callback, Namespace

SPREAD = 20.0
"""Range of logits over t at the first temperature."""

COOLING = 4.0
STAGE_RTOL = 1e-4
"""Marginal error that ends a temperature."""

CAP = 30.0
"""Largest change of a component of f/t in a step; in single precision half of it."""

LENGTHS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.0625, 2.0**-7)
"""Step lengths of the line search, tried at once."""

UNIT = LENGTHS.index(1.0)
LARGE = 500
"""Order above which products with the plan are tried before a factorization."""

LEAST_FORCING, MOST_FORCING = 1e-8, 1e-2
"""Bounds of the residual of such a solution, relative to its right-hand side."""

PATIENCE = 10
"""Steps without progress that end the iteration when the error is near rounding."""


class Plans(NamedTuple):
    """Unfinished matrices; every field has the axis of the batch first.

    Attributes
    ----------
    number : Array
        Place in the batch.
    logits, r, c : Array
        L, and the sums.
    f, g, plan : Array
        Potentials and P, the columns of which have the right sums.
    t, end : Array
        Temperature, and the last one: one, or what rounding of wider logits permits.
    last_f, last_t : Array
        f at the end of the temperature before, and that; 0 for none.
    drift : Array
        Bound of log P − (L + f + g)/t that rounding may not exceed.
    best, waited : Array
        Least error at this temperature, steps since then.
    """

    number: Array
    logits: Array
    r: Array
    c: Array
    f: Array
    g: Array
    plan: Array
    t: Array
    end: Array
    last_f: Array
    last_t: Array
    drift: Array
    best: Array
    waited: Array


class Whole(NamedTuple):
    """Potentials and plans of all matrices."""

    f: Array
    g: Array
    plan: Array


class Balanced(NamedTuple):
    """Potentials, plans and how it went."""

    f: Array
    g: Array
    plan: Array
    status: Status
    iterations: int
    history: tuple[float, ...]


def balance(
    logits: Array,
    r: Array,
    c: Array,
    *,
    rtol: float,
    goal: float,
    maxiter: int,
    callback: Callback | None = None,
    shown: str = "plan",
    xp: Namespace,
) -> Balanced:
    """Find f and g with exp(L + f + g) of row sums r and column sums c, each of sum one.

    Errors up to `rtol` will do; steps go on to `goal` as long as each halves the error. Every row
    and column of `logits` needs an entry above −∞, and the pattern total support. The observer
    sees what `shown` names, "f", "g" or "plan", of all matrices.
    """
    plans = _start(logits, r, c, xp=xp)
    done: list[Plans] = []
    history: list[float] = []
    status, k = Status.CONVERGED, 0
    while True:
        gradient = plans.r - xp.sum(plans.plan, axis=2)
        error = xp.sum(xp.abs(gradient), axis=1)
        ended, cooled, stale, worst = _judge(plans, error, rtol, goal, xp=xp)
        history.append(max(worst, history[-1] if done and worst <= rtol else worst))
        if callback is not None:
            x = getattr(_whole(plans, done, xp=xp), shown)
            if notify(callback, k, x, history[-1]):
                status = Status.STOPPED
                break
        if ended.all() or k == maxiter:
            break
        if ended.any():
            left, gone = _places(~ended, like=logits, xp=xp), _places(ended, like=logits, xp=xp)
            done.append(_taken(plans, gone, xp=xp))
            plans, gradient = _taken(plans, left, xp=xp), xp.take(gradient, left, axis=0)
            error, cooled, stale = xp.take(error, left, axis=0), cooled[~ended], stale[~ended]
        plans = _noted(plans, error, xp=xp)
        plans = _newton(plans, gradient, xp=xp)
        if (cooled | stale).any():
            plans = _renewed(plans, cooled, cooled | stale, xp=xp)
        k += 1
    f, g, plan = _whole(plans, done, xp=xp)
    if status is Status.CONVERGED and k == maxiter:
        status = Status.MAXITER  # for the caller to judge by a fresh error
    return Balanced(f, g, plan, status, k, tuple(history))


def _start(logits: Array, r: Array, c: Array, *, xp: Namespace) -> Plans:
    """Shift rows and columns to maxima of zero, choose t by what is left, make one sweep."""
    k = logits.shape[0]
    f = -xp.max(logits, axis=2)
    g = -xp.max(logits + f[:, :, None], axis=1)
    shifted = logits + f[:, :, None] + g[:, None, :]
    depth = -xp.min(xp.where(shifted > -inf, shifted, xp.zeros_like(shifted)), axis=(1, 2))
    t = xp.where(depth > SPREAD, depth / SPREAD, xp.ones_like(depth))
    zero, one = xp.zeros_like(t), xp.ones_like(t)
    end = xp.maximum(one, 32.0 * eps(t, xp=xp) * depth)
    number = xp.arange(k, dtype=xp.int64, device=device_of(logits))
    plans = Plans(
        number, logits, r, c, f, g, shifted, t, end, xp.zeros_like(f), zero, zero, zero + inf, zero
    )
    return _refreshed(plans, xp=xp)


def _judge(
    plans: Plans, error: Array, rtol: float, goal: float, *, xp: Namespace
) -> tuple[Array, Array, Array, float]:
    """Return who is done, who may be cooled, where P is stale, as host masks, and the worst error.

    One transfer. NaN is done: nothing will mend it.
    """
    n = plans.plan.shape[1]
    near = error <= 64 * n * eps(error, xp=xp)
    stuck = (near & (plans.waited >= PATIENCE)) | xp.isnan(error)
    final = plans.t <= plans.end
    # The sums of the columns have errors, too.
    met = (error <= 0.75 * goal) | ((error <= 0.75 * rtol) & ~(error < 0.5 * plans.best))
    ended = (final & (met | stuck)) | xp.isnan(error)
    cooled = ~final & ((error <= STAGE_RTOL) | (plans.waited >= 2 * PATIENCE))
    # Close to the end P is more accurate than exponentials of f and g.
    stale = (plans.drift > CAP) & (error > 1e-3)
    flags = [xp.astype(flag, error.dtype) for flag in (ended, cooled, stale)]
    facts = to_host(xp.stack([*flags, error]))
    worst = float(facts[3].max()) if facts.shape[1] else 0.0
    return facts[0] > 0, facts[1] > 0, facts[2] > 0, worst


def _noted(plans: Plans, error: Array, *, xp: Namespace) -> Plans:
    """Remember the least error, and how long ago it was."""
    better = error < 0.9 * plans.best
    waited = xp.where(better, xp.zeros_like(error), plans.waited + 1.0)
    return plans._replace(best=xp.where(better, error, plans.best), waited=waited)


def _newton(plans: Plans, gradient: Array, *, xp: Namespace) -> Plans:
    """One step of Newton's method with a line search, and one of Sinkhorn's where it was cut."""
    s = newton_direction(plans.plan, gradient, plans.r, plans.c, xp=xp)
    steps = _candidates(s, xp=xp)
    choice = _choice(plans, gradient, s, steps, xp=xp)
    step = xp.sum(xp.where(choice[:, :, None], steps, xp.zeros_like(steps)), axis=1)
    cut = xp.any(step != s, axis=1)
    plans = _moved(plans, step, xp=xp)
    rows = xp.sum(plans.plan, axis=2)
    ratio = xp.where(cut[:, None] & (rows > 0.0), plans.r / rows, xp.ones_like(rows))
    return _moved(plans, xp.log(ratio), xp=xp)


def newton_direction(plan: Array, gradient: Array, r: Array, c: Array, *, xp: Namespace) -> Array:
    """Solve S s = r − P1, by the Laplacian with unit diagonal and a shift at rounding level.

    Large systems that are well coupled take conjugate gradients much less time (ours).
    """
    n, unit = plan.shape[1], eps(plan, xp=xp)
    s = _by_products(plan, gradient, c, xp=xp) if n > LARGE else None
    if s is not None:
        return s
    eye = xp.eye(n, dtype=plan.dtype, device=device_of(plan))
    w = (plan / c[:, None, :]) @ plan.mT * (1.0 - eye)
    d = xp.sum(w, axis=2)
    # Couplings below rounding would turn rounding errors of the gradient into long steps.
    p = xp.sqrt(d + 8.0 * unit * r)
    q = 1.0 / p
    p = p / xp.sqrt(xp.sum(p * p, axis=1))[:, None]  # the null vector, which is lifted to one
    laplacian = (1.0 + 8 * n * unit) * eye - w * q[:, :, None] * q[:, None, :]
    laplacian = laplacian + p[:, :, None] * p[:, None, :]
    s = q * solve(laplacian, (q * gradient)[..., None], xp=xp)[..., 0]
    return s - xp.mean(s, axis=1, keepdims=True)


def _by_products(plan: Array, gradient: Array, c: Array, *, xp: Namespace) -> Array | None:
    """Solve S s = r − P1 by products with the plan alone; ``None`` where few do not suffice.

    Then the difference in S may have cancelled as well.
    """
    rows, unit = xp.sum(plan, axis=2), eps(plan, xp=xp)
    rhs = gradient - rows * (xp.sum(gradient, axis=1) / xp.sum(rows, axis=1))[:, None]

    def apply(x: Array) -> Array:
        y = (x[:, None, :] @ plan)[:, 0, :] / c
        return rows * x - (plan @ y[:, :, None])[:, :, 0]

    diagonal = rows - (plan * plan @ (1.0 / c)[:, :, None])[:, :, 0]
    inverse = 1.0 / xp.maximum(diagonal, 64.0 * unit * rows)
    size = xp.sum(xp.abs(rhs), axis=1, keepdims=True)
    target = size * clipped(size, LEAST_FORCING, MOST_FORCING, xp=xp)
    s, _ = frozen_gradients(apply, rhs, inverse, target, plan.shape[1] // 10, xp=xp)
    missing = xp.sum(xp.abs(rhs - apply(s)), axis=1, keepdims=True)
    if not bool(xp.all(missing <= 2.0 * target)):
        return None
    return s - xp.mean(s, axis=1, keepdims=True)


def _candidates(s: Array, *, xp: Namespace) -> Array:
    """Make steps of all lengths, (k, lengths, n), without components that would overflow."""
    cap = CAP if eps(s, xp=xp) < 1e-10 else CAP / 2
    lengths = xp.asarray(LENGTHS, dtype=s.dtype, device=device_of(s))
    s = clipped(s, -cap, cap, xp=xp)
    return clipped(lengths[None, :, None] * s[:, None, :], -cap, cap, xp=xp)


def _choice(plans: Plans, gradient: Array, s: Array, steps: Array, *, xp: Namespace) -> Array:
    """Mask (k, lengths) of the step that lowers F = −⟨r, f⟩ + ⟨c, log Pᵀ1⟩ most; none if none does.

    Length one where the gain is at rounding level. Longer ones pay where an entry has to vanish,
    since F then falls like an exponential.
    """
    sums = xp.exp(steps) @ plans.plan
    change = xp.sum(plans.c[:, None, :] * xp.log(sums / plans.c[:, None, :]), axis=2)
    change = change - xp.sum(plans.r[:, None, :] * steps, axis=2)
    noise = 64.0 * eps(s, xp=xp) * (1.0 + xp.max(xp.abs(steps), axis=(1, 2)))
    safe = xp.sum(gradient * s, axis=1) <= noise
    index = xp.arange(len(LENGTHS), dtype=xp.int64, device=device_of(s))[None, :]
    best = xp.where(safe, xp.full_like(xp.argmin(change, axis=1), UNIT), xp.argmin(change, axis=1))
    lowers = safe | (xp.min(change, axis=1) < 0.0)
    return (index == best[:, None]) & lowers[:, None]


def _moved(plans: Plans, s: Array, *, xp: Namespace) -> Plans:
    """Add t s to f, and give the columns their sums again; no exponentials of the plan."""
    plan = plans.plan * xp.exp(s)[:, :, None]
    scale = plans.c / xp.sum(plan, axis=1)
    shift = xp.log(scale)
    t = plans.t[:, None]
    return plans._replace(
        plan=plan * scale[:, None, :],
        f=plans.f + t * s,
        g=plans.g + t * shift,
        drift=plans.drift + xp.max(xp.abs(s), axis=1) + xp.max(xp.abs(shift), axis=1),
    )


def _cooled(plans: Plans, mask: Array, *, xp: Namespace) -> Plans:
    """Go to the next temperature where `mask`, with f extrapolated in t."""
    colder = xp.maximum(plans.t / COOLING, plans.end)
    known = mask & (plans.last_t > plans.t)
    gap = xp.where(known, plans.last_t - plans.t, xp.ones_like(plans.t))
    slope = xp.where(known, (plans.t - colder) / gap, xp.zeros_like(gap))
    return plans._replace(
        f=plans.f + slope[:, None] * (plans.f - plans.last_f),
        t=xp.where(mask, colder, plans.t),
        last_f=xp.where(mask[:, None], plans.f, plans.last_f),
        last_t=xp.where(mask, plans.t, plans.last_t),
        best=xp.where(mask, xp.full_like(plans.best, inf), plans.best),
        waited=xp.where(mask, xp.zeros_like(plans.waited), plans.waited),
    )


def _renewed(plans: Plans, cooled: Array, stale: Array, *, xp: Namespace) -> Plans:
    """Compute some plans anew, those of `cooled` at the next temperature; they come first."""
    part = _taken(plans, _places(stale, like=plans.t, xp=xp), xp=xp)
    part = _refreshed(_cooled(part, from_host(cooled[stale], like=part.t, xp=xp), xp=xp), xp=xp)
    if stale.all():
        return part
    rest = _taken(plans, _places(~stale, like=plans.t, xp=xp), xp=xp)
    return Plans(*(xp.concat([x, y]) for x, y in zip(part, rest, strict=True)))


def _refreshed(plans: Plans, *, xp: Namespace) -> Plans:
    """Compute P from logits and potentials: columns, rows and columns exactly."""
    t = plans.t[:, None]
    z = plans.logits / t[:, :, None]
    v = xp.log(plans.c) - _log_sum(z + (plans.f / t)[:, :, None], axis=1, xp=xp)
    u = xp.log(plans.r) - _log_sum(z + v[:, None, :], axis=2, xp=xp)
    z = z + u[:, :, None]
    v = xp.log(plans.c) - _log_sum(z, axis=1, xp=xp)
    plan = xp.exp(z + v[:, None, :])
    plan = plan * (plans.c / xp.sum(plan, axis=1))[:, None, :]
    return plans._replace(plan=plan, f=t * u, g=t * v, drift=xp.zeros_like(plans.drift))


def _log_sum(z: Array, *, axis: int, xp: Namespace) -> Array:
    """Logarithm of the sum of exponentials, none of which overflows."""
    top = xp.max(z, axis=axis, keepdims=True)
    return xp.log(xp.sum(xp.exp(z - top), axis=axis)) + xp.squeeze(top, axis=axis)


def _places(mask: Array, *, like: Array, xp: Namespace) -> Array:
    """Find the indices where a host mask is true."""
    return from_host(mask.nonzero()[0], like=like, xp=xp, dtype=xp.int64)


def _taken(plans: Plans, which: Array, *, xp: Namespace) -> Plans:
    """Take some matrices of a batch."""
    return Plans(*(xp.take(x, which, axis=0) for x in plans))


def _whole(plans: Plans, done: list[Plans], *, xp: Namespace) -> Whole:
    """Potentials and plans of all, in the order of the batch."""
    parts = [*done, plans]
    order = xp.argsort(xp.concat([part.number for part in parts]))
    f, g, plan = (
        xp.take(xp.concat([getattr(part, name) for part in parts]), order, axis=0)
        for name in ("f", "g", "plan")
    )
    return Whole(f, g, plan)
