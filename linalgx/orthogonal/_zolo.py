"""Zolo-PD: two steps of a high-order Zolotarev function, its partial fractions side by side.

Legend: X the iterate, ‖X‖₂ ≤ 1; ℓ lower bound of its singular values; c, a, M coefficients of
M X (I + Σⱼ aⱼ (XᴴX + c₂ⱼ₋₁ I)⁻¹); r their number. The r terms form one more batch axis.
"""

from math import sqrt

from linalgx._core.polish import identity_like
from linalgx.backend import (
    adjoint,
    cholesky,
    eps,
    from_host,
    gram,
    host_array,
    qr,
    real_dtype,
    solve_triangular,
)
from linalgx.orthogonal._control import Control, Factors, interval, near_isometry
from linalgx.orthogonal._weights import zolotarev_map, zolotarev_order, zolotarev_step
from linalgx.typing import Array, Namespace

MOST = 4
"""Two steps suffice; the others are for a lower bound that was too large."""


def zolo(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Return U before polishing."""
    unit, n = eps(a, xp=xp), a.shape[-1]
    x, lower = interval(a, xp=xp)
    if control.stop(0, x, xp=xp):
        return Factors(x)
    r = zolotarev_order(lower)
    for k in range(1, control.steps(MOST) + 1):
        c, weights, m = zolotarev_step(lower, r)
        new = _step(x, c[::2], weights, m, by_qr=lower < 1e-2, xp=xp)
        lower = zolotarev_map(lower, c, m)
        done = 1.0 - lower <= sqrt(unit) and near_isometry(gram(new, xp=xp), 0.01 * sqrt(n), xp=xp)
        x = new
        if control.stop(k, x, xp=xp) or done:
            return Factors(x)
        if k >= 2:  # more steps only correct a lower bound that was too large
            lower, r = min(lower, 0.99), 2
    control.cut = True
    return Factors(x)


def _step(
    x: Array, c: list[float], a: list[float], m: float, *, by_qr: bool, xp: Namespace
) -> Array:
    """One step; QR while the shifts c are tiny, Cholesky afterwards."""
    shift, weight = (
        from_host(host_array(z)[:, None, None], like=x, dtype=real_dtype(x, xp=xp), xp=xp)
        for z in (c, a)
    )
    y = x[..., None, :, :]
    terms = _by_qr(y, xp.sqrt(shift), xp=xp) if by_qr else _by_cholesky(y, shift, xp=xp)
    return m * (x + xp.sum(weight * terms, axis=-3))


def _by_qr(x: Array, root: Array, *, xp: Namespace) -> Array:
    """X (XᴴX + c I)⁻¹ = Q₁Q₂ᴴ/√c with [X; √c I] = [Q₁; Q₂] R, for every c."""
    n = x.shape[-1]
    lower = root * identity_like(x, xp=xp)
    shape = (*x.shape[:-3], *lower.shape)
    q, _ = qr(xp.concat([xp.broadcast_to(z, shape) for z in (x, lower)], axis=-2), xp=xp)
    return (q[..., :n, :] @ adjoint(q[..., n:, :], xp=xp)) / root


def _by_cholesky(x: Array, c: Array, *, xp: Namespace) -> Array:
    """X (XᴴX + c I)⁻¹ for every c."""
    factor = cholesky(gram(x, xp=xp) + c * identity_like(x, xp=xp), xp=xp)
    y = xp.broadcast_to(adjoint(x, xp=xp), factor.shape)
    y = solve_triangular(factor, y, lower=True, xp=xp)
    return adjoint(solve_triangular(factor, y, lower=True, adjoint=True, xp=xp), xp=xp)
