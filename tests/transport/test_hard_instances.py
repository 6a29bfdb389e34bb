"""Where solvers stall, return NaN or say nothing: each must arrive, or be refused in words."""

from math import inf

import numpy as np
import pytest
from transport_problems import (
    METHODS,
    city_block,
    error_of,
    grid,
    host,
    marginal_error,
    masses,
    random_problem,
    solve,
    squared,
)

import linalgx as lx

RTOL = 1e-9
SMALL = (1e-4, 1e-5, 1e-6)
ROBUST = ("auto", "newton")


def cloud(n, dim, seed):
    return np.random.default_rng(seed).standard_normal((n, dim))


def small_masses(n, seed):
    """Dirichlet(0.05): a few bins hold nearly everything, many hold 1e-14."""
    a = np.maximum(masses(n, seed, 0.05), 1e-14)
    return a / a.sum()


def images(size, seed=0):
    return lx.gallery.blob_images(2, size, rng=seed).reshape(2, -1)


def instance(kind):
    uniform = np.full(70, 1 / 70)
    if kind == "assignment":
        return np.random.default_rng(0).random((70, 70)), uniform, uniform
    if kind == "clouds":
        return squared(cloud(70, 2, 0), cloud(70, 2, 1)), uniform, uniform
    if kind == "clouds in nine dimensions":
        return squared(cloud(70, 9, 0), cloud(50, 9, 1)), masses(70, 0), masses(50, 1)
    if kind == "L1 grid":  # many optimal plans without regularization
        return city_block(grid(9), grid(9)), *images(9)
    if kind == "squared grid":
        return squared(grid(9), grid(9)), *images(9)
    if kind == "duplicate points":
        x = np.repeat(cloud(20, 2, 0), 3, axis=0)
        y = np.concatenate([x[:30], np.repeat(cloud(10, 2, 1), 4, axis=0)])
        return squared(x, y), masses(60, 0), masses(70, 1)
    if kind == "the same points twice":
        x = cloud(60, 2, 0)
        return squared(x, x), masses(60, 0), masses(60, 1)
    if kind == "tiny masses":
        return np.random.default_rng(0).random((70, 60)), small_masses(70, 0), small_masses(60, 1)
    if kind == "tiny masses on a grid":
        return squared(grid(9), grid(9)), small_masses(81, 0), small_masses(81, 1)
    if kind == "wide":
        return np.random.default_rng(0).random((5, 200)), masses(5, 0), masses(200, 1)
    if kind == "few values":
        return np.random.default_rng(0).integers(0, 3, (60, 60)) / 2, masses(60, 0), masses(60, 1)
    raise KeyError(kind)


KINDS = (
    *("assignment", "clouds", "clouds in nine dimensions", "L1 grid", "squared grid"),
    *("duplicate points", "the same points twice", "tiny masses", "tiny masses on a grid"),
    *("wide", "few values"),
)


@pytest.mark.parametrize("method", ROBUST)
@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, *SMALL])
@pytest.mark.parametrize("kind", KINDS)
def test_every_epsilon_arrives(kind, epsilon, method):
    cost, a, b = instance(kind)
    result = solve(cost, a, b, epsilon=epsilon, method=method)
    assert error_of(result, cost, a, b, epsilon) <= RTOL
    assert result.residual == pytest.approx(error_of(result, cost, a, b, epsilon), abs=1e-12)
    assert result.lower_bound <= result.upper_bound
    assert result.epsilon_path[-1] == epsilon


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_sparse_plan(kind):
    """The method of GPUs holds nothing but vectors."""
    cost, a, b = instance(kind)
    result = solve(cost, a, b, epsilon=1e-3, method="mdot")
    assert error_of(result, cost, a, b, 1e-3) <= RTOL


def test_bounds_close_as_epsilon_falls():
    cost, a, b = instance("tiny masses on a grid")
    gaps = []
    for epsilon in (1e-2, 1e-4, 1e-6):
        r = solve(cost, a, b, epsilon=epsilon)
        gaps.append(r.upper_bound - r.lower_bound)
    assert gaps[2] < gaps[1] < gaps[0]
    assert gaps[2] <= 1e-5 * r.upper_bound + 2e-5


# Clusters that exchange a little mass.


def clusters(excess, n=120, seed=0):
    """Two clusters ten apart; the share `excess` has to travel; five masses in each are 1e-14."""
    rng = np.random.default_rng(seed)
    half = n // 2
    far = np.where(np.arange(n) < half, 0.0, 10.0)[:, None] * np.array([[1.0, 0.0]])
    x, y = (far + 0.5 * rng.standard_normal((n, 2)) for _ in range(2))

    def split(share):
        parts = []
        for total in (share, 1 - share):
            part = rng.dirichlet(np.full(half, 0.5))
            part[:5] = 0.0
            part = np.maximum(part / part.sum() * total, 1e-14)
            parts.append(part)
        return np.concatenate(parts)

    a, b = split(0.5 + excess / 2), split(0.5 - excess / 2)
    return squared(x, y), a / a.sum(), b / b.sum(), half


@pytest.mark.parametrize("method", ROBUST)
@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("excess", [0.0, 1e-3, 1e-6])
def test_clusters_with_forced_transfer(excess, epsilon, method):
    cost, a, b, half = clusters(excess)
    result = solve(cost, a, b, epsilon=epsilon, method=method)
    assert error_of(result, cost, a, b, epsilon) <= RTOL
    assert result.plan[:half, half:].sum() >= excess - RTOL
    if epsilon <= 1e-3:
        between = result.plan[:half, half:].sum() + result.plan[half:, :half].sum()
        assert between == pytest.approx(excess, abs=2 * RTOL)


def test_blocks_that_nothing_connects():
    """Costs +∞ between two blocks: two problems, whose potentials have a constant each."""
    cost, a, b = random_problem(12, 10)
    both = np.full((24, 20), inf)
    both[:12, :10], both[12:, 10:] = cost, cost.T[:10, :].T + 3.0
    weights = np.r_[0.25 * a, 0.75 * a], np.r_[0.25 * b, 0.75 * b]
    one = solve(cost, a, b, epsilon=0.05, rtol=1e-12)
    two = solve(both, *weights, epsilon=0.05, rtol=1e-12)
    np.testing.assert_allclose(two.plan[:12, :10], 0.25 * one.plan, rtol=0, atol=1e-11)
    np.testing.assert_allclose(two.plan[12:, 10:], 0.75 * one.plan, rtol=0, atol=1e-11)
    assert np.all(two.plan[:12, 10:] == 0)
    assert np.all(np.isfinite(two.f) & np.all(np.isfinite(two.g)))


# Bins without mass.


@pytest.mark.parametrize("method", METHODS)
def test_empty_bins_change_nothing(method):
    cost, a, b = random_problem()
    rows, columns = np.array([0, 3, 4, 9]), np.array([1, 11])
    a[rows], b[columns] = 0, 0
    a, b = a / a.sum(), b / b.sum()
    held = np.ix_(a > 0, b > 0)
    whole = solve(cost, a, b, epsilon=0.1, method=method)
    part = solve(cost[held], a[a > 0], b[b > 0], epsilon=0.1, method=method)
    assert np.all(whole.plan[rows] == 0)
    assert np.all(whole.plan[:, columns] == 0)
    np.testing.assert_allclose(whole.plan[held], part.plan, rtol=0, atol=1e-14)
    for name in ("cost", "value_kl", "dual_value", "lower_bound", "upper_bound"):
        assert getattr(whole, name) == pytest.approx(getattr(part, name), rel=1e-12)
    assert whole.empty[0].tolist() == rows.tolist()
    assert whole.empty[1].tolist() == columns.tolist()
    np.testing.assert_allclose(whole.f[a > 0], part.f, rtol=0, atol=1e-14)
    # Potentials of empty bins are c-transforms of the others.
    lowest = (cost[:, b > 0] - whole.g[b > 0]).min(axis=1)
    np.testing.assert_allclose(whole.f[rows], lowest[rows], rtol=1e-12)
    assert np.all(np.isfinite(whole.g))


def test_empty_bins_everywhere(leg):
    cost, a, b = random_problem(6, 5)
    if leg.is_complex:
        return
    a[2], b[0] = 0, 0
    b *= a.sum() / b.sum()
    r = solve(leg.asarray(cost), leg.asarray(a), leg.asarray(b), epsilon=0.1)
    p = host(leg, r.plan)
    assert np.all(p[2] == 0)
    assert np.all(p[:, 0] == 0)
    assert marginal_error(p, a, b) <= 2 * leg.eps**0.575
    assert np.all(np.isfinite(host(leg, r.f)))
    assert np.all(np.isfinite(host(leg, r.g)))


def test_a_row_of_infinite_cost_may_be_empty():
    cost, a, b = random_problem(6, 5)
    cost[2], a[2] = inf, 0
    r = solve(cost, a / a.sum(), b, epsilon=0.1)
    assert np.all(r.plan[2] == 0)


# Forbidden pairs.


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("apdagd", "greenkhorn")])
def test_forbidden_pairs_stay_empty(method):
    cost, a, b = random_problem()
    forbidden = np.random.default_rng(5).random(cost.shape) < 0.2
    free = solve(np.where(forbidden, 30.0, cost), a, b, epsilon=0.1, rtol=1e-10)
    r = solve(np.where(forbidden, inf, cost), a, b, epsilon=0.1, method=method, rtol=1e-10)
    assert np.all(r.plan[forbidden] == 0)
    assert error_of(r, np.where(forbidden, inf, cost), a, b, 0.1) <= RTOL
    # A cost 300 ε above the others is as good as forbidden.
    np.testing.assert_allclose(r.plan, free.plan, rtol=0, atol=2e-9)
    assert np.isfinite([r.cost, r.value_kl, r.dual_value, r.lower_bound]).all()
    assert r.cost == pytest.approx((r.plan * np.where(forbidden, 0, cost)).sum(), rel=1e-12)


def test_a_tree_of_allowed_pairs_leaves_no_choice():
    """On a path the plan follows from the masses alone, whatever the costs are."""
    plan = np.zeros((4, 4))
    for k in range(4):
        plan[k, k], plan[k, min(k + 1, 3)] = 0.1 + 0.02 * k, 0.15 - 0.01 * k
    plan[3, 3] = 0.2
    plan /= plan.sum()
    cost = np.where(plan > 0, np.random.default_rng(0).random((4, 4)), inf)
    r = solve(cost, plan.sum(1), plan.sum(0), epsilon=0.05, rtol=1e-12)
    np.testing.assert_allclose(r.plan, plan, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("allowed", "a", "b"),
    [
        ([[1, 1, 0], [1, 1, 0], [1, 1, 1]], [0.5, 0.4, 0.1], [0.4, 0.4, 0.2]),
        ([[1, 0], [1, 1]], [0.6, 0.4], [0.5, 0.5]),
        ([[1, 0], [0, 1]], [0.5, 0.5], [0.5 + 1e-4, 0.5 - 1e-4]),
    ],
)
def test_infeasible_problems_are_refused(allowed, a, b):
    cost = np.where(np.array(allowed) == 1, 0.5, inf)
    with pytest.raises(ValueError, match="cost"):
        lx.transport.solve(cost, a, b, epsilon=0.1)


# Batches.


@pytest.mark.parametrize("epsilon", [0.5, 1e-2, 1e-3])
def test_batches_equal_a_loop(epsilon):
    """Easy and hard problems in one batch; every one ends where it would alone."""
    rng = np.random.default_rng(0)
    costs = rng.random((6, 12, 10)) * np.array([1.0, 0.1, 1e-3, 1.0, 0.5, 0.0])[:, None, None]
    a = np.stack([masses(12, k) for k in range(6)])
    b = np.stack([masses(10, 10 + k) for k in range(6)])
    r = solve(costs, a, b, epsilon=epsilon)
    assert r.plan.shape == (6, 12, 10)
    assert np.max(marginal_error(r.plan, a, b)) <= RTOL
    for k in range(6):
        alone = solve(costs[k], a[k], b[k], epsilon=epsilon)
        np.testing.assert_allclose(r.plan[k], alone.plan, rtol=0, atol=5e-8)
        assert r.cost[k] == pytest.approx(alone.cost, abs=1e-7)
        assert r.upper_bound[k] >= alone.lower_bound - 1e-12
    assert r.residual == pytest.approx(error_of(r, costs, a, b, epsilon), abs=1e-13)
    np.testing.assert_allclose(r.errors.max(), r.residual)


def test_batches_broadcast(leg):
    if leg.is_complex:
        return
    costs = np.random.default_rng(0).random((2, 3, 6, 5))
    a, b = masses(6, 0), np.stack([masses(5, k) for k in range(3)])
    r = solve(leg.asarray(costs), leg.asarray(a), leg.asarray(b), epsilon=0.1)
    p = host(leg, r.plan)
    assert p.shape == (2, 3, 6, 5)
    assert leg.matches(r.plan)
    wide = np.broadcast_to(b, (2, 3, 5))
    assert np.max(marginal_error(p, np.broadcast_to(a, (2, 3, 6)), wide)) <= 2 * leg.eps**0.575


def test_padded_batches():
    """Problems of several sizes in one batch: empty bins pad them."""
    cost, a, b = random_problem(8, 7)
    small = solve(cost[:5, :4], a[:5] / a[:5].sum(), b[:4] / b[:4].sum(), epsilon=0.1, rtol=1e-11)
    pad_a, pad_b = a.copy(), b.copy()
    pad_a[5:], pad_b[4:] = 0, 0
    batch_a, batch_b = np.stack([a, pad_a / pad_a.sum()]), np.stack([b, pad_b / pad_b.sum()])
    r = solve(np.stack([cost, cost]), batch_a, batch_b, epsilon=0.1, rtol=1e-11)
    np.testing.assert_allclose(r.plan[1, :5, :4], small.plan, rtol=0, atol=1e-10)
    assert np.all(r.plan[1, 5:] == 0)
    assert np.all(r.plan[1, :, 4:] == 0)
    assert np.all(np.isfinite(r.f))


def test_one_warning_for_a_batch():
    costs = np.random.default_rng(0).random((4, 12, 10))
    with pytest.warns(lx.ConvergenceWarning) as caught:
        r = lx.transport.solve(costs, epsilon=1e-3, maxiter=1)
    assert len(caught) == 1
    assert not r.converged


def test_an_empty_batch():
    r = lx.transport.solve(np.zeros((0, 4, 3)), epsilon=0.1)
    assert r.plan.shape == (0, 4, 3)
    assert r.f.shape == (0, 4)


def test_results_share_no_memory_with_the_input():
    cost, a, b = random_problem(6, 5)
    r = solve(cost, a, b, epsilon=0.1)
    for x in (r.plan, r.f, r.g, r.a, r.b):
        assert not any(np.shares_memory(x, given) for given in (cost, a, b))
