"""Thompson sampling on the logarithm of the cost.

Legend: θ the coefficients of a value, log cost ≈ θ·f with f = (T₀, …, T₃) of the context, or
f = (1) without one; C the inverse of ρI + Σ f fᵀ, with the ridge ρ; s² the variance of the noise.
"""

from collections.abc import Sequence
from math import erfc, log, prod, sqrt
from operator import mul
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.relaxation._arguments import admit_bounds, admit_values, chebyshev, scalar_context
from linalgx.relaxation._tuner import Choice, Tuner
from linalgx.typing import RNGLike

__all__ = ["ThompsonSampling"]

_FEATURES = 4
_RIDGE = {False: 0.01, True: 0.1}
"""ρ without and with a context."""
_NOISE = {False: 0.09, True: 0.02}
"""s² without and with a context."""


class ThompsonSampling(Tuner):
    """Learn by playing a value as often as it may be the best, given what was seen.

    Takes logarithms, so it copes with costs that scatter by factors, such as times. Independent
    problems, or, with `context_bounds`, problems whose cost depends smoothly on a context.

    Parameters
    ----------
    values : sequence or array of numbers, or sequence of names, optional
        What to choose from; 20 values of ω from 1 to 1.95 when ``None``.
    context_bounds : (float, float), optional
        The interval of contexts; those outside count as its ends. Without it contexts are ignored.
    variance : float, optional
        Variance of the logarithm of the cost around its model; ``None`` stands for 0.09, and for
        0.02 with a context, which explains part of it.
    rng : None, int, SeedSequence or Generator
        Source of the draws.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    ChebCB : Contexts with a guarantee.
    UCB : Without random draws.
    TsallisINF : Without assumptions.

    Notes
    -----
    **Method.** Bayesian least squares for each value: log cost = θ·f + noise, f the first four
    Chebyshev polynomials of the context, or a constant. The prior is θ = 0, so values never tried
    look cheap and are tried soon. Each trial draws θ·f from the posterior of each value,
    N(θ·f, s² fᵀC f), and plays the smallest.

    **Cost.** O(d m²) a trial for m features, on the host; below 0.1 ms for 20 values. The
    probabilities are integrals, computed when asked for only.

    **Accuracy.** As good as the model. `probabilities` sum to one, with errors below 1e-3.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Thompson, On the likelihood that one unknown probability exceeds another, 1933.
    .. [2] Khodak, Chow, Balcan and Talwalkar, "Learning to Relax", arXiv:2310.02246.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.ThompsonSampling([10, 30, 50], rng=0)  # restart lengths
    >>> for _ in range(200):
    ...     with tuner.trial() as t:
    ...         t.cost = {10: 900, 30: 300, 50: 450}[t.value]
    >>> sum(r.value == 30 for r in tuner.history) > 150
    True
    """

    __slots__ = ("_bounds", "_covariances", "_moments", "_variance")
    _setup = ("_bounds", "_variance")
    _state = ("_covariances", "_moments")

    def __init__(
        self,
        values: Any = None,
        *,
        context_bounds: Sequence[float] | None = None,
        variance: float | None = None,
        rng: RNGLike = None,
        cap: float | None = None,
    ) -> None:
        super().__init__(admit_values(values), rng=rng, cap=cap)
        contextual = context_bounds is not None
        self._bounds = list(admit_bounds(context_bounds)) if contextual else None
        variance = _NOISE[contextual] if variance is None else variance
        self._variance = admit_real(variance, "variance", ends="()")
        d, m = len(self.values or ()), _FEATURES if contextual else 1
        prior = 1.0 / _RIDGE[contextual]
        self._covariances = [
            [[prior * (i == j) for j in range(m)] for i in range(m)] for _ in range(d)
        ]
        self._moments = [[0.0] * m for _ in range(d)]  # Σ log cost · f

    def _choose(self, context: Any) -> Choice:
        drawn = [
            mean + deviation * float(self._rng.standard_normal())
            for mean, deviation in self._posterior(context)
        ]
        return Choice(drawn.index(min(drawn)), None)

    def _features(self, context: Any) -> list[float]:
        if self._bounds is None:
            return [1.0]
        low, high = self._bounds
        return chebyshev(scalar_context(context), (low, high), _FEATURES)

    def _posterior(self, context: Any) -> list[tuple[float, float]]:
        """Mean and standard deviation of the log cost of each value."""
        f = self._features(context)
        found = []
        for covariance, moment in zip(self._covariances, self._moments, strict=True):
            g = [sum(map(mul, row, f)) for row in covariance]
            spread = max(sum(map(mul, g, f)), 0.0)
            found.append((sum(map(mul, g, moment)), sqrt(self._variance * spread)))
        return found

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        i, f = int(trial.choice), self._features(trial.context)
        covariance = self._covariances[i]
        g = [sum(map(mul, row, f)) for row in covariance]
        size = 1.0 + sum(map(mul, g, f))
        self._covariances[i] = [
            [x - a * b / size for x, b in zip(row, g, strict=True)]
            for row, a in zip(covariance, g, strict=True)
        ]
        y = log(cost)
        self._moments[i] = [s + y * x for s, x in zip(self._moments[i], f, strict=True)]

    def _weights(self, context: Any) -> Sequence[float]:
        return least_of_normals(self._posterior(context))


def least_of_normals(posterior: Sequence[tuple[float, float]]) -> list[float]:
    """Probability of each of several independent normal variables to be the least of them.

    Integrates, over the distribution of each, the chance that all others lie above.
    """
    ceiling = min(mean + 6.0 * s for mean, s in posterior)
    nodes = {mean + s * z / 4.0 for mean, s in posterior for z in range(-24, 25)}
    shares, before = [0.0] * len(posterior), [1.0] * len(posterior)
    others_before = before
    for x in sorted(node for node in nodes if node <= ceiling):
        above = [max(0.5 * erfc((x - mean) / (s * sqrt(2.0))), 1e-300) for mean, s in posterior]
        product = prod(above)
        others = [product / p for p in above]
        for i, (p, q) in enumerate(zip(before, above, strict=True)):
            shares[i] += (p - q) * 0.5 * (others[i] + others_before[i])
        before, others_before = above, others
    total = sum(shares)
    return [share / total for share in shares]
