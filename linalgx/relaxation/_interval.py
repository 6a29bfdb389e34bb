"""Where the spectrum of M⁻¹A lies, from a few products; for methods without inner products.

Legend: A, M Hermitian, M definite; Lanczos' method in the inner product of M⁻¹: v, z = M⁻¹v with
zᴴv = 1, T with α on the diagonal and β beside it. Two vectors at once, as columns.
"""

from math import isfinite

from linalgx.backend import as_generator, eps, standard_normal
from linalgx.relaxation._krylov import Apply, cast
from linalgx.relaxation._lanczos import length, ritz
from linalgx.relaxation._scalars import dots, fetch
from linalgx.relaxation._system import System
from linalgx.typing import Array, Namespace

STEPS = 10
SAFETY = 1.1
"""What the largest Ritz value is multiplied by: a spectrum that sticks out makes methods diverge,
10 % too much costs 5 % of the steps."""


def spectral_interval(apply: Apply, smooth: Array, system: System) -> tuple[float, float]:
    """Estimate the ends of the nonzero spectrum of M⁻¹A, the lower one from above.

    One vector is smooth, so that small eigenvalues show soon, and the other is noise.
    """
    xp = system.xp
    noise = standard_normal(tuple(smooth.shape), as_generator(0), like=smooth, xp=xp)
    start = xp.concat([smooth, noise], axis=1)
    low, high = float("inf"), 0.0
    for alphas, betas in _lanczos(apply, start, system, xp=xp):
        count = length(alphas, betas, 10.0 * eps(start, xp=xp))
        if count == 0 or not all(map(isfinite, alphas[:count] + betas[:count])):
            continue
        values, errors, _ = ritz(alphas[:count], betas[:count])
        high = max(high, SAFETY * values[-1], values[-1] + errors[-1])
        tiny = 100.0 * eps(start, xp=xp) * max(map(abs, values))
        low = min([low, *(value for value in values if abs(value) > tiny)])
    return low, high


def _lanczos(
    apply: Apply, start: Array, system: System, *, xp: Namespace
) -> list[tuple[list[float], list[float]]]:
    """Return α and β of both columns; the host is asked once."""
    v, rows = start, []
    z = apply(v)
    beta = xp.sqrt(xp.abs(dots(z, v, xp=xp)))
    v, z = (_over(y, beta, xp=xp) for y in (v, z))
    before, beside = xp.zeros_like(v), xp.zeros_like(beta)
    for _ in range(min(STEPS, start.shape[0])):
        w = system.product(z)
        alpha = dots(z, w, xp=xp)
        w = w - cast(alpha, w, xp=xp) * v - cast(beside, w, xp=xp) * before
        z = apply(w)
        beside = xp.sqrt(xp.abs(dots(z, w, xp=xp)))
        rows += [alpha, beside]
        before = v
        v, z = (_over(y, beside, xp=xp) for y in (w, z))
    found = fetch(rows, xp=xp)
    columns = list(zip(*found, strict=True))
    return [(list(column[0::2]), list(column[1::2])) for column in columns]


def _over(x: Array, size: Array, *, xp: Namespace) -> Array:
    """x/size, or zeros."""
    return x / cast(xp.where(size > 0, size, xp.ones_like(size)), x, xp=xp)
