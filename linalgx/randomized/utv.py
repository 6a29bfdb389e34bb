"""Rank-revealing factorization with a triangular middle factor.

Legend: A m x n, k = min(m, n); A = U T Vᴴ, U m x k, V n x k with orthonormal columns, T k x k upper
triangular with |t_jj| close to the singular values.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx._core.orthonormal import orthonormal
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import adjoint, as_generator, as_matrix, qr, standard_normal
from linalgx.randomized._blocked_utv import blocked
from linalgx.randomized._preconditioned_qr import positive_diagonal
from linalgx.typing import Array, Namespace, RNGLike


class UTVResult(NamedTuple):
    """Left basis as columns, upper triangular factor, right basis conjugated, as rows."""

    u: Array
    t: Array
    vh: Array


def utv(
    a: Array,
    /,
    *,
    method: str = "powerurv",
    power: int = 2,
    block_size: int | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> UTVResult:
    """Compute A = U T Vᴴ with a triangular T whose diagonal follows the singular values.

    A stand-in for the singular value decomposition where rank, range and null space matter more
    than the single values: made of products and QR decompositions, which parallel hardware
    does well. Leading columns of U and V span nearly what singular vectors span.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Any matrix; k = min(m, n).
    method : str
        ``"powerurv"``, or ``"randutv"``, which follows the singular values more closely, with
        diagonal blocks that are diagonal, at about the same cost.
    power : int
        Applications of AᴴA to the random vectors; each brings |t_jj| closer to σ_j.
    block_size : int, optional
        Columns that ``"randutv"`` treats at a time, 64 by default.
    rng : None, int, SeedSequence or Generator
        Source of the random vectors.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    UTVResult
        ``u``, shape (..., m, k), ``t``, shape (..., k, k), its diagonal real and not negative, and
        ``vh``, shape (..., k, n).

    Raises
    ------
    ValueError
        The method is not known, or a number is out of range.

    See Also
    --------
    qr : With column pivoting, for tall matrices.
    svd : Some leading singular values.

    Notes
    -----
    **Method.** PowerURV [1]_: V is an orthonormal basis of (AᴴA)^q G, G square and Gaussian, made
    orthonormal after each product, and A V = U T. randUTV [2]_ treats blocks of columns of what is
    left, T₂₂: block reflectors that begin with bases of (T₂₂ᴴT₂₂)^q T₂₂ᴴ G, G of `block_size`
    columns, and of the image under T₂₂, then the SVD of the leading block. The reflector
    I − X (I + H)⁻¹ Xᴴ for a basis Q with leading block WH (polar decomposition) has
    X = −(Q + [W; 0]); our construction.

    **Cost.** PowerURV (4q + 2) mnk flops in products and 2q + 2 QR decompositions; randUTV about
    (4q/3 + 8) k³ in products and a QR decomposition of `a`; eight times the memory of `a`, and
    thirteen times with ``"randutv"``.

    **Accuracy.** ‖A − U T Vᴴ‖₁ and the orthogonality of U and V below 30 units of n·eps. |t_jj|
    lies within a small factor of σ_j, down to eps·σ₁.

    **Backends.** See :doc:`/backends`; random vectors are drawn on the host.

    References
    ----------
    .. [1] PowerURV, arXiv:1812.06007.
    .. [2] randUTV, arXiv:1703.00998.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(40, cond=1e6, rng=0)
    >>> u, t, vh = lx.randomized.utv(a, rng=0)
    >>> ratio = np.diagonal(t) / np.geomspace(1, 1e-6, 40)
    >>> bool(ratio.max() < 2 and ratio.min() > 0.5)
    True
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    run = choose(method, METHODS, "method")
    power = admit_integer(power, "power", 0)
    block = 64 if block_size is None else admit_integer(block_size, "block_size", 1)
    generator = as_generator(rng)
    a, exponent = to_unit_scale(a, xp=xp)
    u, t, vh = run(a, power, block, generator, xp=xp)
    u, t = positive_diagonal(u, t, xp=xp)
    return UTVResult(u, from_unit_scale(t, exponent, xp=xp), vh)


def _power_urv(
    a: Array, power: int, block: int, rng: Any, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """PowerURV; wide matrices begin with AᴴG, so that V spans the row space."""
    m, n = a.shape[-2:]
    ah, k = adjoint(a, xp=xp), min(m, n)
    # The same draws for each matrix of a batch.
    v = standard_normal((k, k), rng, like=a, xp=xp)
    v = xp.broadcast_to(orthonormal(v, xp=xp)[0], (*a.shape[:-2], k, k))
    if m < n:
        v, _ = qr(ah @ v, xp=xp)
    for _ in range(power):
        v, _ = qr(a @ v, xp=xp)
        v, _ = qr(ah @ v, xp=xp)
    u, t = qr(a @ v, xp=xp)
    return u, t, adjoint(v, xp=xp)


def _rand_utv(
    a: Array, power: int, block: int, rng: Any, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Run randUTV on the square factor of a first QR decomposition."""
    if a.shape[-2] < a.shape[-1]:
        q, r = qr(adjoint(a, xp=xp), xp=xp)
        u, t, v = blocked(adjoint(r, xp=xp), power, block, rng, xp=xp)
        return u, t, adjoint(q @ v, xp=xp)
    q, r = qr(a, xp=xp)
    u, t, v = blocked(r, power, block, rng, xp=xp)
    return q @ u, t, adjoint(v, xp=xp)


METHODS: dict[str, Callable[..., tuple[Array, Array, Array]]] = {
    "powerurv": _power_urv,
    "randutv": _rand_utv,
}
