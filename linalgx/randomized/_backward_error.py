"""The backward error of a least-squares solution, from a sketch of the matrix.

Legend: Ã the matrix with columns scaled to unit norm, S Ã = U diag(s) Vᴴ, R = B − Ã X̃,
θ = ‖Ã‖_F/‖b‖. The backward error of a column x̃ is the least ‖[ΔA, θ Δb]‖_F for which it solves the
changed problem; with g = θ/√(1 + θ²‖x̃‖²) it is, within a factor of √2 and the distortion of the
sketch, g ‖(s² + g²‖r‖²)^(−1/2) Vᴴ Ãᴴ r‖. It is given relative to ‖Ã‖_F.
"""

from linalgx.typing import Array, Namespace


def backward_error(z: Array, s: Array, r: Array, x: Array, b: Array, *, xp: Namespace) -> Array:
    """Estimate the relative backward error of each column, shape (1, k).

    `z` is Vᴴ Ãᴴ R, `s` a column; `r`, `x` and `b` are norms of the columns of R, X̃ and B. Where
    b = 0, and so x = 0, the error is zero.
    """
    size = xp.linalg.vector_norm(s)
    g = _reciprocal(xp.hypot(b * _reciprocal(size, xp=xp), x), xp=xp)
    weight = _reciprocal(xp.hypot(s, g * r), xp=xp)
    error = xp.linalg.vector_norm(weight * xp.abs(z), axis=0, keepdims=True)
    return g * error * _reciprocal(size, xp=xp)


def _reciprocal(x: Array, *, xp: Namespace) -> Array:
    """Return 1/x, and 0 for 0."""
    zero = x == 0
    return xp.where(zero, xp.zeros_like(x), 1.0 / xp.where(zero, xp.ones_like(x), x))
