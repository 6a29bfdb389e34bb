"""The quantity that all members of the family reduce by the same factor.

Legend: H = D^(−1/2) B D^(−1/2), D = diag(B), H = L Lᴴ; Γ = tr(B∘B⁻¹ − I) = tr(H⁻¹) − n.
"""

from linalgx._core.polish import identity_like
from linalgx.backend import as_matrix, cholesky, device_of, is_complex, solve_triangular
from linalgx.errors import LinAlgError
from linalgx.jacobi._triangular import equilibrated, unit_diagonal
from linalgx.typing import Array


def potential(b: Array, /, *, check_finite: bool = True) -> Array:
    """Compute Γ = tr(B∘B⁻¹ − I), which tells how far a matrix is from being diagonal.

    It is what Jacobi's iteration and its relatives reduce at a rate that is known exactly, and a
    bound on the condition number that decides their accuracy. It needs a decomposition of the
    matrix: a diagnostic, not a test for stopping.

    Parameters
    ----------
    b : array, shape (..., n, n)
        Hermitian up to rounding, positive definite. For the columns of a matrix A, that is AᴴA.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    Array
        Γ ≥ 0, real, of the leading shape; zero for diagonal matrices only.

    Raises
    ------
    ValueError
        `b` is not Hermitian.
    LinAlgError
        `b` is not positive definite.

    See Also
    --------
    eigh, svd, cholesky, qr : What reduces it.

    Notes
    -----
    **Method.** Γ does not change when rows and columns are scaled, so that Γ = tr(H⁻¹) − n for the
    scaled matrix H with a diagonal of ones; it is computed as ‖L⁻¹(H − I)‖_F², which loses no
    digits near convergence. Hence (our derivation, after [1]_): Γ = Σ (1 − λ)²/λ over the
    eigenvalues λ of H, κ(H) ≤ n(n + Γ) and ‖H − I‖_F² ≤ n Γ. Making the block of k columns chosen
    uniformly at random diagonal, by a unitary or by a triangular matrix, multiplies Γ by
    1 − k(k−1)/(n(n−1)) on average; a random perfect matching of pairs by 1 − 1/(n−1).

    **Cost.** A Cholesky decomposition and a triangular solve, 4n³/3 flops; five times the memory
    of `b`.

    **Accuracy.** Relative error of a few n·eps·κ(H), however the matrix is scaled.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    .. [1] I. Detherage, R. Shah, "A Unified Perspective on Orthogonalization and
       Diagonalization", 2025, arXiv:2505.02023.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> i = np.arange(16)
    >>> b = 0.5 ** np.abs(i[:, None] - i)
    >>> print(round(float(lx.jacobi.potential(b)), 12))
    10.0
    """
    xp, b = as_matrix(b, "b", square=True, check_finite=check_finite)
    h, _ = equilibrated(b, "b", xp=xp)
    h, _ = unit_diagonal(h, 0.0, xp=xp)
    if 0 not in h.shape:
        rest = h - identity_like(h, xp=xp)
        try:
            factor = cholesky(h, xp=xp)
        except LinAlgError:
            raise LinAlgError("b is not positive definite to the precision of its dtype") from None
        h = solve_triangular(factor, rest, lower=True, regular=True, xp=xp)
    square = xp.real(h) ** 2 + xp.imag(h) ** 2 if is_complex(h, xp=xp) else h * h
    gamma = xp.sum(square, axis=(-2, -1))
    return xp.asarray(gamma, dtype=gamma.dtype, device=device_of(h))  # NumPy makes a scalar of it
