"""What Newton steps of the extensions share: a plan with scalings beside it.

Legend: P = diag(u) K diag(v), K the plan of given potentials, stored or computed for each product.
"""

from typing import Any

from linalgx.backend import eps, is_array
from linalgx.transport._costs import DenseCost
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._passes import plan_rows
from linalgx.transport._problem import Problem
from linalgx.transport._whole import lazy_plan
from linalgx.typing import Array

CG_CAP = 3000
LONGEST = 30.0
"""Largest change of a potential in one Newton step, in units of ε."""


class ScaledPlan:
    """A plan that is rescaled and never written to."""

    __slots__ = ("_adjoint", "k", "u", "v", "xp")

    def __init__(self, problem: Problem, f: Array, g: Array) -> None:
        xp, n = problem.xp, problem.shape[0]
        self.xp = xp
        self.u, self.v = xp.ones_like(f), xp.ones_like(g)
        self.k: Any
        if isinstance(problem.cost, DenseCost):
            self.k = plan_rows(problem.cost.block(0, n), f, g, problem.epsilon, xp=xp)
            self.k = xp.astype(self.k, f.dtype, copy=False)
            self._adjoint: Any = self.k.mT
        else:
            self.k = lazy_plan(problem, f, g)
            self._adjoint = self.k.adjoint

    def times(self, y: Array) -> Array:
        """Return P y."""
        return self.u * (self.k @ (self.v * y))

    def transposed(self, x: Array) -> Array:
        """Return Pᵀ x."""
        return self.v * (self._adjoint @ (self.u * x))

    def rescale(self, u: Array, v: Array) -> None:
        """Replace P by diag(u) P diag(v)."""
        self.u, self.v = self.u * u, self.v * v

    def square(self, h: Array) -> Array:
        """Return Σ_j P_ij² h_j, zero where the plan is not stored."""
        if not is_array(self.k):
            return self.xp.zeros_like(self.u)
        # Factor by factor: v² alone may overflow.
        part = self.u[:, None] * self.k * (self.v * self.xp.sqrt(h))[None, :]
        return self.xp.sum(part * part, axis=1)

    def direction(self, d: Array, h: Array, rhs: Array, tolerance: float) -> Array:
        """Solve (diag(d) − P diag(h) Pᵀ) x = rhs by conjugate gradients with its diagonal."""
        xp = self.xp
        diagonal = xp.maximum(d - self.square(h), 64 * eps(d, xp=xp) * d)

        def apply(x: Array) -> Array:
            return d * x - self.times(h * self.transposed(x))

        return conjugate_gradients(apply, rhs, diagonal, tolerance, CG_CAP, xp=xp)[0]
