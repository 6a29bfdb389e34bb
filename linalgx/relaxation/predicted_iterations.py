"""The number of iterations that a convergence factor means."""

from math import inf, log

from linalgx._core.admit import admit_real
from linalgx.backend import as_vector, is_complex
from linalgx.typing import Array

__all__ = ["predicted_iterations"]


def predicted_iterations(
    rho: Array, /, *, accuracy: float = 1e-8, tau: float = 0.0, check_finite: bool = True
) -> Array:
    """Predict the iterations that a convergence factor ρ needs for an accuracy.

    A smooth stand-in for a count, through which gradients pass where the library has them.

    Parameters
    ----------
    rho : array, shape (..., n)
        Convergence factors; negative ones count by their size.
    accuracy : float
        Reduction of the residual that is asked for.
    tau : float
        How slowly powers of the iteration matrix C approach their rate, from 0 up to, not
        including, 1: the largest (‖Cᵏ⁻¹‖^(1/(k−1)) − ρ)/(1 − ρ) over the parameters in question,
        k the count of each. The prediction is then an upper bound.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    Array
        1 + ln(accuracy)/ln(ρ + τ(1 − ρ)); 1 where that is ln 0, and infinite from ρ = 1 on.

    Raises
    ------
    TypeError
        `rho` is complex.
    ValueError
        The accuracy or τ is not between 0 and 1.

    See Also
    --------
    fit_meta_parameters : Minimises it.

    Notes
    -----
    **Method.** ρᵏ = accuracy, solved for k, and one iteration for the start.

    **Cost.** Two elementary functions an entry.

    **Accuracy.** That of the logarithm. Where C is far from normal the count is larger than with
    τ = 0; for SOR on a grid of 10 × 10 points τ = 0.17.

    **Backends.** See :doc:`/backends`; differentiable in PyTorch.

    References
    ----------
    Khodak, Chow, Balcan and Talwalkar, Learning to Relax, arXiv 2310.02246, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> print(lx.relaxation.predicted_iterations(np.asarray([0.1, 0.01]), accuracy=1e-8))
    [9. 5.]
    """
    xp, rho = as_vector(rho, "rho", check_finite=check_finite)
    if is_complex(rho, xp=xp):
        raise TypeError(f"rho must be real, got {rho.dtype}")
    accuracy = admit_real(accuracy, "accuracy", 0.0, 1.0, ends="()")
    tau = admit_real(tau, "tau", 0.0, 1.0, ends="[)")
    size = xp.abs(rho)
    size = size + tau * (1.0 - size)
    slow, zero = size >= 1.0, size == 0.0
    # Where the formula has a pole it is evaluated elsewhere, so that no slope becomes NaN.
    count = 1.0 + log(accuracy) / xp.log(xp.where(slow | zero, 0.5 * xp.ones_like(size), size))
    count = xp.where(zero, xp.ones_like(size), count)
    return xp.where(slow, xp.full_like(size, inf), count)
