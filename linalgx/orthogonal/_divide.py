"""Spectral divide and conquer for one Hermitian matrix, with the polar factor as the divider.

Legend: A Hermitian, n x n; s a shift inside the spectrum; U the polar factor, that is the sign,
of A − sI; C = (U + I)/2 the projector on the eigenvectors above s, of rank r; V₁, V₂ orthonormal
bases of its range and of the rest.
"""

from collections.abc import Iterator

from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx.backend import adjoint, eigh, eps, hermitian, host_float, is_complex, qr
from linalgx.orthogonal.polar import polar
from linalgx.typing import Array, Namespace

BASE = 256
"""Order up to which the library's own eigendecomposition takes over."""

ROUNDS = 3
"""Orthogonalizations of the range of the projector; the first is mostly enough."""


def divide_and_conquer(a: Array, *, base: int = BASE, xp: Namespace) -> tuple[Array, Array]:
    """Return the eigenvalues of one matrix, ascending, and its eigenvectors."""
    w, v = _solve(a, base, 10.0 * eps(a, xp=xp) * host_float(frobenius(a, xp=xp)), xp=xp)
    order = xp.argsort(w)
    return xp.take(w, order), xp.take(v, order, axis=1)


def _solve(a: Array, base: int, allowed: float, *, xp: Namespace) -> tuple[Array, Array]:
    """Divide until the blocks are small or diagonal; `allowed` is the error of one cut."""
    if a.shape[0] <= base:
        return eigh(a, xp=xp)
    d = _diagonal(a, xp=xp)
    if host_float(frobenius(a - identity_like(a, xp=xp) * d, xp=xp)) <= 0.1 * allowed:
        return d, identity_like(a, xp=xp)
    for shift in _shifts(a, d, xp=xp):
        parts = _divide(a, shift, allowed, xp=xp)
        if parts is not None:
            break
    else:
        return eigh(a, xp=xp)
    solved = [
        _solve(hermitian(adjoint(v, xp=xp) @ a @ v, xp=xp), base, allowed, xp=xp) for v in parts
    ]
    w = xp.concat([w for w, _ in solved])
    return w, xp.concat([v @ x for v, (_, x) in zip(parts, solved, strict=True)], axis=1)


def _shifts(a: Array, d: Array, *, xp: Namespace) -> Iterator[Array]:
    """Yield the median of the diagonal, and a number beside it in case that is an eigenvalue."""
    s = xp.sort(d)[a.shape[0] // 2]
    yield s
    spread = frobenius(a - s * identity_like(a, xp=xp), xp=xp) / a.shape[0] ** 0.5
    yield s + 0.1 * spread


def _divide(a: Array, s: Array, allowed: float, *, xp: Namespace) -> list[Array] | None:
    """Return V₂ and V₁ of one cut, or ``None`` when ‖V₂ᴴ A V₁‖ does not become small."""
    n, eye = a.shape[0], identity_like(a, xp=xp)
    u = polar(a - s * eye, method="qdwh", compute_p=False, check_finite=False)[0]
    c = hermitian(0.5 * (u + eye), xp=xp)
    trace = host_float(xp.sum(_diagonal(c, xp=xp)))
    rank = round(trace) if trace == trace else 0
    if not 0 < rank < n:
        return None
    upper = rank <= n - rank
    c, rank = (c, rank) if upper else (eye - c, n - rank)
    order = xp.argsort(_diagonal(c, xp=xp), descending=True)
    basis = xp.take(c, order[:rank], axis=1)
    for _ in range(ROUNDS):
        q, _r = qr(basis, mode="complete", xp=xp)
        v1, v2 = q[:, :rank], q[:, rank:]
        if host_float(frobenius(adjoint(v2, xp=xp) @ (a @ v1), xp=xp)) <= allowed:
            return [v2, v1] if upper else [v1, v2]
        basis = c @ v1
    return None


def _diagonal(a: Array, *, xp: Namespace) -> Array:
    """Return the diagonal of a Hermitian matrix, as real numbers."""
    d = xp.linalg.diagonal(a)
    return xp.real(d) if is_complex(a, xp=xp) else d
