"""Cooling: a sequence of ε from large to small, each solution the start of the next.

Potentials become affine in ε as ε → 0, so the last two predict the next one almost exactly.
"""

from collections.abc import Sequence
from math import inf

from linalgx.transport._passes import column_lowest, row_lowest
from linalgx.transport._problem import Problem
from linalgx.typing import Array

WARMEST = 0.05
"""The first ε, in units of the range of the costs."""
COOLING = 4.0
STAGE_RTOL = 1e-6
"""Error at which a stage ends: a looser one would lose small flows that are forced."""

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


def extrapolated(known: Sequence[tuple[float, Potentials]], epsilon: float) -> Potentials:
    """Continue the potentials of the last two stages linearly in ε; one alone is taken as it is."""
    last, (f, g) = known[-1]
    if len(known) < 2:
        return f, g
    before, (old_f, old_g) = known[-2]
    t = (epsilon - last) / (last - before)
    return f + t * (f - old_f), g + t * (g - old_g)
