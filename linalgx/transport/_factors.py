"""From potentials to the diagonal factors of a scaled matrix, to the last digits.

exp(f) with |f| in the hundreds is wrong by hundreds of eps. So f is split: a power of two, with
which the matrix is multiplied exactly, and a factor u near one that Newton steps correct.

Legend: d1 = 2^e u, d2 = 2^h v, B = 2^e A 2^h, X = diag(u) B diag(v); r, c of sum one.
"""

from math import log
from typing import Any

from linalgx.backend import (
    device_of,
    eps,
    exponents,
    from_host,
    max_component,
    safe_min,
    times_power_of_two,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.transport._balance import newton_direction
from linalgx.transport._clipped import clipped
from linalgx.transport._patterns import Patterns
from linalgx.typing import Array, Namespace

LOG2 = log(2.0)
POLISHES = 2


def log_entries(a: Array, used: Array, *, xp: Namespace) -> Array:
    """Logarithms of the entries in use, −∞ for the others, relative to a power of four.

    The power is `even_exponent`. Entries that leave the range with it lose exactness, not value.
    """
    e = even_exponent(a, xp=xp)
    safe = xp.where(used, a, xp.ones_like(a))
    unit = times_power_of_two(safe, -e, xp=xp)
    small = unit < safe_min(a, xp=xp)
    shift = from_host(LOG2 * e, like=a, xp=xp, dtype=a.dtype)
    rough = xp.log(safe) - shift
    logs = xp.where(small, rough, xp.log(xp.where(small, xp.ones_like(unit), unit)))
    return xp.where(used, logs, xp.full_like(logs, -xp.inf))


def even_exponent(a: Array, *, xp: Namespace) -> Any:
    """Host exponents of powers of four near the largest entries, shape (k, 1, 1)."""
    return exponents(max_component(a, xp=xp)) // 2 * 2


def factors(
    a: Array,
    f: Array,
    g: Array,
    r: Array,
    c: Array,
    total: Array,
    patterns: Patterns | None,
    *,
    xp: Namespace,
) -> tuple[Array, Array, Array]:
    """Return d1, d2 and X from potentials of `log_entries`, for sums r and c times `total`."""
    half = 0.5 * xp.log(total)[:, None]
    f, g = _centred(f + half, g + half, r, c, patterns, xp=xp)
    same = _symmetric(a, r, c, xp=xp)
    f, g = _averaged(f, g, same, xp=xp)
    shift = even_exponent(a, xp=xp)[:, :, 0] // 2
    e, h = _whole(f, xp=xp), _whole(g, xp=xp)
    u, v = _rest(f, e, xp=xp), _rest(g, h, xp=xp)
    e, h = e - shift, h - shift
    b = times_power_of_two(a, e[:, :, None] + h[:, None, :], xp=xp)
    r, c = r * total[:, None], c * total[:, None]
    u, v = _polished(b, u, v, r, c, same, xp=xp)
    x = b * (u[:, :, None] * v[:, None, :])
    e, h = _within_range(e, h, a, xp=xp)
    d1 = times_power_of_two(u[:, :, None], e[:, :, None], xp=xp)[:, :, 0]
    d2 = times_power_of_two(v[:, :, None], h[:, :, None], xp=xp)[:, :, 0]
    return d1, d2, x


def _whole(f: Array, *, xp: Namespace) -> Any:
    """Nearest exponents of two, integers on the host; zero for what is not finite."""
    e = xp.round(f / LOG2)
    return to_host(xp.where(xp.isfinite(e), e, xp.zeros_like(e))).astype(int)


def _rest(f: Array, e: Any, *, xp: Namespace) -> Array:
    """exp(f)/2^e."""
    return xp.exp(f - LOG2 * from_host(e, like=f, xp=xp, dtype=f.dtype))


def _polished(
    b: Array, u: Array, v: Array, r: Array, c: Array, same: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Take Newton steps on the factors near one, and keep what lowers the error."""
    if b.shape[1] > b.shape[2]:  # unknowns are the fewer ones
        v, u = _polished(b.mT, v, u, c, r, same, xp=xp)
        return u, v
    best, least = (u, v), _error(b, u, v, r, c, xp=xp)
    total = xp.sum(r, axis=1)[:, None]
    for _ in range(POLISHES):
        v = v * (c / xp.sum(b * (u[:, :, None] * v[:, None, :]), axis=1))
        x = b * (u[:, :, None] * v[:, None, :]) / total[:, :, None]
        s = _row_steps(x, r / total, c / total, xp=xp)
        u = u * xp.exp(s)
        v = v * (c / xp.sum(b * (u[:, :, None] * v[:, None, :]), axis=1))
        u, v = _means(u, v, same, xp=xp)
        error = _error(b, u, v, r, c, xp=xp)
        better = (error < least)[:, None]
        best = xp.where(better, u, best[0]), xp.where(better, v, best[1])
        least = xp.where(better[:, 0], error, least)
    return best


def _row_steps(x: Array, r: Array, c: Array, *, xp: Namespace) -> Array:
    """Newton steps of the logarithms of u; none where the error is no rounding error."""
    gradient = r - xp.sum(x, axis=2)
    good = xp.sum(xp.abs(gradient), axis=1) < 1e-3
    gradient = xp.where(good[:, None], gradient, xp.zeros_like(gradient))
    x = xp.where(good[:, None, None], x, xp.ones_like(x))
    return clipped(newton_direction(x, gradient, r, c, xp=xp), -1.0, 1.0, xp=xp)


def _error(b: Array, u: Array, v: Array, r: Array, c: Array, *, xp: Namespace) -> Array:
    x = b * (u[:, :, None] * v[:, None, :])
    rows = xp.sum(xp.abs(xp.sum(x, axis=2) - r), axis=1)
    return rows + xp.sum(xp.abs(xp.sum(x, axis=1) - c), axis=1)


def _centred(
    f: Array, g: Array, r: Array, c: Array, patterns: Patterns | None, *, xp: Namespace
) -> tuple[Array, Array]:
    """Make ⟨r, f⟩ = ⟨c, g⟩ in each connected component of the pattern."""
    if patterns is None:
        shift = 0.5 * (xp.sum(c * g, axis=1) - xp.sum(r * f, axis=1))[:, None]
        return f + shift, g - shift
    count = int(xp.max(patterns.rows)) + 1
    labels = xp.arange(count, dtype=xp.int64, device=device_of(f))
    rows = xp.astype(patterns.rows[:, :, None] == labels[None, None, :], f.dtype)
    columns = xp.astype(patterns.columns[:, :, None] == labels[None, None, :], f.dtype)
    mass = xp.sum(r[:, :, None] * rows, axis=1)
    excess = xp.sum((c * g)[:, :, None] * columns, axis=1)
    excess = excess - xp.sum((r * f)[:, :, None] * rows, axis=1)
    shift = 0.5 * excess / xp.where(mass > 0.0, mass, xp.ones_like(mass))
    return (
        f + xp.sum(rows * shift[:, None, :], axis=2),
        g - xp.sum(columns * shift[:, None, :], axis=2),
    )


def _symmetric(a: Array, r: Array, c: Array, *, xp: Namespace) -> Array:
    """Mask (k, 1) of the symmetric matrices with equal row and column sums."""
    if a.shape[1] != a.shape[2]:
        return xp.zeros_like(r[:, :1]) > 0.0
    same = xp.all(a == a.mT, axis=(1, 2)) & xp.all(r == c, axis=1)
    return same[:, None]


def _averaged(f: Array, g: Array, same: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Make both equal where the problem is symmetric."""
    if f.shape[1] != g.shape[1]:
        return f, g
    mean = 0.5 * (f + g)
    return xp.where(same, mean, f), xp.where(same, mean, g)


def _means(u: Array, v: Array, same: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Make both equal where the problem is symmetric: geometric means."""
    if u.shape[1] != v.shape[1]:
        return u, v
    mean = xp.sqrt(u * v)
    return xp.where(same, mean, u), xp.where(same, mean, v)


def _within_range(e: Any, h: Any, a: Array, *, xp: Namespace) -> tuple[Any, Any]:
    """Shift exponents from one factor to the other until both are normal numbers."""
    high = 126 if eps(a, xp=xp) > 1e-10 else 1022
    low = -high + 2
    # d1 2^t and d2 2^-t are in range for t between these two.
    least = (low - e.min(axis=1)).clip(h.max(axis=1) - high)
    most = (high - e.max(axis=1)).clip(None, h.min(axis=1) - low)
    if (least > most).any():
        k = int((least > most).argmax())
        raise LinAlgError(
            f"the factors of a exist, but their ratio d1/d2 spans powers of two from "
            f"{int(e[k].min() - h[k].max())} to {int(e[k].max() - h[k].min())} (matrix {k}), "
            f"beyond the range of {a.dtype}; scale rows and columns of a first, or take "
            f"project_birkhoff(log a), which needs no factors"
        )
    t = (0 * least).clip(least, most)[:, None]
    return e + t, h - t
