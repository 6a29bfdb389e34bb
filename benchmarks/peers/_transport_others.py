"""Random instances, batches, clusters with forced transfer, and costs that are not stored."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from math import nan
from time import process_time
from typing import Any

import numpy as np
import ot
import ot.batch

import linalgx as lx
from benchmarks.peers._measure import Row, fastest
from benchmarks.peers._transport_instances import clusters, error, mixed, squared, uniform
from benchmarks.peers._transport_peers import TARGET, timed

BATCH = (256, 32)
LAZY = 20_000
GIBIBYTE = 2**30


def mixed_rows(quick: bool) -> Iterator[Row]:
    """Random instances of mixed kind: every one has to arrive."""
    count, arrived, worst, seconds, missed = 12 if quick else 60, 0, 0.0, 0.0, []
    for instance, epsilon in mixed(count):
        c, a, b = instance.cost, instance.a, instance.b
        start = process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lx.ConvergenceWarning)
            result = lx.transport.solve(c, a, b, epsilon=epsilon)
        seconds += process_time() - start
        found = error(result, c, a, b, epsilon)
        good = bool(result.converged) and found <= TARGET
        arrived, worst = arrived + good, max(worst, found)
        missed += [] if good else [f"{instance.name} ε {epsilon:.1e}"]
    text = f"{arrived} of {count} arrived, worst {worst:.0e}" + "".join(f"; {m}" for m in missed)
    yield Row(f"{count} random instances", seconds, nan, None, text, "", arrived == count)


def batch_rows(quick: bool) -> Iterator[Row]:
    """Many small problems at once; with the larger ε they are so easy that overhead counts."""
    count, n = BATCH
    rng = np.random.default_rng(0)
    costs = np.stack([squared(*rng.standard_normal((2, n, 2))) for _ in range(count)])
    mass = np.broadcast_to(uniform(n), (count, n)).copy()
    for epsilon in (1e-2,) if quick else (1e-1, 1e-2):
        solve = partial(lx.transport.solve, costs, mass, mass, epsilon=epsilon)
        loop = partial(_loop, costs, mass, epsilon)
        result = solve()
        found = error(result, costs, mass, mass, epsilon)
        good, text = bool(result.converged) and found <= TARGET, f"{found:.0e} {result.method}"
        ours, single = fastest([solve, loop], repeats=3)
        label, bars = f"batch {count} of {n}×{n}, ε {epsilon:.0e}", epsilon < 0.1
        for method in ("log_sinkhorn", "sinkhorn"):
            work = partial(_batch, costs, mass, epsilon, method)
            peer = timed(method, work, max(3.0, 52 * ours))
            bar = 50.0 if bars and method == "log_sinkhorn" else None
            yield Row(f"{label}: ot.batch", ours, peer.seconds, bar, text, str(peer), good)
        other = f"{_worst(loop(), mass):.0e}"
        yield Row(f"{label}: loop", ours, single, 8.0 if bars else None, text, other, good)


def _batch(costs: Any, mass: Any, epsilon: float, method: str) -> tuple[bool, int, float]:
    """Batched solver of POT; it compares the largest L2 norm of what the rows miss."""
    threshold = TARGET / mass.shape[1] ** 0.5
    options = {"max_iter": 10**6, "tol": threshold, "grad": "detach"}
    done = ot.batch.solve_batch(costs, epsilon, mass, mass, method=method, **options)
    rows = np.linalg.norm(done.plan.sum(2) - mass, axis=1)
    return bool(rows.max() <= 2 * threshold), 0, _worst(done.plan, mass)


def _loop(costs: Any, mass: Any, epsilon: float) -> Any:
    threshold = TARGET / mass.shape[1] ** 0.5
    options = {"stopThr": threshold, "numItermax": 10**6, "warn": False}
    pairs = zip(costs, mass, strict=True)
    return np.stack([ot.sinkhorn(a, a, c, epsilon, **options) for c, a in pairs])


def _worst(plan: Any, mass: Any) -> float:
    """Largest L1 error of the plans of a batch."""
    rows = np.abs(plan.sum(2) - mass).sum(1)
    return float(np.max(rows + np.abs(plan.sum(1) - mass).sum(1)))


def cluster_rows(quick: bool) -> Iterator[Row]:
    """Weakly coupled clusters; the peer's time is the limit of 0.2 s."""
    for epsilon in (1e-3,) if quick else (1e-2, 1e-3, 1e-4):
        instance = clusters()
        c, a, b = instance.cost, instance.a, instance.b
        solve = partial(lx.transport.solve, c, a, b, epsilon=epsilon)
        result = solve()
        seconds = fastest([solve], repeats=3)[0]
        found = error(result, c, a, b, epsilon)
        good = bool(result.converged) and found <= TARGET
        task = f"{instance.name}, ε {epsilon:.0e}: 0.2 s"
        yield Row(task, seconds, 0.2, 1.0, f"{found:.0e} {result.method}", "", good)


def lazy_rows(quick: bool) -> Iterator[Row]:
    """Point clouds whose cost is never stored: memory of a process of its own."""
    n = 4000 if quick else LAZY
    call = [sys.executable, "-m", "benchmarks.peers._transport_lazy", str(n)]
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=os.environ | one)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        yield Row(f"lazy clouds {n}", nan, nan, None, f"failed: {reason}", "", False)
        return
    told = json.loads(done.stdout.splitlines()[-1])
    peak = told["peak"] / GIBIBYTE
    good = told["converged"] and told["error"] <= TARGET and told["peak"] < GIBIBYTE
    text = f"{told['error']:.0e} {told['method']}, peak {peak:.2f} GiB, bar 1"
    stored = f"stored: {2 * 8 * n * n / GIBIBYTE:.1f} GiB"
    yield Row(f"lazy clouds {n}, ε/range 1e-2", told["seconds"], nan, None, text, stored, good)
