"""What the methods for saddle points share: the gate, the residual, the result.

Legend: min over x, max over y; proximal maps prox(v, t) = argmin θ(u) + ‖u − v‖²/(2t).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from linalgx.backend import (
    adjoint,
    as_arrays,
    as_matrix,
    as_operand,
    device_of,
    eps,
    is_operator,
    is_sparse,
    library_name,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.operators import LinearMap
from linalgx.relaxation._stopping import Stopping
from linalgx.results import Result, Status
from linalgx.typing import Array, MatrixLike, Namespace

Prox = Callable[[Array, float], Array]
"""Takes a point v and a step t, returns the minimizer of θ(u) + ‖u − v‖²/(2t)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SaddleResult(Result):
    """A saddle point and how it was reached.

    Attributes
    ----------
    x, y : Array
        The primal and the dual point.
    status, converged, iterations : Status, bool, int
        How it ended.
    residual : float
        Size of the violation of the optimality conditions, computed from `x` and `y` at the end.
    history : tuple of float
        The same for each iteration, ``k = 0`` first; NaN where there was no look.
    matvecs : int
        Products with the matrix and its adjoint.
    steps : tuple of float
        Primal and dual step length at the end.
    """

    x: Array
    y: Array
    matvecs: int
    steps: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Saddle:
    """One problem behind the gate."""

    a: LinearMap
    ah: LinearMap
    x: Array
    y: Array
    entries: MatrixLike | None
    xp: Namespace


def admit_saddle(
    a: MatrixLike, name: str, x0: Array | None, y0: Array | None, *, check_finite: bool
) -> Saddle:
    """Admit a matrix or operator and starting points, which are zero when not given."""
    given = {k: v for k, v in (("x0", x0), ("y0", y0)) if v is not None}
    if is_operator(a) or is_sparse(a):
        xp, a = as_operand(a, name, check_finite=check_finite)
        rest = as_arrays(given, check_finite=check_finite) if given else (xp, ())
        if rest[0] is not xp:
            raise TypeError(
                f"{name} belongs to {library_name(xp)} and {next(iter(given))} to "
                f"{library_name(rest[0])}; move one of them with linalgx.to_backend"
            )
        vectors = rest[1]
    else:
        xp, (a, *others) = as_arrays({name: a, **given}, check_finite=check_finite)
        as_matrix(a, name, check_finite=False)
        vectors = tuple(others)
    if len(a.shape) != 2:
        raise ValueError(f"{name} must be one matrix, shape (m, n), got shape {tuple(a.shape)}")
    a = LinearMap(a) if is_operator(a) else a
    points = dict(zip(given, vectors, strict=True))
    m, n = int(a.shape[0]), int(a.shape[1])
    for key, size in (("x0", n), ("y0", m)):
        if key not in points:
            points[key] = xp.zeros(size, dtype=a.dtype, device=_device(a))
        elif tuple(points[key].shape) != (size,):
            raise ValueError(
                f"{key} must have shape ({size},) for {name} of shape {(m, n)}, "
                f"got {tuple(points[key].shape)}"
            )
    entries = None if is_operator(a) else a.data if is_sparse(a) else a
    map_ = a if isinstance(a, LinearMap) else _unchecked_map(a, xp=xp)
    return Saddle(map_, map_.adjoint, points["x0"], points["y0"], entries, xp)


def _unchecked_map(a: MatrixLike, *, xp: Namespace) -> LinearMap:
    """Make a map of a matrix that has passed the gate; `LinearMap` would look for NaN again."""
    ah = a.conj().transpose() if is_sparse(a) else adjoint(a, xp=xp)
    return LinearMap.from_callables(
        (int(a.shape[0]), int(a.shape[1])),
        lambda x: a @ x,
        lambda x: ah @ x,
        xp=xp,
        device=_device(a),
        dtype=a.dtype,
    )


def _device(a: MatrixLike) -> object:
    """Device of an operand; an operator does not tell, so its library decides."""
    if is_operator(a):
        return None
    return device_of(a.data if is_sparse(a) else a)


def relative(stopping: Stopping, like: Array, *, xp: Namespace) -> float:
    """Relative tolerance of methods of first order: eps^(1/3) unless one is given."""
    return float(eps(like, xp=xp) ** (1 / 3)) if stopping.rtol is None else stopping.rtol


def require_start(gap: float) -> None:
    """Raise when the residual at the start is not a number."""
    if not isfinite(gap):
        raise LinAlgError(
            f"the residual at the start is {gap}: the matrix, the start or a function that was "
            f"passed gives NaN or infinite numbers"
        )


def complain(result: Result, advice: str) -> None:
    """Warn when the tolerance was not met."""
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the residual {result.residual:.3e} is above the tolerance after "
            f"{result.iterations} iterations ({result.status.value}); {advice}",
            ConvergenceWarning,
        )
