"""Levels (wavefronts): rows that the natural order could do at the same time.

Legend: level(i) = 1 + max level(j) over earlier neighbours j < i. A neighbour is a row that i
reads or that reads i; so a row comes after all its earlier neighbours and before all its later
ones, and the result is that of the natural order, forward and backward.
"""

from typing import Any

from linalgx.backend import find_kernel, namespace_of
from linalgx.relaxation._staged import StagedSweeper, host_pattern, ordered, store_of
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array

__all__ = ["level_sweeper", "row_levels", "sorted_by"]


def level_sweeper(prepared: PreparedMatrix) -> StagedSweeper:
    """Sweep level by level."""
    store = store_of(prepared)
    if "levels" not in store:
        levels = row_levels(*host_pattern(prepared))
        store["levels"] = ordered(prepared, *sorted_by(levels))
    return StagedSweeper(prepared, store["levels"], "level")


def row_levels(indptr: Array, indices: Array) -> Array:
    """Level of each row, from zero."""
    host = namespace_of(indptr)
    kernel = find_kernel("row_levels", host)
    if kernel is not None:
        return kernel(indptr, indices)
    starts, columns = indptr.tolist(), indices.tolist()
    levels: list[int] = []
    for i in range(len(starts) - 1):
        before = [levels[j] for j in columns[starts[i] : starts[i + 1]] if j < i]
        levels.append(max(before, default=-1) + 1)
    return host.asarray(levels, dtype=host.int64, device=None)


def sorted_by(labels: Array) -> tuple[Array, list[int]]:
    """Rows sorted by their labels 0, 1, ..., and where the labels begin and end."""
    host = namespace_of(labels)
    rows = host.argsort(labels, stable=True)
    count = int(labels[rows[-1]]) + 1 if labels.shape[0] else 0
    bounds = host.arange(count + 1, dtype=labels.dtype, device=None)
    ends: list[Any] = host.searchsorted(labels[rows], bounds).tolist()
    return rows, ends
