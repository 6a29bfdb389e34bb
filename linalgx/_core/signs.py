"""The sign convention for eigenvectors and singular vectors."""

from linalgx.backend import device_of, eps, is_complex
from linalgx.typing import Array, Namespace


def column_phases(v: Array, *, xp: Namespace) -> Array:
    """Return the phase of the largest component of each column, shape (..., 1, n).

    Multiplied with the conjugate, the column has a positive largest component. Among components
    of equal size, up to √eps, the first counts, so that rounding does not decide.
    """
    if v.shape[-2] == 0 or v.shape[-1] == 0:
        shape = (*v.shape[:-2], 1, v.shape[-1])
        return xp.ones(shape, dtype=v.dtype, device=device_of(v))
    size = xp.abs(v)
    largest = (1.0 - eps(v, xp=xp) ** 0.5) * xp.max(size, axis=-2, keepdims=True)
    first = xp.argmax(xp.astype(size >= largest, xp.int8), axis=-2, keepdims=True)
    pivot = xp.take_along_axis(v, first, axis=-2)
    length = xp.astype(xp.abs(pivot), v.dtype)
    phase = pivot / xp.where(length == 0.0, xp.ones_like(length), length)
    return xp.where(length == 0.0, xp.ones_like(phase), phase)


def fix_signs(v: Array, *, xp: Namespace) -> Array:
    """Make the largest component of each column real and positive."""
    phase = column_phases(v, xp=xp)
    return v * (xp.conj(phase) if is_complex(v, xp=xp) else phase)
