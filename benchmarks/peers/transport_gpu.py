"""Entropic transport on a GPU, as shares of the memory bandwidth of a copy; wall time.

Run as ``python -m benchmarks.peers.transport_gpu``, after that optionally the number of points of
each cloud, 8192 when not given.

A sweep, and a product with the plan and one with its transpose, have to read a matrix twice; a
copy of the matrix reads and writes it. Shares compare these bytes, divided by the times. Clouds are
solved with a stored cost and with one that is computed in each pass.
"""

import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import linalgx as lx
from benchmarks.peers._measure import Row, fastest, report
from benchmarks.peers.orthogonal_gpu import clock, usable
from linalgx.transport._mdot import Products
from linalgx.transport._problem import admit_problem, single

POINTS, BATCH, BINS = 8192, 4096, 32
EPSILON, SMALL, MIXED = 1e-2, 1e-3, 0.05
"""ε over the largest cost: of the sweeps, of Newton's method, of the batch."""
SHORT, LONG = 20, 120
"""Sweeps of two runs; the difference of their times has no part for what is around them."""
BOUND = {"float64": 1e-9, "float32": 1e-4}
"""Relative error of the marginals that is asked for, recomputed on the host."""

Work = partial[Any]


def clouds(n: int, name: str) -> tuple[Any, Any]:
    """Two Gaussian clouds in the plane, on the host."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((n, 2)).astype(name) for _ in range(2))
    return x, y


def costs(n: int, name: str) -> Iterator[tuple[str, Any]]:
    """The cost of two clouds on the device, largest entry about one: stored, and computed."""
    x, y = (lx.to_backend(z, "cupy") for z in clouds(n, name))
    lazy = lx.transport.PointCloudCost(x, y, scale="max")
    yield "stored", lazy.toarray()
    yield "computed", lazy


def quietly(work: Work) -> Any:
    """Run without the warning that a few sweeps do not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)
        return work()


def share(shape: tuple[int, int], name: str, ours: float, copy: float) -> str:
    """Bandwidth of two readings of the matrix beside that of a copy."""
    rate = 2 * shape[0] * shape[1] * np.dtype(name).itemsize / copy
    return f"{copy / ours:.0%} of {rate / 1e9:.0f} GB/s"


def error_of(result: Any, cost: Any, epsilon: float) -> float:
    """Largest relative L1 error of the marginals, recomputed on the host in double precision."""
    f, g, cost, a, b = (
        np.asarray(lx.to_numpy(x), dtype=np.float64)
        for x in (result.f, result.g, cost, result.a, result.b)
    )
    with np.errstate(under="ignore"):
        plan = np.exp((f[..., :, None] + g[..., None, :] - cost) / epsilon)
    error = np.abs(plan.sum(-1) - a).sum(-1) + np.abs(plan.sum(-2) - b).sum(-1)
    return float(np.max(error / a.sum(-1)))


def sweep_row(kind: str, cost: Any, name: str, copied: Any) -> Row:
    """One sweep of soft minima over rows and columns."""
    solve = partial(lx.transport.solve, cost, epsilon=EPSILON, method="sinkhorn_log", rtol=0.0)
    runs = [partial(quietly, partial(solve, maxiter=most)) for most in (SHORT, LONG)]
    works: list[Work] = [*runs, partial(copied.__add__, 0.0)]
    short, long, copy = fastest(works, repeats=3, clock=clock)
    ours = (long - short) / (LONG - SHORT)
    text = share(cost.shape, name, ours, copy)
    title = f"GPU sinkhorn_log sweep {cost.shape[0]} {name} {kind}"
    return Row(title, ours, copy, None, text, "a copy of the cost", True)


def newton_row(kind: str, cost: Any, name: str, stored: Any) -> Row:
    """The whole of `mdot`, and its products."""
    solve = partial(lx.transport.solve, cost, epsilon=SMALL, method="mdot", rtol=BOUND[name])
    result = quietly(solve)
    xp, admitted, a, b = admit_problem(cost, None, None, SMALL, check_finite=False)
    problem = single(admitted, a, b, SMALL, xp=xp)
    plan = Products(problem, result.f, result.g)
    works: list[Any] = [
        partial(quietly, solve),
        lambda: plan.transposed_times(plan.times(b)),
        partial(stored.__add__, 0.0),
    ]
    ours, products, copy = fastest(works, repeats=3, clock=clock)
    error = error_of(result, stored, SMALL)
    text = f"{result.iterations} iterations, error {error:.1e}, two products "
    return Row(
        f"GPU mdot {cost.shape[0]} {name} {kind}",
        *(ours, float("nan"), None),
        *(text + share(cost.shape, name, products, copy), ""),
        bool(result.converged) and error <= 10 * BOUND[name],
    )


def batch_row(count: int, name: str) -> Row:
    """Many small problems at once, beside the same on the host by one thread."""
    host = np.random.default_rng(0).random((count, BINS, BINS)).astype(name)
    device = lx.to_backend(host, "cupy")
    solve = partial(lx.transport.solve, epsilon=MIXED)
    ours, peer = fastest([partial(solve, device), partial(solve, host)], repeats=3, clock=clock)
    result = solve(device)
    error = error_of(result, host, MIXED)
    return Row(
        f"GPU batch {count} of {BINS}x{BINS} {name}",
        *(ours, peer, None, f"error {error:.1e}", "NumPy on the host"),
        bool(result.converged) and error <= 10 * BOUND[name],
    )


def rows(n: int = POINTS, count: int = BATCH) -> Iterator[Row]:
    """Yield all rows of this file."""
    for name in ("float64", "float32"):
        stored = None
        for kind, cost in costs(n, name):
            stored = cost if stored is None else stored
            yield sweep_row(kind, cost, name, stored)
            yield newton_row(kind, cost, name, stored)
        yield batch_row(count, name)


if __name__ == "__main__":
    if not usable():
        sys.exit(f"no GPU, nothing was measured; cupy: {lx.available_backends()['cupy']}")
    sys.exit(report("linalgx.transport on a GPU", rows(*map(int, sys.argv[1:2]))))
