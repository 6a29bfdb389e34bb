"""Matrices with prescribed singular values.

Legend: k = min(m, n), s₁ ≥ ... ≥ s_k the singular values, s₁ = 1, s_k = 1/κ.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from linalgx._core.choose import choose
from linalgx.backend import adjoint, as_generator, default_namespace, eps, hermitian
from linalgx.gallery._birth import blank, haar, reals, size, sizes
from linalgx.typing import Array, Device, DType, Namespace, RNGLike


def _geometric(k: int, cond: float, rng: Any) -> list[float]:
    return [cond ** (-i / (k - 1)) for i in range(k)]


def _arithmetic(k: int, cond: float, rng: Any) -> list[float]:
    return [1.0 - i / (k - 1) * (1.0 - 1.0 / cond) for i in range(k)]


def _one_large(k: int, cond: float, rng: Any) -> list[float]:
    return [1.0] + [1.0 / cond] * (k - 1)


def _one_small(k: int, cond: float, rng: Any) -> list[float]:
    return [1.0] * (k - 1) + [1.0 / cond]


def _clustered(k: int, cond: float, rng: Any) -> list[float]:
    return [1.0] * (k - k // 2) + [1.0 / cond] * (k // 2)


def _log_random(k: int, cond: float, rng: Any) -> list[float]:
    inner = sorted(float(rng.random()) for _ in range(k - 2))
    return [cond**-t for t in (0.0, *inner, 1.0)]


SPECTRA: dict[str, Callable[[int, float, Any], list[float]]] = {
    "geometric": _geometric,
    "arithmetic": _arithmetic,
    "one_large": _one_large,
    "one_small": _one_small,
    "clustered": _clustered,
    "log_random": _log_random,
}


def randsvd(
    m: int,
    n: int | None = None,
    *,
    cond: float | None = None,
    mode: str = "geometric",
    definite: bool = False,
    batch: int | Sequence[int] = (),
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw a random matrix with prescribed singular values.

    The first choice for testing an algorithm: the answer is known, the condition number is
    set, and the singular vectors favour no direction.

    Parameters
    ----------
    m : int
        Number of rows.
    n : int, optional
        Number of columns, `m` when ``None``.
    cond : float, optional
        Condition number κ ≥ 1, ``1/sqrt(eps)`` when ``None``.
    mode : str
        How the k = min(m, n) singular values lie between 1 and 1/κ; below, i = 0, ..., k − 1.

        ============== ====================================== ============
        mode           singular values                        in SLATE
        ============== ====================================== ============
        ``geometric``  κ^(−i/(k−1))                           svd_geo
        ``arithmetic`` 1 − i/(k−1) · (1 − 1/κ)                svd_arith
        ``one_large``  1, 1/κ, ..., 1/κ                       svd_cluster0
        ``one_small``  1, ..., 1, 1/κ                         svd_cluster1
        ``clustered``  half of them 1, half of them 1/κ       --
        ``log_random`` 1, 1/κ, and κ^(−t), t uniform on [0,1] svd_logrand
        ============== ====================================== ============
    definite : bool
        Make the matrix Hermitian positive definite: the eigenvalues are then the singular
        values. It needs m = n.
    batch : int or tuple of int
        Leading shape; the matrices of a batch share the singular values.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives one matrix on every backend, up to rounding.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`. A complex
        `dtype` gives complex singular vectors.

    Returns
    -------
    Array
        Shape ``(*batch, m, n)``.

    Raises
    ------
    ValueError
        The mode is not known, κ < 1, a size is negative, or `definite` with m ≠ n.

    See Also
    --------
    graded : Known singular values and rows of very different size.
    spiked : A few large singular values above noise.

    Notes
    -----
    **Method.** A = U diag(s) Vᴴ, where U and V are uniformly distributed isometries: Q factors
    of Gaussian matrices, with the phases of the diagonal of R moved into Q.

    **Cost.** Two QR decompositions and a product; about five times the memory of the
    result, itself included.

    **Accuracy.** Known answers: singular values s, κ₂ = κ, ``|det A|`` = ∏s, for
    ``geometric`` κ^(−k/2). Rounding moves each singular value by a few eps·s₁, so those below
    eps·s₁ are known in size only.

    **Backends.** See :doc:`/backends`; draws happen on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.randsvd(5, 3, cond=100.0, rng=0)
    >>> print(np.linalg.svd(a, compute_uv=False).round(6))
    [1.   0.1  0.01]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    m = size(m, "m")
    n, batch, like = _columns(m, n, definite), sizes(batch, "batch"), blank(xp, device, dtype)
    generator = as_generator(rng)
    s = reals(_values(min(m, n), cond, mode, generator, like, xp=xp), like, xp=xp)
    k = s.shape[0]
    scale = xp.astype(s, like.dtype)
    u = haar((*batch, m, k), generator, like=like, xp=xp)
    if definite:
        return hermitian((u * scale) @ adjoint(u, xp=xp), xp=xp)
    v = haar((*batch, n, k), generator, like=like, xp=xp)
    return (u * scale) @ adjoint(v, xp=xp)


def _columns(m: int, n: int | None, definite: bool) -> int:
    n = m if n is None else size(n, "n")
    if definite and n != m:
        raise ValueError(f"definite=True needs a square matrix, got m = {m}, n = {n}")
    return n


def _values(
    k: int, cond: float | None, mode: str, rng: Any, like: Array, *, xp: Namespace
) -> list[float]:
    """Return the k singular values, descending."""
    spectrum = choose(mode, SPECTRA, "mode")
    cond = eps(like, xp=xp) ** -0.5 if cond is None else float(cond)
    if not 1.0 <= cond < inf:
        raise ValueError(f"cond must be a finite number >= 1, got {cond}")
    return spectrum(k, cond, rng) if k > 1 else [1.0] * k
