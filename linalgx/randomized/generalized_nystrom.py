"""Low-rank approximation of any matrix from one look at it.

Legend: A m x n; Ω n x k and Y m x l random, k = rank + oversample, l = ⌈1.5 k⌉; Q an orthonormal
basis of the range of AΩ; G n x t, independent, measures the error.
"""

from math import ceil
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.orthonormal import orthonormal
from linalgx._core.together import factors_together
from linalgx.backend import as_generator, same_draws, standard_normal
from linalgx.randomized._one_pass import (
    PROBES,
    OnePassResult,
    admit_rank,
    estimated,
    projected,
    times_power,
)
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.typing import Array, MatrixLike, RNGLike


def generalized_nystrom(
    a: MatrixLike,
    /,
    rank: int,
    *,
    oversample: int | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> OnePassResult:
    """Approximate a matrix by one of low rank from one look at it, from the right and the left.

    For matrices whose entries pass by only once, or when both products can be computed at the same
    time. Where a second look is possible, `svd` is more accurate.

    Parameters
    ----------
    a : array, shape (..., m, n), sparse container, LinearOperator or LinearMap
        Any matrix.
    rank : int
        Singular values to be kept, between 1 and min(m, n).
    oversample : int, optional
        Further vectors to multiply with from the right, 10 by default; from the left there are
        half as many again.
    rng : None, int, SeedSequence or Generator
        Source of the random vectors.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    OnePassResult
        ``u``, shape (..., m, rank), ``s``, shape (..., rank), descending, ``vh``,
        shape (..., rank, n), and ``error``, a number, or an array for a batch. The largest
        component of each left singular vector is real and positive.

    Raises
    ------
    ValueError
        `rank` is out of range.
    LinAlgError
        A product is not finite.

    See Also
    --------
    StreamingSketch : For matrices that arrive as a sum.
    nystrom : For positive semidefinite matrices.

    Notes
    -----
    **Method.** A ≈ AΩ (YᴴAΩ)⁺ YᴴA [1]_, computed as Q (YᴴQ)⁺ YᴴA with AΩ = QR, which is the same
    and needs no pseudoinverse: the condition number of YᴴQ does not depend on A. The product is
    truncated to `rank`. The error is measured with 16 more Gaussian vectors in the same block.

    **Cost.** One product with k + 16 vectors and one of the adjoint with 1.5 k, where
    k = rank + oversample; 7 (m + n) k² flops; four blocks of those sizes.

    **Accuracy.** Factors are orthonormal to a few n·eps. The mean squared error before truncation
    is at most (1 + k/(l − k − 1))(1 + r/(k − r − 1)) times that of the best approximation of any
    rank r < k − 1. The standard deviation of the estimate is at most 18 %, a few per cent as
    a rule.

    **Backends.** See :doc:`/backends`; random vectors are drawn on the host.

    References
    ----------
    .. [1] Nakatsukasa, 2020, arXiv:2009.11392.
    .. [2] Tropp, Yurtsever, Udell and Cevher, 2017, arXiv:1609.00048.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.diag(0.1 ** np.arange(50.0))
    >>> u, s, vh, error = lx.randomized.generalized_nystrom(a, 3, rng=0)
    >>> print(s.round(4), error < 2e-3)
    [1.   0.1  0.01] True
    """
    operands, batch = admit_operands(a, "a", check_finite=check_finite)
    rank = admit_rank(rank, operands[0].shape)
    extra = 10 if oversample is None else admit_integer(oversample, "oversample", 0)
    columns = min(rank + extra, *operands[0].shape)
    draws = same_draws(as_generator(rng), len(operands))
    pairs = zip(operands, draws, strict=True)
    results = [_one_look(operand, rank, columns, own) for operand, own in pairs]
    return factors_together(results, batch, xp=operands[0].xp) if batch else results[0]


def _one_look(operand: Operand, rank: int, columns: int, rng: Any) -> OnePassResult:
    """Treat one matrix."""
    xp, n = operand.xp, operand.shape[1]
    omega = standard_normal((n, columns + PROBES), rng, like=operand.like, xp=xp)
    y = _left_vectors(operand, ceil(1.5 * columns), rng)
    seen, w = operand.times(omega), operand.adjoint_times(y)
    q, _ = orthonormal(seen[:, :columns], xp=xp)
    u, s, vh = projected(q, y, w, xp=xp)
    error = estimated(seen[:, columns:], omega[:, columns:], u, s, vh, rank, xp=xp)
    s = operand.unscaled(s[None, :rank])[0, :]
    return OnePassResult(u[:, :rank], s, vh[:rank, :], times_power(error, operand.exponent))


def _left_vectors(operand: Operand, count: int, rng: Any) -> Array:
    """Draw Y; made orthonormal where it is nearly square, so that YᴴQ stays well conditioned."""
    m = operand.shape[0]
    y = standard_normal((m, min(count, m)), rng, like=operand.like, xp=operand.xp)
    return orthonormal(y, xp=operand.xp)[0] if 2 * count > m else y
