"""The Lanczos recurrence: extreme eigenvalues of a Hermitian operator from a few products.

Legend: A = Aᴴ, V orthonormal with A V = V T + β v eᵀ, T tridiagonal with α on its
diagonal and β beside it.
"""

from collections.abc import Callable, Sequence

from linalgx.backend import adjoint, eigh, eps, host_array, is_complex, namespace_of, to_host
from linalgx.typing import Array, Namespace

Product = Callable[[Array], Array]


def lanczos(
    apply: Product, start: Array, steps: int, *, xp: Namespace, keep: bool = False
) -> tuple[list[float], list[float], Array | None]:
    """Return α, β and, with `keep`, the basis V; `start` is a vector.

    The last β belongs to the residual of the Ritz vectors. Fewer than `steps` are returned when
    the Krylov space is exhausted, none for a zero start. The host is asked once, at the end.
    Without `keep` V loses its orthogonality; that repeats Ritz values and spoils none. `apply`
    sees the columns of V, one after another.
    """
    v, size = _unit(start, xp=xp)
    previous, beta = xp.zeros_like(start), 0.0 * size
    rows, basis = [size], []
    for _ in range(min(steps, start.shape[0])):
        w = apply(v) - beta * previous
        alpha = xp.linalg.vecdot(v, w)
        w = w - alpha * v
        if keep:
            basis.append(v)
            block = xp.stack(basis, axis=1)
            for _ in range(2):
                w = w - block @ (adjoint(block, xp=xp) @ w)
        previous = v
        v, beta = _unit(w, xp=xp)
        rows += [alpha, beta]
    found = xp.stack(rows)
    first, *numbers = to_host(xp.real(found) if is_complex(found, xp=xp) else found).tolist()
    alphas, betas = numbers[0::2], numbers[1::2]
    count = length(alphas, betas, 10.0 * eps(start, xp=xp)) if first > 0.0 else 0
    kept = xp.stack(basis[:count], axis=1) if keep and count else None
    return alphas[:count], betas[:count], kept


def _unit(w: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Return w/‖w‖, or zeros, and ‖w‖ in the dtype of w."""
    norm = xp.astype(xp.linalg.vector_norm(w), w.dtype, copy=False)
    return w / xp.where(norm == 0, xp.ones_like(norm), norm), norm


def length(alphas: Sequence[float], betas: Sequence[float], tiny: float) -> int:
    """Count the steps up to where β is rounding error, or anything is NaN."""
    size = 0.0
    for k, (alpha, beta) in enumerate(zip(alphas, betas, strict=True)):
        size = max(size, abs(alpha) + abs(beta))
        if not beta > tiny * size:
            return k + 1
    return len(alphas)


def ritz(alphas: Sequence[float], betas: Sequence[float]) -> tuple[list[float], list[float], Array]:
    """Return Ritz values, ascending, how far from each an eigenvalue may be, and their vectors.

    The vectors, on the host, are the columns of Y: Ritz vectors of A are V Y.
    """
    k = len(alphas)
    rows = [[0.0] * k for _ in range(k)]
    for i in range(k):
        rows[i][i] = alphas[i]
        if i:
            rows[i][i - 1] = rows[i - 1][i] = betas[i - 1]
    t = host_array(rows)
    w, y = eigh(t, xp=namespace_of(t))
    return w.tolist(), [abs(betas[-1] * last) for last in y[-1, :].tolist()], y
