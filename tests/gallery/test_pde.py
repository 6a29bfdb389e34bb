"""Grid matrices: every known answer that their docstrings state."""

from math import cos, pi, sin, sqrt

import numpy as np
import pytest
import scipy.sparse as sps

import linalgx as lx
import linalgx.backend as seam

SPARSE = ("numpy", "cupy")
GRIDS = [
    (lx.gallery.poisson2d, (5,), {}),
    (lx.gallery.poisson2d, (4, 7), {}),
    (lx.gallery.poisson2d, (1, 3), {}),
    (lx.gallery.poisson3d, (3,), {}),
    (lx.gallery.heat2d, (6,), {"kappa": 3.0}),
]


def place(leg):
    return {"xp": leg.xp, "device": leg.device, "dtype": leg.dtype}


def waves(m):
    """Eigenvalues of tridiag(−1, 2, −1)."""
    return 4 * np.sin(np.arange(1, m + 1) * pi / (2 * m + 2)) ** 2


def jacobi_radius(a):
    d = np.diag(a)
    return np.max(np.abs(np.linalg.eigvals(np.eye(len(d)) - a / d[:, None])))


@pytest.mark.parametrize(("function", "args", "options"), GRIDS)
def test_sparse_and_dense_agree(leg, function, args, options):
    dense = function(*args, **options, sparse=False, **place(leg))
    assert leg.matches(dense)
    assert dense.dtype == leg.dtype
    if leg.library not in SPARSE:
        with pytest.raises(TypeError, match="sparse=False makes a dense array"):
            function(*args, **options, **place(leg))
        return
    a = function(*args, **options, **place(leg))
    assert seam.is_sparse(a)
    assert a.format == "csr"
    assert a.dtype == leg.dtype
    host = lx.to_numpy(a)
    assert isinstance(host, sps.sparray)
    assert host.has_canonical_format
    assert host.indices.dtype == np.int32
    np.testing.assert_array_equal(host.toarray(), leg.to_numpy(dense))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 4), (6, 6)])
def test_poisson2d_eigenvalues_and_jacobi_radius(shape):
    m, n = shape
    a = lx.gallery.poisson2d(m, n, sparse=False)
    known = np.sort((waves(m)[:, None] + waves(n)[None, :]).ravel())
    np.testing.assert_allclose(np.linalg.eigvalsh(a), known, atol=1e-13)
    radius = (cos(pi / (m + 1)) + cos(pi / (n + 1))) / 2
    assert jacobi_radius(a) == pytest.approx(radius, abs=1e-13)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_poisson3d_eigenvalues_and_jacobi_radius(m):
    a = lx.gallery.poisson3d(m, sparse=False)
    w = waves(m)
    known = np.sort((w[:, None, None] + w[:, None] + w).ravel())
    np.testing.assert_allclose(np.linalg.eigvalsh(a), known, atol=1e-13)
    assert jacobi_radius(a) == pytest.approx(cos(pi / (m + 1)), abs=1e-13)
    assert np.linalg.cond(a) == pytest.approx(1 / np.tan(pi / (2 * m + 2)) ** 2)


def test_poisson2d_condition_and_optimal_omega():
    m = 9
    h = 1 / (m + 1)
    a = lx.gallery.poisson2d(m, sparse=False)
    assert np.linalg.cond(a) == pytest.approx(1 / np.tan(pi * h / 2) ** 2)
    omega = 2 / (1 + sin(pi * h))
    assert omega == pytest.approx(2 / (1 + sqrt(1 - cos(pi * h) ** 2)))
    d, low = np.diag(np.diag(a)), np.tril(a, -1)
    step = np.eye(m * m) - np.linalg.solve(d / omega + low, a)
    # Defective at the optimum: eigenvalues are accurate to the root of eps only.
    assert np.max(np.abs(np.linalg.eigvals(step))) == pytest.approx(omega - 1, abs=1e-4)


def test_poisson2d_radius_by_lines():
    m = 8
    a = lx.gallery.poisson2d(m, sparse=False)
    lines = np.kron(np.eye(m), np.ones((m, m)))
    radius = np.max(np.abs(np.linalg.eigvals(np.eye(m * m) - np.linalg.solve(a * lines, a))))
    mu = cos(pi / (m + 1))
    assert radius == pytest.approx(mu / (2 - mu), abs=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 0.07, 10.0, -2.0])
def test_heat2d_is_one_crank_nicolson_step(kappa):
    intervals, dt = 7, 2e-3
    a = lx.gallery.heat2d(intervals, kappa=kappa, dt=dt, sparse=False)
    laplacian = -lx.gallery.poisson2d(intervals - 1, sparse=False) * intervals**2
    np.testing.assert_allclose(a, np.eye(36) - dt / 2 * kappa * laplacian, atol=1e-15)
    other = lx.gallery.heat2d(intervals, kappa=-kappa, dt=dt, sparse=False)
    np.testing.assert_allclose(a + other, 2 * np.eye(36), atol=1e-15)
    q = kappa * dt / 2 * intervals**2
    radius = 4 * abs(q) * cos(pi / intervals) / abs(1 + 4 * q)
    assert jacobi_radius(a) == pytest.approx(radius, abs=1e-13)


def test_heat2d_keeps_one_pattern_for_every_conductivity():
    some, none = lx.gallery.heat2d(5, kappa=1.0), lx.gallery.heat2d(5, kappa=0.0)
    np.testing.assert_array_equal(some.indices, none.indices)
    np.testing.assert_array_equal(some.indptr, none.indptr)
    np.testing.assert_array_equal(none.toarray(), np.eye(16))


@pytest.mark.parametrize("intervals", [0, 1])
def test_heat2d_without_interior(intervals):
    assert lx.gallery.heat2d(intervals).shape == (0, 0)
    assert lx.gallery.heat2d(intervals, sparse=False).shape == (0, 0)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.8, 2.0])
def test_riesz_entries_are_fourier_coefficients_of_the_symbol(alpha):
    t = lx.gallery.riesz_column(6, alpha=alpha)
    theta = 2 * pi * (np.arange(2**18) + 0.5) / 2**18
    symbol = (2 - 2 * np.cos(theta)) ** (alpha / 2)
    for k in range(6):
        assert t[k] == pytest.approx(np.mean(symbol * np.cos(k * theta)), abs=1e-8)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 1.8])
def test_riesz_signs_sum_and_decay(alpha):
    t = lx.gallery.riesz_column(4000, alpha=alpha)
    assert t[0] > 0
    assert np.all(t[1:] < 0)
    rest = t[0] + 2 * np.sum(t[1:])
    assert 0 < rest < t[0]
    assert t[2000] / t[1000] == pytest.approx(2 ** (-1 - alpha), rel=2e-3)
    w = np.linalg.eigvalsh(lx.gallery.riesz(60, alpha=alpha))
    assert w[0] > 0
    assert w[-1] < 2**alpha
    growth = [np.linalg.cond(lx.gallery.riesz(n, alpha=alpha)) for n in (100, 200)]
    assert np.log2(growth[1] / growth[0]) == pytest.approx(alpha, abs=0.25)


def test_riesz_is_the_toeplitz_matrix_of_its_column(leg):
    a = lx.gallery.riesz(7, alpha=1.3, **place(leg))
    assert leg.matches(a)
    t = leg.to_numpy(lx.gallery.riesz_column(7, alpha=1.3, **place(leg)))
    i = np.arange(7)
    np.testing.assert_array_equal(leg.to_numpy(a), t[np.abs(i[:, None] - i[None, :])])


def test_riesz_of_order_two_is_the_second_difference():
    np.testing.assert_array_equal(
        lx.gallery.riesz(9, alpha=2.0), lx.gallery.poisson2d(1, 9, sparse=False) - 2 * np.eye(9)
    )


@pytest.mark.parametrize("alpha", [0.0, 2.5, -1.0, float("nan")])
def test_riesz_order(alpha):
    with pytest.raises(ValueError, match="alpha must lie in"):
        lx.gallery.riesz(4, alpha=alpha)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"dt": 0.0}, "dt"), ({"dt": float("nan")}, "dt"), ({"kappa": float("inf")}, "kappa")],
)
def test_heat2d_numbers(options, name):
    with pytest.raises(ValueError, match=f"{name} must lie in"):
        lx.gallery.heat2d(5, **options)
