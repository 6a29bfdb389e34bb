"""The options of truncated decompositions, checked, and what they mean for one matrix."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx.backend import eps, from_host
from linalgx.errors import ConvergenceWarning, warn
from linalgx.randomized._blocks import padded
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import USUAL_RTOL, VALUE_RTOL, Steering, default_room
from linalgx.results import Result, Status
from linalgx.typing import Array, Callback

BLOCK = 16
"""Columns of a block where the rank is not known."""

FEW = 8
"""Columns that are not worth being split into two blocks."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; ``None`` stands for a default."""

    run: Any
    rank: int | None
    rtol: float | None
    block_size: int | None
    oversample: int | None
    passes: int | None
    maxiter: int | None
    callback: Callback | None

    def fitting(self, shape: tuple[int, int], batch: tuple[int, ...]) -> "Options":
        """Check the rank against the shape, and that ranks of a batch agree."""
        least, most = min(1, *shape), min(shape)
        if self.rank is None and batch:
            raise ValueError(
                f"rtol without a rank needs one matrix, since ranks may differ, got a batch of "
                f"shape {batch}"
            )
        if self.rank is not None and not least <= self.rank <= most:
            raise ValueError(
                f"rank must lie in [{least}, {most}] for a of shape {shape}, got {self.rank}"
            )
        return self

    def columns(self, shape: tuple[int, int], oversample: int) -> int:
        """Columns of a method that has one block, at most all."""
        more = oversample if self.oversample is None else self.oversample
        return min((self.rank or 0) + more, *shape)

    def block(self, op: Operand) -> int:
        """Columns of each of several blocks.

        Half of the rank needs fewer products, and more of them, which sparse matrices do not mind.
        """
        if self.block_size is not None:
            return min(self.block_size, *op.shape)
        if self.rank is None:
            return min(BLOCK, *op.shape)
        whole = self.columns(op.shape, 0)
        return (whole + 1) // 2 if op.is_sparse and whole >= FEW else whole

    def steps(self, per_step: int, before: int) -> float:
        """Most blocks after the first one, by the limits that were given."""
        by_passes = inf if self.passes is None else max(0, (self.passes - before) // per_step)
        return min(by_passes, inf if self.maxiter is None else self.maxiter)

    def krylov_steering(self, op: Operand, *, steps: float, block: int) -> Steering:
        """Make what steers a Krylov method, by the errors of the values if nothing is asked."""
        rtol = USUAL_RTOL if self.rtol is None else self.rtol
        steering = self.steering(op, rtol=rtol, steps=steps, block=block)
        if self.rtol is None:
            steering.unit = eps(op.like, xp=op.xp)
            steering.value_rtol = max(VALUE_RTOL, 10.0 * steering.unit)
        return steering

    def steering(self, op: Operand, *, rtol: float, steps: float, block: int = 0) -> Steering:
        """Make what steers an iteration; `block` is zero where the basis does not grow."""
        rank, n = self.rank, min(op.shape)
        room, smaller = inf, 0
        if rank is not None and block:
            smaller = block if block < min(rank, n) else 0
            if steps == inf:
                room = default_room(rank, block, rtol)

        def show(values: Any) -> Array:
            shown = from_host(values, like=op.like, xp=op.xp)
            return op.unscaled(padded(shown, rank or 0, xp=op.xp))

        return Steering(rtol, room, steps, smaller, self.callback, show)


def admit_options(
    rank: int | None,
    rtol: float | None,
    method: str,
    methods: Mapping[str, Any],
    block_size: int | None,
    oversample: int | None,
    passes: int | None,
    maxiter: int | None,
    callback: Callback | None,
) -> Options:
    """Check all options for which no matrix is needed."""

    def integer(value: Any, name: str, least: int) -> int | None:
        return None if value is None else admit_integer(value, name, least)

    run = choose(method, methods, "method")
    return Options(
        run,
        integer(rank, "rank", 0),
        None if rtol is None else admit_real(rtol, "rtol"),
        integer(block_size, "block_size", 1),
        integer(oversample, "oversample", 0),
        integer(passes, "passes", 2),
        integer(maxiter, "maxiter", 0),
        callback,
    )


def warn_unless_converged(result: Result) -> None:
    """Say what was missed, once for a batch."""
    if result.status in (Status.CONVERGED, Status.STOPPED):
        return
    missed = "copies of multiple values may be missing, or the residual is above the tolerance"
    warn(
        f"stopped at a limit with the residual {result.residual:.1e}: {missed}; a larger rtol, "
        f"maxiter or block_size helps, or a rank at a gap of the spectrum",
        ConvergenceWarning,
    )
