"""Solve between point clouds without a stored cost, and print time and peak memory as JSON.

A process of its own, because the peak of a process never falls.
"""

import json
import resource
import sys
from pathlib import Path
from time import process_time

import numpy as np

import linalgx as lx

BLOCK = 50  # rows, so that what is done here stays far below what is measured


def main(n: int) -> None:
    """Solve and print."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((n, 2)) for _ in range(2))
    extent = max(_squared(x[i : i + BLOCK], y).max() for i in range(0, n, BLOCK))
    epsilon = 1e-2 * float(extent)
    cost = lx.transport.PointCloudCost(x, y, p=2)
    start = process_time()
    result = lx.transport.solve(cost, epsilon=epsilon)
    seconds = process_time() - start
    peak = peak_memory()
    told = {"seconds": seconds, "peak": peak, "error": _error(result, x, y, epsilon)}
    told |= {"converged": bool(result.converged), "method": result.method}
    told |= {"iterations": result.iterations}
    print(json.dumps(told))


def peak_memory() -> int:
    """Largest resident set so far, in bytes.

    `getrusage` also counts what the process was before it loaded this program: its parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)


def _error(result: object, x: np.ndarray, y: np.ndarray, epsilon: float) -> float:
    """L1 error of both marginals, from the potentials, block by block."""
    n = len(x)
    rows, columns = np.zeros(n), np.zeros(n)
    f, g = np.asarray(result.f), np.asarray(result.g)
    for i in range(0, n, BLOCK):
        block = slice(i, i + BLOCK)
        plan = np.exp((f[block, None] + g - _squared(x[block], y)) / epsilon)
        rows[block] = plan.sum(1)
        columns += plan.sum(0)
    return float(np.abs(rows - 1 / n).sum() + np.abs(columns - 1 / n).sum())


if __name__ == "__main__":
    main(int(sys.argv[1]))
