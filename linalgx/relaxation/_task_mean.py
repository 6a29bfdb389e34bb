"""The mean cost of many tasks as a function of the coefficients of their parameter.

Legend: φ_t the features of task t, w_t = clip(θ·φ_t) its parameter, C(θ) the mean cost; u
coordinates of θ in which the features are orthonormal over the tasks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import eigh, eps, host_array, namespace_of, to_host
from linalgx.typing import Array

__all__ = ["Cost", "TaskMean"]

Cost = Callable[[float, int], float]


@dataclass(slots=True)
class TaskMean:
    """The mean cost as a function of u; everything on the host.

    Attributes
    ----------
    basis : array, shape (tasks, p)
        Features in which u are the coordinates: orthonormal, times √tasks.
    back : array, shape (p, p)
        θ = back @ u.
    """

    basis: Any
    back: Any
    cost: Cost
    low: float
    high: float
    surrogate: bool
    accuracy: float
    evaluations: int = 0

    @classmethod
    def admit(
        cls, features: Array, cost: Cost, bounds: Any, surrogate: bool, accuracy: float
    ) -> "TaskMean":
        """Check bounds and accuracy; make the features orthonormal."""
        try:
            low, high = (float(x) for x in bounds)
        except (TypeError, ValueError):
            raise TypeError(f"bounds must be two numbers, low and high, got {bounds!r}") from None
        if not -inf < low < high < inf:
            raise ValueError(f"bounds must be finite, low below high, got {(low, high)}")
        accuracy = admit_real(accuracy, "accuracy", 0.0, 1.0, ends="()")
        phi = host_array(to_host(features))
        xp = namespace_of(phi)
        w, v = eigh(phi.mT @ phi / phi.shape[0], xp=xp)
        if not w[-1] > 0.0:
            raise ValueError("features must not all be zero: no parameter can be made of them")
        kept = w > w[-1] * phi.shape[1] * eps(phi, xp=xp)
        back = v[:, kept] / xp.sqrt(w[kept])
        return cls(phi @ back, back, cost, low, high, surrogate, accuracy)

    @property
    def width(self) -> float:
        """Distance of the bounds."""
        return self.high - self.low

    def coordinates(self, theta: Any) -> Any:
        """Return the u of a θ."""
        return self._project(self.basis @ (self._inverse() @ theta))

    def _inverse(self) -> Any:
        xp = namespace_of(self.back)
        return xp.linalg.pinv(self.back)

    def middle(self) -> Any:
        """Return the u whose w is nearest to the middle of the bounds."""
        half = 0.5 * (self.low + self.high)
        return self._project(0.0 * self.basis[:, 0] + half)

    def _project(self, w: Any) -> Any:
        return self.basis.mT @ w / self.basis.shape[0]

    def parameters(self, u: Any) -> list[float]:
        """Return w of every task."""
        return [min(max(w, self.low), self.high) for w in (self.basis @ u).tolist()]

    def one(self, w: float, task: int) -> float:
        """Count, or predicted count, of one task."""
        self.evaluations += 1
        value = float(self.cost(w, task))
        if not self.surrogate:
            return value
        size = abs(value)
        return 1.0 + (log(self.accuracy) / log(size) if size > 0.0 else 0.0) if size < 1.0 else inf

    def mean(self, u: Any) -> float:
        """C; infinite where it is not a number, so that nothing is taken for better."""
        counts = [self.one(w, task) for task, w in enumerate(self.parameters(u))]
        value = sum(counts) / len(counts)
        if value <= 0.0:
            raise ValueError(f"cost must give positive numbers, got a mean of {value}")
        return value if value == value else inf

    def slope(self, u: Any) -> Any:
        """Gradient of C: differences in each w, at bounds inside, and the features."""
        step, slopes = 1e-4 * self.width, []
        for task, w in enumerate(self.parameters(u)):
            left, right = max(w - step, self.low), min(w + step, self.high)
            slopes.append((self.one(right, task) - self.one(left, task)) / (right - left))
        return self._project(host_array(slopes))
