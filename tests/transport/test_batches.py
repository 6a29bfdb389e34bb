"""Batches: each slice is the unbatched answer, whoever arrives first."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.transport import solve

METHODS = ["auto", "sinkhorn", "sinkhorn_log", "newton", "overrelaxed", "mdot"]


def problems(k=5, n=12, m=9, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.random((k, n, 2)), rng.random((k, m, 2))
    cost = np.sum((x[:, :, None] - y[:, None]) ** 2, axis=3)
    a, b = rng.random((k, n)) + 0.1, rng.random((k, m)) + 0.1
    return cost, a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)


def errors(result, a, b):
    p = np.asarray(result.plan, dtype=np.float64)
    return np.abs(p.sum(-1) - a).sum(-1) + np.abs(p.sum(-2) - b).sum(-1)


def equal(batch, single, k, tolerance):
    for name in ("f", "g", "plan", "cost", "value_kl", "dual_value", "lower_bound", "upper_bound"):
        away = np.abs(getattr(batch, name)[k] - getattr(single, name)).max()
        assert away <= tolerance, (name, k, away)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", [0.1, 0.01])
def test_each_slice_is_the_unbatched_answer(method, epsilon):
    cost, a, b = problems()
    result = solve(cost, a, b, epsilon=epsilon, method=method)
    assert result.converged and result.errors.shape == (5,)
    assert errors(result, a, b).max() <= 1.0001e-9
    assert abs(result.residual - errors(result, a, b).max()) < 1e-12
    for k in range(5):
        equal(result, solve(cost[k], a[k], b[k], epsilon=epsilon, method="newton"), k, 2e-8)


@pytest.mark.parametrize("method", ["auto", "sinkhorn", "newton"])
def test_backends(leg, method):
    cost, a, b = problems()
    cost, a, b = (leg.xp.asarray(x.astype(leg.real_name), device=leg.device) for x in (cost, a, b))
    result = solve(cost, a, b, epsilon=0.05, method=method)
    assert result.converged
    host = [np.asarray(leg.to_numpy(x), dtype=np.float64) for x in (result.plan, a, b)]
    missing = np.abs(host[0].sum(2) - host[1]).sum(1) + np.abs(host[0].sum(1) - host[2]).sum(1)
    assert missing.max() <= leg.eps**0.575 + 30 * leg.eps


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", [0.05, 0.005])
def test_ragged_by_bins_without_mass(method, epsilon):
    cost, a, b = problems()
    a[0, 5:], b[1, :6], a[2, 3], b[2, 4] = 0.0, 0.0, 0.0, 0.0
    a, b = a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)
    result = solve(cost, a, b, epsilon=epsilon, method=method)
    assert result.converged and np.isfinite(result.f).all() and np.isfinite(result.g).all()
    assert (result.plan[0, 5:] == 0).all() and (result.plan[1, :, :6] == 0).all()
    for k in range(5):
        equal(result, solve(cost[k], a[k], b[k], epsilon=epsilon, method="newton"), k, 1e-7)


def test_leading_axes_and_broadcasting():
    cost, a, b = problems(k=6)
    whole = solve(cost.reshape(2, 3, 12, 9), a.reshape(2, 3, 12), b.reshape(2, 3, 9), epsilon=0.05)
    flat = solve(cost, a, b, epsilon=0.05)
    assert whole.plan.shape == (2, 3, 12, 9) and whole.cost.shape == (2, 3) == whole.errors.shape
    assert np.array_equal(whole.f.reshape(6, 12), flat.f)
    one = solve(cost[0], a, b[0], epsilon=0.05)
    assert one.plan.shape == (6, 12, 9)
    for k in range(6):
        equal(one, solve(cost[0], a[k], b[0], epsilon=0.05), k, 1e-8)
    many = solve(cost, epsilon=0.05)
    assert np.abs(many.plan.sum(2) - 1 / 12).max() < 1e-9
    with pytest.raises(ValueError, match="must fit the batch"):
        solve(cost, a[:4], b, epsilon=0.05)


def test_who_has_arrived_is_frozen():
    cost, a, b = problems(k=8)
    cost[0] = 1.0  # arrives at once
    cost[1] *= 30.0  # comes last
    slow = solve(cost, a, b, epsilon=0.05, method="sinkhorn")
    assert slow.converged and slow.iterations > 50
    alone = solve(cost[2:3], a[2:3], b[2:3], epsilon=0.05, method="sinkhorn")
    assert alone.iterations < slow.iterations
    # Had it been swept on, its error would be at rounding level.
    assert np.abs(slow.f[2] - alone.f[0]).max() < 1e-15
    assert slow.errors[2] > 1e-13


def test_hard_and_easy_problems_together():
    cost, a, b = problems(k=6)
    scales = np.asarray([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
    result = solve(cost * scales[:, None, None], a, b, epsilon=0.05)
    assert result.converged and result.method == "newton"
    for k in range(6):
        one = solve(scales[k] * cost[k], a[k], b[k], epsilon=0.05)
        assert np.abs(result.plan[k] - one.plan).max() < 1e-8


def test_forbidden_pairs():
    cost, a, b = problems(k=3, n=6, m=6)
    cost = np.where(np.triu(np.ones((6, 6)), 2) > 0, np.inf, cost)
    a = b = np.full((3, 6), 1 / 6)
    result = solve(cost, a, b, epsilon=0.05)
    assert result.converged and (result.plan[:, 0, 2:] == 0).all()
    for k in range(3):
        assert np.abs(result.plan[k] - solve(cost[k], epsilon=0.05).plan).max() < 1e-8


def test_masses_of_any_sum():
    cost, a, b = problems(k=3)
    mass = np.asarray([1.0, 7.0, 1e-5])[:, None]
    result = solve(cost, a * mass, b * mass, epsilon=0.05)
    expected = solve(cost, a, b, epsilon=0.05)
    assert np.abs(result.plan / mass[:, :, None] - expected.plan).max() < 1e-12
    assert np.abs(result.cost - mass[:, 0] * expected.cost).max() < 1e-10


def test_one_problem_without_a_plan_is_named():
    cost, a, b = problems(k=3)
    b[1] *= 2.0
    with pytest.raises(ValueError, match="equal sums"):
        solve(cost, a, b, epsilon=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_observer_and_limits(method):
    cost, a, b = problems()
    seen = []
    result = solve(cost, a, b, epsilon=0.01, method=method, callback=lambda s: seen.append(s))
    assert seen[0].k == 0 and seen[-1].k == result.iterations
    assert [s.k for s in seen] == sorted(s.k for s in seen)
    with pytest.warns(lx.ConvergenceWarning):
        short = solve(cost, a, b, epsilon=0.01, method=method, maxiter=1)
    assert not short.converged and short.residual > 1e-9 and np.isfinite(short.f).all()


def test_stopped_by_the_observer():
    def stop(state):
        if state.k >= 20:
            raise StopIteration

    cost, a, b = problems()
    result = solve(cost, a, b, epsilon=0.01, method="sinkhorn", callback=stop)
    assert result.status is lx.Status.STOPPED and result.iterations == 20
    assert result.plan.shape == cost.shape and np.isfinite(result.f).all()


@pytest.mark.parametrize("method", METHODS)
def test_padding_may_be_anything(method, recwarn):
    cost, a, b = problems()
    a[0, 5:], b[1, :3], a[2, 3], a[3, 4], b[3, 2] = 0.0, 0.0, 0.0, 0.0, 0.0
    expected = solve(cost, *(x / x.sum(1, keepdims=True) for x in (a, b)), epsilon=0.05)
    cost[0, 5:], cost[1, :, :3], cost[2, 3] = np.inf, np.inf, 1e300
    cost[3, 4], cost[3, 4, 2] = np.inf, 1.0  # an empty bin that may send to an empty bin only
    a, b = a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)
    result = solve(cost, a, b, epsilon=0.05, method=method)
    assert result.converged and not recwarn.list
    assert np.abs(result.plan - expected.plan).max() < 1e-8
    for name in ("cost", "value_kl", "lower_bound", "upper_bound"):
        assert np.abs(getattr(result, name) - getattr(expected, name)).max() < 1e-8


@pytest.mark.parametrize("method", ["auto", "sinkhorn", "sinkhorn_log", "newton", "mdot"])
def test_one_lost_problem_leaves_the_others_their_answers(method):
    cost, a, b = problems()
    cost[1, 2, 3] = np.nan
    with pytest.warns(lx.ConvergenceWarning):
        result = solve(cost, a, b, epsilon=0.05, method=method, check_finite=False)
    assert not result.converged and np.isnan(result.residual)
    rest = [0, 2, 3, 4]
    assert result.errors[rest].max() <= 1e-9
    expected = solve(cost[rest], a[rest], b[rest], epsilon=0.05)
    assert np.abs(result.plan[rest] - expected.plan).max() < 1e-8


@pytest.mark.filterwarnings("error::RuntimeWarning", "default::linalgx.ConvergenceWarning")
def test_a_problem_beyond_all_digits_leaves_the_others_their_answers():
    cost, a, b = problems(k=6)
    cost[0] *= 1e200
    with pytest.warns(lx.ConvergenceWarning):
        result = solve(cost, a, b, epsilon=0.01)
    assert not result.converged and result.errors[0] > 1.0 and result.errors[1:].max() <= 1e-9


def test_a_problem_that_takes_all_steps_leaves_ragged_ones_theirs(monkeypatch):
    monkeypatch.setattr("linalgx.transport._batch.NEWTON_LIMIT", 2)
    cost, a, b = problems()
    a[3, 5:] = 0.0
    result = solve(cost, a / a.sum(1, keepdims=True), b, epsilon=0.01, method="newton")
    assert result.converged and result.errors.max() <= 1e-9


def test_stopping_stops_those_that_were_set_aside():
    cost, a, b = problems(k=8)
    cost[0] *= 200
    cost[1:] *= 6
    seen = []

    def stop(state):
        seen.append(state.k)
        if state.k >= 60:
            raise StopIteration

    result = solve(cost, a, b, epsilon=0.05, callback=stop)
    assert result.status is lx.Status.STOPPED and result.iterations == 60
    assert seen[-1] == 60 and seen.count(60) == 1


def test_the_observer_of_newton_sees_potentials():
    cost, a, b = problems(k=6, n=12, m=9)  # the systems have the order of the columns
    last = []
    result = solve(
        cost.reshape(2, 3, 12, 9), a.reshape(2, 3, 12), b.reshape(2, 3, 9),
        epsilon=0.05, method="newton", callback=lambda s: last.append(s.x),
    )  # fmt: skip
    assert all(x.shape == (2, 3, 12) for x in last)
    away = last[-1] - result.f
    assert np.abs(away - away[..., :1]).max() < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_no_problems(method):
    result = solve(np.zeros((2, 0, 3, 4)), epsilon=1.0, method=method)
    assert result.converged and result.plan.shape == (2, 0, 3, 4)
    assert result.f.shape == (2, 0, 3) and result.cost.shape == (2, 0) == result.errors.shape


def test_potentials_of_bins_that_may_send_to_empty_bins_only(recwarn):
    cost, a, b = problems(k=2)
    a[:, 4], b[:, 2] = 0.0, 0.0
    cost[:, 4], cost[:, 4, 2] = np.inf, 1.0
    a, b = a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)
    both = solve(cost, a, b, epsilon=0.05)
    one = solve(cost[0], a[0], b[0], epsilon=0.05)
    assert np.isfinite(one.f).all() and np.isfinite(one.g).all() and not recwarn.list
    for name in ("f", "g"):
        assert np.abs(getattr(both, name)[0] - getattr(one, name)).max() < 1e-8
