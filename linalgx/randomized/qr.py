"""QR decomposition of tall matrices, by products and small factorizations.

Legend: A m x n, tall; P the permutation that takes column p_j to place j; A P = Q R.
"""

from typing import NamedTuple

from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import as_generator, as_matrix, qr_pivoted
from linalgx.backend import qr as library_qr
from linalgx.randomized._preconditioned_qr import cholesky_or_sketch, cqrrpt, positive_diagonal
from linalgx.typing import Array, RNGLike


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangular factor."""

    q: Array
    r: Array


class PivotedQRResult(NamedTuple):
    """Orthonormal columns, an upper triangular factor, and the order of the columns."""

    q: Array
    r: Array
    p: Array


def qr(
    a: Array,
    /,
    *,
    pivoting: bool = False,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> QRResult | PivotedQRResult:
    """Compute the reduced QR decomposition of a tall matrix, with pivoting where that is wanted.

    For matrices with many more rows than columns, where matrix products are far faster than
    Householder reflections column by column. With pivoting the first columns of Q span the range
    of a rank-deficient matrix, and |r_jj| estimates what each column adds.

    Parameters
    ----------
    a : array, shape (m, n)
        One matrix of any rank. It should be at least twice as tall as wide; others are
        decomposed by the library.
    pivoting : bool
        Whether to choose the order of the columns, largest first.
    rng : None, int, SeedSequence or Generator
        Source of the sketch, for pivoting and for condition numbers above 1/√eps.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    QRResult or PivotedQRResult
        ``q``, shape (m, k), and ``r``, shape (k, n), k = min(m, n), with A = Q R; with pivoting
        also the integers ``p``, shape (n,), with ``a[:, p]`` = Q R. The diagonal of R is real and
        not negative. Where A is rank-deficient, Q is completed to orthonormal columns.

    Raises
    ------
    ValueError
        `a` is a batch.

    See Also
    --------
    interpolative : A few columns only.
    utv : A triangular factor whose diagonal follows the singular values.

    Notes
    -----
    **Method.** Cholesky QR: AᴴA = RᴴR, Q = A R⁻¹, twice. For condition numbers above 1/√eps, QR
    of a sparse sketch S A with ⌈1.5 n⌉ rows or a few more gives a factor R_s, and A R_s⁻¹ is so
    well conditioned that one Cholesky QR does; Householder reflections where A is singular. With
    pivoting [1]_: the sketch is decomposed with pivots, and of the columns those up to its
    numerical rank are treated like that. What is left of the others is decomposed in the space
    orthogonal to the first.

    **Cost.** 4 m n² flops in products, and with a sketch 3 m n² + O(n³); three times the memory of
    `a`, with pivoting four times, and six times where `a` has not full rank.

    **Accuracy.** ``qr_ratios`` below 30 for any condition number. The pivots are those of the
    sketch: |r_jj| decreases up to a factor near one.

    **Backends.** See :doc:`/backends`; pivoted QR of the sketch runs on the host.

    References
    ----------
    .. [1] CQRRPT, arXiv:2311.08316.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(400, 20, cond=1e12, rng=0)
    >>> q, r, p = lx.randomized.qr(a, pivoting=True, rng=0)
    >>> max(lx.testing.qr_ratios(a[:, p], q, r)) < 30
    True
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    if a.ndim != 2:
        raise ValueError(f"a must be one matrix, shape (m, n), got shape {tuple(a.shape)}")
    generator = as_generator(rng)
    a, exponent = to_unit_scale(a, xp=xp)
    tall = a.shape[0] >= 2 * a.shape[1] + 16 and a.shape[1] > 0
    if not pivoting:
        q, r = cholesky_or_sketch(a, generator, xp=xp) if tall else library_qr(a, xp=xp)
        q, r = positive_diagonal(q, r, xp=xp)
        return QRResult(q, from_unit_scale(r, exponent, xp=xp))
    q, r, p = cqrrpt(a, generator, xp=xp) if tall else qr_pivoted(a, xp=xp)
    q, r = positive_diagonal(q, r, xp=xp)
    return PivotedQRResult(q, from_unit_scale(r, exponent, xp=xp), p)
