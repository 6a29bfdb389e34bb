"""How to call the functions of `relaxation`: tuners."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Born, Case, Object, Options
from cases._makers import positive


def _weights_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Σ p = 1 and p⁻½ᵢ − p⁻½ⱼ = η (Lᵢ − Lⱼ)/2, in units of eps."""
    losses, p = lx.to_numpy(inputs["losses"]), lx.to_numpy(out["result"])
    if p.size == 0:
        return 0.0 if p.shape == losses.shape else np.inf
    if not (p > 0.0).all():
        return np.inf
    eps = np.finfo(p.dtype).eps
    p, losses = p.astype(np.float64), losses.astype(np.float64)
    wall = p**-0.5 - options["eta"] * losses / 2
    size = np.max(p**-0.5)
    spread = np.max(np.ptp(wall, axis=-1)) / (size * eps)
    return float(max(spread, np.max(np.abs(p.sum(-1) - 1.0)) / (eps * p.shape[-1])))


CASES: dict[str, Case] = {
    "relaxation.tsallis_weights": Case(
        arrays={"losses": positive},
        variants={"default": {"eta": 1.0}, "greedy": {"eta": 50.0}},
        check=_weights_check,
        square=True,
        real=True,
        empty_shapes=((0, 3, 3),),
    ),
}
BORN: dict[str, Born] = {}


def _sequence() -> tuple[tuple[Any, ...], Options]:
    """Two little systems, of which the second starts from the solution of the first."""
    a, b = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])

    def problems(t: int, previous: Any) -> Any:
        return (a, b, None, None if previous is None else previous.x) if t < 2 else None

    return (problems,), {"solver": lx.relaxation.sor, "tuner": lx.relaxation.Fixed(1.1)}


HOST: dict[str, tuple[str, Any]] = {
    "relaxation.solve_sequence": ("takes problems and a solver, which has the arrays", _sequence),
}

ARMS = [1.0, 1.5]
OBJECTS: dict[str, Object] = {
    "relaxation.Tuner": Object(
        reason="The base of all tuners, which keeps the books of trials.",
        make=lambda: lx.relaxation.Tuner(ARMS),
    ),
    "relaxation.TsallisINF": Object(
        reason="A tuner, which remembers the losses of its values.",
        make=lambda: lx.relaxation.TsallisINF(ARMS, rng=0),
    ),
    "relaxation.BinnedTsallisINF": Object(
        reason="A tuner, which remembers losses for each range of contexts.",
        make=lambda: lx.relaxation.BinnedTsallisINF(ARMS, context_bounds=(0, 1), rng=0),
    ),
    "relaxation.ChebCB": Object(
        reason="A tuner, which remembers a fit for each of its values.",
        make=lambda: lx.relaxation.ChebCB(ARMS, context_bounds=(0, 1), rng=0),
    ),
    "relaxation.YoungLearner": Object(
        reason="A tuner, which remembers a fit of the spectral radius.",
        make=lambda: lx.relaxation.YoungLearner(features=lambda c: (1.0, c)),
    ),
    "relaxation.ThompsonSampling": Object(
        reason="A tuner, which remembers what it believes of its values.",
        make=lambda: lx.relaxation.ThompsonSampling(ARMS, rng=0),
    ),
    "relaxation.UCB": Object(
        reason="A tuner, which remembers the mean cost of its values.",
        make=lambda: lx.relaxation.UCB(ARMS),
    ),
    "relaxation.GoldenSection": Object(
        reason="A tuner, which remembers the bracket of the minimum.",
        make=lambda: lx.relaxation.GoldenSection(1.0, 1.95),
    ),
    "relaxation.Fixed": Object(
        reason="A tuner, which remembers its trials, though it does not learn.",
        make=lambda: lx.relaxation.Fixed(1.5),
    ),
}
