"""Splitting a matrix into a bounded part and its outliers.

Legend: t the quantile of the absolute values |a_ij| of one matrix; B the inliers, O the outliers.
"""

from math import floor
from typing import NamedTuple

from linalgx._core.admit import admit_real
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import as_matrix, is_complex
from linalgx.typing import Array, Namespace

__all__ = ["SoftClipResult", "soft_clip"]


class SoftClipResult(NamedTuple):
    """Inliers and outliers of a matrix, which add up to it."""

    inliers: Array
    outliers: Array


def soft_clip(a: Array, /, quantile: float = 0.9, *, check_finite: bool = True) -> SoftClipResult:
    """Split a matrix into entries of bounded size and what exceeds the bound.

    Gradients have a few very large entries, and orthogonalization spreads each of them over the
    whole matrix. ROOT orthogonalizes the inliers only and treats the outliers separately.

    Parameters
    ----------
    a : array, shape (..., m, n)
        Real or complex.
    quantile : float
        Share of the entries that stay whole, in [0, 1].
    check_finite : bool
        Raise when `a` holds NaN or Inf.

    Returns
    -------
    inliers : Array
        B, with each |b_ij| at most t: entries above t in size are shortened to t, keeping
        their sign or phase.
    outliers : Array
        O = A − B, zero where |a_ij| ≤ t. In floating-point arithmetic
        ``inliers + outliers == a`` holds for every entry.

    Raises
    ------
    ValueError
        `quantile` outside [0, 1], not a matrix, or not finite.
    TypeError
        A dtype or kind of `a` that is not accepted.

    See Also
    --------
    orthogonalize : What the inliers are for.

    Notes
    -----
    **Method.** O = sign(A) max(|A| − t, 0) and B = A − O [1]_, with t per matrix. Of the N
    absolute values in ascending order t is the one at position q(N − 1), counted from 0, with
    linear interpolation between neighbours. The published step adds 1e-9 to t; we do not, so
    that the split commutes with scaling.

    **Cost.** A sort of each matrix; at most five arrays like `a` at a time, the results among them.

    **Accuracy.** Where rounding would break B + O = A, an inlier takes the difference A − O,
    which is exact; it then differs from t by at most one unit of rounding of a_ij.

    **Backends.** See :doc:`/backends`; one synchronisation, for the exponent of complex `a`.

    References
    ----------
    .. [1] ROOT: robust orthogonalized optimizer, arXiv:2511.20626.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> inliers, outliers = lx.orthogonal.soft_clip(np.array([[1.0, -2.0, 9.0]]), 0.5)
    >>> print(inliers, outliers)
    [[ 1. -2.  2.]] [[0. 0. 7.]]
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    quantile = admit_real(quantile, "quantile", 0.0, 1.0, ends="[]")
    if 0 in a.shape:
        return SoftClipResult(xp.zeros_like(a), xp.zeros_like(a))
    inliers = _shorten(a, quantile, xp=xp)
    outliers = a - inliers
    exact = inliers + outliers == a
    return SoftClipResult(xp.where(exact, inliers, a - outliers), outliers)


def _shorten(a: Array, q: float, *, xp: Namespace) -> Array:
    """Shorten what exceeds the quantile, keeping sign or phase."""
    if not is_complex(a, xp=xp):
        bound = _quantile(xp.abs(a), q, xp=xp)
        return xp.minimum(xp.maximum(a, -bound), bound)
    scaled, _ = to_unit_scale(a, xp=xp)  # the absolute value of a complex number may overflow
    size = xp.abs(scaled)
    bound = _quantile(size, q, xp=xp)
    long = size > bound
    ratio = bound / xp.where(long, size, xp.ones_like(size))
    return xp.where(long, a * ratio, a)


def _quantile(size: Array, q: float, *, xp: Namespace) -> Array:
    """Quantile of each matrix with linear interpolation, shape (..., 1, 1).

    By sorting: the array standard has no quantile and no partition.
    """
    count = size.shape[-2] * size.shape[-1]
    ordered = xp.sort(xp.reshape(size, (*size.shape[:-2], 1, count)), axis=-1)
    position = q * (count - 1)
    k = min(floor(position), count - 2) if count > 1 else 0
    after = min(k + 1, count - 1)
    low, high = ordered[..., k : k + 1], ordered[..., after : after + 1]
    return low + (position - k) * (high - low)
