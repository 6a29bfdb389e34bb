"""Truncated singular value decomposition by products with a few vectors."""

from collections.abc import Callable
from math import inf
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.signs import column_phases
from linalgx._core.together import together
from linalgx.backend import (
    adjoint,
    as_generator,
    device_of,
    is_complex,
    real_dtype,
    same_draws,
    to_host,
)
from linalgx.randomized._adaptive import adaptive_triplets
from linalgx.randomized._error import in_user_scale
from linalgx.randomized._krylov import Triplets, krylov_triplets
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.randomized._options import Options, admit_options, warn_unless_converged
from linalgx.randomized._results import SVDResult
from linalgx.randomized._single_pass import single_pass_triplets
from linalgx.randomized._steering import SUBSPACE_STEPS, TOLERANT_STEPS, Steering
from linalgx.randomized._subspace import subspace_triplets
from linalgx.results import Status
from linalgx.typing import Callback, MatrixLike, RNGLike


def svd(
    a: MatrixLike,
    /,
    rank: int | None = None,
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
) -> SVDResult:
    """Compute the leading singular triplets of a large matrix, with an estimate of the error.

    For matrices of which a few singular values matter, and which are too large for a full
    decomposition, or known only by their products.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (..., m, n)
        Any matrix; batches are dense.
    rank : int, optional
        Number of triplets, at most min(m, n). Without it, `rtol` chooses it, for one matrix.
    rtol : float, optional
        With a rank, the residual that counts as converged, relative to s₁. Singular values have
        errors of the order of its square, divided by gaps of the spectrum. ``None`` asks for values
        that are accurate to 1e-6 relatively, as predicted from their residuals;
        ``"subspace"`` and ``"single_pass"`` then have no tolerance. Without a rank, the smallest
        rank with ‖A − U diag(s) Vᴴ‖_F ≤ rtol·‖A‖_F is taken.
    method : str
        ``"krylov"`` is the most accurate for its cost. ``"subspace"`` is the classical iteration,
        for comparison. ``"single_pass"`` looks at the matrix once, with a far larger error.
    block_size : int, optional
        Columns of a block of ``"krylov"``: the rank and `oversample` when ``None``, half of that
        for sparse containers, and 16 without a rank. Smaller blocks use fewer products. Where as
        many values as they have columns lie within 10 %, a search follows for copies of multiple
        singular values, which small blocks lose.
    oversample : int, optional
        Further columns: 0 for ``"krylov"``, 10 for ``"subspace"`` and rank + 1 for
        ``"single_pass"`` when ``None``. What exceeds min(m, n) is cut.
    passes : int, optional
        Products with `a` or its adjoint, at least 3, which limit the iteration: 7 when ``None`` for
        ``"subspace"``. ``"single_pass"`` makes one with each.
    maxiter : int, optional
        Most steps of two products after the first block. ``None`` stands for a basis of
        max(8·rank, rank + 100) columns, and more for a strict `rtol` or small blocks.
    rng : None, int, SeedSequence or Generator
        Source of the random vectors; a CuPy generator draws on the device.
    callback : callable, optional
        Receives an `IterationState` for each block, with the singular values.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SVDResult
        ``u``, shape (..., m, rank), ``s``, descending, ``vh``, shape (..., rank, n), and in
        ``error`` an estimate of ‖A − U diag(s) Vᴴ‖_F. The largest component of each left singular
        vector is real and positive. ``residual`` is the largest of ‖Aᴴu − s v‖/s₁ and
        ‖A v − s u‖/s₁, of which one is zero up to rounding; without a rank and for
        ``"single_pass"`` it is the error relative to ‖A‖_F.

    Raises
    ------
    ValueError
        The rank is outside of [1, min(m, n)], neither `rank` nor `rtol` is given, or a batch comes
        without a rank.
    TypeError
        An operator cannot multiply with its adjoint.
    LinAlgError
        A product has NaN or infinite entries.

    Warns
    -----
    ConvergenceWarning
        The residual is above the tolerance.

    See Also
    --------
    eigh : The same for Hermitian matrices.
    generalized_nystrom : One look at the matrix, without singular values.

    Notes
    -----
    **Method.** krylov: on the short side, say n, Q₀ = orth(AᴴΩ) with normal numbers Ω, and blocks
    Q_{i+1} = orth((I − QQᴴ) Aᴴ A Q_i), where triplets that have converged take part no longer. The
    singular value decomposition of W = A Q, by WᴴW where s_k allows it, gives U, s and V = Q Z. If
    blocks are smaller than the rank, fresh ones in the complement of Q are tried until three
    steps find no larger value. subspace: Q ← orth(A orth(AᴴQ)). single_pass: Q = orth(A Ω), and
    B by least squares from (ΨᴴQ) B = ΨᴴA, where Ψ has one column more than twice those of Ω.
    Without a rank, blocks orth((I − QQᴴ) AᴴAΩ) are appended. The error is (‖A‖²_F − Σ s²)^½ where
    entries are stored and that does not cancel, else (Σ_{j>k} s_j² + ‖A (I − QQᴴ) T‖²_F/10)^½ with
    ten normal vectors T, which for ``"single_pass"`` go along with Ω.

    **Cost.** Products with 2q + 3 blocks of at most b = rank columns, 2 b m n flops each, where q
    is 1 to 6 as a rule; memory for b (q + 1) columns of length m, and twice as many of length n.
    The adjoint of a sparse container is not stored: its products run as fast without.

    **Accuracy.** Singular vectors are orthonormal to rounding. With ``"krylov"`` the Frobenius
    error exceeds the least one of that rank by a factor 1 + O(residual²). The estimated error is
    within [0.8, 1.25] of the true one in nine of ten cases, mostly within 2 %, and within 10 % for
    ``"single_pass"``. Values below rtol·s₁ are found, but not to the tolerance.

    **Backends.** See :doc:`/backends`; one synchronisation a block. Batches in a loop.

    References
    ----------
    Halko, Martinsson, Tropp, Finding structure with randomness, 2011, arXiv:0909.4061. Tropp,
    Webber, Randomized algorithms for low-rank matrix approximation, 2023, arXiv:2306.12418.
    Yu, Gu, Li, Efficient randomized algorithms for the fixed-precision low-rank matrix
    approximation, 2018. Tropp, Yurtsever, Udell, Cevher, Practical sketching algorithms for
    low-rank matrix approximation, 2017, arXiv:1609.00048.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = 1.0 / np.add.outer(np.arange(1.0, 201.0), np.arange(100.0))
    >>> result = lx.randomized.svd(a, 3, rng=0)
    >>> print(result.s.round(6), result.converged)
    [2.222339 0.878585 0.249711] True
    """
    passes = None if passes is None else admit_integer(passes, "passes", 3)
    given = (block_size, oversample, passes, maxiter, callback)
    options = admit_options(rank, rtol, method, METHODS, *given)
    if rank is None and rtol is None:
        raise ValueError("rank must be given unless rtol is, got neither")
    operands, batch = admit_operands(a, "a", check_finite=check_finite)
    options.fitting(operands[0].shape, batch)
    generators = same_draws(as_generator(rng), len(operands))
    runs = [_solve(op, options, r) for op, r in zip(operands, generators, strict=True)]
    result = together(runs, batch, xp=operands[0].xp) if batch else runs[0]
    warn_unless_converged(result)
    return result


def _solve(op: Operand, options: Options, rng: Any) -> SVDResult:
    """Decompose one matrix, from the long side, and name the answer."""
    xp, (m, n) = op.xp, op.shape
    if 0 in op.shape:
        return _nothing(op)
    run = options.run if options.rank is not None else _adaptive
    (u, s, v, error), residual, steering = run(op if m >= n else op.adjoint, options, rng)
    u, v = (u, v) if m >= n else (v, u)
    phase = column_phases(u, xp=xp)
    back = xp.conj(phase) if is_complex(u, xp=xp) else phase
    return SVDResult(
        u=u * back,
        s=op.unscaled(s),
        vh=phase.mT * adjoint(v, xp=xp),
        error=in_user_scale(error, op.exponent),
        status=steering.ending,
        iterations=len(steering.history) - 1,
        residual=residual,
        history=tuple(steering.history),
    )


def _nothing(op: Operand) -> SVDResult:
    """Return no triplets of a matrix without entries."""
    xp, (m, n) = op.xp, op.shape
    u = xp.zeros((m, 0), dtype=op.like.dtype, device=device_of(op.like))
    vh = xp.zeros((0, n), dtype=op.like.dtype, device=device_of(op.like))
    s = xp.zeros((0,), dtype=real_dtype(op.like, xp=xp), device=device_of(op.like))
    return SVDResult(
        u=u, s=s, vh=vh, error=0.0, status=Status.CONVERGED, iterations=0, residual=0.0, history=()
    )


Run = tuple[Triplets, float, Steering]


def _krylov(op: Operand, options: Options, rng: Any) -> Run:
    """Use block Krylov spaces of the short side."""
    rank, block = options.rank or 0, options.block(op)
    steering = options.krylov_steering(op, steps=options.steps(2, 3), block=block)
    return *krylov_triplets(op, rank, block, steering, rng), steering


def _subspace(op: Operand, options: Options, rng: Any) -> Run:
    """Iterate with one block, for a number of steps or up to a tolerance."""
    rtol, steps = options.rtol, options.steps(2, 3)
    if steps == inf:
        steps = SUBSPACE_STEPS if rtol is None else TOLERANT_STEPS
    steering = options.steering(op, rtol=inf if rtol is None else rtol, steps=steps)
    columns = options.columns(op.shape, 10)
    return *subspace_triplets(op, options.rank or 0, columns, steering, rng), steering


def _single_pass(op: Operand, options: Options, rng: Any) -> Run:
    """Look once."""
    rank = options.rank or 0
    rtol = inf if options.rtol is None else options.rtol
    triplets, residual = single_pass_triplets(op, rank, options.columns(op.shape, rank + 1), rng)
    steering = options.steering(op, rtol=rtol, steps=0)
    steering.look(to_host(triplets.s), residual, 0, 1)
    return triplets, residual, steering


def _adaptive(op: Operand, options: Options, rng: Any) -> Run:
    """Append blocks until the error is met."""
    steering = options.steering(op, rtol=options.rtol or 0.0, steps=options.steps(3, 3))
    return *adaptive_triplets(op, options.block(op), steering, rng), steering


METHODS: dict[str, Callable[[Operand, Options, Any], Run]] = {
    "krylov": _krylov,
    "subspace": _subspace,
    "single_pass": _single_pass,
}
