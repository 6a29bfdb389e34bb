"""Matrices of fractional derivatives.

Legend: α the order, t_k the entry of the k-th diagonal, f(θ) = t₀ + 2 Σ t_k cos kθ the symbol.
"""

from math import gamma

from linalgx._core.admit import admit_real
from linalgx.backend import default_namespace
from linalgx.gallery._birth import blank, reals, size
from linalgx.typing import Array, Device, DType, Namespace


def riesz_column(
    n: int,
    *,
    alpha: float = 1.8,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the first column of the matrix of a Riesz fractional derivative.

    It is all that products by FFT and preconditioners for Toeplitz matrices need.

    Parameters
    ----------
    n : int
        Number of entries.
    alpha : float
        Order of the derivative, in (0, 2].
    xp, device, dtype : optional
        Where the vector is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n,)``: t₀, ..., tₙ₋₁.

    Raises
    ------
    ValueError
        The size is negative, or `alpha` outside (0, 2].

    See Also
    --------
    riesz : The matrix.
    linalgx.relaxation.toeplitz : Products with it by FFT.

    Notes
    -----
    **Method.** t₀ = Γ(α + 1)/Γ(α/2 + 1)², t_k = t_{k−1} (1 − (α + 1)/(α/2 + k)): the Fourier
    coefficients of the symbol (2 − 2 cos θ)^(α/2).

    **Cost.** n steps of the recurrence, on the host.

    **Accuracy.** Rounding errors add up to about k·eps in t_k. Known answers: α = 2 gives
    2, −1, 0, ...; for α < 2 all entries but the first are negative, t₀ + 2 Σ t_k tends to zero
    and t_k decays as k^(−1−α).

    **Backends.** See :doc:`/backends`; the recurrence runs on the host.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.gallery.riesz_column(4, alpha=1.0) * 3.141592653589793 / 4)
    [ 1.         -0.33333333 -0.06666667 -0.02857143]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    return _riesz(size(n, "n"), alpha, blank(xp, device, dtype), xp=xp)


def riesz(
    n: int,
    *,
    alpha: float = 1.8,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Return the Toeplitz matrix of a Riesz fractional derivative, as a dense array.

    Between the identity (α = 0) and the second difference (α = 2), but full: the standard
    example for preconditioners of Toeplitz matrices.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    alpha : float
        Order of the derivative, in (0, 2].
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(n, n)``, symmetric positive definite. Divide by h^α for the derivative itself.

    Raises
    ------
    ValueError
        The size is negative, or `alpha` outside (0, 2].

    See Also
    --------
    riesz_column : Its first column only.

    Notes
    -----
    **Method.** The entry (i, j) is entry |i − j| of `riesz_column`.

    **Cost.** n² entries, and an integer array of that size.

    **Accuracy.** That of `riesz_column`. Known answers: the eigenvalues lie in (0, 2^α), and the
    condition number grows as n^α; α = 2 gives tridiag(−1, 2, −1).

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.gallery.riesz(3, alpha=2.0))
    [[ 2. -1.  0.]
     [-1.  2. -1.]
     [ 0. -1.  2.]]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n = size(n, "n")
    t = _riesz(n, alpha, blank(xp, device, dtype), xp=xp)
    k = xp.arange(n, dtype=xp.int64, device=device)
    lag = xp.abs(k[:, None] - k[None, :])
    return xp.reshape(xp.take(t, xp.reshape(lag, (-1,)), axis=0), (n, n))


def _riesz(n: int, alpha: float, like: Array, *, xp: Namespace) -> Array:
    """Run the recurrence for t_k in double precision."""
    alpha = admit_real(alpha, "alpha", 0.0, 2.0, ends="(]")
    t = [gamma(alpha + 1.0) / gamma(alpha / 2.0 + 1.0) ** 2]
    for k in range(1, n):
        t.append(t[-1] * (1.0 - (alpha + 1.0) / (alpha / 2.0 + k)))
    return xp.astype(reals([x + 0.0 for x in t[:n]], like, xp=xp), like.dtype)
