"""What all functions of the gallery share: sizes, and arrays born in the right place."""

from collections.abc import Sequence
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import as_generator, device_of, qr, real_dtype, standard_normal
from linalgx.typing import Array, Device, DType, Namespace, RNGLike


def size(n: Any, name: str) -> int:
    """Admit a number of rows, columns or matrices."""
    return admit_integer(n, name, 0)


def sizes(shape: Sequence[Any] | int, name: str) -> tuple[int, ...]:
    """Admit the leading shape of a batch, a tuple or one integer."""
    parts = shape if isinstance(shape, Sequence) else (shape,)
    return tuple(size(k, name) for k in parts)


def blank(xp: Namespace, device: Device, dtype: DType) -> Array:
    """Return an empty array that stands for library, device and dtype."""
    return xp.zeros((0,), dtype=dtype, device=device)


def reals(values: Sequence[float], like: Array, *, xp: Namespace) -> Array:
    """Return the real vector of numbers computed on the host."""
    return xp.asarray(list(values), dtype=real_dtype(like, xp=xp), device=device_of(like))


def indices(n: int, like: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return row and column numbers from 0, of shapes (n, 1) and (1, n), as real numbers."""
    k = xp.arange(n, dtype=real_dtype(like, xp=xp), device=device_of(like))
    return k[:, None], k[None, :]


def haar(shape: tuple[int, ...], rng: RNGLike, *, like: Array, xp: Namespace) -> Array:
    """Draw matrices with orthonormal columns, uniformly over all of them.

    The phases of the diagonal of R must be moved into Q; without that Q is not uniform.
    """
    q, r = qr(standard_normal(shape, as_generator(rng), like=like, xp=xp), xp=xp)
    d = xp.linalg.diagonal(r)
    return q * (d / xp.astype(xp.abs(d), d.dtype))[..., None, :]
