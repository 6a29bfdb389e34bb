"""Toeplitz products by FFT against dense ones, and the step counts of their preconditioners."""

from math import pi

import numpy as np
import pytest
import scipy.linalg as sla

import linalgx as lx
from linalgx.relaxation._fourier import sine_transform, smooth_length
from linalgx.testing import check_adjoint


def steps_of_cg(a, b, p=None, rtol=1e-8):
    """Number of steps of plain preconditioned conjugate gradients."""
    x, r, k = np.zeros_like(b), b.copy(), 0
    z = r if p is None else p @ r
    d, rho = z, r @ z
    while np.linalg.norm(r) > rtol * np.linalg.norm(b):
        q = a @ d
        alpha = rho / (d @ q)
        x, r = x + alpha * d, r - alpha * q
        z = r if p is None else p @ r
        d, rho, k = z + (r @ z) / rho * d, r @ z, k + 1
    assert np.linalg.norm(b - a @ x) <= 2 * rtol * np.linalg.norm(b)
    return k


@pytest.mark.parametrize(
    ("n", "counts"), [(255, (124, 14, 5)), (1023, (437, 21, 6)), (4095, (1528, 30, 6))]
)
def test_step_counts(n, counts):
    t = lx.gallery.riesz_column(n, alpha=1.8)
    a, b = lx.relaxation.toeplitz(t), np.ones(n)
    chan, tau = (
        f(t) for f in (lx.relaxation.circulant_preconditioner, lx.relaxation.tau_preconditioner)
    )
    exact = lx.relaxation.tau_preconditioner(t, symbol=lambda x: (2 - 2 * np.cos(x)) ** 0.9)
    found = tuple(steps_of_cg(a, b, p) for p in (None, chan, tau))
    assert found == counts
    assert steps_of_cg(a, b, exact) == counts[2]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (4, 4), (7, 3), (6, 10), (31, 31)])
def test_products_are_those_of_the_dense_matrix(leg, shape):
    m, n = shape
    column, row = leg._randn(m, seed=1), leg._randn(n, seed=2)
    t = lx.relaxation.toeplitz(leg.asarray(column), leg.asarray(row))
    dense = sla.toeplitz(column, row)
    for x, y in ((leg.randn(n, 3), leg.randn(m, 3)), (leg.randn(n), leg.randn(m))):
        for got, matrix, given in ((t @ x, dense, x), (t.adjoint @ y, dense.conj().T, y)):
            assert leg.matches(got)
            assert got.dtype == leg.dtype
            expected = matrix @ leg.to_numpy(given)
            size = np.linalg.norm(np.r_[column, row]) * np.linalg.norm(leg.to_numpy(given))
            assert np.linalg.norm(leg.to_numpy(got) - expected) <= 10 * leg.eps * size * m**0.5


def test_hermitian_by_default(leg):
    column = leg._randn(9, seed=3)
    column[0] = 2.0
    t = lx.relaxation.toeplitz(leg.asarray(column))
    dense = sla.toeplitz(column)
    np.testing.assert_array_equal(dense, dense.conj().T)
    x = leg.randn(9, 2)
    got = leg.to_numpy(t @ x)
    np.testing.assert_allclose(got, dense @ leg.to_numpy(x), atol=300 * leg.eps)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_adjoints(dtype):
    t = np.asarray([4.0, -1.0, -0.5, -0.25], dtype=dtype)
    for f in (
        lx.relaxation.toeplitz,
        lx.relaxation.circulant_preconditioner,
        lx.relaxation.tau_preconditioner,
    ):
        check_adjoint(f(t), rng=0)


def test_a_complex_diagonal_is_not_hermitian():
    with pytest.raises(ValueError, match="must begin with a real number"):
        lx.relaxation.toeplitz(np.asarray([1j, 2.0]))
    t = lx.relaxation.toeplitz(np.asarray([1j, 2.0]), np.asarray([1j, 3.0]))
    np.testing.assert_allclose(t @ np.eye(2) + 0j, [[1j, 3], [2, 1j]], atol=1e-15)


def test_real_matrix_and_complex_vector():
    column, x = np.arange(5.0), np.arange(5) * (1 - 2j)
    got = lx.relaxation.toeplitz(column) @ x
    np.testing.assert_allclose(got, sla.toeplitz(column) @ x, atol=1e-13)


def test_chan_is_the_nearest_circulant(leg):
    """C minimizes ‖C − T‖_F: each entry is the mean along its wrapped diagonal."""
    n = 8
    column, row = leg._randn(n, seed=1), leg._randn(n, seed=2)
    column[0] = row[0] = 9.0
    dense = sla.toeplitz(column, row)
    i = np.arange(n)
    lag = (i[:, None] - i[None, :]) % n
    nearest = np.array([dense[lag == k].mean() for k in range(n)])[lag]
    p = lx.relaxation.circulant_preconditioner(leg.asarray(column), leg.asarray(row))
    eye = leg.asarray(np.eye(n))
    np.testing.assert_allclose(leg.to_numpy(p @ eye) @ nearest, np.eye(n), atol=100 * leg.eps)
    got = leg.to_numpy(p.adjoint @ eye) @ nearest.conj().T
    np.testing.assert_allclose(got, np.eye(n), atol=100 * leg.eps)


def test_natural_tau_matrix_is_toeplitz_minus_hankel(leg):
    n = 7
    t = np.array([3.0, -0.8, -0.4, -0.2, -0.1, -0.05, -0.02])
    hankel = sla.hankel(np.r_[t[2:], 0, 0], np.r_[0, 0, t[:1:-1]])
    p = lx.relaxation.tau_preconditioner(leg.asarray(t))
    got = leg.to_numpy(p @ leg.asarray(sla.toeplitz(t) - hankel))
    np.testing.assert_allclose(got, np.eye(n), atol=50 * leg.eps)


def test_tau_with_a_symbol_has_its_values_as_eigenvalues(leg):
    n = 6

    def symbol(theta):
        return 2.5 + leg.xp.cos(theta)

    t = lx.gallery.riesz_column(n, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    p = lx.relaxation.tau_preconditioner(t, symbol=symbol)
    w = np.linalg.eigvalsh(leg.to_numpy(p @ leg.asarray(np.eye(n))))
    nodes = np.arange(1, n + 1) * pi / (n + 1)
    np.testing.assert_allclose(w, np.sort(1 / (2.5 + np.cos(nodes))), atol=20 * leg.eps)


def test_indefinite_and_singular_preconditioners():
    t = np.asarray([1.0, -1.0, 0.0])
    with pytest.raises(lx.LinAlgError, match="τ preconditioner is singular or indefinite"):
        lx.relaxation.tau_preconditioner(t)
    with pytest.raises(lx.LinAlgError, match="circulant preconditioner is singular"):
        lx.relaxation.circulant_preconditioner(np.ones(4))
    with pytest.raises(ValueError, match="must be real"):
        lx.relaxation.tau_preconditioner(np.asarray([2.0, 1j]))
    with pytest.raises(ValueError, match="symbol must return shape"):
        lx.relaxation.tau_preconditioner(t, symbol=lambda theta: theta[:1])
    with pytest.raises(ValueError, match="row must have as many entries"):
        lx.relaxation.circulant_preconditioner(t, np.ones(2))


@pytest.mark.parametrize("n", [0, 1])
def test_smallest_sizes(leg, n):
    t = leg.asarray(np.full(n, 4.0))
    x = leg.asarray(np.ones(n))
    for f, factor in (
        (lx.relaxation.toeplitz, 4.0),
        (lx.relaxation.tau_preconditioner, 0.25),
        (lx.relaxation.circulant_preconditioner, 0.25),
    ):
        assert f(t).shape == (n, n)
        np.testing.assert_allclose(leg.to_numpy(f(t) @ x), np.full(n, factor), rtol=4 * leg.eps)


@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_sine_transform(leg, n):
    i = np.arange(1, n + 1)
    s = np.sin(np.outer(i, i) * pi / (n + 1))
    x = leg.randn(n, 3)
    got = leg.to_numpy(sine_transform(x, xp=leg.xp))
    np.testing.assert_allclose(got, s @ leg.to_numpy(x), atol=30 * leg.eps)


def test_smooth_lengths():
    for least in range(1, 400):
        length = smooth_length(least)
        rest = length
        for p in (2, 3, 5):
            while rest % p == 0:
                rest //= p
        assert rest == 1
        assert least <= length <= 2 * least
    assert [smooth_length(n) for n in (7, 11, 509, 8189)] == [8, 12, 512, 8192]
