"""What the preconditioners share: the gate for Hermitian operands, their extreme Ritz values.

Legend: A = Aᴴ, n x n; V an orthonormal basis of a Krylov space of A, T = VᴴAV tridiagonal with
diagonal α and off-diagonal β; θ the eigenvalues of T (Ritz values).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from linalgx._core.hermitian import require_hermitian, rounding
from linalgx._core.scaling import exponent_of
from linalgx.backend import (
    as_operand,
    device_of,
    host_float,
    is_operator,
    is_sparse,
    standard_normal,
    times_power_of_two,
    to_csr,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._lanczos import lanczos, ritz
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, MatrixLike, Namespace

__all__ = ["Operand", "Tridiagonal", "admit_hermitian", "ends", "spectral_bounds", "tridiagonal"]

STEPS = 20
"""Lanczos steps that bounds of the spectrum are estimated with."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A Hermitian matrix behind the gate.

    Attributes
    ----------
    a : LinearMap
        For products, at unit scale where the entries are known.
    entries : array or CSR container or None
        The matrix at unit scale where its entries are known.
    like : Array
        Without entries, of the library, device and dtype of the products.
    exponent : int
        The matrix was divided by 2^exponent.
    """

    a: LinearMap
    entries: MatrixLike | None
    like: Array
    xp: Namespace
    exponent: int = 0

    @property
    def n(self) -> int:
        """Order of the matrix."""
        return self.a.shape[0]

    @property
    def is_dense(self) -> bool:
        """Whether the matrix is an array."""
        return self.entries is not None and not is_sparse(self.entries)

    def normal(self, columns: int, rng: object) -> Array:
        """Draw a Gaussian block, shape (n, columns)."""
        return standard_normal((self.n, columns), rng, like=self.like, xp=self.xp)

    def mapped(self, apply: Callable[[Array], Array]) -> LinearMap:
        """Make a Hermitian map of a function."""
        return LinearMap.from_callables(
            self.a.shape,
            apply,
            apply,
            xp=self.xp,
            device=device_of(self.like),
            dtype=self.like.dtype,
        )


def admit_hermitian(a: MatrixLike, name: str, *, check_finite: bool = True) -> Operand:
    """Admit one matrix or operator; entries are checked for symmetry, operators cannot be."""
    if isinstance(a, PreparedMatrix):
        a = a.matrix
    xp, a = as_operand(a, name, check_finite=check_finite)
    if len(a.shape) != 2:
        raise ValueError(f"{name} must be one matrix, shape (n, n), got {tuple(a.shape)}")
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} must be square, shape (n, n), got {tuple(a.shape)}")
    if is_operator(a):
        a = LinearMap(a)
        return Operand(a, None, xp.empty(0, dtype=a.dtype, device=None), xp)
    a = to_csr(a) if is_sparse(a) else a
    flat = xp.reshape(a.data if is_sparse(a) else a, (1, -1))
    exponent = exponent_of(flat, xp=xp)
    a = times_power_of_two(a, -exponent, xp=xp)
    a = (_require_sparse if is_sparse(a) else require_hermitian)(a, name, xp=xp)
    return Operand(LinearMap(a), a, flat[0, :0], xp, exponent)


def _require_sparse(a: MatrixLike, name: str, *, xp: Namespace) -> MatrixLike:
    """Return a sparse container; `ValueError` when it is not Hermitian up to rounding."""
    defect, size = (
        host_float(xp.linalg.vector_norm(x.data)) for x in (a - a.conj().transpose(), a)
    )
    if not isfinite(size):
        raise LinAlgError(f"{name} has NaN or infinite entries")
    if not defect <= rounding(a, xp=xp) * size:
        raise ValueError(
            f"{name} must be Hermitian, got ‖A − Aᴴ‖ = {defect:.1e} at unit scale; pass "
            f"(a + aᴴ)/2 if the difference means nothing"
        )
    return a


@dataclass(frozen=True, slots=True)
class Tridiagonal:
    """T on the host: α, and β, whose last entry belongs to the residual of the Ritz vectors."""

    alpha: list[float]
    beta: list[float]

    def eigen(self, k: int | None = None) -> tuple[list[float], list[float], Any]:
        """Ritz values of the leading k x k part, ascending, their errors, and their vectors."""
        return ritz(self.alpha[:k], self.beta[:k])


def tridiagonal(a: LinearMap, start: Array, steps: int, *, xp: Namespace) -> Tridiagonal:
    """Run Lanczos until the Krylov space is exhausted.

    A block (n, k) is taken as one long vector, so that the Ritz values stand for the spectrum as
    seen by all columns together.
    """

    def apply(v: Array) -> Array:
        return xp.reshape(a @ xp.reshape(v, start.shape), (-1,))

    flat = xp.reshape(start, (-1,))
    alpha, beta, _ = lanczos(apply, flat, min(steps, a.shape[0]), xp=xp, keep=True)
    if not (alpha and isfinite(sum(alpha) + sum(beta))):
        raise LinAlgError("a has NaN or infinite entries, or products that are not finite")
    return Tridiagonal(alpha, beta)


def spectral_bounds(operand: Operand, rng: object, steps: int = STEPS) -> tuple[float, float]:
    """Estimate an interval that holds the spectrum of a positive definite matrix.

    The upper end is the largest Ritz value and its residual, 10 % up, as missing the top of the
    spectrum makes polynomials diverge; the lower end is the smallest Ritz value, an overestimate.
    """
    low, high = ends(tridiagonal(operand.a, operand.normal(1, rng), steps, xp=operand.xp))
    return low, 1.1 * high


def ends(t: Tridiagonal) -> tuple[float, float]:
    """Smallest Ritz value, and the largest plus its residual."""
    values, errors, _ = t.eigen()
    if not values[0] > 0.0:
        raise LinAlgError(f"a is not positive definite: an eigenvalue is at most {values[0]:.3e}")
    return values[0], values[-1] + errors[-1]
