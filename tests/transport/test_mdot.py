"""Truncated Newton without a matrix: on every leg, with costs that are not stored, in batches."""

import array_api_compat.numpy as np_xp
import numpy as np
import pytest
from transport_problems import error_of, host, masses, plan_of, random_problem, solve, squared

import linalgx as lx
from linalgx import Status
from linalgx.transport import _mdot
from linalgx.transport._frozen import frozen_gradients
from linalgx.transport._problem import batch, single
from linalgx.transport._stopping import Stopping


def clouds(n=60, m=50, seed=0):
    rng = np.random.default_rng(seed)
    return squared(rng.random((n, 2)), rng.random((m, 2))), masses(n, seed), masses(m, seed + 1)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-2, 1e-3])
def test_plan_is_that_of_newton_on_every_leg(leg, epsilon):
    if leg.is_complex:
        return
    cost, a, b = random_problem(30, 24)
    arrays = [leg.asarray(x) for x in (cost, a, b)]
    rtol = 1e-12 if leg.eps < 1e-10 else None
    result = solve(*arrays, epsilon=epsilon, method="mdot", rtol=rtol)
    assert leg.matches(result.plan) and leg.matches(result.f) and result.method == "mdot"
    plan = solve(*arrays, epsilon=epsilon, method="newton", rtol=rtol).plan
    allowed = 1e-9 if leg.eps < 1e-10 else 2e-4
    assert np.abs(host(leg, result.plan) - host(leg, plan)).sum() <= allowed


@pytest.mark.parametrize("epsilon", [1e-2, 1e-3, 1e-4, 1e-6])
def test_arrives_at_every_regularization(epsilon):
    cost, a, b = clouds()
    result = solve(cost, a, b, epsilon=epsilon, method="mdot")
    assert error_of(result, cost, a, b, epsilon) <= 1e-9
    assert len(result.epsilon_path) > 1 and result.epsilon_path[-1] == epsilon


def test_newton_steps_on_the_way_to_a_random_assignment():
    # 20,371 sweeps of Sinkhorn's iteration from here, on an instance of this kind.
    cost = lx.gallery.assignment_cost(500, rng=0)
    result = solve(cost, epsilon=1 / 1200, method="mdot")
    assert result.iterations <= 50


def test_tiny_masses_and_an_assignment_to_rounding_of_the_exponents():
    rng = np.random.default_rng(0)
    cost, n = rng.random((80, 80)), 80
    a, b = (np.maximum(rng.dirichlet(np.full(n, 0.05)), 1e-14) for _ in range(2))
    for x, y in ((a / a.sum(), b / b.sum()), (np.full(n, 1 / n), np.full(n, 1 / n))):
        assert error_of(solve(cost, x, y, epsilon=1e-6, method="mdot"), cost, x, y, 1e-6) <= 1e-9


def test_forced_transfer_between_far_clusters():
    rng = np.random.default_rng(1)
    x, y = (np.concatenate([rng.normal(k, 0.1, (40, 2)) for k in (0, 10)]) for _ in range(2))
    a = np.repeat([0.5 + 1e-3, 0.5 - 1e-3], 40) / 40
    cost = squared(x, y)
    for epsilon in (1e-3, 1e-6):
        result = solve(cost, a, epsilon=epsilon, method="mdot")
        assert error_of(result, cost, a, np.full(80, 1 / 80), epsilon) <= 1e-9


@pytest.mark.parametrize("stored", [0, 2**23])
def test_a_cost_that_is_not_stored(stored, monkeypatch):
    rng = np.random.default_rng(2)
    x, y = rng.random((90, 2)), rng.random((70, 2))
    monkeypatch.setattr(_mdot, "STORED", stored)
    monkeypatch.setattr("linalgx.transport._costs.BLOCK_BYTES", {"host": 8 * 70 * 20})
    lazy = lx.transport.PointCloudCost(x, y)
    result = solve(lazy, epsilon=1e-2, method="mdot", rtol=1e-12)
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    plan = solve(cost, epsilon=1e-2, method="newton", rtol=1e-12).plan
    assert np.abs(np.asarray(result.plan @ np.eye(70)) - plan).sum() <= 1e-9


def flat_batch():
    rng = np.random.default_rng(3)
    cost = rng.random((4, 12, 9))
    a, b = rng.dirichlet(np.ones(12), 4), rng.dirichlet(np.ones(9), 4)
    return cost, a, b


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3])
def test_a_batch_answers_as_its_problems_do(leg, epsilon):
    if leg.is_complex:
        return
    cost, a, b = flat_batch()
    arrays = [leg.asarray(x) for x in (cost, a, b)]
    rtol = 1e-12 if leg.eps < 1e-10 else 1e-4
    run = _mdot.mdot(batch(*arrays, epsilon, xp=leg.xp), Stopping(rtol), {})
    assert run.status is Status.CONVERGED
    plans = plan_of(host(leg, run.f), host(leg, run.g), cost, epsilon)
    for k in range(4):
        alone = solve(cost[k], a[k], b[k], epsilon=epsilon, method="newton", rtol=1e-12).plan
        assert np.abs(plans[k] - alone).sum() <= (1e-9 if leg.eps < 1e-10 else 5e-4)


def test_a_problem_that_has_arrived_is_not_moved():
    cost, a, b = clouds(12, 9)
    start = solve(cost, a, b, epsilon=0.05, method="newton", rtol=1e-13)
    costs, many = np.stack([cost, cost[::-1]]), [np.stack([x, x]) for x in (a, b)]
    problem = batch(costs, *many, 0.05, xp=np_xp)
    f = np.stack([start.f, np.zeros(12)])
    g = np.stack([start.g, np.zeros(9)])
    plan = _mdot.Products(problem, f, g)
    r, c = plan.rows(), plan.transposed_times(np.ones((2, 12)))
    error = np.abs(r - many[0]).sum(-1, keepdims=True)
    step = _mdot.direction(plan, r, c, error, np.zeros((2, 1)), 1e-9)
    assert np.all(step[0] == 0) and np.abs(step[1]).max() > 0.1


def test_gradients_of_several_systems_stop_each_at_its_own_target():
    rng = np.random.default_rng(4)
    q = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    hard = (q * np.geomspace(1e-3, 1, 20)) @ q.T
    a = np.stack([np.diag(np.linspace(1, 2, 20)), hard, -np.eye(20)])
    y = rng.standard_normal((3, 20))
    target = np.array([[1e-10], [1e-2], [1e-10]])
    inverse = 1 / np.abs(np.einsum("kii->ki", a))
    x, steps = frozen_gradients(
        lambda p: (a @ p[..., None])[..., 0], y, inverse, target, 500, xp=np_xp
    )
    left = np.abs(y - (a @ x[..., None])[..., 0]).sum(-1)
    assert left[0] <= 1e-9 and left[1] <= 1.01e-2 and 1 < steps < 500
    assert np.all(x[2] == 0), "negative curvature gives no step"


def test_direction_solves_the_equation_of_newton():
    cost, a, b = clouds(15, 12)
    problem = single(cost, a, b, 0.1, xp=np_xp)
    f, g = _mdot.exact_steps(problem, np.zeros(12))
    plan = _mdot.Products(problem, f, g)
    p = plan_of(f, g, cost, 0.1)
    r = p.sum(1)
    s = np.diag(r) - p / p.sum(0) @ p.T
    error = np.abs(r - a).sum(keepdims=True)
    step = _mdot.direction(plan, r, p.sum(0), error, np.zeros(1), 1e-9)
    assert np.abs(s @ step - (a - r)).sum() <= 0.1 * error[0]
    assert a @ step == pytest.approx(0, abs=1e-14)


def test_limits_and_observers():
    cost, a, b = clouds()
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.transport.solve(cost, a, b, epsilon=1e-4, method="mdot", maxiter=7)
    assert result.status is Status.MAXITER and not result.converged and result.iterations <= 7
    seen = []

    def stop(state):
        seen.append(state.k)
        if state.k >= 5:
            raise StopIteration

    result = lx.transport.solve(cost, a, b, epsilon=1e-4, method="mdot", callback=stop)
    assert result.status is Status.STOPPED and seen[0] == 0


def test_forbidden_pairs():
    cost, a, b = random_problem(20, 20)
    a = b = np.full(20, 0.05)
    cost[np.abs(np.subtract.outer(np.arange(20), np.arange(20))) > 3] = np.inf
    result = solve(cost, a, b, epsilon=1e-2, method="mdot", rtol=1e-12)
    assert np.all(np.asarray(result.plan)[np.isinf(cost)] == 0)
    other = solve(cost, a, b, epsilon=1e-2, method="newton", rtol=1e-12)
    assert np.abs(result.plan - other.plan).sum() <= 1e-9


def test_option():
    cost, a, b = clouds(10, 10)
    assert solve(cost, a, b, epsilon=1e-2, method="mdot", options={"stage_rtol": 1e-3}).converged
    with pytest.raises(ValueError, match="stage_rtol"):
        lx.transport.solve(cost, a, b, epsilon=1e-2, method="mdot", options={"stage_rtol": -1})
