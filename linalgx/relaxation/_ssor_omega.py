"""A cheap estimate of the best ω for the SSOR preconditioner, whose optimum is flat.

Legend: θ the smallest eigenvalue of D^(-1/2) A D^(-1/2), which for Jacobi's matrix is 1 − μ.
"""

from math import isfinite, sqrt
from typing import Any

from linalgx.backend import is_complex
from linalgx.relaxation._lanczos import lanczos, ritz
from linalgx.relaxation._system import System
from linalgx.typing import Array

FORMULAS = {
    "ssor": lambda theta: 2.0 / (1.0 + sqrt(2.0 * theta)),
    "young": lambda theta: 2.0 / (1.0 + sqrt(theta * (2.0 - theta))),
}
"""Axelsson's choice, and Young's for the stationary method, as functions of θ = 1 − μ."""

STEPS, WARM_STEPS = 8, 3
LARGEST = 1.99


def estimated_omega(name: str, system: System) -> float:
    """Return ω by one of the formulas, from a few products.

    Lanczos' method begins with the vector of ones in the scale of D^(1/2): where A comes from a
    differential equation it lies close to what is sought. Where it is sought in vain, as the
    matrix takes ones to zero, the right-hand side is next. A prepared matrix keeps the vector
    found for its next values, and the estimate for the same ones.
    """
    a = system.a
    if "ssor_theta" not in a.of_values:
        a.of_values["ssor_theta"] = _smallest(system)
    theta = min(max(a.of_values["ssor_theta"], 0.0), 1.0)
    return min(FORMULAS[name](theta), LARGEST)


def _smallest(system: System) -> float:
    """θ from above, never negative."""
    a, xp = system.a, system.xp
    d = a.inverse_diagonal
    s = xp.sqrt(xp.real(d) if is_complex(d, xp=xp) else d)
    s = xp.astype(s, system.b.dtype, copy=False)
    if system.b.shape[0] == 0 or system.b.shape[1] == 0:
        return 1.0
    key = ("ssor_vector", str(s.dtype))
    warm = a.of_pattern.get(key)
    starts = [(warm, WARM_STEPS)] if warm is not None else []
    for start, steps in [*starts, (1.0 / s, STEPS), (s * system.b[:, 0], STEPS)]:
        theta, vector = _ritz_pair(system, s, start, steps)
        if isfinite(theta) and theta > 1e-6:
            a.of_pattern[key] = vector
            return theta
    return 0.0


def _ritz_pair(system: System, s: Array, start: Array, steps: int) -> tuple[float, Any]:
    """θ and its vector, after a few steps."""
    basis: list[Array] = []

    def apply(v: Array) -> Array:
        basis.append(v)
        return s * system.product(s * v)

    alphas, betas, _ = lanczos(apply, start, steps, xp=system.xp)
    if not alphas or not all(map(isfinite, alphas + betas)):
        return 0.0, None
    values, _, y = ritz(alphas, betas)
    pairs = zip(y[:, 0].tolist(), basis, strict=False)
    return values[0], sum(weight * v for weight, v in pairs)
