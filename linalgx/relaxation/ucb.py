"""Lower confidence bounds: play the value that could be cheapest.

Legend: nᵢ the trials of value i, mᵢ the mean of its log costs, v their variance, t all trials.
"""

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.relaxation._arguments import admit_values
from linalgx.relaxation._tuner import Choice, Tuner

__all__ = ["UCB"]


class UCB(Tuner):
    """Learn the best of several values without random draws.

    For independent problems that are alike; an adversary, or a slow drift, fools it. Logarithms
    of the costs make a value that is twice as expensive look the same at any size of problem.

    Parameters
    ----------
    values : sequence or array of numbers, or sequence of names, optional
        What to choose from; 20 values of ω from 1 to 1.95 when ``None``.
    variance : float
        Variance v of the logarithm of the cost of one value; the larger, the more exploration.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    ThompsonSampling : The same model with random draws, which explores less.
    TsallisINF : Without assumptions.

    Notes
    -----
    **Method.** Each value once, in order; then the one with the least
    mᵢ − √(2 v log t/nᵢ). Outstanding trials count in nᵢ and t, so that two of them differ.

    **Cost.** O(d) a trial, on the host.

    **Accuracy.** The expected excess cost grows as log t when costs are independent and their
    logarithms have at most the variance v.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Auer, Cesa-Bianchi and Fischer, Finite-time analysis of the multiarmed bandit problem,
       2002.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.UCB(["jacobi", "ssor"])
    >>> for _ in range(100):
    ...     with tuner.trial() as t:
    ...         t.cost = {"jacobi": 200, "ssor": 40}[t.value]
    >>> sum(r.value == "ssor" for r in tuner.history)
    99
    """

    __slots__ = ("_counts", "_means", "_variance")
    _setup = ("_variance",)
    _state = ("_counts", "_means")

    def __init__(
        self, values: Any = None, *, variance: float = 0.09, cap: float | None = None
    ) -> None:
        super().__init__(admit_values(values), rng=0, cap=cap)
        self._variance = admit_real(variance, "variance")
        d = len(self.values or ())
        self._counts, self._means = [0] * d, [0.0] * d

    def _choose(self, context: Any) -> Choice:
        return Choice(self._best(), 1.0)

    def _weights(self, context: Any) -> Sequence[float]:
        best = self._best()
        return [float(i == best) for i in range(len(self._counts))]

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        i = int(trial.choice)
        self._counts[i] += 1
        self._means[i] += (log(cost) - self._means[i]) / self._counts[i]

    def _best(self) -> int:
        counts = list(self._counts)
        for chosen in self._open.values():
            counts[chosen.choice] += 1
        if 0 in counts:
            return counts.index(0)
        spread = 2.0 * self._variance * log(sum(counts))
        # A value that was tried but never told has mean log cost 0 and looks free.
        bounds = [m - sqrt(spread / n) for m, n in zip(self._means, counts, strict=True)]
        return bounds.index(min(bounds))
