"""Plans of low rank: exact marginals, descent, and problems whose answer is known."""

import numpy as np
import pytest
from cases.transport_models import _optimum

import linalgx as lx
from linalgx.transport import PointCloudCost, low_rank
from linalgx.transport._couplings import Couplings, nearest_couplings


def cloud(n, m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 2)), rng.standard_normal((m, 2)) + 1.0


def squared(x, y):
    return ((x[:, None] - y) ** 2).sum(2)


def factors(x, y):
    """Pair with the product ‖x − y‖²."""
    one = np.ones((len(x), 1)), np.ones((len(y), 1))
    square = (x**2).sum(1)[:, None], (y**2).sum(1)[:, None]
    return np.hstack([square[0], one[0], -2 * x]), np.hstack([one[1], square[1], y])


def masses(n, seed):
    a = np.random.default_rng(seed).uniform(0.2, 1.0, n)
    return 2.0 * a / a.sum()


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_marginals_are_exact(leg, epsilon):
    if leg.is_complex:
        return
    c, a, b = squared(*cloud(20, 15)), masses(20, 1), masses(15, 2)
    a[3] = 0.0
    a *= 2.0 / a.sum()
    result = low_rank(
        *(leg.asarray(v) for v in (c, a, b)), rank=4, epsilon=epsilon, rng=0, rtol=5e-3
    )
    q, r, w = (leg.to_numpy(v) for v in (result.q, result.r, result.weights))
    assert result.converged
    assert result.marginal_error <= 50 * leg.eps
    for got, wanted in ((q.sum(1), a), (r.sum(1), b), (q.sum(0), w), (r.sum(0), w)):
        np.testing.assert_allclose(got, wanted, atol=50 * leg.eps)
    assert min(q.min(), r.min(), w.min()) >= 0
    assert np.all(q[3] == 0)
    p = (q / w) @ r.T
    assert np.sum(p * c) == pytest.approx(result.cost, rel=200 * leg.eps)
    np.testing.assert_allclose(leg.to_numpy(result.plan @ leg.asarray(np.eye(15))), p, atol=1e-5)


def test_one_component_is_the_product():
    c, a, b = squared(*cloud(8, 9)), masses(8, 1), masses(9, 2)
    result = low_rank(c, a, b, rank=1, rng=0)
    assert result.cost == pytest.approx(a @ c @ b / 2.0, rel=1e-13)
    np.testing.assert_allclose(result.q[:, 0], a, rtol=1e-12)


def test_groups_are_found():
    """Three groups whose partners cost nothing, in any order: the rank is right."""
    group = np.array([0, 1, 2, 1, 0, 2, 2, 1, 0])
    partner = np.array([2, 1, 0])[np.array([0, 0, 1, 2, 2, 1, 0, 1, 2])]
    c = (group[:, None] != partner).astype(float)
    result = low_rank(c, rank=3, rng=0)
    assert result.cost < 1e-3
    np.testing.assert_allclose(np.sort(result.weights), 1 / 3, atol=1e-3)


def test_the_objective_never_rises():
    c = squared(*cloud(30, 30))
    costs = []
    for maxiter in (0, 1, 2, 4, 8, 16, 32):
        with pytest.warns(lx.ConvergenceWarning):
            costs.append(low_rank(c, rank=5, rng=0, rtol=0.0, maxiter=maxiter).objective)
    assert np.all(np.diff(costs) <= 1e-10 * costs[0])
    assert costs[-1] < 0.9 * costs[0]


def test_full_rank_comes_close_to_the_optimum():
    c = squared(*cloud(12, 12))
    a = np.full(12, 1 / 12)
    best = _optimum(c, a, a)
    found = min(low_rank(c, rank=12, rng=seed).cost for seed in range(3))
    assert best <= found * (1 + 1e-12)
    assert found <= 1.05 * best


def test_factors_and_lazy_costs_give_the_answer_of_the_matrix():
    x, y = cloud(25, 20)
    dense = low_rank(squared(x, y), rank=4, rng=0)
    for cost in (factors(x, y), PointCloudCost(x, y, p=2)):
        other = low_rank(cost, rank=4, rng=0)
        assert other.iterations == dense.iterations
        assert other.cost == pytest.approx(dense.cost, rel=1e-10)
        np.testing.assert_allclose(other.q, dense.q, atol=1e-10)


def test_entropy_spreads_the_plan():
    """Large ε leads to the product, in which all components are alike."""
    c, a, b = squared(*cloud(6, 7)), masses(6, 1), masses(7, 2)
    result = low_rank(c, a, b, rank=3, epsilon=1e3, rng=0, rtol=1e-6)
    p = (result.q / result.weights) @ result.r.T
    np.testing.assert_allclose(p, np.outer(a, b) / 2.0, rtol=0.05)


def test_the_projection_fulfils_its_conditions(leg):
    """Marginals, and the logarithms differ from those of K by sums of two vectors."""
    if leg.is_complex:
        return
    rng = np.random.default_rng(0)
    a, b = masses(9, 1) / 2, masses(7, 2) / 2
    logs = 4 * rng.standard_normal((9, 3)), 4 * rng.standard_normal((7, 3)), np.log([0.7, 0.2, 0.1])
    given = Couplings(*(leg.asarray(v) for v in logs))
    q, r, g = (
        leg.to_numpy(v)
        for v in nearest_couplings(given, leg.asarray(a), leg.asarray(b), 1e-6, xp=leg.xp)
    )
    tol = 20 * leg.eps**0.75
    for got, wanted in ((q.sum(1), a), (q.sum(0), g), (r.sum(1), b), (r.sum(0), g)):
        np.testing.assert_allclose(got, wanted, atol=tol)
    shifts = []
    for found, log in ((q, logs[0]), (r, logs[1])):
        gap = np.log(found) - log
        gap -= gap.mean(1, keepdims=True)
        np.testing.assert_allclose(gap, np.broadcast_to(gap.mean(0), gap.shape), atol=500 * leg.eps)
        shifts.append(gap.mean(0))
    rest = np.log(g) - logs[2] + shifts[0] + shifts[1]
    assert np.ptp(rest) <= 100 * tol


def test_the_floor_holds_components_that_would_vanish():
    faint = np.tile([0.0, -60.0], (3, 1))
    given = Couplings(faint, faint, np.array([0.0, -80.0]))
    third = np.full(3, 1 / 3)
    _, _, g = nearest_couplings(given, third, third, 1e-3, xp=np)
    np.testing.assert_allclose(g, [0.999, 0.001], rtol=1e-9)


def test_options_are_checked():
    c = squared(*cloud(3, 3))
    with pytest.raises(ValueError, match="rank must be at least 1"):
        low_rank(c, rank=0)
    with pytest.raises(ValueError, match="equally many columns"):
        low_rank((np.ones((3, 2)), np.ones((3, 4))), rank=2)
    with pytest.raises(ValueError, match="gamma must lie"):
        low_rank(c, rank=2, gamma=0.0)
