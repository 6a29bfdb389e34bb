"""Factor of a shifted Nyström approximation.

Legend: A Hermitian, positive semidefinite, n x n; Ω n x l; Y = AΩ + νΩ, the sketch of A + νI;
H = ΩᴴY = RᴴR, R upper triangular; F = Y R⁻¹, so that F Fᴴ = Y H⁻¹ Yᴴ ≈ A + νI.
"""

from math import isfinite, sqrt

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx.backend import adjoint, cholesky, eps, hermitian, host_float, solve_triangular
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace

ATTEMPTS = 6
"""The first shift, and five that are ten times as large as the one before."""


def shifted_factor(
    omega: Array, y: Array, *, shift: float | None = None, xp: Namespace
) -> tuple[Array, Array, float]:
    """Return F, R and ν from Ω and AΩ, one matrix at unit scale; the inputs stay as they are.

    Without `shift`, ν starts at the rounding error of A; it grows while H is not positive
    definite. `LinAlgError` when that does not help, which means that A is not semidefinite.
    """
    norm = host_float(frobenius(y, xp=xp))
    if not isfinite(norm):
        raise LinAlgError("a product with a has NaN or infinite entries")
    if norm == 0.0 and not shift:
        return y, orthonormal(omega, xp=xp)[1], 0.0
    if shift is not None:
        return (*_factor(omega, y, shift, xp=xp), shift)
    # ε‖Y‖/√n for the entries ±1 of random signs; the quotient is the same for any other length.
    size = host_float(frobenius(omega, xp=xp))
    nu = eps(y, xp=xp) * norm * sqrt(omega.shape[-1]) / size
    for _ in range(ATTEMPTS):
        try:
            return (*_factor(omega, y, nu, xp=xp), nu)
        except LinAlgError:
            nu *= 10.0
    raise LinAlgError(
        f"a must be positive semidefinite: its compression is not, with a shift of {nu / 10.0:.1e} "
        f"against a sketch of norm {norm:.1e}"
    )


def require_hermitian_sketch(omega: Array, y: Array, *, xp: Namespace) -> None:
    """`ValueError` when ΩᴴAΩ is further from Hermitian than rounding, and A with it."""
    h = adjoint(omega, xp=xp) @ y
    defect = host_float(frobenius(h - adjoint(h, xp=xp), xp=xp))
    size = host_float(frobenius(omega, xp=xp)) * host_float(frobenius(y, xp=xp))
    allowed = max(omega.shape[-2], 10) * eps(y, xp=xp) * size
    if not isfinite(defect):
        raise LinAlgError("a product with a has NaN or infinite entries")
    if not defect <= allowed:
        raise ValueError(
            f"a must be Hermitian, with ‖ΩᴴAΩ − ΩᴴAᴴΩ‖ <= {allowed:.1e} for random vectors Ω, "
            f"got {defect:.1e} at unit scale"
        )


def _factor(omega: Array, y: Array, nu: float, *, xp: Namespace) -> tuple[Array, Array]:
    y = y + nu * omega
    lower = cholesky(hermitian(adjoint(omega, xp=xp) @ y, xp=xp), xp=xp)
    f = solve_triangular(lower, adjoint(y, xp=xp), lower=True, regular=True, xp=xp)
    return adjoint(f, xp=xp), adjoint(lower, xp=xp)
