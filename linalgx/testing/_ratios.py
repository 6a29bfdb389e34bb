"""LAPACK-style ratios: how many units of n·eps a result is away from what it claims.

Legend: n = larger dimension of the matrix whose norm is taken, eps = machine epsilon of the
precision of the arrays, ‖·‖₁ = largest column sum. Every ratio is the worst over a batch. A NaN
or Inf in any argument makes all ratios NaN, so that no comparison ``ratio < 30`` holds.
"""

from operator import index
from typing import NamedTuple

from linalgx._core.choose import SIDES, choose
from linalgx._core.norms import one_norm
from linalgx._core.polish import identity_like
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import adjoint, device_of, eigh, eps, hermitian
from linalgx.testing._common import (
    NAN,
    above_zero,
    admit,
    descent,
    expect,
    isometry,
    largest,
    relative,
    residual,
)
from linalgx.typing import Array


class PolarRatios(NamedTuple):
    """Ratios of a polar decomposition; each is small when the claim holds."""

    residual: float
    orthogonality: float
    hermitian: float
    definite: float


class SVDRatios(NamedTuple):
    """Ratios of a singular value decomposition."""

    residual: float
    left: float
    right: float
    order: float


class EighRatios(NamedTuple):
    """Ratios of a Hermitian eigendecomposition."""

    residual: float
    orthogonality: float
    order: float


class QRRatios(NamedTuple):
    """Ratios of a QR decomposition."""

    residual: float
    orthogonality: float
    triangular: float


class RootRatios(NamedTuple):
    """Ratios of a root or inverse root of a Hermitian positive definite matrix."""

    residual: float
    hermitian: float


def polar_ratios(a: Array, u: Array, p: Array, /, *, side: str = "right") -> PolarRatios:
    """Measure a polar decomposition A = U P (right) or A = P U (left).

    Parameters
    ----------
    a : array, shape (..., m, n)
        The matrix that was decomposed.
    u : array, shape (..., m, n)
        Its factor with orthonormal columns (rows when m < n).
    p : array, shape (..., n, n) or, on the left, (..., m, m)
        Its Hermitian positive semidefinite factor.
    side : str
        ``"right"`` or ``"left"``.

    Returns
    -------
    PolarRatios
        ``residual`` = ‖A − U P‖₁/(n·eps·‖A‖₁), ``orthogonality`` = ‖I − UᴴU‖₁/(n·eps) (UUᴴ when
        m < n), ``hermitian`` = ‖P − Pᴴ‖₁/(n·eps·‖P‖₁), and ``definite`` =
        max(0, −λ_min(P))/(n·eps·max|λ(P)|).

    Raises
    ------
    ValueError
        The shapes do not fit, or `side` is not known.

    See Also
    --------
    polar_errors : The same in Frobenius norms and units of eps.

    Notes
    -----
    **Method.** The formulas above, on matrices divided by a power of two.

    **Cost.** Two products and one eigendecomposition of P; seven times the memory of `a`.

    **Accuracy.** Measuring adds rounding errors of its own, below one unit. LAPACK accepts
    ratios up to 30.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> lx.testing.polar_ratios(2 * np.eye(3), np.eye(3), 2 * np.eye(3))
    PolarRatios(residual=0.0, orthogonality=0.0, hermitian=0.0, definite=0.0)
    """
    left = choose(side, SIDES, "side")
    xp, (a, u, p), finite = admit({"a": a, "u": u, "p": p})
    m, n = a.shape[-2:]
    order = m if left else n
    expect(u, "u", (*a.shape[:-2], m, n))
    expect(p, "p", (*a.shape[:-2], order, order))
    if not finite:
        return PolarRatios(NAN, NAN, NAN, NAN)
    a, exponent = to_unit_scale(a, xp=xp)
    p = from_unit_scale(p, -exponent, xp=xp)
    if not bool(xp.all(xp.isfinite(p))):  # far too large for this matrix
        return PolarRatios(NAN, NAN, NAN, NAN)
    w = eigh(hermitian(p, xp=xp), xp=xp)[0]
    size, unit = largest(xp.abs(w), xp=xp), eps(a, xp=xp) * max(order, 1)
    negative = relative(largest(-w, xp=xp), size, unit, xp=xp)
    return PolarRatios(
        residual(a - (p @ u if left else u @ p), a, xp=xp),
        isometry(u if m >= n else adjoint(u, xp=xp), xp=xp),
        residual(p - adjoint(p, xp=xp), p, xp=xp),
        above_zero(negative),
    )


def svd_ratios(a: Array, u: Array, s: Array, vh: Array, /) -> SVDRatios:
    """Measure a reduced singular value decomposition A = U diag(s) Vᴴ.

    Parameters
    ----------
    a : array, shape (..., m, n)
        The matrix that was decomposed.
    u : array, shape (..., m, k)
        Left singular vectors.
    s : array, shape (..., k)
        Singular values.
    vh : array, shape (..., k, n)
        Right singular vectors, conjugated, as rows.

    Returns
    -------
    SVDRatios
        ``residual`` = ‖A − U diag(s) Vᴴ‖₁/(n·eps·‖A‖₁), ``left`` = ‖I − UᴴU‖₁/(n·eps), ``right``
        the same for V, and ``order``, the largest violation of s₁ ≥ ... ≥ s_k ≥ 0 in units of
        eps·s₁.

    Raises
    ------
    ValueError
        The shapes do not fit.

    See Also
    --------
    eigh_ratios : For Hermitian matrices.

    Notes
    -----
    **Method.** The formulas above, on matrices divided by a power of two. A rank below
    min(m, n) is accepted: the residual then says what was left out.

    **Cost.** Three products; six times the memory of `a`.

    **Accuracy.** Measuring adds rounding errors of its own, below one unit. LAPACK accepts
    ratios up to 30.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(20, 10, rng=0)
    >>> max(lx.testing.svd_ratios(a, *np.linalg.svd(a, full_matrices=False))) < 30
    True
    """
    xp, (a, u, s, vh), finite = admit({"a": a, "u": u, "s": s, "vh": vh})
    lead, (m, n), k = a.shape[:-2], a.shape[-2:], s.shape[-1] if s.ndim else 0
    for x, name, shape in ((u, "u", (m, k)), (s, "s", (k,)), (vh, "vh", (k, n))):
        expect(x, name, (*lead, *shape))
    if not finite:
        return SVDRatios(NAN, NAN, NAN, NAN)
    a, exponent = to_unit_scale(a, xp=xp)
    s = from_unit_scale(s[..., None, :], -exponent, xp=xp)
    below = xp.zeros((*lead, 1), dtype=s.dtype, device=device_of(s))
    return SVDRatios(
        residual(a - (u * s) @ vh, a, xp=xp),
        isometry(u, xp=xp),
        isometry(adjoint(vh, xp=xp), xp=xp),
        descent(xp.concat([s[..., 0, :], below], axis=-1), xp=xp),
    )


def eigh_ratios(a: Array, w: Array, v: Array, /) -> EighRatios:
    """Measure a Hermitian eigendecomposition A = V diag(w) Vᴴ.

    Parameters
    ----------
    a : array, shape (..., n, n)
        The matrix that was decomposed.
    w : array, shape (..., n)
        Eigenvalues.
    v : array, shape (..., n, n)
        Eigenvectors, as columns.

    Returns
    -------
    EighRatios
        ``residual`` = ‖A − V diag(w) Vᴴ‖₁/(n·eps·‖A‖₁), ``orthogonality`` = ‖I − VᴴV‖₁/(n·eps),
        and ``order``, the largest violation of w₁ ≤ ... ≤ wₙ in units of eps·max|w|.

    Raises
    ------
    ValueError
        The shapes do not fit.

    See Also
    --------
    svd_ratios : For general matrices.

    Notes
    -----
    **Method.** The formulas above, on matrices divided by a power of two.

    **Cost.** Two products; six times the memory of `a`.

    **Accuracy.** Measuring adds rounding errors of its own, below one unit. LAPACK accepts
    ratios up to 30.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.hilbert(10)
    >>> max(lx.testing.eigh_ratios(a, *np.linalg.eigh(a))) < 30
    True
    """
    xp, (a, w, v), finite = admit({"a": a, "w": w, "v": v}, square=True)
    expect(w, "w", a.shape[:-1])
    expect(v, "v", a.shape)
    if not finite:
        return EighRatios(NAN, NAN, NAN)
    a, exponent = to_unit_scale(a, xp=xp)
    w = from_unit_scale(w[..., None, :], -exponent, xp=xp)
    return EighRatios(
        residual(a - (v * w) @ adjoint(v, xp=xp), a, xp=xp),
        isometry(v, xp=xp),
        descent(-w[..., 0, :], xp=xp),
    )


def qr_ratios(a: Array, q: Array, r: Array, /) -> QRRatios:
    """Measure a reduced QR decomposition A = Q R.

    For a pivoted one pass ``a[:, p]``.

    Parameters
    ----------
    a : array, shape (..., m, n)
        The matrix that was decomposed.
    q : array, shape (..., m, k)
        Factor with orthonormal columns.
    r : array, shape (..., k, n)
        Upper triangular factor.

    Returns
    -------
    QRRatios
        ``residual`` = ‖A − Q R‖₁/(n·eps·‖A‖₁), ``orthogonality`` = ‖I − QᴴQ‖₁/(n·eps), and
        ``triangular`` = ‖L‖₁/(n·eps·‖R‖₁), L the part of R below the diagonal.

    Raises
    ------
    ValueError
        The shapes do not fit.

    See Also
    --------
    svd_ratios : For the singular value decomposition.

    Notes
    -----
    **Method.** The formulas above, on matrices divided by a power of two.

    **Cost.** Two products; seven times the memory of `a`.

    **Accuracy.** Measuring adds rounding errors of its own, below one unit. LAPACK accepts
    ratios up to 30.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(20, 10, rng=0)
    >>> max(lx.testing.qr_ratios(a, *np.linalg.qr(a))) < 30
    True
    """
    xp, (a, q, r), finite = admit({"a": a, "q": q, "r": r})
    lead, (m, n), k = a.shape[:-2], a.shape[-2:], q.shape[-1]
    expect(q, "q", (*lead, m, k))
    expect(r, "r", (*lead, k, n))
    if not finite:
        return QRRatios(NAN, NAN, NAN)
    a, exponent = to_unit_scale(a, xp=xp)
    r = from_unit_scale(r, -exponent, xp=xp)
    return QRRatios(
        residual(a - q @ r, a, xp=xp),
        isometry(q, xp=xp),
        residual(xp.tril(r, k=-1), r, xp=xp),
    )


def root_ratios(a: Array, x: Array, /, p: int) -> RootRatios:
    """Measure X = A^(−1/p), or X = A^(1/|p|) for a negative `p`.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian positive definite matrix.
    x : array, shape (..., n, n)
        Its inverse root or root.
    p : int
        Inverse root for p ≥ 1, root for p ≤ −1: ``p=-2`` measures a square root.

    Returns
    -------
    RootRatios
        ``residual`` = ‖A Xᵖ − I‖₁/(n·eps·‖A‖₁·‖Xᵖ‖₁) for an inverse root and
        ‖X^|p| − A‖₁/(n·eps·‖A‖₁) for a root; ``hermitian`` = ‖X − Xᴴ‖₁/(n·eps·‖X‖₁).

    Raises
    ------
    ValueError
        The shapes do not fit, or `p` is zero.

    See Also
    --------
    eigh_ratios : For the decomposition behind most roots.

    Notes
    -----
    **Method.** The formulas above, after LAPACK's test of an inverse. The condition number of A
    is part of the unit: no algorithm can do better than about ‖A‖·‖Xᵖ‖·eps.

    **Cost.** About 1 + 2 log₂ |p| products; four times the memory of `a`.

    **Accuracy.** Measuring adds rounding errors of its own, below one unit. Not scaled: the
    condition number times the largest entry must not overflow.

    **Backends.** See :doc:`/backends`.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> lx.testing.root_ratios(4 * np.eye(2), np.eye(2) / 2, 2).residual
    0.0
    """
    xp, (a, x), finite = admit({"a": a, "x": x}, square=True)
    expect(x, "x", a.shape)
    if (p := index(p)) == 0:
        raise ValueError("p must be a nonzero integer, got 0")
    if not finite:
        return RootRatios(NAN, NAN)
    unit, size = eps(a, xp=xp) * max(a.shape[-1], 1), one_norm(a, xp=xp)
    power = xp.linalg.matrix_power(x, abs(p))
    error = power - a if p < 0 else a @ power - identity_like(x, xp=xp)
    size = size if p < 0 else size * one_norm(power, xp=xp)
    return RootRatios(
        relative(one_norm(error, xp=xp), size, unit, xp=xp),
        residual(x - adjoint(x, xp=xp), x, xp=xp),
    )
