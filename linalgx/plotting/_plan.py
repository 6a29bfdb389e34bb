"""A transport plan, or any nonnegative table, as a picture."""

from typing import Any

import numpy as np

from linalgx.backend import device_of, to_numpy
from linalgx.operators import LinearMap
from linalgx.plotting._axes import axis
from linalgx.typing import Array

_CELLS = 256  # more rows or columns than this are gathered: a screen does not show them


def plan(
    result: Any,
    /,
    ax: Any = None,
    *,
    cells: int = _CELLS,
    cmap: str = "Blues",
) -> Any:
    """Draw a transport plan: sources downwards, targets to the right, mass as colour.

    A sharp plan is a thin line or a few dots, a strongly regularized one a cloud, and the
    independent coupling a grid of the two marginals. Where there are more rows or columns than
    `cells`, neighbours are added up, so no mass is lost between the pixels of a screen; order
    the bins such that neighbours belong together, otherwise there is nothing to see.

    Parameters
    ----------
    result : TransportResult, array of shape (n, m), or LinearMap
        A result with a plan, the plan itself, or any other real table. A map, as lazy costs
        have it, is multiplied with `cells` vectors.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when ``None``.
    cells : int
        Most rows and columns of the picture, at least 1.
    cmap : str
        Name of a colour map of matplotlib; zero has its first colour.

    Returns
    -------
    matplotlib.axes.Axes
        The axis. Its image is ``ax.images[-1]``: ``.set_norm("log")`` shows small entries, and a
        colour bar takes it.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        There is no matrix to draw: the plan is empty, a batch, or complex.

    See Also
    --------
    linalgx.transport.solve : Makes the plans.
    history : How the error went down.

    Notes
    -----
    Colours are shares of the largest cell. The numbers on the axes are indices of bins, also where
    bins are gathered.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> result = lx.transport.solve((x[:, None] - x) ** 2, epsilon=0.01)
    >>> ax = lx.plotting.plan(result, cells=25)
    >>> drawn = ax.images[0].get_array()
    >>> drawn.shape, round(float(drawn.sum()), 6)
    ((25, 25), 1.0)
    """
    table = getattr(result, "plan", result)
    if not isinstance(table, LinearMap):
        table = np.asarray(to_numpy(table))
    shape = tuple(table.shape)
    if len(shape) != 2 or 0 in shape or "complex" in str(table.dtype):
        raise ValueError(
            f"result must be a plan or have one, a real matrix with entries, got "
            f"{type(table).__name__} of shape {shape}; draw the plans of a batch one by one"
        )
    if cells < 1:
        raise ValueError(f"cells must be at least 1, got {cells}")
    rows, columns = (_starts(size, cells) for size in shape)
    if isinstance(table, LinearMap):
        picture = _thin(table, columns, getattr(result, "f", None))
    else:
        picture = np.add.reduceat(table.astype(np.float64), columns, axis=1)
    ax = axis(ax)
    ax.imshow(
        np.add.reduceat(picture, rows, axis=0),
        cmap=cmap,
        extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
        interpolation="nearest",
        vmin=0.0,
    )
    ax.set_xlabel("target")
    ax.set_ylabel("source")
    return ax


def _starts(size: int, cells: int) -> Array:
    """Where blocks of nearly equal size start, at most so many."""
    count = min(size, cells)
    return np.arange(count) * size // count


def _thin(plan: LinearMap, columns: Array, like: Any) -> Array:
    """Multiply a map with the indicators of blocks of columns; `like` lies on its device."""
    at = np.searchsorted(columns, np.arange(plan.shape[1]), side="right") - 1
    members = np.eye(columns.size)[at]
    device = None if like is None else device_of(like)
    return to_numpy(plan @ plan.xp.asarray(members, dtype=plan.dtype, device=device))
