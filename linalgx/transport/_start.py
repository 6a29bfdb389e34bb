"""Potentials to start from, brought to the scale and the bins of a problem."""

from typing import Any

from linalgx.backend import times_power_of_two
from linalgx.transport._annealing import Potentials
from linalgx.transport._problem import Problem
from linalgx.transport._real import real_arrays
from linalgx.typing import Array

STARTING = (
    "auto", "newton", "sinkhorn", "sinkhorn_log", "mdot",
    "overrelaxed", "anderson", "greenkhorn", "apdagd", "sinkhorn_newton",
)  # fmt: skip
"""Methods that can begin from given potentials."""


def admit_start(x0: Any, a: Array, b: Array, method: str) -> Potentials:
    """Check x0, a pair (f, g) or a result that has both, against the masses of the call."""
    if method not in STARTING:
        raise ValueError(f"x0 is for the methods {', '.join(STARTING)}, got method {method!r}")
    if not hasattr(x0, "f") and not (isinstance(x0, tuple | list) and len(x0) == 2):
        raise TypeError(f"x0 must be a pair of potentials or a result, got {type(x0).__name__}")
    if a.ndim > 1:
        raise ValueError("x0 must be None for a batch of problems")
    f, g = (x0.f, x0.g) if hasattr(x0, "f") else x0
    done = []
    for name, x, like in (("f", f, a), ("g", g, b)):
        xp, (_, x) = real_arrays({"cost": like, f"{name} of x0": x}, check_finite=True)
        if x.shape != like.shape:
            raise ValueError(
                f"{name} of x0 must have one entry for each bin, shape {tuple(like.shape)}, "
                f"got {tuple(x.shape)}"
            )
        done.append(xp.astype(x, like.dtype, copy=False))
    return done[0], done[1]


def to_problem(start: Potentials, problem: Problem) -> Potentials:
    """Leave out the bins without mass, and divide by the scale of the costs."""
    xp = problem.xp
    f, g = (
        times_power_of_two(x if places is None else xp.take(x, places), -problem.exponent, xp=xp)
        for x, places in zip(start, (problem.rows, problem.columns), strict=True)
    )
    return f, g
