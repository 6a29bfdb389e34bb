"""Make an approximate polar factor orthogonal to working precision, and check what it is.

Legend: A square or tall, U the candidate, E = UᴴU − I, B = UᴴA, P = (B + Bᴴ)/2. For square A the
backward error ‖A − UP‖_F equals ‖B − Bᴴ‖_F/2.
"""

from math import sqrt

from linalgx._core.batching import where_matrix
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import (
    adjoint,
    as_generator,
    cholesky,
    device_of,
    eigh,
    eps,
    gram,
    hermitian,
    is_complex,
    is_gpu,
    real_dtype,
    standard_normal,
)
from linalgx.errors import LinAlgError
from linalgx.orthogonal._control import largest, minus_identity
from linalgx.typing import Array, Namespace

PROBES = 8
"""Random vectors that stand for a matrix norm: it comes out half too small once in 1e4 cases."""


def backward_limit(n: int, unit: float) -> float:
    """Largest backward error that passes, relative to ‖A‖_F."""
    return 20.0 * unit * sqrt(max(1.0, n / 256))


def polished(u: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Make U orthogonal to working precision; also return a mask of where that succeeded.

    U must be ours: it is overwritten.
    Far from orthogonality the step of order three U(I − E/2 + 3E²/8), at the end that of order
    two. Matrices with ‖E‖_F > 1/2 or NaN are set to zero, so that they disturb no other.
    """
    unit = eps(u, xp=xp)
    for _ in range(4):
        e = minus_identity(gram(u, xp=xp), xp=xp)
        size = frobenius(e, xp=xp)
        good = size <= 0.5
        worst = largest(xp.where(good, size, 0.5), xp=xp)
        if worst <= sqrt(unit):
            e *= -0.5
            return add_product(u, e, worst, xp=xp), good
        if not worst < 0.5:
            u, e = (where_matrix(good, x, xp.zeros_like(x), xp=xp) for x in (u, e))
        u = u + u @ (0.375 * (e @ e) - 0.5 * e)
    return u, good


def add_product(u: Array, t: Array, size: float, *, xp: Namespace) -> Array:
    """Add U T to U, which must be ours, in single precision where ‖T‖_F ≤ `size` allows it.

    The product then has an error of about 6e-8 ‖T‖_F, below eps √n/4. On a GPU both precisions
    are equally fast.
    """
    n = t.shape[-1]
    if real_dtype(u, xp=xp) == xp.float32 or size > 8e-10 * sqrt(n) or is_gpu(u, xp=xp):
        u += u @ t
    else:
        low = xp.complex64 if is_complex(u, xp=xp) else xp.float32
        u += xp.astype(u, low) @ xp.astype(t, low)
    return u


def certified(a: Array, u: Array, b: Array | None, *, xp: Namespace) -> tuple[Array | None, Array]:
    """Return P, if B is given, and a mask of the matrices whose backward error passes.

    B is overwritten. Without it the norm of B − Bᴴ is estimated from products with random vectors.
    """
    tolerance = backward_limit(a.shape[-1], eps(a, xp=xp)) * frobenius(a, xp=xp)
    if b is not None:
        p = hermitian(b, xp=xp)
        b -= p
        return p, frobenius(b, xp=xp) <= tolerance
    shape = (*a.shape[:-2], a.shape[-1], PROBES)
    omega = standard_normal(shape, as_generator(0), like=a, xp=xp)
    skew = adjoint(u, xp=xp) @ (a @ omega) - adjoint(a, xp=xp) @ (u @ omega)
    return None, frobenius(skew, xp=xp) <= 2.0 * sqrt(PROBES) * tolerance


def semidefinite(p: Array, a: Array, *, xp: Namespace) -> Array:
    """Mask of the matrices whose P has no eigenvalue below −20 n eps ‖A‖_F.

    The symmetry of B alone would not notice a singular direction of the wrong sign.
    """
    n = p.shape[-1]
    shift = 20.0 * n * eps(p, xp=xp) * frobenius(a, xp=xp, keepdims=True)
    try:
        cholesky(p + shift * identity_like(p, xp=xp), xp=xp)
    except LinAlgError:
        return xp.min(eigh(p, xp=xp)[0], axis=-1) >= -shift[..., 0, 0]
    return xp.ones(p.shape[:-2], dtype=xp.bool, device=device_of(p))
