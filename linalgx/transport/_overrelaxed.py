"""Over-relaxed Sinkhorn (Thibault et al., arXiv 1711.01851), its ω adapted while it runs.

Legend: r = P1, c = Pᵀ1; x = r/a or c/b, t = log x; a half-step multiplies by x^−ω instead of
1/x. Its change of the dual D = ε ΣP − ⟨a, f⟩ − ⟨b, g⟩ is −ε Σ a φ(x) with
φ(x) = x − x^(1−ω) − ω log x: where that would not decrease D, ω = 1 is taken, which always does.

The iteration is block SOR on the dual. With λ the ratio of successive errors, ω below the optimum,
σ² = (λ + ω − 1)²/(λω²) is Sinkhorn's own ratio (λ itself where ω = 1), and
ω* = 2/(1 + √(1 − σ²)). Following this relation while ω grows, as Hageman and Young do for SOR, is
our addition: the ratio of the first plain iterations alone is far from the final one.
"""

from dataclasses import dataclass
from math import sqrt

from linalgx.backend import eps, host_float
from linalgx.transport._halves import Halves, halves
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import LIMIT, errors_every, first_potential, wide_potentials
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Namespace

PLAIN = 20
"""Iterations with ω = 1 before the first estimate."""
PATIENCE = 0.5
"""Iterations between two estimates, in units of those before them, but at least `PLAIN`."""


def overrelaxed(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Alternate relaxed row and column steps; both marginals have errors."""
    problem = wide_potentials(problem)
    xp, a, b = problem.xp, problem.a, problem.b
    state = halves(problem, first_potential(problem, options))
    monitor, tuner = Monitor(stopping, LIMIT), Tuner.make(options, eps(problem.a, xp=xp))
    every = errors_every(problem)
    rows, columns = state.rows(), xp.zeros_like(b)
    status, some = None, 0
    while status is None:
        for _ in range(some):
            rows, columns = relaxed_sweep(state, rows, tuner.omega, a, b, xp=xp)
        error = host_float(_missing(rows, a, xp=xp) + _missing(columns, b, xp=xp))
        shown = a if stopping.callback is None else state.potentials()[0]
        status = monitor.step(error, shown, some)
        tuner.observe(monitor.iterations, error)
        some = min(every, monitor.left)
    return monitor.run(*state.potentials(), status, "overrelaxed", (problem.epsilon,))


def relaxed_sweep(
    state: Halves, rows: Array, omega: float, a: Array, b: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Move the rows by −ω log(r/a), then the columns; the new logarithms of both."""
    state.move_rows(-allowed(omega, rows, a, xp=xp) * rows)
    columns = state.columns()
    step = allowed(omega, columns, b, xp=xp)
    state.move_columns(-step * columns)
    return state.rows(), (1.0 - step) * columns


def allowed(omega: float, t: Array, a: Array, *, xp: Namespace) -> Array:
    """Return ω where that decreases the dual, else one: decided on the device."""
    # Close to the solution φ is of the size t², hence the differences of exponentials.
    decrease = xp.sum(a * (xp.expm1(t) - xp.expm1((1.0 - omega) * t) - omega * t))
    one = xp.ones_like(decrease)
    return xp.where(decrease >= 0.0, omega * one, one)


@dataclass(slots=True)
class Tuner:
    """Raises ω as the errors tell the rate; a given ω stays."""

    omega: float
    cap: float  # of the estimates of σ²
    begin: int = 0
    end: float = PLAIN
    middle: tuple[int, float] = (0, 0.0)

    @classmethod
    def make(cls, options: Options, unit: float) -> "Tuner":
        """Begin with the ω of the options, or with one."""
        omega = options.get("omega", "auto")
        if omega == "auto":
            return cls(1.0, 1.0 - sqrt(unit))
        return cls(omega, 1.0, end=float("inf"))

    def observe(self, k: int, error: float) -> None:
        """Note an error; at the end of a stretch its second half gives the rate."""
        if self.middle[0] <= self.begin and 2 * k >= self.begin + self.end:
            self.middle = k, error
        if k < self.end:
            return
        before, old = self.middle
        rate = (error / old) ** (1.0 / (k - before)) if k > before and old > 0.0 else 1.0
        if self.omega - 1.0 < rate < 1.0:  # otherwise ω is above the optimum, or nothing is seen
            ratio = (rate + self.omega - 1.0) ** 2 / (rate * self.omega**2)
            self.omega = max(self.omega, 2.0 / (1.0 + sqrt(1.0 - min(ratio, self.cap))))
        self.begin, self.end = k, k + max(PLAIN, int(PATIENCE * k))


def _missing(t: Array, a: Array, *, xp: Namespace) -> Array:
    """Return ‖r − a‖₁ from log(r/a)."""
    return xp.sum(a * xp.abs(xp.expm1(t)))
