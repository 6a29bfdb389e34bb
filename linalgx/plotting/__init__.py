"""Pictures of results: each function takes data and a matplotlib axis, and returns the axis.

A picture often says faster than a number why an iteration failed: a residual that flattens, a
spectrum with a gap. These functions draw what such questions need and nothing more; titles,
legends, sizes and files are matplotlib's business, on the axis that comes back.

Arrays of any library are accepted and brought to the host. Colours can be told apart with every
kind of colour vision. matplotlib is imported on first use: ``pip install 'linalgx[plot]'``.
"""

from linalgx.plotting._axes import COLORS
from linalgx.plotting._history import history
from linalgx.plotting._plan import plan
from linalgx.plotting._regret import regret
from linalgx.plotting._spectrum import spectrum

__all__ = ["COLORS", "history", "plan", "regret", "spectrum"]
