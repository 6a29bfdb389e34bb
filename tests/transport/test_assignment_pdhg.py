"""The linear program: certificates against exact solvers, and what adaptive steps are worth."""

import numpy as np
import pytest
from cases.transport_models import _optimum

import linalgx as lx
from linalgx.transport import assignment_pdhg


def costs(n, m, seed=0):
    return np.random.default_rng(seed).random((n, m))


def exact(c):
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(c)
    return rows, columns, float(np.mean(c[rows, columns]))


@pytest.mark.parametrize("seed", range(3))
def test_assignment(leg, seed):
    if leg.is_complex:
        return
    c = costs(12, 12, seed)
    result = assignment_pdhg(leg.asarray(c))
    rows, columns, best = exact(c)
    tol = leg.eps**0.4
    assert result.converged
    assert result.residual <= tol
    assert leg.matches(result.plan)
    assert best - 50 * leg.eps <= result.cost <= best + 2 * tol
    assert best - 2 * tol <= result.lower_bound <= best + 50 * leg.eps
    np.testing.assert_allclose(12 * leg.to_numpy(result.plan)[rows, columns], 1.0, atol=300 * tol)


@pytest.mark.parametrize(("n", "m"), [(5, 9), (9, 5), (1, 4), (4, 1), (1, 1)])
def test_unequal_masses_and_empty_bins(leg, n, m):
    if leg.is_complex:
        return
    rng = np.random.default_rng(n)
    c, a, b = rng.random((n, m)), rng.random(n), rng.random(m)
    if m > 4:
        b[2] = 0.0
    a, b = 3 * a / a.sum(), 3 * b / b.sum()
    result = assignment_pdhg(leg.asarray(c), leg.asarray(a), leg.asarray(b))
    p = leg.to_numpy(result.plan)
    assert result.converged
    assert np.min(p) >= 0
    np.testing.assert_allclose(p.sum(1), a, atol=50 * leg.eps)
    np.testing.assert_allclose(p.sum(0), b, atol=50 * leg.eps)
    assert abs(result.cost - _optimum(c, a, b)) <= 9 * leg.eps**0.4


def test_the_values_enclose_the_optimum_at_any_time():
    """Also when the run ends far too early."""
    c = costs(20, 20)
    best = exact(c)[2]
    for maxiter in (0, 1, 7, 40):
        with pytest.warns(lx.ConvergenceWarning, match="KKT error"):
            result = assignment_pdhg(c, maxiter=maxiter)
        assert result.iterations == maxiter
        assert result.lower_bound <= best + 1e-14
        assert result.cost >= best - 1e-14
        assert not result.converged
        np.testing.assert_allclose(result.plan.sum(0), 0.05, rtol=1e-12)


def test_the_residual_is_that_of_the_answer():
    c = costs(15, 15)
    result = assignment_pdhg(c, rtol=1e-3)
    f, g, p = result.f, result.g, result.plan
    lowest = c.min(1)
    span = np.max(c - lowest[:, None] - (c - lowest[:, None]).min(0))
    assert result.gap == pytest.approx(np.sum(c * p) - f.mean() - g.mean(), abs=1e-14)
    assert np.max(f[:, None] + g - c) <= 1e-15
    assert result.residual == pytest.approx(result.gap / span, rel=1e-9)
    assert f.mean() == pytest.approx(g.mean(), abs=1e-14)


def test_adaptive_steps_and_restarts_need_far_fewer_iterations():
    c = costs(60, 60)
    ours = assignment_pdhg(c, rtol=1e-5)
    plain = assignment_pdhg(c, rtol=1e-5, method="chambolle_pock")
    assert ours.converged
    assert plain.converged
    assert plain.iterations > 3 * ours.iterations


@pytest.mark.parametrize("seed", range(5))
def test_predictions_always_count_below_the_bound(seed):
    """r·s ≥ ‖A‖²/3.24; before the first shrinking of both, after ten."""
    c = costs(10, 14, seed)
    with pytest.warns(lx.ConvergenceWarning):
        result = assignment_pdhg(c, step=3.24, maxiter=10, rtol=0.0)
    assert result.rejected == 0


def test_steps_that_are_too_long_are_rejected_and_mended():
    result = assignment_pdhg(costs(30, 30), step=1e4)
    assert result.converged
    assert result.rejected > 5
    with pytest.raises(ValueError, match=r"step must lie in \(0, 1\]"):
        assignment_pdhg(costs(3, 3), step=1.5, method="chambolle_pock")


def test_row_and_column_constants_change_the_potentials_only():
    c = costs(10, 10)
    u, v = np.arange(10.0), 100.0 - np.arange(10.0) ** 2
    one = assignment_pdhg(c, rtol=1e-8)
    two = assignment_pdhg(c + u[:, None] + v, rtol=1e-8)
    three = assignment_pdhg(c.T, rtol=1e-8)
    np.testing.assert_allclose(one.plan, two.plan, atol=1e-6)
    np.testing.assert_allclose(one.plan, three.plan.T, atol=1e-6)
    assert two.cost - one.cost == pytest.approx(np.mean(u + v), abs=1e-7)


def test_any_plan_is_optimal_for_a_sum_of_two_vectors():
    c = np.arange(4.0)[:, None] + np.arange(6.0)
    result = assignment_pdhg(c)
    assert result.converged
    assert result.gap == pytest.approx(0.0, abs=1e-14)


def test_what_cannot_be_met():
    with pytest.raises(ValueError, match="equal sums"):
        assignment_pdhg(costs(2, 2), np.ones(2), np.full(2, 2.0))
    with pytest.raises(ValueError, match="cost must hold finite numbers, got 1 infinite"):
        assignment_pdhg([[0.0, np.inf], [1.0, 0.0]])
    with pytest.raises(ValueError, match="positive sum"):
        assignment_pdhg(costs(2, 2), np.zeros(2), np.zeros(2))
