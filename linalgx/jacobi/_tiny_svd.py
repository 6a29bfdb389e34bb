"""Batches of tiny matrices through the compiled kernel: from sorting to signs in one pass."""

from math import prod

from linalgx.backend import device_of, eps, find_kernel, real_dtype
from linalgx.errors import LinAlgError
from linalgx.jacobi._plan import Plan
from linalgx.typing import Array, Namespace

TINY = 16
"""Largest order for which the kernel is faster than LAPACK."""

MANY = 64
"""Fewest matrices for the kernel. Where it has not been compiled before, the first call takes
seconds; that is nothing a few matrices should wait for."""


def is_tiny(a: Array, plan: Plan, *, xp: Namespace) -> bool:
    """Whether a kernel exists and the batch is worth its compilation."""
    k, m = sorted(a.shape[-2:])
    many = plan.free and prod(a.shape[:-2]) >= MANY
    return many and 0 < k <= TINY and m <= 4 * TINY and find_kernel("svd_tiny", xp) is not None


def tiny(a: Array, plan: Plan, *, xp: Namespace) -> tuple[Array | None, Array, Array | None]:
    """Return U, s and Vᴴ of a batch."""
    *lead, m, n = a.shape
    k = min(m, n)
    u, vh = (
        xp.empty((*lead, *shape), dtype=a.dtype, device=device_of(a)) for shape in ((m, k), (k, n))
    )
    s = xp.empty((*lead, k), dtype=real_dtype(a, xp=xp), device=device_of(a))
    kernel = find_kernel("svd_tiny", xp)
    if kernel is None or not kernel(a, u, s, vh, plan.vectors, eps(a, xp=xp)):
        raise LinAlgError("the Jacobi rotations met NaN or an infinity")
    return (u, s, vh) if plan.vectors else (None, s, None)
