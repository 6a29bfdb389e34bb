"""Structure of a stack of matrices with zeros: which entries take part in a plan, and who is alone.

The search runs on the host, once for each different pattern.
"""

from typing import NamedTuple

from linalgx.backend import distinct_patterns, from_host, to_host
from linalgx.errors import LinAlgError
from linalgx.transport._structure import Structure, structure, unmatched
from linalgx.typing import Array, Namespace


class Patterns(NamedTuple):
    """Entries in use, (k, n, m), labels of the components, and how many entries are not in use."""

    used: Array
    rows: Array
    columns: Array
    unused: int
    first: tuple[int, ...] | None
    """Matrix, row and column of the first entry that is not in use."""


def find_patterns(
    allowed: Array, r: Array, c: Array, *, name: str, uniform: bool, xp: Namespace
) -> Patterns | None:
    """Look at the zeros of a stack; ``None`` when there are none, `LinAlgError` without a plan.

    `uniform` says that all sums are one.
    """
    if bool(xp.all(allowed)):
        return None
    host = to_host(allowed)
    if uniform:
        patterns, which = distinct_patterns(host)
        found = [_one(p, None, None, name=name, k=_first(which, j)) for j, p in enumerate(patterns)]
        found = [found[int(j)] for j in which]
    else:
        sums = zip(host, to_host(r), to_host(c), strict=True)
        found = [_one(p, x, y, name=name, k=k) for k, (p, x, y) in enumerate(sums)]
    used = host & False
    rows, columns = used[:, :, 0].astype(int), used[:, 0, :].astype(int)
    for k, one in enumerate(found):
        used[k], rows[k], columns[k] = one
    unused = host & ~used
    count = int(unused.sum())
    first = tuple(int(x[0]) for x in unused.nonzero()) if count else None
    return Patterns(
        from_host(used, like=allowed, xp=xp),
        from_host(rows, like=allowed, xp=xp, dtype=xp.int64),
        from_host(columns, like=allowed, xp=xp, dtype=xp.int64),
        count,
        first,
    )


def _first(which: Array, j: int) -> int:
    return int((which == j).nonzero()[0][0])


def _one(allowed: Array, r: Array | None, c: Array | None, *, name: str, k: int) -> Structure:
    found = structure(allowed, r, c)
    if found is None:
        raise LinAlgError(
            f"{name} cannot be scaled to these sums: {unmatched(allowed, r, c)} (matrix {k})"
        )
    return found
