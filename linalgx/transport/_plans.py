"""Plans that Newton's method works on: entries that matter in compressed rows, or all of them.

Legend: P with exact columns, Pᵀ1 = b; r = P1. The semi-dual Hessian is S = diag(d) − P diag(h) Pᵀ,
with d and 1/h slightly above r and b.

What is kept of the plan itself are the entries with P_ij > min(α_i, β_j), α_i = tol·min(1e-3/(nm),
a_i/m) and β_j likewise: what is dropped sums to less than tol/1000, and bins of tiny mass keep
their entries. The Hessian may be coarser, the more so the further away the solution is: entries
below δ·min(a_i/m, b_j/n) are left out of the product, but not of the diagonal, which dampens the
step and costs no definiteness.
"""

from typing import Any, Protocol

from linalgx.backend import device_of, find_kernel
from linalgx.transport._absorbed import Absorbed
from linalgx.transport._costs import blocks
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._problem import Problem
from linalgx.typing import Array, Namespace

MOST_ENTRIES = 2**25
"""Entries that are kept of a cost that is not stored: 400 MB."""
DENSE = 0.15
"""Plans of which more than this share matters are cheaper as a whole."""
SCATTERED = 0.25
"""Hessians with more than this share of entries are multiplied with as a whole."""


class Plan(Protocol):
    """What Newton's method asks of a plan."""

    def rows(self) -> Array:
        """Return P1."""

    def columns(self, weights: Array) -> Array:
        """Return Pᵀ times the weights."""

    def rescale(self, u: Array, v: Array) -> None:
        """Replace P by diag(u) P diag(v)."""

    def direction(
        self, d: Array, h: Array, rhs: Array, tolerance: float, cap: int, delta: float
    ) -> tuple[Array, int]:
        """Solve S x = rhs to a relative L1 residual; x and the iterations."""


class RowsPlan:
    """Entries that matter, in compressed rows, by compiled loops."""

    __slots__ = ("_floors", "_m", "_parts", "_xp")

    def __init__(self, parts: Any, problem: Problem) -> None:
        self._parts = parts
        self._m = problem.shape[1]
        self._floors = coarse_floors(problem)
        self._xp = problem.xp

    def rows(self) -> Array:
        """Return P1."""
        return _compiled("truncated_rows", self._xp)(self._parts)

    def columns(self, weights: Array) -> Array:
        """Return Pᵀ times the weights."""
        return _compiled("truncated_columns", self._xp)(self._parts, weights, self._m)

    def rescale(self, u: Array, v: Array) -> None:
        """Replace P by diag(u) P diag(v)."""
        _compiled("truncated_rescale", self._xp)(self._parts, u, v)

    def direction(
        self, d: Array, h: Array, rhs: Array, tolerance: float, cap: int, delta: float
    ) -> tuple[Array, int]:
        """Solve S x = rhs by conjugate gradients with the exact diagonal."""
        low, high = (delta * floor for floor in self._floors)
        coarse = _compiled("coarse_of_rows", self._xp)(self._parts, low, high)
        return compiled_direction(coarse, d, h, rhs, tolerance, cap, xp=self._xp)


class DensePlan:
    """All entries: a matrix K that is not written to, and scalings, P = diag(u) K diag(v)."""

    __slots__ = ("_floors", "_k", "_u", "_v", "_xp")

    def __init__(self, state: Absorbed) -> None:
        self._k, self._u, self._v = state.k, state.u, state.v
        self._xp = state.problem.xp
        self._floors = coarse_floors(state.problem)

    def rows(self) -> Array:
        """Return P1."""
        return self._u * (self._k @ self._v)

    def columns(self, weights: Array) -> Array:
        """Return Pᵀ times the weights."""
        return self._v * ((self._u * weights) @ self._k)

    def rescale(self, u: Array, v: Array) -> None:
        """Replace P by diag(u) P diag(v)."""
        self._u, self._v = self._u * u, self._v * v

    def direction(
        self, d: Array, h: Array, rhs: Array, tolerance: float, cap: int, delta: float
    ) -> tuple[Array, int]:
        """Solve S x = rhs by conjugate gradients with the exact diagonal."""
        k, u, v, xp = self._k, self._u, self._v, self._xp
        coarse = find_kernel("coarse_of_dense", xp)
        if coarse is not None:
            low, high = (delta * floor for floor in self._floors)
            parts = coarse(k, u, v, low, high, SCATTERED)
            if parts is not None:
                return compiled_direction(parts, d, h, rhs, tolerance, cap, xp=xp)
        h = h * v * v
        squared = find_kernel("squared_product", xp)
        squares = squared(k, h) if squared is not None else (k * k) @ h
        diagonal = xp.maximum(d - u * u * squares, floor_of(k, xp=xp) * d)

        def apply(x: Array) -> Array:
            return d * x - u * (k @ (h * ((u * x) @ k)))

        return conjugate_gradients(apply, rhs, diagonal, tolerance, cap, xp=xp)


def compiled_direction(
    parts: Any, d: Array, h: Array, rhs: Array, tolerance: float, cap: int, *, xp: Namespace
) -> tuple[Array, int]:
    """Solve S x = rhs with the entries of P in compressed rows."""
    floor = floor_of(d, xp=xp)
    x, done = _compiled("truncated_direction", xp)(parts, d, h, rhs, floor, tolerance, cap)
    return x, done


def floor_of(x: Array, *, xp: Namespace) -> float:
    """Return the least diagonal of S that is believed, in units of that of d."""
    return 64 * float(xp.finfo(x.dtype).eps)


def coarse_floors(problem: Problem) -> tuple[Array, Array]:
    """Return a_i/m and b_j/n."""
    n, m = problem.shape
    return problem.a / m, problem.b / n


def _compiled(name: str, xp: Namespace) -> Any:
    """Return a kernel that is known to exist: plans in rows are made only then."""
    return find_kernel(name, xp)


def choose_plan(
    problem: Problem, f: Array, g: Array, rtol: float, state: Absorbed | None
) -> Plan | None:
    """Return the plan of two potentials, or of a state, in the form that is cheaper.

    ``None`` when it would not fit, or when a bin would be left out.
    """
    xp = problem.xp
    count = find_kernel("truncated_count", xp)
    if count is None:
        return None if state is None else DensePlan(state)
    floors = _floors(problem, rtol)
    n, m = problem.shape
    starts = xp.zeros(n + 1, dtype=xp.int64, device=device_of(f))
    for i, j, block in blocks(problem.cost):
        rule = (floors[0][i:j], floors[1])
        starts[i + 1 : j + 1] = count(block, f[i:j], g, problem.epsilon, *rule)
    if bool(xp.any(starts[1:] == 0)):
        return None
    starts = xp.cumulative_sum(starts)
    entries = int(starts[-1])
    if state is not None and entries > DENSE * n * m:
        return DensePlan(state)
    if state is None and entries > MOST_ENTRIES:
        return None
    return _compressed(problem, f, g, floors, starts)


def _floors(problem: Problem, rtol: float) -> tuple[Array, Array]:
    """Logarithms of the least entries that are kept, for rows and columns."""
    xp = problem.xp
    n, m = problem.shape
    least = 1e-3 / (n * m)
    rtol = max(rtol, float(xp.finfo(problem.a.dtype).eps))
    rows = rtol * xp.minimum(xp.full_like(problem.a, least), problem.a / m)
    columns = rtol * xp.minimum(xp.full_like(problem.b, least), problem.b / n)
    return xp.log(rows), xp.log(columns)


def _compressed(
    problem: Problem, f: Array, g: Array, floors: tuple[Array, Array], starts: Array
) -> Plan | None:
    """Write the entries that are kept."""
    xp = problem.xp
    fill = _compiled("truncated_fill", xp)
    entries = int(starts[-1])
    data = xp.empty(entries, dtype=xp.float64, device=device_of(f))
    indices = xp.empty(entries, dtype=xp.int32, device=device_of(f))
    for i, j, block in blocks(problem.cost):
        rule = (floors[0][i:j], floors[1], int(starts[i]))
        fill(block, f[i:j], g, problem.epsilon, *rule, data, indices)
    plan = RowsPlan((data, indices, starts), problem)
    return plan if bool(xp.all(plan.columns(xp.ones_like(f)) > 0)) else None
