"""Roots of a residual polynomial that is learned from a Krylov space, and used elsewhere.

Legend: T the tridiagonal matrix of K Lanczos steps, T_k its leading part, β_k the entry below it;
r(λ) = ∏ (1 − λ/θ) the residual polynomial with roots θ; x, ω nodes and weights of the Gauss rule
that T is, so that Σ ω r(x)² is the squared residual.
"""

from math import ceil, log, log10

from linalgx._core.polish import identity_like
from linalgx.backend import eigh, host_array, namespace_of
from linalgx.relaxation._definite import Tridiagonal, ends

ENOUGH = 1e-4
"""Relative residual from which on further roots would only follow rounding errors."""
SAME = 1e-7
"""Relative distance that a copy of a root counts for in its order."""


def learned_roots(t: Tridiagonal, most: int, eps: float) -> list[float]:
    """Roots of the best residual polynomial of degree at most `most`, in Leja order.

    It is below 1 on all of the spectrum that the larger T sees, hence 1 − r positive there.
    """
    _, high = ends(t)
    nodes, _, vectors = t.eigen()
    points = [*nodes, high]
    weights = (vectors[0, :] ** 2).tolist()
    roots: list[float] = []
    for k in range(1, min(most, len(t.alpha)) + 1):
        tried = harmonic(t, k)
        if tried[0] <= 0.0:
            continue
        tried += copies(tried, eps)
        values = [residual(x, tried) for x in points]
        if max(values) < 1.0 and len(tried) <= most:
            roots = tried
        if sum(w * r * r for w, r in zip(weights, values, strict=False)) <= ENOUGH**2:
            break
    return leja(roots)


def copies(roots: list[float], eps: float) -> list[float]:
    """Roots to take once more: r is so steep there that rounding would blow up.

    Without its own factor, r is 10^m at the root; one copy for each eps that 10^(m − 4) is above
    1, with two digits to spare.
    """
    more = []
    for root in roots:
        steep = sum(log10(abs(1.0 - root / x)) for x in roots if x != root)
        more += [root] * max(0, ceil((steep - 4.0) / (-log10(eps) - 2.0)))
    return more


def residual(x: float, roots: list[float]) -> float:
    """r(x)."""
    value = 1.0
    for root in roots:
        value *= 1.0 - x / root
    return value


def harmonic(t: Tridiagonal, k: int) -> list[float]:
    """Harmonic Ritz values: eigenvalues of diag w + β_k² u uᵀ, u = w^(−1/2) Vᵀ e_k, T_k = V w Vᵀ.

    They are the roots of the residual polynomial of least norm; those of CG's own polynomial, the
    Ritz values, may leave it above 1 in between.
    """
    values, _, v = t.eigen(k)
    if not values[0] > 0.0:
        return [0.0]
    w = host_array(values)
    u = t.beta[k - 1] * v[-1, :] / w**0.5
    xp = namespace_of(w)
    theta, _ = eigh(identity_like(v, xp=xp) * w + u[:, None] * u[None, :], xp=xp)
    roots: list[float] = theta.tolist()
    return roots


def leja(points: list[float]) -> list[float]:
    """Order in which each point is as far as possible, in the product, from those before."""
    rest, ordered = sorted(points, key=abs), []
    far = [0.0] * len(rest)
    while rest:
        best = max(range(len(rest)), key=lambda i: (far[i], i))
        ordered.append(rest.pop(best))
        far.pop(best)
        # Copies come late, but not last: the product of all others has grown enough by then.
        gaps = [max(abs(x - ordered[-1]), SAME * abs(x)) for x in rest]
        far = [f + log(gap) for f, gap in zip(far, gaps, strict=True)]
    return ordered
