"""A learner that knows Young's theory of successive overrelaxation.

Legend: μ the spectral radius of the Jacobi matrix, λ that of the sweep, estimated from residual
norms rₖ; (λ + ω − 1)² = ω² μ² λ; θ with 1/μ ≈ θ·f for the features f of the context; P the
inverse of the information matrix of recursive least squares.
"""

from collections.abc import Callable, Sequence
from math import ceil, isfinite, sqrt
from operator import mul
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.relaxation._tuner import Choice, Tuner

__all__ = ["YoungLearner"]

_FIRST, _FIRST_ROUNDS = 1.3, 3  # low enough for λ to tell μ, whatever μ is
_PRIOR = 1000.0
_TAIL = 0.6  # share of the sweeps that pass before the rate is asymptotic


class YoungLearner(Tuner):
    """Learn the spectral radius behind successive overrelaxation, and play the best ω for it.

    For `sor` on matrices in a consistent order, such as five-point stencils in the natural order,
    with 1/μ linear in known features of the context. Where that holds it needs a handful of solves
    where `ChebCB` needs thousands; where it does not hold, choose `ChebCB`.

    Parameters
    ----------
    features : callable
        Context -> sequence of numbers in which 1/μ is linear, always of the same length:
        (1, c) for A + c I with a constant diagonal of A, (1, 1/q) for I + q L. Without a context
        it is called with ``None``.
    omega_max : float
        The largest ω to play, below 2: an overestimate of μ near 1 would cost thousands of sweeps.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    ChebCB : Assumes nothing but smoothness.

    Notes
    -----
    **Method.** Our construction. After a solve with ω of k sweeps, λ = (rₖ/rⱼ)^(1/(k − j)),
    j = ⌈0.6k⌉, is accepted if k − j ≥ 3, λ < 1 and λ > ω − 1 + 0.02 (2 − ω), because above the
    best ω the rate says nothing about μ. Then μ = (λ + ω − 1)/(ω √λ), if below 1, enters
    recursive least squares for 1/μ. ω = 2/(1 + √(1 − μ²)), clipped to [1, omega_max]; 1.3 until
    three rounds are accepted. `tell` needs ``residuals``, which solvers called with
    ``omega=tuner`` pass on; a trial without them teaches nothing.

    **Cost.** O(m²) a trial for m features, on the host.

    **Accuracy.** On a shifted Laplacian of 100 unknowns, within 2 % of the best ω for each
    problem in 2000 problems. On fine grids μ needs ``omega_max`` near 2: 1.976 for 255 × 255.

    **Backends.** No arrays. For one thread at a time.

    References
    ----------
    .. [1] Young, Iterative Solution of Large Linear Systems, 1971.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0, c))
    >>> for c in (0.1, 0.2, 0.3):
    ...     t = tuner.ask(c)  # then solve with t.value, and report the residual of each sweep
    ...     tuner.tell(t, 20, residuals=[0.7**k for k in range(21)])
    >>> round(tuner.ask(0.25).value, 2)
    1.44
    """

    __slots__ = ("_accepted", "_covariance", "_features", "_omega_max", "_theta")
    _setup = ("_omega_max",)
    _state = ("_accepted", "_covariance", "_theta")
    wants_residuals = True

    def __init__(
        self,
        *,
        features: Callable[[Any], Sequence[float]],
        omega_max: float = 1.95,
        cap: float | None = None,
    ) -> None:
        super().__init__(None, rng=0, cap=cap)
        if not callable(features):
            raise TypeError(f"features must be a function of the context, got {features!r}")
        self._features = features
        self._omega_max = admit_real(omega_max, "omega_max", 1.0, 2.0)
        self._accepted = 0
        self._theta: list[float] = []
        self._covariance: list[list[float]] = []

    def _choose(self, context: Any) -> Choice:
        f = self._evaluate(context)
        if self._accepted < _FIRST_ROUNDS:
            return Choice(min(_FIRST, self._omega_max), 1.0, f)
        mu = 1.0 / max(sum(map(mul, self._theta, f)), 1.0)
        omega = 2.0 / (1.0 + sqrt(1.0 - mu * mu))
        return Choice(min(omega, self._omega_max), 1.0, f)

    def _weights(self, context: Any) -> Sequence[float]:
        return (1.0,)

    def _evaluate(self, context: Any) -> list[float]:
        f = [float(x) for x in self._features(context)]
        if not f or not all(map(isfinite, f)) or len(f) != (len(self._theta) or len(f)):
            raise ValueError(
                f"features must return {len(self._theta) or 'at least 1'} finite numbers, "
                f"got {f} for the context {context!r}"
            )
        return f

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        inverse = inverse_radius(float(trial.choice), () if residuals is None else residuals)
        if inverse is None:
            return
        if not self._theta:
            m = len(trial.note)
            self._theta = [0.0] * m
            self._covariance = [[_PRIOR * (i == j) for j in range(m)] for i in range(m)]
        self._refine(trial.note, inverse)
        self._accepted += 1

    def _refine(self, f: Sequence[float], target: float) -> None:
        """One row of recursive least squares."""
        gain = [sum(map(mul, row, f)) for row in self._covariance]
        size = 1.0 + sum(map(mul, gain, f))
        gap = target - sum(map(mul, self._theta, f))
        self._theta = [t + g * gap / size for t, g in zip(self._theta, gain, strict=True)]
        self._covariance = [
            [x - g * h / size for x, h in zip(row, gain, strict=True)]
            for row, g in zip(self._covariance, gain, strict=True)
        ]


def inverse_radius(omega: float, residuals: Sequence[float]) -> float | None:
    """1/μ from the residual norms of a solve, or ``None`` when they do not tell it.

    NaN stands for a residual that was not computed.
    """
    k = len(residuals) - 1
    first = range(ceil(_TAIL * k), k + 1)
    j = next((i for i in first if isfinite(residuals[i])), k)
    if k - j < 3 or not (residuals[j] > 0.0 and residuals[k] > 0.0):
        return None
    rate = (residuals[k] / residuals[j]) ** (1.0 / (k - j))
    if not omega - 1.0 + 0.02 * (2.0 - omega) < rate < 1.0:
        return None
    mu = (rate + omega - 1.0) / (omega * sqrt(rate))
    return 1.0 / mu if mu < 1.0 else None
