"""randUTV of a square matrix, block by block.

Legend: A = U T Vᴴ, n x n; T₂₂ what is left of T after the columns before `start`; b columns are
treated at a time. A block reflector is H = I − X (I + P)⁻¹ Xᴴ, X = −(Q + [W; 0]), with Q n x b
orthonormal and Q₁ = W P the polar decomposition of its first b rows: H is Hermitian and unitary,
and its first b columns are −Q Wᴴ. Our construction.
"""

from typing import Any, NamedTuple

from linalgx._core.polish import identity_like, polish
from linalgx.backend import adjoint, gram, inv, qr, standard_normal, svd
from linalgx.typing import Array, Namespace


class Reflector(NamedTuple):
    """X and X (I + P)⁻¹."""

    x: Array
    scaled: Array


def reflector(q: Array, *, xp: Namespace) -> Reflector:
    """Return the reflector whose first columns span what Q spans."""
    b = q.shape[-1]
    u, _, vh = svd(q[..., :b, :], xp=xp)
    w, _ = polish(u @ vh, xp=xp)  # products of factors are less accurate than W must be
    x = xp.concat([q[..., :b, :] + w, q[..., b:, :]], axis=-2)
    # I + P = XᴴX/2 up to rounding, and only the latter makes H unitary; its condition is ≤ 2.
    return Reflector(x, x @ inv(0.5 * gram(x, xp=xp), xp=xp))


def from_right(c: Array, h: Reflector, *, xp: Namespace) -> Array:
    """Return C H."""
    return c - (c @ h.scaled) @ adjoint(h.x, xp=xp)


def from_left(c: Array, h: Reflector, *, xp: Namespace) -> Array:
    """Return H C."""
    return c - h.scaled @ (adjoint(h.x, xp=xp) @ c)


def blocked(
    a: Array, power: int, block: int, rng: Any, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Return U, T and V."""
    n, t = a.shape[-1], a
    eye = xp.broadcast_to(identity_like(a, xp=xp), a.shape)
    u, v = eye, eye
    for start in range(0, n, block):
        width = min(block, n - start)
        rest = t[..., start:, start:]
        if start + width < n:
            h = _right_reflector(rest, width, power, rng, xp=xp)
            t, v = (
                _columns(c, start, from_right(c[..., :, start:], h, xp=xp), xp=xp) for c in (t, v)
            )
            g = reflector(qr(t[..., start:, start : start + width], xp=xp)[0], xp=xp)
            u = _columns(u, start, from_right(u[..., :, start:], g, xp=xp), xp=xp)
            t = _rows(t, start, from_left(t[..., start:, :], g, xp=xp), xp=xp)
        u, t, v = _diagonalized(u, t, v, start, width, xp=xp)
    return u, xp.triu(t), v


def _right_reflector(t: Array, width: int, power: int, rng: Any, *, xp: Namespace) -> Reflector:
    """Return the reflector that brings leading right singular vectors to the front."""
    th = adjoint(t, xp=xp)
    g = standard_normal((t.shape[-2], width), rng, like=t, xp=xp)
    q, _ = qr(th @ g, xp=xp)
    for _ in range(power):
        q, _ = qr(t @ q, xp=xp)
        q, _ = qr(th @ q, xp=xp)
    return reflector(q, xp=xp)


def _diagonalized(
    u: Array, t: Array, v: Array, start: int, width: int, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Make one diagonal block diagonal."""
    stop = start + width
    left, s, right = svd(t[..., start:stop, start:stop], xp=xp)
    back = adjoint(right, xp=xp)
    u, v, t = (
        xp.concat([c[..., :, :start], c[..., :, start:stop] @ w, c[..., :, stop:]], axis=-1)
        for c, w in ((u, left), (v, back), (t, back))
    )
    rows = adjoint(left, xp=xp) @ t[..., start:stop, :]
    # The block itself is known to be diagonal.
    place = identity_like(left, xp=xp) * xp.astype(s, t.dtype, copy=False)[..., None, :]
    zeros = xp.zeros_like(rows[..., :, :start])
    rows = xp.concat([zeros, place, rows[..., :, stop:]], axis=-1)
    return u, xp.concat([t[..., :start, :], rows, t[..., stop:, :]], axis=-2), v


def _columns(c: Array, start: int, new: Array, *, xp: Namespace) -> Array:
    """Replace the columns from `start` on."""
    return xp.concat([c[..., :, :start], new], axis=-1)


def _rows(c: Array, start: int, new: Array, *, xp: Namespace) -> Array:
    """Replace the rows from `start` on."""
    return xp.concat([c[..., :start, :], new], axis=-2)
