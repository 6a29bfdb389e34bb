"""What the pictures of all families share: the figure, the file, the bars of time."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from linalgx._tour.table import duration, ratio
from linalgx._tour.task import Outcome
from linalgx.plotting import COLORS


def save(family: str, outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Draw the picture of a family and write it to ``folder/<family>.png``."""
    # A figure without pyplot: no window, no global state.
    figure = import_module("matplotlib.figure").Figure(figsize=(12, 7.5), layout="constrained")
    draw = import_module(f"linalgx._tour.{family}").draw
    draw(figure, {outcome.task.name: outcome for outcome in outcomes})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{family}.png"
    figure.savefig(path, dpi=150)
    return path


def bars(ax: Any, outcomes: Sequence[Outcome]) -> Any:
    """Draw the times of ours and of the peers, one pair of bars for each task."""
    rows = range(len(outcomes))
    ours, peers = [o.ours_time for o in outcomes], [o.peer_time for o in outcomes]
    for times, shift, color, label in ((ours, -0.2, 0, "ours"), (peers, 0.2, 4, "peer")):
        places = [row + shift for row in rows]
        ax.barh(places, times, height=0.36, color=COLORS[color], label=label)
        for row, seconds in zip(places, times, strict=True):
            ax.text(seconds * 1.1, row, duration(seconds), va="center", fontsize=8)
    ax.set_yticks(rows, [f"{o.task.name}\n{ratio(o.ratio)} the speed" for o in outcomes])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlim(min(ours + peers) / 3, max(ours + peers) * 5)
    ax.set_xlabel("seconds")
    ax.legend(loc="lower right")
    return ax
