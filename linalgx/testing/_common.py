"""What all ratios share: the gate, and a quotient that NaN cannot make look good."""

from collections.abc import Mapping
from math import inf, nan

from linalgx._core.norms import one_norm
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, as_arrays, eps, host_float, is_complex
from linalgx.typing import Array, Namespace

NAN = nan


def admit(
    named: Mapping[str, Array], *, square: bool = False
) -> tuple[Namespace, tuple[Array, ...], bool]:
    """Admit arrays of which the first is the matrix; say whether all entries are finite."""
    xp, arrays = as_arrays(named, check_finite=False)
    first, a = next(iter(named)), arrays[0]
    if a.ndim < 2 or (square and a.shape[-1] != a.shape[-2]):
        wanted = "(..., n, n)" if square else "(..., m, n)"
        raise ValueError(f"{first} must have shape {wanted}, got {tuple(a.shape)}")
    return xp, arrays, all(bool(xp.all(xp.isfinite(x))) for x in arrays)


def expect(x: Array, name: str, shape: tuple[int, ...]) -> None:
    """Raise when a factor does not have the shape that belongs to the matrix."""
    if tuple(x.shape) != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(x.shape)}")


def largest(x: Array, *, xp: Namespace) -> Array:
    """Largest entry along the last axis; 0 where there is none."""
    return xp.max(x, axis=-1) if x.shape[-1] else xp.sum(x, axis=-1)


def relative(error: Array, size: Array, unit: float, *, xp: Namespace) -> float:
    """Return the worst error/(size·unit); 0/0 is 0, and x/0 is infinite."""
    none = size == 0
    ratio = error / xp.where(none, xp.ones_like(size), size)
    ratio = xp.where(none & (error > 0), inf * xp.ones_like(ratio), ratio)
    return worst(ratio, xp=xp) / unit


def worst(ratio: Array, *, xp: Namespace) -> float:
    """Return the largest entry as a Python number; NaN when there is one, 0 for no entries."""
    if 0 in ratio.shape:
        return 0.0
    return NAN if bool(xp.any(xp.isnan(ratio))) else host_float(xp.max(ratio))


def residual(error: Array, a: Array, *, xp: Namespace) -> float:
    """Return ‖E‖₁/(n·eps·‖A‖₁), the worst of the batch."""
    unit = eps(a, xp=xp) * max(*a.shape[-2:], 1)
    return relative(one_norm(error, xp=xp), one_norm(a, xp=xp), unit, xp=xp)


def isometry(u: Array, *, xp: Namespace) -> float:
    """Return ‖I − UᴴU‖₁/(n·eps), the worst of the batch."""
    g = adjoint(u, xp=xp) @ u
    eye = identity_like(g, xp=xp)
    return residual(eye - g, xp.zeros_like(g) + eye, xp=xp)


def descent(s: Array, *, xp: Namespace) -> float:
    """Return the worst increase in a descending list in units of eps·max|s|."""
    if s.shape[-1] == 0:
        return 0.0
    s = xp.real(s) if is_complex(s, xp=xp) else s
    rise = largest(s[..., 1:] - s[..., :-1], xp=xp)
    return above_zero(relative(rise, largest(xp.abs(s), xp=xp), eps(s, xp=xp), xp=xp))


def above_zero(x: float) -> float:
    """Return max(0, x), and NaN for NaN, which Python's own maximum may swallow."""
    return 0.0 if x <= 0.0 else x
