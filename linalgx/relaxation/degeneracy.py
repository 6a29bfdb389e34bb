"""Directions that a registration problem says little about, and a preconditioner that knows them.

Legend: H = [[R, X], [Xᴴ, T]] the Hessian, R for rotations and T for translations; S_R = R − X T⁺ Xᴴ
and S_T = T − Xᴴ R⁺ X its Schur complements; λ, V eigenvalues and eigenvectors of either, λ_max the
largest of the same block; κ_t the condition number that the preconditioner leaves to a block.
"""

from typing import NamedTuple

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.hermitian import require_hermitian, rounding
from linalgx._core.norms import frobenius
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import (
    adjoint,
    as_matrix,
    device_of,
    eigh,
    hermitian,
    host_float,
    times_power_of_two,
)
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace

__all__ = ["DegeneracyResult", "degeneracy"]


class DegeneracyResult(NamedTuple):
    """What `degeneracy` finds; column j of `directions` belongs to entry j of the others.

    Attributes
    ----------
    degenerate : Array of bool, shape (..., n)
        Whether the direction is degenerate.
    directions : Array, shape (..., n, n)
        Orthonormal eigenvectors of the Schur complements, rotations first. Column j is the one
        that lies nearest to axis j, and points the same way.
    preconditioner : Array, shape (..., n, n)
        Approximate inverse of `h` for conjugate gradients.
    eigenvalues : Array, shape (..., n)
        Eigenvalues of the Schur complements.
    """

    degenerate: Array
    directions: Array
    preconditioner: Array
    eigenvalues: Array


def degeneracy(
    h: Array,
    /,
    *,
    split: int = 3,
    threshold: float = 10.0,
    target: float = 10.0,
    check_finite: bool = True,
) -> DegeneracyResult:
    """Find the degenerate directions of a Hessian of rotations and translations.

    In a corridor, point clouds say nothing about the motion along it, and the 6 x 6 systems of
    their registration are close to singular. The whole spectrum mixes radians and metres; the
    Schur complements keep them apart, each with the other taken out.

    Parameters
    ----------
    h : array, shape (..., n, n)
        Hermitian positive semidefinite, 6 x 6 for motions in space.
    split : int
        Order of the first block, R.
    threshold : float
        A direction is degenerate when λ_max/λ is above it.
    target : float
        κ_t: eigenvalues of degenerate directions count as λ_max/κ_t in the preconditioner.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    DegeneracyResult
        ``degenerate``, ``directions``, ``preconditioner``, ``eigenvalues``.

    Raises
    ------
    ValueError
        `h` is not Hermitian, or a number is out of range.
    LinAlgError
        `h` has a negative eigenvalue.

    See Also
    --------
    cg : Takes the preconditioner; the Hessian and its minimiser stay as they are.

    Notes
    -----
    **Method.** The eigenvalues of S_R and of S_T are compared with the largest of the same block.
    The preconditioner is block diagonal, V diag(λ̃)⁻¹ Vᴴ of each block with λ̃ = λ, for degenerate
    directions λ_max/κ_t. Eigenvectors are given to axes greedily, by their largest component.
    Pseudo-inverses replace the inverses in S where a block is
    singular; a block that is zero gets the scale of the other one (both are our choice).

    **Cost.** Six small eigendecompositions and a dozen products for each matrix, all batched.

    **Accuracy.** Eigenvalues to about max(n, 10)·eps·‖H‖; below that they count as zero.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Hu et al., DCReg, arXiv 2509.06285, 2025.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> h = np.diag([5.0, 4.0, 3.0, 1e-4, 2.0, 2.0])
    >>> found = lx.relaxation.degeneracy(h)
    >>> print(found.degenerate)
    [False False False  True False False]
    """
    xp, h = as_matrix(h, "h", square=True, check_finite=check_finite)
    n = h.shape[-1]
    split = admit_integer(split, "split", 0)
    if split > n:
        raise ValueError(f"split must lie in [0, {n}] for h of order {n}, got {split}")
    threshold = admit_real(threshold, "threshold", 1.0)
    target = admit_real(target, "target", 1.0)
    h, exponent = to_unit_scale(h, xp=xp)
    h = require_hermitian(h, "h", xp=xp)
    size = frobenius(h, xp=xp, keepdims=True)
    r, x, t = h[..., :split, :split], h[..., :split, split:], h[..., split:, split:]
    floor = rounding(h, xp=xp) * size
    pieces = [
        _block(s, floor, size, threshold, target, xp=xp)
        for s in (_schur(r, x, t, floor, xp=xp), _schur(t, adjoint(x, xp=xp), r, floor, xp=xp))
    ]
    w, degenerate, v, inverse = zip(*pieces, strict=True)
    return DegeneracyResult(
        xp.concat(degenerate, axis=-1),
        _diagonal(*v, xp=xp),
        times_power_of_two(_diagonal(*inverse, xp=xp), -exponent, xp=xp),
        times_power_of_two(xp.concat(w, axis=-1)[..., None], exponent, xp=xp)[..., 0],
    )


def _schur(r: Array, x: Array, t: Array, floor: Array, *, xp: Namespace) -> Array:
    """R − X T⁺ Xᴴ; eigenvalues of T at rounding level count as zero."""
    if 0 in x.shape:
        return r
    w, v = eigh(t, xp=xp)
    zero = w <= floor[..., 0]
    y = x @ v
    scaled = xp.where(zero, xp.zeros_like(w), 1.0 / xp.where(zero, xp.ones_like(w), w))
    return hermitian(r - (y * scaled[..., None, :]) @ adjoint(y, xp=xp), xp=xp)


def _block(
    s: Array, floor: Array, size: Array, threshold: float, target: float, *, xp: Namespace
) -> tuple[Array, Array, Array, Array]:
    """Eigenvalues, which are degenerate, aligned eigenvectors, and the inverse of a block."""
    w, v = eigh(s, xp=xp)
    if 0 in w.shape:
        return w, w != w, v, s
    if not bool(xp.all(w >= -10.0 * floor[..., 0])):
        lowest = host_float(xp.min(w / size[..., 0]))
        raise LinAlgError(
            f"h is not positive semidefinite: a Schur complement has an eigenvalue of "
            f"{lowest:.1e} times ‖H‖"
        )
    w, v = _aligned(xp.where(w > floor[..., 0], w, xp.zeros_like(w)), v, xp=xp)
    top = xp.max(w, axis=-1, keepdims=True)
    degenerate = w * threshold < top
    empty = top == 0.0
    degenerate = degenerate | empty
    spare = xp.where(size[..., 0] > 0.0, size[..., 0], xp.ones_like(size[..., 0]))
    clamped = xp.where(degenerate, xp.where(empty, spare, top) / target, w)
    return w, degenerate, v, (v / clamped[..., None, :]) @ adjoint(v, xp=xp)


def _aligned(w: Array, v: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Give each eigenvector, the clearest first, to the free axis of its largest component."""
    k = w.shape[-1]
    axis = xp.arange(k, dtype=xp.int64, device=device_of(w))
    free = xp.abs(v)
    order = xp.zeros_like(free)
    for _ in range(k):
        place = xp.argmax(xp.reshape(free, (*w.shape[:-1], k * k)), axis=-1)[..., None]
        row, column = axis == place // k, axis == place % k
        chosen = row[..., :, None] & column[..., None, :]
        order = xp.where(chosen, xp.ones_like(order), order)
        taken = row[..., :, None] | column[..., None, :]
        free = xp.where(taken, -xp.ones_like(free), free)
    # order[i, j] = 1: axis i is that of eigenvector j.
    w = xp.sum(order * w[..., None, :], axis=-1)
    v = v @ xp.astype(order.mT, v.dtype)
    d = xp.linalg.diagonal(v)
    size = xp.abs(d)
    one = xp.ones_like(d)
    turn = xp.where(size > 0.0, xp.conj(d) / xp.where(size > 0.0, size, xp.ones_like(size)), one)
    return w, v * turn[..., None, :]


def _diagonal(a: Array, b: Array, *, xp: Namespace) -> Array:
    """Block diagonal matrix of two blocks."""
    upper = xp.zeros((*a.shape[:-1], b.shape[-1]), dtype=a.dtype, device=device_of(a))
    lower = xp.zeros((*b.shape[:-1], a.shape[-1]), dtype=a.dtype, device=device_of(a))
    return xp.concat([xp.concat([a, upper], axis=-1), xp.concat([lower, b], axis=-1)], axis=-2)
