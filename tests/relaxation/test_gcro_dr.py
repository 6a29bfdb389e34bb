"""GMRES with recycling: exact for small problems, cheaper than restarts, faults."""

import numpy as np
import pytest
import scipy.sparse.linalg
from krylov_problems import convection, dense, failing, gap

import linalgx as lx
from linalgx import ConvergenceWarning, Status

gcro_dr = lx.relaxation.gcro_dr


def general(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n)) + 6 * np.eye(n), rng.standard_normal(n)


def test_exact_after_n_steps():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((9, 9)), rng.standard_normal(9)
    result = gcro_dr(a, b, restart=20, rtol=1e-12)
    assert result.converged and result.iterations <= 9
    np.testing.assert_allclose(a @ result.x, b, atol=1e-10)


def test_first_cycle_is_gmres():
    """Norms equal those of least squares problems over Krylov spaces."""
    a, b = general(30)
    k = [b]
    norms = [np.linalg.norm(b)]
    for _ in range(8):
        q = np.linalg.qr(np.stack(k, axis=1))[0]
        y = np.linalg.lstsq(a @ q, b, rcond=None)[0]
        norms.append(np.linalg.norm(b - a @ (q @ y)))
        k.append(a @ q[:, -1])
    result = gcro_dr(a, b, restart=20)
    np.testing.assert_allclose(result.history[:9], norms, rtol=1e-8)


def test_norms_are_those_of_the_iterates_and_never_rise():
    a, b = convection(12, 20.0), np.ones(144)
    seen = []

    def note(state):
        seen.append((state.residual, np.linalg.norm(b - a @ state.x)))

    result = gcro_dr(a, b, restart=10, recycle=4, callback=note)
    np.testing.assert_allclose(*zip(*seen, strict=True), rtol=1e-6)
    assert np.all(np.diff(result.history) <= 1e-12)
    alone = gcro_dr(a, b, restart=10, recycle=4)
    np.testing.assert_allclose(alone.history, result.history, rtol=1e-10)


def gmres_products(a, b, restart):
    count = [0]

    def product(x):
        count[0] += 1
        return a @ x

    operator = scipy.sparse.linalg.LinearOperator(a.shape, product, dtype=a.dtype)
    x, info = scipy.sparse.linalg.gmres(operator, b, rtol=1e-8, restart=restart, maxiter=4000)
    assert info == 0 and gap(a, x, b) < 1.1e-8
    return count[0]


def test_sequence_needs_fewer_products_than_restarted_gmres():
    rng, space, ours, theirs = np.random.default_rng(0), None, [], []
    for step in range(4):
        a, b = convection(30, 10.0 + step), rng.standard_normal(900)
        result = gcro_dr(a, b, restart=20, recycle=8, space=space)
        assert result.converged and gap(a, result.x, b) <= 1e-8
        space = result.space
        ours.append(result.matvecs)
        theirs.append(gmres_products(a, b, 20))
    assert all(x < y for x, y in zip(ours, theirs, strict=True))
    assert sum(ours[1:]) < 0.75 * sum(theirs[1:])
    assert max(ours[1:]) < ours[0]


def test_without_recycling_it_is_restarted_gmres():
    a, b = convection(20, 10.0), np.random.default_rng(1).standard_normal(400)
    result = gcro_dr(a, b, restart=15, recycle=0)
    assert result.space is None
    assert abs(result.matvecs - gmres_products(a, b, 15)) <= 15


def test_space_spans_what_is_slow():
    """Small eigenvalues of a normal matrix: they are taken out afterwards."""
    w = np.r_[1e-3, 2e-3, 3e-3, np.linspace(1.0, 2.0, 60)]
    a = np.diag(w)
    first = gcro_dr(a, np.ones(63), restart=15, recycle=5)
    second = gcro_dr(a, np.arange(63.0), restart=15, recycle=5, space=first.space)
    q = np.linalg.qr(first.space)[0]
    assert np.linalg.norm(q[:3]) ** 2 > 2.99
    assert second.iterations < 0.7 * first.iterations


def test_every_leg(leg):
    a, b = dense(leg)
    a = a + 0.5 * leg.xp.triu(a)
    result = gcro_dr(a, b, restart=10, recycle=4)
    assert result.converged and leg.matches(result.x) and leg.matches(result.space)
    rtol = 1e-8 if leg.eps < 1e-10 else 1e-5
    assert gap(leg.to_numpy(a), leg.to_numpy(result.x), leg.to_numpy(b)) <= rtol


def test_real_matrix_with_complex_eigenvalues_stays_real():
    n = 40
    a = np.diag(np.linspace(0.1, 2.0, n)) + np.diag(np.ones(n - 1), 1) - np.diag(np.ones(n - 1), -1)
    result = gcro_dr(a, np.ones(n), restart=12, recycle=5)
    assert result.converged and result.x.dtype == np.float64
    assert result.space.dtype == np.float64 and result.space.shape == (n, 5)


def test_happy_breakdown():
    result = gcro_dr(np.diag([1.0, 1.0, 2.0, 2.0]), np.ones(4))
    assert result.converged and result.iterations == 2
    swap = gcro_dr(np.asarray([[0.0, 1.0], [1.0, 0.0]]), np.asarray([1.0, 0.0]))
    assert swap.converged
    np.testing.assert_allclose(swap.x, [0.0, 1.0], atol=1e-15)


def test_singular_is_said():
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = gcro_dr(np.diag([1.0, 2.0, 0.0]), np.ones(3))
    assert result.status is Status.BREAKDOWN
    np.testing.assert_allclose(result.x[:2], [1.0, 0.5])
    good = gcro_dr(np.diag([1.0, 2.0, 0.0]), np.asarray([1.0, 1.0, 0.0]))
    assert good.converged


def test_unattainable_tolerance_stagnates():
    a, b = general(30)
    with pytest.warns(ConvergenceWarning, match="stagnated"):
        result = gcro_dr(a, b, rtol=1e-18)
    assert result.status is Status.STAGNATED and gap(a, result.x, b) < 1e-14


def test_several_right_hand_sides_hand_the_space_on():
    a = convection(20, 10.0)
    b = np.random.default_rng(2).standard_normal((400, 3))
    result = gcro_dr(a, b, restart=15, recycle=6)
    alone = [gcro_dr(a, b[:, j], restart=15, recycle=6) for j in range(3)]
    assert result.converged and result.x.shape == (400, 3)
    assert result.matvecs < sum(r.matvecs for r in alone)
    assert result.iterations == alone[0].iterations
    assert gcro_dr(a, b[:, :0]).x.shape == (400, 0)


@pytest.mark.parametrize("k", [1, 2, 20])
def test_operator_that_fails(k):
    a = convection(12, 5.0)
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = gcro_dr(failing(a, k), np.ones(144), restart=10, recycle=3)
    assert result.status is Status.BREAKDOWN and result.iterations == k - 1
    assert np.all(np.isfinite(result.x))


def test_callback_stops():
    a, b = general(30)

    def stop(state):
        if state.k == 5:
            raise StopIteration

    result = gcro_dr(a, b, callback=stop)
    assert result.status is Status.STOPPED and result.iterations == 5
    assert result.residual == pytest.approx(result.history[5], rel=1e-6)


@pytest.mark.parametrize("n", [0, 1])
def test_tiny(n):
    result = gcro_dr(-3.0 * np.eye(n), np.ones(n))
    assert result.converged and result.iterations == n
    np.testing.assert_allclose(result.x, -np.ones(n) / 3)
    assert gcro_dr(np.eye(3), np.zeros(3)).iterations == 0


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="recycle must be less than restart = 5"):
        gcro_dr(np.eye(3), np.ones(3), restart=5, recycle=5)
    with pytest.raises(ValueError, match=r"space must have shape \(3, m\)"):
        gcro_dr(np.eye(3), np.ones(3), space=np.ones((4, 1)))
