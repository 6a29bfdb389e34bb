"""What the approximations from one look at a matrix share.

Legend: A m x n; Ω n x k and Y m x l random; Q an orthonormal basis of the range of AΩ;
X = (YᴴQ)⁺ YᴴA, so that A ≈ Q X; G n x t, independent of the others, measures the error.
"""

from math import inf, isfinite, ldexp, sqrt
from typing import NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx._core.signs import column_phases
from linalgx.backend import adjoint, host_float, is_complex, qr, solve_triangular, svd
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace

PROBES = 16
"""Random vectors that measure the error; the estimate varies by at most 1/√(2·16)."""


class OnePassResult(NamedTuple):
    """Truncated singular value decomposition A ≈ U diag(s) Vᴴ and its estimated error.

    `error` estimates ‖A − U diag(s) Vᴴ‖_F, by vectors that the approximation has not seen.
    """

    u: Array
    s: Array
    vh: Array
    error: float


def admit_rank(rank: object, shape: tuple[int, int]) -> int:
    """Return a rank between 1 and the smaller side of a matrix; 0 for one without entries."""
    number, most = admit_integer(rank, "rank", 0), min(shape)
    if not min(1, most) <= number <= most:
        raise ValueError(
            f"rank must lie in [{min(1, most)}, {most}] for a of shape {shape}, got {number}"
        )
    return number


def small_svd(
    left: Array, core: Array, right: Array, *, xp: Namespace
) -> tuple[Array, Array, Array]:
    """Return U, s, Vᴴ of L C Rᴴ for L and R with orthonormal columns."""
    u, s, vh = svd(core, xp=xp)
    u, vh = left @ u, vh @ adjoint(right, xp=xp)
    phase = column_phases(u, xp=xp)
    return u * (xp.conj(phase) if is_complex(u, xp=xp) else phase), s, phase.mT * vh


def projected(q: Array, y: Array, w: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Return U, s, Vᴴ of Q (YᴴQ)⁺ YᴴA from Q, Y and W = AᴴY.

    Equal to AΩ (YᴴAΩ)⁺ YᴴA, without a pseudoinverse: YᴴQ is well conditioned whatever A is.
    """
    xh = solved(adjoint(y, xp=xp) @ q, w, xp=xp)
    basis, factor = orthonormal(xh, xp=xp)
    return small_svd(q, adjoint(factor, xp=xp), basis, xp=xp)


def solved(c: Array, w: Array, *, xp: Namespace) -> Array:
    """Return W (C⁺)ᴴ for a tall C of full rank, by QR."""
    basis, factor = qr(c, xp=xp)
    b = adjoint(w @ basis, xp=xp)
    return adjoint(solve_triangular(factor, b, lower=False, xp=xp), xp=xp)


def estimated(
    seen: Array, probes: Array, u: Array, s: Array, vh: Array, rank: int, *, xp: Namespace
) -> float:
    """Estimate ‖A − A_r‖_F from AG, where A_r is the truncation of B = U diag(s) Vᴴ ≈ A to a rank.

    With T = B − A_r, of known norm: ‖T‖² + (‖(A − A_r)G‖² − ‖TG‖²)/t, whose mean is right and
    whose variance is that of the unknown part A − B. Where that comes out too small, by chance,
    half of ‖(A − A_r)G‖²/t is taken. `LinAlgError` for NaN.
    """
    coefficients = s[:, None] * (vh @ probes)
    ours, tail = coefficients[:rank, :], coefficients[rank:, :]
    t = max(probes.shape[1], 1)
    direct = _square(seen - u[:, :rank] @ ours, xp=xp) / t
    square = xp.sum(s[rank:] ** 2) + direct - _square(tail, xp=xp) / t
    square = host_float(xp.maximum(square, 0.5 * direct))
    if not isfinite(square):
        raise LinAlgError("a product with a has NaN or infinite entries")
    return sqrt(square)


def _square(x: Array, *, xp: Namespace) -> Array:
    return frobenius(x, xp=xp) ** 2


def times_power(x: float, exponent: int) -> float:
    """Return 2^exponent x, infinite where that is too large."""
    try:
        return ldexp(x, exponent)
    except OverflowError:
        return inf
