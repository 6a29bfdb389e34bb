"""What the methods with a sparsified Hessian share: points, plans with few entries, linear systems.

Legend: P = exp((f_i + g_j − C_ij)/ε), r = P1, c = Pᵀ1; D/ε = ΣP − ⟨a, f⟩/ε − ⟨b, g⟩/ε is minimized.
Steps are s = δf/ε and t = δg/ε, the gradient is (r − a, c − b), and S holds the entries of P that
were kept. The model M = [[diag(r), S], [Sᵀ, diag(c)]] keeps the whole diagonals, so that dropped
mass makes it more positive; σ is added to its diagonal where a method shifts it.
"""

from math import inf, log, sqrt
from typing import NamedTuple

import array_api_extra as xpx

from linalgx.backend import (
    csr_from_triplets,
    eps,
    find_kernel,
    host_float,
    library_name,
    safe_min,
)
from linalgx.transport._costs import DenseCost
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._passes import plan_rows
from linalgx.transport._problem import Problem
from linalgx.typing import Array, Namespace

PATIENCE = 20
"""Steps without progress that end a run."""


class Point(NamedTuple):
    """Potentials with their plan, its sums, and the L1 error of these."""

    f: Array
    g: Array
    p: Array
    r: Array
    c: Array
    error: float


class Step(NamedTuple):
    """Changes of f/ε and g/ε."""

    s: Array
    t: Array

    def times(self, length: float) -> "Step":
        """Return the step with another length."""
        return Step(length * self.s, length * self.t)

    def centred(self, problem: Problem) -> "Step":
        """Return the step without its part along (1, −1), which changes no plan."""
        xp = problem.xp
        shift = 0.5 * (xp.sum(problem.b * self.t) - xp.sum(problem.a * self.s))
        return Step(self.s + shift, self.t - shift)


def require_stored(problem: Problem, method: str) -> None:
    """Refuse costs that are not stored: the whole plan is needed."""
    if not isinstance(problem.cost, DenseCost):
        raise TypeError(
            f"method {method!r} needs a cost matrix, got {type(problem.cost).__name__}; "
            f"'mdot', 'newton' and 'sinkhorn_log' take costs that are not stored"
        )


def point(problem: Problem, f: Array, g: Array) -> Point:
    """Compute the plan of two potentials and its sums."""
    xp, a, b = problem.xp, problem.a, problem.b
    p = plan_rows(problem.cost.block(0, problem.shape[0]), f, g, problem.epsilon, xp=xp)
    r, c = xp.sum(p, axis=1, dtype=a.dtype), xp.sum(p, axis=0, dtype=b.dtype)
    error = host_float(xp.sum(xp.abs(r - a)) + xp.sum(xp.abs(c - b)))
    return Point(f, g, p, r, c, error)


def moved(problem: Problem, here: Point, step: Step) -> Point:
    """Return the point behind a step; its error is infinite where the plan might overflow."""
    xp, e = problem.xp, problem.epsilon
    reach = host_float(xp.max(xp.abs(step.s)) + xp.max(xp.abs(step.t)))
    if not reach <= -0.5 * log(safe_min(step.s, xp=xp)):
        return here._replace(error=inf)
    return point(problem, here.f + e * step.s, here.g + e * step.t)


def slope(problem: Problem, here: Point, step: Step) -> float:
    """Return the derivative of D/ε along a step."""
    xp = problem.xp
    along = xp.sum((here.r - problem.a) * step.s) + xp.sum((here.c - problem.b) * step.t)
    return host_float(along)


def change(problem: Problem, here: Point, there: Point, step: Step) -> float:
    """Return how much D/ε changes over a step; infinite where the plan might overflow."""
    if not there.error < inf:
        return inf
    xp = problem.xp
    linear = xp.sum(problem.a * step.s) + xp.sum(problem.b * step.t)
    return host_float(xp.sum(there.r - here.r) - linear)


def noise(problem: Problem) -> float:
    """Bound of the rounding errors of `change`: those of the exponents."""
    return 16 * eps(problem.cost.block(0, 1), xp=problem.xp) * (1 + problem.range / problem.epsilon)


def gradient_norm(problem: Problem, here: Point) -> float:
    """Return the 2-norm of the gradient."""
    xp = problem.xp
    total = xp.sum((here.r - problem.a) ** 2) + xp.sum((here.c - problem.b) ** 2)
    return sqrt(host_float(total))


def shift_unit(problem: Problem) -> float:
    """Factor of shifts that are published for costs of range one and potentials f, not f/ε."""
    return problem.epsilon / problem.range if problem.range > 0 else 1.0


class Model:
    """The matrix M with a shift, in compressed rows where the library has them.

    Parameters
    ----------
    problem : Problem
        Whose library and masses are used.
    here : Point
        Where P, r and c are taken.
    kept : Array
        Mask of the entries that make S.
    shift : float
        σ; added to the diagonal.
    """

    __slots__ = ("_d", "_h", "_s", "_xp")

    def __init__(self, problem: Problem, here: Point, kept: Array, shift: float) -> None:
        self._xp = xp = problem.xp
        least = eps(here.r, xp=xp)  # of its mass is left to every bin
        self._d = xp.maximum(here.r, least * problem.a) + shift
        self._h = 1.0 / (xp.maximum(here.c, least * problem.b) + shift)
        if library_name(xp) == "numpy":
            rows, columns = xp.nonzero(kept)
            values = xp.astype(here.p[rows, columns], self._h.dtype, copy=False)
            self._s = csr_from_triplets(rows, columns, values, here.p.shape, xp=xp)
        else:
            self._s = xp.where(kept, here.p, xp.zeros_like(here.p))

    def solve(self, x: Array, y: Array, tolerance: float, cap: int) -> Step:
        """Solve M (s, t) = (x, y): t is eliminated, s found by conjugate gradients.

        Factors of M take longer wherever they fill in, which they do unless the plan is a path.
        """
        xp, kept, d, h = self._xp, self._s, self._d, self._h
        diagonal = xp.maximum(d - (kept * kept) @ h, 64 * eps(d, xp=xp) * d)

        def schur(v: Array) -> Array:
            return d * v - kept @ (h * (v @ kept))

        s, _ = conjugate_gradients(schur, x - kept @ (h * y), diagonal, tolerance, cap, xp=xp)
        return Step(s, h * (y - s @ kept))


def largest(p: Array, count: int, *, xp: Namespace) -> Array:
    """Mask of the `count` largest entries; of more where equal ones are at the limit."""
    size = p.shape[0] * p.shape[1]
    if count >= size:
        return p >= 0
    place = size - count
    least = xpx.partition(xp.reshape(p, (-1,)), place, xp=xp)[place]
    return (p >= least) & (p > 0)


def by_mass(p: Array, most: float, *, xp: Namespace) -> Array:
    """Mask of the entries that are kept when each column may lose mass `most`, each row twice that.

    The smallest ones of every column go first; then the largest ones come back to rows that lost
    more (Tang and Qiu 2024). Entries equal to the least kept one are kept.
    """
    gone = p < _least_kept(p, most, axis=0, xp=xp)
    lost = xp.where(gone, p, xp.zeros_like(p))
    if bool(xp.any(xp.sum(lost, axis=1) > 2 * most)):
        gone = gone & (p < _least_kept(lost, 2 * most, axis=1, xp=xp))
    return ~gone


def _least_kept(p: Array, most: float, *, axis: int, xp: Namespace) -> Array:
    """Return the least value along an axis that stays if the smaller ones may sum up to `most`."""
    kernel = find_kernel("least_kept", xp)
    if kernel is not None:
        return kernel(p, most)[:, None] if axis else kernel(p.mT, most)[None, :]
    ordered = xp.sort(p, axis=axis)
    over = xp.cumulative_sum(ordered, axis=axis) > most
    return xp.min(xp.where(over, ordered, xp.full_like(p, inf)), axis=axis, keepdims=True)


class Patience:
    """Counts steps that bring nothing: neither a smaller error nor a smaller D."""

    __slots__ = ("_least", "best", "waited")

    def __init__(self, problem: Problem, error: float) -> None:
        self._least = noise(problem)
        self.best, self.waited = error, 0

    def ends(self, error: float, decrease: float) -> bool:
        """Whether `PATIENCE` steps have gone by without a gain above rounding."""
        if error < 0.9 * self.best or decrease > self._least:
            self.best, self.waited = min(error, self.best), 0
        else:
            self.waited += 1
        return self.waited >= PATIENCE
