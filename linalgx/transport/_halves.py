"""Half-steps of Sinkhorn's iteration, to be taken by more or less than their full length.

Legend: P the plan, r = P1, c = Pᵀ1; t = log(r/a) or log(c/b), the excess of a half-step, which is
to subtract t; for the potentials that is −ε t.
"""

from typing import Protocol

from linalgx.transport._absorbed import Absorbed, exact_steps
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import column_softmin, row_softmin
from linalgx.transport._problem import Problem
from linalgx.typing import Array


class Halves(Protocol):
    """A plan whose rows and columns are moved in turn."""

    def rows(self) -> Array:
        """Return log(r/a)."""

    def move_rows(self, step: Array) -> None:
        """Multiply the rows by exp(step)."""

    def columns(self) -> Array:
        """Return log(c/b); to be asked after the rows have moved."""

    def move_columns(self, step: Array) -> None:
        """Multiply the columns by exp(step); to be called after `columns`."""

    def potentials(self) -> tuple[Array, Array]:
        """Return f and g."""


class StoredHalves:
    """By products with a matrix, of a cost that is stored."""

    __slots__ = ("_state", "_u", "_uk", "_xp")

    def __init__(self, problem: Problem, g: Array) -> None:
        self._xp = problem.xp
        self._state = Absorbed.start(problem, g)
        self._u = self._uk = self._state.u

    def rows(self) -> Array:
        """Return log(r/a)."""
        state = self._state
        return self._wide(self._xp.log(state.u * state.kv / state.a))

    def move_rows(self, step: Array) -> None:
        """Multiply the rows by exp(step)."""
        self._u = self._state.u * self._narrow(self._xp.exp(step))

    def columns(self) -> Array:
        """Return log(c/b)."""
        state = self._state
        self._uk = self._u @ state.k
        return self._wide(self._xp.log(state.v * self._uk / state.b))

    def move_columns(self, step: Array) -> None:
        """Multiply the columns by exp(step); where that overflows, take a plain step instead."""
        state = self._state
        v = state.v * self._narrow(self._xp.exp(step))
        if not state.take(self._u, v, self._uk, state.k @ v):
            state.sweep_logarithms()

    def potentials(self) -> tuple[Array, Array]:
        """Return f and g."""
        return self._state.potentials()

    def _wide(self, x: Array) -> Array:
        """Give the dtype of the potentials."""
        return self._xp.astype(x, self._state.f.dtype, copy=False)

    def _narrow(self, x: Array) -> Array:
        """Give the dtype of the scalings."""
        return self._xp.astype(x, self._state.u.dtype, copy=False)


class LazyHalves:
    """By soft minima, of a cost whose entries are computed."""

    __slots__ = ("_f", "_g", "_logs", "_problem")

    def __init__(self, problem: Problem, g: Array) -> None:
        xp, e = problem.xp, problem.epsilon
        self._problem = problem
        self._f, self._g = exact_steps(problem, g)
        self._logs = e * xp.log(problem.a), e * xp.log(problem.b)

    def rows(self) -> Array:
        """Return log(r/a)."""
        e = self._problem.epsilon
        plain = self._logs[0] + row_softmin(self._problem.cost, self._g, e, xp=self._problem.xp)
        return (self._f - plain) / e

    def move_rows(self, step: Array) -> None:
        """Multiply the rows by exp(step)."""
        self._f = self._f + self._problem.epsilon * step

    def columns(self) -> Array:
        """Return log(c/b)."""
        e = self._problem.epsilon
        plain = self._logs[1] + column_softmin(self._problem.cost, self._f, e, xp=self._problem.xp)
        return (self._g - plain) / e

    def move_columns(self, step: Array) -> None:
        """Multiply the columns by exp(step)."""
        self._g = self._g + self._problem.epsilon * step

    def potentials(self) -> tuple[Array, Array]:
        """Return f and g."""
        return self._f, self._g


def halves(problem: Problem, g: Array) -> Halves:
    """Begin with exact rows, then exact columns."""
    kind = StoredHalves if isinstance(problem.cost, DenseCost) else LazyHalves
    return kind(problem, g)
