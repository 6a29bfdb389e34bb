"""Conjugate gradients for the Hessians of the family: symmetric, semidefinite, with a diagonal.

Legend: A x = y with x = 0 at first, residual r, direction p, q = A p; M the diagonal of A.
"""

from collections.abc import Callable

from linalgx.backend import host_float, is_gpu
from linalgx.transport._frozen import frozen_gradients
from linalgx.typing import Array, Namespace


def conjugate_gradients(
    apply: Callable[[Array], Array],
    y: Array,
    diagonal: Array,
    tolerance: float,
    cap: int,
    *,
    xp: Namespace,
) -> tuple[Array, int]:
    """Solve A x = y to ‖r‖₁ <= tolerance ‖y‖₁; x and the number of iterations.

    Stops early where pᵀAp is no longer positive: at rounding, or in the null space. A GPU is asked
    once in ten iterations whether it has arrived.
    """
    if is_gpu(y, xp=xp):
        target = tolerance * xp.sum(xp.abs(y), axis=-1, keepdims=True)
        return frozen_gradients(apply, y, 1.0 / diagonal, target, cap, xp=xp)
    x, r = xp.zeros_like(y), y
    z = r / diagonal
    p, rho = z, xp.sum(r * z)
    target = tolerance * host_float(xp.sum(xp.abs(y)))
    for k in range(cap):
        if not host_float(xp.sum(xp.abs(r))) > target:
            return x, k
        q = apply(p)
        curvature = xp.sum(p * q)
        if not 0.0 < host_float(curvature) < float("inf"):
            return x, k
        alpha = rho / curvature
        x, r = x + alpha * p, r - alpha * q
        z = r / diagonal
        new = xp.sum(r * z)
        p = z + (new / rho) * p
        rho = new
    return x, cap
