"""When an iteration stops, and why: the same rules for every solver of the family.

Legend: r_k = b − A x_k. The target is max(rtol·‖b‖, atol), or with ‖r₀‖ in the place of ‖b‖.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, ldexp, nan

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx._core.iterate import notify
from linalgx.backend import eps, times_power_of_two, to_host
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace

CRITERIA = {"b": False, "r0": True}
"""Whether the tolerance is relative to the first residual."""

NORMS = {"2": 2, "inf": inf}

MAXITER = 10_000
DIVERGED = 1e6
"""Growth of the residual from which on a run counts as diverged."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Options of a solver that say when it stops."""

    rtol: float | None
    atol: float
    maxiter: int
    criterion: bool
    norm: float
    check_every: int
    callback: Callback | None

    @classmethod
    def admit(
        cls,
        rtol: float | None,
        atol: float,
        maxiter: int | None,
        criterion: str,
        callback: Callback | None,
        *,
        norm: str = "2",
        check_every: int = 1,
    ) -> "Stopping":
        """Check the options of a public function."""
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable, got {callback!r}")
        return cls(
            None if rtol is None else admit_real(rtol, "rtol"),
            admit_real(atol, "atol"),
            MAXITER if maxiter is None else admit_integer(maxiter, "maxiter", 0),
            choose(criterion, CRITERIA, "criterion"),
            choose(norm, NORMS, "norm"),
            admit_integer(check_every, "check_every", 1),
            callback,
        )

    def relative(self, b: Array, *, xp: Namespace) -> float:
        """Relative tolerance in the precision of `b`: 1e-8, or 1e-5 with 32 bits."""
        if self.rtol is not None:
            return self.rtol
        return 1e-8 if eps(b, xp=xp) < 1e-10 else 1e-5

    def norms(self, r: Array, *, xp: Namespace) -> list[float]:
        """Norms of the columns of a block: the one synchronisation of an iteration."""
        found: list[float] = to_host(column_norms(r, self.norm, xp=xp)).tolist()
        return found


@dataclass(slots=True)
class Monitor:
    """Follows the norms of all columns of the residual and decides.

    Attributes
    ----------
    targets : list of float
        What the norm of each column has to reach.
    exponent : int
        The system was divided by this power of two; observers and the history see it undone.
    history : list of float
        Largest norm of each iteration, in the scale of the caller.
    """

    stopping: Stopping
    targets: list[float]
    vector: bool
    exponent: int
    xp: Namespace
    first: list[float] = field(default_factory=list)
    history: list[float] = field(default_factory=list)
    k: int = -1
    x_exponent: int | None = None  # that of x, where the matrix was scaled, too

    def begin(self, norms: Sequence[float], x: Array) -> Status | None:
        """Note the first residual, k = 0; after a restart only look whether it is small."""
        if self.k >= 0:
            return Status.CONVERGED if self.met(norms) else None
        self.first = list(norms)
        if self.stopping.criterion:
            atol = times(self.stopping.atol, -self.exponent)
            self.targets = [max(self.targets[0] * norm, atol) for norm in norms]
        return self.step(norms, x)

    def step(self, norms: Sequence[float] | None, x: Array) -> Status | None:
        """Note one more iteration; without norms it was not checked. Returns why to stop."""
        self.k += 1
        worst = nan if norms is None else largest(norms)
        self.history.append(times(worst, self.exponent))
        if self._asked_to_stop(x):
            return Status.STOPPED
        if norms is not None:
            if self.met(norms):
                return Status.CONVERGED
            if not isfinite(worst) or any(
                norm > DIVERGED * max(first, target)
                for norm, first, target in zip(norms, self.first, self.targets, strict=True)
            ):
                return Status.DIVERGED
        return Status.MAXITER if self.k >= self.stopping.maxiter else None

    def met(self, norms: Sequence[float]) -> bool:
        """Whether every column has reached its target; NaN has not, nor has infinity."""
        return all(norm <= target < inf for norm, target in zip(norms, self.targets, strict=True))

    @property
    def due(self) -> bool:
        """Whether the next iteration is one whose residual is looked at."""
        k = self.k + 1
        return k % self.stopping.check_every == 0 or k >= self.stopping.maxiter

    @property
    def observed(self) -> bool:
        """Whether somebody looks at the iterates."""
        return self.stopping.callback is not None

    def _asked_to_stop(self, x: Array) -> bool:
        if self.stopping.callback is None:
            return False
        shown = x[:, 0] if self.vector else x
        exponent = self.exponent if self.x_exponent is None else self.x_exponent
        if exponent:
            shown = times_power_of_two(shown, exponent, xp=self.xp)
        return notify(self.stopping.callback, self.k, shown, self.history[-1])


def largest(values: Sequence[float]) -> float:
    """Maximum that NaN wins."""
    return nan if any(v != v for v in values) else max(values, default=0.0)


def column_norms(r: Array, kind: float, *, xp: Namespace) -> Array:
    """Norms of the columns of a block, on the device.

    A single column is handed over as a vector: along an axis CuPy gives it to one of its blocks.
    """
    if r.shape[0] == 0:
        return xp.sum(xp.abs(r), axis=0)
    if r.shape[1] == 1:
        return xp.reshape(xp.linalg.vector_norm(r[:, 0], ord=kind), (1,))
    return xp.linalg.vector_norm(r, axis=0, ord=kind)


def times(value: float, exponent: int) -> float:
    """Multiply by 2^exponent; infinity where that is too large."""
    try:
        return ldexp(value, exponent)
    except OverflowError:
        return inf
