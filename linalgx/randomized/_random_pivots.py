"""Pivots drawn in proportion to a diagonal that shrinks as they are taken.

Legend: d the diagonal of a positive semidefinite residual, on the host; J proposals, drawn all at
once from d with replacement; H the residual restricted to J. Taking j with probability H_jj/d_j,
and eliminating it from H, gives pivots distributed as if d had been updated after each of them.
"""

from math import isfinite
from typing import Any

from linalgx.backend import host_array, to_host, uniform
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace

HOPELESS = 64.0
"""Multiple of eps, relative to what it was once, below which a pivot is rounding error."""


def host_uniform(count: int, rng: Any, *, like: Array, xp: Namespace) -> Any:
    """Draw numbers on [0, 1) in double precision, on the host."""
    return host_array(to_host(uniform((count,), rng, like=like, xp=xp)))


def total_of(d: Any) -> float:
    """Return the sum of d; `LinAlgError` when it is not finite."""
    total = float(d.sum())
    if not isfinite(total):
        raise LinAlgError("a has NaN or infinite entries")
    return total


def proposals(d: Any, u: Any) -> Any:
    """Return an index for each of the uniform numbers u, with probability d/sum d; no d_i = 0."""
    sums = d.cumsum()
    last = int(sums.searchsorted(sums[-1]))
    return sums.searchsorted(u * sums[-1], side="right").clip(0, last)


def accepted(h: Any, d: Any, u: Any, floor: Any, most: int) -> list[int]:
    """Return positions of the proposals that are taken, at most so many.

    Those below `floor` consist of rounding errors; but for that, the first one is taken with
    certainty.
    """
    h, taken = h.copy(), []
    for j, (size, draw, least) in enumerate(zip(d, u, floor, strict=True)):
        pivot = float(h[j, j].real)
        if not pivot > least or (j > 0 and not draw * size < pivot):
            continue
        taken.append(j)
        if len(taken) == most:
            break
        column = h[j + 1 :, j]
        h[j + 1 :, j + 1 :] -= column[:, None] * (column.conj() / pivot)[None, :]
    return taken
