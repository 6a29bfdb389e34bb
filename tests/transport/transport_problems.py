"""Small problems of transport, and what is recomputed from an answer with plain NumPy."""

import numpy as np

import linalgx as lx

METHODS = (
    *("auto", "sinkhorn", "sinkhorn_log", "overrelaxed", "anderson", "greenkhorn", "apdagd"),
    *("newton", "sinkhorn_newton", "sns", "ssns", "splr", "mdot"),
)


def host(leg, x):
    """Host array of an array of a leg, in double precision."""
    return np.asarray(leg.to_numpy(x), dtype=np.float64)


def squared(x, y):
    """Squared distances, scaled to maximum one."""
    cost = ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)
    return cost / cost.max()


def city_block(x, y):
    """L1 distances, scaled to maximum one."""
    cost = np.abs(x[:, None, :] - y[None, :, :]).sum(-1)
    return cost / cost.max()


def grid(size):
    """Pixels of a square image."""
    return np.stack(np.indices((size, size)), axis=-1).reshape(-1, 2).astype(float)


def masses(n, seed, concentration=2.0):
    """Random masses of sum one."""
    return np.random.default_rng(seed).dirichlet(np.full(n, concentration))


def random_problem(n=15, m=12, seed=0):
    """Costs uniform on [0, 1] and random masses."""
    rng = np.random.default_rng(seed)
    return rng.random((n, m)), masses(n, seed + 1), masses(m, seed + 2)


def plan_of(f, g, cost, epsilon):
    """Plan that the potentials stand for."""
    return np.exp((f[..., :, None] + g[..., None, :] - cost) / epsilon)


def marginal_error(plan, a, b):
    """L1 error of both marginals, relative to the mass."""
    rows, columns = np.abs(plan.sum(-1) - a).sum(-1), np.abs(plan.sum(-2) - b).sum(-1)
    return (rows + columns) / a.sum(-1)


def error_of(result, cost, a, b, epsilon):
    """The same for the plan of a result, from its potentials; costs may be +∞."""
    plan = plan_of(np.asarray(result.f), np.asarray(result.g), cost, epsilon)
    return float(np.max(marginal_error(plan, a, b)))


def solve(cost, a=None, b=None, **options):
    """`linalgx.transport.solve`, which must arrive."""
    result = lx.transport.solve(cost, a, b, **options)
    assert result.converged, repr(result)
    return result
