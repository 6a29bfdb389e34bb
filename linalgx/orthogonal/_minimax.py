"""Coefficients of the Polar Express: greedy minimax odd polynomials of degree 3 and 5.

Legend: [l, u] an interval that holds all singular values; p the odd polynomial with the
smallest E = max |1 − p| on it; q, r the inner points where |1 − p| = E; k cushion; s safety.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import host_array

Row = tuple[float, ...]


def polar_express_coefficients(
    steps: int,
    *,
    lower: float,
    degree: int = 5,
    cushion: float = 0.02407327424182761,
    safety: float = 1.01,
) -> Any:
    """Compute the polynomial coefficients of the Polar Express iteration.

    The matrix X has singular values in [`lower`, 1]. Each step replaces X by p(X), p odd, and
    is chosen as the polynomial that brings the singular values, wherever they lie in the
    interval known so far, closest to 1. Among all compositions of that many polynomials of that
    degree none has a smaller worst case. Take `lower` too large and the singular values below
    it are still raised, only less.

    Parameters
    ----------
    steps : int
        Number of steps, at least 1. The rows of a shorter list are the first rows of a longer
        one, except that the last row is always without `safety`.
    lower : float
        Lower bound of the singular values, in (0, 1].
    degree : {5, 3}
        Degree of each polynomial.
    cushion : float
        Solve on [max(l, cushion·u), u] instead of [l, u], in [0, 1). It keeps the first
        polynomials from sinking close to 0 between their extrema, where rounding would do
        harm, at the price of a little speed. 0 gives the optimal polynomials.
    safety : float
        At least 1. All polynomials but the last are evaluated at x/safety, so that singular
        values that rounding pushed above u do no harm. 1 gives the exact polynomials, under
        which a value above u grows from step to step: in 64-bit numbers they serve for about
        15 steps, and in 32-bit numbers for about 8.

    Returns
    -------
    ndarray of float64, on the host
        Shape ``(steps, 3)`` for degree 5, rows (a, b, c) of p(x) = a x + b x³ + c x⁵;
        ``(steps, 2)`` for degree 3.

    Raises
    ------
    ValueError
        An argument lies outside its range.

    See Also
    --------
    orthogonalize : Apply such coefficients.
    shape_coefficients : One triple for all steps, fitted to the shape of the matrix.

    Notes
    -----
    **Method.** Greedy steps of [1]_: p_t is the minimax polynomial on [l_t, u_t], then
    l ← p_t(l), u ← 2 − l. For degree 3 it is known in closed form. For degree 5 the error
    alternates at l < q < r < u. Since p′ vanishes at q and r,
    p = c (x⁵ − (5/3)(q² + r²) x³ + 5 q² r² x), and the two conditions p(r) = p(l),
    p(q) = p(u), divided by (l − r)² and (u − q)², become

        3l³ + 6r l² + (4r² − 5q²) l + 2r (r² − 5q²) = 0,
        3u³ + 6q u² + (4q² − 5r²) u + 2q (q² − 5r²) = 0;

    p(l) + p(u) = 2 fixes c. This is our derivation. It stands in for the Remez exchange, has the
    same solution, and stays well conditioned as l → u, where the exchange loses its digits; the
    limit is (15, −10, 3)/8. With the cushion active, p is multiplied so that its smallest and
    largest values on [l, u] lie symmetrically about 1. With a safety s > 1, l follows p_t(l/s),
    so that it remains a lower bound of what the returned coefficients do.

    **Cost.** A few microseconds a step on the host.

    **Accuracy.** Coefficients to a few units of rounding of float64 for every `lower`. With
    ``safety=1`` the error after all steps is max |1 − p| = 1 − l; each unit of safety costs a
    little of it.

    **Backends.** See :doc:`/backends`; no array input, always a NumPy array.

    References
    ----------
    .. [1] Amsel, Persson, Musco, Gower, "The Polar Express: optimal matrix sign methods and
       their application to the Muon algorithm", arXiv:2505.16932.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.orthogonal.polar_express_coefficients(2, lower=1e-3, safety=1.0).round(6))
    [[  8.287212 -23.595887  17.300387]
     [  4.107059  -2.94785    0.544843]]
    """
    steps = _admit(steps, lower, degree, cushion, safety)
    best = _MINIMAX[degree]
    low, high = float(lower), 1.0
    rows: list[Row] = []
    for t in range(steps):
        shrink = safety if t < steps - 1 else 1.0
        row = _greedy(best, low, high, cushion, shrink)
        low = min(evaluate(row, low), 1.0)
        high = 2.0 - low
        rows.append(row)
    return host_array(rows)


def _greedy(
    best: Callable[[float, float], tuple[Row, float]],
    low: float,
    high: float,
    cushion: float,
    shrink: float,
) -> Row:
    """Solve one step: the polynomial on the cushioned interval, recentred, for the argument x/s."""
    row, top = best(max(low, cushion * high), high)
    centre = 2.0 / (evaluate(row, low) + evaluate(row, top))  # 1 without an active cushion
    return tuple(centre * c / shrink ** (2 * i + 1) for i, c in enumerate(row))


def evaluate(row: Row, x: float) -> float:
    """Value of the odd polynomial at x."""
    value = 0.0
    for c in reversed(row):
        value = c + x * x * value
    return x * value


def _cubic(low: float, high: float) -> tuple[Row, float]:
    """Minimax cubic on [l, u] in closed form, and where it is largest."""
    alpha = sqrt(3.0 / (high * high + low * high + low * low))
    beta = 4.0 / (2.0 + low * high * (low + high) * alpha**3)
    return (1.5 * beta * alpha, -0.5 * beta * alpha**3), 1.0 / alpha


def _quintic(low: float, high: float) -> tuple[Row, float]:
    """Minimax quintic on [l, u], and a point where it is largest.

    Newton's method on the two equations of the docstring. The start is exact for l → u; for
    any 0 ≤ l ≤ u five iterations suffice, checked over the whole range.
    """
    q, r = (3.0 * low + high) / 4.0, (low + 3.0 * high) / 4.0
    for _ in range(8):
        f, f_q, f_r = _extremum(low, q, r)
        h, h_r, h_q = _extremum(high, r, q)
        det = f_q * h_r - f_r * h_q
        q, r = q - (f * h_r - f_r * h) / det, r - (f_q * h - f * h_q) / det
    row = (5.0 * (q * r) ** 2, -5.0 / 3.0 * (q * q + r * r), 1.0)
    c = 2.0 / (evaluate(row, low) + evaluate(row, high))
    return tuple(c * value for value in row), high


def _extremum(x: float, far: float, near: float) -> tuple[float, float, float]:
    """Left side of p(near) = p(x) after division, and its derivatives in `far` and `near`."""
    near2, far2 = near * near, far * far
    value = (
        3.0 * x**3
        + 6.0 * near * x * x
        + (4.0 * near2 - 5.0 * far2) * x
        + 2.0 * near * (near2 - 5.0 * far2)
    )
    by_far = -10.0 * far * (x + 2.0 * near)
    by_near = 6.0 * x * x + 8.0 * near * x + 6.0 * near2 - 10.0 * far2
    return value, by_far, by_near


_MINIMAX: dict[int, Callable[[float, float], tuple[Row, float]]] = {3: _cubic, 5: _quintic}


def _admit(steps: int, lower: float, degree: int, cushion: float, safety: float) -> int:
    """Check the ranges; NaN fails every one of them."""
    if degree not in (3, 5):
        raise ValueError(f"degree must be 3 or 5, got {degree!r}")
    admit_real(lower, "lower", 0.0, 1.0, ends="(]")
    admit_real(cushion, "cushion", 0.0, 1.0)
    admit_real(safety, "safety", 1.0)
    return admit_integer(steps, "steps", 1)
