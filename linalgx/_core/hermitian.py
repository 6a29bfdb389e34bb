"""What the functions of Hermitian matrices share. Matrices come at unit scale.

Legend: A = Aᴴ, n x n; w, V its eigenvalues, ascending, and eigenvectors.
"""

from math import isfinite

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eps, hermitian, hermitian_square, host_float
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


def rounding(a: Array, *, xp: Namespace) -> float:
    """Return max(n, 10)·eps, relative rounding error of a product or decomposition."""
    n: int = a.shape[-1]
    return max(n, 10) * eps(a, xp=xp)


def require_hermitian(a: Array, name: str, *, xp: Namespace) -> Array:
    """Return the Hermitian part of `a`; `ValueError` when that is more than rounding away."""
    allowed = rounding(a, xp=xp)
    defect = frobenius(a - adjoint(a, xp=xp), xp=xp)
    if not bool(xp.all(defect <= allowed * frobenius(a, xp=xp))):  # NaN fails
        worst = host_float(xp.max(defect))
        if not isfinite(worst):
            raise LinAlgError(f"{name} has NaN or infinite entries")
        raise ValueError(
            f"{name} must be Hermitian, with ‖A − Aᴴ‖ <= {allowed:.1e} ‖A‖, got ‖A − Aᴴ‖ = "
            f"{worst:.1e} at unit scale; pass (a + aᴴ)/2 if the difference means nothing"
        )
    return hermitian(a, xp=xp) if bool(xp.any(defect > 0.0)) else a


def hermitian_power(a: Array, p: int, *, xp: Namespace) -> Array:
    """Return Aᵖ for p >= 1 by repeated squaring, each square at half the cost on NumPy."""
    result: Array | None = None
    while True:
        if p & 1:
            result = a if result is None else result @ a
        p >>= 1
        if not p:
            return result
        a = hermitian_square(a, xp=xp)
