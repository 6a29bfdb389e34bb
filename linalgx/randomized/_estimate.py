"""What estimators of traces and diagonals share: the result, and samples until they suffice.

Legend: n the order of A; t the value, e its error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import Any, NamedTuple, Protocol

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.scaling import extreme_exponent
from linalgx._core.together import together
from linalgx.backend import (
    as_generator,
    device_of,
    eps,
    host_float,
    is_sparse,
    quiet,
    same_draws,
    times_power_of_two,
    to_host,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.results import Result, Status
from linalgx.typing import Array, MatrixLike, Namespace, RNGLike

SAFETY = 2.0
"""Errors estimated from dependent samples tend to be low."""
START = 16
"""Products of the first estimate where a tolerance decides how many there are."""
STRIP = 256
"""Columns of the identity that a matrix is multiplied with at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EstimateResult(Result):
    """An estimate and how far from the truth it may be.

    Attributes
    ----------
    value : float, complex or Array
        The estimate; a Python number for the trace of one matrix.
    error : float or Array
        Two standard errors, five for ``"xnystrace"``, and the level of rounding errors; of a
        diagonal in the Euclidean norm.
    matvecs : int or Array
        Products with `a` and its adjoint that were used; a block counts as its columns.
    status, converged : Status, bool
        Whether the tolerance was met; without one, whether the numbers are finite.
    iterations : int
        How many times the samples were doubled.
    residual : float
        ``error`` relative to the size of ``value``; the largest of a batch.
    history : tuple of float
        Relative errors of the estimates, one after another.
    """

    value: Any
    error: Any
    matvecs: Any


class Estimate(NamedTuple):
    """Value, its standard error, and the size that rounding errors are relative to."""

    value: Array
    deviation: Array
    size: Array


class Estimator(Protocol):
    """Samples of one matrix, which may be extended."""

    least: int

    def __init__(self, op: Operand, rng: Any) -> None: ...

    def grow(self, products: int) -> int:
        """Draw samples of at most that many further products; return how many there were."""

    def estimate(self) -> Estimate:
        """Return the estimate of all samples."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What was asked for.

    Attributes
    ----------
    matvecs : int
        Products, the most of them where there is a tolerance.
    rtol, atol : float
        The tolerance.
    adaptive : bool
        Whether there is one.
    """

    matvecs: int
    rtol: float
    atol: float
    adaptive: bool

    def met(self, error: float, size: float) -> bool:
        """Whether that error suffices; NaN does not."""
        return error <= self.atol + self.rtol * size


def admit_goal(
    matvecs: int, rtol: float | None, atol: float | None, *, least: int, method: str
) -> Goal:
    """Check the options that say when to stop."""
    count = admit_integer(matvecs, "matvecs", 1)
    if count < least:
        raise ValueError(f"matvecs must be at least {least} for the method {method!r}, got {count}")
    return Goal(
        count,
        0.0 if rtol is None else admit_real(rtol, "rtol"),
        0.0 if atol is None else admit_real(atol, "atol"),
        rtol is not None or atol is not None,
    )


def estimated(
    a: MatrixLike,
    kind: type[Estimator],
    goal: Goal,
    whole: Callable[[Array, Namespace], Array],
    rng: RNGLike,
    *,
    check_finite: bool,
) -> EstimateResult:
    """Estimate for each matrix of a batch; `whole` makes the value of the exact diagonal."""
    operands, batch = admit_operands(a, "a", square=True, check_finite=check_finite)
    draws = same_draws(as_generator(rng), len(operands))
    results = [
        _estimate(op, kind, goal, whole, generator)
        for op, generator in zip(operands, draws, strict=True)
    ]
    xp = operands[0].xp
    result = together(results, batch, xp=xp)
    if prod(batch) and result.status is not Status.CONVERGED:
        warn(
            f"the relative error of the estimate is about {result.residual:.1e}, which is above "
            f"the tolerance; more matvecs than {goal.matvecs} or a larger tolerance help",
            ConvergenceWarning,
        )
    if batch:
        return result
    error, matvecs = (to_host(x).item() for x in (result.error, result.matvecs))
    return replace(result, value=number(result.value), error=error, matvecs=matvecs)


def number(value: Array) -> Any:
    """Return a Python number for an array without axes, and other arrays as they are."""
    return to_host(value).item() if value.ndim == 0 else value


def _estimate(
    op: Operand, kind: type[Estimator], goal: Goal, whole: Callable[..., Array], rng: Any
) -> EstimateResult:
    """Draw samples until they suffice; where all columns cost no more, take these."""
    n, history, scale = op.shape[0], [], _Scale()
    if op.stored is None:
        op = scale.applied(op)
    first = min(START, goal.matvecs) if goal.adaptive else goal.matvecs
    if n <= first:
        return _exact(op, whole, scale, 0, ())
    method, count, used = kind(op, rng), max(first, kind.least), 0
    most = min(goal.matvecs, n - 1)
    while True:
        used += method.grow(count - used)
        found = _judged(scale.known(op), method.estimate())
        history.append(found.residual)
        met = goal.met(found.error, found.size)
        hopeless = not goal.adaptive or not isfinite(found.error)
        if met or hopeless or most - used < kind.least:
            break
        count = min(2 * count, most)
    if not met and not hopeless and goal.matvecs - used >= n:
        return _exact(op, whole, scale, used, tuple(history))
    return EstimateResult(
        value=found.value,
        error=found.error,
        matvecs=used,
        status=_status(found, met or not goal.adaptive),
        iterations=len(history) - 1,
        residual=found.residual,
        history=tuple(history),
    )


@dataclass(slots=True)
class _Scale:
    """Power of two that products with an operator are divided by; the first of them tells it.

    An even one, so that square roots of the estimates are those at another scale.
    """

    exponent: int | None = None

    def applied(self, op: Operand) -> Operand:
        """Return the operand with its products divided."""

        def divided(product: Callable[[Array], Array]) -> Callable[[Array], Array]:
            def apply(x: Array) -> Array:
                y = product(x)
                if self.exponent is None:
                    self.exponent = extreme_exponent(y, xp=op.xp) // 2 * 2
                return times_power_of_two(y, -self.exponent, xp=op.xp)

            return apply

        return replace(op, times=divided(op.times), adjoint_times=divided(op.adjoint_times))

    def known(self, op: Operand) -> Operand:
        """Return the operand that undoes it."""
        return replace(op, exponent=self.exponent) if self.exponent else op


class _Judged(NamedTuple):
    """Value, error, the size of the value, and the relative error."""

    value: Array
    error: float
    size: float
    residual: float


def _judged(op: Operand, found: Estimate) -> _Judged:
    """Undo the scaling, and make the error one that may be trusted; one synchronisation."""
    xp = op.xp
    error = SAFETY * found.deviation + 10.0 * eps(found.value, xp=xp) * found.size
    value = op.unscaled(found.value)
    numbers = xp.stack((error, xp.linalg.vector_norm(found.value)))
    error_, size = to_host(op.unscaled(numbers)).tolist()
    return _Judged(value, error_, size, _relative(error_, size))


def _relative(error: float, size: float) -> float:
    if error == 0.0:
        return 0.0
    return error / size if size > 0.0 or size != size else float("inf")


def _status(found: _Judged, good: bool) -> Status:
    if not isfinite(found.error) or not isfinite(found.size):
        return Status.BREAKDOWN
    return Status.CONVERGED if good else Status.MAXITER


def _exact(
    op: Operand,
    whole: Callable[..., Array],
    scale: "_Scale",
    used: int,
    history: tuple[float, ...],
) -> EstimateResult:
    """Return the value itself: of the stored diagonal, or by products with the identity."""
    with quiet():  # a value that is too large is infinite, and the status says so
        scaled = whole(diagonal_of(op), op.xp)
        op = scale.known(op)
        size = host_float(op.unscaled(op.xp.linalg.vector_norm(scaled)))
        error = 0.0 if isfinite(size) else size
        found = _Judged(op.unscaled(scaled), error, size, error)
    return EstimateResult(
        value=found.value,
        error=found.error,
        matvecs=used + op.shape[0],
        status=_status(found, True),
        iterations=len(history),
        residual=found.residual,
        history=(*history, found.residual),
    )


def diagonal_of(op: Operand) -> Array:
    """Return the exact diagonal of a matrix of order n."""
    xp, n = op.xp, op.shape[0]
    if op.stored is not None and not is_sparse(op.stored):
        return xp.linalg.diagonal(op.stored) * 1.0
    dtype, device = op.like.dtype, device_of(op.like)
    parts = []
    for k in range(0, n, STRIP):
        width = min(STRIP, n - k)
        columns = op.times(xp.eye(n, width, k=-k, dtype=dtype, device=device))
        parts.append(xp.linalg.diagonal(columns[k : k + width, :]))
    return xp.concat(parts) if parts else xp.zeros((0,), dtype=dtype, device=device)


def spread(samples: Array, *, xp: Namespace) -> Array:
    """Return the standard error of the mean of numbers, or of the columns of a matrix."""
    k: int = samples.shape[-1]
    gap = samples - xp.mean(samples, axis=-1, keepdims=True)
    return xp.linalg.vector_norm(gap) * (1.0 / (k * (k - 1))) ** 0.5
