"""The polar factor from the singular value decomposition: for every rank, on every backend.

Legend: A = W S Vᴴ, U = W Vᴴ, B = UᴴA, K = B − Bᴴ.
"""

from math import sqrt

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eps, hermitian, host_float, svd
from linalgx.orthogonal._certificate import polished
from linalgx.orthogonal._control import Control, Factors
from linalgx.typing import Array, Namespace


def svd_route(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return polished U, and P when it is wanted. Nothing is left to certify."""
    w, s, vh = svd(a, xp=xp)
    u = shown(w @ vh, control=control, xp=xp)
    u, _ = polished(u, xp=xp)
    if not control.compute_p:
        return Factors(u, None, True)
    b = adjoint(u, xp=xp) @ a
    p = hermitian(b, xp=xp)
    if a.ndim == 2:
        b -= p
        skew = host_float(frobenius(b, xp=xp))
        lead = int(xp.count_nonzero(s >= 0.5 * s[0]))
        usual = 9.0 * eps(a, xp=xp) * sqrt(max(1.0, s.shape[0] / 256))
        if skew > usual * host_float(frobenius(s[None, :], xp=xp)) and lead <= s.shape[0] // 4:
            u, p = _aligned(u, p, 2.0 * b, s, adjoint(vh, xp=xp), lead, xp=xp)
    return Factors(u, p, True)


def shown(u: Array, *, control: Control, xp: Namespace) -> Array:
    """Show U as it is and polished, as the one iteration of a direct method."""
    if control.callback is not None and not control.stop(0, u, xp=xp):
        u, _ = polished(u, xp=xp)
        control.stop(1, u, xp=xp)
    return u


def _aligned(
    u: Array, p: Array, k: Array, s: Array, v: Array, lead: int, *, xp: Namespace
) -> tuple[Array, Array]:
    """Turn U a little where divide and conquer left K unusually large; one matrix.

    U (I + Σ) with P Σ + Σ P = K has the next smaller K (ours, to first order). In the basis V,
    Σᵢⱼ = Kᵢⱼ/(sᵢ + sⱼ), and only the rows and columns of the `lead` large sⱼ matter: with their
    columns V₁ of V, Σ = Y V₁ᴴ − V₁ Zᴴ. Then B becomes (I − Σ) B.
    """
    v1 = v[:, :lead]
    c = adjoint(v, xp=xp) @ (k @ v1) / (s[:, None] + s[None, :lead])
    y, z = v @ c, v[:, lead:] @ c[lead:, :]
    left, right = xp.concat([y, -v1], axis=1), adjoint(xp.concat([v1, z], axis=1), xp=xp)
    u += (u @ left) @ right
    b = p + 0.5 * k
    b -= left @ (right @ b)
    return u, hermitian(b, xp=xp)
