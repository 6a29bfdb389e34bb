"""What the preconditioners share: the gate for Hermitian operands, their extreme Ritz values.

Legend: A = Aᴴ, n x n; V an orthonormal basis of a Krylov space of A, T = VᴴAV tridiagonal with
diagonal α and off-diagonal β; θ the eigenvalues of T (Ritz values).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from linalgx.backend import (
    as_operand,
    device_of,
    eigh,
    eps,
    host_array,
    is_complex,
    is_operator,
    is_sparse,
    namespace_of,
    real_dtype,
    standard_normal,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.orthogonal._hermitian import require_hermitian
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, MatrixLike, Namespace

__all__ = ["Operand", "admit_hermitian", "lanczos", "ritz_values", "spectral_bounds"]

STEPS = 20
"""Lanczos steps that bounds of the spectrum are estimated with."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A Hermitian matrix behind the gate.

    Attributes
    ----------
    a : LinearMap
        For products; of a copy of the counter, so that the caller's map counts only its own.
    entries : array or sparse container or None
        The matrix where its entries are known.
    like : Array
        Without entries, of the library, device and dtype of the products.
    """

    a: LinearMap
    entries: MatrixLike | None
    like: Array
    xp: Namespace

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
    """Admit one square matrix or operator; arrays are checked for symmetry, operators cannot be."""
    if isinstance(a, PreparedMatrix):
        a = a.matrix
    xp, a = as_operand(a, name, check_finite=check_finite)
    if len(a.shape) != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"{name} must be square, shape (n, n), got {tuple(a.shape)}")
    if is_operator(a):
        like = xp.empty(0, dtype=a.dtype, device=None)
        return Operand(LinearMap(a), None, like, xp)
    if is_sparse(a):
        return Operand(LinearMap(a), a, a.data[:0], xp)
    a = require_hermitian(a, name, xp=xp) if a.shape[0] else a
    return Operand(LinearMap(a), a, xp.reshape(a, (-1,))[:0], xp)


def lanczos(
    a: LinearMap, start: Array, steps: int, *, xp: Namespace
) -> tuple[list[float], list[float]]:
    """Return α and β, with full reorthogonalization; fewer when the Krylov space is exhausted.

    The last β belongs to the residual of the Ritz vectors.
    """
    basis = (start / xp.linalg.vector_norm(start))[:, None]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, start.shape[0])):
        v = basis[:, -1]
        w = a @ v
        alpha = xp.linalg.vecdot(v, w)
        for _ in range(2):
            w = w - basis @ (xp.conj(basis.mT) @ w)
        pair = xp.stack([xp.real(alpha) if is_complex(w, xp=xp) else alpha, _norm(w, xp=xp)])
        for values, value in zip((diagonal, beside), to_host(pair).tolist(), strict=True):
            values.append(value)
        if not isfinite(sum(diagonal) + sum(beside)):
            raise LinAlgError("the Lanczos iteration met NaN or infinite numbers")
        size = max(map(abs, diagonal)) + max(beside)
        if beside[-1] <= 10.0 * eps(w, xp=xp) * size:
            break
        basis = xp.concat([basis, (w / beside[-1])[:, None]], axis=1)
    return diagonal, beside


def _norm(x: Array, *, xp: Namespace) -> Array:
    return xp.astype(xp.linalg.vector_norm(x), real_dtype(x, xp=xp), copy=False)


def ritz_values(diagonal: list[float], beside: list[float]) -> tuple[list[float], list[float]]:
    """Return the Ritz values, ascending, and how far from each an eigenvalue may be, at most."""
    k = len(diagonal)
    t = host_array(
        [
            [
                diagonal[i] if i == j else beside[min(i, j)] if abs(i - j) == 1 else 0.0
                for j in range(k)
            ]
            for i in range(k)
        ]
    )
    w, v = eigh(t, xp=namespace_of(t))
    return w.tolist(), [abs(beside[-1] * last) for last in v[-1, :].tolist()]


def spectral_bounds(operand: Operand, rng: object, steps: int = STEPS) -> tuple[float, float]:
    """Estimate an interval that holds the spectrum of a positive definite matrix.

    The upper end is the largest Ritz value and its residual, 10 % up, as missing the top of the
    spectrum makes polynomials diverge; the lower end is the smallest Ritz value, an overestimate.
    """
    start = operand.normal(1, rng)[:, 0]
    values, errors = ritz_values(*lanczos(operand.a, start, steps, xp=operand.xp))
    if not values[0] > 0.0:
        raise LinAlgError(
            f"a is not positive definite: it has an eigenvalue of at most {values[0]:.3e}"
        )
    return values[0], 1.1 * (values[-1] + errors[-1])
