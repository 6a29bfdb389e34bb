"""Cooling: a sequence of ε from large to small, each solution the start of the next.

Potentials become affine in ε as ε → 0, so the last two predict the next one almost exactly.
"""

from collections.abc import Sequence
from math import inf

from linalgx.backend import eps
from linalgx.transport._passes import column_lowest, row_lowest
from linalgx.transport._problem import Problem
from linalgx.typing import Array, Namespace

WARMEST = 0.05
"""The first ε, in units of the range of the costs."""
COOLING = 4.0
STAGE_RTOL = 1e-6
"""Error at which a stage ends: a looser one would lose small flows that are forced."""
CLOSE = 0.2
"""Error below which Newton's method takes over from the sweeps."""
SWEEPS, ROUNDS = 10, 40
"""Sweeps before Newton steps, and how often the two may alternate within a stage."""

Potentials = tuple[Array, Array]


def cooling(epsilon: float, warmest: float) -> tuple[float, ...]:
    """Return the values of ε, by a constant factor, the last one being the target."""
    path = [max(epsilon, warmest) if warmest < inf else epsilon]
    while path[-1] > epsilon:
        path.append(max(path[-1] / COOLING, epsilon))
    return tuple(path)


def transforms(problem: Problem) -> Potentials:
    """Return f_i = min_j C_ij and g_j = min_i (C_ij − f_i), the potentials to begin with."""
    f = row_lowest(problem.cost, problem.xp.zeros_like(problem.b), xp=problem.xp)
    return f, column_lowest(problem.cost, f, xp=problem.xp)


def extrapolated(known: Sequence[tuple[float, Array]], epsilon: float, g: Array) -> Array:
    """Continue what the last two stages have found linearly in ε; `g` where there are not two."""
    if len(known) < 2:
        return g
    (before, old), (last, new) = known[-2:]
    return new + (new - old) * ((epsilon - last) / (last - before))


def both_extrapolated(known: Sequence[tuple[float, Potentials]], epsilon: float) -> Potentials:
    """Continue both potentials, of at least one stage."""
    f, g = (
        extrapolated([(e, found[i]) for e, found in known[-2:]], epsilon, known[-1][1][i])
        for i in (0, 1)
    )
    return f, g


def blind_below(a: Array, *, xp: Namespace) -> float:
    """Return the error below which rounding hides from a line search that the dual decreases."""
    return float(max(1e-6, eps(a, xp=xp) ** 0.4))
