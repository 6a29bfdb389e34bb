"""Chebyshev's semi-iteration: known counts, estimated intervals, smoothing."""

import warnings

import numpy as np
import pytest
from krylov_problems import dense, failing, gap, neumann, poisson

import linalgx as lx
from linalgx import ConvergenceWarning, Status
from linalgx.relaxation._lanczos import lanczos, ritz

chebyshev = lx.relaxation.chebyshev
MU = np.cos(np.pi / 64)


@pytest.mark.parametrize(
    ("low", "high", "count"), [(1, 1, 383), (2, 1, 721), (0.5, 1, 541), (1, 1.1, 401)]
)
def test_counts(low, high, count):
    a, b = poisson(63)
    result = chebyshev(a, b, bounds=(4 * low * (1 - MU), 4 * high * (1 + MU)))
    assert result.converged and result.iterations == count
    assert gap(a, result.x, b) <= 1e-8


def test_too_small_an_upper_bound_diverges():
    a, b = poisson(63)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        result = chebyshev(a, b, bounds=(4 * (1 - MU), 4 * 0.98 * (1 + MU)))
    assert result.status is Status.DIVERGED


@pytest.mark.parametrize("m", [31, 63])
def test_estimated_interval_is_nearly_as_good(m):
    a, b = poisson(m)
    mu = np.cos(np.pi / (m + 1))
    exact = chebyshev(a, b, bounds=(1 - mu, 1 + mu), preconditioner="jacobi")
    found = chebyshev(a, b)
    assert found.converged and found.iterations <= 1.3 * exact.iterations


def test_every_leg(leg):
    a, b = dense(leg)
    result = chebyshev(a, b)
    assert result.converged and leg.matches(result.x)
    rtol = 1e-8 if leg.eps < 1e-10 else 1e-5
    assert gap(leg.to_numpy(a), leg.to_numpy(result.x), leg.to_numpy(b)) <= rtol


def test_residual_is_the_scaled_polynomial():
    """After k steps an eigenvector is left with T_k((θ − λ)/δ)/T_k(θ/δ)."""
    a, _ = poisson(9)
    w, v = np.linalg.eigh(a.toarray())
    low, high, k, j = 0.5, 8.0, 6, 11
    result = chebyshev(a, v[:, j], bounds=(low, high), steps=k)
    t = np.polynomial.chebyshev.Chebyshev.basis(k)
    theta, delta = (high + low) / 2, (high - low) / 2
    expected = t((theta - w[j]) / delta) / t(theta / delta)
    np.testing.assert_allclose(v[:, j] - a @ result.x, expected * v[:, j], atol=1e-13)


def test_smoother_takes_its_steps_without_looking():
    a, b = poisson(31)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = chebyshev(a, b, steps=3)
    assert result.iterations == 3 and result.converged
    assert all(np.isnan(h) for h in result.history[1:])
    w, v = np.linalg.eigh(a.toarray())
    e = v.T @ (np.linalg.solve(a.toarray(), b) - result.x)
    rough = w > 0.13 * w[-1]  # 1/T₃(11/9) = 0.275 on the interval
    start = v.T @ np.linalg.solve(a.toarray(), b)
    assert np.linalg.norm(e[rough]) < 0.28 * np.linalg.norm(start[rough])
    assert chebyshev(a, b, steps=0).iterations == 0


def test_smoother_with_a_tolerance_of_its_own():
    a, b = poisson(31)
    with pytest.warns(ConvergenceWarning, match="maxiter"):
        assert not chebyshev(a, b, steps=3, rtol=1e-8).converged


def test_semidefinite_and_consistent():
    a, b = neumann()
    result = chebyshev(a, b)
    assert result.converged and gap(a, result.x, b) <= 1e-8


def test_indefinite_is_said():
    a, b = poisson(20)
    with pytest.warns(ConvergenceWarning, match="indefinite"):
        result = chebyshev(a.toarray() - np.eye(400), b)
    assert result.status is Status.BREAKDOWN


def test_unattainable_tolerance_stagnates():
    a, b = poisson(15)
    with pytest.warns(ConvergenceWarning, match="stagnated"):
        result = chebyshev(a, b, rtol=1e-18)
    assert result.status is Status.STAGNATED and gap(a, result.x, b) < 1e-14


def test_operators_are_as_good_and_have_no_diagonal():
    a, b = poisson(15)
    assert chebyshev(lx.LinearMap(a), b).iterations == chebyshev(a, b).iterations
    with pytest.raises(TypeError, match="diagonal"):
        chebyshev(lx.LinearMap(a), b, preconditioner="jacobi")


def test_jacobi_wants_a_positive_diagonal():
    with pytest.raises(lx.LinAlgError, match="positive diagonal"):
        chebyshev(np.asarray([[0.0, 1.0], [1.0, 0.0]]), np.ones(2), preconditioner="jacobi")


def test_operator_that_fails():
    a, b = poisson(12)
    for k in (1, 5, 30):
        with pytest.warns(ConvergenceWarning):
            result = chebyshev(failing(a, k), b)
        assert not result.converged and not result.residual <= 1e-3


def test_callback_stops():
    a, b = poisson(12)

    def stop(state):
        if state.k == 4:
            raise StopIteration

    assert chebyshev(a, b, callback=stop).iterations == 4


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (2.0, 1.0), (1.0,), 3.0, (1.0, np.inf)])
def test_bounds_are_checked(bounds):
    with pytest.raises(ValueError, match="bounds must"):
        chebyshev(np.eye(2), np.ones(2), bounds=bounds)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny(n):
    result = chebyshev(3.0 * np.eye(n), np.ones(n))
    assert result.converged
    np.testing.assert_allclose(result.x, np.ones(n) / 3)


def test_lanczos_finds_the_ends(leg):
    a, b = dense(leg)
    basis = []

    def apply(v):
        basis.append(v)
        return a @ v

    alphas, betas, _ = lanczos(apply, b, 20, xp=leg.xp)
    values, errors, y = ritz(alphas, betas)
    exact = np.linalg.eigvalsh(leg.to_numpy(a).astype(np.result_type(leg.dtype_name, "f8")))
    unit = leg.eps * exact[-1]
    assert abs(values[0] - exact[0]) <= max(300 * unit, errors[0])
    assert abs(values[-1] - exact[-1]) <= max(300 * unit, errors[-1])
    vector = sum(float(weight) * v for weight, v in zip(y[:, -1], basis, strict=False))
    gap = np.linalg.norm(leg.to_numpy(a @ vector - values[-1] * vector))
    assert gap <= errors[-1] + 1000 * unit
    kept = lanczos(lambda v: a @ v, b, 25, xp=leg.xp, keep=True)
    v = leg.to_numpy(kept[2])
    assert np.linalg.norm(np.conj(v.T) @ v - np.eye(v.shape[1])) < 300 * leg.eps
    np.testing.assert_allclose(kept[0][:10], alphas[:10], rtol=1e4 * leg.eps)


def test_lanczos_ends_where_the_space_does():
    x = np.asarray([1.0, 1.0, 0.0, 0.0])
    alphas, betas, _ = lanczos(lambda v: np.diag([1.0, 2.0, 3.0, 4.0]) @ v, x, 4, xp=np)
    np.testing.assert_allclose(ritz(alphas, betas)[0], [1.0, 2.0])
    assert lanczos(lambda v: v, 0 * x, 4, xp=np) == ([], [], None)
