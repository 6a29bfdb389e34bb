"""Colours: rows of one colour are not neighbours, whatever their order.

Two colours, red and black, where they suffice; else each row gets the first colour that none of
its neighbours has, with the rows in their natural order or those with most neighbours first.
"""

from linalgx.backend import find_kernel, namespace_of
from linalgx.relaxation._levels import sorted_by
from linalgx.relaxation._staged import StagedSweeper, host_pattern, ordered, store_of
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array

__all__ = ["color_sweeper", "colors_of"]


def color_sweeper(prepared: PreparedMatrix, blocks: object = None) -> StagedSweeper:
    """Sweep colour by colour."""
    store = store_of(prepared)
    if "colors" not in store:
        colors = colors_of(*host_pattern(prepared))
        store["colors"] = ordered(prepared, *sorted_by(colors))
    return StagedSweeper(prepared, store["colors"], "multicolor")


def colors_of(indptr: Array, indices: Array) -> Array:
    """Colour of each row of a symmetric pattern, from zero."""
    host = namespace_of(indptr)
    colors = (find_kernel("two_colors", host) or _two_colors)(indptr, indices)
    if colors is not None:
        return colors
    degrees = indptr[1:] - indptr[:-1]
    natural = host.arange(degrees.shape[0], dtype=host.int64, device=None)
    fit = find_kernel("first_fit", host) or _first_fit
    orders = (natural, host.argsort(-degrees, stable=True))
    return min((fit(indptr, indices, order) for order in orders), key=lambda found: found.max())


def _two_colors(indptr: Array, indices: Array) -> Array | None:
    """Colours 0 and 1 such that neighbours differ, or ``None``; breadth first."""
    host, starts, columns = namespace_of(indptr), indptr.tolist(), indices.tolist()
    colors = [-1] * (len(starts) - 1)
    for root in range(len(colors)):
        if colors[root] >= 0:
            continue
        colors[root], queue = 0, [root]
        for i in queue:
            for j in columns[starts[i] : starts[i + 1]]:
                if colors[j] < 0:
                    colors[j] = 1 - colors[i]
                    queue.append(j)
                elif colors[j] == colors[i] and j != i:
                    return None
    return host.asarray(colors, dtype=host.int64, device=None)


def _first_fit(indptr: Array, indices: Array, order: Array) -> Array:
    """Give each row, in this order, the first colour that none of its neighbours has."""
    host, starts, columns = namespace_of(indptr), indptr.tolist(), indices.tolist()
    colors = [-1] * (len(starts) - 1)
    for i in order.tolist():
        taken = {colors[j] for j in columns[starts[i] : starts[i + 1]]}
        colors[i] = next(color for color in range(len(taken) + 1) if color not in taken)
    return host.asarray(colors, dtype=host.int64, device=None)
