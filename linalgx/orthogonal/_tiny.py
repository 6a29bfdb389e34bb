"""Batches of tiny square matrices through the compiled kernel.

Legend: A square; U isometry, P Hermitian.
"""

from math import prod
from typing import Any

from linalgx.backend import device_of, find_kernel
from linalgx.typing import Array, Namespace

TINY = 16
"""Largest order for which the kernel is faster than LAPACK."""

MANY = 64
"""Fewest matrices for the kernel. Where it has not been compiled before, the first call takes
seconds; that is nothing a few matrices should wait for."""


def is_tiny(a: Array, *, xp: Namespace) -> bool:
    """Whether a kernel exists and the batch is worth its compilation."""
    n = a.shape[-1]
    many = prod(a.shape[:-2]) >= MANY
    return many and 0 < n <= TINY and a.shape[-2] == n and find_kernel("polar_tiny", xp) is not None


def tiny(
    a: Array, left: bool, compute_p: bool, *, xp: Namespace
) -> tuple[Array, Array | None, Array]:
    """Return U, P, and a mask of the matrices for which they are accurate; a batch of one axis."""
    kernel: Any = find_kernel("polar_tiny", xp)
    u, p = xp.empty_like(a), xp.empty_like(a) if compute_p else a
    good = xp.zeros(a.shape[0], dtype=xp.bool, device=device_of(a))
    kernel(a, u, p, good, left, compute_p)
    return u, p if compute_p else None, good
