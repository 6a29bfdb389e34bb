"""Young's optimal relaxation parameter, and the radius of the Jacobi matrix that it depends on.

Legend: J = I − D⁻¹A with diagonal (or diagonal blocks) D; α the largest real and β the largest
imaginary part of its eigenvalues; μ = ρ(J).
"""

from cmath import sqrt as sqrt_complex
from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

from linalgx._core.admit import admit_real
from linalgx.backend import (
    as_arrays,
    as_vector,
    csr_parts,
    device_of,
    is_complex,
    is_operator,
    is_sparse,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._radius import Edges, Splitting, jacobi_edges
from linalgx.relaxation._staged import Sweeper
from linalgx.relaxation.prepared import PreparedMatrix, prepare
from linalgx.typing import Array, MatrixLike, Namespace

__all__ = ["RadiusResult", "jacobi_radius", "optimal_omega"]


class RadiusResult(NamedTuple):
    """Spectral radius of a Jacobi matrix.

    Attributes
    ----------
    radius : float
        The estimate of μ.
    vector : Array, shape (n,)
        Approximate eigenvector, of norm 1, to start from for a similar matrix.
    matvecs : int
        Products with the matrix.
    """

    radius: float
    vector: Array
    matvecs: int


def optimal_omega(
    a: MatrixLike, /, *, omega_max: float = 2.0, check_finite: bool = True
) -> float | Array:
    """Compute Young's optimal relaxation parameter of SOR.

    Give the radius μ of the Jacobi matrix where it is known, or the matrix, to have it estimated.

    Parameters
    ----------
    a : float, array of at most one axis, or matrix, shape (n, n)
        One or several μ in [0, 1); or a sparse container, a dense array or a `PreparedMatrix`.
    omega_max : float
        Larger results are replaced by this number.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    float or Array
        ω in [1, 2), below 1 only for nonsymmetric matrices; an array for an array of μ.

    Raises
    ------
    ValueError
        μ lies outside [0, 1).
    LinAlgError
        There is no optimum: a Hermitian `a` is not positive definite, or J of another `a` has
        eigenvalues for which the formula fails.

    See Also
    --------
    jacobi_radius : The estimate of μ.
    sor : Does this by itself.

    Notes
    -----
    **Method.** ω* = 2/(1 + √(1 − μ²)), exact for consistently ordered matrices whose J has real
    eigenvalues, such as those of five-point stencils, and a good guess for other positive definite
    ones. From a matrix, with the largest eigenvalue of J in the place of μ, by the method of
    Lanczos. For nonsymmetric matrices ω = 2/(1 + √(1 − α² + β²)), the optimum for a spectrum in an
    ellipse with these half-axes [2]_, by at most 60 steps of Arnoldi's method; or the best of a
    grid by Young's relation (λ + ω − 1)² = ω²m²λ for all Ritz values m, where that promises 5 %
    fewer sweeps.

    **Cost.** About m products with the matrix on an m × m grid.

    **Accuracy.** Sweep counts within 3 % of those at the exact ω*: 1 − μ is accurate to 2e-3. For
    nonsymmetric matrices on fine grids μ may be too small; use a tuner there. Too large an ω costs
    much less than one that is too small by as much.

    **Backends.** See :doc:`/backends`; one synchronisation a step.

    References
    ----------
    .. [1] D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press, 1971.
    .. [2] L. A. Hageman, D. M. Young, "Applied Iterative Methods", Academic Press, 1981.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(round(lx.relaxation.optimal_omega(0.99), 4))
    1.7527
    >>> print(round(lx.relaxation.optimal_omega(lx.gallery.poisson2d(31)), 3))
    1.821
    """
    most = admit_real(omega_max, "omega_max", 0.0, 2.0, ends="(]")
    if not (isinstance(a, PreparedMatrix) or is_sparse(a) or is_operator(a)):
        xp, (array,) = as_arrays({"a": a}, check_finite=check_finite)
        if array.ndim < 2:
            omega = _of_radii(array, xp=xp)
            return (
                xp.minimum(omega, most * xp.ones_like(omega))
                if array.ndim
                else min(float(omega), most)
            )
    prepared = prepare(a, check_finite=check_finite)
    edges = jacobi_edges(split(prepared), None, both=False, wants_vector=False)
    omega = youngs(edges)
    if omega is None:
        why = (
            f"has an eigenvalue near {edges.high:.6g}, which a positive definite matrix has not"
            if not edges.high < 1.0
            else "has eigenvalues for which SOR diverges with every omega"
        )
        raise LinAlgError(f"a has no optimal omega: its Jacobi matrix {why}")
    return min(omega, most)


def jacobi_radius(
    a: MatrixLike,
    /,
    *,
    start: Array | None = None,
    diagonal: Array | None = None,
    check_finite: bool = True,
) -> RadiusResult:
    """Estimate the spectral radius of the Jacobi matrix I − D⁻¹A.

    It says how fast the Jacobi iteration converges, below 1 if at all, and what the best ω of
    SOR is.

    Parameters
    ----------
    a : sparse container, array, operator or LinearMap, shape (n, n)
        Of an operator the diagonal is computed by n products, in blocks, unless it is given.
    start : array, shape (n,), optional
        Where to start: the vector of a similar matrix saves most of the steps.
    diagonal : array, shape (n,), optional
        The diagonal of an operator.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    RadiusResult
        Radius, vector and the number of products.

    Raises
    ------
    LinAlgError
        A diagonal entry is zero.
    ValueError
        `start` or `diagonal` have another length, or zeros.

    See Also
    --------
    optimal_omega : What it is needed for.

    Notes
    -----
    **Method.** Lanczos on D^-½ A D^-½ for Hermitian `a` with a positive diagonal, which is noticed
    on the way; else at most 60 steps of Arnoldi's method on J. The start is a constant vector with
    a tenth of fixed noise.

    **Cost.** About m products on an m × m grid, twice as many where J has negative entries or is
    not known, because then both ends of the spectrum count; and as many again for the vector when
    the basis would have more than 2²² numbers. Six vectors of memory, and the basis.

    **Accuracy.** The estimate is below the true radius; 1 − μ is accurate to 2e-3 for Hermitian
    matrices. Arnoldi's method may miss more.

    **Backends.** See :doc:`/backends`; one synchronisation a step.

    References
    ----------
    .. [1] G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., 2013, chapter 10.

    Examples
    --------
    >>> import math
    >>> import linalgx as lx
    >>> found = lx.relaxation.jacobi_radius(lx.gallery.poisson2d(31))
    >>> print(round(found.radius, 5), round(math.cos(math.pi / 32), 5))
    0.99518 0.99518
    """
    found = _splitting(a, diagonal, check_finite)
    xp, first = found.xp, None
    if start is not None:
        first = _vector(start, "start", found, check_finite)
        first = first / xp.where(found.scale != 0, found.scale, xp.ones_like(first))
    edges = jacobi_edges(found.split, first, both=not found.positive, wants_vector=True)
    vector: Array = edges.vector if edges.divided else found.split.divide(edges.vector)
    if vector.shape[0]:
        vector = vector / xp.linalg.vector_norm(vector)
    return RadiusResult(edges.radius, vector, edges.matvecs + found.matvecs)


class _Found(NamedTuple):
    """A splitting by a diagonal, whose reciprocal is `scale`, and what that took.

    `positive` says that J ≥ 0 in each entry: then its largest eigenvalue is the radius.
    """

    split: Splitting
    positive: bool
    scale: Array
    matvecs: int
    xp: Namespace


def _splitting(a: MatrixLike, diagonal: Array | None, check_finite: bool) -> _Found:
    """Pass a matrix or an operator through the gate."""
    if not (is_operator(a) or isinstance(a, LinearMap)):
        if diagonal is not None:
            raise ValueError("diagonal is for operators; that of a matrix is known")
        prepared = prepare(a, check_finite=check_finite)
        positive = _is_nonnegative(prepared)
        return _Found(split(prepared), positive, prepared.inverse_diagonal, 0, prepared.xp)
    a = LinearMap(a)
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"a must be square, shape (n, n), got {a.shape}")
    before = a.matmat_count
    d = diagonal_of(a) if diagonal is None else admit_diagonal(diagonal, a, check_finite)
    xp = a.xp
    if bool(xp.any(d == 0)):
        raise LinAlgError("a has a zero diagonal entry")
    spent = a.matmat_count - before
    return _Found(point_split(a.__matmul__, 1.0 / d, xp=xp), False, 1.0 / d, spent, xp)


def _is_nonnegative(prepared: PreparedMatrix) -> bool:
    """Whether the diagonal has one sign and all other entries the opposite one."""
    xp, a = prepared.xp, prepared.matrix
    entries = csr_parts(a)[0] if prepared.is_sparse else a
    if is_complex(entries, xp=xp):
        return False
    counts = (xp.count_nonzero(sign * entries > 0) for sign in (1, -1))
    own = (xp.count_nonzero(sign * prepared.inverse_diagonal > 0) for sign in (1, -1))
    up, down, positive, negative = (int(x) for x in (*counts, *own))
    return (negative == 0 and up == positive) or (positive == 0 and down == negative)


def admit_diagonal(diagonal: Array, a: LinearMap, check_finite: bool = True) -> Array:
    """Check the diagonal of an operator."""
    xp, d = as_vector(diagonal, "diagonal", check_finite=check_finite)
    if tuple(d.shape) != a.shape[:1]:
        raise ValueError(f"diagonal must have shape {a.shape[:1]}, got {tuple(d.shape)}")
    return xp.astype(d, xp.result_type(d.dtype, a.dtype), copy=False)


def diagonal_of(a: LinearMap) -> Array:
    """Compute the diagonal of an operator by products with columns of the identity."""
    xp, n = a.xp, a.shape[0]
    parts = []
    for start in range(0, n, 256):
        width = min(256, n - start)
        columns = xp.eye(n, width, k=-start, dtype=a.dtype, device=None)
        parts.append(xp.linalg.diagonal((a @ columns)[start : start + width, :]))
    return xp.concat(parts) if parts else xp.empty(0, dtype=a.dtype, device=None)


def _vector(x: Array, name: str, found: _Found, check_finite: bool) -> Array:
    """Check a vector that goes with the matrix."""
    xp, x = as_vector(x, name, check_finite=check_finite)
    like = found.scale
    if tuple(x.shape) != tuple(like.shape):
        raise ValueError(f"{name} must have shape {tuple(like.shape)}, got {tuple(x.shape)}")
    if xp is not found.xp or device_of(x) != device_of(like):
        raise TypeError(f"{name} must be an array of the library and device of a")
    if is_complex(x, xp=xp) and not is_complex(like, xp=xp):
        raise TypeError(f"{name} must be real for a real a, got {x.dtype}")
    if not bool(xp.any(x != 0)):
        raise ValueError(f"{name} must not be zero")
    return xp.astype(x, like.dtype, copy=False)


def _of_radii(mu: Array, *, xp: Namespace) -> Array:
    """2/(1 + √(1 − μ²)) of each μ."""
    if is_complex(mu, xp=xp):
        raise TypeError(f"a must hold real radii, got dtype {mu.dtype}")
    if not bool(xp.all((mu >= 0.0) & (mu < 1.0))):
        raise ValueError("a must be a matrix, or hold radii in [0, 1)")
    return 2.0 / (1.0 + xp.sqrt((1.0 - mu) * (1.0 + mu)))


def youngs(edges: Edges) -> float | None:
    """2/(1 + √(1 − α² + β²)); ``None`` where that is no number, or α ≥ 1.

    Where the eigenvalues do not fill the ellipse, or stick out of it, a search does better.
    """
    square = (1.0 - edges.high) * (1.0 + edges.high) + edges.imag**2
    if not (edges.high < 1.0 and square > 0.0):
        return None
    omega = 2.0 / (1.0 + sqrt(square))
    if not edges.values:
        return omega
    found = min((0.01 * k for k in range(1, 200)), key=lambda w: _rate(w, edges.values))
    best, rate = _rate(found, edges.values), _rate(omega, edges.values)
    if not best < 1.0:
        return None
    return found if best < rate**1.05 else omega  # 5 % fewer sweeps


def _rate(omega: float, values: Sequence[complex]) -> float:
    """Return the largest |λ| with (λ + ω − 1)² = ω²m²λ for an m of the values."""
    largest = 0.0
    for m in values:
        half = 0.5 * omega * m
        root = sqrt_complex(half * half - (omega - 1.0))
        largest = max(largest, abs(half + root) ** 2, abs(half - root) ** 2)
    return largest


def split(prepared: PreparedMatrix, sweeper: Sweeper | None = None) -> Splitting:
    """Split by the diagonal, or by the diagonal blocks of a sweeper."""
    dinv = prepared.inverse_diagonal
    if sweeper is None:
        return point_split(prepared.__matmul__, dinv, xp=prepared.xp)
    divide: Any = sweeper.divide
    return Splitting(sweeper.product, lambda r: divide(r[:, None])[:, 0], dinv, True, prepared.xp)


def point_split(product: Any, dinv: Array, *, xp: Namespace) -> Splitting:
    """Split by a diagonal; −A has the J of A, so a negative one is as good as a positive one."""
    real = xp.real(dinv) if is_complex(dinv, xp=xp) else dinv
    straight = not is_complex(dinv, xp=xp) or bool(xp.all(xp.imag(dinv) == 0))
    if straight and bool(xp.all(real <= 0)) and bool(xp.any(real < 0)):
        return Splitting(lambda x: -product(x), lambda r: -dinv * r, dinv, True, xp)
    positive = straight and bool(xp.all(real >= 0)) and bool(xp.any(real > 0))
    return Splitting(product, lambda r: dinv * r, dinv, positive, xp)
