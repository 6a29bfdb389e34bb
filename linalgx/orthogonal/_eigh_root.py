"""Roots of a Hermitian matrix from its eigendecomposition.

Legend: A = V diag(w) Vᴴ at unit scale; f(A) = (V √f(w)) (V √f(w))ᴴ is one rank-k update and
Hermitian to the last bit. Eigenvalues that are too small are replaced without a word: the
residual, measured afterwards against A itself, tells.
"""

from linalgx.backend import adjoint, eigh, eps, gram
from linalgx.typing import Array, Namespace


def eigh_inverse_root(a: Array, p: int, *, xp: Namespace) -> Array:
    """Return A^(−1/p), counting eigenvalues below eps·max w as eps·max w."""
    if 0 in a.shape:
        return a
    w, v = eigh(a, xp=xp)
    # A floor of n·eps·max w would cost a third of all digits in float32.
    floor = eps(a, xp=xp) * w[..., -1:]
    floor = xp.where(floor > 0.0, floor, xp.ones_like(floor))
    return _assemble(v, xp.maximum(w, floor) ** (-0.5 / p), xp=xp)


def eigh_sqrt(a: Array, *, xp: Namespace) -> Array:
    """Return A^(1/2), counting negative eigenvalues as zero."""
    if 0 in a.shape:
        return a
    w, v = eigh(a, xp=xp)
    return _assemble(v, xp.maximum(w, xp.zeros_like(w)) ** 0.25, xp=xp)


def _assemble(v: Array, roots: Array, *, xp: Namespace) -> Array:
    """Return V diag(roots)² Vᴴ."""
    return gram(adjoint(v * xp.astype(roots, v.dtype)[..., None, :], xp=xp), xp=xp)
