"""Sinkhorn's iteration: matrix products where the cost is stored, soft minima where it is not.

Legend: as in `_absorbed`; in the log domain the row sums follow from the next row step,
r_i = a_i exp((f_i − f_i⁺)/ε), so the error costs nothing.
"""

from dataclasses import replace

from linalgx.backend import host_float, is_gpu, library_name
from linalgx.transport._absorbed import Absorbed, exact_steps
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import column_softmin, row_softmin
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array

LIMIT = 100_000
GPU_CHECK = 10
"""Sweeps between two errors on a GPU, where asking for one waits for the device."""


def sinkhorn(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Alternate row and column scalings (Sinkhorn 1967), absorbed as Schmitzer does (2019)."""
    if not isinstance(problem.cost, DenseCost):
        return sinkhorn_log(problem, stopping, options)
    problem = wide_potentials(problem)
    state = Absorbed.start(problem, first_potential(problem, options))
    monitor = Monitor(stopping, LIMIT)
    every = errors_every(problem)
    status = monitor.step(host_float(state.error()), state.f)
    while status is None:
        some = min(every, monitor.left)
        state.sweep(some)
        shown = state.f if stopping.callback is None else state.potentials()[0]
        status = monitor.step(host_float(state.error()), shown, some)
    return monitor.run(*state.potentials(), status, "sinkhorn", (problem.epsilon,))


def sinkhorn_log(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Alternate soft minima over rows and columns; no entry of the plan is ever stored."""
    problem = wide_potentials(problem)
    xp, e = problem.xp, problem.epsilon
    log_a, log_b = e * xp.log(problem.a), e * xp.log(problem.b)
    f, g = exact_steps(problem, first_potential(problem, options))
    monitor = Monitor(stopping, LIMIT)
    every = errors_every(problem)
    since = 0
    while True:
        new = log_a + row_softmin(problem.cost, g, e, xp=xp)
        if since == min(every, monitor.left) or not monitor.history:
            error = host_float(xp.sum(problem.a * xp.abs(xp.expm1((f - new) / e))))
            status = monitor.step(error, f, since)
            if status is not None:
                return monitor.run(f, g, status, "sinkhorn_log", (e,))
            since = 0
        f = new
        g = log_b + column_softmin(problem.cost, f, e, xp=xp)
        since += 1


def first_potential(problem: Problem, options: Options) -> Array:
    """Return the g to start from: zero where none is given."""
    if "start" not in options:
        return problem.xp.zeros_like(problem.b)
    return problem.xp.astype(options["start"][1], problem.b.dtype, copy=False)


def errors_every(problem: Problem) -> int:
    """Return the number of sweeps between two errors."""
    return GPU_CHECK if is_gpu(problem.a, xp=problem.xp) else 1


def wide_potentials(problem: Problem) -> Problem:
    """On the host, a 32-bit problem with masses, hence potentials, of 64 bits; its cost stays."""
    xp = problem.xp
    if library_name(xp) != "numpy" or problem.a.dtype == xp.float64:
        return problem
    a, b = (xp.astype(x, xp.float64) for x in (problem.a, problem.b))
    return replace(problem, a=a, b=b)
