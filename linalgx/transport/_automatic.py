"""Which method `auto` takes: plain sweeps where few suffice, annealed Newton otherwise.

Unless ε is so small that sweeps would take thousands, some are made at the target; the ratio of
their errors predicts how many more are needed. Where that is many, Newton's method goes on from
what they have reached, and only where it fails is the problem solved by cooling. On a GPU Newton's
method is `mdot`, which needs nothing but products with the plan.
"""

from dataclasses import replace
from math import log

from linalgx.backend import find_kernel, host_float, is_gpu
from linalgx.results import Status
from linalgx.transport._absorbed import Absorbed
from linalgx.transport._annealing import Potentials
from linalgx.transport._coarse import coarse_potentials
from linalgx.transport._costs import DenseCost
from linalgx.transport._mdot import continued, mdot
from linalgx.transport._newton import finished, newton
from linalgx.transport._overrelaxed import overrelaxed
from linalgx.transport._plans import MOST_ENTRIES
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import errors_every
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.transport.grid import GridCost

HOPELESS = 2e-3
"""ε in units of the range of the costs below which no sweeps are tried."""
STORED = 2**22
"""Entries up to which a lazy cost is stored all the same: 32 MB."""
SHARE = 800.0
"""Share of the entries that matter to a plan, over ε/range: of clouds in the plane (measured)."""
TRIAL = 30
WORTH = 120
"""Predicted sweeps beyond which Newton's method is cheaper (measured)."""


def automatic(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Try plain sweeps, and go on with what is predicted to arrive first."""
    if "start" in options:
        others = {name: x for name, x in options.items() if name != "start"}
        return _ended(problem, options["start"], Monitor(stopping, 0), others)
    if not isinstance(problem.cost, DenseCost):
        return automatic_lazy(problem, stopping, options)
    if problem.epsilon < HOPELESS * problem.range:
        return (mdot if by_products(problem) else newton)(problem, stopping, options)
    state, monitor, status = _tried(problem, stopping)
    start = state.potentials()
    if status is not None:
        return monitor.run(*start, status, "sinkhorn", (problem.epsilon,))
    return _ended(problem, start, monitor, options)


def automatic_lazy(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """For costs that are not stored: passes are dear, but potentials of some bins are not.

    The plan's own entries are kept only where ε is so small that they are few.
    """
    n, m = problem.shape
    if n * m <= STORED and not isinstance(problem.cost, GridCost):
        matrix = DenseCost(problem.cost.block(0, n), xp=problem.xp)
        return automatic(replace(problem, cost=matrix), stopping, options)
    start = coarse_potentials(problem)
    relative = problem.epsilon / max(problem.range, problem.epsilon)
    fits = n * m * min(1.0, SHARE * relative) <= MOST_ENTRIES
    if isinstance(problem.cost, GridCost) or relative >= HOPELESS or not fits:
        return overrelaxed(problem, stopping, {"start": start})
    return _ended(problem, start, Monitor(stopping, 0), options)


def by_newton(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Run `newton`; with a lazy cost it needs compiled loops, and without them it is `mdot`."""
    lazy = not isinstance(problem.cost, DenseCost)
    return (mdot if lazy and by_products(problem) else newton)(problem, stopping, options)


def by_products(problem: Problem) -> bool:
    """Whether Newton's method is to be `mdot`: on a GPU, or for want of compiled loops."""
    if is_gpu(problem.a, xp=problem.xp):
        return True
    lazy = not isinstance(problem.cost, DenseCost)
    return lazy and find_kernel("truncated_count", problem.xp) is None


def _ended(problem: Problem, start: Potentials, monitor: Monitor, options: Options) -> Run:
    """Take Newton steps from good potentials; cool down where these fail."""
    run = continued if by_products(problem) else finished
    return run(problem, start, monitor, options)


def _tried(problem: Problem, stopping: Stopping) -> tuple[Absorbed, Monitor, Status | None]:
    """Sweep while that is worth it; a status when it has come to an end."""
    state = Absorbed.start(problem, problem.xp.zeros_like(problem.b))
    monitor = Monitor(stopping, TRIAL + WORTH)
    every = errors_every(problem)
    status = monitor.step(host_float(state.error()), state.f)
    while status is None:
        some = min(every, monitor.left)
        state.sweep(some)
        status = monitor.step(host_float(state.error()), state.f, some)
        if monitor.iterations % TRIAL == 0 and not _worthwhile(monitor, every):
            return state, monitor, status
    over = stopping.maxiter is None or monitor.iterations < stopping.maxiter
    return state, monitor, None if status is Status.MAXITER and over else status


def _worthwhile(monitor: Monitor, every: int) -> bool:
    """Whether the errors of the last sweeps promise an early end."""
    back = TRIAL // (2 * every)
    before, now = monitor.history[-1 - back], monitor.history[-1]
    if not 0.0 < now < before:
        return False
    rate = log(before / now) / (back * every)
    return log(now / max(monitor.stopping.rtol, 1e-300)) <= WORTH * rate
