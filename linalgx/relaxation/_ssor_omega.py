"""A cheap estimate of the best ω for the SSOR preconditioner, whose optimum is flat.

Legend: θ the smallest eigenvalue of D^(-1/2) A D^(-1/2), which for Jacobi's matrix is 1 − μ; γ the
largest vᴴ(L D⁻¹ Lᴴ − D/4)v/vᴴDv of smooth v, or zero. Axelsson's bound for κ(M⁻¹A),
(1 + (2 − ω)²/(4ωθ) + cω)/(2 − ω), has its minimum at ω = 2/(1 + 2√((1/2 + c)θ)); γ/θ stands for c.
It is zero for five-point stencils with constant coefficients, and far from it where coefficients
are rough or rows were permuted. That it is estimated from two vectors is our construction.
"""

from math import isfinite, sqrt
from typing import Any

from linalgx.backend import csr_parts, is_complex, make_csr, to_host
from linalgx.relaxation._lanczos import lanczos, ritz
from linalgx.relaxation._rows import arange
from linalgx.relaxation._staged import Order
from linalgx.relaxation._system import System
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Namespace

FORMULAS = {
    "ssor": lambda theta, rough: 2.0 / (1.0 + 2.0 * sqrt(0.5 * theta + rough)),
    "young": lambda theta, rough: 2.0 / (1.0 + sqrt(theta * (2.0 - theta))),
}
"""Axelsson's choice, and Young's for the stationary method, as functions of θ and γ."""

STEPS, WARM_STEPS = 8, 3
LARGEST = 1.99


def estimated_omega(name: str, system: System, order: Order | None = None) -> float:
    """Return ω by one of the formulas, from a few products; `order` is that of the sweeps.

    Lanczos' method begins with the vector of ones in the scale of D^(1/2): where A comes from a
    differential equation it lies close to what is sought. Where it is sought in vain, as the
    matrix takes ones to zero, the right-hand side is next. A prepared matrix keeps the vector
    found for its next values, and the estimate for the same ones.
    """
    a = system.a
    if "ssor_theta" not in a.of_values:
        a.of_values["ssor_theta"] = _smallest(system)
    theta, rough = min(max(a.of_values["ssor_theta"], 0.0), 1.0), 0.0
    if name == "ssor":
        key = ("ssor_roughness", order is None)
        if key not in a.of_values:
            a.of_values[key] = _roughness(system, order)
        rough = a.of_values[key]
    return min(FORMULAS[name](theta, rough), LARGEST)


def _roughness(system: System, order: Order | None) -> float:
    """γ from the vector of ones and the one found for θ; never negative."""
    a, xp = system.a, system.xp
    if system.b.shape[0] == 0:
        return 0.0
    s = _scale(system)[:, None]
    vectors = xp.ones_like(s)
    found = a.of_pattern.get(("ssor_vector", str(s.dtype)))
    if found is not None:
        vectors = xp.concat([vectors, s * found[:, None]], axis=1)
    system.matvecs += 1
    upper = s * (_upper(a, order, xp=xp) @ vectors)
    sizes = (to_host(xp.linalg.vector_norm(x, axis=0)).tolist() for x in (upper, vectors / s))
    gammas = [(u / v) ** 2 - 0.25 for u, v in zip(*sizes, strict=True) if v > 0.0]
    largest: float = max([0.0, *(gamma for gamma in gammas if isfinite(gamma))])
    return largest


def _upper(a: PreparedMatrix, order: Order | None, *, xp: Namespace) -> Any:
    """Lᴴ: the entries of rows that come before their columns in the order of the sweeps."""
    place = arange(a.shape[0], a.inverse_diagonal, xp=xp) if order is None else order.places
    if not a.is_sparse:
        return xp.where(place[:, None] < place, a.matrix, xp.zeros_like(a.matrix))
    data, columns, starts = csr_parts(a.matrix)
    key = ("upper", order is None)
    if key not in a.of_pattern:
        entries = arange(columns.shape[0], columns, xp=xp)
        row, column = xp.searchsorted(starts, entries, side="right") - 1, columns
        if order is not None:
            row, column = xp.take(place, row), xp.take(place, column)
        a.of_pattern[key] = row < column
    data = xp.where(a.of_pattern[key], data, xp.zeros_like(data))
    return make_csr(data, columns, starts, a.shape, xp=xp)


def _scale(system: System) -> Array:
    """D^(-1/2)."""
    xp, d = system.xp, system.a.inverse_diagonal
    s = xp.sqrt(xp.real(d) if is_complex(d, xp=xp) else d)
    return xp.astype(s, system.b.dtype, copy=False)


def _smallest(system: System) -> float:
    """θ from above, never negative."""
    a, s = system.a, _scale(system)
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
