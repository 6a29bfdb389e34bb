"""`solve` beside POT's Sinkhorn, RegOT's sparse Newton methods and the network simplex.

A peer that was stopped counts by the time it spent: the ratio is a lower bound, and its share of
time is such that the bar is decided all the same.
"""

from collections.abc import Iterator
from functools import partial
from math import nan
from statistics import median
from typing import Any

import linalgx as lx
from benchmarks.peers._measure import Row, fastest
from benchmarks.peers._transport_instances import EPSILONS, STANDARD, Instance, error
from benchmarks.peers._transport_peers import TARGET, Outcome, best_of_regot, exact, pot, timed

QUICK_EPSILONS = (1e-2, 1e-3, 1e-6)
LEAST = {"sinkhorn": 2.0, "sinkhorn_log": 1.0, "regot": 3.0}  # seconds that every peer gets
SHARE = {"sinkhorn": 11.0, "sinkhorn_log": 52.0, "regot": 12.0}  # and in times of ours
BRIEF = 0.5  # seconds; a peer below takes turns with ours


def rows(quick: bool) -> Iterator[Row]:
    """All instances and ε."""
    met: list[float] = []
    bounds: list[float] = []
    for make in STANDARD[:2] if quick else STANDARD:
        instance = make()
        for epsilon in QUICK_EPSILONS if quick else EPSILONS:
            for row in cell(instance, epsilon):
                if "RegOT" in row.task and row.bar:
                    (bounds if "stopped" in row.peer_errors else met).append(row.ratio)
                yield row
        yield beside_exact(instance)
    yield from medians(met, bounds)


def medians(met: list[float], bounds: list[float]) -> Iterator[Row]:
    """Ratios where RegOT arrived; leaving out what took it longer only makes them smaller."""
    middle, every = median(met or bounds), median(met + bounds)
    text = f"{middle:.1f} of {len(met)} that arrived"
    peer = f"with {len(bounds)} lower bounds {every:.1f}"
    yield Row("RegOT: median ratio, bar 10", nan, nan, None, text, peer, middle >= 10.0)


def cell(instance: Instance, epsilon: float) -> Iterator[Row]:
    """One instance with one ε."""
    c, a, b = instance.cost, instance.a, instance.b
    solve = partial(lx.transport.solve, c, a, b, epsilon=epsilon)
    result = solve()
    ours = fastest([solve], repeats=3)[0]
    found = error(result, c, a, b, epsilon)
    good = bool(result.converged) and found <= TARGET
    label = f"{instance.name}, ε {epsilon:.2g}"
    text = f"{found:.0e} {result.method}"
    if epsilon > 1e-3:
        peer = turns(instance, epsilon, solve, ours)
        yield row_of(f"{label}: ot.sinkhorn", peer, 0.5, text, good)
        return
    peer = turns(instance, epsilon, solve, ours)
    bar = 10.0 if peer[1].stopped or peer[1].iterations > 5000 else 2.5
    yield row_of(f"{label}: ot.sinkhorn", peer, bar, text, good)
    log = timed(
        "log", partial(pot, instance, epsilon, "sinkhorn_log"), allowed("sinkhorn_log", ours)
    )
    yield Row(f"{label}: sinkhorn_log", ours, log.seconds, 50.0, text, str(log), good)
    best = best_of_regot(instance, epsilon, allowed("regot", ours))
    yield row_of(f"{label}: RegOT", (ours, best), 3.0, text, good)


def allowed(peer: str, ours: float) -> float:
    """Seconds that a peer gets."""
    return max(LEAST[peer], SHARE[peer] * ours)


def turns(instance: Instance, epsilon: float, solve: Any, ours: float) -> tuple[float, Outcome]:
    """Time POT's Sinkhorn, in turns with ours when both are brief."""
    peer = partial(pot, instance, epsilon, "sinkhorn")
    outcome = timed("sinkhorn", peer, allowed("sinkhorn", ours))
    if not outcome.arrived or outcome.seconds > BRIEF:
        return ours, outcome
    ours, seconds = fastest([solve, peer])
    done = (outcome.arrived, outcome.stopped, outcome.iterations, outcome.error)
    return ours, Outcome(outcome.name, seconds, *done)


def row_of(task: str, times: tuple[float, Outcome], bar: float, text: str, good: bool) -> Row:
    """Return a row; a peer that gave up sets no bar."""
    ours, peer = times
    counts = peer.arrived or peer.stopped
    return Row(task, ours, peer.seconds, bar if counts else None, text, str(peer), good)


def beside_exact(instance: Instance, epsilon: float = 1e-4) -> Row:
    """Print the network simplex beside ours, which gives bounds of the same optimum."""
    c, a, b = instance.cost, instance.a, instance.b
    solve = partial(lx.transport.solve, c, a, b, epsilon=epsilon)
    result = solve()
    ours, peer = fastest([solve, partial(exact, instance)], repeats=3)
    gap = (result.upper_bound - result.lower_bound) / result.upper_bound
    text = f"bounds within {gap:.0e}, ε {epsilon:.0e}"
    return Row(f"{instance.name}: ot.emd", ours, peer, None, text, "exact", True)
