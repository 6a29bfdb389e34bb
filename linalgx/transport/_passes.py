"""Exact passes over all entries of a plan: soft minima, sums, products. Nothing is truncated.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε), r = P1, c = Pᵀ1. Costs come in blocks of rows; batches
have leading axes.
"""

from typing import Any, NamedTuple

from linalgx.backend import device_of, find_kernel
from linalgx.transport._costs import Cost, blocks
from linalgx.typing import Array, Namespace


class Sums(NamedTuple):
    """Sums over a plan: its marginals, and Σ C P."""

    r: Array
    c: Array
    cost: Array


def row_softmin(cost: Cost, g: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return −ε log Σ_j exp((g_j − C_ij)/ε): the potential that gives every row the mass one."""
    own = _own("softmin_rows", cost, g, epsilon)
    if own is not None:
        return own
    kernel = _kernel("softmin_rows", cost, xp)
    parts = []
    for _, _, block in blocks(cost):
        if kernel is not None:
            parts.append(kernel(block, g, epsilon))
            continue
        z = (g[..., None, :] - block) / epsilon
        top = finite_or_zero(xp.max(z, axis=-1), xp=xp)
        total = xp.sum(xp.exp(z - top[..., None]), axis=-1)
        parts.append(-epsilon * (top + xp.log(total)))
    return joined(parts, xp=xp)


def column_softmin(cost: Cost, f: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return −ε log Σ_i exp((f_i − C_ij)/ε), block after block."""
    own = _own_transposed("softmin_rows", cost, f, epsilon)
    if own is not None:
        return own
    kernel = _kernel("softmax_columns", cost, xp)
    top: Any = None
    total: Any = None
    for start, stop, block in blocks(cost):
        part = f[..., start:stop]
        if kernel is not None:
            here, mass = kernel(block, part, epsilon)
        else:
            z = (part[..., :, None] - block) / epsilon
            here = finite_or_zero(xp.max(z, axis=-2), xp=xp)
            mass = xp.sum(xp.exp(z - here[..., None, :]), axis=-2)
        if top is None:
            top, total = here, mass
            continue
        both = xp.maximum(top, here)
        total = total * xp.exp(top - both) + mass * xp.exp(here - both)
        top = both
    return xp.astype(-epsilon * (top + xp.log(total)), f.dtype, copy=False)


def plan_rows(block: Array, f: Array, g: Array, epsilon: float, *, xp: Namespace) -> Array:
    """Return the rows of P that belong to a block of rows of C."""
    one = block.ndim == 2
    kernel = find_kernel("plan_rows", xp) if one or _flat(block, f, g) else None
    if kernel is not None:
        return kernel(block, f, g, epsilon)
    p = xp.exp((f[..., :, None] + g[..., None, :] - block) / epsilon)
    return xp.astype(p, block.dtype, copy=False)


def plan_sums(cost: Cost, f: Array, g: Array, epsilon: float, *, xp: Namespace) -> Sums:
    """Return r, c and ⟨C, P⟩ of the plan of two potentials, which is not stored."""
    own = _own("plan_sums", cost, f, g, epsilon)
    if own is not None:
        return Sums(*own)
    kernel = _kernel("plan_sums", cost, xp)
    rows = []
    c: Any = 0.0
    moved: Any = 0.0
    if kernel is not None:
        c = xp.zeros(
            g.shape, dtype=xp.float64, device=device_of(g)
        )  # wider than the arrays where they hold 32 bits
    for start, stop, block in blocks(cost):
        part = f[..., start:stop]
        if kernel is not None:
            r, here = kernel(block, part, g, epsilon, c)
        else:
            p = plan_rows(block, part, g, epsilon, xp=xp)
            r, c, here = xp.sum(p, axis=-1), c + xp.sum(p, axis=-2), moved_cost(block, p, xp=xp)
        rows.append(r)
        moved = moved + here
    return Sums(joined(rows, xp=xp), c, moved)


def moved_cost(block: Array, p: Array, *, xp: Namespace) -> Array:
    """Return Σ C P, where forbidden pairs have an infinite cost and no mass."""
    return xp.sum(xp.where(p > 0, block, xp.zeros_like(block)) * p, axis=(-2, -1))


def row_lowest(cost: Cost, g: Array, *, xp: Namespace) -> Array:
    """Return min_j (C_ij − g_j), the c-transform of g: the limit of `row_softmin` as ε → 0."""
    own = _own("lowest_rows", cost, g)
    if own is not None:
        return own
    kernel = _kernel("lowest_rows", cost, xp)
    parts = [
        kernel(block, g) if kernel is not None else xp.min(block - g[..., None, :], axis=-1)
        for _, _, block in blocks(cost)
    ]
    return joined(parts, xp=xp)


def column_lowest(cost: Cost, f: Array, *, xp: Namespace) -> Array:
    """Return min_i (C_ij − f_i)."""
    own = _own_transposed("lowest_rows", cost, f)
    if own is not None:
        return own
    low: Any = None
    for start, stop, block in blocks(cost):
        here = xp.min(block - f[..., start:stop, None], axis=-2)
        low = here if low is None else xp.minimum(low, here)
    return low


def between(cost: Cost, x: Array, y: Array, *, xp: Namespace) -> Array:
    """Return xᵀ C y for finite costs that are not stored."""
    own = _own("between", cost, x, y)
    if own is not None:
        return own
    total: Any = 0.0
    for start, stop, block in blocks(cost):
        total = total + xp.sum(x[start:stop] * (block @ y))
    return total


def _own(name: str, cost: Cost, *arguments: Any) -> Any:
    """Let a cost that is not stored make the pass by itself; ``None`` where it cannot.

    Such costs may have the methods `softmin_rows`, `lowest_rows`, `plan_sums` and `between`; for
    the plan of a result also `plan_times`.
    """
    method = getattr(cost, name, None)
    return None if method is None else method(*arguments)


def _own_transposed(name: str, cost: Cost, *arguments: Any) -> Any:
    return _own(name, cost.transposed(), *arguments) if hasattr(cost, name) else None


def joined(parts: list[Array], *, xp: Namespace) -> Array:
    """Put the parts of a vector together."""
    return xp.concat(parts, axis=-1) if len(parts) > 1 else parts[0]


def finite_or_zero(top: Array, *, xp: Namespace) -> Array:
    """Return exponents to shift by: zero where a row has none, so that −∞ − −∞ is avoided."""
    return xp.where(xp.isfinite(top), top, xp.zeros_like(top))


def _kernel(name: str, cost: Cost, xp: Namespace) -> Any:
    """Kernels take single problems, and batches with one leading axis."""
    return find_kernel(name, xp) if len(cost.shape) in (2, 3) else None


def _flat(block: Array, f: Array, g: Array) -> bool:
    """Whether it is a batch with one leading axis, all of one dtype."""
    return bool(f.ndim == g.ndim == 2 and block.ndim == 3 and block.dtype == f.dtype)
