"""Norms per matrix over the last two axes. Entries are expected at unit scale."""

from linalgx.backend import is_complex, is_gpu
from linalgx.typing import Array, Namespace


def frobenius(a: Array, *, xp: Namespace, keepdims: bool = False) -> Array:
    """Root of the sum of squares, by an inner product, which makes no temporary array.

    On a GPU by a reduction: CuPy has no inner products of its own, and what stands in for them
    copies and adds up each matrix of a batch one entry after the other.
    """
    if is_gpu(a, xp=xp):
        return xp.linalg.matrix_norm(a, keepdims=keepdims)
    x = xp.reshape(a, (*a.shape[:-2], a.shape[-2] * a.shape[-1]))
    square = xp.linalg.vecdot(x, x)
    norm = xp.sqrt(xp.real(square) if is_complex(a, xp=xp) else square)
    return norm[..., None, None] if keepdims else norm


def one_norm(a: Array, *, xp: Namespace, keepdims: bool = False) -> Array:
    """Largest column sum."""
    return _largest_sum(a, -2, xp=xp, keepdims=keepdims)


def inf_norm(a: Array, *, xp: Namespace, keepdims: bool = False) -> Array:
    """Largest row sum."""
    return _largest_sum(a, -1, xp=xp, keepdims=keepdims)


def _largest_sum(a: Array, axis: int, *, xp: Namespace, keepdims: bool) -> Array:
    sums = xp.sum(xp.abs(a), axis=axis, keepdims=True)
    if sums.shape[-1] == 0 or sums.shape[-2] == 0:  # no column: the empty maximum is 0
        return xp.sum(sums, axis=(-2, -1), keepdims=keepdims)
    return xp.max(sums, axis=(-2, -1), keepdims=keepdims)
