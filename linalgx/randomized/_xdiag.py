"""XDiag: each sample in turn probes the diagonal of what the sketch by all others leaves.

Legend: ω_i random signs, or phases; Y = AΩ = QR; S of the sketches without sample i, and Q_i their
bases; Z = AᴴQ. d_i = diag(Q_i Q_iᴴA) + conj(ω_i) ∘ (I − Q_i Q_iᴴ) Aω_i, whose mean is the
estimate, equals diag(QZᴴ) + Qs_i ∘ (conj(ω_i) s_iᴴr_i − conj(Zs_i)), since (I − Q_i Q_iᴴ) Aω_i =
Q s_i s_iᴴ r_i. The d_i share the pairs of samples that they depend on: where they depend on nothing
else, as for A = I, their mean varies 2(k − 1)/(k − 2) times as much as that of independent ones.
"""

from typing import Any

from linalgx.backend import is_complex
from linalgx.randomized._estimate import Estimate, spread
from linalgx.randomized._leave_one_out import extended_basis, joined, left_out, paired
from linalgx.randomized._operand import Operand
from linalgx.randomized._test_vectors import random_signs
from linalgx.typing import Array


class XDiag:
    """Half of the products with the matrix, half with its adjoint."""

    __slots__ = ("_omega", "_op", "_q", "_r", "_rng", "_z")
    least = 6

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._omega: Array = None
        self._q: Array = None
        self._r: Array = None
        self._z: Array = None

    def grow(self, products: int) -> int:
        """Draw samples, and extend the basis by their products."""
        op, xp, k = self._op, self._op.xp, products // 2
        omega = random_signs(op.shape[0], k, self._rng, like=op.like, xp=xp)
        new, self._q, self._r = extended_basis(self._q, self._r, op.times(omega), xp=xp)
        z = op.adjoint_times(new)
        self._omega = joined(self._omega, omega, xp=xp)
        self._z = joined(self._z, z, xp=xp)
        return 2 * k

    def estimate(self) -> Estimate:
        """Return the mean of d_i."""
        xp, q = self._op.xp, self._q
        s = left_out(self._r, xp=xp)
        zc, omega, zs = self._z, self._omega, self._z @ s
        if is_complex(q, xp=xp):
            zc, omega, zs = xp.conj(zc), xp.conj(omega), xp.conj(zs)
        known = xp.sum(q * zc, axis=-1)
        values = (q @ s) * (omega * paired(s, self._r, xp=xp) - zs)
        value = known + xp.mean(values, axis=-1)
        k = values.shape[-1]
        deviation = ((k - 1) / (k - 2)) ** 0.5 * spread(values, xp=xp)
        return Estimate(value, deviation, xp.linalg.vector_norm(value))
