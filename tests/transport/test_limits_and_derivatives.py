"""The limit of small and large ε, and derivatives, of `transport.solve`."""

from math import log

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog
from transport_problems import METHODS, error_of, random_problem, solve

import linalgx as lx

EXACT = {"rtol": 1e-13}


# The limit of small ε.


def linear_program(cost, a, b):
    """Optimum without regularization, by SciPy's HiGHS."""
    n, m = cost.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    constraints = {"A_eq": np.vstack([rows, columns])[:-1], "b_eq": np.r_[a, b][:-1]}
    return linprog(cost.ravel(), **constraints, bounds=(0, None), method="highs").fun


@pytest.mark.parametrize("method", ["auto", "newton"])
def test_small_epsilon_reaches_the_assignment(method):
    n = 40
    cost = np.random.default_rng(0).random((n, n))
    optimum = cost[linear_sum_assignment(cost)].sum() / n
    before = np.inf
    for epsilon in (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        r = solve(cost, epsilon=epsilon, method=method)
        # P has entropy at most log n², at least log n for equal masses.
        assert -1e-8 <= r.cost - optimum <= epsilon * log(n) + 1e-8
        assert r.cost <= before + 1e-8
        assert r.lower_bound <= optimum + 1e-12
        assert r.upper_bound >= optimum - 1e-12
        before = r.cost
    assert r.upper_bound - r.lower_bound <= 2e-6 * log(n)
    assert np.argmax(r.plan, axis=1).tolist() == linear_sum_assignment(cost)[1].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_small_epsilon_reaches_the_linear_program(seed):
    cost, a, b = random_problem(20, 14, seed)
    optimum = linear_program(cost, a, b)
    before = np.inf
    for epsilon in (1e-1, 1e-2, 1e-3, 1e-4):
        r = solve(cost, a, b, epsilon=epsilon)
        assert -1e-8 <= r.cost - optimum <= epsilon * log(20 * 14) + 1e-8
        assert r.cost <= before + 1e-8
        assert r.lower_bound - 1e-9 <= optimum <= r.upper_bound + 1e-9
        before = r.cost
    assert r.upper_bound - r.lower_bound <= 2e-4 * log(20 * 14)


def test_large_epsilon_decouples():
    """P tends to a⊗b, and the value of the KL form to the cost of it."""
    cost, a, b = random_problem()
    r = solve(cost, a, b, epsilon=1e6, rtol=1e-13)
    np.testing.assert_allclose(r.plan, np.outer(a, b), rtol=2e-6)
    assert r.value_kl == pytest.approx(a @ cost @ b, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_hold_far_from_convergence(method):
    cost, a, b = random_problem()
    optimum = linear_program(cost, a, b)
    with pytest.warns(lx.ConvergenceWarning) as caught:
        r = lx.transport.solve(cost, a, b, epsilon=0.01, method=method, maxiter=2)
    assert len(caught) == 1
    assert not r.converged
    assert r.residual == pytest.approx(error_of(r, cost, a, b, 0.01), rel=1e-9)
    assert r.lower_bound <= optimum + 1e-12
    assert r.upper_bound >= optimum - 1e-12


# Derivatives.


def directions(n, m, seed=7):
    """Directions for cost and masses; those of the masses sum to zero."""
    rng = np.random.default_rng(seed)
    da, db = rng.standard_normal(n), rng.standard_normal(m)
    return rng.standard_normal((n, m)), (da - da.mean()) / n, (db - db.mean()) / m


def test_value_has_the_plan_and_the_potentials_as_derivatives():
    cost, a, b = random_problem()
    epsilon, h = 0.1, 1e-4
    r = solve(cost, a, b, epsilon=epsilon, **EXACT)
    dc, da, db = directions(15, 12)

    def slope(dc, da, db):
        ends = [
            solve(cost + t * dc, a + t * da, b + t * db, epsilon=epsilon, **EXACT).value_kl
            for t in (h, -h)
        ]
        return (ends[0] - ends[1]) / (2 * h)

    assert slope(dc, 0, 0) == pytest.approx((r.plan * dc).sum(), rel=1e-5)
    assert slope(0, da, 0) == pytest.approx(da @ (r.f - epsilon * np.log(a)), rel=1e-5)
    assert slope(0, 0, db) == pytest.approx(db @ (r.g - epsilon * np.log(b)), rel=1e-5)


def test_potentials_and_plan_move_as_the_hessian_says():
    """H (δf, δg)/ε = (δa, δb) + sums of P∘δC/ε; H has the null vector (1, −1) alone."""
    cost, a, b = random_problem()
    epsilon, h = 0.1, 1e-5
    p = solve(cost, a, b, epsilon=epsilon, **EXACT).plan
    hessian = np.block([[np.diag(p.sum(1)), p], [p.T, np.diag(p.sum(0))]])
    null = np.r_[np.ones(15), -np.ones(12)]
    values = np.linalg.eigvalsh(hessian)
    assert np.max(np.abs(hessian @ null)) <= 1e-12
    assert values[0] >= -1e-15
    assert values[1] >= 1e-4
    dc, da, db = directions(15, 12)
    load = np.r_[da + (p * dc).sum(1) / epsilon, db + (p * dc).sum(0) / epsilon]
    move = epsilon * np.linalg.lstsq(hessian, load, rcond=1e-12)[0]
    sums = move[:15, None] + move[None, 15:]
    up, down = (
        solve(cost + t * dc, a + t * da, b + t * db, epsilon=epsilon, **EXACT) for t in (h, -h)
    )
    found = [(r.f[:, None] + r.g[None, :]) / (2 * h) for r in (up, down)]
    np.testing.assert_allclose(found[0] - found[1], sums, atol=1e-5 * np.abs(sums).max())
    expected = p * (sums - dc) / epsilon
    plans = (up.plan - down.plan) / (2 * h)
    np.testing.assert_allclose(plans, expected, atol=1e-5 * np.abs(expected).max())
