"""Transport without regularization as a linear program: errors of a pair, and its repair.

Legend: min ⟨C, P⟩ over P ≥ 0 with P1 = a, Pᵀ1 = b; potentials f, g; Z = C − f⊕g.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, NamedTuple

from linalgx.backend import eps, host_float, to_host
from linalgx.errors import LinAlgError
from linalgx.transport._costs import is_lazy
from linalgx.transport._finish import centred
from linalgx.transport._rounding import rounding_of
from linalgx.typing import Array, Namespace


def require_finite_cost(c: Any, *, check_finite: bool, xp: Namespace) -> None:
    """Refuse costs that are not stored, and those that forbid pairs."""
    if is_lazy(c):
        raise TypeError(f"cost must be an array of all costs, got {type(c).__name__}")
    if check_finite and bool(xp.any(c == inf)):
        bad = int(xp.sum(xp.astype(c == inf, xp.int64)))
        raise ValueError(f"cost must hold finite numbers, got {bad} infinite entries")


class Point(NamedTuple):
    """A plan and potentials."""

    p: Array
    f: Array
    g: Array


class Certified(NamedTuple):
    """A feasible pair and its values, on the host."""

    point: Point
    cost: float
    lower: float
    residual: float


@dataclass(slots=True)
class Program:
    """The linear program at unit scale; `start` are the potentials of the first c-transform."""

    c: Array
    a: Array
    b: Array
    start: tuple[Array, Array]
    span: float
    xp: Namespace

    @classmethod
    def of(cls, c: Array, a: Array, b: Array, *, xp: Namespace) -> "Program":
        """Start from potentials that touch every row and column, whatever is added to these."""
        f = xp.min(c, axis=1)
        g = xp.min(c - f[:, None], axis=0)
        span = host_float(xp.max(c - f[:, None] - g[None, :]))
        if not isfinite(span):
            raise LinAlgError("cost holds NaN or infinite entries, or the sum of two is infinite")
        floor = eps(c, xp=xp)  # a sum of a row and a column vector: every plan is optimal
        return cls(c, a, b, (f, g), span if span > floor else 1.0, xp)

    def reduced(self, f: Array, g: Array) -> Array:
        """Return Z = C − f⊕g."""
        return self.c - f[:, None] - g[None, :]

    def error(self, p: Array, f: Array, g: Array, z: Array) -> list[Array]:
        """Return the three KKT errors on the device."""
        xp, r, s = self.xp, self.xp.sum(p, axis=1), self.xp.sum(p, axis=0)
        primal = xp.sum(xp.abs(r - self.a)) + xp.sum(xp.abs(s - self.b))
        # ⟨C, P⟩ − ⟨a, f⟩ − ⟨b, g⟩ without the cancellation of large potentials.
        gap = xp.sum(p * z) + xp.sum((r - self.a) * f) + xp.sum((s - self.b) * g)
        return [primal, -xp.min(z) / self.span, xp.abs(gap) / self.span]

    def certified(self, point: Point) -> Certified:
        """Make a pair feasible and measure it."""
        xp = self.xp
        p = point.p
        p = rounding_of(p, xp.sum(p, axis=1), self.a, self.b, xp=xp).applied(p, xp=xp)
        f = xp.min(self.c - point.g[None, :], axis=1)
        g = xp.min(self.c - f[:, None], axis=0)
        f, g = centred(f, g, self.a, self.b, xp=xp)
        z = self.reduced(f, g)
        lower = xp.sum(self.a * f) + xp.sum(self.b * g)
        values = fetch([xp.sum(self.c * p), lower, *self.error(p, f, g, z)], xp=xp)
        return Certified(Point(p, f, g), values[0], values[1], worst(values[2:]))


def fetch(values: list[Array], *, xp: Namespace) -> list[float]:
    """Bring numbers to the host, all at once."""
    found: list[float] = to_host(xp.stack(values)).tolist()
    return found


def worst(errors: list[float]) -> float:
    """Largest of the errors; NaN wins, and a strictly feasible dual counts as zero."""
    return sum(errors) if any(e != e for e in errors) else max(0.0, *errors)
