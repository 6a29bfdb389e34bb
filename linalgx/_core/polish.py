"""One Newton-Schulz step towards the nearest isometry.

Legend: U nearly an isometry, G = UᴴU, e = ‖G − I‖_F; the step squares the error, e → ¾ e².
"""

from linalgx._core.norms import frobenius
from linalgx.backend import device_of, gram
from linalgx.typing import Array, Namespace


def identity_like(g: Array, *, xp: Namespace) -> Array:
    """Identity of the size, dtype and device of square matrices `g`."""
    return xp.eye(g.shape[-1], dtype=g.dtype, device=device_of(g))


def polish(u: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return ``U (3I − UᴴU)/2`` and the orthogonality defect e before the step, per matrix."""
    g = gram(u, xp=xp)
    eye = identity_like(g, xp=xp)
    defect = frobenius(g - eye, xp=xp)
    return u @ (1.5 * eye - 0.5 * g), defect
