"""The polar factor from the singular value decomposition: for every rank, on every backend.

Legend: A = W S Vᴴ, U = W Vᴴ, B = UᴴA, K = B − Bᴴ.
"""

from math import sqrt

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eps, hermitian, svd
from linalgx.orthogonal._certificate import polished
from linalgx.orthogonal._control import Control, Factors
from linalgx.typing import Array, Namespace

SMALL = 128
"""Up to this order the backward error is always looked at, and corrected in full."""


def svd_route(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return polished U, and P when it is wanted. Nothing is left to certify."""
    w, s, vh = svd(a, xp=xp)
    u = shown(w @ vh, control=control, xp=xp)
    u, _ = polished(u, xp=xp)
    small = s.shape[-1] <= SMALL
    if not (control.compute_p or small):
        return Factors(u, None, True)
    b = adjoint(u, xp=xp) @ a
    p = hermitian(b, xp=xp)
    if small or a.ndim == 2:
        b -= p
        usual = 9.0 * eps(a, xp=xp) * sqrt(max(1.0, s.shape[-1] / 256))
        skew = frobenius(b, xp=xp)
        if bool(xp.any(skew > usual * frobenius(s[..., None, :], xp=xp))):
            b *= 2.0
            v = adjoint(vh, xp=xp)
            if small:
                u, p = _turned(a, u, b, s, v, xp=xp)
            elif (lead := int(xp.count_nonzero(s >= 0.5 * s[0]))) <= s.shape[0] // 4:
                u, p = _aligned(u, p, b, s, v, lead, xp=xp)
    return Factors(u, p if control.compute_p else None, True)


def shown(u: Array, *, control: Control, xp: Namespace) -> Array:
    """Show U as it is and polished, as the one iteration of a direct method."""
    if control.callback is not None and not control.stop(0, u, xp=xp):
        u, _ = polished(u, xp=xp)
        control.stop(1, u, xp=xp)
    return u


def _turned(
    a: Array, u: Array, k: Array, s: Array, v: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Turn U a little where the SVD left K unusually large; LAPACK drops up to 45 eps s₁.

    U (I + Σ) with P Σ + Σ P = K has the next smaller K (ours, to first order). In the basis V,
    Σᵢⱼ = Kᵢⱼ/(sᵢ + sⱼ). What is dropped is small relative to its neighbours; between two small
    singular values there is nothing to correct, and K is rounding errors.
    """
    vh = adjoint(v, xp=xp)
    sums = s[..., :, None] + s[..., None, :]
    least = eps(a, xp=xp) ** (1 / 3) * s[..., :1, None]
    c = vh @ k @ v
    # Skew to the last bit, for what is not would cost orthogonality.
    sigma = 0.5 * (c - adjoint(c, xp=xp)) / xp.maximum(sums, least)
    sigma = xp.where(sums > least, sigma, xp.zeros_like(sigma))
    u = u + u @ (v @ sigma @ vh)
    return u, hermitian(adjoint(u, xp=xp) @ a, xp=xp)


def _aligned(
    u: Array, p: Array, k: Array, s: Array, v: Array, lead: int, *, xp: Namespace
) -> tuple[Array, Array]:
    """Do the same for one large matrix, with fewer products.

    Only the rows and columns of the `lead` large sⱼ matter: with their columns V₁ of V,
    Σ = Y V₁ᴴ − V₁ Zᴴ. Then B becomes (I − Σ) B.
    """
    v1 = v[:, :lead]
    c = adjoint(v, xp=xp) @ (k @ v1) / (s[:, None] + s[None, :lead])
    y, z = v @ c, v[:, lead:] @ c[lead:, :]
    left, right = xp.concat([y, -v1], axis=1), adjoint(xp.concat([v1, z], axis=1), xp=xp)
    u += (u @ left) @ right
    b = p + 0.5 * k
    b -= left @ (right @ b)
    return u, hermitian(b, xp=xp)
