"""Famous matrices without randomness, each hard in its own way and known in closed form."""

from math import sqrt

from linalgx.backend import default_namespace
from linalgx.gallery._birth import blank, indices, reals, size
from linalgx.typing import Array, Device, DType, Namespace


def hilbert(
    n: int,
    *,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the Hilbert matrix, entries 1/(i + j + 1), i, j = 0, ..., n − 1.

    The standard example of a positive definite matrix that looks harmless and is numerically
    singular from n = 12 on.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``, symmetric positive definite.

    Raises
    ------
    ValueError
        The size is negative.

    See Also
    --------
    vandermonde : Another numerically singular matrix, without symmetry.

    Notes
    -----
    **Method.** The Gram matrix of 1, x, x², ... in the inner product of L²(0, 1).

    **Cost.** n² divisions, one more array of the size of the result.

    **Accuracy.** Known answers, with C(n, k) the binomial coefficients: det = cₙ⁴/c₂ₙ,
    cₙ = ∏ k! over k < n; the inverse has the integer entries
    (−1)^(i+j) (i+j+1) C(n+i, n−j−1) C(n+j, n−i−1) C(i+j, i)²; κ₂ = 524.06 for n = 3,
    4.766e5 for n = 5, 1.602e13 for n = 10, and grows as (1 + √2)^(4n)/√n. Entries are rounded,
    which moves the small singular values by up to eps.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> print(round(np.linalg.cond(lx.gallery.hilbert(3)), 2))
    524.06
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    i, j = indices(size(n, "n"), blank(xp, device, dtype), xp=xp)
    return xp.astype(1.0 / (i + j + 1.0), dtype)


def kahan(
    n: int,
    *,
    c: float = 0.9,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return Kahan's matrix, upper triangular, on which rank-revealing QR goes wrong.

    Column pivoting leaves it as it is (but for rounding), and the last diagonal entry says
    nothing about how small the smallest singular value is.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    c : float
        Cosine of Kahan's angle θ, in [0, 1).
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``: diag(1, s, ..., sⁿ⁻¹) times the unit upper triangular matrix with −c
        above the diagonal, s = √(1 − c²).

    Raises
    ------
    ValueError
        The size is negative, or `c` outside [0, 1).

    See Also
    --------
    triu_ones : A triangular matrix that is harmless.

    Notes
    -----
    **Method.** The definition.

    **Cost.** n² operations, two more arrays of the size of the result.

    **Accuracy.** Known answers: det = s^(n(n−1)/2); the inverse is upper triangular with
    diagonal s^(−j) and entries c (1 + c)^(j−i−1) s^(−j) above it; the last but one singular
    value is sⁿ⁻² √(1 + c), for n ≥ 3. With c = 0.9 it is numerically singular from n = 25 on.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.kahan(4, c=0.6)
    >>> print(round(np.linalg.det(a), 6), round(0.8**6, 6))
    0.262144 0.262144
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n, like = size(n, "n"), blank(xp, device, dtype)
    if not 0.0 <= c < 1.0:
        raise ValueError(f"c must lie in [0, 1), got {c}")
    s = sqrt((1.0 - c) * (1.0 + c))
    i, j = indices(n, like, xp=xp)
    unit = xp.where(i == j, xp.ones_like(i), xp.where(j > i, -c * xp.ones_like(i), 0.0 * i))
    return xp.astype(unit * reals([s**k for k in range(n)], like, xp=xp)[:, None], dtype)


def frank(
    n: int,
    *,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return Frank's upper Hessenberg matrix, with badly conditioned small eigenvalues.

    It is a test for eigenvalue algorithms; as a matrix to decompose it is only moderately
    ill-conditioned for small n.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``, entries n − max(i, j) where i ≤ j + 1, else 0, counting from 0.

    Raises
    ------
    ValueError
        The size is negative.

    See Also
    --------
    hilbert : Symmetric and much worse conditioned.

    Notes
    -----
    **Method.** The definition.

    **Cost.** n² operations, two more arrays of the size of the result.

    **Accuracy.** Entries are exact. Known answers: det = 1; all eigenvalues are real and
    positive and come in pairs λ, 1/λ, so 1 is one of them when n is odd.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.gallery.frank(4))
    [[4. 3. 2. 1.]
     [3. 3. 2. 1.]
     [0. 2. 2. 1.]
     [0. 0. 1. 1.]]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n = size(n, "n")
    i, j = indices(n, blank(xp, device, dtype), xp=xp)
    entries = float(n) - xp.maximum(i, j)
    return xp.astype(xp.where(i <= j + 1.0, entries, xp.zeros_like(entries)), dtype)


def vandermonde(
    n: int,
    *,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the Vandermonde matrix of n equidistant points of [0, 1], entries xᵢʲ.

    Polynomial interpolation in the worst of ways: numerically singular from about n = 20 on.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``, powers increasing from left to right, points xᵢ = i/(n − 1).

    Raises
    ------
    ValueError
        The size is negative.

    See Also
    --------
    hilbert : Its inner products instead of its values.

    Notes
    -----
    **Method.** The definition.

    **Cost.** n² powers, one more array of the size of the result.

    **Accuracy.** Known answers: det = ∏_{k<n} k! / (n−1)^(n(n−1)/2), the product of all
    differences of points; its inverse holds the coefficients of the Lagrange polynomials.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> print(round(np.linalg.det(lx.gallery.vandermonde(3)), 6))
    0.25
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n = size(n, "n")
    i, j = indices(n, blank(xp, device, dtype), xp=xp)
    return xp.astype((i / float(max(n - 1, 1))) ** j, dtype)


def triu_ones(
    n: int,
    *,
    rank: int | None = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the upper triangular matrix of ones, optionally of lower rank.

    All its singular values are known in closed form; with `rank` it is an exactly singular
    matrix of exact entries.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    rank : int, optional
        Rows from this one on are zero; ``None`` keeps all.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``.

    Raises
    ------
    ValueError
        The size is negative, or `rank` outside [0, n].

    See Also
    --------
    kahan : A triangular matrix with a hidden small singular value.

    Notes
    -----
    **Method.** The definition.

    **Cost.** n² operations, one more array of the size of the result.

    **Accuracy.** Entries are exact. Known answers for full rank: det = 1; the inverse is
    bidiagonal, 1 on and −1 above the diagonal; the singular values are
    1/(2 sin((2k−1)π/(4n+2))), k = 1, ..., n, so κ₂ is about 4n/π.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.triu_ones(10)
    >>> print(round(np.linalg.norm(a, 2), 6), round(0.5 / math.sin(math.pi / 42), 6))
    6.690745 6.690745
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n = size(n, "n")
    kept = n if rank is None else size(rank, "rank")
    if kept > n:
        raise ValueError(f"rank must lie in [0, {n}], got {kept}")
    i, j = indices(n, blank(xp, device, dtype), xp=xp)
    return xp.astype((i <= j) & (i < float(kept)), dtype)
