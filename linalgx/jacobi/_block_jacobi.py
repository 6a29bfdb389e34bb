"""Block Jacobi: a pair of blocks is diagonalized at once, and applied by matrix products.

The rotations of a pair of blocks are those of two-sided Jacobi on their joint matrix, so that
graded matrices keep their small eigenvalues: a product with these vectors disturbs each row by no
more than its own rounding errors. Orders that go over all pairs of blocks converge if the leading
part of each rotation is well conditioned, for which its columns are permuted; of random blocks
nothing of the kind is asked.

Legend: B = VᴴAV; J the indices of two blocks of size m, Q the eigenvectors of B_JJ.
"""

from collections.abc import Iterator
from itertools import pairwise

from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx.backend import adjoint, device_of, qr_pivoted
from linalgx.jacobi._pivoting import (
    default_limit,
    iteration_pairs,
    pivot_generator,
    random_partition,
    random_subset,
)
from linalgx.jacobi._two_sided import (
    WHOLE,
    Diagonal,
    Shown,
    Task,
    copied,
    diagonalized,
    eye_batch,
    is_diagonal,
    real_diagonal,
    thresholds,
)
from linalgx.results import Status
from linalgx.typing import Array, Namespace, RNGLike

INNER = 1
"""Sweeps inside a pair of blocks; more of them save less than they cost."""


def block_jacobi(a: Array, task: Task, *, xp: Namespace) -> Diagonal:
    """Diagonalize each matrix of a batch by eigendecompositions of pairs of blocks."""
    b, batch = flatten_batch(a, xp=xp)
    b = copied(b, xp=xp)
    v = eye_batch(b, xp=xp)
    tol, floor = thresholds(b, task.relative, xp=xp)
    b, v, status = _iterate(b, v, tol, floor, task, Shown(batch, task.callback, xp), xp=xp)
    w = real_diagonal(b, xp=xp)
    return Diagonal(xp.reshape(w, (*batch, w.shape[-1])), unflatten_batch(v, batch, xp=xp), status)


def _iterate(
    b: Array, v: Array, tol: float, floor: Array, task: Task, shown: Shown, *, xp: Namespace
) -> tuple[Array, Array, Status]:
    n, m = b.shape[-1], min(task.block, max((b.shape[-1] + 1) // 2, 1))
    rule = "cyclic" if task.pivoting == "auto" else task.pivoting
    count = -(-n // m)
    limit = task.maxiter
    if limit is None:
        limit = default_limit(rule, count if rule in WHOLE else n, 2 if rule in WHOLE else 2 * m)
    if shown.stops(0, b):
        return b, v, Status.STOPPED
    generator = pivot_generator(task.rng)
    if is_diagonal(b, tol, floor, xp=xp):
        return b, v, Status.CONVERGED
    for k in range(1, limit + 1):
        if rule in WHOLE:
            for parts in _pairs(rule, n, m, generator):
                _rotate(b, v, parts, tol, floor, xp=xp)
        else:
            for index in _sets(rule, n, m, generator):
                b, v = _rotated(b, v, index, tol, floor, xp=xp)
        if shown.stops(k, b):
            return b, v, Status.STOPPED
        if is_diagonal(b, tol, floor, xp=xp):
            return b, v, Status.CONVERGED
    return b, v, Status.MAXITER


def _pairs(rule: str, n: int, m: int, rng: RNGLike) -> Iterator[list[slice]]:
    """Yield one pair of blocks after the other."""
    blocks = [slice(i, min(i + m, n)) for i in range(0, n, m)]
    if len(blocks) == 1:
        yield blocks
    for p, q in iteration_pairs(rule, len(blocks), rng).reshape(-1, 2).tolist():
        yield [blocks[p], blocks[q]]


def _sets(rule: str, n: int, m: int, rng: RNGLike) -> list[list[int]]:
    """Return one random set of indices, or a whole partition into such sets."""
    size = min(2 * m, n)
    if rule == "uniform":
        return [random_subset(n, size, rng).tolist()]
    return list(random_partition(n, size, rng).tolist())


def _rotated(
    b: Array, v: Array, index: list[int], tol: float, floor: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Rotate a set of indices: bring them to the front and back again."""
    met = set(index)
    order = [*index, *(j for j in range(b.shape[-1]) if j not in met)]
    b, v = _placed(b, v, order, xp=xp)
    _rotate(b, v, [slice(0, len(index))], tol, floor, xp=xp)
    return _placed(b, v, sorted(range(len(order)), key=order.__getitem__), xp=xp)


def _placed(b: Array, v: Array, order: list[int], *, xp: Namespace) -> tuple[Array, Array]:
    """Bring rows and columns of B, and columns of V, into another order; always copies."""
    to = xp.asarray(order, dtype=xp.int64, device=device_of(b))
    b = xp.take(xp.take(b, to, axis=-2), to, axis=-1)
    return b, xp.take(v, to, axis=-1)


def _rotate(
    b: Array, v: Array, parts: list[slice], tol: float, floor: Array, *, xp: Namespace
) -> None:
    """Diagonalize B_JJ and apply its eigenvectors to B and V in place; J consists of slices."""
    rows = xp.concat([b[:, part, :] for part in parts], axis=-2)
    core = xp.concat([rows[:, :, part] for part in parts], axis=-1)
    # A random set is diagonalized, or the rate of convergence would not be the one known.
    core, q = diagonalized(core, tol, floor, INNER if len(parts) > 1 else None, xp=xp)
    if len(parts) > 1:
        core, q = _well_led(core, q, parts[0].stop - parts[0].start, xp=xp)
    rows = adjoint(q, xp=xp) @ rows
    columns = adjoint(rows, xp=xp)
    turned = xp.concat([v[:, :, part] for part in parts], axis=-1) @ q
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + part.stop - part.start)
    within = [slice(*pair) for pair in pairwise(ends)]
    for part, here in zip(parts, within, strict=True):
        b[:, part, :] = rows[:, here, :]
        b[:, :, part] = columns[:, :, here]
        v[:, :, part] = turned[:, :, here]
    for part, here in zip(parts, within, strict=True):
        for other, there in zip(parts, within, strict=True):
            b[:, part, other] = core[:, here, there]


def _well_led(core: Array, q: Array, m: int, *, xp: Namespace) -> tuple[Array, Array]:
    """Permute the columns of Q so that its leading block of order m is well conditioned."""
    cores, turns = [], []
    for k in range(q.shape[0]):
        _, _, order = qr_pivoted(q[k, :m, :], xp=xp)
        cores.append(xp.take(xp.take(core[k, ...], order, axis=0), order, axis=1))
        turns.append(xp.take(q[k, ...], order, axis=1))
    return xp.stack(cores), xp.stack(turns)
