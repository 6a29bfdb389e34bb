"""Fourier transforms as this family needs them.

Legend: S = sine matrix with entries sin(ijπ/(n + 1)), i, j = 1, ..., n; S² = (n + 1)/2 · I.
"""

from collections.abc import Callable

from linalgx.backend import device_of, is_complex
from linalgx.typing import Array, Namespace


def smooth_length(least: int) -> int:
    """Return the next number whose prime factors are 2, 3 and 5, for which FFTs are fast."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def by_parts(real: Callable[[Array], Array], x: Array, *, xp: Namespace) -> Array:
    """Apply a real map to the real and the imaginary part."""
    if not is_complex(x, xp=xp):
        return real(x)
    return xp.astype(real(xp.real(x)) + 1j * real(xp.imag(x)), x.dtype, copy=False)


def sine_transform(x: Array, *, xp: Namespace) -> Array:
    """Multiply columns with S, by an FFT of length 2(n + 1)."""
    return by_parts(lambda y: _sine(y, xp=xp), x, xp=xp)


def _sine(x: Array, *, xp: Namespace) -> Array:
    """Transform the odd extension, whose spectrum is −2i S x."""
    n = x.shape[0]
    edge = xp.zeros((1, x.shape[1]), dtype=x.dtype, device=device_of(x))
    odd = xp.concat([edge, x, edge, -xp.flip(x, axis=0)])
    return -0.5 * xp.imag(xp.fft.rfft(odd, axis=0))[1 : n + 1, :]
