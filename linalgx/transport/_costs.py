"""Costs as the methods see them: blocks of rows, whether they are stored or computed.

Legend: C is n×m; a block holds some rows of it. A stored cost may be a batch (..., n, m).
"""

from collections.abc import Iterator
from typing import Any, Protocol

from linalgx.backend import device_of, host_float, is_gpu, times_power_of_two
from linalgx.typing import Array, Device, DType, Namespace

BLOCK_BYTES = {"host": 2**22, "gpu": 2**26}
"""Memory of one block of a cost that is not stored: a cache, or a part of a GPU's memory."""


class Cost(Protocol):
    """What every cost offers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows n and columns m, behind the leading axes of a batch."""

    @property
    def xp(self) -> Namespace:
        """Array library."""

    @property
    def dtype(self) -> DType:
        """Real dtype of the entries."""

    @property
    def device(self) -> Device:
        """Where the arrays live."""

    def block(self, start: int, stop: int) -> Array:
        """Rows ``start:stop``; the caller must not write to them."""

    def transposed(self) -> "Cost":
        """Return the same cost with source and target exchanged."""

    def span(self) -> tuple[float, float]:
        """Least and largest finite entry, or bounds of them."""

    def restricted(self, rows: Array | None, columns: Array | None) -> "Cost":
        """Return the cost between some of the bins; ``None`` stands for all."""

    def times_power_of_two(self, exponent: int) -> "Cost":
        """Return the cost times 2^exponent."""

    def astype(self, dtype: DType) -> "Cost":
        """Return the cost with entries of another real dtype."""


class DenseCost:
    """A cost matrix in memory, or a batch of them; entries may be +∞."""

    __slots__ = ("_span", "device", "dtype", "matrix", "shape", "xp")

    def __init__(self, matrix: Array, *, xp: Namespace) -> None:
        self.matrix = matrix
        self.xp = xp
        self.shape = tuple(int(n) for n in matrix.shape)
        self.dtype = matrix.dtype
        self.device = device_of(matrix)
        self._span: tuple[float, float] | None = None

    def block(self, start: int, stop: int) -> Array:
        """Rows ``start:stop``."""
        return self.matrix[..., start:stop, :]

    def transposed(self) -> "DenseCost":
        """Return the transpose, a view."""
        return DenseCost(self.matrix.mT, xp=self.xp)

    def restricted(self, rows: Array | None, columns: Array | None) -> "DenseCost":
        """Return the cost between some of the bins."""
        if rows is None and columns is None:
            return self
        c = self.matrix if rows is None else self.xp.take(self.matrix, rows, axis=-2)
        c = c if columns is None else self.xp.take(c, columns, axis=-1)
        return DenseCost(c, xp=self.xp)

    def times_power_of_two(self, exponent: int) -> "DenseCost":
        """Return the cost times 2^exponent, itself where that is one."""
        if not exponent:
            return self
        return DenseCost(times_power_of_two(self.matrix, exponent, xp=self.xp), xp=self.xp)

    def astype(self, dtype: DType) -> "DenseCost":
        """Return the cost with entries of another real dtype."""
        return DenseCost(self.xp.astype(self.matrix, dtype, copy=False), xp=self.xp)

    def span(self) -> tuple[float, float]:
        """Least and largest finite entry, found once."""
        if self._span is None:
            self._span = self._ends()
        return self._span

    def _ends(self) -> tuple[float, float]:
        xp, c = self.xp, self.matrix
        if 0 in c.shape:
            return 0.0, 0.0
        low, high = host_float(xp.min(c)), host_float(xp.max(c))
        if high < float("inf"):
            return low, high
        finite = xp.where(xp.isfinite(c), c, xp.full_like(c, low))
        return low, host_float(xp.max(finite))


def is_lazy(cost: Any) -> bool:
    """Whether a cost computes its entries."""
    return hasattr(cost, "block") and hasattr(cost, "span") and not isinstance(cost, DenseCost)


def block_rows(cost: Cost) -> int:
    """Return how many rows a block has: all of a stored cost."""
    n, m = cost.shape[-2:]
    if isinstance(cost, DenseCost):
        return max(n, 1)
    like = cost.xp.zeros((), dtype=cost.dtype, device=cost.device)
    size = BLOCK_BYTES["gpu" if is_gpu(like, xp=cost.xp) else "host"]
    return max(1, size // (8 * max(m, 1)))


def blocks(cost: Cost) -> Iterator[tuple[int, int, Array]]:
    """Walk over the rows: (start, stop, rows)."""
    n, size = cost.shape[-2], block_rows(cost)
    for start in range(0, n, size):
        stop = min(n, start + size)
        yield start, stop, cost.block(start, stop)
