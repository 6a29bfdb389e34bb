"""Which patterns of nonnegative entries carry a plan, and which of their entries take part in one.

A matrix with zeros can be scaled to row sums r and column sums c when a plan lives on its pattern:
for r = c = 1 a perfect matching. Entries that no such plan uses vanish in the limit of the scaling,
which then converges slowly and to no pair of diagonal matrices.

Legend, all on the host: `allowed` the pattern n×m, R a set of rows, N(R) the columns where R has an
allowed entry. By the theorem of Hall and of max-flow and min-cut a plan exists when and only when
r(R) ≤ c(N(R)) for each R. Nodes of graphs: rows, then columns, then source and sink.
"""

from typing import Any, NamedTuple

from linalgx.backend import (
    bipartite_matching,
    host_array,
    largest_flow,
    reachable,
    strong_components,
    whole_parts,
)
from linalgx.typing import Array

UNITS = 2**30
"""Into how many parts the mass is divided for flows in 32-bit integers."""

ROUNDING = 64 * 2.0**-52
"""Surplus of a set of rows, relative to the mass, times n + m, that counts as rounding."""


class Structure(NamedTuple):
    """What a pattern permits.

    Attributes
    ----------
    used : Array
        Entries that a plan uses, n×m.
    rows, columns : Array
        Labels of the connected components of these entries.
    """

    used: Array
    rows: Array
    columns: Array


def require_feasible(allowed: Array, a: Array, b: Array) -> None:
    """Raise `ValueError` when no plan with marginals `a` and `b` lives on the allowed entries.

    Masses become whole multiples of 2^-30 of their sum for an exact flow, and the set of rows that
    it finds is then judged by its true masses. So a plan is never denied that exists; a surplus
    below (n + m) 2^-30 of the mass may be overlooked.
    """
    a, b = host_array(a), host_array(b)
    allowed = allowed[a > 0.0, :][:, b > 0.0]
    total = max(float(a.sum()), float(b.sum()))
    if not _is_doubtful(allowed, a[a > 0.0], b[b > 0.0], total):
        return
    found = _violation(allowed, a[a > 0.0], b[b > 0.0])
    if found is None:
        return
    where = (a > 0.0).nonzero()[0][found[0]]
    raise ValueError(
        f"cost leaves no plan: {_named(where, 'row')} of mass {found[1]:.6g} may send to columns "
        f"that take {found[2]:.6g} only; allow more pairs, or change a and b"
    )


def structure(allowed: Array, r: Array | None, c: Array | None) -> Structure | None:
    """Find the entries that plans use; ``None`` when there is no plan.

    Exact for unit sums (``None``) and for whole ones of sum below 2^31; other sums are rounded to
    multiples of 2^-30, and whether an entry takes part is then a matter of that rounding.
    """
    n, m = allowed.shape
    if r is None or c is None:
        plan = _matching(allowed)
    else:
        plan = _whole_flow(allowed, host_array(r), host_array(c))
    if plan is None:
        return None
    flow, ends = plan
    i, j = allowed.nonzero()
    p, q = flow.nonzero()
    # Entries of other plans lie on cycles of what may be added (i → j) and taken back (q → p).
    labels = strong_components(n + m + 2, [(i, n + j), (n + q, p), *ends])
    rows, columns = labels[:n], labels[n : n + m]
    return Structure(allowed & (rows[:, None] == columns[None, :]), rows, columns)


def unmatched(allowed: Array, r: Array | None, c: Array | None) -> str:
    """Say which rows keep a pattern from having a plan."""
    n, m = allowed.shape
    r = host_array([1.0] * n) if r is None else host_array(r)
    c = host_array([1.0] * m) if c is None else host_array(c)
    found = _violation(allowed, r, c)
    if found is None:
        return "no plan fits the sums"
    rows, held, taken = found
    if not taken > 0.0:
        return f"{_named(rows, 'row')} without an entry"
    return f"{_named(rows, 'row')} of sum {held:g} with entries in columns of sum {taken:g}"


def _is_doubtful(allowed: Array, a: Array, b: Array, total: float) -> bool:
    """Whether a block R×S of forbidden entries with a(R) + b(S) > total may exist.

    The masses of forbidden entries bound both sides, again and again; dense patterns end empty.
    """
    forbidden = ~allowed
    rows, columns = forbidden.any(axis=1), forbidden.any(axis=0)
    never, full = forbidden.all(axis=1), forbidden.all(axis=0)
    while rows.any():
        held, taken = float(a[rows].sum()), float(b[columns].sum())
        fewer = rows & (never | (forbidden @ (b * columns) + held > total))
        columns_left = columns & (full | ((a * rows) @ forbidden + taken > total))
        if (fewer == rows).all() and (columns_left == columns).all():
            return True
        rows, columns = fewer, columns_left
    return False


def _violation(allowed: Array, a: Array, b: Array) -> tuple[Array, float, float] | None:
    """Rows R with a(R) > b(N(R)) beyond rounding, and both masses; or ``None``."""
    n, m = allowed.shape
    supply, demand = whole_parts(a, UNITS), whole_parts(b, UNITS)
    for pattern in _thinned(allowed), allowed:
        value, flow = largest_flow(pattern, supply, demand)
        if value == UNITS:
            return None
    i, j = allowed.nonzero()
    p, q = flow.nonzero()
    open_rows = (flow.sum(axis=1) < supply).nonzero()[0]
    edges = [(i, n + j), (n + q, p), (n + m, open_rows)]
    mask = reachable(n + m + 1, edges, n + m)
    rows = mask[:n]
    columns = allowed[rows, :].any(axis=0)
    held, taken = float(a[rows].sum()), float(b[columns].sum())
    if not held - taken > ROUNDING * (n + m) * float(a.sum()):
        return None
    return rows.nonzero()[0], held, taken


def _thinned(allowed: Array) -> Array:
    """Thin a dense pattern out: a plan on a part of it is a plan, and is found in less time."""
    n, m = allowed.shape
    every = int(allowed.sum()) // (32 * (n + m))
    if every < 2:
        return allowed
    order = allowed.cumsum(axis=1) + allowed.cumsum(axis=0)
    return allowed & (order % every == 0)


def _matching(allowed: Array) -> tuple[Array, list[Any]] | None:
    """Perfect matching as a flow, and no edges of source and sink: all of them are full."""
    n, m = allowed.shape
    match = bipartite_matching(allowed)
    if n != m or (match < 0).any():
        return None
    return match[:, None] == host_array(range(m))[None, :], []


def _whole_flow(allowed: Array, r: Array, c: Array) -> tuple[Array, list[Any]] | None:
    """Largest flow, and the open edges of source and sink; ``None`` when a set of rows has none.

    A row or column of mass below a unit gets one, so that its entries are not lost.
    """
    n, m = allowed.shape
    whole = (r == r.round()).all() and (c == c.round()).all() and r.sum() < 2 * UNITS
    supply, demand = (whole_parts(x, int(r.sum()) if whole else UNITS) for x in (r, c))
    if not whole:
        supply, demand = supply.clip(1), demand.clip(1)
    flow = largest_flow(allowed, supply, demand)[1]
    sent, got = flow.sum(axis=1), flow.sum(axis=0)
    open_rows, open_columns = (sent < supply).nonzero()[0], (got < demand).nonzero()[0]
    if len(open_rows) and _violation(allowed, r, c) is not None:
        return None
    source, sink = n + m, n + m + 1
    ends = [(source, open_rows), (sent.nonzero()[0], source)]
    ends += [(n + open_columns, sink), (sink, n + got.nonzero()[0])]
    # What rounding left open on both sides could be moved through sink and source.
    return flow, [*ends, (sink, host_array([source]))]


def _named(rows: Array, what: str) -> str:
    """Numbers of a few rows, or how many there are."""
    if len(rows) == 1:
        return f"{what} {rows[0]}"
    shown = ", ".join(str(i) for i in rows[:6])
    return f"the {len(rows)} {what}s {shown}{', …' if len(rows) > 6 else ''}"
