"""One coefficient triple for all steps, fitted to the spectrum that a shape makes likely (ROOT).

Legend: m ≤ n the shape, y = m/n; λ the spectrum of the Gram matrix of Gaussian rows, on
[(1 − √y)², (1 + √y)²]; θ with λ = 1 + y − 2√y cos θ; σ = √(λ/m) the singular values of the
matrix divided by its Frobenius norm; p the quintic, p⁵ its fivefold composition.
"""

from collections.abc import Callable
from functools import lru_cache
from math import atan2, cos, pi, sin, sqrt
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import host_array, minimize_simplex

PUBLISHED = {
    (2048, 2048): (3.4916, -4.8224, 2.1095),
    (2048, 3072): (3.4509, -4.5790, 1.9325),
    (2048, 8192): (2.9794, -3.6674, 1.6207),
    (2048, 16384): (3.1943, -3.8221, 1.5322),
}
_STARTS = ((3.4445, -4.7750, 2.0315), (3.0, -3.2, 1.2), (2.9, -3.4, 1.5))
_QUANTILES = 1024
_STEPS = 5


def shape_coefficients(m: int, n: int) -> Any:
    """Return the quintic coefficients fitted to matrices of one shape.

    Matrices that are wide or tall have singular values in a narrow band, and a polynomial made
    for that band comes closer to 1 in five steps than one made for all matrices. Choose it for
    weights and gradients whose entries behave like noise, not for matrices with very small
    singular values.

    Parameters
    ----------
    m, n : int
        Shape of the matrix, at least 1; (m, n) and (n, m) give the same coefficients.

    Returns
    -------
    ndarray of float64, on the host
        The triple (a, b, c) of p(x) = a x + b x³ + c x⁵, the same for all five steps.

    Raises
    ------
    ValueError
        A size is below 1.

    See Also
    --------
    orthogonalize : ``coefficients="root"`` applies them.
    polar_express_coefficients : Optimal for a given lower bound of the singular values.

    Notes
    -----
    **Method.** The published triples [1]_ for 2048 × 2048, 3072, 8192 and 16384. For any other
    shape our own fit: the mean of (p⁵(σ) − 1)² over 1024 quantiles of the Marchenko-Pastur
    distribution is minimized by the simplex method from three starts. With T =
    arg(1 − √y e^(−iθ)) the distribution function is F(θ) = (θ + sin θ/√y − T (1 − y)/y)/π.

    **Cost.** About 0.1 s on the host for a shape met for the first time, then remembered; the
    very first one also loads SciPy's optimizer.

    **Accuracy.** Four digits of the coefficients, which is what the flat minimum determines.
    The mean square error of our fit at the published shapes is 3.5e-2, 2.4e-3, 1.5e-4, 1.9e-5,
    that of the published triples 3.9e-2, 1.6e-2, 1.5e-3, 4.0e-3.

    **Backends.** See :doc:`/backends`; no array input, always a NumPy array.

    References
    ----------
    .. [1] ROOT: robust orthogonalized optimizer, arXiv:2511.20626.

    Examples
    --------
    >>> import linalgx as lx
    >>> print(lx.orthogonal.shape_coefficients(2048, 3072))
    [ 3.4509 -4.579   1.9325]
    """
    rows, columns = sorted((admit_integer(m, "m", 1), admit_integer(n, "n", 1)))
    return host_array(PUBLISHED.get((rows, columns)) or fit_shape(rows, columns)[0])


@lru_cache(maxsize=256)
def fit_shape(rows: int, columns: int) -> tuple[tuple[float, ...], float]:
    """Fitted triple for ``rows <= columns`` and its mean square error."""
    return minimize_simplex(mean_square_error(rows, columns), _STARTS)


def mean_square_error(rows: int, columns: int) -> Callable[[Any], float]:
    """Return the function (a, b, c) ↦ mean of (p⁵(σ) − 1)² for a shape."""
    sigma = host_array(_spectrum(rows, columns))

    def error(triple: Any) -> float:
        a, b, c = (float(value) for value in triple)
        x = sigma
        for _ in range(_STEPS):
            square = x * x
            x = x * (a + square * (b + square * c))
            largest = float(abs(x).max())
            if not largest <= 10.0:  # diverging: a slope back, without overflow
                return 1e3 * largest
        gap = x - 1.0
        return float(gap @ gap) / len(gap)

    return error


def _spectrum(rows: int, columns: int) -> list[float]:
    """Quantiles of σ at (i + ½)/count, by bisection for θ; no σ exceeds the norm, 1."""
    y = rows / columns
    root = sqrt(y)
    values = []
    for i in range(_QUANTILES):
        low, high = 0.0, pi
        for _ in range(40):
            theta = (low + high) / 2.0
            if _distribution(theta, root) * _QUANTILES < i + 0.5:
                low = theta
            else:
                high = theta
        values.append(min(1.0, sqrt((1.0 + y - 2.0 * root * cos(high)) / rows)))
    return values


def _distribution(theta: float, root: float) -> float:
    """Marchenko-Pastur distribution function at θ."""
    y = root * root
    phase = atan2(root * sin(theta), 1.0 - root * cos(theta))
    return (theta + sin(theta) / root - phase * (1.0 - y) / y) / pi
