"""Batches of tiny symmetric matrices through the compiled kernel."""

from math import prod
from typing import Any

from linalgx._core.batching import flatten_batch, unflatten_batch
from linalgx.backend import by_rows, find_kernel, is_complex
from linalgx.jacobi._pivoting import SWEEPS
from linalgx.jacobi._two_sided import Diagonal
from linalgx.results import Status
from linalgx.typing import Array, Namespace

TINY = 8
"""Largest order for which the kernel is faster than LAPACK."""

MANY = 64
"""Fewest matrices for the kernel, which may have to be compiled."""


def is_tiny(a: Array, *, xp: Namespace) -> bool:
    """Whether a kernel exists and the batch is worth its compilation."""
    fits = 0 < a.shape[-1] <= TINY and prod(a.shape[:-2]) >= MANY
    return fits and not is_complex(a, xp=xp) and find_kernel("eigh_tiny", xp) is not None


def tiny_eigh(a: Array, relative: bool, *, xp: Namespace) -> Diagonal | None:
    """Return ascending eigenvalues and eigenvectors with their signs fixed, at the scale of `a`.

    ``None`` when a matrix is not Hermitian.
    """
    kernel: Any = find_kernel("eigh_tiny", xp)
    flat, batch = flatten_batch(a, xp=xp)
    flat = by_rows(flat, xp=xp)
    w, v = xp.empty_like(flat[..., 0]), xp.empty_like(flat)
    good, done = kernel(flat, w, v, relative, SWEEPS)
    if not good:
        return None
    w = xp.reshape(w, (*batch, w.shape[-1]))
    status = Status.CONVERGED if done else Status.MAXITER
    return Diagonal(w, unflatten_batch(v, batch, xp=xp), status)
