"""The table on the terminal: plain text, with colour only where somebody looks at it."""

import os
from collections.abc import Iterator, Sequence
from typing import TextIO

from linalgx._tour.task import Outcome

_BOLD, _GREEN, _YELLOW, _DIM, _RESET = "\033[1m", "\033[32m", "\033[33m", "\033[2m", "\033[0m"
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))

Paint = dict[str, str]


def paint(stream: TextIO) -> Paint:
    """Escape codes by name; all empty when the stream is no terminal or colour is unwanted."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR")
    if not wanted or os.environ.get("TERM") == "dumb":
        return dict.fromkeys(("head", "good", "fair", "faint", "end"), "")
    return {"head": _BOLD, "good": _GREEN, "fair": _YELLOW, "faint": _DIM, "end": _RESET}


def lines(family: str, outcomes: Sequence[Outcome], colors: Paint) -> Iterator[str]:
    """Yield the lines for one family: a head, a line for each task, and what the peers are."""
    head, end = colors["head"], colors["end"]
    titles = ("ours", "peer", "ratio", "error", "its error")
    yield f"{head}{family:<24}{'data and size':<31}{_cells(titles)}{end}"
    for number, outcome in enumerate(outcomes, 1):
        yield _row(number, outcome, colors)
    yield ""
    for number, outcome in enumerate(outcomes, 1):
        task = outcome.task
        yield f"{colors['faint']}{number} peer: {task.against}; error: {task.measure}{end}"


def _row(number: int, outcome: Outcome, colors: Paint) -> str:
    mark = colors["good"] if outcome.ratio >= 1 else colors["fair"]
    cells = _cells(
        (
            duration(outcome.ours_time),
            duration(outcome.peer_time),
            ratio(outcome.ratio),
            f"{outcome.ours_error:.1e}",
            f"{outcome.peer_error:.1e}",
        )
    )
    cells = cells.replace(ratio(outcome.ratio), mark + ratio(outcome.ratio) + colors["end"], 1)
    return f"{number} {outcome.task.name:<22}{outcome.task.data:<31}{cells}"


def _cells(values: Sequence[str]) -> str:
    ours, peer, times, error, its_error = values
    return f"{ours:>8}{peer:>9}{times:>7}{error:>10}{its_error:>11}"


def duration(seconds: float) -> str:
    """Seconds with a unit and two to three digits."""
    unit, size = next((u, s) for u, s in _UNITS if seconds >= s or u == "ns")
    value = seconds / size
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def ratio(value: float) -> str:
    """How many times faster, two digits, or one where it is slow."""
    if value < 0.1:
        return f"{value:.1g}×"
    return f"{value:.0f}×" if value >= 10 else f"{value:.1f}×"
