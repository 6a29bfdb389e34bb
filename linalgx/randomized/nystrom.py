"""Low-rank approximation of a positive semidefinite matrix from one look at it.

Legend: A n x n; Ω n x l, orthonormal; Y = AΩ; A ≈ F Fᴴ − νI on the range of F, see `_nystrom`;
G n x t, independent, measures the error.
"""

from typing import Any, NamedTuple

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.orthonormal import orthonormal
from linalgx._core.signs import fix_signs
from linalgx._core.together import factors_together
from linalgx.backend import adjoint, as_generator, same_draws, standard_normal, svd
from linalgx.randomized._nystrom import require_hermitian_sketch, shifted_factor
from linalgx.randomized._one_pass import PROBES, admit_rank, estimated, times_power
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.typing import Array, MatrixLike, RNGLike


class NystromResult(NamedTuple):
    """Leading eigenvalues, ascending, eigenvectors as columns, and the estimated error.

    `error` estimates ‖A − V diag(w) Vᴴ‖_F, by vectors that the approximation has not seen.
    """

    w: Array
    v: Array
    error: float


def nystrom(
    a: MatrixLike,
    /,
    rank: int,
    *,
    shift: float | None = None,
    oversample: int | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> NystromResult:
    """Approximate a positive semidefinite matrix by one of low rank from a single block product.

    For kernel, covariance and Hessian matrices that are too large or too costly to be multiplied
    with twice. Each product counts for more than in `eigh`, which looks at the matrix several
    times, is more accurate where eigenvalues decay slowly, and takes indefinite matrices.

    Parameters
    ----------
    a : array, shape (..., n, n), sparse container, LinearOperator or LinearMap
        Hermitian positive semidefinite up to rounding. No adjoint is needed.
    rank : int
        Eigenvalues to be kept, between 1 and n.
    shift : float, optional
        ν, in the units of `a`. ``None`` takes the rounding error of `a`, and ten times as much, up
        to five times, while the compressed matrix is not positive definite.
    oversample : int, optional
        Further vectors to multiply with, 10 by default.
    rng : None, int, SeedSequence or Generator
        Source of the random vectors.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    NystromResult
        ``w``, shape (..., rank), ascending and not negative, ``v``, shape (..., n, rank), and
        ``error``, a number, or an array for a batch. The largest component of each eigenvector is
        real and positive.

    Raises
    ------
    ValueError
        `a` is not Hermitian, or `rank` is out of range.
    LinAlgError
        `a` is not positive semidefinite, or a product is not finite.

    See Also
    --------
    eigh : Several looks at the matrix; indefinite matrices.
    pivoted_cholesky : From a few columns, without products.

    Notes
    -----
    **Method.** Y = (A + νI) Ω with an orthonormal basis Ω of l = rank + oversample Gaussian
    vectors, ΩᴴY = RᴴR, F = Y R⁻¹; singular values σ and left vectors of F give σ² − ν and V, as in
    [1]_. The error is that of `rank` terms, measured with 16 more Gaussian vectors in the same
    block.

    **Cost.** One product with l + 16 vectors and 6 n l² flops; four blocks of that size.

    **Accuracy.** V has orthonormal columns to a few n·eps; before truncation the mean error in the
    trace norm is at most 1 + rank/(oversample − 1) times the sum of the eigenvalues left out.
    Nothing below ν ≈ eps·‖A‖ is found. The standard deviation of the estimate is at most 18 %, a
    few per cent as a rule.

    **Backends.** See :doc:`/backends`; random vectors are drawn on the host.

    References
    ----------
    .. [1] Epperly, Tropp and Webber, 2023, arXiv:2301.07825.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> w, v, error = lx.randomized.nystrom(np.diag(0.1 ** np.arange(50.0)), 3, rng=0)
    >>> print(w.round(4), error < 2e-3)
    [0.01 0.1  1.  ] True
    """
    operands, batch = admit_operands(a, "a", square=True, check_finite=check_finite)
    n = operands[0].shape[0]
    rank = admit_rank(rank, (n, n))
    extra = 10 if oversample is None else admit_integer(oversample, "oversample", 0)
    nu = None if shift is None else admit_real(shift, "shift")
    draws = same_draws(as_generator(rng), len(operands))
    pairs = zip(operands, draws, strict=True)
    results = [_leading(operand, rank, min(rank + extra, n), nu, own) for operand, own in pairs]
    return factors_together(results, batch, xp=operands[0].xp) if batch else results[0]


def _leading(
    operand: Operand, rank: int, columns: int, shift: float | None, rng: Any
) -> NystromResult:
    """Treat one matrix."""
    xp, n = operand.xp, operand.shape[0]
    draws = standard_normal((n, columns + PROBES), rng, like=operand.like, xp=xp)
    omega, probes = orthonormal(draws[:, :columns], xp=xp)[0], draws[:, columns:]
    y = operand.times(xp.concat([omega, probes], axis=1))
    y, seen = y[:, :columns], y[:, columns:]
    require_hermitian_sketch(omega, y, xp=xp)
    shift = None if shift is None else times_power(shift, -operand.exponent)
    f, _, nu = shifted_factor(omega, y, shift=shift, xp=xp)
    basis, factor = orthonormal(f, xp=xp)
    u, s, _ = svd(factor, xp=xp)
    w = s**2 - nu
    w, v = xp.maximum(w, xp.zeros_like(w)), basis @ u
    error = estimated(seen, probes, v, w, adjoint(v, xp=xp), rank, xp=xp)
    w, v = xp.flip(w[:rank]), xp.flip(v[:, :rank], axis=1)
    w = operand.unscaled(w[None, :])[0, :]
    return NystromResult(w, fix_signs(v, xp=xp), times_power(error, operand.exponent))
