"""Batches of tiny matrices through the compiled kernel: from sorting to signs in one pass."""

from collections.abc import Callable
from math import prod
from typing import Any

from linalgx._core.batching import flatten_batch, unflatten_batch
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


def tiny(
    a: Array, plan: Plan, single: Callable[..., Any], *, xp: Namespace
) -> tuple[Array | None, Array, Array | None]:
    """Return U, s and Vᴴ of a batch, of extremely graded matrices by the function for one."""
    flat, batch = flatten_batch(a, xp=xp)
    count, m, n = flat.shape
    k = min(m, n)
    u, vh = (
        xp.empty((count, *shape), dtype=a.dtype, device=device_of(a)) for shape in ((m, k), (k, n))
    )
    s = xp.empty((count, k), dtype=real_dtype(a, xp=xp), device=device_of(a))
    kernel: Any = find_kernel("svd_tiny", xp)
    far = kernel(flat, u, s, vh, plan.vectors, eps(a, xp=xp))
    if far is None:
        raise LinAlgError("the Jacobi rotations met NaN or an infinity")
    for i in far.tolist():
        one = single(flat[i, ...], compute_uv=plan.vectors, check_finite=False)
        s[i, ...] = one.s
        if plan.vectors:
            u[i, ...], vh[i, ...] = one.u, one.vh
    s = xp.reshape(s, (*batch, k))
    if not plan.vectors:
        return None, s, None
    return unflatten_batch(u, batch, xp=xp), s, unflatten_batch(vh, batch, xp=xp)
