"""Preconditioners made of symmetric polynomials of the eigenvalues, without knowing any of them.

Legend: A Hermitian positive definite, n x n, eigenvalues λ; e_k the elementary symmetric
polynomial of degree k of all λ, p_k = tr Aᵏ; P_t the preconditioner, t its degree; τ = tr A.
"""

from linalgx._core.admit import admit_integer
from linalgx.backend import (
    adjoint,
    as_generator,
    eigh,
    eps,
    hermitian,
    host_float,
    is_complex,
    is_sparse,
    qr,
)
from linalgx.errors import LinAlgError
from linalgx.operators import LinearMap
from linalgx.relaxation._definite import Operand, admit_hermitian
from linalgx.typing import Array, MatrixLike, Namespace, RNGLike

__all__ = ["symmetric_polynomial"]

ABOVE = 1.001
"""tr Aᵏ/(tr A)ᵏ is at most 1 for a positive definite matrix, but for rounding and estimates."""

MOST = 6
"""Largest degree; what a matrix and its precision permit may be less, and is found out."""


def symmetric_polynomial(
    a: MatrixLike,
    /,
    degree: int,
    *,
    probes: int = 60,
    rng: RNGLike = None,
    check_finite: bool = True,
) -> LinearMap:
    """Make the symmetric-polynomial preconditioner P_t of a positive definite matrix.

    It lowers the condition number by closing the gap below the largest t eigenvalues, and needs
    no eigenvalue for that, only traces. Choose it when a few eigenvalues stick out at the top;
    it does nothing about small ones.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (n, n)
        Hermitian positive definite.
    degree : int
        t, the number of large eigenvalues to level, at most 6. 0 gives the identity. It is
        lowered to n − 1, and where cancellation would spoil P_t, earlier with 32 bits.
    probes : int
        Products spent on the traces of a matrix that is not dense.
    rng : optional
        Randomness of these.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    LinearMap
        P_t of A/tr A, Hermitian positive definite: times (tr A)ᵗ it is that of A.

    Raises
    ------
    ValueError
        `a` is not Hermitian, or the degree too large.
    LinAlgError
        A trace is not positive, so `a` is not positive definite.

    See Also
    --------
    polynomial_preconditioner : Polynomials that know the ends of the spectrum.

    Notes
    -----
    **Method.** P₀ = I, P_t = (tr(A P_{t−1})/t) I − A P_{t−1}. The eigenvalue of P_t that belongs
    to λᵢ is e_t of all other eigenvalues, and P_{n−1} is the adjugate of A. All of it is applied
    to A/tr A, which keeps the numbers in range and the condition number as it is. The
    coefficients e_k come from traces of powers by Newton's identities,
    k e_k = Σ (−1)^{j−1} e_{k−j} p_j. The traces are exact for arrays. For other matrices they are
    estimated, and this is our construction: one part of the probes finds the largest
    eigenvalues, whose share is computed, and random signs estimate the rest (tr A and tr A² are
    still exact for sparse containers). The recursion cancels when few eigenvalues are much larger
    than all others: t is lowered until P_t is positive, beyond rounding, on the space of the
    largest eigenvalues.

    **Cost.** t/2 products of matrices and t/2 matrices of memory for an array, about (1 + t/2)
    times `probes` products with vectors otherwise; then t products with A for each with P_t.

    **Accuracy.** Eigenvalues of P_t to about eps; the smallest is at least 100 times that.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Doikov and Rodomanov, arXiv 2301.13194, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.diag(np.r_[100.0, 10.0, np.linspace(1, 2, 8)])
    >>> p = lx.relaxation.symmetric_polynomial(a, 2)
    >>> print(round(np.linalg.cond(p @ a), 3))
    8.073
    """
    operand = admit_hermitian(a, "a", check_finite=check_finite)
    degree, probes = admit_degree(degree, operand.n), admit_integer(probes, "probes", 3)
    rng, xp = as_generator(rng), operand.xp
    if degree == 0:
        return operand.mapped(lambda x: xp.astype(x, x.dtype, copy=True))
    block = leading_space(operand, degree + 2, rng)
    traces = exact_traces(operand.entries, degree, xp=xp) if operand.is_dense else None
    traces = estimated_traces(operand, degree, probes, rng) if traces is None else traces
    tau, e = elementary(traces)
    e = permitted(operand.a, block, tau, e, xp=xp)
    return operand.mapped(lambda x: horner(operand.a, x, tau, e))


def admit_degree(degree: int, n: int) -> int:
    """Check the degree; beyond n − 1, where P_t is the inverse but for a factor, it would be 0."""
    degree = admit_integer(degree, "degree", 0)
    if degree > MOST:
        raise ValueError(f"degree must lie in [0, {MOST}], as the recursion cancels, got {degree}")
    return min(degree, max(n - 1, 0))


def exact_traces(a: Array, degree: int, *, xp: Namespace) -> list[float]:
    """p_1, ..., p_t of an array: tr Aⁱ⁺ʲ is the inner product of Aⁱ and Aʲ."""
    n = a.shape[0]
    traces = [_real(xp.linalg.trace(a), xp=xp)]
    tau = traces[0] if traces[0] > 0.0 else 1.0  # `elementary` refuses the others
    high = low = a / tau
    for k in range(2, degree + 1):
        if k % 2:
            high = high @ a / tau
        traces.append(_real(xp.vecdot(*(xp.reshape(x, (n * n,)) for x in (low, high))), xp=xp))
        low = high
    return traces


def _real(x: Array, *, xp: Namespace) -> float:
    return host_float(xp.real(x) if is_complex(x, xp=xp) else x)


def leading_space(operand: Operand, columns: int, rng: object) -> Array:
    """Orthonormal basis of a space that nearly holds the leading eigenvectors."""
    xp = operand.xp
    block = operand.normal(min(columns, operand.n), rng)
    for _ in range(2):
        block, _ = qr(operand.a @ block, xp=xp)
    return block


def estimated_traces(operand: Operand, degree: int, probes: int, rng: object) -> list[float]:
    """p_1 and p_k/p_1ᵏ: exact on a leading space Q, random signs on what is orthogonal to it."""
    xp, a = operand.xp, operand.a
    if degree <= 2 and operand.entries is not None:
        return relative(known_traces(operand, [0.0] * degree))
    third = max(probes // 3, degree + 1)
    q = leading_space(operand, third, rng)
    blocks = [(q, 1.0)]
    if third < operand.n:
        z = operand.normal(third, rng)
        z = z / xp.abs(z)  # signs, or complex numbers of size one
        blocks.append((z - q @ (adjoint(q, xp=xp) @ z), 1.0 / third))
    totals = [0.0] * degree
    for x, weight in blocks:
        products = [x]
        for k in range(degree):
            if k % 2 == 0:
                products.append(a @ products[-1])
            pair = (products[(k + 1) // 2], products[(k + 2) // 2])
            value = xp.sum(xp.conj(pair[0]) * pair[1])
            totals[k] += weight * _real(value, xp=xp)
    totals[:2] = known_traces(operand, totals[:2])
    return relative(totals)


def relative(totals: list[float]) -> list[float]:
    """p_1, and p_k/p_1ᵏ; with a trace of zero, which `elementary` refuses, as they are."""
    tau = totals[0] or 1.0
    return [totals[0], *(p / tau ** (k + 2) for k, p in enumerate(totals[1:]))]


def known_traces(operand: Operand, estimates: list[float]) -> list[float]:
    """Return tr A and tr A² of a sparse container, which are sums over its entries."""
    xp, csr = operand.xp, operand.entries
    if csr is None or not is_sparse(csr):
        return estimates
    exact = [csr.diagonal(), xp.abs(csr.data) ** 2]
    return [_real(xp.sum(x), xp=xp) for x, _ in zip(exact, estimates, strict=False)]


def elementary(traces: list[float]) -> tuple[float, list[float]]:
    """τ, and e_0, ..., e_t of λ/τ by Newton's identities."""
    tau, p = traces[0], [1.0, *traces[1:]]
    if not tau > 0.0:
        raise LinAlgError(f"a is not positive definite: its trace is {tau:.3e}")
    if not max(p[1:], default=0.0) <= ABOVE:
        raise LinAlgError(
            "a is not positive definite: the trace of a power is above that power of its trace"
        )
    e = [1.0]
    for k in range(1, len(p) + 1):
        e.append(sum((-1) ** (j - 1) * e[k - j] * p[j - 1] for j in range(1, k + 1)) / k)
    return tau, e


def horner(a: LinearMap, x: Array, tau: float, e: list[float]) -> Array:
    """P_t(A/τ) x: y ← e_k x − A y/τ."""
    y = x
    for coefficient in e[1:]:
        y = coefficient * x - (a @ y) / tau
    return y


def permitted(
    a: LinearMap, block: Array, tau: float, e: list[float], *, xp: Namespace
) -> list[float]:
    """Leave out the last of e_0, ..., e_t until P_t is safely positive on the leading space."""
    for k in range(len(e), 1, -1):
        p = adjoint(block, xp=xp) @ horner(a, block, tau, e[:k])
        w, _ = eigh(hermitian(p, xp=xp), xp=xp)
        floor = 100.0 * eps(block, xp=xp) * sum(map(abs, e[:k]))  # ‖A/τ‖ <= 1 bounds each term
        if host_float(w[0]) > floor:
            return e[:k]
    return e[:1]
