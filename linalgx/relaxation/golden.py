"""Golden section: the minimum of a deterministic cost with one valley.

Legend: [low, high] the bracket, x₁ < x₂ its inner points that divide it in the golden ratio.
"""

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.relaxation._tuner import Choice, Tuner

__all__ = ["GoldenSection"]

_SHARE = (sqrt(5.0) - 1.0) / 2.0


class GoldenSection(Tuner):
    """Search an interval for the value of least cost, then play it always.

    For problems that are all alike, so that the cost depends on the value only. It does not learn
    from costs that vary by themselves; choose a bandit such as `TsallisINF` then.

    Parameters
    ----------
    low, high : float
        The interval.
    evaluations : int
        Number of trials of the search, at least 2.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    UCB, TsallisINF : For costs that vary.

    Notes
    -----
    **Method.** Compare the costs at x₁ and x₂, keep the part of the interval around the lower
    one, where one of the two points divides it again; on a tie keep the left part. After the last
    evaluation, the best value seen.

    **Cost.** One solve an evaluation.

    **Accuracy.** After n evaluations of a cost with one valley the interval that holds the
    minimum has 0.618ⁿ⁻¹ of its length: 0.5 % for 12. Iteration counts have flat steps, in which
    the choice is arbitrary.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Kiefer, Sequential minimax search for a maximum, 1953.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.GoldenSection(1.0, 1.95)
    >>> for _ in range(12):
    ...     with tuner.trial() as t:
    ...         t.cost = 30 + 1000 * (t.value - 1.7) ** 2
    >>> abs(tuner.ask().value - 1.7) < 0.005
    True
    """

    __slots__ = ("_best", "_bracket", "_costs", "_done", "_ends", "_evaluations", "_points")
    _setup = ("_ends", "_evaluations")
    _state = ("_best", "_bracket", "_costs", "_done", "_points")

    def __init__(
        self, low: float, high: float, evaluations: int = 12, *, cap: float | None = None
    ) -> None:
        super().__init__(None, rng=0, cap=cap)
        low, high = admit_real(low, "low", float("-inf")), admit_real(high, "high", float("-inf"))
        if not (isfinite(low) and low < high):
            raise ValueError(f"low must be finite and below high, got {low} and {high}")
        self._evaluations = admit_integer(evaluations, "evaluations", 2)
        self._ends = [low, high]
        self._bracket = [low, high]
        self._points = [high - _SHARE * (high - low), low + _SHARE * (high - low)]
        self._costs: list[float | None] = [None, None]
        self._best: list[float] = []  # value and cost
        self._done = 0

    def _choose(self, context: Any) -> Choice:
        return Choice(self._next_point(), 1.0)

    def _weights(self, context: Any) -> Sequence[float]:
        return (1.0,)

    def _next_point(self) -> float:
        if self._done >= self._evaluations:
            return self._best[0]
        wanted = [x for x, y in zip(self._points, self._costs, strict=True) if y is None]
        asked = {chosen.choice for chosen in self._open.values()}
        return next((x for x in wanted if x not in asked), wanted[0])

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        """Use the cost of an inner point that is told for the first time; forget all others."""
        x = float(trial.choice)
        if self._done >= self._evaluations or x not in self._points:
            return
        place = self._points.index(x)
        if self._costs[place] is not None:
            return
        self._costs[place] = cost
        self._done += 1
        if not self._best or cost < self._best[1]:
            self._best = [x, cost]
        left, right = self._costs
        if left is not None and right is not None:
            self._shrink(left <= right)

    def _shrink(self, to_left: bool) -> None:
        (low, high), (x1, x2) = self._bracket, self._points
        if to_left:
            self._bracket = [low, x2]
            self._points = [x2 - _SHARE * (x2 - low), x1]
            self._costs = [None, self._costs[0]]
        else:
            self._bracket = [x1, high]
            self._points = [x2, x1 + _SHARE * (high - x1)]
            self._costs = [self._costs[1], None]
