"""Random vectors that probe a matrix: of independent signs, or uniform on a sphere.

Legend: ω a column of Ω, n x k; E ωωᴴ = I, and ‖ω‖² = n for both kinds.
"""

from math import pi
from typing import Any

from linalgx.backend import is_complex, standard_normal, uniform
from linalgx.typing import Array, Namespace


def random_signs(n: int, k: int, rng: Any, *, like: Array, xp: Namespace) -> Array:
    """Draw entries ±1, or of modulus one with uniform phases when `like` is complex."""
    turn = uniform((n, k), rng, like=like, xp=xp)
    if is_complex(like, xp=xp):
        return xp.exp(xp.astype(turn, like.dtype) * (2j * pi))
    return xp.where(turn < 0.5, -xp.ones_like(turn), xp.ones_like(turn))


def on_sphere(n: int, k: int, rng: Any, *, like: Array, xp: Namespace) -> Array:
    """Draw columns of length √n in uniform directions."""
    x = standard_normal((n, k), rng, like=like, xp=xp)
    length = xp.linalg.vector_norm(x, axis=0, keepdims=True)
    return x * xp.astype(n**0.5 / length, x.dtype, copy=False)
