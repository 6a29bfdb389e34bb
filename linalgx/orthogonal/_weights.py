"""Weights of rational iterations: QDWH and Zolotarev, from a lower bound of the singular values.

Legend: ℓ = lower bound of the singular values of a matrix of norm 1; a, b, c = weights of one
QDWH step x(a + b x²)/(1 + c x²); sn, cn = elliptic functions; K' = K(√(1 − ℓ²)) the complete
elliptic integral; r = number of partial fractions.
"""

from math import asinh, inf, pi, prod, sinh, sqrt
from typing import Any, NamedTuple

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import host_array

SMALLEST = 1e-100
LIMIT = (3.0, 1.0, 3.0)
"""The weights for ℓ = 1, which are those of Halley's iteration."""


class ZolotarevCoefficients(NamedTuple):
    """Coefficients of one Zolotarev step, for its product and for its partial fractions."""

    c: Any
    a: Any
    m: float


def qdwh_weights(lower: float) -> Any:
    """Compute the weights of the QDWH iteration for the polar factor.

    Each step replaces X by X (a I + b XᴴX)(I + c XᴴX)⁻¹; the weights are the best ones for
    singular values in [`lower`, 1], and raise the lower bound to ℓ(a + bℓ²)/(1 + cℓ²). At most
    six steps are needed for any matrix in double precision.

    Parameters
    ----------
    lower : float
        Lower bound of the singular values, in [1e-100, 1].

    Returns
    -------
    ndarray of float64, on the host, shape (steps, 3)
        Rows (a, b, c), until all singular values are within 1e-15 of 1.

    Raises
    ------
    ValueError
        `lower` lies outside its range.

    See Also
    --------
    zolotarev_coefficients : higher-order steps, fewer and wider.
    linalgx.orthogonal.polar : uses them with ``method="qdwh"``.

    Notes
    -----
    **Method.** With d = (4(1 − ℓ²)/ℓ⁴)^(1/3), a = √(1 + d) + ½ √(8 − 4d + 8(2 − ℓ²)/(ℓ²√(1 + d))),
    b = (a − 1)²/4 and c = a + b − 1 [1]_.

    **Cost.** Nothing worth counting.

    **Accuracy.** Full double precision.

    **Backends.** Runs on the host only; see :doc:`/backends`.

    References
    ----------
    .. [1] Y. Nakatsukasa, Z. Bai, F. Gygi, "Optimizing Halley's iteration for computing the
       matrix polar decomposition", SIAM J. Matrix Anal. Appl., 2010.

    Examples
    --------
    >>> import linalgx as lx
    >>> lx.orthogonal.qdwh_weights(1e-16).shape
    (6, 3)
    """
    lower = admit_real(lower, "lower", SMALLEST, 1.0, ends="[]")
    return host_array(qdwh_rows(lower, 1e-15))


def qdwh_rows(lower: float, defect: float) -> list[tuple[float, float, float]]:
    """Rows (a, b, c) until ℓ ≥ 1 − `defect`; at least one."""
    rows = [qdwh_row(lower)]
    while 1.0 - (lower := qdwh_map(lower, rows[-1])) > defect:
        rows.append(qdwh_row(lower))
    return rows


def qdwh_row(lower: float) -> tuple[float, float, float]:
    """Weights (a, b, c) for singular values in [lower, 1]."""
    square = lower * lower
    d = (4.0 * (1.0 - square)) ** (1 / 3) / lower ** (4 / 3)
    root = sqrt(1.0 + d)
    # The radicand is positive; near ℓ = 0 it is the difference of two large numbers.
    a = root + 0.5 * sqrt(max(8.0 - 4.0 * d + 8.0 * (2.0 - square) / (square * root), 0.0))
    b = 0.25 * (a - 1.0) ** 2
    return (a, b, a + b - 1.0) if lower < 1.0 else LIMIT


def qdwh_map(x: float, row: tuple[float, float, float]) -> float:
    """Image of a singular value, at most 1."""
    a, b, c = row
    return min(1.0, x * (a + b * x * x) / (1.0 + c * x * x))


def zolotarev_coefficients(lower: float, r: int) -> ZolotarevCoefficients:
    """Compute the coefficients of one Zolotarev step for the polar factor.

    The step maps a singular value x to Z(x) = M x ∏ⱼ (x² + c₂ⱼ)/(x² + c₂ⱼ₋₁), j = 1, ..., r, up to
    a factor the odd rational function of its type that is closest to 1 on [`lower`, 1]. In partial
    fractions Z(x) = M x (1 + Σⱼ aⱼ/(x² + c₂ⱼ₋₁)), so that its r terms can be computed side by side.
    Two steps suffice in double precision.

    Parameters
    ----------
    lower : float
        Lower bound ℓ of the singular values, in [1e-100, 1].
    r : int
        Number of partial fractions, at least 1; 8 for the hardest matrices.

    Returns
    -------
    c : ndarray of float64, on the host, shape (2 r,)
        c₁, ..., c₂ᵣ, increasing.
    a : ndarray of float64, on the host, shape (r,)
        Numerators of the partial fractions.
    m : float
        The factor M, with Z(1) = 1.

    Raises
    ------
    ValueError
        An argument lies outside its range.

    See Also
    --------
    qdwh_weights : the case r = 1, iterated.
    linalgx.orthogonal.polar : uses them with ``method="zolo"``.

    Notes
    -----
    **Method.** cᵢ = ℓ² sn²(iK'/(2r + 1))/cn²(iK'/(2r + 1)) with modulus √(1 − ℓ²) [1]_, computed as
    (ℓ sinh ψ)², where ψ comes from the arithmetic-geometric mean of 1 and √(1 − ℓ²) by descending
    Landen steps; only i ≤ r is computed so, the others follow from c₂ᵣ₊₁₋ᵢ = ℓ²/cᵢ. The
    usual formulas lose digits when ℓ is small.

    **Cost.** Nothing worth counting.

    **Accuracy.** About 1e-14, relative, for every `lower`.

    **Backends.** Runs on the host only; see :doc:`/backends`.

    References
    ----------
    .. [1] Y. Nakatsukasa, R. W. Freund, "Computing fundamental matrix decompositions accurately
       via the matrix sign function in two iterations", SIAM Review, 2016.

    Examples
    --------
    >>> import linalgx as lx
    >>> c, a, m = lx.orthogonal.zolotarev_coefficients(0.01, 3)
    >>> round(float(m * 0.01 * (1 + (a / (0.01**2 + c[::2])).sum())), 3)
    0.975
    """
    lower = admit_real(lower, "lower", SMALLEST, 1.0, ends="[]")
    c, a, m = zolotarev_step(lower, admit_integer(r, "r", 1))
    return ZolotarevCoefficients(host_array(c), host_array(a), m)


def zolotarev_step(lower: float, r: int) -> tuple[list[float], list[float], float]:
    """Coefficients (c, a, M) as Python floats."""
    c = _zolotarev_points(lower, r)
    pairs = list(zip(c[::2], c[1::2], strict=True))
    # Quotients in pairs: the bare products of differences underflow for tiny ℓ.
    a = [
        (e - o) * prod((o - y) / (o - x) for k, (x, y) in enumerate(pairs) if k != j)
        for j, (o, e) in enumerate(pairs)
    ]
    return c, a, prod((1.0 + o) / (1.0 + e) for o, e in pairs)


def zolotarev_map(x: float, c: list[float], m: float) -> float:
    """Image Z(x) of a singular value, at most 1."""
    square = x * x
    factors = ((square + e) / (square + o) for o, e in zip(c[::2], c[1::2], strict=True))
    return min(1.0, m * x * prod(factors))


def zolotarev_order(lower: float) -> int:
    """Return the r with which two steps suffice, or one when ℓ is at least 1/2."""
    kappa = 1.0 / lower
    return next(r for limit, r in _ORDERS if kappa <= limit)


_ORDERS = [
    (1.001, 2), (1.01, 3), (1.1, 4), (1.2, 5), (1.5, 6), (2.0, 8),  # one step
    (6.5, 2), (180.0, 3), (1.5e4, 4), (2e6, 5), (1e9, 6), (3e12, 7), (inf, 8),  # two steps
]  # fmt: skip


def _zolotarev_points(lower: float, r: int) -> list[float]:
    """Increasing c₁, ..., c₂ᵣ by the arithmetic-geometric mean."""
    lower = min(lower, 1.0 - 1e-15)  # at 1 the mean degenerates, the points do not
    a, b, ratios = 1.0, sqrt((1.0 - lower) * (1.0 + lower)), [lower]
    c = lower
    while c > 1e-17 * a and len(ratios) < 40:
        a, b, c = (a + b) / 2, sqrt(a * b), c * c / (2.0 * (a + b))
        ratios.append(c / a)
    half = _agm(1.0, lower)
    low = []
    for i in range(1, r + 1):
        psi = 2.0 ** (len(ratios) - 1) * a * (i / (2 * r + 1)) * pi / (2.0 * half)
        for ratio in reversed(ratios[1:]):
            psi = (psi + asinh(ratio * sinh(psi))) / 2
        low.append((lower * sinh(psi)) ** 2)
    return low + [lower * lower / c for c in reversed(low)]


def _agm(a: float, b: float) -> float:
    """Arithmetic-geometric mean."""
    while abs(a - b) > 1e-16 * a * 4:
        a, b = (a + b) / 2, sqrt(a * b)
    return a
