"""Fair timings: one thread, interleaved, the best of several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from math import inf
from time import perf_counter
from typing import Any

from linalgx._tour.task import Outcome, Place, Task
from linalgx.backend import to_numpy

_LEAST, _MOST, _BUDGET = 3, 25, 0.5  # repeats, and seconds after which the least are enough


@contextmanager
def one_thread() -> Iterator[str]:
    """Pin the BLAS to one thread where threadpoolctl is installed; yields a phrase saying so."""
    try:
        limits = import_module("threadpoolctl").threadpool_limits
    except ImportError:
        yield "threads as the environment sets them"
        return
    with limits(1):
        yield "one thread"


def race(task: Task, place: Place) -> Outcome:
    """Run ours and the peer in turn; the first run of each compiles kernels and is not timed."""
    result, reference = to_numpy(task.ours()), to_numpy(task.peer())
    best = {task.ours: inf, task.peer: inf}
    start, count = perf_counter(), 0
    while count < _LEAST or (count < _MOST and perf_counter() - start < _BUDGET):
        best = {work: min(seconds, _seconds(work, place)) for work, seconds in best.items()}
        count += 1
    ours, peer = task.error(result), task.error(reference)
    return Outcome(task, best[task.ours], best[task.peer], ours, peer, result, reference)


def _seconds(work: Callable[[], Any], place: Place) -> float:
    """Wall time of one call, the device's work included."""
    place.wait()
    start = perf_counter()
    work()
    place.wait()
    return perf_counter() - start
