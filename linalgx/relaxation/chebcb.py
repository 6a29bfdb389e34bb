"""ChebCB: a contextual learner that fits each value's cost by a Chebyshev series of the context.

Legend: d values, m features f = (T₀, ..., T₍ₘ₋₁₎) of the context, θ the coefficients of a value
in units of cost, K the largest cost so far, V the range of costs, σ = K N the scale of the losses,
ŷ = θ·f/σ the predicted losses, p the probabilities, η the greed, t the rounds told, S the sum of
squared prediction errors, S₀ the residual of the last fit in the box.
"""

from collections.abc import Sequence
from math import log, pi, sqrt
from operator import mul
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import host_array
from linalgx.relaxation._arguments import admit_bounds, admit_values, chebyshev, scalar_context
from linalgx.relaxation._box import (
    absorb,
    as_system,
    smallest_solution,
    solution_in_box,
    sum_of_squares,
)
from linalgx.relaxation._tuner import Choice, Tuner, draw
from linalgx.typing import RNGLike

__all__ = ["ChebCB"]


class ChebCB(Tuner):
    """Learn which of several values is best as a function of one real context.

    The learner for time steps, diffusion coefficients, shifts: any number that moves the best
    value smoothly. It generalizes from one context to the next, which bins cannot.

    Parameters
    ----------
    values : sequence or array of numbers, or sequence of names, optional
        What to choose from; 20 values of ω from 1 to 1.95 when ``None``.
    context_bounds : (float, float)
        The interval of contexts; those outside count as its ends.
    degree : int
        Number m of Chebyshev polynomials, 1 to Tₘ₋₁.
    rng : None, int, SeedSequence or Generator
        Source of the draws.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    BinnedTsallisINF : For costs that jump with the context.
    ThompsonSampling : The same with random draws of the coefficients.
    YoungLearner : Knows the theory of successive overrelaxation; better where that holds.

    Notes
    -----
    **Method.** Each value keeps a least-squares fit of cost − 1 by its features, of minimum norm,
    in the box |θ₀| ≤ V, |θⱼ| ≤ 2V/j that holds the series of any function with slopes below V.
    The value i* of least prediction is played, and each other one with probability
    1/(d + η (ŷᵢ − ŷᵢ*)). η = 2t √(d t/(S − S₀ + 2α²t)), α = (π + (2/π) ln(2m + 1)) V/(2σ(m + 1)),
    σ = K N, N = 2 + 4 (V/K)(1 + ln m). V is the range of costs, max − min; as in the
    published program the minimum counts as 0, so that V = K. The fits are kept as triangular
    factors, updated by one row a trial.

    **Cost.** O(m³ + d m) a trial, memory d m²; below 0.5 ms for d = 20 and m = 6, on the host.

    **Accuracy.** The expected cost exceeds that of the best value for each context by O(√(dT))
    prediction errors and by what the series cannot represent.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Khodak, Chow, Balcan and Talwalkar, "Learning to Relax", arXiv:2310.02246.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.ChebCB([1.2, 1.5, 1.8], context_bounds=(0, 1), degree=3, rng=0)
    >>> for k in range(600):
    ...     c = (k % 7) / 6
    ...     with tuner.trial(c) as t:
    ...         t.cost = 20 + 100 * abs(t.value - 1.2 - 0.6 * c)
    >>> [max(zip(tuner.probabilities(c), tuner.values))[1] for c in (0.0, 0.5, 1.0)]
    [1.2, 1.5, 1.8]
    """

    __slots__ = (
        *("_bounds", "_boxed", "_counts", "_degree", "_greed", "_rests"),
        *("_residual", "_sums", "_thetas", "_top", "_triangles"),
    )
    _setup = ("_bounds", "_degree")
    _state = (
        *("_boxed", "_counts", "_greed", "_rests"),
        *("_residual", "_sums", "_thetas", "_top", "_triangles"),
    )

    def __init__(
        self,
        values: Any = None,
        *,
        context_bounds: Sequence[float],
        degree: int = 6,
        rng: RNGLike = None,
        cap: float | None = None,
    ) -> None:
        super().__init__(admit_values(values), rng=rng, cap=cap)
        d, m = len(self.values or ()), admit_integer(degree, "degree", 1)
        self._bounds, self._degree = list(admit_bounds(context_bounds)), m
        self._triangles = [[[0.0] * (m + 1) for _ in range(m)] for _ in range(d)]
        self._thetas = [[0.0] * m for _ in range(d)]  # untried values look free, so all are tried
        self._boxed = [False] * d  # whether the box changed the fit
        self._counts, self._rests = [0] * d, [0.0] * d
        self._sums = [0.0, 0.0, 0.0]  # of ŷ², ŷ·cost and cost² over the rounds
        self._top, self._residual, self._greed = 0.0, 0.0, 0.0

    def _choose(self, context: Any) -> Choice:
        predictions = self._predictions(context)
        p = self._policy(predictions)
        i = draw(p, self._rng)
        return Choice(i, p[i], predictions[i])

    def _weights(self, context: Any) -> Sequence[float]:
        return self._policy(self._predictions(context))

    def _features(self, context: Any) -> list[float]:
        low, high = self._bounds
        return chebyshev(scalar_context(context), (low, high), self._degree)

    def _predictions(self, context: Any) -> list[float]:
        f, scale = self._features(context), self._scale()
        return [sum(map(mul, theta, f)) / scale for theta in self._thetas]

    def _policy(self, predictions: list[float]) -> list[float]:
        """Inverse gap weighting."""
        best = min(predictions)
        p = [1.0 / (len(predictions) + self._greed * (y - best)) for y in predictions]
        i = predictions.index(best)
        p[i] = 0.0
        p[i] = 1.0 - sum(p)
        return p

    def _width(self) -> float:
        """N, with V = K."""
        return 2.0 + 4.0 * (1.0 + log(self._degree))

    def _scale(self) -> float:
        return self._top * self._width() or 1.0

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        i, predicted = int(trial.choice), float(trial.note)
        f = self._features(trial.context)
        self._rests[i] += absorb(self._triangles[i], f, cost - 1.0)
        self._counts[i] += 1
        a, b, c = self._sums
        self._sums = [a + predicted * predicted, b + predicted * cost, c + cost * cost]
        old, self._top = self._top, max(self._top, cost)
        # The scale matters for the box only: fits inside stay what they are when it grows.
        stale = [j for j, boxed in enumerate(self._boxed) if boxed and self._top > old]
        for j in sorted({*stale, i}):
            self._fit(j)
        self._greed = self._new_greed()

    def _fit(self, i: int) -> None:
        """Least squares for value i, in the box when it would leave it."""
        r, z = as_system(self._triangles[i])
        theta = smallest_solution(r, z, self._counts[i])
        k = self._top
        limits = host_array([k, *(2.0 * k / j for j in range(1, self._degree))])
        self._boxed[i] = bool((abs(theta) > limits).any())
        if self._boxed[i]:
            start = host_array(self._thetas[i])
            theta = solution_in_box(r, z, limits, start, self._counts[i])
            square = sum_of_squares(r, z, theta) + self._rests[i]
            self._residual = square / self._scale() ** 2
        self._thetas[i] = theta.tolist()

    def _new_greed(self) -> float:
        t, d, m = sum(self._counts), len(self._counts), self._degree
        scale, (a, b, c) = self._scale(), self._sums
        alpha = (pi + 2.0 / pi * log(2.0 * m + 1.0)) / (2.0 * self._width() * (m + 1.0))
        errors = a - 2.0 * b / scale + c / scale**2
        regret = max(errors - self._residual, 0.0) + 2.0 * alpha * alpha * t
        return 2.0 * t * sqrt(d * t / regret)
