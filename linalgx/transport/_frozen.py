"""Conjugate gradients for one system or many, with the decisions left on the device.

Legend: A x = y with x = 0 at first, residual r, direction p, q = A p; M the diagonal. The last axis
is that of a system, those before it count systems; one that has arrived, or has met curvature that
is not positive, is frozen: its α and β are zero.
"""

from collections.abc import Callable

from linalgx.backend import is_gpu
from linalgx.typing import Array, Namespace

GPU_CHECK = 10
"""Iterations between two questions to a GPU whether all systems have arrived."""


def frozen_gradients(
    apply: Callable[[Array], Array],
    y: Array,
    inverse: Array,
    target: Array,
    cap: int,
    *,
    xp: Namespace,
) -> tuple[Array, int]:
    """Solve A x = y until ‖r‖₁ <= target in every system; x and the number of iterations.

    `inverse` is 1/M, `target` has a last axis of one. At most one question to the device an
    iteration.
    """
    every = GPU_CHECK if is_gpu(y, xp=xp) else 1
    x, r = xp.zeros_like(y), y
    p = inverse * r
    rho = xp.sum(r * p, axis=-1, keepdims=True)
    zero, one = xp.zeros_like(rho), xp.ones_like(rho)
    going = rho > 0
    for k in range(cap):
        going = going & (xp.sum(xp.abs(r), axis=-1, keepdims=True) > target)
        if k % every == 0 and not bool(xp.any(going)):
            return x, k
        q = apply(p)
        curvature = xp.sum(p * q, axis=-1, keepdims=True)
        going = going & (curvature > 0) & xp.isfinite(curvature)
        alpha = xp.where(going, rho / xp.where(going, curvature, one), zero)
        x, r = x + alpha * p, r - alpha * q
        z = inverse * r
        new = xp.sum(r * z, axis=-1, keepdims=True)
        p = z + xp.where(going, new / xp.where(going, rho, one), zero) * p
        rho = new
    return x, cap
