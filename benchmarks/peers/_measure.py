"""Ratios measured in one run: interleaved, several repeats, one thread, CPU time, minimum."""

import gc
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; a limit that is None is not promised."""

    task: str
    ours: float  # seconds; NaN where no time is promised
    peer: float
    bar: float | None  # least ratio peer/ours
    errors: str  # accuracy of ours, readable
    peer_errors: str
    accurate: bool  # whether the promised accuracy holds

    @property
    def ratio(self) -> float:
        return self.peer / self.ours

    @property
    def passed(self) -> bool:
        return self.accurate and (self.bar is None or self.ratio >= self.bar)


def fastest(
    works: Sequence[Work], repeats: int = 5, clock: Work = time.process_time
) -> list[float]:
    """Least time of each, taking turns, after one untimed call; loops last at least 20 ms."""
    loops = [_loops(work, clock) for work in works]
    best = [float("inf")] * len(works)
    gc.disable()
    try:
        for _ in range(repeats):
            for k, work in enumerate(works):
                best[k] = min(best[k], _time(work, loops[k], clock))
    finally:
        gc.enable()
    return best


def _loops(work: Work, clock: Work) -> int:
    work()
    return max(1, int(0.02 / max(_time(work, 1, clock), 1e-6)))


def _time(work: Work, loops: int, clock: Work) -> float:
    start = clock()
    for _ in range(loops):
        work()
    return (clock() - start) / loops


def report(title: str, rows: Iterable[Row]) -> int:
    """Print rows as they are measured; 1 when a bar is missed, else 0."""
    print(title)
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}")
    print(f"\n{'task':<46}{'ours ms':>9}{'peer ms':>9}{'ratio':>7}{'bar':>6}  accuracy of both")
    missed = []
    with threadpool_limits(1):
        for row in rows:
            bar = "" if row.bar is None else f"{row.bar:.2f}"
            times = "".join(f"{1e3 * t:9.3g}" if t == t else " " * 9 for t in (row.ours, row.peer))
            ratio = f"{row.ratio:7.2f}" if row.ratio == row.ratio else " " * 7
            verdict = "" if row.passed else "  MISSED"
            print(
                f"{row.task:<46}{times}{ratio}{bar:>6}  {row.errors} | {row.peer_errors}{verdict}",
                flush=True,
            )
            missed += [] if row.passed else [row.task]
    print(f"\n{len(missed)} missed" + (f": {'; '.join(missed)}" if missed else ""))
    return int(bool(missed))
