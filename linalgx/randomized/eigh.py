"""Truncated eigendecomposition of Hermitian matrices by products with a few vectors."""

from collections.abc import Callable
from math import inf
from typing import Any

from linalgx._core.signs import fix_signs
from linalgx._core.together import together
from linalgx.backend import as_generator, device_of, real_dtype, same_draws
from linalgx.randomized._error import in_user_scale
from linalgx.randomized._krylov_eigh import Pairs, krylov_pairs, subspace_pairs
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.randomized._options import Options, admit_options, warn_unless_converged
from linalgx.randomized._results import EighResult
from linalgx.randomized._steering import SUBSPACE_STEPS, TOLERANT_STEPS, Steering
from linalgx.results import Status
from linalgx.typing import Callback, MatrixLike, RNGLike


def eigh(
    a: MatrixLike,
    /,
    rank: int,
    *,
    rtol: float | None = None,
    method: str = "krylov",
    block_size: int | None = None,
    oversample: int | None = None,
    passes: int | None = None,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> EighResult:
    """Compute the eigenvalues of largest modulus of a Hermitian matrix, and their vectors.

    For large matrices, dense, sparse or known by their products, of which a few eigenvalues
    matter. Positive semidefinite matrices are cheaper by `nystrom`.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (..., n, n)
        Hermitian up to rounding, as far as the products that are made can tell.
    rank : int
        Number of eigenpairs, from 1 to n.
    rtol : float, optional
        Residual that counts as converged, relative to the largest modulus. Eigenvalues have errors
        of the order of its square, divided by gaps. ``None`` asks for eigenvalues that are accurate
        to 1e-6 relatively, as predicted from their residuals; ``"subspace"`` then has no tolerance.
    method : str
        ``"krylov"`` is the most accurate for its cost, ``"subspace"`` the classical iteration.
    block_size : int, optional
        Columns of a block of ``"krylov"``: the rank and `oversample` when ``None``, half of that
        for sparse containers. Where as many moduli as a smaller block has columns lie within 10 %,
        a search follows for copies of multiple eigenvalues.
    oversample : int, optional
        Further columns: 0 for ``"krylov"`` and 10 for ``"subspace"`` when ``None``.
    passes : int, optional
        Products with `a`, at least 2, which limit the iteration: 6 when ``None`` for
        ``"subspace"``.
    maxiter : int, optional
        Most products after the first two. ``None`` stands for a basis of max(8·rank, rank + 100)
        columns, and more for a strict `rtol` or small blocks.
    rng : None, int, SeedSequence or Generator
        Source of the random vectors; a CuPy generator draws on the device.
    callback : callable, optional
        Receives an `IterationState` for each block, with the eigenvalues by decreasing modulus.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    EighResult
        ``w``, shape (..., rank), ascending, ``v``, shape (..., n, rank), and in ``error`` an
        estimate of ‖A − V diag(w) Vᴴ‖_F. The largest component of each eigenvector is real and
        positive. ``residual`` is the largest ‖A v − w v‖/max|w|.

    Raises
    ------
    ValueError
        `a` is not Hermitian, or the rank is outside of [1, n].
    LinAlgError
        A product has NaN or infinite entries.

    Warns
    -----
    ConvergenceWarning
        The residual is above the tolerance.

    See Also
    --------
    svd : Any matrix.
    nystrom : Positive semidefinite ones, with one look at the matrix.

    Notes
    -----
    **Method.** krylov: Q₀ = orth(A Ω) with normal numbers Ω, and blocks Q_{i+1} =
    orth((I − QQᴴ) A Q_i), where pairs that have converged take part no longer; eigenpairs of QᴴA Q.
    If blocks are smaller than the rank, fresh ones in the complement of Q are tried until three
    steps find no larger value. subspace: Q ← orth(A Q). The error is (‖A‖²_F − Σ w²)^½ where
    entries are stored and that does not cancel, else
    (‖(A − V diag(w) Vᴴ) Q‖²_F + ‖A (I − QQᴴ) T‖²_F/10)^½ with ten normal vectors T.

    **Cost.** Products with q + 2 blocks of b = rank columns, 2 b n² flops each, where q is 3 to 10
    as a rule; 2 b (q + 1) columns of length n.

    **Accuracy.** Eigenvectors are orthonormal to rounding; eigenvalues have errors of about
    residual²/gap, and the estimated error is within [0.8, 1.25] of the true one in nine of ten
    cases.

    **Backends.** See :doc:`/backends`; one synchronisation a block. Batches in a loop.

    References
    ----------
    Halko, Martinsson, Tropp, Finding structure with randomness, 2011, arXiv:0909.4061. Tropp,
    Webber, Randomized algorithms for low-rank matrix approximation, 2023, arXiv:2306.12418.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.diag(np.append(np.linspace(-1.0, 1.0, 98), [5.0, -7.0]))
    >>> result = lx.randomized.eigh(a, 2, rng=0)
    >>> print(result.w.round(6), round(result.error, 3))
    [-7.  5.] 5.774
    """
    given = (block_size, oversample, passes, maxiter, callback)
    options = admit_options(rank, rtol, method, METHODS, *given)
    operands, batch = admit_operands(a, "a", square=True, check_finite=check_finite)
    options.fitting(operands[0].shape, batch)
    generators = same_draws(as_generator(rng), len(operands))
    runs = [_solve(op, options, r) for op, r in zip(operands, generators, strict=True)]
    result = together(runs, batch, xp=operands[0].xp) if batch else runs[0]
    warn_unless_converged(result)
    return result


def _solve(op: Operand, options: Options, rng: Any) -> EighResult:
    """Decompose one matrix and name the answer, in ascending order."""
    xp = op.xp
    if 0 in op.shape:
        return _nothing(op)
    (w, v, error), residual, steering = options.run(op, options, rng)
    order = xp.argsort(w, stable=True)
    return EighResult(
        w=op.unscaled(xp.take(w, order, axis=0)),
        v=fix_signs(xp.take(v, order, axis=1), xp=xp),
        error=in_user_scale(error, op.exponent),
        status=steering.ending,
        iterations=len(steering.history) - 1,
        residual=residual,
        history=tuple(steering.history),
    )


def _nothing(op: Operand) -> EighResult:
    """Return no pairs of a matrix without entries."""
    xp, device = op.xp, device_of(op.like)
    w = xp.zeros((0,), dtype=real_dtype(op.like, xp=xp), device=device)
    v = xp.zeros((0, 0), dtype=op.like.dtype, device=device)
    return EighResult(
        w=w, v=v, error=0.0, status=Status.CONVERGED, iterations=0, residual=0.0, history=()
    )


Run = tuple[Pairs, float, Steering]


def _krylov(op: Operand, options: Options, rng: Any) -> Run:
    """Use block Krylov spaces."""
    rank, block = options.rank or 0, options.block(op)
    steering = options.krylov_steering(op, steps=options.steps(1, 2), block=block)
    return *krylov_pairs(op, rank, block, steering, rng), steering


def _subspace(op: Operand, options: Options, rng: Any) -> Run:
    """Iterate with one block, for a number of steps or up to a tolerance."""
    rtol, steps = options.rtol, options.steps(1, 2)
    if steps == inf:
        steps = 2 * (SUBSPACE_STEPS if rtol is None else TOLERANT_STEPS)
    steering = options.steering(op, rtol=inf if rtol is None else rtol, steps=steps)
    columns = options.columns(op.shape, 10)
    return *subspace_pairs(op, options.rank or 0, columns, steering, rng), steering


METHODS: dict[str, Callable[[Operand, Options, Any], Run]] = {
    "krylov": _krylov,
    "subspace": _subspace,
}
