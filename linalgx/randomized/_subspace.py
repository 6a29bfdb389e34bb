"""Leading singular triplets by subspace iteration.

Legend: A m x n; Omega n x l, normal numbers; Q m x l and P n x l, orthonormal columns, with
Q = orth(A P) and AᴴQ = P R; R = Z diag(s) Xᴴ, so that U = Q X, V = P Z.
"""

from typing import Any

from linalgx._core.orthonormal import orthonormal
from linalgx.backend import adjoint, standard_normal, svd, to_host
from linalgx.randomized._blocks import Columns, column_norms, unit_columns
from linalgx.randomized._error import left_out
from linalgx.randomized._krylov import Triplets, relative
from linalgx.randomized._operand import Operand
from linalgx.randomized._steering import Steering
from linalgx.typing import Array, Namespace


def subspace_triplets(
    op: Operand, rank: int, columns: int, steering: Steering, rng: Any
) -> tuple[Triplets, float]:
    """Return the leading triplets by iteration with `columns` vectors, and their residual."""
    xp, n = op.xp, op.shape[1]
    image = op.times(standard_normal((n, columns), rng, like=op.like, xp=xp))
    while True:
        q = _basis(image, xp=xp)
        p, r = orthonormal(op.adjoint_times(q), xp=xp)
        image = op.times(p)
        z, s, xh = svd(r, xp=xp)
        x = adjoint(xh, xp=xp)[:, :rank]
        u, z = q @ x, z[:, :rank]
        gaps = image @ z - u * xp.astype(s[:rank], u.dtype)[None, :]
        values = to_host(s)
        residual = relative(to_host(column_norms(gaps, xp=xp)), values)
        # The space has as many columns as it will ever have: it is never complete.
        if steering.look(values[:rank], residual, columns, op.shape[0] + n):
            squares = values.astype(float) ** 2
            kept, rest = float(squares[:rank].sum()), float(squares[rank:].sum())
            error = left_out(op.adjoint, kept, rest, Columns(q, xp=xp), rng, rank)
            return Triplets(u, s[:rank], p @ z, error), residual


def _basis(image: Array, *, xp: Namespace) -> Array:
    return orthonormal(unit_columns(image, xp=xp), xp=xp)[0]
