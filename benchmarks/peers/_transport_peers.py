"""Peers of optimal transport, each stopped when it has had its share of CPU time.

RegOT runs in compiled code that no exception reaches, so a peer runs in a child process, which
the profiling timer ends. POT and RegOT measure the L2 norm of what one marginal misses (RegOT both
but for one entry): 1e-9/√n of theirs is at most about 1e-9 of the L1 error that we promise.
"""

import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np
import ot
import ot.batch
import regot

from benchmarks.peers._transport_instances import Instance, plan_error

TARGET = 1e-9
REGOT = ("sinkhorn_ssns", "sinkhorn_splr", "sinkhorn_sparse_newton")
MANY = 10**7  # iterations; the CPU time ends a run, not their number


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a peer did with its time; a run that was stopped is a lower bound."""

    name: str
    seconds: float
    arrived: bool
    stopped: bool = False
    iterations: int = 0
    error: float = inf

    def __str__(self) -> str:
        if self.stopped:
            return f"{self.name} stopped"
        verdict = "" if self.arrived else " gave up"
        count = f" in {self.iterations}" if self.iterations else ""
        return f"{self.name}{verdict} {self.error:.0e}{count}"


Peer = Callable[[], tuple[bool, int, float]]
"""Solves, and returns whether it arrived, after how many iterations, with which L1 error."""


def pot(instance: Instance, epsilon: float, method: str) -> tuple[bool, int, float]:
    """Sinkhorn of POT; the last entry of its log is what it compares with `stopThr`."""
    a, b, threshold = instance.a, instance.b, TARGET / len(instance.b) ** 0.5
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        plan, log = ot.sinkhorn(
            *(a, b, instance.cost, epsilon), method=method,
            numItermax=MANY, stopThr=threshold, log=True, warn=False,
        )  # fmt: skip
    arrived = bool(log["err"]) and log["err"][-1] < threshold
    return arrived, int(log["niter"]), plan_error(plan, a, b)


def sparse_newton(instance: Instance, epsilon: float, solver: str) -> tuple[bool, int, float]:
    """One of RegOT's solvers with its own settings; costs are to be stored by columns."""
    a, b, threshold = instance.a, instance.b, TARGET / len(instance.b) ** 0.5
    run = getattr(regot, solver)
    done = run(instance.cost, a, b, epsilon, tol=threshold, max_iter=MANY // 1000)
    return bool(done.mar_errs[-1] < threshold), int(done.niter), plan_error(done.plan, a, b)


def exact(instance: Instance) -> tuple[bool, int, float]:
    """Network simplex of POT."""
    plan = ot.emd(instance.a, instance.b, instance.cost, numItermax=MANY)
    return True, 0, plan_error(plan, instance.a, instance.b)


def timed(name: str, peer: Peer, most: float) -> Outcome:
    """Run once in a child process, for at most so many seconds of CPU time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _report(peer, most, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, code = os.waitpid(child, 0)
    if told:
        seconds, (arrived, iterations, error) = pickle.loads(told)
        return Outcome(name, seconds, arrived, False, iterations, error)
    if os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGPROF:
        return Outcome(name, most, False, stopped=True)
    return Outcome(name, most, False)


def _report(peer: Peer, most: float, writing: int) -> None:
    """Solve and tell; a process that fails says nothing."""
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, most)
        start = time.process_time()
        answer = peer()
        seconds = time.process_time() - start
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(writing, pickle.dumps((seconds, answer)))
    finally:
        os._exit(0)


def best_of_regot(instance: Instance, epsilon: float, most: float) -> Outcome:
    """Return the fastest of RegOT's solvers that arrives, or one that was stopped, or none."""
    by_columns = Instance(instance.name, np.asfortranarray(instance.cost), instance.a, instance.b)
    outcomes: list[Outcome] = []
    for solver in REGOT:
        left = min([most, *(o.seconds for o in outcomes if o.arrived)])
        work = partial(sparse_newton, by_columns, epsilon, solver)
        outcomes.append(timed(solver.removeprefix("sinkhorn_"), work, left))
    return choose(outcomes)


def choose(outcomes: Iterable[Outcome]) -> Outcome:
    """Prefer one that arrived, then one that was stopped; the fastest of several."""
    return min(outcomes, key=lambda o: (not o.arrived, not o.stopped, o.seconds))
