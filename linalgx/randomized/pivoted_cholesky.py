"""Partial Cholesky factorization with random pivots.

Legend: A Hermitian, positive semidefinite, n x n; F n x r with A ≈ F Fᴴ; d the diagonal of the
residual E = A − F Fᴴ, on the host; S the pivots of one block; G = E[:, S], L Lᴴ = G[S, :], and
F gains the columns G L⁻ᴴ.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import (
    adjoint,
    as_generator,
    cholesky,
    device_of,
    eps,
    hermitian,
    host_array,
    solve_triangular,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.randomized._entries import Entries, admit_entries
from linalgx.randomized._one_pass import admit_rank
from linalgx.randomized._random_pivots import (
    HOPELESS,
    accepted,
    host_uniform,
    proposals,
    total_of,
)
from linalgx.typing import Array, Namespace, RNGLike

BLOCK = 100
"""Most proposals at a time: their elimination is a loop on the host."""
LONGER = 1.1
"""Squares of new rows of F are at most this multiple of what the diagonal leaves them."""


class PivotedCholeskyResult(NamedTuple):
    """Factor with A ≈ F Fᴴ, and the indices of its pivots in the order they were taken."""

    f: Array
    pivots: Array


def pivoted_cholesky(
    a: Array | Callable[[Array, Array], Array],
    /,
    rank: int,
    *,
    diagonal: Array | None = None,
    method: str = "accelerated",
    rtol: float | None = None,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> PivotedCholeskyResult:
    """Approximate a positive semidefinite matrix from a few of its columns.

    For kernel and covariance matrices, which are too large to be stored, let alone factored: only
    the columns of the pivots are ever computed. Random pivots avoid both the outliers that the
    greedy choice prefers and the clusters that uniform sampling misses.

    Parameters
    ----------
    a : array, shape (n, n), or callable
        Hermitian positive semidefinite. A function ``a(rows, columns)`` takes two integer arrays
        and returns the entries as an array of shape (len(rows), len(columns)). Only the
        diagonal and the rows of pivots are looked at, so that nothing else is checked.
    rank : int
        Most columns, at most n.
    diagonal : array, shape (n,), optional
        The diagonal of A, which a function needs; its library and device are those of the
        integer arrays and of the result. An array has its own.
    method : str
        ``"accelerated"`` draws blocks of pivots from the distribution of ``"rpcholesky"``, which
        draws them one by one. ``"greedy"`` takes the largest entry of the diagonal,
        ``"uniform"`` any: both for comparison. Uniform pivots may be so much smaller than what
        is left elsewhere that rounding errors grow; such pivots are not taken.
    rtol : float, optional
        Stop when the trace of the residual is at most ``rtol`` times that of A; the rounding
        level n·eps is the least and the default.
    rng : None, int, SeedSequence or Generator
        Source of the pivots.
    check_finite : bool
        Whether to look for NaN and Inf, also in what a function returns.

    Returns
    -------
    PivotedCholeskyResult
        ``f``, shape (n, r), and ``pivots``, shape (r,), with r ≤ rank, smaller when A has
        numerically a lower rank or the tolerance was met before. A − F Fᴴ is semidefinite up to
        rounding, vanishes in the rows of the pivots, and has the trace tr A − ‖F‖_F².

    Raises
    ------
    ValueError
        `rank` is larger than n, a diagonal entry is negative, or a function comes without
        `diagonal` or returns another shape.
    LinAlgError
        A number that is not finite was met, or a row of a pivot that is too long for a positive
        semidefinite matrix.

    See Also
    --------
    nystrom : The same kind of approximation from products.
    interpolative : Columns of a general matrix.

    Notes
    -----
    **Method.** Pivot i has probability d_i/Σd, d the diagonal of the residual E, and
    F gains the column E[:, i]/√d_i [1]_. accelerated: half as many proposals as columns are wanted,
    at most 100, are drawn at once; each is taken with the probability that its residual entry has
    kept, beside those taken before it, and one matrix product updates F [2]_.

    **Cost.** n (rank + 1) entries, n·rank² flops, and four times the memory of F. Accelerated: and
    the entries between the proposals of each block.

    **Accuracy.** In expectation, the trace of the residual is below twice that of the best
    approximation of a rank that is smaller by a logarithmic factor. Clustered Gaussian kernel,
    n = 1500, rank 60, medians: 3e-5 against 7e-6 for the best, 2e-4 greedy, 2e-2 uniform.

    **Backends.** See :doc:`/backends`; pivots are drawn on the host, with two transfers a block.

    References
    ----------
    .. [1] Chen, Epperly, Tropp, Webber, 2022, arXiv 2207.06503.
    .. [2] Epperly, Tropp, Webber, 2024, arXiv 2410.03969.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> x = np.linspace(0.0, 1.0, 50)
    >>> kernel = np.exp(-(x[:, None] - x) ** 2)
    >>> f, pivots = lx.randomized.pivoted_cholesky(kernel, 8, rng=0)
    >>> print(f.shape, np.abs(kernel - f @ f.T).max() < 1e-9)
    (50, 8) True
    """
    entries = admit_entries(a, diagonal, check_finite=check_finite)
    rank = admit_rank(rank, (entries.n, entries.n))
    choice = choose(method, METHODS, "method")
    floor = entries.n * eps(entries.diagonal, xp=entries.xp)
    rtol = floor if rtol is None else max(admit_real(rtol, "rtol"), floor)
    f, pivots = _factor(entries, rank, choice, rtol, as_generator(rng))
    return PivotedCholeskyResult(f, pivots)


class _Choice(NamedTuple):
    """How pivots are proposed, and whether many at a time."""

    propose: Callable[..., Any]
    blocks: bool


def _at_random(d: Any, count: int, rng: Any, *, like: Array, xp: Namespace) -> Any:
    return proposals(d, host_uniform(count, rng, like=like, xp=xp))


def _greedily(d: Any, count: int, rng: Any, *, like: Array, xp: Namespace) -> Any:
    return d.argmax()[None]


def _uniformly(d: Any, count: int, rng: Any, *, like: Array, xp: Namespace) -> Any:
    return proposals(1.0 * (d > 0.0), host_uniform(count, rng, like=like, xp=xp))


METHODS = {
    "accelerated": _Choice(_at_random, True),
    "rpcholesky": _Choice(_at_random, False),
    "greedy": _Choice(_greedily, False),
    "uniform": _Choice(_uniformly, False),
}


def _factor(
    entries: Entries, rank: int, choice: _Choice, rtol: float, rng: Any
) -> tuple[Array, Array]:
    """Take blocks of pivots until the rank or the tolerance is reached."""
    xp, like = entries.xp, entries.diagonal
    d = host_array(to_host(like)).copy()
    whole, r, pivots = total_of(d), 0, []
    floor = HOPELESS * eps(like, xp=xp) * d  # what is left of an entry below it is rounding error
    room, noise = 1.0 * d, max(1.0, entries.n / HOPELESS) * floor
    f = xp.zeros((entries.n, rank), dtype=entries.dtype, device=device_of(like))
    while r < rank and total_of(d) > rtol * whole:
        count = min(max(rank // 2, 1), BLOCK) if choice.blocks else 1
        proposed = choice.propose(d, count, rng, like=like, xp=xp)
        taken = _screened(entries, f[:, :r], proposed, d, floor, rank - r, rng)
        d[proposed[0]] *= bool(taken)  # the first proposal is taken, or was a rounding error
        if not taken:
            continue
        new, kept, squares = _columns(entries, f[:, :r], taken, room, noise, xp=xp)
        d[taken[0]] *= bool(kept)
        if new.dtype != f.dtype:  # a function turned out to be complex
            f = xp.astype(f, new.dtype)
        f[:, r : r + len(kept)] = new
        pivots += kept
        r += len(kept)
        d, room = (d - squares).clip(0.0), (room - squares).clip(0.0)
        d[pivots] = 0.0
    total_of(d)
    f = f if r == rank else xp.asarray(f[:, :r], copy=True, dtype=f.dtype, device=device_of(f))
    return entries.unscaled(f), entries.indices(pivots)


def _screened(
    entries: Entries, f: Array, proposed: Any, d: Any, floor: Any, most: int, rng: Any
) -> list[int]:
    """Return the proposals that are taken."""
    if len(proposed) == 1:
        return [int(j) for j in proposed if d[j] > floor[j]]
    xp, places = entries.xp, entries.indices(proposed.tolist())
    rows = xp.take(f, places, axis=0)
    h = entries.block(places) - rows @ adjoint(rows, xp=xp)
    u = host_uniform(len(proposed), rng, like=entries.diagonal, xp=xp)
    kept = accepted(to_host(h), d[proposed], u, floor[proposed], most)
    return [int(proposed[j]) for j in kept]


def _columns(
    entries: Entries, f: Array, taken: list[int], room: Any, noise: Any, *, xp: Namespace
) -> tuple[Array, list[int], Any]:
    """Return G L⁻ᴴ, its pivots and the squares of its rows.

    All of the block, or its first pivot if L does not exist or a row is longer than its residual
    entry allows, or nothing: then that pivot is a rounding error. `LinAlgError` for rows that
    rounding does not explain.
    """
    places = entries.indices(taken)
    g = entries.columns(places) - f @ adjoint(xp.take(f, places, axis=0), xp=xp)
    try:
        factor = cholesky(hermitian(xp.take(g, places, axis=0), xp=xp), xp=xp)
    except LinAlgError:
        total_of(host_array(to_host(xp.abs(g))))  # a pivot that is no number is an error
        new, squares = g[:, :0], None
    else:
        new = solve_triangular(factor, adjoint(g, xp=xp), lower=True, regular=True, xp=xp)
        new = adjoint(new, xp=xp)
        squares = host_array(to_host(xp.sum(xp.abs(new) ** 2, axis=-1)))
        total_of(squares)
        if not (squares > LONGER * room + noise).any():
            return new, taken, squares
    if len(taken) > 1:
        return _columns(entries, f, taken[:1], room, noise, xp=xp)
    if squares is not None and (squares > LONGER * room + noise * eps(g, xp=xp) ** -0.5).any():
        raise LinAlgError("a must be positive semidefinite: a residual has a negative entry")
    return new[:, :0], [], 0.0
