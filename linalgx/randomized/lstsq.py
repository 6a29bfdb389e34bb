"""Very tall least-squares problems, as accurate as QR and several times as fast."""

from dataclasses import dataclass
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.batching import flatten_batch
from linalgx._core.choose import choose
from linalgx._core.scaling import exponent_of, extreme_exponent, from_unit_scale, to_unit_scale
from linalgx._core.together import together
from linalgx.backend import (
    as_arrays,
    as_generator,
    as_operand,
    device_of,
    eps,
    is_operator,
    is_sparse,
    library_name,
    quiet,
    require_finite,
    same_draws,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.operators import LinearMap
from linalgx.randomized._fossils import heavy_ball
from linalgx.randomized._refinement import Inner, Refinement, factorize
from linalgx.randomized._sketches import ZETA, SignColumns, sign_columns
from linalgx.randomized._spir import conjugate_gradients
from linalgx.randomized._tall import Tall, of_dense, of_operator, of_sparse
from linalgx.results import Result, Status
from linalgx.typing import Array, Callback, MatrixLike, Namespace, RNGLike

__all__ = ["LstsqResult", "lstsq"]

METHODS: dict[str, Inner] = {"fossils": heavy_ball, "spir": conjugate_gradients}
OVERSAMPLE = 12
"""Rows of the sketch for each column."""
RTOL = 4.0
"""Default tolerance, in units of eps."""
MAXITER = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LstsqResult(Result):
    """Solution of a least-squares problem.

    Attributes
    ----------
    x : Array, shape (..., n) or (..., n, k)
        The solution.
    rank : int
        Singular values of the sketch that are kept; n for a matrix of full numerical rank.
    sketch_size : int
        Rows d of the sketch; 0 where the matrix itself was factorized.
    """

    x: Array
    rank: Any
    sketch_size: Any


def lstsq(
    a: MatrixLike,
    b: Array,
    /,
    *,
    method: str = "fossils",
    sketch_size: int | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> LstsqResult:
    """Minimize ‖b − A x‖ for a matrix with many more rows than columns.

    A sketch of A gives a preconditioner, and iterative refinement makes the answer as accurate
    as that of a QR decomposition, which plain sketching and the normal equations do not. For
    dense matrices with m ≥ 25 n it is the faster way; sparse matrices and operators stay as they
    are. Squarer problems are answered, too, by a decomposition of A.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (..., m, n)
        With m ≥ n. Operators need products with their adjoint. Only arrays have leading axes.
    b : array, shape (..., m) or (..., m, k)
        One right-hand side, or a block of them.
    method : {"fossils", "spir"}
        Iteration inside each refinement: the heavy ball, which needs no inner products, or
        conjugate gradients, which need no bounds of the spectrum.
    sketch_size : int, optional
        Rows d of the sketch, 12 n when ``None``. More rows mean fewer iterations.
    rtol : float, optional
        Backward error to be reached, relative to ‖A‖_F; 4 eps when ``None``.
    maxiter : int, optional
        Most inner iterations, 200 when ``None``; each takes one pass over A.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness of the sketch.
    callback : callable, optional
        Receives an `IterationState` for each inner iteration.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LstsqResult
        ``x``, ``rank``, ``sketch_size``. ``residual`` is the estimated backward error, computed
        from ``x`` at the end: the least change of A, with its columns scaled to unit norm, and
        of b for which ``x`` is the exact solution, as a part of ‖A‖_F and ‖b‖; 2.2e-16 is the
        precision of numbers with 64 bits. Of a block it is that of the worst column.

    Raises
    ------
    ValueError
        More columns than rows, or shapes that do not fit.

    Warns
    -----
    ConvergenceWarning
        The backward error is above the tolerance.

    See Also
    --------
    qr : Tall QR decompositions, with pivoting.
    sketch : The sketches themselves.

    Notes
    -----
    **Method.** A sparse sketch S with d rows and 8 entries in each column, S A = U diag(s) Vᴴ
    after scaling the columns to unit norm, start V s⁻¹ UᴴS b. With P = V s⁻¹, refinements solve
    PᴴAᴴA P y = PᴴAᴴ(b − A x) and add P y to x, until the estimate
    ‖(s² + g²‖r‖²)^(−1/2) VᴴAᴴr‖ g, g = θ/√(1 + θ²‖x‖²), θ = ‖A‖_F/‖b‖, is small [1]_. Inside a
    refinement the estimate follows from the recurrence; between two, and at the end, it is
    computed afresh. Singular values of S A below 30 eps s₁ are left out. With m ≤ 2 d, S = I.

    **Cost.** One pass over A for the sketch, 12 n × n numbers and their SVD, and about 15 more
    passes, each with 4mn flops. A dense A is not copied; the sketch takes 16 numbers for each
    row, and twice that while it is drawn. Sparse matrices are transposed once.

    **Accuracy.** Backward errors of a few eps for condition numbers up to 1e14; ``converged``
    says that the estimate, which is within a factor of two or so, has reached ``rtol``. Where
    singular values are left out, the tolerance is larger by them, and x is the solution of
    least norm in scaled columns.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration. Without sparse
    containers, strips of the sketch are made dense.

    References
    ----------
    .. [1] Epperly, Meier, Nakatsukasa, Fast randomized least-squares solvers can be just as
       accurate and stable as classical direct solvers, arXiv 2406.03468.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> t = np.linspace(-1, 1, 1000)
    >>> a = np.stack([np.ones(1000), t, t**2], axis=1)
    >>> result = lx.randomized.lstsq(a, 1 + 2 * t + 3 * t**2, rng=0)
    >>> print(result.x.round(6), result.residual < 1e-15)
    [1. 2. 3.] True
    """
    xp, problems, lead, vector = _admit(a, b, check_finite=check_finite)
    inner, rng = choose(method, METHODS, "method"), as_generator(rng)
    options = _options(problems[0], sketch_size, rtol, maxiter, callback, xp=xp)
    count = len(problems)
    results = [
        _solve(problem, inner, draws, options, vector, check_finite, xp=xp)
        for problem, draws in zip(problems, same_draws(rng, count), strict=True)
    ]
    result = results[0] if lead is None else together(results, lead, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the backward error {result.residual:.3e} is above the tolerance "
            f"{options.rtol:.3e}: {result.status.value}",
            ConvergenceWarning,
        )
    return result


@dataclass(frozen=True, slots=True)
class _Options:
    """Options behind the gate; `size` 0 asks for no sketch."""

    size: int
    rtol: float
    maxiter: int
    callback: Callback | None


def _options(
    problem: tuple[Tall, Array],
    size: int | None,
    rtol: float | None,
    maxiter: int | None,
    callback: Callback | None,
    *,
    xp: Namespace,
) -> _Options:
    m, n = problem[0].shape
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    d = OVERSAMPLE * n if size is None else admit_integer(size, "sketch_size", max(2 * n, 1))
    whole = m <= (2 * d if size is None else d)
    return _Options(
        0 if whole else d,
        RTOL * eps(problem[1], xp=xp) if rtol is None else admit_real(rtol, "rtol"),
        MAXITER if maxiter is None else admit_integer(maxiter, "maxiter", 0),
        callback,
    )


def _admit(
    a: MatrixLike, b: Array, *, check_finite: bool
) -> tuple[Namespace, list[tuple[Tall, Array]], tuple[int, ...] | None, bool]:
    """Pass matrix and right-hand sides through the gate: problems, leading shape, one column.

    Entries of a dense matrix are looked at later, through the sketch, which saves a pass.
    """
    if is_sparse(a) or is_operator(a):
        xp, a = as_operand(a, "a", check_finite=check_finite)
        found, (b,) = as_arrays({"b": b}, check_finite=check_finite)
        if found is not xp:
            raise TypeError(
                f"a belongs to {library_name(xp)} and b to {library_name(found)}; "
                f"move one of them with linalgx.to_backend"
            )
        vector = _fit(tuple(a.shape), b)
        a = a if is_sparse(a) else LinearMap(a)
        dtype = xp.result_type(a.dtype, b.dtype)
        tall = of_sparse(a.astype(dtype), xp=xp) if is_sparse(a) else of_operator(a, dtype)
        b = xp.astype(b[:, None] if vector else b, dtype, copy=False)
        return xp, [(tall, b)], None, vector
    xp, (a, b) = as_arrays({"a": a, "b": b}, check_finite=False)
    if a.ndim < 2:
        raise ValueError(
            f"a must be a matrix or a batch of matrices, shape (..., m, n), "
            f"got shape {tuple(a.shape)}"
        )
    vector = _fit(tuple(a.shape), b)
    if check_finite:
        require_finite(b, "b", xp=xp)
    flat = flatten_batch(a, xp=xp)[0]
    block = flatten_batch(b[..., None] if vector else b, xp=xp)[0]
    if flat.shape[0] == 0:
        flat, block = (
            xp.zeros((1, *x.shape[1:]), dtype=x.dtype, device=device_of(x)) for x in (flat, block)
        )
    problems = [(of_dense(flat[k, ...], xp=xp), block[k, ...]) for k in range(flat.shape[0])]
    return xp, problems, tuple(a.shape[:-2]) if a.ndim > 2 else None, vector


def _fit(shape: tuple[int, ...], b: Array) -> bool:
    """Check shapes; whether `b` holds one right-hand side for each matrix."""
    *lead, m, n = shape
    if m < n:
        raise ValueError(
            f"a must have at least as many rows as columns, got shape {shape}; "
            f"scipy.linalg.lstsq gives the solution of least norm of a wide system"
        )
    found = tuple(b.shape)
    if found != (*lead, m) and (len(found) != len(shape) or found[:-1] != (*lead, m)):
        rows = ", ".join(map(str, (*lead, m)))
        raise ValueError(
            f"b must have shape {(*lead, m)} or ({rows}, k) for a of shape {shape}, got {found}"
        )
    return len(found) == len(shape) - 1


def _solve(
    problem: tuple[Tall, Array],
    inner: Inner,
    rng: Any,
    options: _Options,
    vector: bool,
    check_finite: bool,
    *,
    xp: Namespace,
) -> LstsqResult:
    """Sketch, scale, refine and name the answer, for one matrix."""
    a, b = problem
    m, n = a.shape
    columns, exponents = to_unit_scale(b.mT[:, :, None], xp=xp)  # each column for itself
    sketch = None
    if options.size:
        sketch = sign_columns(options.size, m, min(ZETA, options.size), rng, like=a.like, xp=xp)

    def shown(x: Array) -> Array:
        with quiet():  # what is too large becomes infinite
            x = from_unit_scale(x.mT[:, :, None], exponents - a.exponent, xp=xp)[:, :, 0]
        return x[0, :] if vector else x.mT

    if n == 0 or b.shape[1] == 0:
        x = xp.zeros((n, b.shape[1]), dtype=b.dtype, device=device_of(b))
        return _named(shown(x), Status.CONVERGED, [0.0], 0.0, 0, options)
    a, sa = _sketched(a, sketch, check_finite, xp=xp)
    b = columns[:, :, 0].mT
    sb = b if sketch is None else sketch.times(b)
    factor = factorize(sa, sb, n / options.size if options.size else 0.0, xp=xp)
    tolerance = options.rtol + 1.5 * factor.left_out
    run = Refinement(a, b, factor, tolerance, options.maxiter, options.callback, shown)
    x, status, error = run.solve(inner)
    x = shown(x)
    if status is Status.CONVERGED and not bool(xp.all(xp.isfinite(x))):
        status = Status.BREAKDOWN  # too large for the precision
    return _named(x, status, run.history, error, factor.rank, options)


def _named(
    x: Array, status: Status, history: list[float], error: float, rank: int, options: _Options
) -> LstsqResult:
    return LstsqResult(
        x=x,
        rank=rank,
        sketch_size=options.size,
        status=status,
        iterations=len(history) - 1,
        residual=error,
        history=tuple(history),
    )


def _sketched(
    a: Tall, sketch: SignColumns | None, check_finite: bool, *, xp: Namespace
) -> tuple[Tall, Array]:
    """Return the matrix at a scale where squares exist, and its sketch.

    NaN and infinities of the matrix are in the sketch, too; those that come from overflow are
    gone after scaling.
    """
    sa, entries = a.sketched(sketch), a.entries
    finite = bool(xp.all(xp.isfinite(sa)))
    if not finite and entries is None:
        raise LinAlgError("least squares failed: products with a have NaN or infinite entries")
    if not finite and check_finite:
        require_finite(entries, "a", xp=xp)
    if not finite and not bool(xp.all(xp.isfinite(entries))):
        raise LinAlgError("least squares failed: a has NaN or infinite entries")
    if finite and extreme_exponent(sa, xp=xp) == 0:
        return a, sa
    a = a.divided(exponent_of(sa if entries is None else entries, xp=xp))
    return a, a.sketched(sketch)
