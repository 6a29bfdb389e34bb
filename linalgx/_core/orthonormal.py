"""Orthonormal bases of tall matrices by Cholesky QR.

Legend: A m x n, m ≥ n; A = Q R; G = AᴴA = L Lᴴ, Q = A L⁻ᴴ, R = Lᴴ for one pass; two passes are
CholeskyQR2, and a shifted pass before them makes up for a large condition number.
"""

from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, cholesky, eps, gram, qr, solve_triangular
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


def orthonormal(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return Q with orthonormal columns and upper triangular R, A = Q R, of a tall matrix.

    Products and small Cholesky factorizations where they suffice, Householder QR otherwise; the
    entries are expected at unit scale.
    """
    if a.shape[-2] < 2 * a.shape[-1] or 0 in a.shape:
        return qr(a, xp=xp)
    g = gram(a, xp=xp)
    for shifted in (False, True):
        try:
            return cholesky_qr(a, g, shifted=shifted, xp=xp)
        except LinAlgError:
            continue
    return qr(a, xp=xp)


def cholesky_qr(a: Array, g: Array, *, shifted: bool = False, xp: Namespace) -> tuple[Array, Array]:
    """Return Q and R of two passes, and of a shifted one before them, from A and AᴴA.

    `LinAlgError` when the condition number is too large for that.
    """
    q, r = cholesky_pass(a, g, shifted=shifted, xp=xp)
    if shifted:
        q, factor = cholesky_pass(q, xp=xp)
        r = factor @ r
    g = gram(q, xp=xp)
    # The last pass leaves an error of eps only if its matrix is well conditioned.
    if not bool(xp.all(frobenius(g - identity_like(g, xp=xp), xp=xp) <= 0.1)):
        raise LinAlgError("Cholesky QR lost the orthogonality of its columns")
    q, factor = cholesky_pass(q, g, xp=xp)
    return q, factor @ r


def cholesky_pass(
    a: Array, g: Array | None = None, *, shifted: bool = False, xp: Namespace
) -> tuple[Array, Array]:
    """Return Q and R of one pass, A = Q R; `g` is AᴴA where that is known."""
    g = gram(a, xp=xp) if g is None else g
    if shifted:
        m, n = a.shape[-2:]
        # ‖A‖₂² ≤ ‖G‖_F; the factor is that of shifted Cholesky QR.
        size = 11.0 * (m * n + n * (n + 1)) * eps(a, xp=xp)
        g = g + size * frobenius(g, xp=xp, keepdims=True) * identity_like(g, xp=xp)
    factor = cholesky(g, xp=xp)
    q = solve_triangular(factor, adjoint(a, xp=xp), lower=True, xp=xp)
    return adjoint(q, xp=xp), adjoint(factor, xp=xp)
