"""Two-sided Jacobi: unitary rotations until a Hermitian matrix is diagonal.

Legend: B = VᴴAV; Y = Vᵀ; off(B) the Frobenius norm of what is not on the diagonal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import by_rows, device_of, eps, find_kernel, host_float, is_complex, safe_min
from linalgx.jacobi._pivoting import default_limit, iteration_pairs, pivot_generator
from linalgx.jacobi._tournament_two_sided import two_sided_rounds
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace, RNGLike

FIXED = ("cyclic", "tournament")
"""Rules with the same pairs in each iteration."""

WHOLE = (*FIXED, "permutation")
"""Rules whose iteration meets every pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """How to diagonalize: the test of a pair, the order, and who looks on."""

    relative: bool = True
    pivoting: str = "auto"
    block: int = 0
    maxiter: int | None = None
    rng: RNGLike = None
    callback: Callback | None = None

    @property
    def free(self) -> bool:
        """Whether the way is ours to choose, and nobody watches."""
        watched = self.maxiter is not None or self.callback is not None
        return self.pivoting == "auto" and not (self.block or watched)


class Diagonal(NamedTuple):
    """Diagonal of B, unsorted, eigenvectors as columns, and how the iteration ended."""

    w: Array
    v: Array
    status: Status


def two_sided(a: Array, task: Task, *, xp: Namespace) -> Diagonal:
    """Diagonalize each matrix of a batch by rotations of pairs."""
    flat, batch = flatten_batch(a, xp=xp)
    b, y = copied(flat, xp=xp), eye_batch(flat, xp=xp)
    tol, floor = thresholds(flat, task.relative, xp=xp)
    shown = Shown(batch, task.callback, xp)
    if a.shape[-1] < 2 or 0 in flat.shape:
        status = Status.STOPPED if shown.stops(0, b) else Status.CONVERGED
    else:
        b, y, status = _iterate(b, y, tol, floor, task, shown, xp=xp)
    w = real_diagonal(b, xp=xp)
    w = xp.reshape(w, (*batch, w.shape[-1]))
    return Diagonal(w, unflatten_batch(y.mT, batch, xp=xp), status)


def thresholds(a: Array, relative: bool, *, xp: Namespace) -> tuple[float, Array]:
    """Return tol and floor of the test |g| <= max(tol √|ab|, floor), the second per matrix.

    Relative: eps, and nothing but what underflows is neglected. Absolute: eps ‖A‖_F/n.
    """
    size = frobenius(a, xp=xp)
    if relative:
        return eps(a, xp=xp), xp.full_like(size, safe_min(a, xp=xp))
    return 0.0, size * (eps(a, xp=xp) / max(a.shape[-1], 1))


def real_diagonal(b: Array, *, xp: Namespace) -> Array:
    """Return the diagonal of Hermitian matrices."""
    d = xp.linalg.diagonal(b)
    return xp.real(d) if is_complex(b, xp=xp) else d


def eye_batch(a: Array, *, xp: Namespace) -> Array:
    """Return identities in a batch of the shape of `a`, in memory of their own."""
    return by_rows(xp.zeros_like(a) + identity_like(a, xp=xp), xp=xp)


def copied(a: Array, *, xp: Namespace) -> Array:
    """Return a copy to be overwritten."""
    return by_rows(xp.asarray(a, dtype=a.dtype, device=device_of(a), copy=True), xp=xp)


def off_norm(b: Array, *, xp: Namespace) -> float:
    """Return the largest off(B)/‖B‖_F of a batch; 0 for zero matrices."""
    if 0 in b.shape:
        return 0.0
    size = frobenius(b, xp=xp)
    off = frobenius(b - b * identity_like(b, xp=xp), xp=xp)
    return host_float(xp.max(off / xp.where(size > 0.0, size, xp.ones_like(size))))


@dataclass(frozen=True, slots=True)
class Shown:
    """Shows B, in the shape of the batch, and off(B)/‖B‖_F to the observer."""

    batch: tuple[int, ...]
    callback: Callback | None
    xp: Namespace

    def stops(self, k: int, b: Array) -> bool:
        """Whether the observer asks to stop after iteration k."""
        if self.callback is None:
            return False
        x = unflatten_batch(copied(b, xp=self.xp), self.batch, xp=self.xp)
        return notify(self.callback, k, x, off_norm(b, xp=self.xp))


def is_diagonal(b: Array, tol: float, floor: Array, *, xp: Namespace) -> bool:
    """Whether no pair of any matrix fails the test."""
    root = xp.sqrt(xp.abs(real_diagonal(b, xp=xp)))
    bound = tol * (root[..., None] * root[..., None, :])
    size = xp.abs(b - b * identity_like(b, xp=xp))
    return bool(xp.all((size <= bound) | (size <= floor[..., None, None])))


def _iterate(
    b: Array, y: Array, tol: float, floor: Array, task: Task, shown: Shown, *, xp: Namespace
) -> tuple[Array, Array, Status]:
    """Rotate until an iteration finds nothing to rotate; B and Y are ours to overwrite."""
    kernel: Any = find_kernel("two_sided_sweeps", xp)
    rule = task.pivoting
    if rule == "auto":
        rule = "tournament" if kernel is None else "cyclic"
    n = b.shape[-1]
    limit = default_limit(rule, n) if task.maxiter is None else task.maxiter
    if kernel is not None and task.callback is None and rule in FIXED and limit:
        pairs = iteration_pairs(rule, n, None)
        _, left = kernel(b, y, pairs, tol, floor, limit)
        done = not left or is_diagonal(b, tol, floor, xp=xp)
        return b, y, Status.CONVERGED if done else Status.MAXITER
    if shown.stops(0, b):
        return b, y, Status.STOPPED
    for k, pairs in _rounds(rule, n, limit, task.rng):
        if kernel is not None:
            _, left = kernel(b, y, pairs, tol, floor, 1)
        else:
            b, y, left = two_sided_rounds(b, y, pairs, tol, floor, xp=xp)
        if shown.stops(k, b):
            return b, y, Status.STOPPED
        last = k == limit or (rule not in WHOLE and k % _period(rule, n) == 0)
        if (rule in WHOLE and not left) or (last and is_diagonal(b, tol, floor, xp=xp)):
            return b, y, Status.CONVERGED
    return b, y, Status.MAXITER


def diagonalized(
    b: Array, tol: float, floor: Array, sweeps: int | None, *, xp: Namespace
) -> tuple[Array, Array]:
    """Return VᴴBV and V of matrices of a batch after some sweeps, or after all that are needed."""
    b, y = copied(b, xp=xp), eye_batch(b, xp=xp)
    b, y, _ = _iterate(b, y, tol, floor, Task(maxiter=sweeps), Shown((), None, xp), xp=xp)
    return b, y.mT


def _rounds(rule: str, n: int, limit: int, rng: RNGLike) -> Iterator[tuple[int, Array]]:
    """Yield the number of each iteration and its pairs."""
    generator = pivot_generator(rng)
    for k in range(1, limit + 1):
        yield k, iteration_pairs(rule, n, generator)


def _period(rule: str, n: int) -> int:
    """Return after how many iterations all pairs are looked at: a few times a sweep."""
    return max(n * (n - 1) // 8, 1) if rule == "uniform" else max(n // 4, 1)
