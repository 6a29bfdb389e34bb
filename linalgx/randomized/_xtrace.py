"""XTrace: each sample in turn probes what the sketch by all others leaves.

Legend: ω_i uniform on the sphere of radius √n; Y = AΩ = QR; S of the sketches without sample i;
Z = AQ, H = QᴴZ, W = QᴴΩ, T = ZᴴΩ; x_i = W_i − s_i s_iᴴW_i, so that ω_i − Q x_i is what is left
of the sample. With t_i = tr H − s_iᴴHs_i + c_i (ω_i − Qx_i)ᴴ A (ω_i − Qx_i), where the factor
c_i = (n − k + 1)/‖ω_i − Qx_i‖² makes up for its length, tr A is the mean of t_i.
"""

from typing import Any

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint
from linalgx.randomized._estimate import Estimate, spread
from linalgx.randomized._leave_one_out import extended_basis, joined, left_out, paired
from linalgx.randomized._operand import Operand
from linalgx.randomized._test_vectors import on_sphere
from linalgx.typing import Array


class XTrace:
    """Half of the products for the samples, half for their basis."""

    __slots__ = ("_omega", "_op", "_q", "_r", "_rng", "_z")
    least = 4

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._omega: Array = None
        self._q: Array = None
        self._r: Array = None
        self._z: Array = None

    def grow(self, products: int) -> int:
        """Draw samples, and extend the basis by their products."""
        op, xp, k = self._op, self._op.xp, products // 2
        omega = on_sphere(op.shape[0], k, self._rng, like=op.like, xp=xp)
        new, self._q, self._r = extended_basis(self._q, self._r, op.times(omega), xp=xp)
        z = op.times(new)
        self._omega = joined(self._omega, omega, xp=xp)
        self._z = joined(self._z, z, xp=xp)
        return 2 * k

    def estimate(self) -> Estimate:
        """Return the mean of t_i."""
        xp, q, z = self._op.xp, self._q, self._z
        n, k = q.shape
        h, w, t = (x @ y for x, y in self._pairs())
        s = left_out(self._r, xp=xp)
        x = w - s * paired(s, w, xp=xp)
        rest = (
            paired(x, h @ x, xp=xp)
            - paired(t, x, xp=xp)
            + paired(w, s, xp=xp) * paired(s, self._r, xp=xp)
        )
        length = n - xp.linalg.vector_norm(x, axis=0) ** 2
        rest = rest * xp.astype((n - k + 1) / length, rest.dtype, copy=False)
        values = xp.linalg.trace(h) - paired(s, h @ s, xp=xp) + rest
        return Estimate(xp.mean(values), spread(values, xp=xp), frobenius(z, xp=xp))

    def _pairs(self) -> tuple[tuple[Array, Array], ...]:
        """Return the factors of H, W and T."""
        xp = self._op.xp
        qh, zh = adjoint(self._q, xp=xp), adjoint(self._z, xp=xp)
        return (qh, self._z), (qh, self._omega), (zh, self._omega)
