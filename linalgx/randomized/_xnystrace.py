"""XNysTrace: each sample in turn probes what the Nyström approximation by all others leaves.

Legend: A Hermitian, positive semidefinite; ω_i uniform on the sphere of radius √n; Y = AΩ + νΩ, and
ΩᴴY = RᴴR; F = Y R⁻¹, so that F Fᴴ ≈ A + νI is the Nyström approximation; without sample i it is
F Fᴴ − z_i z_iᴴ, with z_i = F R⁻ᴴe_i / ‖e_iᵀR⁻¹‖. tr A is the mean of
t_i = ‖F‖² − ‖z_i‖² + c_i |z_iᴴω_i|² − νn, where c_i = (n − k + 1) (ΩᴴΩ)⁻¹_ii makes up for the
length of what is left of ω_i beside the other samples.
"""

from typing import Any

from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, qr, solve_triangular
from linalgx.randomized._estimate import Estimate, spread
from linalgx.randomized._leave_one_out import joined, paired
from linalgx.randomized._nystrom import require_hermitian_sketch, shifted_factor
from linalgx.randomized._operand import Operand
from linalgx.randomized._test_vectors import on_sphere
from linalgx.typing import Array, Namespace

DEPENDENCE = 2.5
"""The values t_i share most of an approximation, so their spread says less than that of XTrace."""


class XNysTrace:
    """One product for each sample."""

    __slots__ = ("_omega", "_op", "_rng", "_y")
    least = 2

    def __init__(self, op: Operand, rng: Any) -> None:
        self._op, self._rng = op, rng
        self._omega: Array = None
        self._y: Array = None

    def grow(self, products: int) -> int:
        """Draw so many samples."""
        op, xp = self._op, self._op.xp
        omega = on_sphere(op.shape[0], products, self._rng, like=op.like, xp=xp)
        y = op.times(omega)
        self._omega = joined(self._omega, omega, xp=xp)
        self._y = joined(self._y, y, xp=xp)
        return products

    def estimate(self) -> Estimate:
        """Return the mean of t_i."""
        xp, omega = self._op.xp, self._omega
        odd = 2.0 ** (self._op.exponent % 2)  # even powers of two pass through square roots exactly
        n, k = omega.shape
        require_hermitian_sketch(omega, self._y, xp=xp)
        f, r, nu = shifted_factor(omega, odd * self._y, xp=xp)
        inverse = _inverse(r, xp=xp)
        rows = xp.linalg.vector_norm(inverse, axis=-1)
        z = f @ adjoint(inverse, xp=xp) * xp.astype(1.0 / rows, f.dtype, copy=False)
        alone = _inverse(qr(omega, xp=xp)[1], xp=xp)
        factor = (n - k + 1) * xp.linalg.vector_norm(alone, axis=-1) ** 2
        rest = factor * xp.abs(paired(z, omega, xp=xp)) ** 2
        whole = xp.sum(xp.abs(f) ** 2)  # in parts; an inner product of nk numbers errs by 1e-13
        values = (whole - xp.linalg.vector_norm(z, axis=0) ** 2 + rest - nu * n) / odd
        value = xp.astype(xp.mean(values), f.dtype, copy=False)
        return Estimate(value, DEPENDENCE * spread(values, xp=xp), 3.0 * whole / odd)


def _inverse(r: Array, *, xp: Namespace) -> Array:
    return solve_triangular(r, identity_like(r, xp=xp), lower=False, regular=True, xp=xp)
