"""Indefinite matrices: two-sided Jacobi, large ones after a start by a fast decomposition.

The start has errors of eps ‖A‖. What rotations alone do better are matrices whose rows differ in
size, so those are left to them; with rows of about one size, nothing is lost.

Legend: A = V₀ B V₀ᴴ with B nearly diagonal.
"""

from dataclasses import replace

from linalgx.backend import adjoint, eigh, find_kernel, hermitian, host_float
from linalgx.jacobi._block_jacobi import block_jacobi
from linalgx.jacobi._two_sided import Diagonal, Task, two_sided
from linalgx.typing import Array, Namespace

LARGE = 96
"""Order from which the start pays."""

ALIKE = 16.0
"""Rows whose largest entries differ by no more than this factor are of one size."""


BLOCKED, BLOCK = 320, 48
"""Order from which blocks, and of which size, are faster than pairs by the compiled kernel."""


def indefinite(a: Array, task: Task, *, xp: Namespace) -> Diagonal:
    """Diagonalize Hermitian matrices of any kind by rotations."""
    if task.block:
        return block_jacobi(a, task, xp=xp)
    if not task.free or a.ndim > 2 or a.shape[-1] < LARGE:
        return two_sided(a, task, xp=xp)
    if _is_graded(a, xp=xp):
        blocked = a.shape[-1] >= BLOCKED and find_kernel("two_sided_sweeps", xp) is not None
        task = replace(task, block=BLOCK if blocked else 0)
        return (block_jacobi if blocked else two_sided)(a, task, xp=xp)
    _, v = eigh(a, xp=xp)
    found = two_sided(hermitian(adjoint(v, xp=xp) @ (a @ v), xp=xp), task, xp=xp)
    return found._replace(v=v @ found.v)


def _is_graded(a: Array, *, xp: Namespace) -> bool:
    """Whether the rows of one matrix differ in size."""
    sizes = xp.max(xp.abs(a), axis=-1)
    return not host_float(xp.max(sizes)) <= ALIKE * host_float(xp.min(sizes))
