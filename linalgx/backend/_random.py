"""Random numbers: one keyword, one stream on every backend.

Draws come from NumPy's generator on the host, in the precision of the computation, and are
moved once. A ``cupy.random.Generator`` draws on the device instead: faster, another stream.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from linalgx.backend._dtypes import is_complex, real_dtype
from linalgx.backend._libraries import device_of, library_name, loaded
from linalgx.backend._transfer import from_host
from linalgx.typing import Array, Namespace, RNGLike


def as_generator(rng: RNGLike) -> Any:
    """Return the generator that `rng` stands for; one that is passed in keeps its state."""
    cupy = loaded("cupy")
    if cupy is not None and isinstance(rng, cupy.random.Generator):
        return rng
    if isinstance(rng, np.random.RandomState):
        raise TypeError("rng is a RandomState; pass numpy.random.default_rng(seed) or an integer")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be None, a non-negative integer, a SeedSequence or a Generator, got {rng!r}"
        ) from None


def same_draws(rng: Any, count: int) -> Iterator[Any]:
    """Yield generators that draw alike, for the matrices of a batch; the last one is `rng`.

    A generator on a GPU cannot be copied: there, each matrix has draws of its own.
    """
    for _ in range(count - 1):
        yield deepcopy(rng) if isinstance(rng, np.random.Generator) else rng
    yield rng


def standard_normal(shape: Sequence[int], rng: Any, *, like: Array, xp: Namespace) -> Array:
    """Draw independent N(0, 1) numbers; complex ones, of unit variance, when `like` is complex."""
    if is_complex(like, xp=xp):
        re, im = (_real_normal(shape, rng, like=like, xp=xp) for _ in range(2))
        return xp.astype((re + 1j * im) * 0.5**0.5, like.dtype, copy=False)
    return _real_normal(shape, rng, like=like, xp=xp)


def uniform(shape: Sequence[int], rng: Any, *, like: Array, xp: Namespace) -> Array:
    """Draw independent real numbers, uniform on [0, 1)."""
    return _draw("random", shape, rng, like=like, xp=xp)


def _real_normal(shape: Sequence[int], rng: Any, *, like: Array, xp: Namespace) -> Array:
    return _draw("standard_normal", shape, rng, like=like, xp=xp)


def _draw(method: str, shape: Sequence[int], rng: Any, *, like: Array, xp: Namespace) -> Array:
    real = real_dtype(like, xp=xp)
    name = "float32" if real == xp.float32 else "float64"
    if isinstance(rng, np.random.Generator):
        return from_host(getattr(rng, method)(tuple(shape), dtype=name), like=like, xp=xp)
    if library_name(xp) != "cupy":
        raise TypeError(f"rng draws on the GPU, but the arrays are on {device_of(like)}")
    return getattr(rng, method)(tuple(shape), dtype=name)
