"""Tsallis-INF with one learner for each part of an interval of contexts."""

from collections.abc import Sequence
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx.relaxation._arguments import admit_bounds, admit_values, scalar_context
from linalgx.relaxation._tuner import Choice, Tuner
from linalgx.relaxation.tsallis import RATES, new_ledger, play, updated, weights
from linalgx.typing import RNGLike

__all__ = ["BinnedTsallisINF"]


class BinnedTsallisINF(Tuner):
    """Learn the best of several values for each of a few ranges of the context.

    The simple way to use a context: nothing is assumed but that the best value is nearly the same
    within a range. It learns more slowly than `ChebCB`, because each range starts from nothing,
    and copes with costs that jump.

    Parameters
    ----------
    values : sequence or array of numbers, or sequence of names, optional
        What to choose from; 20 values of ω from 1 to 1.95 when ``None``.
    context_bounds : (float, float)
        The interval of contexts; those outside count as its ends.
    bins : int
        Number of ranges of equal width, each with its own learner.
    estimator : str
        ``"iw"`` or ``"rv"``, as for `TsallisINF`.
    rng : None, int, SeedSequence or Generator
        Source of the draws.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    TsallisINF : The learner of one range.
    ChebCB : Learns how the cost depends on the context.

    Notes
    -----
    **Method.** The range whose centre is nearest to the context plays and learns; see
    `TsallisINF`.

    **Cost.** Below 0.1 ms a trial for 20 values, on the host.

    **Accuracy.** In each range that of `TsallisINF`, beside the best value fixed for that range.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Khodak, Chow, Balcan and Talwalkar, "Learning to Relax", arXiv:2310.02246.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.BinnedTsallisINF([1.2, 1.8], context_bounds=(0, 1), bins=2, rng=0)
    >>> for k in range(400):
    ...     with tuner.trial(context=k % 2) as t:
    ...         t.cost = 20 if (t.value > 1.5) == (k % 2 == 1) else 60
    >>> tuner.probabilities(1)[1] > 0.9, tuner.probabilities(0)[1] < 0.1
    (True, True)
    """

    __slots__ = ("_bins", "_bounds", "_estimator", "_ledgers")
    _setup = ("_estimator", "_bounds", "_bins")
    _state = ("_ledgers",)

    def __init__(
        self,
        values: Any = None,
        *,
        context_bounds: Sequence[float],
        bins: int = 6,
        estimator: str = "iw",
        rng: RNGLike = None,
        cap: float | None = None,
    ) -> None:
        super().__init__(admit_values(values), rng=rng, cap=cap)
        choose(estimator, RATES, "estimator")
        self._bounds = list(admit_bounds(context_bounds))
        self._estimator = estimator
        count = len(self.values or ())
        self._bins = admit_integer(bins, "bins", 1)
        self._ledgers = [new_ledger(count) for _ in range(self._bins)]

    def _choose(self, context: Any) -> Choice:
        return play(self._ledgers[self._bin(context)], self._estimator, self._rng)

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        k = self._bin(trial.context)
        self._ledgers[k] = updated(self._ledgers[k], self._estimator, trial, cost)

    def _weights(self, context: Any) -> Sequence[float]:
        return weights(self._ledgers[self._bin(context)], self._estimator)[0]

    def _bin(self, context: Any) -> int:
        low, high = self._bounds
        count = len(self._ledgers)
        place = count * (scalar_context(context) - low) / (high - low)
        return int(max(0.0, min(place, count - 1.0)))
