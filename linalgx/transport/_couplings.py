"""The nearest pair of couplings that share a marginal, in the sense of Kullback and Leibler.

Legend: K₁ n×k, K₂ m×k, k₃ given by their logarithms; (Q, R, g) with Q1 = a, Qᵀ1 = g, R1 = b,
Rᵀ1 = g, g ≥ floor, minimizes KL(Q|K₁) + KL(R|K₂) + KL(g|k₃). With dual variables x, y of length k

    Q_ij = a_i softmax_j(log K₁ + x),  R_ij = b_i softmax_j(log K₂ + y),
    g = max(floor, k₃ e^(−x−y)),

and x, y minimize the convex Σ a LSE(log K₁ + x) + Σ b LSE(log K₂ + y) + Σ h(log k₃ − x − y), whose
gradient is (Qᵀ1 − g, Rᵀ1 − g). These are 2k unknowns, so Newton's method costs (n + m)k² a step
where Dykstra's cyclic projections, its coordinate descent, need hundreds of cheap ones.
"""

from typing import NamedTuple

from linalgx.backend import device_of, eps, solve
from linalgx.transport._program import fetch
from linalgx.typing import Array, Namespace

MAXITER = 60
BLOCK_STEPS = 2
"""Steps of coordinate descent before the first Newton step."""

LONGEST = 20.0
"""Largest change of a dual variable in one step."""


class Couplings(NamedTuple):
    """Two couplings with the second marginal g in common."""

    q: Array
    r: Array
    g: Array


class _Point(NamedTuple):
    """Dual variables, what they lead to, the dual function and the L1 norm of its gradient."""

    x: Array
    y: Array
    found: Couplings
    sums: tuple[Array, Array]
    bend: Array
    value: float
    error: float


def nearest_couplings(
    logs: Couplings, a: Array, b: Array, floor: float, *, xp: Namespace
) -> Couplings:
    """Project onto the couplings; `logs` are log K₁, log K₂ and log k₃."""
    zero = xp.zeros_like(logs.g)
    point = _at(zero, zero, logs, a, b, floor, xp=xp)
    goal = eps(a, xp=xp) ** 0.75
    for step in range(MAXITER):
        if not point.error > goal:
            break
        if step < BLOCK_STEPS:
            point = _block_step(point, logs, a, b, floor, xp=xp)
        else:
            point = _newton_step(point, logs, a, b, floor, xp=xp)
    return point.found


def _at(
    x: Array, y: Array, logs: Couplings, a: Array, b: Array, floor: float, *, xp: Namespace
) -> _Point:
    """Evaluate the dual function and its gradient."""
    one, q = _softmax(logs.q + x[None, :], a, xp=xp)
    two, r = _softmax(logs.r + y[None, :], b, xp=xp)
    z = logs.g - x - y
    raw = xp.exp(xp.minimum(z, xp.full_like(z, 80.0)))  # e^80 exists in 32 bits
    low = xp.full_like(raw, floor)
    g = xp.maximum(raw, low)
    free = raw > low
    # Where the floor holds, h is the line that touches the exponential there.
    three = xp.where(free, raw, low * (1.0 + z - xp.log(low)))
    sums = xp.sum(q, axis=0), xp.sum(r, axis=0)
    error = xp.sum(xp.abs(sums[0] - g)) + xp.sum(xp.abs(sums[1] - g))
    value, size = fetch([one + two + xp.sum(three), error], xp=xp)
    bend = xp.where(free, raw, xp.zeros_like(raw))
    return _Point(x, y, Couplings(q, r, g), sums, bend, value, size)


def _softmax(z: Array, mass: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Σ mass LSE(z) over the rows and mass times the softmax of each row."""
    top = xp.max(z, axis=1, keepdims=True)
    e = xp.exp(z - top)
    total = xp.sum(e, axis=1, keepdims=True)
    return xp.sum(mass * (top + xp.log(total))[:, 0]), e * (mass[:, None] / total)


def _block_step(
    point: _Point, logs: Couplings, a: Array, b: Array, floor: float, *, xp: Namespace
) -> _Point:
    """Minimize over x, y and g with the row factors fixed."""
    tiny = xp.full_like(point.x, xp.finfo(point.x.dtype).smallest_normal)
    one, two = (
        xp.log(xp.maximum(c, tiny)) - v for c, v in zip(point.sums, (point.x, point.y), strict=True)
    )
    g = xp.maximum((logs.g + one + two) / 3.0, xp.log(xp.full_like(one, floor)))
    return _at(g - one, g - two, logs, a, b, floor, xp=xp)


def _newton_step(
    point: _Point, logs: Couplings, a: Array, b: Array, floor: float, *, xp: Namespace
) -> _Point:
    """Newton step, shortened until the function decreases enough."""
    k = point.x.shape[0]
    g, (c, d) = point.found.g, point.sums
    slope = xp.concat([c - g, d - g])
    s = -solve(_hessian(point, a, b, xp=xp), slope[:, None], xp=xp)[:, 0]
    longest, descent = fetch([xp.max(xp.abs(s)), xp.sum(slope * s)], xp=xp)
    t = min(1.0, LONGEST / max(longest, LONGEST))
    while True:
        trial = _at(point.x + t * s[:k], point.y + t * s[k:], logs, a, b, floor, xp=xp)
        # Near the solution the function is flat to rounding, and the gradient tells more.
        if trial.error < 0.5 * point.error or t < 1e-6:
            return trial
        if trial.value <= point.value + 1e-4 * t * descent:
            return trial
        t = 0.5 * t


def _hessian(point: _Point, a: Array, b: Array, *, xp: Namespace) -> Array:
    """Hessian, made regular: it does not see shifts of x against y."""
    (q, r, _), (c, d) = point.found, point.sums
    eye = xp.eye(c.shape[0], dtype=c.dtype, device=device_of(c))
    small = 1e-3 * min(point.error, 1.0) + eps(a, xp=xp)
    bend = point.bend * eye
    first = (1.0 + small) * c * eye - q.mT @ (q / a[:, None]) + bend
    second = (1.0 + small) * d * eye - r.mT @ (r / b[:, None]) + bend
    block = xp.concat([xp.concat([first, bend], axis=1), xp.concat([bend, second], axis=1)], axis=0)
    one = xp.ones_like(point.x)
    shift = xp.concat([one, -one])
    return block + shift[:, None] * shift[None, :] / point.x.shape[0] ** 2
