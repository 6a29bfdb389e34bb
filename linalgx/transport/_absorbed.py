"""Sinkhorn's iteration in scaling form, with potentials absorbed before anything overflows.

Legend: K_ij = exp((f_i + g_j − C_ij)/ε) with the absorbed potentials f, g; the plan is
diag(u) K diag(v). After a column step its columns are exact and its rows are u·(Kv).
"""

from dataclasses import dataclass
from math import inf

from linalgx.backend import host_float
from linalgx.transport._passes import column_softmin, plan_rows, row_softmin
from linalgx.transport._problem import Problem
from linalgx.typing import Array, Namespace

NEAR = {"double": 1e60, "single": 1e12}
"""Scalings that let no entry matter that has underflowed."""
BOUNDS = {"double": 1e80, "single": 1e12}
"""Scalings with a mean beyond these, or such products of them with K, are absorbed."""


@dataclass(slots=True)
class Absorbed:
    """The state of the iteration; made from potentials whose columns are exact.

    Potentials have the dtype of the problem, K, the scalings and a, b that of the cost: a digit
    lost of f is one of f/ε, a digit lost of u is one of u.
    """

    problem: Problem
    f: Array
    g: Array
    k: Array
    u: Array
    v: Array
    kv: Array
    a: Array
    b: Array

    @classmethod
    def start(cls, problem: Problem, g: Array) -> "Absorbed":
        """Begin with one exact row and one exact column step, so that no row underflows."""
        xp = problem.xp
        f, g = exact_steps(problem, g)
        k = plan_rows(problem.cost.block(0, problem.shape[-2]), f, g, problem.epsilon, xp=xp)
        a, b = (xp.astype(x, k.dtype, copy=False) for x in (problem.a, problem.b))
        return cls(problem, f, g, k, xp.ones_like(a), xp.ones_like(b), xp.sum(k, axis=-1), a, b)

    @classmethod
    def near(cls, problem: Problem, f: Array | None, g: Array) -> "Absorbed":
        """Begin from potentials that are expected to be good: one pass instead of three.

        Falls back to exact steps where a row or column of the plan is far from its mass.
        """
        if f is None:
            return cls.start(problem, g)
        xp = problem.xp
        k = plan_rows(problem.cost.block(0, problem.shape[-2]), f, g, problem.epsilon, xp=xp)
        a, b = (xp.astype(x, k.dtype, copy=False) for x in (problem.a, problem.b))
        u = a / xp.sum(k, axis=-1)
        v = b / (u @ k)
        both = xp.concat([u, v])
        far = xp.maximum(xp.max(both), 1.0 / xp.min(both))
        if not host_float(far) < NEAR["single" if xp.finfo(u.dtype).bits == 32 else "double"]:
            return cls.start(problem, g)
        return cls(problem, f, g, k, u, v, k @ v, a, b)

    def error(self) -> Array:
        """Return the L1 error of the rows; the columns are exact."""
        return self.problem.xp.sum(self.problem.xp.abs(self.u * self.kv - self.a))

    def sweep(self, count: int = 1) -> None:
        """Make the rows exact, then the columns; several times with one look at the scalings."""
        u, v, uk, kv = self.u, self.v, self.v, self.kv
        for _ in range(count):
            u = self.a / kv
            uk = u @ self.k
            v = self.b / uk
            kv = self.k @ v
        if self.take(u, v, uk, kv):
            return
        for _ in range(count if count > 1 else 0):  # from where we were, absorbing in time
            self.sweep()
        if count == 1:
            self.sweep_logarithms()

    def take(self, u: Array, v: Array, uk: Array, kv: Array) -> bool:
        """Take new scalings, absorbed where they are extreme; false where they have overflown.

        Tiny entries of u show as large ones of K v, those of v in uᵀK.
        """
        single = self.problem.xp.finfo(u.dtype).bits == 32
        size = host_float(u @ self.a + v @ self.b + uk @ self.b + kv @ self.a)
        if not size < inf:
            return False
        self.u, self.v, self.kv = u, v, kv
        if size > BOUNDS["single" if single else "double"]:
            self._absorb(*self.potentials())
        return True

    def sweep_logarithms(self) -> None:
        """Make the same step as `sweep`, out of reach of any overflow."""
        self._absorb(*exact_steps(self.problem, self.potentials()[1]))

    def potentials(self) -> tuple[Array, Array]:
        """Return the potentials with the scalings put into them."""
        xp, e = self.problem.xp, self.problem.epsilon
        u, v = (xp.astype(x, self.f.dtype, copy=False) for x in (self.u, self.v))
        return self.f + e * xp.log(u), self.g + e * xp.log(v)

    def plan(self) -> Array:
        """Return diag(u) K diag(v), in a new array."""
        return self.u[:, None] * self.k * self.v[None, :]

    def _absorb(self, f: Array, g: Array) -> None:
        problem, xp = self.problem, self.problem.xp
        self.f, self.g = f, g
        block = problem.cost.block(0, problem.shape[-2])
        self.k = plan_rows(block, f, g, problem.epsilon, xp=xp)
        self.u, self.v = xp.ones_like(self.a), xp.ones_like(self.b)
        self.kv = xp.sum(self.k, axis=-1)


def exact_steps(problem: Problem, g: Array) -> tuple[Array, Array]:
    """Make the rows exact, then the columns, in the log domain."""
    xp, e = problem.xp, problem.epsilon
    f = e * log_mass(problem.a, xp=xp) + row_softmin(problem.cost, g, e, xp=xp)
    return f, e * log_mass(problem.b, xp=xp) + column_softmin(problem.cost, f, e, xp=xp)


def log_mass(a: Array, *, xp: Namespace) -> Array:
    """Return log a, −∞ for bins without mass, without a warning."""
    held = a > 0
    return xp.where(held, xp.log(xp.where(held, a, xp.ones_like(a))), xp.full_like(a, -inf))
