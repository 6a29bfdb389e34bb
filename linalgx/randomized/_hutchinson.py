"""Means of quadratic forms: Hutchinson's estimator, and Hutch++, which projects first.

Legend: ω a column of Ω with E ωωᴴ = I, so that E ωᴴAω = tr A; Q an orthonormal basis of a sketch
A Ω; Z = A Q; tr A = tr QᴴAQ + tr (I − QQᴴ) A (I − QQᴴ), and only the second part is sampled.
"""

from typing import Any

from linalgx._core.norms import frobenius
from linalgx.backend import adjoint, is_complex
from linalgx.randomized._estimate import Estimate, spread
from linalgx.randomized._leave_one_out import extended_basis, joined, paired
from linalgx.randomized._operand import Operand
from linalgx.randomized._test_vectors import random_signs
from linalgx.typing import Array


class Hutchinson:
    """The mean of ωᴴAω over random signs."""

    __slots__ = ("_op", "_rng", "_values")
    least = 2

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._values: Array = None

    def grow(self, products: int) -> int:
        """Draw so many samples."""
        op, xp = self._op, self._op.xp
        omega = random_signs(op.shape[0], products, self._rng, like=op.like, xp=xp)
        new = paired(omega, op.times(omega), xp=xp)
        self._values = joined(self._values, new, xp=xp)
        return products

    def estimate(self) -> Estimate:
        """Return the mean."""
        xp = self._op.xp
        value = xp.mean(self._values)
        return Estimate(value, spread(self._values, xp=xp), xp.abs(value))


class DiagonalHutchinson:
    """The mean of conj(ω) ∘ Aω over random signs."""

    __slots__ = ("_op", "_rng", "_values")
    least = 2

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._values: Array = None

    def grow(self, products: int) -> int:
        """Draw so many samples."""
        op, xp = self._op, self._op.xp
        omega = random_signs(op.shape[0], products, self._rng, like=op.like, xp=xp)
        conjugate = xp.conj(omega) if is_complex(omega, xp=xp) else omega
        new = conjugate * op.times(omega)
        self._values = joined(self._values, new, xp=xp)
        return products

    def estimate(self) -> Estimate:
        """Return the mean."""
        xp = self._op.xp
        value = xp.mean(self._values, axis=-1)
        return Estimate(value, spread(self._values, xp=xp), xp.linalg.vector_norm(value))


class HutchPlusPlus:
    """A third of the products for a sketch, one for its trace, one for samples of the rest."""

    __slots__ = ("_ag", "_g", "_op", "_q", "_r", "_rng", "_z")
    least = 4

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._q: Array = None
        self._r: Array = None
        self._z: Array = None
        self._g: Array = None
        self._ag: Array = None

    def grow(self, products: int) -> int:
        """Extend the basis, and draw samples; none of the products depends on later ones."""
        op, xp, third = self._op, self._op.xp, max(products // 3, 1)
        n, rest = op.shape[0], products - 2 * third
        y = op.times(random_signs(n, third, self._rng, like=op.like, xp=xp))
        new, self._q, self._r = extended_basis(self._q, self._r, y, xp=xp)
        z = op.times(new)
        self._z = joined(self._z, z, xp=xp)
        g = random_signs(n, rest, self._rng, like=op.like, xp=xp)
        ag = op.times(g)
        self._g = joined(self._g, g, xp=xp)
        self._ag = joined(self._ag, ag, xp=xp)
        return products

    def estimate(self) -> Estimate:
        """Return tr QᴴZ and the mean of gᴴAg over the projected samples g − QQᴴg."""
        xp = self._op.xp
        qh = adjoint(self._q, xp=xp)
        known = xp.linalg.trace(qh @ self._z)
        inside = qh @ self._g
        values = paired(self._g - self._q @ inside, self._ag - self._z @ inside, xp=xp)
        return Estimate(known + xp.mean(values), spread(values, xp=xp), frobenius(self._z, xp=xp))
