"""The residual of an iteration against its number."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from linalgx.plotting._axes import axis, next_color
from linalgx.results import Result


def history(
    result: Result | Sequence[float],
    /,
    ax: Any = None,
    *,
    label: str | None = None,
    color: str | None = None,
) -> Any:
    """Draw how the residual of an iteration went down.

    The first picture to look at when an iteration is slow or stops: a straight line is linear
    convergence, a line that bends down is superlinear, a flat end is the limit of the precision.

    Parameters
    ----------
    result : Result or sequence of float
        A result with a history, or the residuals themselves, the start first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when ``None``.
    label : str, optional
        Name of the line in the legend, which ``ax.legend()`` shows.
    color : str, optional
        Colour of the line; the next one of the palette when ``None``.

    Returns
    -------
    matplotlib.axes.Axes
        The axis, with a logarithmic scale for the residual.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        There is no residual to draw.

    See Also
    --------
    spectrum : Singular values in descending order.

    Notes
    -----
    A residual of exactly zero has no place on a logarithmic scale: the line leaves the picture
    at the bottom.

    Examples
    --------
    >>> import linalgx as lx
    >>> ax = lx.plotting.history([1.0, 1e-2, 1e-4, 1e-8], label="Newton")
    >>> ax.get_yscale(), len(ax.get_lines())
    ('log', 1)
    """
    values = np.asarray(getattr(result, "history", result), dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            "result must have a history of at least one residual, or be a sequence of numbers, "
            f"got {type(result).__name__} of shape {values.shape}"
        )
    ax = axis(ax)
    color = next_color(ax) if color is None else color
    ax.plot(np.arange(values.size), values, "o-", color=color, label=label, markersize=4)
    ax.set_yscale("log", nonpositive="clip")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("iteration")
    ax.set_ylabel("residual")
    return ax
