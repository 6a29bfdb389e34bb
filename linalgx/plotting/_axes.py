"""What all pictures share: an axis to draw on, and colours."""

from importlib import import_module
from typing import Any

# The palette of Okabe and Ito, black last: eight colours that stay apart for colour-blind readers.
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#F0E442",
    "#000000",
)


def axis(ax: Any) -> Any:
    """Return the axis that was given, or a new one in a new figure."""
    if ax is not None:
        return ax
    try:
        pyplot = import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError("plotting needs matplotlib: pip install 'linalgx[plot]'") from error
    return pyplot.subplots()[1]


def next_color(ax: Any) -> str:
    """Return the first colour of the palette for the first line on an axis, and so on."""
    return COLORS[len(ax.get_lines()) % len(COLORS)]
