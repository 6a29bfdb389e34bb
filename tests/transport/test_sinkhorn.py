"""Sinkhorn's iteration, in scaling form and in the log domain."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from linalgx.errors import ConvergenceWarning
from linalgx.results import Status
from linalgx.transport import _absorbed as absorbed
from linalgx.transport import _costs as costs
from linalgx.transport import _sinkhorn as module
from linalgx.transport import solve
from linalgx.transport._absorbed import Absorbed
from linalgx.transport._costs import DenseCost
from linalgx.transport._problem import single
from linalgx.transport._sinkhorn import wide_potentials

BOTH = pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log"])


def real(leg, host):
    """Array of the leg's real dtype: complex costs are refused."""
    array = leg.xp.asarray(np.array(host, dtype=leg.real_name), device=leg.device)
    if leg.readonly:
        array.setflags(write=False)
    return array


def uniform(n, m, seed=0):
    return np.random.default_rng(seed).random((n, m))


class Computed:
    """A cost that is not stored, as far as the methods can tell."""

    def __init__(self, matrix):
        self._dense = DenseCost(matrix, xp=xp)
        self.shape, self.xp = self._dense.shape, xp
        self.dtype, self.device = self._dense.dtype, self._dense.device
        self.largest = 0

    def block(self, start, stop):
        self.largest = max(self.largest, stop - start)
        return self._dense.block(start, stop)

    def span(self):
        return self._dense.span()

    def transposed(self):
        return Computed(self._dense.matrix.mT)

    def restricted(self, rows, columns):
        same = rows is None and columns is None
        return self if same else Computed(self._dense.restricted(rows, columns).matrix)

    def times_power_of_two(self, exponent):
        return Computed(self._dense.times_power_of_two(exponent).matrix) if exponent else self

    def astype(self, dtype):
        return self if dtype == self.dtype else Computed(self._dense.matrix.astype(dtype))


@BOTH
@pytest.mark.parametrize("exponent", [0.1, 1.0, 3.0])
def test_two_by_two(leg, method, exponent):
    """Equal masses: off the diagonal ½/(1 + exp((C₁₂ + C₂₁ − C₁₁ − C₂₂)/2ε)), whatever the rest."""
    cost, epsilon = np.array([[0.3, 1.1], [0.5, 0.2]]), 1.1 / (2 * exponent)
    result = solve(real(leg, cost), epsilon=epsilon, method=method, rtol=32 * leg.eps)
    expected = 0.5 / (1.0 + np.exp(exponent))
    plan = leg.to_numpy(result.plan)
    assert result.converged
    tolerance = 1e-12 if leg.eps < 1e-10 else 1e-4
    np.testing.assert_allclose([plan[0, 1], plan[1, 0]], expected, rtol=tolerance)


@BOTH
def test_marginals(leg, method):
    rng = np.random.default_rng(1)
    a, b = rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(20))
    given = real(leg, uniform(30, 20)), real(leg, a), real(leg, b)
    result = solve(*given, epsilon=0.05, method=method)
    plan = leg.to_numpy(result.plan).astype(float)
    error = np.abs(plan.sum(1) - leg.to_numpy(given[1])).sum()
    error += np.abs(plan.sum(0) - leg.to_numpy(given[2])).sum()
    assert result.converged
    assert error == pytest.approx(result.marginal_error, abs=100 * leg.eps)
    assert error <= leg.eps**0.575 + 100 * leg.eps
    assert len(result.history) == result.iterations + 1


@BOTH
def test_separable_costs_need_no_sweep(leg, method):
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(5))
    cost = rng.random((7, 1)) + rng.random(5)
    result = solve(real(leg, cost), real(leg, a), real(leg, b), epsilon=0.1, method=method)
    assert result.iterations == 0
    np.testing.assert_allclose(leg.to_numpy(result.plan), np.outer(a, b), atol=50 * leg.eps)


@BOTH
def test_equal_masses_and_symmetric_costs_have_one_potential(method):
    x = np.random.default_rng(0).random((25, 2))
    cost = np.abs(x[:, None] - x).sum(-1)
    a = np.random.default_rng(1).dirichlet(np.ones(25))
    result = solve(cost, a, a, epsilon=0.3, method=method, rtol=1e-12)
    np.testing.assert_allclose(result.f, result.g, atol=1e-11)
    np.testing.assert_allclose(result.plan, result.plan.T, atol=1e-12)


def test_both_forms_are_one_iteration():
    cost = uniform(40, 50)
    scaled, logarithmic = (
        solve(cost, epsilon=0.01, method=method) for method in ("sinkhorn", "sinkhorn_log")
    )
    assert scaled.iterations == logarithmic.iterations
    np.testing.assert_allclose(scaled.history, logarithmic.history, rtol=1e-5)


class TestAbsorption:
    """The scalings of small ε leave every range of numbers; the potentials do not."""

    def counted(self, monkeypatch):
        calls = []
        plain = Absorbed._absorb

        def absorb(state, f, g):
            calls.append(1)
            plain(state, f, g)

        monkeypatch.setattr(Absorbed, "_absorb", absorb)
        return calls

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("epsilon", [1e-3, 1e-4])
    def test_never_overflows(self, monkeypatch, dtype, epsilon):
        calls = self.counted(monkeypatch)
        cost = uniform(60, 60).astype(dtype)
        with pytest.warns(ConvergenceWarning):
            result = solve(cost, epsilon=epsilon, method="sinkhorn", maxiter=300, rtol=1e-9)
        logs = solve_quietly(cost, epsilon=epsilon, method="sinkhorn_log", maxiter=300, rtol=1e-9)
        assert result.status is Status.MAXITER
        assert np.all(np.isfinite(result.f)) and np.all(np.isfinite(result.g))
        assert result.plan.sum() == pytest.approx(1.0, abs=1e-12 if dtype == "float64" else 1e-5)
        tolerance = 1e-6 if dtype == "float64" else 1e-2
        np.testing.assert_allclose(result.history, logs.history, rtol=tolerance)
        assert len(calls) <= 30  # not one a sweep

    def test_absorbing_in_every_sweep_changes_nothing(self, monkeypatch):
        """Resetting the scalings to 1/n instead of one would freeze the iteration."""
        cost = uniform(30, 40)
        expected = solve(cost, epsilon=0.01, method="sinkhorn")
        monkeypatch.setattr(absorbed, "BOUNDS", {"double": 1.0, "single": 1.0})
        calls = self.counted(monkeypatch)
        result = solve(cost, epsilon=0.01, method="sinkhorn")
        assert len(calls) == result.iterations == expected.iterations
        np.testing.assert_allclose(result.history, expected.history, rtol=1e-6)
        assert result.plan.sum() == pytest.approx(1.0, abs=1e-9)

    def test_no_row_underflows_at_the_start(self):
        """exp(−C/ε) alone would be zero in every entry."""
        cost = 5.0 + uniform(20, 20)
        result = solve_quietly(cost, epsilon=1e-3, method="sinkhorn", maxiter=50)
        assert np.all(result.plan.sum(axis=1) > 0)
        np.testing.assert_allclose(result.plan.sum(axis=0), 1 / 20, rtol=1e-9)

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_only_the_product_of_the_scalings_counts(self, monkeypatch, dtype):
        """The same plan, but with scalings that have to be absorbed."""
        calls = self.counted(monkeypatch)
        state, plain = started(dtype), started(dtype)
        large = state.u.dtype.type(1e100 if dtype == "float64" else 1e20)
        state.u, state.v, state.kv = state.u / large, state.v * large, state.kv * large
        state.sweep()
        assert len(calls) == 1
        plain.sweep()
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(state.plan(), plain.plan(), rtol=tolerance)

    @pytest.mark.parametrize("count", [1, 10])
    def test_an_overflow_is_undone(self, monkeypatch, count):
        """Where the look came too late, the sweeps are made again, the first in logarithms."""
        state, plain = started("float64"), started("float64")
        plain.sweep(count)
        take, looks = Absorbed.take, []

        def late(state, *scalings):
            looks.append(1)
            return take(state, *scalings) if len(looks) > (count > 1) + 1 else False

        monkeypatch.setattr(Absorbed, "take", late)
        state.sweep(count)
        assert len(looks) == count + (count > 1)
        np.testing.assert_allclose(state.plan(), plain.plan(), rtol=1e-11)

    def test_tiny_masses(self):
        rng = np.random.default_rng(0)
        a, b = rng.dirichlet(np.full(30, 0.05)) + 1e-14, rng.dirichlet(np.full(30, 0.05)) + 1e-14
        a, b = a / a.sum(), b / b.sum()
        result = solve(uniform(30, 30), a, b, epsilon=0.05, method="sinkhorn")
        assert result.converged
        np.testing.assert_allclose(result.plan.sum(axis=0), b, rtol=1e-9)


def started(dtype):
    masses = np.full(20, 0.05, dtype), np.full(15, 1 / 15, dtype)
    problem = wide_potentials(single(uniform(20, 15).astype(dtype), *masses, 0.02, xp=xp))
    return Absorbed.start(problem, xp.zeros_like(problem.b))


def solve_quietly(*args, **options):
    with pytest.warns(ConvergenceWarning):
        return solve(*args, **options)


@BOTH
@pytest.mark.parametrize("epsilon", [3e-3, 1e-3])
def test_float32_arrives(method, epsilon):
    """The error that is reported is another rounding of the one that steers."""
    cost = uniform(50, 50).astype(np.float32)
    result = solve(cost, epsilon=epsilon, method=method)
    assert result.converged
    assert result.plan.dtype == np.float32


def test_scalings_are_as_narrow_as_the_cost():
    state = started("float32")
    state.sweep()
    assert {x.dtype for x in (state.k, state.u, state.v, state.kv)} == {np.dtype(np.float32)}
    assert {x.dtype for x in state.potentials()} == {np.dtype(np.float64)}


@BOTH
def test_few_errors_where_they_make_the_device_wait(monkeypatch, method):
    cost = uniform(40, 30)
    every = solve(cost, epsilon=0.01, method=method)
    monkeypatch.setattr(module, "is_gpu", lambda a, xp: True)
    seldom = solve(cost, epsilon=0.01, method=method)
    assert seldom.converged
    assert seldom.iterations == 10 * -(-every.iterations // 10)
    assert len(seldom.history) == 1 + seldom.iterations // 10
    common = every.history[::10]
    np.testing.assert_allclose(seldom.history[: len(common)], common, rtol=1e-6)
    assert solve_quietly(cost, epsilon=0.01, method=method, maxiter=13).iterations == 13


@BOTH
def test_costs_that_are_not_stored(monkeypatch, method):
    cost = uniform(33, 21)
    stored = solve(cost, epsilon=0.02, method=method)
    monkeypatch.setattr(costs, "BLOCK_BYTES", {"host": 8 * 21 * 10, "gpu": 8 * 21 * 10})
    lazy = Computed(cost)
    result = solve(lazy, epsilon=0.02, method=method)
    assert lazy.largest == 10
    assert result.method == "sinkhorn_log"
    assert result.converged
    assert result.iterations == stored.iterations
    np.testing.assert_allclose(result.f, stored.f, atol=1e-10)
    np.testing.assert_allclose(result.plan @ np.eye(21), stored.plan, atol=1e-11)


@BOTH
def test_forbidden_pairs_carry_nothing(leg, method):
    cost = uniform(12, 12)
    cost[np.arange(12), (np.arange(12) + 1) % 12] = np.inf
    result = solve(real(leg, cost), epsilon=0.1, method=method)
    assert result.converged
    assert not leg.to_numpy(result.plan)[np.isinf(cost)].any()


@BOTH
def test_the_observer_sees_the_potential(method):
    """With the scalings in it, not the absorbed part alone."""
    seen = []
    cost = uniform(20, 30)
    result = solve(cost, epsilon=0.02, method=method, callback=seen.append)
    assert [s.k for s in seen] == list(range(result.iterations + 1))
    assert [s.residual for s in seen] == list(result.history)
    assert np.ptp(seen[-1].x - result.f) < 1e-13
    assert np.ptp(seen[0].x - result.f) > 1e-3


@BOTH
def test_statuses(method):
    def stop(state):
        if state.k == 3:
            raise StopIteration

    cost = uniform(20, 20)
    assert solve_quietly(cost, epsilon=0.01, method=method, maxiter=0).iterations == 0
    limited = solve_quietly(cost, epsilon=0.01, method=method, maxiter=4)
    assert (limited.status, limited.iterations) == (Status.MAXITER, 4)
    stopped = solve(cost, epsilon=0.01, method=method, callback=stop)
    assert (stopped.status, stopped.iterations) == (Status.STOPPED, 3)


def test_one_gaussian_to_another():
    """On a fine grid: (Δm)² + s₀² + s₁² − D + σ²(1 − log 2σ²) + σ² log(D + σ²), σ² = ε/2."""
    x, epsilon = np.linspace(-6, 6, 300), 0.5
    (m0, s0), (m1, s1) = (-0.3, 0.5), (0.4, 0.7)
    a, b = (np.exp(-((x - m) ** 2) / (2 * s * s)) for m, s in ((m0, s0), (m1, s1)))
    a, b = a / a.sum(), b / b.sum()
    var = epsilon / 2
    d = np.sqrt(4 * (s0 * s1) ** 2 + var**2)
    expected = (m0 - m1) ** 2 + s0**2 + s1**2 - d
    expected += var * (1 - np.log(2 * var)) + var * np.log(d + var)
    result = solve((x[:, None] - x) ** 2, a, b, epsilon=epsilon, method="sinkhorn", rtol=1e-12)
    assert result.value_kl == pytest.approx(expected, abs=1e-6)
