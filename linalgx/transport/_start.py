"""Potentials to start from, brought to the scale and the bins of a problem."""

from typing import Any

from linalgx.backend import as_arrays, times_power_of_two
from linalgx.transport._annealing import Potentials
from linalgx.transport._problem import Problem

STARTING = (
    "auto", "newton", "sinkhorn", "sinkhorn_log", "mdot",
    "overrelaxed", "anderson", "greenkhorn", "apdagd", "sinkhorn_newton",
)  # fmt: skip
"""Methods that can begin from given potentials."""


def admit_start(x0: Any, problem: Problem, method: str) -> Potentials:
    """Check x0, a pair (f, g) or a result that has both."""
    if method not in STARTING:
        raise ValueError(f"x0 is for the methods {', '.join(STARTING)}, got method {method!r}")
    if not hasattr(x0, "f") and not (isinstance(x0, tuple | list) and len(x0) == 2):
        raise TypeError(f"x0 must be a pair of potentials or a result, got {type(x0).__name__}")
    f, g = (x0.f, x0.g) if hasattr(x0, "f") else x0
    xp = problem.xp
    done = []
    for name, x, kept, like in (
        ("f", f, problem.rows, problem.a),
        ("g", g, problem.columns, problem.b),
    ):
        _, (_, x) = as_arrays({"cost": like, f"{name} of x0": x})
        x = x if kept is None else xp.take(x, kept)
        if x.shape != like.shape:
            raise ValueError(
                f"{name} of x0 must have one entry for each bin, got {tuple(x.shape)}, "
                f"where {like.shape[0]} bins hold mass"
            )
        done.append(times_power_of_two(xp.astype(x, like.dtype), -problem.exponent, xp=xp))
    return done[0], done[1]
