"""A first guess for large problems: some bins stand for all.

Legend: potentials of the small problem are continued to all bins by soft minima over its bins.
"""

from linalgx.backend import device_of, is_gpu
from linalgx.transport._annealing import Potentials
from linalgx.transport._costs import DenseCost
from linalgx.transport._mdot import mdot
from linalgx.transport._newton import newton
from linalgx.transport._passes import column_softmin, row_softmin
from linalgx.transport._problem import Problem, single
from linalgx.transport._stopping import Stopping
from linalgx.typing import Array, Namespace

BINS = 1500
RTOL = 1e-3
GOLDEN = 0.6180339887498949
"""Multiples of it modulo one are spread evenly, along any axis of a grid as well."""


def coarse_potentials(problem: Problem) -> Potentials:
    """Solve the problem between some of the bins; potentials f and g of all bins."""
    xp, e, (n, m) = problem.xp, problem.epsilon, problem.shape
    rows, columns = (_some(k, like=problem.a, xp=xp) for k in (n, m))
    cost = problem.cost.restricted(rows, columns)
    matrix = DenseCost(cost.block(0, cost.shape[0]), xp=xp)
    a, b = xp.take(problem.a, rows), xp.take(problem.b, columns)
    a, b = a / xp.sum(a), b / xp.sum(b)
    small = single(matrix, a, b, e, xp=xp, checked=True)
    run = (mdot if is_gpu(a, xp=xp) else newton)(small, Stopping(RTOL), {})
    unit = 2.0**small.exponent
    g = xp.astype(unit * run.g, problem.b.dtype, copy=False)
    part = problem.cost.restricted(None, columns)
    f = e * xp.log(problem.a) + row_softmin(part, g, e, xp=xp)
    part = problem.cost.restricted(rows, None)
    few = e * xp.log(a) + row_softmin(cost, g, e, xp=xp)
    return f, e * xp.log(problem.b) + column_softmin(part, few, e, xp=xp)


def _some(n: int, *, like: Array, xp: Namespace) -> Array:
    """Return sorted indices of bins, scattered over all."""
    chosen = sorted({int(n * ((k * GOLDEN) % 1.0)) for k in range(BINS)})
    return xp.asarray(chosen, dtype=xp.int64, device=device_of(like))
