"""The tuner that does not learn."""

from collections.abc import Sequence
from typing import Any

from linalgx.relaxation._arguments import admit_values
from linalgx.relaxation._tuner import Choice, Tuner

__all__ = ["Fixed"]


class Fixed(Tuner):
    """Play one value always: the comparator of every learner, with the same bookkeeping.

    Parameters
    ----------
    value : Any
        A number or a name.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    TsallisINF : Learns which of several values is best.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.Fixed(1.5)
    >>> with tuner.trial() as t:
    ...     t.cost = 40
    >>> tuner.history[0].value, tuner.history[0].cost
    (1.5, 40.0)
    """

    __slots__ = ()

    def __init__(self, value: Any, /, *, cap: float | None = None) -> None:
        super().__init__(admit_values([value]), rng=0, cap=cap)

    def _choose(self, context: Any) -> Choice:
        return Choice(0, 1.0)

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        pass

    def _weights(self, context: Any) -> Sequence[float]:
        return (1.0,)
