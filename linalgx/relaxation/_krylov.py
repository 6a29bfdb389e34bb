"""What the Krylov methods share: inner products of columns, preconditioners, where to begin.

Legend: blocks of shape (n, k), one column for each right-hand side; r = b − A x.
"""

from collections.abc import Callable, Sequence
from typing import Any

from linalgx.backend import (
    eps,
    from_host,
    host_array,
    is_array,
    is_complex,
    is_operator,
    is_sparse,
    real_dtype,
)
from linalgx.operators import LinearMap
from linalgx.relaxation._stopping import Monitor
from linalgx.relaxation._system import System
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.results import Status
from linalgx.typing import Array, MatrixLike, Namespace

Apply = Callable[[Array], Array]
Preconditioner = MatrixLike | Apply | None

REPLACE = 50
"""Steps after which numbers of 32 bits have drifted so far that r is computed anew."""


def cast(x: Array, like: Array, *, xp: Namespace) -> Array:
    """Convert real factors to the dtype of a block that they multiply."""
    return xp.astype(x, like.dtype, copy=False)


def is_single(x: Array, *, xp: Namespace) -> bool:
    """Whether the numbers have 32 bits."""
    return bool(real_dtype(x, xp=xp) == xp.float32)


def starting_residual(system: System, x: Array) -> Array:
    """Return b − A x to begin with; after a restart as accurate as can be."""
    if x is system.x:
        return system.first_residual()
    return cast(system.accurate_residual(x), x, xp=system.xp)


def enough(system: System, monitor: Monitor) -> list[float]:
    """Return the norms that no column needs to go below.

    A recurrence goes on shrinking when b − A x has long stopped at eps‖b‖ or above; running it
    further than a hundredth of that is of no use, whatever was asked for.
    """
    xp = system.xp
    least = 0.01 * eps(system.b, xp=xp)
    sizes = monitor.stopping.norms(system.b, xp=xp)
    return [max(t, least * size) for t, size in zip(monitor.targets, sizes, strict=True)]


def reals(values: Sequence[float], like: Array, *, xp: Namespace) -> Array:
    """Real numbers beside a block."""
    return from_host(host_array(list(values)), like=like, xp=xp, dtype=real_dtype(like, xp=xp))


def thresholds(bounds: Sequence[float], like: Array, *, xp: Namespace) -> Array:
    """Bounds for the columns on the device; never above those on the host by rounding."""
    return reals(bounds, like, xp=xp) * (1.0 - 4.0 * eps(like, xp=xp))


def breakdown(worst: Sequence[float]) -> tuple[Status, str] | None:
    """Judge numbers that have to be positive, one for each column."""
    if all(value > 0.0 for value in worst):
        return None
    indefinite = all(value == value for value in worst)
    return Status.BREAKDOWN, "indefinite" if indefinite else "breakdown"


def admit_preconditioner(preconditioner: Preconditioner, system: System) -> Apply:
    """Return the function that applies the preconditioner to a block."""
    if preconditioner is None:
        return lambda r: r
    named = is_operator(preconditioner) or is_sparse(preconditioner) or is_array(preconditioner)
    if isinstance(preconditioner, LinearMap | PreparedMatrix) or named:
        apply = _as_product(preconditioner, system)
    elif callable(preconditioner):
        apply = preconditioner
    else:
        raise TypeError(
            f"preconditioner must be a matrix, an operator or a function of blocks, "
            f"got {preconditioner!r}"
        )
    return lambda r: _checked(apply(r), r, xp=system.xp)


def _as_product(preconditioner: Any, system: System) -> Apply:
    found = preconditioner
    if not isinstance(found, LinearMap | PreparedMatrix):
        found = LinearMap(found)
    n = system.b.shape[0]
    if tuple(found.shape) != (n, n):
        raise ValueError(
            f"preconditioner must have shape ({n}, {n}) as a, got {tuple(found.shape)}"
        )
    if found.xp is not system.xp:
        raise TypeError("preconditioner must belong to the library of b; use linalgx.to_backend")
    return lambda r: found @ r


def _checked(z: Array, r: Array, *, xp: Namespace) -> Array:
    """Look at what a preconditioner returned."""
    if getattr(z, "shape", None) != r.shape or not is_array(z):
        raise ValueError(
            f"preconditioner must return a block of shape {tuple(r.shape)}, "
            f"got {getattr(z, 'shape', z)}"
        )
    if z.dtype == r.dtype:
        return z
    if is_complex(z, xp=xp) and not is_complex(r, xp=xp):
        raise TypeError("preconditioner must be real for a real a and b, it returned complex")
    return xp.astype(z, r.dtype)
