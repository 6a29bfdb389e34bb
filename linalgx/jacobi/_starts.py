"""A start for one-sided Jacobi on large matrices, and steps that turn all pairs at once.

A rotation V₀ from a fast decomposition makes all columns of G = L V₀ orthogonal up to eps κ², or
eps κ; products with unitary matrices change each row of L by no more than its rounding errors,
which is harmless where the rows, scaled to unit norm, are well conditioned. What is left are small
angles, and those of all pairs fit into one unitary matrix, up to third order. Our construction.

Legend: C the cosines of the columns of G, X skew, sgn(d) c/(|d| + √(d² + |c|²)) with
d = (r − 1/r)/2 for columns whose norms have the ratio r, which is c/|c| times the tangent of the
angle, V = I + X + X²/2.
"""

from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, eigh, eps, gram, host_float, is_complex, svd
from linalgx.typing import Array, Namespace

STEPS = 3
"""Most steps; one is usual."""


def rotated(lower: Array, *, xp: Namespace) -> Array | None:
    """Return L V₀ for one lower triangular L, or ``None`` where no start is accurate enough."""
    d = xp.abs(xp.linalg.diagonal(lower))
    spread, unit = host_float(xp.min(d)) / host_float(xp.max(d)), eps(lower, xp=xp)
    if spread >= unit**0.375:
        _, v = eigh(gram(lower, xp=xp), xp=xp)
        return lower @ xp.flip(v, axis=-1)
    if spread >= unit**0.7:
        _, _, vh = svd(lower, xp=xp)
        return lower @ adjoint(vh, xp=xp)
    return None


def refined(g: Array, tol: float, *, xp: Namespace) -> tuple[Array, bool]:
    """Turn all pairs at once while the angles are small; also, whether all cosines meet `tol`."""
    for _ in range(STEPS):
        c, norms = cosines_of(g, xp=xp)
        if host_float(xp.max(xp.abs(c))) <= tol:
            return g, True
        x = _tangents(norms, c, xp=xp)
        if not host_float(frobenius(x, xp=xp)) <= eps(g, xp=xp) ** 0.25:
            return g, False
        step = g @ x
        g = g + (step + 0.5 * (step @ x))
    return g, False


def cosines_of(g: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return C without its diagonal, and the norms of the columns, which are no tiny ones."""
    c = gram(g, xp=xp)
    d = xp.linalg.diagonal(c)
    norms = xp.sqrt(xp.real(d) if is_complex(c, xp=xp) else d)
    weight = 1.0 / xp.astype(norms, c.dtype) if is_complex(c, xp=xp) else 1.0 / norms
    c = c * weight[:, None] * weight[None, :]
    return c * (1.0 - identity_like(c, xp=xp)), norms


def _tangents(norms: Array, c: Array, *, xp: Namespace) -> Array:
    """Return X of the rotations that make each pair orthogonal; zero for equal norms."""
    ratio = norms[None, :] / norms[:, None]
    d = 0.5 * (ratio - ratio.mT)
    square = xp.real(c) ** 2 + xp.imag(c) ** 2 if is_complex(c, xp=xp) else c * c
    size = xp.abs(d) + xp.sqrt(d * d + square)
    factor = xp.sign(d) / xp.where(size > 0, size, xp.ones_like(size))
    return c * (xp.astype(factor, c.dtype) if is_complex(c, xp=xp) else factor)
