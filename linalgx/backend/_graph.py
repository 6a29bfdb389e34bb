"""Patterns as bipartite graphs, on the host: matchings, flows, components.

A pattern is a NumPy array of bool, one row of it a node on the left, one column a node on the
right. SciPy's graph routines take 32-bit capacities and sort edges by rows.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from linalgx.typing import Array

Edges = Sequence[tuple[Array | int, Array | int]]
"""Groups of edges: arrays of tails and of heads, or one node for all of a group."""


def bipartite_matching(pattern: Array) -> Array:
    """Column matched to each row in a largest matching; −1 for rows that are left over."""
    i, j = pattern.nonzero()
    graph = _csr(np.ones(len(i), dtype=np.int8), i, j, shape=pattern.shape)
    match: Array = _csgraph().maximum_bipartite_matching(graph, perm_type="column")
    return match


def strong_components(count: int, edges: Edges) -> Array:
    """Label of the strongly connected component of each of `count` nodes."""
    labels: Array = _csgraph().connected_components(_graph(count, edges), connection="strong")[1]
    return labels


def reachable(count: int, edges: Edges, start: int) -> Array:
    """Mask of the nodes to which a path leads from `start`, itself among them."""
    found = _csgraph().breadth_first_order(_graph(count, edges), start, return_predecessors=False)
    mask: Array = np.zeros(count, dtype=bool)
    mask[found] = True
    return mask


def largest_flow(pattern: Array, supply: Array, demand: Array) -> tuple[int, Array]:
    """Largest flow from rows to columns along a pattern; its value, and the flow of each entry.

    Supplies and demands are integers with sums below 2³¹; the second is a matrix of integers.
    """
    n, m = pattern.shape
    i, j = pattern.nonzero()
    source, sink = n + m, n + m + 1
    tails = np.concatenate([np.full(n, source), i, n + np.arange(m)])
    heads = np.concatenate([np.arange(n), n + j, np.full(m, sink)])
    most = np.minimum(supply[i], demand[j])
    capacity = np.concatenate([supply, most, demand]).astype(np.int32)
    graph = _csr(capacity, tails, heads, shape=(n + m + 2, n + m + 2))
    found = _csgraph().maximum_flow(graph, source, sink)
    flow = np.asarray(found.flow[:n, n : n + m].todense())
    return int(found.flow_value), flow


def distinct_patterns(patterns: Array) -> tuple[Array, Array]:
    """Different patterns of a stack (k, n, m), and for each of the k which one it has."""
    k, n, m = patterns.shape
    packed = np.packbits(patterns.reshape(k, n * m), axis=1)
    place: dict[bytes, int] = {}
    which = np.asarray([place.setdefault(row.tobytes(), len(place)) for row in packed], np.intp)
    first = np.unique(which, return_index=True)[1]
    return patterns[first], which


def whole_parts(masses: Array, total: int) -> Array:
    """Integers of sum `total` in proportion to masses, each off by at most one.

    Integers in double precision of that sum come out as they are.
    """
    sums = np.concatenate([[0.0], np.cumsum(masses, dtype=np.float64)])
    parts: Array = np.diff(np.rint(sums * (total / sums[-1])).astype(np.int64))
    return parts


def _graph(count: int, edges: Edges) -> Any:
    """Unweighted directed graph; a node may stand for all tails or heads of a group."""
    pairs = [np.broadcast_arrays(tails, heads) for tails, heads in edges]
    tails, heads = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
    return _csr(np.ones(len(tails), dtype=np.int8), tails, heads, shape=(count, count))


def _csr(data: Array, rows: Array, columns: Array, *, shape: tuple[int, ...]) -> Any:
    graph = import_module("scipy.sparse").coo_matrix((data, (rows, columns)), shape=shape).tocsr()
    graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    return graph


def _csgraph() -> Any:
    return import_module("scipy.sparse.csgraph")
