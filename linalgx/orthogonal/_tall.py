"""Tall matrices: an orthonormal basis first, then the polar factor of a small square matrix.

Legend: A m x n, m > n; A = Y R with YᴴY = I; R = U_R P; U = Y U_R. L₁, L₂ Cholesky factors.
"""

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import cholesky_pass
from linalgx.backend import (
    adjoint,
    as_generator,
    cholesky,
    gram,
    qr,
    solve_triangular,
    standard_normal,
)
from linalgx.errors import LinAlgError
from linalgx.orthogonal._control import near_isometry
from linalgx.typing import Array, Namespace


def compressed(a: Array, *, xp: Namespace) -> tuple[Array, Array, Array | None]:
    """Return Q, R, L with A = (Q L⁻ᴴ) R; L is ``None`` when Q itself is orthonormal.

    CholeskyQR2, whose second triangular solve with A is put off: it costs less with U_R. A
    shifted pass before it if κ(A) is too large, Householder QR if that is not enough.
    """
    for basis in (_one_pass, _two_passes):
        try:
            q, r = basis(a, xp=xp)
            g = gram(q, xp=xp)
            if near_isometry(g, 0.1, xp=xp):
                factor = cholesky(g, xp=xp)
                return q, adjoint(factor, xp=xp) @ r, factor
        except LinAlgError:
            continue
    q, r = qr(a, xp=xp)
    return q, r, None


def expanded(q: Array, factor: Array | None, u: Array, *, xp: Namespace) -> Array:
    """U = (Q L⁻ᴴ) U_R."""
    if factor is not None:
        u = solve_triangular(factor, u, lower=True, adjoint=True, xp=xp)
    return q @ u


def spans(a: Array, u: Array, limit: float, *, xp: Namespace) -> Array:
    """Mask of the matrices with A = U UᴴA and UᴴU = I, measured on one random vector.

    One more look at what the Cholesky factors have shown already; products with a single vector
    run at the speed of memory.
    """
    omega = standard_normal((*a.shape[:-2], a.shape[-1], 1), as_generator(0), like=a, xp=xp)
    y, z = a @ omega, u @ omega
    uh = adjoint(u, xp=xp)
    outside = frobenius(y - u @ (uh @ y), xp=xp) <= limit * frobenius(y, xp=xp)
    return outside & (frobenius(uh @ z - omega, xp=xp) <= limit * frobenius(omega, xp=xp))


def _one_pass(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Enough for κ(A) below about eps^(-1/2)."""
    return cholesky_pass(a, shifted=False, xp=xp)


def _two_passes(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Put a shifted pass, whose Cholesky factorization does not fail, before the other."""
    q, first = cholesky_pass(a, shifted=True, xp=xp)
    q, second = cholesky_pass(q, shifted=False, xp=xp)
    return q, second @ first
