"""Fair timings: one thread, interleaved, the best of several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from math import inf
from time import get_clock_info, perf_counter, process_time
from typing import Any

from linalgx._tour.task import Outcome, Place, Task
from linalgx.backend import to_numpy

_LEAST, _MOST = 3, 25  # repeats
_ENOUGH, _PATIENCE = 0.5, 5.0  # seconds after which the least repeats do, and after which any do

# Processor time does not see other programs; on some systems its clock is too coarse.
_FINE = get_clock_info("process_time").resolution <= 1e-6


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
    start = perf_counter()
    for count in range(_MOST):
        if perf_counter() - start > (_PATIENCE if count < _LEAST else _ENOUGH):
            break
        best = {work: min(seconds, _seconds(work, place)) for work, seconds in best.items()}
    ours, peer = task.error(result), task.error(reference)
    return Outcome(task, best[task.ours], best[task.peer], ours, peer, result, reference)


def _seconds(work: Callable[[], Any], place: Place) -> float:
    """Time of one call: of this process on the host, of the clock on a device."""
    clock = process_time if place.on_host and _FINE else perf_counter
    place.wait()
    start = clock()
    work()
    place.wait()
    return clock() - start
