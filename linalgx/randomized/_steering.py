"""When a block iteration goes on: tolerance, limit, observer, and the guard of multiplicities.

Legend: k = rank, b = columns of a block, l = columns of the basis so far; s_j the values, r_j the
norms of their gaps, by decreasing size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, log
from typing import Any

from linalgx._core.iterate import notify
from linalgx.errors import LinAlgError
from linalgx.results import Status
from linalgx.typing import Array, Callback

QUIET_STEPS = 3
"""Steps from a fresh block that must find nothing new before the guard is satisfied."""

VALUE_RTOL = 1e-6
"""Relative error of the values, as predicted, that ends a run without a tolerance."""

LEAST_STEPS = 3
"""Steps before that: where one is too many, it turns six digits into all of them."""

USUAL_RTOL = 1e-3
"""Residual that goes with it as a rule: errors of values are of the order of its square."""

CROWDED = 0.9
"""Ratio of values that are taken for copies of one, or nearly so."""

SUBSPACE_STEPS = 2
"""Steps of subspace iteration without a tolerance, after the first one, each with A and Aᴴ."""

TOLERANT_STEPS = 100
"""Most of them with a tolerance."""


@dataclass(slots=True)
class Steering:
    """State of one run.

    Attributes
    ----------
    rtol : float
        Largest residual, relative to the largest value, that counts as converged.
    value_rtol : float, optional
        Largest predicted error of the values that does so instead; `unit` in the first steps.
    room : float
        Most columns of the basis.
    steps : float
        Most blocks after the first one.
    block : int
        Columns of a block where that is less than the rank, so that copies of multiple values may
        be missing; zero where it is not.
    show : callable
        Makes what the observer sees of the values.
    """

    rtol: float
    room: float
    steps: float
    block: int
    callback: Callback | None
    show: Callable[[Any], Array]
    value_rtol: float | None = None
    unit: float = 0.0
    errors: Sequence[float] = ()
    polishing: bool = False
    history: list[float] = field(default_factory=list)
    status: Status | None = None
    quiet: int = 0
    known: Any = None

    def look(
        self,
        values: Any,
        residual: float,
        count: int,
        space: int,
        *,
        ready: bool = True,
        errors: Sequence[float] = (),
    ) -> bool:
        """Record a step; true when the run ends. `values` are on the host, in order of size."""
        if not isfinite(residual):
            raise LinAlgError("a product with a has NaN or infinite entries")
        self.history.append(residual)
        step = len(self.history) - 1
        if self.value_rtol is None:
            small = residual <= self.rtol
        else:
            self.errors = errors
            worst = max(errors, default=0.0)
            self.polishing = worst <= self.value_rtol and step < LEAST_STEPS
            small = worst <= (self.unit if self.polishing else self.value_rtol)
        # Without a tolerance all steps are made.
        met = ready and small and (self.rtol < inf or step >= self.steps)
        if self.callback is not None and notify(self.callback, step, self.show(values), residual):
            self.status = Status.STOPPED
        elif met and not self._goes_on(values):
            self.status = Status.CONVERGED
        elif count >= space:
            # The basis is complete: what is left is rounding, and nothing is missing.
            self.status = Status.CONVERGED if small or residual <= self.rtol else Status.STAGNATED
        elif step >= self.steps or count >= self.room:
            # A search for copies that is cut short is a failure, more digits than promised are not.
            done = ready and self.polishing and not self._crowded(abs(values))
            self.status = Status.CONVERGED if done else Status.MAXITER
        elif not met and self.known is not None:
            self.quiet = max(self.quiet, 2)  # the fresh chain goes on
        return self.status is not None

    @property
    def ending(self) -> Status:
        """How the run ended."""
        return Status.BREAKDOWN if self.status is None else self.status

    @property
    def wants_fresh(self) -> bool:
        """Whether the next block is to be drawn."""
        return self.quiet == 1

    def _goes_on(self, values: Any) -> bool:
        """Whether copies may be missing from values that have converged.

        A fresh chain starts when the known values have converged, and again when such a chain has
        found more.
        """
        values = abs(values)
        if not self._crowded(values):
            return False
        least = max(self.rtol * self.rtol, 1e-9) * float(values.max(initial=0.0))
        new = self.known is None or bool((values - self.known > least).any())
        self.quiet = 1 if new else self.quiet + 1
        self.known = values
        return self.quiet <= QUIET_STEPS

    def open_from(self, norms: Any, rank: int, top: float) -> int:
        """Return the first gap that takes part in the next block.

        Those before it have converged, and late blocks become smaller without them.
        """
        if self.polishing:
            return 0
        if self.value_rtol is None:
            closed = (norms[:rank] <= 0.1 * self.rtol * top).tolist()
        else:
            closed = [error <= 0.5 * self.value_rtol for error in self.errors]
        return closed.index(False) if False in closed else min(rank, len(norms) - 1)

    def _crowded(self, values: Any) -> bool:
        """Whether as many values lie together as a block has columns.

        A space that starts from b vectors holds b copies of a multiple value: with fewer copies
        in sight, none is missing.
        """
        if not self.block:
            return False
        first, last = values[: len(values) - self.block + 1], values[self.block - 1 :]
        return self.known is not None or bool((last >= CROWDED * first).any())


def value_errors(
    values: Any, norms: Any, rank: int, unit: float, *, hermitian: bool = False
) -> list[float]:
    """Predict the relative errors of the first values from their gaps.

    s_j is off by r_j at most, and by r_j²/2 (s_j² − μ²) relatively, where μ is the largest value
    of what the space leaves out, for which s_2k stands: the residual bound of Rayleigh quotients,
    with a guess for the gap of the spectrum. Eigenvalues: r_j²/|w_j| (|w_j| − μ). Gaps of rounding
    size count as closed. Errors that weigh more in the Frobenius error, in units of what is left
    out, count for that. Missing values are unknown.
    """
    sizes, gaps = abs(values).astype(float), norms.astype(float).tolist()
    if len(sizes) < rank:
        return [inf]
    beyond = float(sizes[min(2 * rank, len(sizes)) - 1])
    rest, closed = float((sizes[rank:] ** 2).sum()), 100.0 * unit * float(sizes.max(initial=0.0))
    found = []
    for size, gap in zip(sizes[:rank].tolist(), gaps, strict=False):
        error = 0.0
        if not gap <= closed:  # NaN stays
            apart = size * (size - beyond) if hermitian else 2.0 * (size * size - beyond * beyond)
            by_gap = gap * gap / apart if apart > 0.0 else inf
            error = min(gap / size if size > 0.0 else inf, by_gap)
            error *= max(1.0, rank * size * size / rest) if rest > 0.0 else inf
        found.append(error)
    return found


def default_room(rank: int, block: int, rtol: float) -> int:
    """Columns of the basis: blocks of a few times the rank, more for a strict tolerance."""
    factor = max(1.0, log(max(rtol, 1e-17)) / log(USUAL_RTOL)) if rtol < 1.0 else 1.0
    room = factor * max(8 * rank, rank + 100)
    return int(2 * room if block < rank else room)
