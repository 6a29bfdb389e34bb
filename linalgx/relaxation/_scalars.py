"""Numbers that steer an iteration: inner products, and the one way of fetching them."""

from collections.abc import Sequence
from typing import Any

from linalgx.backend import is_complex, to_host
from linalgx.typing import Array, Namespace


def inner(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Real part of the inner product of two vectors."""
    found = xp.linalg.vecdot(x, y)
    return xp.real(found) if is_complex(found, xp=xp) else found


def dots(x: Array, y: Array, *, xp: Namespace) -> Array:
    """Real parts of the inner products of the columns.

    A single column is handed over as a vector, which CuPy does not make a batch of products of.
    """
    if x.shape[-1] == 1 and x.ndim == 2:
        return xp.reshape(inner(x[:, 0], y[:, 0], xp=xp), (1,))
    found = xp.linalg.vecdot(x, y, axis=-2)
    return xp.real(found) if is_complex(found, xp=xp) else found


def fetch(values: Sequence[Array], *, xp: Namespace) -> list[Any]:
    """Bring real numbers, or rows of them, to the host, all at once."""
    found: list[Any] = to_host(xp.stack(list(values))).tolist()
    return found
