"""The polar factor from the singular value decomposition: for every rank, on every backend.

Legend: A = W S Vᴴ, U = W Vᴴ, B = UᴴA, K = B − Bᴴ.
"""

from math import sqrt

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, eps, hermitian, host_float, svd
from linalgx.orthogonal._certificate import polished
from linalgx.orthogonal._control import Control
from linalgx.typing import Array, Namespace


def svd_route(a: Array, *, control: Control, xp: Namespace) -> tuple[Array, Array | None]:
    """Return U; polished, and with B, when P is wanted."""
    w, s, vh = svd(a, xp=xp)
    u = shown(w @ vh, control=control, xp=xp)
    if not control.compute_p:
        return u, None
    u, _ = polished(u, xp=xp)
    b = adjoint(u, xp=xp) @ a
    return (u, b) if a.ndim > 2 else _aligned(a, u, b, s, adjoint(vh, xp=xp), xp=xp)


def shown(u: Array, *, control: Control, xp: Namespace) -> Array:
    """Show U as it is and polished, as the one iteration of a direct method."""
    if control.callback is not None and not control.stop(0, u, xp=xp):
        u, _ = polished(u, xp=xp)
        control.stop(1, u, xp=xp)
    return u


def _aligned(
    a: Array, u: Array, b: Array, s: Array, v: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Turn U a little where divide and conquer left K unusually large; one matrix.

    U (I + Σ) with P Σ + Σ P = K has the next smaller K (ours, to first order). In the basis V,
    Σᵢⱼ = Kᵢⱼ/(sᵢ + sⱼ), and only the rows and columns of large sⱼ matter: with the columns V₁,
    Σ = Y V₁ᴴ − V₁ Zᴴ.
    """
    n = s.shape[0]
    unit = eps(a, xp=xp)
    k = b - adjoint(b, xp=xp)
    large = 0.5 * host_float(frobenius(k, xp=xp)) / host_float(frobenius(a, xp=xp))
    lead = int(xp.count_nonzero(s >= 0.1 * s[0]))
    if large <= 9.0 * unit * sqrt(max(1.0, n / 256)) or lead > n // 4:
        return u, b
    v1 = v[:, :lead]
    c = adjoint(v, xp=xp) @ (k @ v1) / (s[:, None] + s[None, :lead])
    y, z = v @ c, v[:, lead:] @ c[lead:, :]
    u = u + (u @ y) @ adjoint(v1, xp=xp) - (u @ v1) @ adjoint(z, xp=xp)
    b = b - y @ (adjoint(v1, xp=xp) @ b) + v1 @ (adjoint(z, xp=xp) @ b)
    return u, b
