"""Host arrays for the cases: each maker takes the shape of a matrix and derives its own from it.

A maker is called as ``maker(shape, complex_=..., seed=...)`` with the shape ``(..., m, n)`` of the
first matrix of a call and returns a host array in double precision.
"""

from typing import Any

import numpy as np

Shape = tuple[int, ...]


def _normal(shape: Shape, *, complex_: bool, seed: int) -> Any:
    """Normal numbers, a stream for each shape."""
    rng = np.random.default_rng([seed, *shape])
    a = rng.standard_normal(shape)
    return a + 1j * rng.standard_normal(shape) if complex_ else a


def _symmetrized(a: Any) -> Any:
    return (a + np.conj(np.swapaxes(a, -1, -2))) / 2


# --- matrices (..., m, n) --------------------------------------------------------------------


def general(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix with moderate condition number: normal numbers and a strong diagonal."""
    return _normal(shape, complex_=complex_, seed=seed) + 2.0 * np.eye(*shape[-2:])


def hermitian(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian matrix, indefinite, its eigenvalues away from zero and from each other."""
    n = shape[-1]
    q = np.linalg.qr(general(shape, complex_=complex_, seed=seed))[0]
    w = np.array([(-1.0) ** k * (1.0 + 0.5 * k) for k in range(n)])
    return _symmetrized((q * w) @ np.conj(np.swapaxes(q, -1, -2)))


def definite(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian positive definite matrix with eigenvalues 1, 2, ..., n."""
    n = shape[-1]
    q = np.linalg.qr(general(shape, complex_=complex_, seed=seed))[0]
    return _symmetrized((q * np.arange(1.0, n + 1.0)) @ np.conj(np.swapaxes(q, -1, -2)))


def dominant(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian matrix, twice as large on the diagonal as the rest of its row, so definite."""
    a = _symmetrized(_normal(shape, complex_=complex_, seed=seed))
    eye = np.eye(shape[-1])
    a = a * (1.0 - eye)
    return a + eye * (2.0 * np.sum(np.abs(a), axis=-1, keepdims=True) + 1.0)


def laplacian(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix tridiag(-1, 2, -1), consistently ordered; complex ones are turned by a phase."""
    n = shape[-1]
    turn = np.exp(0.3j) if complex_ else 1.0
    upper = -turn * np.eye(n, k=1)
    return np.broadcast_to(2.0 * np.eye(n) + upper + np.conj(upper.T), shape).copy()


# --- vectors and blocks beside a matrix ------------------------------------------------------


def rhs(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host right-hand side (..., m) of a matrix (..., m, n)."""
    return _normal(shape[:-1], complex_=complex_, seed=seed + 1)


def rhs_block(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host block of two right-hand sides, (..., m, 2)."""
    return _normal((*shape[:-1], 2), complex_=complex_, seed=seed + 1)


def vector(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host vector (..., n) of the length of the rows of a matrix (..., m, n)."""
    return _normal((*shape[:-2], shape[-1]), complex_=complex_, seed=seed + 2)


def positive(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host vector (..., n) of real numbers between 0.1 and 2."""
    rng = np.random.default_rng([seed + 3, *shape])
    return rng.uniform(0.1, 2.0, (*shape[:-2], shape[-1]))


DEFINITE = (definite, dominant, laplacian)
BLOCKS = (rhs_block,)
