"""When a block iteration goes on: tolerance, limit, observer, and the guard of multiplicities.

Legend: k = rank, b = columns of a block, l = columns of the basis so far.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite, log
from typing import Any

from linalgx._core.iterate import notify
from linalgx.errors import LinAlgError
from linalgx.results import Status
from linalgx.typing import Array, Callback

QUIET_STEPS = 3
"""Steps from a fresh block that must find nothing new before the guard is satisfied."""

USUAL_RTOL = 1e-3
"""Residual after which one more step makes singular values accurate to 1e-7 as a rule.

Errors of values are of the order of its square, in any precision, and a step divides the residual
by 10 in slow cases. A larger number of digits is cheap only where the spectrum decays fast.
"""

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
    room : float
        Most columns of the basis.
    steps : float
        Most blocks after the first one.
    guarded : bool
        Whether copies of multiple values may be missing, since blocks are smaller than the rank.
    show : callable
        Makes what the observer sees of the values.
    polish : bool
        Whether one more step follows when the tolerance is met.
    exact : float
        Residual relative to the smallest value that needs no such step.
    """

    rtol: float
    room: float
    steps: float
    guarded: bool
    callback: Callback | None
    show: Callable[[Any], Array]
    polish: bool = False
    polished: bool = False
    exact: float = 0.0
    history: list[float] = field(default_factory=list)
    status: Status | None = None
    quiet: int = 0
    known: Any = None

    def look(
        self, values: Any, residual: float, count: int, space: int, *, ready: bool = True
    ) -> bool:
        """Record a step; true when the run ends. `values` are on the host, in order of size."""
        if not isfinite(residual):
            raise LinAlgError("a product with a has NaN or infinite entries")
        self.history.append(residual)
        step = len(self.history) - 1
        # Without a tolerance all steps are made.
        met = ready and residual <= self.rtol and (self.rtol < inf or step >= self.steps)
        if self.callback is not None and notify(self.callback, step, self.show(values), residual):
            self.status = Status.STOPPED
        elif met and not self._goes_on(values, residual):
            self.status = Status.CONVERGED
        elif count >= space:
            # The basis is complete: what is left is rounding, and nothing is missing.
            self.status = Status.CONVERGED if residual <= self.rtol else Status.STAGNATED
        elif step >= self.steps or count >= self.room:
            # Only the search for copies, or a better accuracy than was asked for, is cut short.
            self.status = Status.CONVERGED if met and not self.guarded else Status.MAXITER
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
        return self.quiet == 1 and not self.polished

    def _goes_on(self, values: Any, residual: float) -> bool:
        """Whether a run that meets the tolerance is to be polished, or copies may be missing.

        A fresh chain starts when the known values have converged, and again when such a chain has
        found more.
        """
        values = abs(values)
        top, low = float(values.max(initial=0.0)), float(values.min(initial=inf))
        least = max(self.rtol * self.rtol, 1e-9) * top
        new = self.known is None or bool((values - self.known > least).any())
        if new and self.polish and not self.polished and residual * top > self.exact * low:
            self.polished = True
            return True
        self.quiet = 1 if new else self.quiet + 1
        self.known, self.polished = values, False
        return self.guarded and self.quiet <= QUIET_STEPS


def default_room(rank: int, block: int, rtol: float) -> int:
    """Columns of the basis: blocks of a few times the rank, more for a strict tolerance."""
    factor = max(1.0, log(max(rtol, 1e-17)) / log(USUAL_RTOL)) if rtol < 1.0 else 1.0
    room = factor * max(8 * rank, rank + 100)
    return int(2 * room if block < rank else room)
