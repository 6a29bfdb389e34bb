"""The potential of a light bridge: a Gaussian mixture, its loss and its gradient.

Legend: v(y) = Σ_k α_k N(y | r_k, ε S_k) with S_k diagonal and positive,
c(x) = Σ_k α_k exp((xᵀS_k x + 2 r_kᵀx)/(2ε)); loss = mean log c(x₀) − mean log v(x₁).
Parameters: log α_k, ρ_k = r_k/width and θ_k with S_k = low + e^θ, so that no component can shrink
to a sample, and steps in ρ are measured in standard deviations.
"""

from dataclasses import dataclass
from math import log, pi
from typing import Any, NamedTuple

from linalgx.backend import from_host, host_float, to_host
from linalgx.typing import Array, Namespace


class Parameters(NamedTuple):
    """One mixture: shapes (K,), (K, d), (K, d)."""

    log_alpha: Array
    rho: Array
    theta: Array


def log_weights(
    x: Array, log_alpha: Array, r: Array, s: Array, epsilon: float, *, xp: Namespace
) -> Array:
    """Return log α_k + (xᵀS_k x + 2 r_kᵀx)/(2ε) for each row x, shape (n, K)."""
    return log_alpha[None, :] + ((x * x) @ (0.5 * s).mT + x @ r.mT) / epsilon


def softmax(z: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return log Σ exp and the softmax of each row."""
    top = xp.max(z, axis=1, keepdims=True)
    e = xp.exp(z - top)
    total = xp.sum(e, axis=1, keepdims=True)
    return (top + xp.log(total))[:, 0], e / total


@dataclass(slots=True)
class BridgeLoss:
    """Loss of both samples, as a function of a vector on the host."""

    x: Array
    y: Array
    low: Array
    width: Array
    epsilon: float
    components: int
    xp: Namespace

    def packed(self, p: Parameters) -> Any:
        """Parameters as one vector on the host, in double precision."""
        flat = [self.xp.reshape(part, (-1,)) for part in p]
        return to_host(self.xp.concat(flat)).astype("float64")

    def unpacked(self, vector: Any) -> Parameters:
        """Parameters on the device of the samples."""
        k, d = self.components, self.y.shape[1]
        whole = from_host(vector, like=self.y, xp=self.xp, dtype=self.y.dtype)
        rho, theta = whole[k : k + k * d], whole[k + k * d :]
        return Parameters(whole[:k], self.xp.reshape(rho, (k, d)), self.xp.reshape(theta, (k, d)))

    def __call__(self, vector: Any) -> tuple[float, Any]:
        """Value and gradient, both on the host."""
        xp, e = self.xp, self.epsilon
        p = self.unpacked(vector)
        grown, (r, s) = xp.exp(p.theta), self.mixture(p)
        log_c, w0 = softmax(log_weights(self.x, p.log_alpha, r, s, e, xp=xp), xp=xp)
        log_v, w1 = softmax(self._log_densities(p.log_alpha, r, s), xp=xp)
        w0, w1 = w0 / self.x.shape[0], w1 / self.y.shape[0]
        y2, y1, y0 = w1.mT @ (self.y * self.y), w1.mT @ self.y, xp.sum(w1, axis=0)[:, None]
        spread = y2 - 2.0 * r * y1 + r * r * y0  # Σ w (y − r)²
        slope_r = (w0.mT @ self.x - (y1 - r * y0) / s) / e
        # Derivative in S: x²/(2ε) − (y − r)²/(2εS²) + 1/(2S).
        slope_s = (w0.mT @ (self.x * self.x) - spread / (s * s)) / (2.0 * e) + 0.5 * y0 / s
        slope = Parameters(
            xp.sum(w0, axis=0) - y0[:, 0], slope_r * self.width[None, :], slope_s * grown
        )
        return host_float(xp.mean(log_c) - xp.mean(log_v)), self.packed(slope)

    def mixture(self, p: Parameters) -> tuple[Array, Array]:
        """Return r and S."""
        return p.rho * self.width[None, :], self.low[None, :] + self.xp.exp(p.theta)

    def _log_densities(self, log_alpha: Array, r: Array, s: Array) -> Array:
        """Return log α_k + log N(y | r_k, εS_k), shape (m, K)."""
        xp, y, e = self.xp, self.y, self.epsilon
        square = (y * y) @ (1.0 / s).mT - 2.0 * y @ (r / s).mT
        square = square + xp.sum(r * r / s, axis=1)[None, :]
        constant = 0.5 * (y.shape[1] * log(2.0 * pi * e) + xp.sum(xp.log(s), axis=1))
        return log_alpha[None, :] - square / (2.0 * e) - constant[None, :]
