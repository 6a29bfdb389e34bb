"""The polar factor through a bidiagonal matrix, without its singular value decomposition.

A = Q B Pᴴ costs less than half of an SVD, and the polar factor of A is Q U_B Pᴴ with that of B.
U_B is nearly f(B) for the rational function f of Zolotarev that is closest to 1 on [ℓ, 1]: one
step of high degree, affordable because each of its terms costs only n² operations. What f leaves
is removed by the polish. That a bidiagonal B allows this accurately is our own derivation.

Legend: ℓ ≤ σ_min(B), ‖B‖₂ ≤ 1; b, e = diagonal and superdiagonal of B; δ = max |1 − f|;
f(x) = m x + Σⱼ aⱼ x/(x² + cⱼ), j = 1, ..., r.
"""

from functools import cache
from math import ceil, frexp, log, pi
from typing import Any

from linalgx.backend import eps, find_kernel, host_array, host_float
from linalgx.orthogonal._weights import zolotarev_step
from linalgx.typing import Array, Namespace

DEFECT = {False: 1e-10, True: 1e-6}
"""δ by precision: what one Newton-Schulz step removes, in double precision with a product in
single precision."""

LEAST = {False: 2.0**-200, True: 2.0**-80}
"""Smallest ℓ by precision; it bounds r, and keeps 1/ℓ far from overflow."""


def within_reach(*, xp: Namespace) -> bool:
    """Whether both kernels exist; there is no generic code for them."""
    return all(find_kernel(name, xp) is not None for name in ("bidiagonalized", "bidiagonal_map"))


def bidiagonal_route(a: Array, *, xp: Namespace) -> Array | None:
    """Return U before polishing for one real matrix; ``None`` where that cannot be done."""
    reduce: Any = find_kernel("bidiagonalized", xp)
    apply: Any = find_kernel("bidiagonal_map", xp)
    b, e, expand = reduce(a)
    single = bool(a.dtype == xp.float32)
    b, e = (xp.astype(x, xp.float64) for x in (b, e))
    size = max(host_float(xp.max(xp.abs(b))), host_float(xp.max(xp.abs(e))))
    if not 0.0 < size < float("inf"):
        return None
    # ‖B‖₂ ≤ max|b| + max|e|. What replaces small bᵢ is far below the rounding errors of A.
    scale, floor = 0.5 / size, eps(a, xp=xp) ** 2
    b, e = b * scale, e * scale
    small = xp.abs(b) < floor
    if int(xp.count_nonzero(small)) > b.shape[0] // 16:
        # Where U may be anything, the reflectors make it a matrix of many equal elements, which
        # is hard to polish: rounding errors add up.
        return None
    b = xp.where(small, floor, b)
    u = apply(b, e, lambda lower: weights(lower, single), a.dtype)
    return None if u is None else expand(u)


def weights(lower: float, single: bool) -> tuple[float, Array, Array] | None:
    """Return m, a and c for ℓ = `lower`, or ``None`` where ℓ is too small."""
    if not lower >= LEAST[single]:
        return None
    return _weights(frexp(lower)[1] - 1, single)


@cache
def _weights(exponent: int, single: bool) -> tuple[float, Array, Array]:
    """For ℓ = 2^exponent, so that few tables are made; δ = 4 exp(−(2r + 1) π²/(2 log(4/ℓ)))."""
    lower = min(0.5, 2.0**exponent)
    terms = log(4.0 / DEFECT[single]) * log(4.0 / lower) / pi**2 - 0.5
    c, a, m = zolotarev_step(lower, 4 * ceil(terms / 4))
    return m, m * host_array(a), host_array(c[::2])
