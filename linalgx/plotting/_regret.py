"""The total cost of a sequence of problems against time."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from linalgx.backend import to_numpy
from linalgx.plotting._axes import axis, next_color


def regret(
    results: Any,
    /,
    ax: Any = None,
    *,
    reference: Any = None,
    labels: Iterable[str] | None = None,
) -> Any:
    """Draw what a sequence of problems has cost so far, problem by problem.

    Shows whether a parameter was learned while the sequence went on: a straight line pays the
    same all the time, a line that flattens has learned. With a `reference`, such as the best
    fixed value in hindsight, what is drawn is the regret: how much more was paid than there.

    Parameters
    ----------
    results : SequenceResult, sequence of numbers, or sequence of these
        One run or several: results of `linalgx.relaxation.solve_sequence`, anything else with
        ``costs``, or the costs themselves.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when ``None``.
    reference : SequenceResult or sequence of numbers, optional
        The run to subtract, at least as long as all others.
    labels : iterable of str, optional
        Names of the lines in the legend, one for each run; ``ax.legend()`` shows it.

    Returns
    -------
    matplotlib.axes.Axes
        The axis, with a line for each run; colours follow the palette.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        There is no cost to draw, the reference is shorter than a run, or the number of labels is
        not that of the runs.

    See Also
    --------
    history : The residual of one iteration.
    linalgx.relaxation.solve_sequence : Makes the results.

    Notes
    -----
    The line starts at zero, before the first problem; its value at t is the sum of the first t
    costs.

    Examples
    --------
    >>> import linalgx as lx
    >>> fixed, learned = [5, 5, 5, 5], [9, 5, 3, 3]
    >>> ax = lx.plotting.regret(learned, reference=fixed, labels=["learned"])
    >>> ax.get_lines()[0].get_ydata().tolist()
    [0.0, 4.0, 4.0, 2.0, 0.0]
    """
    runs = _runs(results)
    names = [None] * len(runs) if labels is None else list(labels)
    if len(names) != len(runs):
        raise ValueError(f"labels must be as many as the runs, {len(runs)}, got {len(names)}")
    below = None if reference is None else _total(_costs(reference, "reference"))
    longest = max(run.size for run in runs)
    if below is not None and below.size <= longest:
        raise ValueError(
            f"reference must be at least as long as the runs, {longest} costs, got {below.size - 1}"
        )
    ax = axis(ax)
    for run, name in zip(runs, names, strict=True):
        total = _total(run)
        total = total if below is None else total - below[: total.size]
        ax.plot(np.arange(total.size), total, color=next_color(ax), label=name)
    if below is not None:  # no Line2D, which would take a colour of the palette
        ax.hlines(0.0, 0, longest, color="0.7", linewidth=1, zorder=0)
    ax.set_xlabel("problem")
    ax.set_ylabel("total cost" if below is None else "total cost above the reference")
    return ax


def _runs(results: Any) -> list[Any]:
    """Costs of each run; a sequence of numbers is one run."""
    if hasattr(results, "costs"):
        return [_costs(results, "results")]
    items = list(results)
    if items and all(hasattr(x, "costs") or np.ndim(to_numpy(x)) > 0 for x in items):
        return [_costs(x, "results") for x in items]
    return [_costs(items, "results")]


def _costs(run: Any, name: str) -> Any:
    """Costs of one run on the host."""
    costs = np.asarray(to_numpy(getattr(run, "costs", run)), dtype=np.float64)
    if costs.ndim != 1 or costs.size == 0:
        raise ValueError(
            f"{name} must hold one cost for each problem, at least one, "
            f"got {type(run).__name__} of shape {costs.shape}"
        )
    return costs


def _total(costs: Any) -> Any:
    """Return the sums of the first 0, 1, 2, ... costs."""
    return np.concatenate([np.zeros(1), np.cumsum(costs)])
