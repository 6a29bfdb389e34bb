"""Block sweeps: the unknowns of a block are solved for together, block after block.

Legend: D the diagonal blocks of A, each of order s; blocks of one level and one order form a stage
and are inverted, and applied, as one batch. Levels of blocks are those of rows, see `_levels`.
"""

from itertools import pairwise
from operator import index
from typing import Any

from linalgx.backend import (
    csr_from_triplets,
    csr_parts,
    device_of,
    eps,
    from_host,
    inv,
    is_array,
    namespace_of,
    to_host,
)
from linalgx.errors import LinAlgError
from linalgx.relaxation._levels import row_levels
from linalgx.relaxation._staged import Order, StagedSweeper, host_pattern, ordered, store_of
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Namespace

__all__ = ["BlockSweeper", "block_sweeper"]


class BlockSweeper(StagedSweeper):
    """Sweeps over blocks of unknowns."""

    def __init__(
        self, prepared: PreparedMatrix, order: Order, sizes: tuple[int, ...], table: Array
    ) -> None:
        super().__init__(prepared, order, "block")
        self.sizes = sizes
        self.inverses = tuple(self._inverted(prepared, table))

    def divide(self, r: Array) -> Array:
        """Return D⁻¹ R in the numbering of the sweeps."""
        parts = [
            self._solved(k, r[start:end, :]) for k, ((start, end), _) in enumerate(self.stages)
        ]
        return self.xp.concat(parts, axis=0) if parts else r

    def _solved(self, k: int, r: Array) -> Array:
        """D_q⁻¹ r of stage k, all its blocks at once."""
        xp, inverse = self.xp, self.inverses[k]
        shape = (inverse.shape[0], inverse.shape[1], r.shape[1])
        return xp.reshape(inverse @ xp.reshape(r, shape), r.shape)

    def _inverted(self, prepared: PreparedMatrix, table: Array) -> Any:
        """Yield the inverses of the diagonal blocks, stage by stage."""
        xp = self.xp
        if prepared.is_sparse:
            data = csr_parts(self.matrix)[0]
            data = xp.concat([data, xp.zeros_like(self.inverse_diagonal[:1])])
        else:
            data = xp.reshape(self.matrix, (-1,))
        entries, low = xp.take(data, table), 0
        for (start, end), size in zip(pairwise(self.order.ends), self.sizes, strict=True):
            high = low + (end - start) * size
            blocks = xp.reshape(entries[low:high], ((end - start) // size, size, size))
            shift = prepared.diag_shift
            if shift:
                eye = xp.eye(size, dtype=blocks.dtype, device=device_of(blocks))
                blocks = blocks + shift * eye
            yield _inverses(blocks, to_host(self.order.rows[start:end]), xp=xp)
            low = high


def block_sweeper(prepared: PreparedMatrix, blocks: Any = None) -> BlockSweeper:
    """Sweep block by block; the blocks are those of the matrix, or given."""
    labels = _labels(prepared, blocks)
    store, key = store_of(prepared), ("blocks", labels.tobytes())
    if key not in store:
        store[key] = _partition(prepared, labels)
    if ("sweeper", key) not in prepared.of_values:
        prepared.of_values["sweeper", key] = BlockSweeper(prepared, *store[key])
    found: BlockSweeper = prepared.of_values["sweeper", key]
    found.key = key
    return found


def _labels(prepared: PreparedMatrix, blocks: Any) -> Array:
    """Return the number of the block of each row, on the host, as blocks follow each other."""
    n = prepared.shape[0]
    host = namespace_of(to_host(prepared.inverse_diagonal[:0]))
    size = prepared.block_size if blocks is None else blocks
    if getattr(size, "shape", None) == () and hasattr(size, "__index__"):
        size = index(size)
    if isinstance(size, int) and not isinstance(size, bool):
        if size < 1 or (blocks is None and size == 1):
            raise ValueError(
                f"blocks must be the number of rows of a block, or the number of the block of "
                f"each row, got {blocks}; only a matrix in BSR format needs none"
            )
        return host.arange(n, dtype=host.int64, device=None) // size
    labels = to_host(blocks) if is_array(blocks) else host.asarray(blocks, dtype=None, device=None)
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"blocks must be an integer, or {n} integers, one for each row, got {blocks!r:.60}"
        )
    return host.unique_inverse(labels).inverse_indices.astype("int64")


def _partition(prepared: PreparedMatrix, labels: Array) -> tuple[Order, tuple[int, ...], Array]:
    """Order rows by level, order and number of their block; find the entries of the blocks."""
    host = namespace_of(labels)
    indptr, indices = host_pattern(prepared)
    sizes = host.unique_counts(labels).counts
    levels = _block_levels(indptr, indices, labels, host=host)
    sequence = host.argsort(sizes, stable=True)
    sequence = sequence[host.argsort(levels[sequence], stable=True)]
    rows = host.argsort(host.argsort(sequence)[labels], stable=True)
    orders, heights = sizes[sequence].tolist(), levels[sequence].tolist()
    ends, stage_sizes, stop = [0], [], 0
    for k, (size, height) in enumerate(zip(orders, heights, strict=True)):
        stop += size
        if k + 1 == len(orders) or (orders[k + 1], heights[k + 1]) != (size, height):
            ends.append(stop)
            stage_sizes.append(size)
    order = ordered(prepared, rows, ends)
    table = _table(prepared, order, sizes[sequence], host=host)
    placed = from_host(table, like=prepared.inverse_diagonal, xp=prepared.xp)
    return order, tuple(stage_sizes), placed


def _block_levels(indptr: Array, indices: Array, labels: Array, *, host: Namespace) -> Array:
    """Levels in the graph of the blocks."""
    count = int(labels.max()) + 1 if labels.shape[0] else 0
    own = host.repeat(labels, indptr[1:] - indptr[:-1])
    ones = host.ones(own.shape[0], dtype=host.float32, device=None)
    graph = csr_from_triplets(own, labels[indices], ones, (count, count), xp=host)
    _, columns, starts = csr_parts(graph)
    return row_levels(starts.astype("int64"), columns.astype("int64"))


def _table(prepared: PreparedMatrix, order: Order, sizes: Array, *, host: Namespace) -> Array:
    """Where the entries of the diagonal blocks stand, block after block; one past the end: zero."""
    first = host.cumulative_sum(sizes, include_initial=True)[:-1]
    start, size = host.repeat(first, sizes), host.repeat(sizes, sizes)  # of the block of each row
    offset = host.cumulative_sum(size, include_initial=True)[:-1]  # entries of the rows before
    n = start.shape[0]
    if not prepared.is_sparse:
        row = host.repeat(host.arange(n, dtype=host.int64, device=None), size)
        step = host.arange(row.shape[0], dtype=host.int64, device=None)
        return row * n + start[row] + step - offset[row]
    indptr, indices = to_host(order.indptr).astype("int64"), to_host(order.indices).astype("int64")
    row = host.repeat(host.arange(n, dtype=host.int64, device=None), indptr[1:] - indptr[:-1])
    (inside,) = (start[row] == start[indices]).nonzero()
    slot = (offset[row] + indices - start[row])[inside]
    nnz, total = indices.shape[0], int(offset[-1] + size[-1]) if n else 0
    found = csr_from_triplets(
        slot, host.zeros_like(slot), inside + 1.0, (max(total, 1), 1), xp=host
    )
    numbers = found.toarray()[:total, 0].astype("int64")
    return host.where(numbers == 0, nnz, numbers - 1)


def _inverses(blocks: Array, rows: Array, *, xp: Namespace) -> Array:
    """Invert a batch of blocks; name the first one that is singular."""
    try:
        inverse = inv(blocks, xp=xp)
        sizes = (xp.max(xp.abs(x), axis=(1, 2)) for x in (blocks, inverse))
        scaled = next(sizes) * next(sizes) * eps(blocks, xp=xp)
        bad = to_host(~(scaled < 1.0)).nonzero()[0]
    except LinAlgError:
        bad = [k for k in range(blocks.shape[0]) if _is_singular(blocks[k, ...], xp=xp)]
        inverse = None
    if len(bad):
        size, k = blocks.shape[-1], int(bad[0])
        own = rows[k * size : k * size + min(size, 6)].tolist()
        shown = ", ".join(map(str, own)) + (", ..." if size > 6 else "")
        raise LinAlgError(f"the diagonal block of the rows {shown} of a is singular")
    return inverse


def _is_singular(block: Array, *, xp: Namespace) -> bool:
    try:
        inv(block, xp=xp)
    except LinAlgError:
        return True
    return False
