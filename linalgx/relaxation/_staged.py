"""Sweeps stage by stage: the rows of one stage do not see each other and are done at once.

Colours, levels and blocks differ only in how rows are put into stages. Rows are renumbered so that
stages are contiguous; a whole solve stays in the new numbering.

Legend: q the rows of a stage, A_q those rows of A, D_q its diagonal or diagonal blocks;
x_q ← x_q + ω D_q⁻¹ (b_q − A_q x).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from linalgx.backend import (
    block_product,
    csr_parts,
    from_host,
    make_csr,
    namespace_of,
    to_host,
)
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array

__all__ = ["Order", "StagedSweeper", "Sweeper", "host_pattern", "ordered", "store_of"]


class Sweeper:
    """Sweeps in one ordering; `x` is a work block, which may be changed in place.

    Attributes
    ----------
    name : str
        The ordering.
    note : str
        What a user should be warned of, or nothing.
    key : object
        Tells partitions into blocks apart.
    """

    name = ""
    note = ""
    key: object = None

    def __init__(self, prepared: PreparedMatrix) -> None:
        self.xp = prepared.xp
        self.device = prepared.device
        self.matrix = prepared.matrix
        self.inverse_diagonal = prepared.inverse_diagonal

    def enter(self, x: Array) -> Array:
        """Renumber the rows of a block as the sweeps want them."""
        return x

    def leave(self, x: Array) -> Array:
        """Renumber the rows back."""
        return x

    def forward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the first row to the last."""
        raise NotImplementedError

    def backward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the last row to the first."""
        raise NotImplementedError

    def product(self, x: Array) -> Array:
        """Return A X in the numbering of the sweeps."""
        return block_product(self.matrix, x)

    def divide(self, r: Array) -> Array:
        """Return D⁻¹ R in the numbering of the sweeps."""
        return self.inverse_diagonal[:, None] * r

    def apply(self, r: Array, omega: float) -> Array:
        """Forward and backward from zero, in the caller's numbering: the SSOR preconditioner."""
        r = self.enter(r)
        x = self.forward(self.xp.zeros_like(r), r, omega)
        return self.leave(self.backward(x, r, omega))


@dataclass(frozen=True, slots=True)
class Order:
    """A renumbering into stages, and what depends on the pattern of the matrix only.

    Attributes
    ----------
    rows, places : Array
        Old number of each new row, and new number of each old one.
    ends : tuple of int
        Where stages begin and end: (0, ..., n).
    source, indices, indptr : Array or None
        Of a sparse matrix: for each stored entry in the new order where it was, and its place.
    cuts : tuple of int
        Where the entries of the stages begin and end.
    """

    rows: Array
    places: Array
    ends: tuple[int, ...]
    source: Array | None = None
    indices: Array | None = None
    indptr: Array | None = None
    cuts: tuple[int, ...] = ()


class StagedSweeper(Sweeper):
    """Sweeps over stages, as array code."""

    def __init__(self, prepared: PreparedMatrix, order: Order, name: str) -> None:
        super().__init__(prepared)
        self.name, self.order = name, order
        xp = self.xp
        self.inverse_diagonal = xp.take(prepared.inverse_diagonal, order.rows)
        if prepared.is_sparse:
            self.matrix, parts = _renumbered(prepared, order)
        else:
            self.matrix = xp.take(xp.take(prepared.matrix, order.rows, axis=0), order.rows, axis=1)
            parts = [self.matrix[start:end, :] for start, end in pairwise(order.ends)]
        self.stages = tuple(zip(pairwise(order.ends), parts, strict=True))

    def enter(self, x: Array) -> Array:
        """Renumber the rows of a block as the sweeps want them."""
        return self.xp.take(x, self.order.rows, axis=0)

    def leave(self, x: Array) -> Array:
        """Renumber the rows back."""
        return self.xp.take(x, self.order.places, axis=0)

    def forward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the first stage to the last."""
        return self._swept(x, b, omega, range(len(self.stages)))

    def backward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the last stage to the first."""
        return self._swept(x, b, omega, range(len(self.stages) - 1, -1, -1))

    def _swept(self, x: Array, b: Array, omega: float, stages: Sequence[int]) -> Array:
        for k in stages:
            (start, end), part = self.stages[k]
            step = self._solved(k, b[start:end, :] - block_product(part, x))
            step *= omega
            x[start:end, :] += step
        return x

    def _solved(self, k: int, r: Array) -> Array:
        """D_q⁻¹ r of stage k."""
        start, end = self.stages[k][0]
        return self.inverse_diagonal[start:end, None] * r


def _renumbered(prepared: PreparedMatrix, order: Order) -> tuple[Any, list[Any]]:
    """Return the matrix in the new order, and the rows of each stage; they share the entries."""
    xp, n = prepared.xp, prepared.shape[0]
    data = xp.take(csr_parts(prepared.matrix)[0], order.source)
    whole = make_csr(data, order.indices, order.indptr, (n, n), xp=xp)
    parts = []
    for (start, end), (low, high) in zip(pairwise(order.ends), pairwise(order.cuts), strict=True):
        starts = order.indptr[start : end + 1] - low  # type: ignore[index]
        indices = order.indices[low:high]  # type: ignore[index]
        parts.append(make_csr(data[low:high], indices, starts, (end - start, n), xp=xp))
    return whole, parts


def ordered(prepared: PreparedMatrix, rows: Array, ends: Sequence[int]) -> Order:
    """Work out an order from host numbers: old row of each new one, and ends of the stages."""
    host = namespace_of(rows)
    places = host.argsort(rows)
    ends = tuple(int(end) for end in ends)
    own, other = (_placed(x, prepared) for x in (rows, places))
    if not prepared.is_sparse:
        return Order(own, other, ends)
    indices, indptr = (to_host(x) for x in csr_parts(prepared.matrix)[1:])
    counts = (indptr[1:] - indptr[:-1])[rows]
    starts = host.cumulative_sum(counts, include_initial=True)
    entries = host.arange(int(starts[-1]), dtype=starts.dtype, device=None)
    source = host.repeat(indptr[rows] - starts[:-1], counts) + entries
    return Order(
        own,
        other,
        ends,
        source=_placed(source, prepared),
        indices=_placed(places[indices[source]].astype(indices.dtype), prepared),
        indptr=_placed(starts.astype(indptr.dtype), prepared),
        cuts=tuple(int(starts[end]) for end in ends),
    )


def _placed(numbers: Array, prepared: PreparedMatrix) -> Array:
    return from_host(numbers, like=prepared.inverse_diagonal, xp=prepared.xp)


def store_of(prepared: PreparedMatrix) -> dict[Hashable, Any]:
    """Where what follows from the pattern is kept: zeros of a dense matrix may change."""
    return prepared.of_pattern if prepared.is_sparse else prepared.of_values


def host_pattern(prepared: PreparedMatrix) -> tuple[Array, Array]:
    """Row starts and columns on the host of the pattern of A and Aᵀ together, 64-bit integers.

    A row must not run together with one that it reads, nor with one that it is read by.
    """
    if prepared.is_sparse:
        indices, indptr = (to_host(x) for x in csr_parts(prepared.matrix)[1:])
        host = namespace_of(indptr)
        ones = host.ones(indices.shape[0], dtype=host.float32, device=None)
        pattern = make_csr(ones, indices, indptr, prepared.shape, xp=host)
        _, indices, indptr = csr_parts((pattern + pattern.transpose()).tocsr())
        return indptr.astype("int64"), indices.astype("int64")
    mask = to_host(prepared.matrix != 0)
    mask = mask | mask.mT if hasattr(mask, "mT") else mask
    host = namespace_of(mask)
    counts = host.sum(mask, axis=1, dtype=host.int64)
    return host.cumulative_sum(counts, include_initial=True), mask.nonzero()[1]
