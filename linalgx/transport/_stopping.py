"""When a method stops, and who is told.

Legend: e_k = relative L1 error of the marginals after k iterations.
"""

from dataclasses import dataclass, field, replace
from math import inf

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.iterate import notify
from linalgx.results import IterationState, Status
from linalgx.transport._run import Run
from linalgx.typing import Array, Callback

DEFAULT_POWER = 0.575
"""The default tolerance is eps to this power: 1e-9 in 64 bits, 1e-4 in 32."""
AIM = 0.9
"""Share of the tolerance that methods aim at: the last word is with an error computed anew, whose
rounding is another."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """The options `rtol`, `maxiter` and `callback`.

    Attributes
    ----------
    rtol : float
        Largest relative L1 error of the marginals.
    maxiter : int or None
        Most iterations; ``None`` leaves the limit to the method.
    callback : callable or None
        Receives an `IterationState` with f as ``x``.
    """

    rtol: float
    maxiter: int | None = None
    callback: Callback | None = None

    @classmethod
    def admit(
        cls, rtol: float | None, maxiter: int | None, callback: Callback | None, unit: float
    ) -> "Stopping":
        """Check the options of a public function; `unit` is eps of the arrays."""
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable, got {callback!r}")
        return cls(
            unit**DEFAULT_POWER if rtol is None else admit_real(rtol, "rtol"),
            None if maxiter is None else admit_integer(maxiter, "maxiter", 0),
            callback,
        )

    def after(self, done: int) -> "Stopping":
        """Return what is left after some iterations; the observer goes on counting."""
        left = None if self.maxiter is None else max(self.maxiter - done, 0)
        return replace(self.counted(done), maxiter=left)

    def counted(self, done: int) -> "Stopping":
        """Let the observer go on counting; it does not see the start of a later method."""
        callback = self.callback
        if callback is None or done == 0:
            return self

        def shown(state: IterationState) -> None:
            if state.k > 0:
                callback(replace(state, k=state.k + done))

        return replace(self, callback=shown)


@dataclass(slots=True)
class Monitor:
    """Collects the errors and says when to stop; the first one is for k = 0."""

    stopping: Stopping
    limit: int  # of the method, where the caller has set none
    history: list[float] = field(default_factory=list)
    iterations: int = 0

    @property
    def left(self) -> int:
        """Iterations that are still allowed."""
        most = self.limit if self.stopping.maxiter is None else self.stopping.maxiter
        return most - self.iterations

    def step(self, error: float, f: Array, after: int = 1) -> Status | None:
        """Note the error after some more iterations; the status to stop with, or ``None``."""
        self.iterations += after if self.history else 0
        self.history.append(error)
        if notify(self.stopping.callback, self.iterations, f, error):
            return Status.STOPPED
        if error <= AIM * self.stopping.rtol:
            return Status.CONVERGED
        if not error < inf:
            return Status.BREAKDOWN
        return Status.MAXITER if self.left <= 0 else None

    def note(self, error: float, f: Array, rtol: float = -inf) -> Status | None:
        """Note an error that ends the run as converged only when it is at most `rtol`, too."""
        status = self.step(error, f)
        return None if status is Status.CONVERGED and not error <= rtol else status

    def run(self, f: Array, g: Array, status: Status, method: str, path: tuple[float, ...]) -> Run:
        """Name what the method hands over."""
        return Run(f, g, status, self.iterations, tuple(self.history), method, path)
