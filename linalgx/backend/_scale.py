"""Exact powers of two, prepared on the host and applied on the device."""

from typing import Any

import numpy as np

from linalgx.backend._dtypes import is_complex, real_dtype
from linalgx.backend._libraries import device_of
from linalgx.backend._transfer import to_host
from linalgx.typing import Array, Namespace


def max_component(a: Array, *, xp: Namespace) -> Array:
    """Largest real or imaginary part in size, per matrix; ``abs(1e308+1e308j)`` overflows."""
    if a.shape[-1] == 0 or a.shape[-2] == 0:
        shape = a.shape[:-2]
        return xp.zeros(shape, dtype=real_dtype(a, xp=xp), device=device_of(a))
    if is_complex(a, xp=xp):
        parts = xp.maximum(xp.abs(xp.real(a)), xp.abs(xp.imag(a)))
        return xp.max(parts, axis=(-2, -1))
    # Two passes that only read are faster than one that writes |A|.
    return xp.maximum(xp.max(a, axis=(-2, -1)), -xp.min(a, axis=(-2, -1)))


def exponents(values: Array) -> Any:
    """Host integers e with ``values / 2**e`` in [0.5, 1); 0 for zeros and non-finite values."""
    host = np.asarray(to_host(values), dtype=np.float64)
    return np.where(np.isfinite(host), np.frexp(host)[1], 0)[..., None, None]


def times_power_of_two(a: Array, exponent: Any, *, xp: Namespace) -> Array:
    """Return ``a * 2**exponent``, exactly as far as the result can be represented.

    The factor is applied in steps that are themselves far from overflow.
    """
    limit = 60 if real_dtype(a, xp=xp) == xp.float32 else 500
    exponent = np.asarray(exponent)
    if exponent.size <= 1 or np.all(exponent == exponent.flat[0]):
        return _times(a, int(exponent.flat[0]) if exponent.size else 0, limit)
    rest = exponent
    while np.any(rest):
        step = np.clip(rest, -limit, limit)
        factor = xp.asarray(np.ldexp(1.0, step), dtype=real_dtype(a, xp=xp), device=device_of(a))
        a = a * factor
        rest = rest - step
    return a


def _times(a: Array, exponent: int, limit: int) -> Array:
    """Do the same for one exponent."""
    while exponent:
        step = max(-limit, min(limit, exponent))
        a = a * 2.0**step
        exponent -= step
    return a
