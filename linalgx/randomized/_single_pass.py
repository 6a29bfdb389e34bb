"""Leading singular triplets from one look at the matrix.

Legend: A m x n; Omega n x l, Psi m x d, normal numbers; Y = A Omega, X = AᴴPsi; Q = orth(Y);
A ≈ Q B with (PsiᴴQ) B ≈ PsiᴴA = Xᴴ in the least squares sense; T n x t, test vectors.
"""

from typing import Any

from linalgx._core.norms import frobenius
from linalgx._core.orthonormal import orthonormal
from linalgx.backend import adjoint, host_float, qr, solve_triangular, standard_normal, svd
from linalgx.randomized._blocks import unit_columns
from linalgx.randomized._error import VECTORS
from linalgx.randomized._krylov import Triplets
from linalgx.randomized._operand import Operand


def single_pass_triplets(op: Operand, rank: int, columns: int, rng: Any) -> tuple[Triplets, float]:
    """Return the leading triplets, and the error relative to the norm, both as estimated.

    The test vectors go along with Omega; nothing but the error depends on them.
    """
    xp, (m, n) = op.xp, op.shape
    omega = standard_normal((n, columns + VECTORS), rng, like=op.like, xp=xp)
    psi = standard_normal((m, min(2 * columns + 1, m)), rng, like=op.like, xp=xp)
    images, x = op.times(omega), op.adjoint_times(psi)
    q, _ = orthonormal(unit_columns(images[:, :columns], xp=xp), xp=xp)
    base, r = qr(adjoint(psi, xp=xp) @ q, xp=xp)
    b = solve_triangular(r, adjoint(x @ base, xp=xp), lower=False, xp=xp)
    p, r = orthonormal(adjoint(b, xp=xp), xp=xp)
    z, s, yh = svd(r, xp=xp)
    u, s, v = q @ adjoint(yh, xp=xp)[:, :rank], s[:rank], p @ z[:, :rank]
    tests, seen = omega[:, columns:], images[:, columns:]
    inner = xp.astype(s, u.dtype)[:, None] * (adjoint(v, xp=xp) @ tests)
    missed = host_float(frobenius(seen - u @ inner, xp=xp))
    whole = host_float(frobenius(seen, xp=xp))
    relative = missed / whole if whole > 0.0 else missed
    return Triplets(u, s, v, missed / VECTORS**0.5), relative
