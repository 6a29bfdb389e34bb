"""Primal-dual steps for transport as a linear program: prediction, correction, restarts.

Legend: min ⟨C, P⟩ over P ≥ 0 with A P = (P1, Pᵀ1) = (a, b); y = (f, g), Aᵀy = f⊕g, Z = C − f⊕g;
r, s the inverse primal and dual step; (P̃, ỹ) prediction, dP = P − P̃, dy = y − ỹ. ‖A‖² = n + m.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from operator import add

from linalgx.results import Status
from linalgx.transport._program import Point, Program, fetch, worst
from linalgx.transport._stopping import Monitor
from linalgx.typing import Array

RELAXATION = 1.5
"""γ, over-relaxation of the correction, below 2."""

ACCEPTED = 0.1
"""Share of r‖dP‖² + s‖dy‖² that has to be left for a prediction to count."""

GROWTH, DECAY, CLEAN = 1.5, 1.2, 10
"""Factor of r and s after a rejection; its counterpart after that many predictions that counted."""

CHECK = 8
"""Iterations from one look at the average to the next."""

SUFFICIENT, NECESSARY, LONG = 0.2, 0.8, 0.36
"""Restart when the KKT error fell by the first factor; by the second, when it rises again; or when
this share of all iterations has gone by without one."""


@dataclass(slots=True)
class _Prediction:
    """What one prediction leads to."""

    point: Point  # P̃ with the potentials that it was made from
    moved: Array  # dP + Aᵀdy/r
    df: Array
    dg: Array
    phi: float
    size: float
    length: float
    error: float
    mean_error: float


class PrimalDual:
    """The iteration; `w` is the current point, `sums` the α-weighted sum since the restart."""

    __slots__ = (
        "anchor", "best", "clean", "fixed", "last", "monitor", "previous", "program", "r",
        "rejected", "restarts", "s", "since", "sums", "w", "weight",
    )  # fmt: skip

    def __init__(self, program: Program, monitor: Monitor, fixed: bool, product: float) -> None:
        xp = program.xp
        self.program, self.monitor, self.fixed = program, monitor, fixed
        self.r = self.s = sqrt(product)
        self.w = self.anchor = self.best = Point(xp.zeros_like(program.c), *program.start)
        self.rejected = self.restarts = self.clean = 0
        self.last = self.previous = inf
        self._forget()

    def _forget(self) -> None:
        self.sums: Point | None = None
        self.weight, self.since = 0.0, 0

    def solve(self) -> Status:
        """Predict, look, correct, until the monitor ends it."""
        move: Callable[[_Prediction], None] = self._extrapolate if self.fixed else self._correct
        while True:
            found = self._predicted()
            error = self._look(found)
            status = self.monitor.step(error, self.best.p)
            if status is not None:
                return status
            if not found.size > 0.0:
                return Status.STAGNATED
            move(found)

    def _look(self, found: _Prediction) -> float:
        """Note the better one of prediction and average; believe a small error when certified."""
        mean = found.mean_error < found.error
        self.best = self._mean() if mean else found.point
        error = found.mean_error if mean else found.error
        if error <= self.monitor.stopping.rtol:
            error = max(error, self.program.certified(self.best).residual)
        return error

    def _mean(self) -> Point:
        sums = self.sums
        return self.w if sums is None else Point(*(x / self.weight for x in sums))

    def _predicted(self) -> _Prediction:
        """Return a prediction that counts; r and s grow until one does."""
        found = self._predict()
        while not self.fixed and found.phi < ACCEPTED * found.size:
            self.r, self.s = GROWTH * self.r, GROWTH * self.s
            self.rejected, self.clean = self.rejected + 1, 0
            found = self._predict()
        return found

    def _predict(self) -> _Prediction:
        """Predict, and fetch all numbers of the iteration with one transfer."""
        program, xp, (p, f, g) = self.program, self.program.xp, self.w
        z = program.reduced(f, g)
        p1 = xp.maximum(p - z / self.r, xp.zeros_like(p))
        dp = p - p1
        row, column = xp.sum(p1, axis=1), xp.sum(p1, axis=0)
        df, dg = (row - program.a) / self.s, (column - program.b) / self.s
        moved = dp + (df[:, None] + dg[None, :]) / self.r
        cross = xp.sum(xp.sum(dp, axis=1) * df) + xp.sum(xp.sum(dp, axis=0) * dg)
        numbers = [xp.sum(dp * dp), xp.sum(df * df) + xp.sum(dg * dg), cross, xp.sum(moved * moved)]
        point = Point(p1, f, g)
        numbers += program.error(*point, z)
        due = not self.fixed and self.sums is not None and self.since % CHECK == 0
        if due:
            mean = self._mean()
            numbers += program.error(*mean, program.reduced(mean.f, mean.g))
        primal, dual, crossed, length, *errors = fetch(numbers, xp=xp)
        size = self.r * primal + self.s * dual
        return _Prediction(
            point, moved, df, dg, size + crossed, size, self.r * length + self.s * dual,
            worst(errors[:3]), worst(errors[3:]) if due else inf,
        )  # fmt: skip

    def _extrapolate(self, found: _Prediction) -> None:
        """Move as Chambolle and Pock: y⁺ = y − (A(2P̃ − P) − (a, b))/s."""
        xp, (p, f, g) = self.program.xp, self.w
        p1 = found.point.p
        more = p1 - p
        f = f - found.df - xp.sum(more, axis=1) / self.s
        g = g - found.dg - xp.sum(more, axis=0) / self.s
        self.w = Point(p1, f, g)

    def _correct(self, found: _Prediction) -> None:
        """Move against M(dP, dy), or restart; adapt the steps."""
        alpha = found.phi / found.length
        t, w = RELAXATION * alpha, self.w
        self.w = Point(w.p - t * found.moved, w.f - t * found.df, w.g - t * found.dg)
        parts = Point(*(alpha * x for x in found.point))
        self.sums = parts if self.sums is None else Point(*map(add, self.sums, parts))
        self.weight, self.since, self.clean = self.weight + alpha, self.since + 1, self.clean + 1
        if self.clean == CLEAN:
            self.r, self.s, self.clean = self.r / DECAY, self.s / DECAY, 0
        if found.mean_error < inf:
            self._consider_restart(min(found.error, found.mean_error))

    def _consider_restart(self, error: float) -> None:
        """Restart from the better point when the error has fallen enough, or far too slowly."""
        rising = error <= NECESSARY * self.last and error > self.previous
        slow = self.since >= LONG * max(self.monitor.iterations, 8 * CHECK)
        if not (error <= SUFFICIENT * self.last or rising or slow):
            self.previous = error
            return
        xp, here, there = self.program.xp, self.best, self.anchor
        squares = [xp.sum((x - y) ** 2) for x, y in zip(here, there, strict=True)]
        primal, *dual = fetch(squares, xp=xp)
        if primal > 0.0 and sum(dual) > 0.0:
            # r/s becomes √(r/s · (‖Δy‖/‖ΔP‖)²); the product stays.
            factor = (sum(dual) / primal / (self.r / self.s)) ** 0.25
            self.r, self.s = self.r * factor, self.s / factor
        self.w = self.anchor = here
        self.last, self.previous = error, inf
        self.restarts += 1
        self._forget()
