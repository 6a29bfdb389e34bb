"""The ends of the spectrum of a Jacobi matrix, by the methods of Lanczos and Arnoldi.

Legend: A = D − (D − A), D the diagonal or the diagonal blocks; J = I − D⁻¹A. Where A is Hermitian
and D positive definite, J has the eigenvalues 1 − θ with θ those of D^-½ A D^-½, and Lanczos'
method runs in the inner product of D: v, z = D⁻¹v with zᴴv = 1, T with α on the diagonal and β
beside it.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

from linalgx.backend import (
    as_generator,
    eig_small,
    eigh_tridiagonal,
    eps,
    from_host,
    host_array,
    to_host,
)
from linalgx.relaxation._scalars import inner
from linalgx.typing import Array, Namespace

__all__ = ["Edges", "Splitting", "jacobi_edges"]

Product = Callable[[Array], Array]

RTOL = 2e-3
"""Largest estimated error of 1 − μ relative to it; the true one is about a tenth."""

STEPS, ARNOLDI_STEPS = 4000, 60
"""Most steps of either method."""

SMALL = 64
"""Largest order of matrices whose basis is reorthogonalized."""

KEPT = 2**22
"""Most numbers that a basis may hold; a longer one is computed a second time."""


class Splitting(NamedTuple):
    """Products with A and with D⁻¹, for vectors, and a vector of their kind."""

    product: Product
    divide: Product
    like: Array
    positive: bool
    xp: Namespace


class Edges(NamedTuple):
    """What is known of the spectrum of J.

    Attributes
    ----------
    high, low, imag, radius : float
        Largest and smallest real part, largest imaginary part, largest absolute value.
    vector : Array or None
        v of the largest eigenvalue: the place to start from next time.
    divided : bool
        Whether that is z instead of v.
    values : tuple of complex
        Ritz values of J from Arnoldi's method, of Lanczos' none.
    """

    high: float
    low: float
    imag: float
    radius: float
    vector: Array | None
    matvecs: int
    divided: bool = False
    values: tuple[complex, ...] = ()


class _Step(NamedTuple):
    v: Array
    alpha: float
    beta: float
    skew: float


def jacobi_edges(split: Splitting, start: Array | None, *, both: bool, wants_vector: bool) -> Edges:
    """Estimate the ends of the spectrum; `both` asks for accuracy at the lower end, too.

    The start has a bit of everything: an eigenvector alone would hide a larger eigenvalue.
    """
    xp, like = split.xp, split.like
    if like.shape[0] == 0:
        return Edges(0.0, 0.0, 0.0, 0.0, like, 0)
    draws = as_generator(0).standard_normal(like.shape[0])  # the same in all precisions
    noise = from_host(draws, like=like, xp=xp, dtype=like.dtype)
    first = xp.ones_like(like) if start is None else start
    size = xp.linalg.vector_norm(first) / xp.linalg.vector_norm(noise)
    first = first + (0.1 if start is None else 1e-3) * size * noise
    found = _lanczos(split, first, both, wants_vector) if split.positive else None
    return _arnoldi(split, first) if found is None else found


def _chain(split: Splitting, start: Array) -> Iterator[_Step]:
    """Yield the steps of Lanczos' method, with reorthogonalization for small matrices only.

    Rounding spoils no Ritz value, but a small matrix runs out of directions. `skew` is
    |z₀ᴴ A z₁ − β₁|, zero for a Hermitian A.
    """
    xp = split.xp
    z = split.divide(start)
    scale = xp.sqrt(inner(z, start, xp=xp))
    v, z, before, beta = start / scale, z / scale, xp.zeros_like(start), 0.0
    first, skew = z, xp.zeros_like(scale)
    known: tuple[list[Array], list[Array]] = ([], [])
    k = 0
    while True:
        w = split.product(z)
        alpha = inner(z, w, xp=xp)
        if k == 1:
            skew = xp.abs(xp.linalg.vecdot(first, w) - beta)
        w = w - alpha * v - beta * before
        if start.shape[0] <= SMALL:
            w = _orthogonal(w, v, z, known, xp=xp)
        z = split.divide(w)
        square = inner(z, w, xp=xp)
        a, b, gap = to_host(xp.stack([alpha, square, xp.astype(skew, alpha.dtype)])).tolist()
        beta = b**0.5 if b > 0.0 else 0.0
        yield _Step(v, a, beta, gap if b >= 0.0 else float("nan"))
        if not beta > 0.0:
            return
        before, v, z, k = v, w / beta, z / beta, k + 1


def _orthogonal(
    w: Array, v: Array, z: Array, known: tuple[list[Array], list[Array]], *, xp: Namespace
) -> Array:
    """Remove from w what it has of all v, twice."""
    for found, new in zip(known, (v, z), strict=True):
        found.append(new)
    vs, zs = (xp.stack(found, axis=1) for found in known)
    for _ in range(2):
        w = w - vs @ (xp.conj(zs.mT) @ w)
    return w


def _lanczos(split: Splitting, start: Array, both: bool, wants_vector: bool) -> Edges | None:
    """Iterate until the ends are accurate; ``None`` when A turns out not to be Hermitian."""
    unit = eps(start, xp=split.xp)
    most = min(STEPS, start.shape[0] + (20 if start.shape[0] > SMALL else 0))
    alphas: list[float] = []
    betas: list[float] = []
    basis: list[Array] = []
    check, size = 8, 0.0
    for step in islice(_chain(split, start), most):
        alphas.append(step.alpha)
        betas.append(step.beta)
        size = max(size, abs(step.alpha) + step.beta)
        if not step.skew <= 1e3 * unit * size:
            return None
        k = len(alphas)
        if wants_vector and k * start.shape[0] <= KEPT:
            basis.append(step.v)
        if step.beta <= 10.0 * unit * size or k == most:
            break
        if k == check:
            if _accurate(alphas, betas, unit, both):
                break
            check = int(1.12 * check) + 2
    high, low, weights = _ends(alphas, betas, unit)
    matvecs, vector = len(alphas), None
    if wants_vector:
        if len(basis) < len(alphas):
            matvecs, basis = 2 * matvecs, []
        vectors = iter(basis) if basis else (s.v for s in _chain(split, start))
        vector = sum(w * v for w, v in zip(weights, vectors, strict=False))
    return Edges(high, low, 0.0, max(abs(high), abs(low)), vector, matvecs)


def _lowest(alphas: list[float], betas: list[float], unit: float) -> tuple[Any, Any, int]:
    """Smallest eigenvalues of T and their vectors; which is the first that is not zero."""
    theta, s = eigh_tridiagonal(alphas, betas[:-1], 0, min(len(alphas), 8) - 1)
    zero = 50.0 * unit * max(map(abs, alphas))
    nonzero = [k for k, t in enumerate(theta.tolist()) if abs(t) > zero]
    return theta, s, nonzero[0] if nonzero else 0


def _accurate(alphas: list[float], betas: list[float], unit: float, both: bool) -> bool:
    """Whether the ends are known: (residual)²/(distance to the next eigenvalue) bounds the error.

    A negative eigenvalue of A needs no accuracy.
    """
    k = len(alphas)
    theta, s, i = _lowest(alphas, betas, unit)
    if theta[i] < 0.0:
        return True
    goal = RTOL * theta[i]
    sides = [(theta[i], theta[min(i + 1, len(theta) - 1)], s[-1, i])]
    if both:
        top, t = eigh_tridiagonal(alphas, betas[:-1], k - 2, k - 1)
        sides.append((top[-1], top[0], t[-1, -1]))
    errors = []
    for here, there, last in sides:
        residual = abs(betas[-1] * last)
        errors.append(residual**2 / max(abs(here - there), residual, 1e-300))
    return bool(max(errors) <= goal)


def _ends(alphas: list[float], betas: list[float], unit: float) -> tuple[float, float, list[float]]:
    """Largest and smallest eigenvalue of J, and the weights of the vector of the first."""
    k = len(alphas)
    theta, s, i = _lowest(alphas, betas, unit)
    top, _ = eigh_tridiagonal(alphas, betas[:-1], k - 1, k - 1)
    sign = 1.0 if s[0, i] >= 0.0 else -1.0  # the part along the start is positive
    return 1.0 - float(theta[i]), 1.0 - float(top[-1]), (sign * s[:, i]).tolist()


def _arnoldi(split: Splitting, start: Array) -> Edges:
    """Eigenvalues of J, which no scaling of the rows of A changes, by one cycle of Arnoldi."""
    xp = split.xp
    basis = (start / xp.linalg.vector_norm(start))[:, None]
    columns: list[list[complex]] = []
    for _ in range(min(ARNOLDI_STEPS, start.shape[0])):
        v = basis[:, -1]
        w = v - split.divide(split.product(v))
        total = 0.0 * basis[0, :]
        for _ in range(2):
            h = xp.conj(basis.mT) @ w
            w, total = w - basis @ h, total + h
        norm = xp.astype(xp.linalg.vector_norm(w), w.dtype)
        columns.append(to_host(xp.concat([total, xp.reshape(norm, (1,))])).tolist())
        size = max(abs(x) for column in columns for x in column)
        if not (abs(columns[-1][-1]) > 10.0 * eps(w, xp=xp) * size and isfinite(size)):
            break
        basis = xp.concat([basis, (w / norm)[:, None]], axis=1)
    k = len(columns)
    rows = [
        [c[i] if i < len(c) and i <= j + 1 else 0.0 for j, c in enumerate(columns)]
        for i in range(k)
    ]
    theta, s = eig_small(rows)
    lead = int(theta.real.argmax())
    weights = host_array(s[:, lead].real)
    vector = basis[:, :k] @ from_host(weights, like=start, xp=xp, dtype=start.dtype)
    return Edges(
        float(theta.real.max()),
        float(theta.real.min()),
        float(abs(theta.imag).max()),
        float(abs(theta).max()),
        vector,
        k,
        divided=True,
        values=tuple(theta.tolist()),
    )
