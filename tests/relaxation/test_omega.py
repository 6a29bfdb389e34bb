"""Young's formula, the radius of the Jacobi matrix, and what a time loop saves."""

import warnings
from math import cos, pi, sin, sqrt

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx

optimal_omega, jacobi_radius = lx.relaxation.optimal_omega, lx.relaxation.jacobi_radius


def best(m):
    return 2.0 / (1.0 + sin(pi / (m + 1)))


def test_the_formula(leg):
    mu = np.asarray([0.0, 0.5, 0.9, 0.99])
    omega = optimal_omega(leg.asarray(mu).real if leg.is_complex else leg.asarray(mu))
    assert leg.matches(omega)
    exact = 1.0 + (mu / (1.0 + np.sqrt(1.0 - mu**2))) ** 2
    np.testing.assert_allclose(leg.to_numpy(omega), exact, rtol=200 * leg.eps)


def test_numbers_give_numbers():
    assert optimal_omega(0.0) == 1.0
    assert optimal_omega(0.6) == pytest.approx(2 / 1.8, rel=1e-15)
    assert isinstance(optimal_omega(0.6), float)
    assert optimal_omega(0.999999, omega_max=1.95) == 1.95
    np.testing.assert_array_equal(optimal_omega([0.0, 0.999999], omega_max=1.95), [1.0, 1.95])
    for mu in (1.0, -0.1, float("nan"), [0.5, 2.0]):
        with pytest.raises(ValueError):
            optimal_omega(mu)
    with pytest.raises(ValueError, match="omega_max"):
        optimal_omega(0.5, omega_max=2.5)


@pytest.mark.parametrize("m", [5, 15])
def test_dense_eigenvalues_agree_with_the_formulas(m):
    """To 1e-12."""
    a = lx.gallery.poisson2d(m).toarray()
    j = np.eye(m * m) - a / 4.0
    mu = np.max(np.linalg.eigvalsh(j))
    assert abs(mu - cos(pi / (m + 1))) < 1e-12
    assert abs(optimal_omega(mu) - best(m)) < 1e-12


@pytest.mark.parametrize("m", [1, 2, 7, 31, 63])
def test_the_estimate(m):
    exact = cos(pi / (m + 1))
    r = jacobi_radius(lx.gallery.poisson2d(m))
    assert abs(r.radius - exact) <= 2e-3 * (1.0 - exact)
    assert r.radius <= exact + 1e-14
    assert r.matvecs <= m + 30
    assert optimal_omega(lx.gallery.poisson2d(m)) == pytest.approx(best(m), rel=1e-4)


@pytest.mark.parametrize("m", [63, 127])
def test_sweep_counts_are_those_of_the_exact_omega(m):
    a, b = lx.gallery.poisson2d(m), np.ones(m * m)
    options = {"criterion": "r0", "check_every": 4, "ordering": "multicolor"}
    exact = lx.relaxation.sor(a, b, omega=best(m), **options)
    young = lx.relaxation.sor(a, b, **options)
    assert abs(young.iterations - exact.iterations) <= 0.03 * exact.iterations
    assert young.matvecs - exact.matvecs <= 1.2 * m  # of which the estimate


def test_fine_grids_are_not_clipped():
    assert optimal_omega(lx.gallery.poisson2d(255, 40)) > 1.85
    a = sp.diags_array([-np.ones(254), 2.0 * np.ones(255), -np.ones(254)], offsets=[-1, 0, 1])
    assert optimal_omega(a) == pytest.approx(2 / (1 + sin(pi / 256)), abs=1e-4)  # 1.976


def test_the_vector_is_an_eigenvector():
    a = lx.gallery.poisson2d(15)
    r = jacobi_radius(a)
    j = r.vector - (a @ r.vector) / 4.0
    assert np.linalg.norm(r.vector) == pytest.approx(1.0)
    assert np.linalg.norm(j - r.radius * r.vector) < 2e-3


def test_rows_may_have_any_scale():
    """J does not change; Lanczos' method does not apply any more."""
    scale = 10.0 ** np.random.default_rng(0).uniform(-8, 8, 30)
    a = 2.0 * np.eye(30) - np.eye(30, k=1) - np.eye(30, k=-1)
    exact = 2 / (1 + sin(pi / 31))
    assert optimal_omega(scale[:, None] * a) == pytest.approx(exact, rel=1e-4)
    assert optimal_omega(scale[:, None] * a * scale) == pytest.approx(exact, rel=1e-4)


def test_the_vector_of_a_nonsymmetric_matrix():
    a = np.diag(np.arange(2.0, 12.0)) - np.eye(10, k=-1) - 0.2 * np.eye(10, k=1)
    r = jacobi_radius(a)
    j = r.vector - a @ r.vector / np.diag(a)
    np.testing.assert_allclose(j, r.radius * r.vector, atol=1e-10)


def test_a_known_vector_saves_steps():
    a = lx.gallery.poisson2d(63)
    cold = jacobi_radius(a)
    warm = jacobi_radius(a + 0.01 * sp.eye_array(63**2), start=cold.vector)
    assert warm.matvecs < 0.5 * cold.matvecs
    exact = cos(pi / 64) * 4.0 / 4.01
    assert abs(warm.radius - exact) <= 2e-3 * (1.0 - exact)


def test_a_time_loop_starts_from_the_last_vector():
    p, b = lx.relaxation.prepare(lx.gallery.poisson2d(63)), np.ones(63**2)
    data, eye = p.matrix.data.copy(), sp.eye_array(63**2).tocsr()
    spent = []
    for shift in (0.0, 0.01, 0.02):
        p.update_values((lx.gallery.poisson2d(63) + shift * eye).data)
        r = lx.relaxation.sor(p, b, check_every=10, ordering="multicolor")
        again = lx.relaxation.sor(p, b, check_every=10, ordering="multicolor")
        assert again.omega == r.omega and again.iterations == r.iterations
        spent.append(r.matvecs - again.matvecs)
        exact = optimal_omega(cos(pi / 64) * 4.0 / (4.0 + shift))
        assert r.omega == pytest.approx(exact, rel=1e-3)
    assert data.shape == p.matrix.data.shape
    assert 0 < max(spent[1:]) < 0.7 * spent[0]


def test_other_leading_modes_are_not_hidden_by_the_start():
    """An eigenvector of J that is no longer the leading one is left again."""
    n = 40
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    old = np.eye(n) - (q * np.r_[0.95, 0.1 * np.ones(n - 1)]) @ q.T
    new = np.eye(n) - (q * np.r_[0.2, 0.97, 0.1 * np.ones(n - 2)]) @ q.T
    scale = lambda a: a / np.sqrt(np.outer(np.diag(a), np.diag(a)))  # noqa: E731
    found = jacobi_radius(scale(old))
    again = jacobi_radius(scale(new), start=found.vector)
    exact = np.max(np.abs(np.linalg.eigvalsh(np.eye(n) - scale(new))))
    assert again.radius == pytest.approx(exact, rel=1e-6)


def test_a_negative_laplacian_is_a_laplacian():
    a = lx.gallery.poisson2d(15)
    assert optimal_omega(-a) == pytest.approx(optimal_omega(a), rel=1e-12)
    assert jacobi_radius(-a).radius == pytest.approx(jacobi_radius(a).radius, rel=1e-12)


def test_skew_matrices_want_less_than_one():
    """J has eigenvalues ±iμ: ω* = 2/(1 + √(1 + μ²))."""
    n = 20
    a = np.eye(n) + 0.9 * (np.eye(n, k=1) - np.eye(n, k=-1))
    mu = 1.8 * cos(pi / (n + 1))
    assert jacobi_radius(a).radius == pytest.approx(mu, rel=1e-6)
    assert optimal_omega(a) == pytest.approx(2 / (1 + sqrt(1 + mu**2)), rel=1e-6)
    counts = [
        lx.relaxation.sor(a, np.ones(n), omega=w).iterations
        for w in (optimal_omega(a), optimal_omega(a) + 0.05, optimal_omega(a) - 0.05)
    ]
    assert counts[0] < min(counts[1:])


def test_convection_and_diffusion():
    """Tridiagonal with real eigenvalues of J, though not symmetric: μ = 2√(bc) cos πh."""
    n, low, high = 30, -0.7, -0.3
    a = np.eye(n) + low * np.eye(n, k=-1) + high * np.eye(n, k=1)
    mu = 2 * sqrt(low * high) * cos(pi / (n + 1))
    assert optimal_omega(sp.csr_array(a)) == pytest.approx(2 / (1 + sqrt(1 - mu**2)), rel=1e-5)


def test_indefinite_matrices_have_none():
    a = lx.gallery.poisson2d(7) - 1.0 * sp.eye_array(49)
    with pytest.raises(lx.LinAlgError, match="no optimal omega"):
        optimal_omega(a)
    assert jacobi_radius(a).radius > 1.0


def test_the_diagonal_of_an_operator():
    a = lx.gallery.poisson2d(20)
    plain = jacobi_radius(a)
    found = jacobi_radius(lx.LinearMap(a))
    given = jacobi_radius(lx.LinearMap(a), diagonal=a.diagonal())
    assert found.radius == given.radius == pytest.approx(plain.radius, rel=1e-5)
    assert found.matvecs == given.matvecs + 2
    with pytest.raises(lx.LinAlgError, match="zero diagonal"):
        jacobi_radius(lx.LinearMap(a), diagonal=np.zeros(400))
    with pytest.raises(ValueError, match="diagonal must have shape"):
        jacobi_radius(lx.LinearMap(a), diagonal=np.ones(3))


def test_bad_starts_are_refused():
    a = np.eye(4) * 3.0 + np.eye(4, k=1) + np.eye(4, k=-1)
    for start in (np.zeros(4), np.ones(3)):
        with pytest.raises(ValueError, match="start must"):
            jacobi_radius(a, start=start)
    with pytest.raises(TypeError, match="start must be real"):
        jacobi_radius(a, start=np.ones(4) + 1j)


def test_empty():
    assert optimal_omega(np.zeros((0, 0))) == 1.0
    assert jacobi_radius(np.zeros((0, 0))).radius == 0.0


@pytest.mark.parametrize("shift", [0.3j, 1j, 3j, 0.2 + 1j, -1j])
def test_omega_for_a_tilted_spectrum(shift):
    """J of A + sI has its eigenvalues on a line through zero, which fills no ellipse.

    The formula of the ellipse diverges for s = i, and takes a third more sweeps for 0.3i.
    """
    a, b = lx.gallery.poisson2d(9), np.random.default_rng(0).standard_normal(81)
    a = sp.csr_array(a + shift * sp.eye_array(81))
    counts = []
    for k in range(30):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tried = lx.relaxation.sor(a, b, omega=0.6 + 0.04 * k, maxiter=300)
        counts += [tried.iterations] if tried.converged else []
    found = lx.relaxation.sor(a, b)
    assert found.converged
    assert found.iterations <= 1.08 * min(counts)
    assert lx.relaxation.optimal_omega(a) == found.omega
