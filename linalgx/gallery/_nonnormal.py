"""Matrices far from normal: a companion matrix over many decades, and the memory of HiPPO."""

from math import factorial

from linalgx.backend import default_namespace
from linalgx.gallery._birth import blank, indices, reals, size
from linalgx.typing import Array, Device, DType, Namespace


def companion_exp(
    n: int,
    *,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the companion matrix of the Taylor polynomial of exp of degree n.

    Its columns differ by n! in size while its smallest singular value is harmless: methods whose
    errors are relative to the largest singular value lose that one altogether.

    Parameters
    ----------
    n : int
        Degree, number of rows and columns; n! must not overflow: at most 170, and 34 in single
        precision.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``: ones below the diagonal and the first row −n!/(n − k)!, k = 1, ..., n.

    Raises
    ------
    ValueError
        The size is negative, or n! overflows.

    See Also
    --------
    graded : Rows of different size, with all singular values known.

    Notes
    -----
    **Method.** The first row holds −c_k/c₀ for the coefficients c = 1/n!, ..., 1/1!, 1/0! of
    descending powers.

    **Cost.** n² operations, three more arrays of the size of the result.

    **Accuracy.** Entries are exact for n ≤ 22 in double and n ≤ 13 in single precision. Known
    answers: det = (−1)ⁿ n!; the eigenvalues are the zeros of the polynomial; n − 2 singular values
    are 1, and of the two others the product is n! and the sum of squares 1 + Σ (n!/(n − k)!)². For
    n = 20 the smallest one is 0.66232641487188833 and the largest 3.6732673702093377e18; the
    smallest tends to 1/√I₀(2), I₀ the Bessel function.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.companion_exp(3)
    >>> print(a)
    [[-3. -6. -6.]
     [ 1.  0.  0.]
     [ 0.  1.  0.]]
    >>> print(round(np.linalg.svd(a)[1][2], 6))
    0.66438
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n, like = size(n, "n"), blank(xp, device, dtype)
    most = 34 if xp.finfo(dtype).bits == 32 else 170
    if n > most:
        raise ValueError(f"n must be at most {most}, where n! still is a number, got {n}")
    i, j = indices(n, like, xp=xp)
    row = reals([-float(factorial(n) // factorial(n - k)) for k in range(1, n + 1)], like, xp=xp)
    below = xp.where(i == j + 1.0, xp.ones_like(i * j), xp.zeros_like(i * j))
    return xp.astype(xp.where(i == 0.0, row[None, :], below), dtype)


def hippo(
    n: int,
    *,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the HiPPO matrix of scaled Legendre polynomials (LegS).

    State-space models remember their input by the equation x' = A x + b u with this matrix. It is
    so far from normal that its matrix of eigenvectors is numerically singular from n = 24 on.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``, lower triangular: −√((2i + 1)(2j + 1)) for i > j and −(i + 1) on the
        diagonal, counting from 0.

    Raises
    ------
    ValueError
        The size is negative.

    See Also
    --------
    frank : Badly conditioned eigenvalues.

    Notes
    -----
    **Method.** The definition.

    **Cost.** n² square roots, four more arrays of the size of the result.

    **Accuracy.** Entries are rounded once or twice. Known answers: the eigenvalues are −1, ..., −n;
    det = (−1)ⁿ n!; A + Aᵀ = −I − p pᵀ with p_i = √(2i + 1), so that A + I/2 + p pᵀ/2 is
    skew-symmetric.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import linalgx as lx
    >>> a = lx.gallery.hippo(3)
    >>> print(a.round(6))
    [[-1.        0.        0.      ]
     [-1.732051 -2.        0.      ]
     [-2.236068 -3.872983 -3.      ]]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    i, j = indices(size(n, "n"), blank(xp, device, dtype), xp=xp)
    below = -xp.sqrt((2.0 * i + 1.0) * (2.0 * j + 1.0))
    diagonal = xp.where(i == j, -(i + 1.0), xp.zeros_like(below))
    return xp.astype(xp.where(i > j, below, diagonal), dtype)
