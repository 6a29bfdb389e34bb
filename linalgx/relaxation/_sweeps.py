"""Sweeps over the rows of a matrix, in one of several orders.

Legend: A = D + L + U with diagonal D, strict triangles L and U; X, B blocks of columns. A sweep
takes each unknown in turn, x_i ← x_i + ω (b_i − Σ_j a_ij x_j)/a_ii, always with the newest x.
"""

from typing import Any

from linalgx._core.choose import choose
from linalgx.backend import find_kernel, solve_triangular
from linalgx.relaxation._blocks import block_sweeper
from linalgx.relaxation._colors import color_sweeper
from linalgx.relaxation._levels import level_sweeper
from linalgx.relaxation._staged import Sweeper
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Namespace

__all__ = ["ORDERINGS", "RowSweeper", "Sweeper", "TriangleSweeper", "sweeper"]


class RowSweeper(Sweeper):
    """Natural order, sparse rows, by the compiled sweep."""

    name = "natural"

    def __init__(self, prepared: PreparedMatrix, kernel: Any) -> None:
        super().__init__(prepared)
        self._kernel = kernel

    def forward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the first row to the last."""
        return self._kernel(self.matrix, self.inverse_diagonal, x, b, omega, False)

    def backward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the last row to the first."""
        return self._kernel(self.matrix, self.inverse_diagonal, x, b, omega, True)


class TriangleSweeper(Sweeper):
    """Natural order, dense matrix: x ← x + (D/ω + L)⁻¹ (b − A x), backward with U."""

    name = "natural"

    def __init__(self, prepared: PreparedMatrix) -> None:
        super().__init__(prepared)
        self._triangles: tuple[float, Array] = (0.0, None)

    def forward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the first row to the last."""
        return self._swept(x, b, omega, lower=True)

    def backward(self, x: Array, b: Array, omega: float) -> Array:
        """Sweep from the last row to the first."""
        return self._swept(x, b, omega, lower=False)

    def _swept(self, x: Array, b: Array, omega: float, *, lower: bool) -> Array:
        """Skipped rows have no right-hand side, so that nothing happens to them."""
        xp, dinv = self.xp, self.inverse_diagonal[:, None]
        kept = xp.astype(dinv != 0, x.dtype)
        r = kept * (b - self.matrix @ x)
        return x + solve_triangular(self._triangle(omega), r, lower=lower, regular=True, xp=xp)

    def _triangle(self, omega: float) -> Array:
        """Return A with the diagonal D/ω, and one on the diagonal of skipped rows."""
        known, triangle = self._triangles  # as one: another thread may replace it
        if known != omega:
            xp, dinv, a = self.xp, self.inverse_diagonal, self.matrix
            one = xp.ones_like(dinv)
            d = xp.where(dinv != 0, one / (omega * xp.where(dinv != 0, dinv, one)), one)
            eye = xp.eye(a.shape[0], dtype=a.dtype, device=self.device)
            triangle = xp.tril(a, k=-1) + xp.triu(a, k=1) + d[:, None] * eye
            self._triangles = (omega, triangle)
        return triangle


def natural_sweeper(prepared: PreparedMatrix, blocks: Any = None) -> Sweeper:
    """Rows from the first to the last; by levels, with the same result, where nothing is faster."""
    if not prepared.is_sparse:
        return TriangleSweeper(prepared)
    kernel = find_kernel("sor_sweep", prepared.xp)
    return level_sweeper(prepared) if kernel is None else RowSweeper(prepared, kernel)


def _levels(prepared: PreparedMatrix, blocks: Any = None) -> Sweeper:
    """Levels, unless there are so many that the compiled sweep is far ahead."""
    found = level_sweeper(prepared)
    kernel = find_kernel("sor_sweep", prepared.xp) if prepared.is_sparse else None
    n, stages = prepared.shape[0], len(found.stages)
    if kernel is None or n < MANY_ROWS or n >= WIDE_LEVEL * stages:
        return found
    rows = RowSweeper(prepared, kernel)
    rows.note = (
        f"ordering='level' has {stages} levels of {n / stages:.0f} rows on average, too few to pay "
        f"here; the natural order took its place, with the same result"
    )
    return rows


MANY_ROWS, WIDE_LEVEL = 1000, 1000
"""From how many rows on levels have to be wide, and how many rows are wide."""

ORDERINGS = {
    "natural": natural_sweeper,
    "multicolor": color_sweeper,
    "level": _levels,
    "block": block_sweeper,
}


def sweeper(
    prepared: PreparedMatrix, ordering: str, *, xp: Namespace, blocks: Any = None
) -> Sweeper:
    """Return the sweeper of an ordering, from memory where the values have not changed.

    With `z = s.apply(r, ω)` it is the SSOR preconditioner.  Sweeps work in the numbering of the
    sweeper: ``x, b = s.enter(x), s.enter(b); x = s.forward(x, b, ω); x = s.leave(x)``.
    """
    make = choose(ordering, ORDERINGS, "ordering")
    if ordering == "block":
        return make(prepared, blocks)
    key = ("sweeper", ordering, find_kernel("sor_sweep", xp) is None)
    if key not in prepared.of_values:
        prepared.of_values[key] = make(prepared)
    found: Sweeper = prepared.of_values[key]
    return found
