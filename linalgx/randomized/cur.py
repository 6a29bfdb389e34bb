"""CUR decomposition: a matrix in terms of a few of its columns and rows."""

from typing import Any, NamedTuple

from linalgx._core.choose import choose
from linalgx._core.together import factors_together
from linalgx.backend import adjoint, as_generator, eps, quiet, same_draws
from linalgx.errors import LinAlgError
from linalgx.randomized._columns import (
    basis_of,
    coefficients,
    columns_of,
    places,
    random_columns,
    rows_of,
    solved,
)
from linalgx.randomized._one_pass import admit_rank
from linalgx.randomized._operand import Operand, admit_operands
from linalgx.randomized._singular_choices import by_deim, by_leverage
from linalgx.typing import Array, MatrixLike, RNGLike


class CURResult(NamedTuple):
    """Columns, core and rows with A ≈ C U R, C = A[:, columns], R = A[rows, :]."""

    c: Array
    u: Array
    r: Array
    columns: Array
    rows: Array


def cur(
    a: MatrixLike,
    /,
    rank: int,
    *,
    method: str = "rpqr",
    rng: RNGLike = None,
    check_finite: bool = True,
) -> CURResult:
    """Write a matrix as C U R with a few of its columns and rows.

    Columns and rows keep their meaning, and need no memory beside their indices where the matrix is
    at hand.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (..., m, n)
        Any matrix; an operator needs its adjoint.
    rank : int
        Number of columns and of rows, at most min(m, n).
    method : str
        ``"rpqr"`` draws them from what those before leave. ``"deim"`` takes, one after another,
        the largest entries of what interpolation leaves of the singular vectors; its errors are
        the smallest in many cases. ``"leverage"`` draws them in proportion to the squared rows
        of singular vectors; its errors are the largest.
    rng : None, int, SeedSequence or Generator
        Source of sketches and draws; all matrices of a batch see the same.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    CURResult
        ``c``, shape (..., m, rank), ``u``, shape (..., rank, rank), ``r``, shape (..., rank, n),
        dense, and the indices ``columns`` and ``rows``. Where a column or row depends on others
        up to √eps, U has zeros.

    Raises
    ------
    ValueError
        `rank` does not lie between 1 and min(m, n), or the method is not known.
    LinAlgError
        A product with the matrix is not finite, or the matrix is so small that U overflows.
    TypeError
        An operator has no adjoint.

    See Also
    --------
    interpolative : Columns alone, with half the error.
    svd : The best approximation of a rank, and the source of two methods.

    Notes
    -----
    **Method.** With C = QP and the best coefficients W of all rows in those of R, A ≈ W R and
    W[rows, :] = I, the core is U = P⁻¹(QᴴW). It is the best one, C⁺AR⁺, with one triangular system
    for each factor and no inverse of a product. Random pivots as in `interpolative` [1]_.

    **Cost.** rpqr: products with 8·rank + 20 vectors. The others: `svd` by subspace iteration, and
    products with 4·rank vectors. Ten times the memory of (m + n) x rank numbers.

    **Accuracy.** The error ‖A − C U R‖_F is within a small factor of the optimum of that rank; with
    leverage scores, which do not see that columns resemble each other, it may be far above. Since
    U grows like 1/s_rank, the product C U R has rounding errors of eps·s₁²/s_rank; U is truncated
    so that no error is far above √eps·s₁, and a larger rank does not reduce it further.
    `interpolative` has no such limit.

    **Backends.** See :doc:`/backends`; pivots are drawn on the host, batches in a loop.

    References
    ----------
    .. [1] Epperly, Tropp, Webber, 2024, arXiv 2410.03969.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> x = np.linspace(0.0, 1.0, 40)
    >>> a = 1.0 / (1.0 + x[:, None] + x)
    >>> c, u, r, columns, rows = lx.randomized.cur(a, 5, rng=0)
    >>> print(u.shape, abs(a - c @ u @ r).max() < 1e-4)
    (5, 5) True
    """
    select = choose(method, METHODS, "method")
    operands, batch = admit_operands(a, "a", check_finite=check_finite)
    rank = admit_rank(rank, operands[0].shape)
    draws = same_draws(as_generator(rng), len(operands))
    results = [_one(op, rank, select, gen) for op, gen in zip(operands, draws, strict=True)]
    return factors_together(results, batch, xp=operands[0].xp)


def _by_pivots(op: Operand, rank: int, rng: Any) -> tuple[list[int], list[int]]:
    return random_columns(op, rank, rng), random_columns(op.adjoint, rank, rng)


METHODS = {"rpqr": _by_pivots, "deim": by_deim, "leverage": by_leverage}


def _one(op: Operand, rank: int, select: Any, rng: Any) -> CURResult:
    """Return the factors of one matrix."""
    xp = op.xp
    columns, rows = select(op, rank, rng)
    c, r = columns_of(op, columns), rows_of(op, rows)
    floor = eps(op.like, xp=xp) ** 0.5  # the product C U R has errors of eps·|C||U||R|
    left, right = (basis_of(x, floor, xp=xp) for x in (c, adjoint(r, xp=xp)))
    w = adjoint(coefficients(right, op.adjoint, rows), xp=xp)
    u = solved(left, adjoint(left.q, xp=xp) @ w, xp=xp)
    indices = (places(x, like=op.like, xp=xp) for x in (columns, rows))
    with quiet():
        u = op.unscaled(u, -1)
    if not bool(xp.all(xp.isfinite(u))):
        raise LinAlgError("u, which has the size of 1/a, is too large for the precision of a")
    return CURResult(op.unscaled(c), u, op.unscaled(r), *indices)
