"""Batches of matrices: leading axes, masks that speak of whole matrices."""

from math import prod

from linalgx.typing import Array, Namespace


def flatten_batch(a: Array, *, xp: Namespace) -> tuple[Array, tuple[int, ...]]:
    """Return the matrices as one axis, shape ``(k, m, n)``, and the leading shape they had."""
    batch = tuple(a.shape[:-2])
    return xp.reshape(a, (prod(batch), *a.shape[-2:])), batch


def unflatten_batch(a: Array, batch: tuple[int, ...], *, xp: Namespace) -> Array:
    """Give a flattened batch its leading shape back."""
    return xp.reshape(a, (*batch, *a.shape[1:]))


def where_matrix(mask: Array, new: Array, old: Array, *, xp: Namespace) -> Array:
    """Take whole matrices from `new` where `mask`, of the leading shape, is true."""
    return xp.where(mask[..., None, None], new, old)
