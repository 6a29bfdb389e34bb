"""The Jacobi iteration: its radius, its best weight, operators with a given diagonal."""

from math import cos, pi

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx

jacobi = lx.relaxation.jacobi


def test_solves_on_every_leg(leg):
    a = leg.asarray(4.0 * np.eye(10) - np.eye(10, k=1) - np.eye(10, k=-1))
    b = leg.randn(10, 2)
    for omega in (1.0, "optimal"):
        r = jacobi(a, b, omega=omega)
        assert r.converged and leg.matches(r.x)
        gap = leg.to_numpy(a) @ leg.to_numpy(r.x) - leg.to_numpy(b)
        assert np.linalg.norm(gap, axis=0).max() <= 1.01 * r.residual + 100 * leg.eps


def test_one_step():
    a, b = np.asarray([[2.0, 1.0], [1.0, 4.0]]), np.asarray([2.0, 4.0])
    with pytest.warns(lx.ConvergenceWarning):
        r = jacobi(a, b, omega=0.5, maxiter=1)
    np.testing.assert_array_equal(r.x, [0.5, 0.5])


def test_the_rate_is_the_radius():
    """Poisson: cos πh a step."""
    m = 15
    r = jacobi(lx.gallery.poisson2d(m), np.ones(m * m))
    rate = (r.history[-1] / r.history[-51]) ** (1 / 50)
    assert rate == pytest.approx(cos(pi / (m + 1)), abs=1e-6)


def test_the_best_weight():
    """Eigenvalues of D⁻¹A are 1 ± 2/5 and 1 ± 1 there, so that w = 1 does not converge."""
    a = np.asarray([[1.0, 0.6, 0.6], [0.6, 1.0, 0.6], [0.6, 0.6, 1.0]])  # 2.2, 0.4, 0.4
    with pytest.warns(lx.ConvergenceWarning, match="diverged"):
        assert jacobi(a, np.ones(3) + np.arange(3), omega=1.0).reason == "diverged"
    r = jacobi(a, np.ones(3) + np.arange(3), omega="optimal")
    assert r.converged
    assert r.omega == pytest.approx(2 / 2.6, rel=1e-12)


def test_the_best_weight_is_remembered():
    p = lx.relaxation.prepare(lx.gallery.poisson2d(7))
    first, second = (jacobi(p, np.ones(49), omega="optimal") for _ in range(2))
    assert first.matvecs > second.matvecs
    assert first.omega == second.omega


def test_operators_need_their_diagonal():
    a, b = lx.gallery.poisson2d(5), np.ones(25)
    plain = jacobi(a, b)
    for operator in (lx.LinearMap(a), aslinearoperator(a)):
        r = jacobi(operator, b, diagonal=a.diagonal())
        assert r.iterations == plain.iterations
        np.testing.assert_allclose(r.x, plain.x, rtol=1e-12)
        with pytest.raises(TypeError, match="no rows"):
            jacobi(operator, b)
    assert jacobi(lx.LinearMap(a), b, diagonal=a.diagonal(), omega="optimal").converged
    with pytest.raises(lx.LinAlgError, match="zero"):
        jacobi(lx.LinearMap(a), b, diagonal=np.zeros(25))
    with pytest.raises(ValueError, match="diagonal must have shape"):
        jacobi(lx.LinearMap(a), b, diagonal=np.ones(3))
    with pytest.raises(ValueError, match="that of a matrix is known"):
        jacobi(a, b, diagonal=a.diagonal())


def test_zero_diagonals_and_weights_are_refused():
    with pytest.raises(lx.LinAlgError, match=r"1 rows \(1\)"):
        jacobi(np.diag([1.0, 0.0]), np.ones(2))
    for omega in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="omega must lie in"):
            jacobi(np.eye(2), np.ones(2), omega=omega)


def test_seldom_checks_and_other_norms():
    a, b = lx.gallery.poisson2d(7), np.linspace(0.0, 2.0, 49)
    often, seldom = (jacobi(a, b, check_every=k) for k in (1, 8))
    assert seldom.iterations == -(-often.iterations // 8) * 8
    r = jacobi(a, b, norm="inf", rtol=1e-5)
    assert np.max(np.abs(a @ r.x - b)) <= 2e-5


def test_a_tuner_is_asked_and_told():
    tuner = lx.relaxation.Fixed(0.9)
    r = jacobi(lx.gallery.poisson2d(5), np.ones(25), omega=tuner)
    assert r.omega == 0.9 and tuner.history[0].cost == r.iterations


def test_sparse_equals_dense():
    a = lx.gallery.poisson2d(5)
    for container in (sp.csc_array, sp.coo_array, sp.dia_array):
        r = jacobi(container(a), np.ones(25))
        np.testing.assert_allclose(r.x, jacobi(a.toarray(), np.ones(25)).x, rtol=1e-10)
