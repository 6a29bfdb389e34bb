"""The cosine transform, which the array standard lacks.

Legend: F = orthonormal DCT-II along the first axis, (F x)_k = c_k Σ_j x_j cos(π k (2j + 1)/(2n))
with c_0 = √(1/n) and c_k = √(2/n); F is real and Fᵀ F = I.
"""

from importlib import import_module
from math import pi

from linalgx.backend._dtypes import is_complex, real_dtype
from linalgx.backend._libraries import device_of, library_name
from linalgx.typing import Array, Namespace

_MODULES = {"numpy": "scipy.fft", "cupy": "cupyx.scipy.fft"}


def cosine_transform(x: Array, *, inverse: bool = False, xp: Namespace) -> Array:
    """Multiply a block (n, k) with F, or with Fᵀ = F⁻¹: by SciPy or CuPy, else by one FFT."""
    if 0 in x.shape:
        return xp.zeros_like(x)
    if library_name(xp) in _MODULES:
        module = import_module(_MODULES[library_name(xp)])
        return (module.idct if inverse else module.dct)(x, type=2, norm="ortho", axis=0)
    if is_complex(x, xp=xp):
        re, im = (cosine_transform(y, inverse=inverse, xp=xp) for y in (xp.real(x), xp.imag(x)))
        return xp.astype(re + 1j * im, x.dtype, copy=False)
    return (_inverse if inverse else _forward)(x, xp=xp)


def _forward(x: Array, *, xp: Namespace) -> Array:
    """Reorder to x_0 x_2 ... x_3 x_1; the FFT, turned by exp(−iπk/2n), has the real part wanted."""
    n = x.shape[0]
    v = xp.concat([x[::2, :], xp.flip(x[1::2, :], axis=0)])
    spectrum = xp.fft.fft(xp.astype(v, _complex_dtype(x, xp=xp)), axis=0)
    cosine, sine, scale = _factors(x, xp=xp)
    return scale * (cosine * xp.real(spectrum) + sine * xp.imag(spectrum)) * (1.0 / n) ** 0.5


def _inverse(x: Array, *, xp: Namespace) -> Array:
    """Undo `_forward`: turn x_k − i x_{n−k} back, take the inverse FFT, and reorder."""
    n = x.shape[0]
    cosine, sine, scale = _factors(x, xp=xp)
    x = x * n**0.5 / scale
    zero = xp.zeros((1, x.shape[1]), dtype=x.dtype, device=device_of(x))
    mirror = -xp.concat([zero, xp.flip(x[1:, :], axis=0)])
    re, im = cosine * x - sine * mirror, cosine * mirror + sine * x
    v = xp.real(xp.fft.ifft(xp.astype(re + 1j * im, _complex_dtype(x, xp=xp)), axis=0))
    order = [j // 2 if j % 2 == 0 else n - 1 - j // 2 for j in range(n)]
    return xp.take(v, xp.asarray(order, dtype=xp.int64, device=device_of(x)), axis=0)


def _factors(x: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return cos(πk/2n) and sin(πk/2n) as columns, and 1, √2, √2, ..."""
    n = x.shape[0]
    k = xp.arange(n, dtype=x.dtype, device=device_of(x))[:, None]
    angle = k * (0.5 * pi / n)
    scale = xp.where(k == 0, xp.ones_like(k), xp.full_like(k, 2.0**0.5))
    return xp.cos(angle), xp.sin(angle), scale


def _complex_dtype(x: Array, *, xp: Namespace) -> object:
    return xp.complex64 if real_dtype(x, xp=xp) == xp.float32 else xp.complex128
