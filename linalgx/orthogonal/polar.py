"""The polar decomposition: every matrix is an isometry times a Hermitian semidefinite matrix.

What the polar form r e^{iφ} is for a number, A = U P is for a matrix: U turns, P stretches along
orthogonal axes. U is the isometry nearest to A, which makes it the answer to many questions: the
rotation that fits two point clouds best, the repair of a rotation matrix that rounding or
measurement has spoiled, the update direction of optimizers that treat all directions alike.

Legend: A m x n; U isometry; P the Hermitian factor; B = UᴴA; T = A or Aᴴ, whichever is tall.
"""

from collections.abc import Mapping
from typing import NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx._core.choose import SIDES, choose
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import as_matrix
from linalgx.orthogonal._automatic import automatic
from linalgx.orthogonal._control import Control
from linalgx.orthogonal._express import polar_express
from linalgx.orthogonal._newton import newton
from linalgx.orthogonal._qdwh import qdwh
from linalgx.orthogonal._shapes import Method, any_shape, positions, scattered
from linalgx.orthogonal._svd_route import svd_route
from linalgx.orthogonal._tiny import is_tiny, tiny
from linalgx.orthogonal._zolo import zolo
from linalgx.typing import Array, Callback, Namespace


class PolarResult(NamedTuple):
    """Factors of A = U P, or of A = P U."""

    u: Array
    p: Array | None


def polar(
    a: Array,
    /,
    *,
    side: str = "right",
    method: str = "auto",
    compute_p: bool = True,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> PolarResult:
    """Compute the polar decomposition A = U P, or A = P U.

    U is the isometry nearest to A and P = (AᴴA)^(1/2) its Hermitian positive semidefinite
    companion. Choose this function when U must be accurate to working precision; where a few
    digits are enough, `orthogonalize` is faster.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        A matrix or a batch of matrices of any rank.
    side : {"right", "left"}
        ``"right"`` for A = U P with P of order n, ``"left"`` for A = P U with P of order m. U is
        the same in both.
    method : {"auto", "svd", "qdwh", "zolo", "newton", "polar_express"}
        ``"auto"`` takes what was fastest in measurements on a CPU, and QDWH on a GPU. ``"svd"``:
        singular value decomposition. ``"qdwh"``: rational iteration of QR and Cholesky
        factorizations, for GPUs and many cores. ``"zolo"``: two steps of a wider rational function
        whose terms are independent. ``"newton"``: scaled Newton iteration. ``"polar_express"``:
        matrix products only, best for condition numbers up to about 1000.
    compute_p : bool
        Whether P is wanted; without it, less work.
    maxiter : int, optional
        Most iterations of an iterative method, at least 1.
    callback : callable, optional
        Receives an `IterationState` after each iteration, first with ``k = 0``. Its ``x`` is the
        iterate, of the shape of the square problem that is solved: Aᴴ takes the place of a wide
        A, the triangular factor that of a tall one. Its ``residual`` is the largest
        ‖XᴴX − I‖_F/√n of the batch. ``"auto"`` and ``"svd"`` have one iteration, the polish.
        `StopIteration` ends the iteration, not the call: the iterate is polished and checked,
        and what does not pass is computed by the SVD, so that stopping may cost more than going
        on. Other exceptions come through unchanged.
    check_finite : bool
        Whether to check `a` for NaN and infinities.

    Returns
    -------
    u : array, shape (..., m, n)
        UᴴU = I for m ≥ n, UUᴴ = I for m ≤ n, also for a matrix without full rank.
    p : array or None, shape (..., n, n) or, on the left, (..., m, m)
        Equal to its adjoint to the last bit; ``None`` unless `compute_p`.

    Raises
    ------
    TypeError
        `a` or `maxiter` is of the wrong kind.
    ValueError
        An argument lies outside its range, or `a` is not finite.
    LinAlgError
        The singular value decomposition failed, as it does for NaN with ``check_finite=False``.

    Warns
    -----
    ConvergenceWarning
        `maxiter` was reached too early. The result is correct nevertheless: it comes from the
        singular value decomposition.

    See Also
    --------
    orthogonalize : approximate U by matrix products, the Muon family.
    qdwh_weights, zolotarev_coefficients : the weights of two of the methods.

    Notes
    -----
    **Method.** A is divided by a power of two; a wide A is replaced by Aᴴ, a tall one by its
    triangular factor from Cholesky QR, or from Householder QR where that fails. QDWH [1]_,
    Zolo-PD [2]_, Newton [3]_ and the Polar Express [4]_ apply scalar functions to the singular
    values that lead them to 1. On a CPU, for real matrices of order 144 to 1536, ``"auto"``
    reduces A to a bidiagonal T and replaces T by the nearly isometric f(T), f the rational
    function of Zolotarev of high degree, each of whose terms takes O(n²) operations (our own
    derivation); it goes through the SVD where the exact structure of A makes T singular, and for
    larger A, or without the compiled kernels, through the eigenvectors of AᴴA. A Newton-Schulz step
    polishes U. Then
    P = (B + Bᴴ)/2 with B = UᴴA. Matrices whose UᴴU − I or B − Bᴴ is too large, and only those,
    are computed again by the SVD. To have det U = 1 where det U < 0, turn the direction that
    costs least: with ``w, v = eigh(p)``, U − 2 (Uv₀)v₀ᴴ for the first column v₀ of v.

    **Cost.** For n = 1024 and κ from 1e2 to 1e15, measured in products of n x n matrices on one
    core: 8 to 10 for ``"auto"``, 14 for ``"svd"``, 21 to 33 for ``"qdwh"``, 30 to 35 for
    ``"newton"``, 20 to 84 for ``"polar_express"``, 57 to 108 for ``"zolo"``. At most ten times
    the memory of `a`, results included; eleven for ``"qdwh"`` and ``"newton"``, 35 to 70 for
    ``"zolo"``, growing with κ; in single precision QDWH takes 18. On the right, P of a very wide
    A is large: take ``side="left"``, or ``compute_p=False``.

    **Accuracy.** ‖UᴴU − I‖_F/√n ≤ 5 eps, whatever the condition number. ‖A − UP‖_F/‖A‖_F is at
    most 10 eps √max(1, n/256) for ``"auto"`` and random singular vectors, and about 20 eps
    √max(1, n/256) for the other methods and for the hardest matrices of the gallery. Columns
    of equal entries are worse, for rounding errors of long sums of equal terms add up instead of
    cancelling: for ``np.ones((m, n))`` both were up to 15 eps for m < 150 and 100 eps beyond, as
    with LAPACK's SVD. P may have eigenvalues down to −10 eps ‖A‖. U itself is sensitive where A
    is nearly singular.

    **Backends.** See :doc:`/backends`; many tiny matrices and real ones of order 144 and more
    go through compiled kernels on NumPy, ``"auto"`` means QDWH on a GPU, or the SVD for batches
    of orders up to 32.

    References
    ----------
    .. [1] Y. Nakatsukasa, Z. Bai, F. Gygi, "Optimizing Halley's iteration for computing the
       matrix polar decomposition", SIAM J. Matrix Anal. Appl., 2010.
    .. [2] Y. Nakatsukasa, R. W. Freund, "Computing fundamental matrix decompositions accurately
       via the matrix sign function in two iterations", SIAM Review, 2016.
    .. [3] N. J. Higham, "Functions of Matrices", SIAM, 2008.
    .. [4] N. Amsel et al., "The Polar Express", arXiv:2505.16932.

    Examples
    --------
    The rotation nearest to a spoiled one:

    >>> import numpy as np
    >>> import linalgx as lx
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> u, p = lx.orthogonal.polar(turn @ np.diag([2.0, 3.0]))
    >>> float(np.linalg.norm(u - turn)) < 1e-15
    True
    >>> p.round(12)
    array([[2., 0.],
           [0., 3.]])
    """
    xp, a = as_matrix(a, "a", check_finite=check_finite)
    left, run = choose(side, SIDES, "side"), choose(method, METHODS, "method")
    limit = None if maxiter is None else admit_integer(maxiter, "maxiter", 1)
    if run is automatic and callback is None and is_tiny(a, xp=xp):
        return PolarResult(*_by_kernel(a, left, compute_p, xp=xp))
    scaled, exponent = to_unit_scale(a, xp=xp)
    control = Control(limit, callback, tuple(a.shape[:-2]), compute_p)
    u, p = any_shape(scaled, run, left, control, xp=xp)
    return PolarResult(u, None if p is None else from_unit_scale(p, exponent, xp=xp))


METHODS: Mapping[str, Method] = {
    "auto": automatic,
    "svd": svd_route,
    "qdwh": qdwh,
    "zolo": zolo,
    "newton": newton,
    "polar_express": polar_express,
}


def _by_kernel(
    a: Array, left: bool, compute_p: bool, *, xp: Namespace
) -> tuple[Array, Array | None]:
    """Let the kernel do what it can, and the SVD the rest."""
    flat, batch = flatten_batch(a, xp=xp)
    u, p, good = tiny(flat, left, compute_p, xp=xp)
    if not bool(xp.all(good)):
        again = xp.take(flat, positions(~good, xp=xp), axis=0)
        again, exponent = to_unit_scale(again, xp=xp)
        control = Control(None, None, tuple(again.shape[:1]), compute_p)
        u_again, p_again = any_shape(again, svd_route, left, control, xp=xp)
        u = scattered(u, u_again, ~good, xp=xp)
        if p is not None and p_again is not None:
            p = scattered(p, from_unit_scale(p_again, exponent, xp=xp), ~good, xp=xp)
    u = unflatten_batch(u, batch, xp=xp)
    return u, None if p is None else unflatten_batch(p, batch, xp=xp)
