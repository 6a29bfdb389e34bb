"""Singular values or eigenvalues in descending order."""

from typing import Any

import numpy as np

from linalgx.backend import to_numpy
from linalgx.plotting._axes import axis, next_color
from linalgx.typing import Array

_WIDE = 30.0  # from this ratio of largest to smallest on, a linear scale hides the small ones


def spectrum(
    values: Array,
    /,
    ax: Any = None,
    *,
    label: str | None = None,
    color: str | None = None,
) -> Any:
    """Draw singular values, or the given values, from the largest to the smallest.

    Shows rank, gaps and condition of a matrix at a glance. Several spectra may be drawn on one
    axis; the vertical scale becomes logarithmic as soon as one of them needs it.

    Parameters
    ----------
    values : array, shape (m, n) or (k,)
        A matrix, whose singular values are computed, or the values themselves.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when ``None``.
    label : str, optional
        Name of the line in the legend, which ``ax.legend()`` shows.
    color : str, optional
        Colour of the line; the next one of the palette when ``None``.

    Returns
    -------
    matplotlib.axes.Axes
        The axis.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    ValueError
        The input is neither a matrix nor a vector, or is empty.

    See Also
    --------
    history : The residual of an iteration.

    Notes
    -----
    The scale is logarithmic when the largest value is more than 30 times the smallest one and no
    value is negative. Zeros then leave the picture at the bottom.

    Examples
    --------
    >>> import linalgx as lx
    >>> ax = lx.plotting.spectrum(lx.gallery.hilbert(5), label="Hilbert")
    >>> ax.get_yscale(), ax.get_lines()[0].get_ydata().round(4)[:2].tolist()
    ('log', [1.5671, 0.2085])
    """
    host = np.asarray(to_numpy(values))
    if host.ndim not in (1, 2) or host.size == 0:
        raise ValueError(f"values must be a matrix or a vector, got shape {host.shape}")
    name = "singular value" if host.ndim == 2 else "value"
    if host.ndim == 2:
        host = np.linalg.svd(host, compute_uv=False)
    ordered = np.sort(host)[::-1]
    ax = axis(ax)
    color = next_color(ax) if color is None else color
    marker = "o-" if ordered.size <= 40 else "-"
    numbers = np.arange(1, ordered.size + 1)
    ax.plot(numbers, ordered, marker, color=color, label=label, markersize=4)
    if ordered[-1] >= 0 and not ordered[0] <= _WIDE * ordered[-1]:
        ax.set_yscale("log", nonpositive="clip")
    ax.set_xlabel("index")
    ax.set_ylabel(name)
    return ax
