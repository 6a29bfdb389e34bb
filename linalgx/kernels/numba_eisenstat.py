"""Conjugate gradients with the SSOR preconditioner in Eisenstat's form, on compressed rows.

With the diagonal scaled to ω, by S = (ω/D)^(1/2), A becomes K + Kᴴ − E with K = I + L and
E = 2 − ω. Conjugate gradients for K⁻¹ A K⁻ᴴ need two triangular solves a step and no product:

    p = r̂ + β p,  t = K⁻ᴴ p,  y = K⁻¹ (p − E t),  q = t + y,  x += α S t,  r̂ −= α q,

and r = S⁻¹ K r̂, an unscaled residual, costs half a product in the pass that updates r̂.

Legend: `lower`, `upper` are the strict triangles of S A S as (entries, columns, starts of rows);
`work` has the rows r̂, p, t, y; `scalars` holds rᴴz of this step and of the one before.
"""

from typing import Any

import numpy as np
from numba import njit

from linalgx.typing import Array

Triangle = tuple[Array, Array, Array]

RAN, INDEFINITE, BROKEN = 0, 1, 2

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def eisenstat_count(columns: Array, starts: Array) -> tuple[int, int]:
    """Count the entries below and above the diagonal."""
    found: tuple[int, int] = _count(columns, starts)
    return found


def eisenstat_split(a: Triangle, scale: Array, lower: Triangle, upper: Triangle) -> None:
    """Write the strict triangles of S A S; `a` has sorted rows without duplicates."""
    _split(*a, scale, *lower, *upper)


def eisenstat_start(lower: Triangle, r: Array, scale: Array, work: Array) -> float:
    """Write r̂ = K⁻¹ S r for a residual, and return ‖r̂‖²."""
    found: float = _start(*lower, r, scale, work)
    return found


def eisenstat_steps(
    lower: Triangle,
    upper: Triangle,
    scale: Array,
    shift: float,
    work: Array,
    x: Array,
    scalars: Array,
    bounds: tuple[float, float],
    largest: bool,
    norms: Array,
) -> tuple[int, int]:
    """Take up to ``len(norms)`` steps, and note ‖r‖ after each; the largest component if asked.

    Stops when ‖r‖ is at most the first bound or not at most the second, or at a breakdown.
    Returns how many steps were completed, and how they ended.
    """
    ended: tuple[int, int] = _steps(
        lower, upper, scale, shift, work, x, scalars, bounds[0], bounds[1], largest, norms
    )
    return ended


@_jit
def _count(columns, starts):  # type: ignore[no-untyped-def]
    low, up = 0, 0
    for i in range(starts.shape[0] - 1):
        for k in range(starts[i], starts[i + 1]):
            low += columns[k] < i
            up += columns[k] > i
    return low, up


@_jit
def _split(data, columns, starts, s, ld, lc, ls, ud, uc, us):  # type: ignore[no-untyped-def]
    low, up = 0, 0
    for i in range(s.shape[0]):
        ls[i], us[i] = low, up
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            if j < i:
                ld[low], lc[low] = data[k] * s[i] * s[j], j
                low += 1
            elif j > i:
                ud[up], uc[up] = data[k] * s[i] * s[j], j
                up += 1
    ls[s.shape[0]], us[s.shape[0]] = low, up


@_jit
def _start(ld, lc, ls, r, s, work):  # type: ignore[no-untyped-def]
    rh, total = work[0], 0.0
    for i in range(s.shape[0]):
        v = s[i] * r[i]
        for k in range(ls[i], ls[i + 1]):
            v -= ld[k] * rh[lc[k]]
        rh[i] = v
        total += _square(v)
    return total


@_jit
def _square(v):  # type: ignore[no-untyped-def]
    """|v|² in double precision."""
    re, im = np.float64(v.real), np.float64(v.imag)
    return re * re + im * im


@_jit
def _steps(lower, upper, s, shift, work, x, scalars, target, limit, largest, norms):  # type: ignore[no-untyped-def]
    rh, p, t, y = work[0], work[1], work[2], work[3]
    e = s.dtype.type(shift)
    rho, old = scalars[0], scalars[1]
    for k in range(norms.shape[0]):
        beta = rho / old if old > 0.0 else 0.0
        _backward(upper[0], upper[1], upper[2], rh, p, s.dtype.type(beta), t)
        curvature = _forward(lower[0], lower[1], lower[2], p, t, e, y)
        if not curvature > 0.0 or not curvature < np.inf:
            return k, INDEFINITE if curvature <= 0.0 else BROKEN
        alpha = s.dtype.type(rho / curvature)
        old = rho
        rho, norm = _update(lower[0], lower[1], lower[2], rh, t, y, alpha, x, s, largest)
        scalars[0], scalars[1], norms[k] = rho, old, norm
        if norm <= target or not norm <= limit:
            return k + 1, RAN
    return norms.shape[0], RAN


@_jit
def _backward(ud, uc, us, rh, p, beta, t):  # type: ignore[no-untyped-def]
    """Compute p = r̂ + β p and t = K⁻ᴴ p."""
    for i in range(p.shape[0] - 1, -1, -1):
        v = rh[i] + beta * p[i]
        p[i] = v
        k, first = np.uintp(us[i + 1]), np.uintp(us[i])
        while k > first:  # the newest t, i + 1, comes last: it is late
            k -= np.uintp(1)
            v -= ud[k] * t[np.uintp(uc[k])]
        t[i] = v


@_jit
def _forward(ld, lc, ls, p, t, e, y):  # type: ignore[no-untyped-def]
    """Compute y = K⁻¹ (p − E t), and return pᴴ (t + y)."""
    total = 0.0
    for i in range(p.shape[0]):
        v = p[i] - e * t[i]
        for k in range(np.uintp(ls[i]), np.uintp(ls[i + 1])):
            v -= ld[k] * y[np.uintp(lc[k])]
        y[i] = v
        v += t[i]
        total += np.float64(p[i].real * v.real + p[i].imag * v.imag)
    return total


@_jit
def _update(ld, lc, ls, rh, t, y, alpha, x, s, largest):  # type: ignore[no-untyped-def]
    """Take x += α S t and r̂ −= α (t + y); return ‖r̂‖² and the norm of r = S⁻¹ K r̂."""
    rho, size = 0.0, 0.0
    for i in range(rh.shape[0]):
        v = rh[i] - alpha * (t[i] + y[i])
        rh[i] = v
        x[i] += alpha * (s[i] * t[i])
        rho += _square(v)
        for k in range(np.uintp(ls[i]), np.uintp(ls[i + 1])):
            v += ld[k] * rh[np.uintp(lc[k])]
        part = _square(v / s[i])
        size = size + part if not largest else (size if part <= size else part)
    return rho, np.sqrt(size)
