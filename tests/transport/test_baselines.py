"""First-order methods and dense Newton: what the recommended methods are measured against."""

from itertools import pairwise

import array_api_compat.numpy as xp
import numpy as np
import pytest

import linalgx as lx
from linalgx.errors import ConvergenceWarning
from linalgx.results import Status
from linalgx.transport import _overrelaxed as module
from linalgx.transport import solve
from linalgx.transport._costs import DenseCost
from linalgx.transport._halves import halves
from linalgx.transport._overrelaxed import Tuner, allowed, relaxed_sweep
from linalgx.transport._problem import single

METHODS = ("overrelaxed", "anderson", "greenkhorn", "apdagd", "sinkhorn_newton")
EACH = pytest.mark.parametrize("method", METHODS)


def real(leg, host):
    """Array of the leg's real dtype: complex costs are refused."""
    array = leg.xp.asarray(np.array(host, dtype=leg.real_name), device=leg.device)
    if leg.readonly:
        array.setflags(write=False)
    return array


def instance(n=11, m=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, m)), rng.dirichlet(np.full(n, 3.0)), rng.dirichlet(np.full(m, 3.0))


def assignment(n=500, seed=0):
    return np.random.default_rng(seed).random((n, n))


def grid_distances(n):
    """Squared distances of the points of a square grid on [0, 1]²."""
    x = np.linspace(0, 1, n)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, ((points[:, None] - points) ** 2).sum(-1)


def blobs(n=28):
    cost = grid_distances(n)[1]
    a, b = lx.gallery.blob_images(2, n, rng=0)
    return cost / cost.max(), a.ravel(), b.ravel()


def quietly(*args, **options):
    with pytest.warns(ConvergenceWarning):
        return solve(*args, **options)


@EACH
def test_plans_agree(leg, method):
    given = [real(leg, x) for x in instance(6, 5)]
    double = leg.eps < 1e-10
    rtol = 1e-11 if double else 1e-5
    result, reference = (
        solve(*given, epsilon=0.5, method=name, rtol=rtol) for name in (method, "newton")
    )
    assert result.converged
    assert result.method == method
    difference = leg.to_numpy(result.plan) - leg.to_numpy(reference.plan)
    assert np.abs(difference).sum() <= (1e-9 if double else 1e-4)


@EACH
def test_error_is_that_of_the_potentials(method):
    cost, a, b = instance()
    result = solve(cost, a, b, epsilon=0.1, method=method)
    plan = np.exp((result.f[:, None] + result.g - cost) / 0.1)
    error = np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum()
    assert error == pytest.approx(result.marginal_error, abs=1e-13)
    assert error <= np.finfo(float).eps ** 0.575
    assert result.history[-1] == pytest.approx(error, abs=1e-13)


@EACH
def test_statuses(method):
    def stop(state):
        if state.k >= 1:
            raise StopIteration

    cost, a, b = instance()
    given = {"epsilon": 0.03, "method": method}
    start = quietly(cost, a, b, maxiter=0, **given)
    assert (start.status, start.iterations, len(start.history)) == (Status.MAXITER, 0, 1)
    limited = quietly(cost, a, b, maxiter=3, **given)
    assert (limited.status, limited.iterations) == (Status.MAXITER, 3)
    assert not limited.converged
    stopped = solve(cost, a, b, callback=stop, **given)
    assert (stopped.status, stopped.iterations) == (Status.STOPPED, 1)


@EACH
def test_the_observer_sees_the_potential(method):
    seen = []
    cost, a, b = instance()
    result = solve(cost, a, b, epsilon=0.1, method=method, callback=seen.append)
    assert [s.residual for s in seen] == list(result.history)
    assert seen[-1].k == result.iterations
    assert np.ptp(seen[-1].x - result.f) < 1e-12


@EACH
def test_the_unit_of_the_costs_does_not_matter(method):
    cost, a, b = instance()
    plain = solve(cost, a, b, epsilon=0.1, method=method)
    scaled = solve(3e5 * cost + 2e4, a, b, epsilon=3e4, method=method)
    assert abs(plain.iterations - scaled.iterations) <= 1 + plain.iterations // 50
    np.testing.assert_allclose(scaled.plan, plain.plan, atol=1e-9)


@EACH
def test_general_code_arrives_as_kernels_do(monkeypatch, method):
    cost, a, b = instance(30, 25)
    fast = solve(cost, a, b, epsilon=0.05, method=method)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = solve(cost, a, b, epsilon=0.05, method=method)
    assert slow.converged
    assert abs(slow.iterations - fast.iterations) <= 2 + fast.iterations // 10
    np.testing.assert_allclose(slow.plan, fast.plan, atol=1e-9)


def lazy(cost):
    """The blocks of a cost alone."""
    dense = DenseCost(cost, xp=xp)
    names = ("shape", "xp", "dtype", "device", "block", "transposed", "span")

    class Blocks:
        def restricted(self, rows, columns):
            return self

        def times_power_of_two(self, exponent):
            return self

        def astype(self, dtype):
            return self

    made = Blocks()
    for name in names:
        setattr(made, name, getattr(dense, name))
    return made


@pytest.mark.parametrize("method", [m for m in METHODS if m != "greenkhorn"])
def test_costs_that_are_not_stored(method):
    cost, a, b = instance()
    stored = solve(cost, a, b, epsilon=0.1, method=method)
    result = solve(lazy(cost), a, b, epsilon=0.1, method=method)
    assert result.converged
    np.testing.assert_allclose(result.plan @ np.eye(8), stored.plan, atol=1e-9)


def test_greenkhorn_needs_rows_and_columns():
    cost, a, b = instance()
    with pytest.raises(TypeError, match="stored matrix for method 'greenkhorn'"):
        solve(lazy(cost), a, b, epsilon=0.1, method="greenkhorn")


class TestOverrelaxed:
    def test_assignment(self):
        """Plain sweeps need about 20,000; estimated once after 50 of them ω leaves 5,500."""
        result = solve(assignment(), epsilon=1 / 1200, method="overrelaxed")
        assert result.converged
        assert result.iterations < 1000

    def test_images(self):
        plain, relaxed = (
            solve(*blobs(), epsilon=1e-3, method=name) for name in ("sinkhorn", "overrelaxed")
        )
        assert plain.iterations > 900
        assert relaxed.converged
        assert relaxed.iterations < 280

    @pytest.mark.parametrize("omega", [1.5, 1.95])
    def test_the_dual_decreases_in_every_sweep(self, monkeypatch, omega):
        cost, a, b = instance(40, 30, seed=2)
        epsilon, taken = 0.02, []

        def spied(w, t, masses, *, xp):
            taken.append(float(allowed(w, t, masses, xp=xp)))
            return allowed(w, t, masses, xp=xp)

        monkeypatch.setattr(module, "allowed", spied)
        state = halves(single(cost, a, b, epsilon, xp=xp), np.zeros(30))
        rows, values = state.rows(), []
        for _ in range(60):
            f, g = state.potentials()
            mass = np.exp((f[:, None] + g - cost) / epsilon).sum()
            values.append(epsilon * mass - a @ f - b @ g)
            rows, _ = relaxed_sweep(state, rows, omega, a, b, xp=xp)
        assert np.all(np.diff(values) <= 1e-14)
        assert omega in taken
        assert omega < 1.9 or 1.0 in taken

    def test_a_step_that_would_raise_the_dual_is_not_taken(self):
        a = np.full(4, 0.25)
        t = np.array([-9.0, 1.0, 1.0, 1.0])
        x = np.exp(t)
        assert np.sum(a * (x - x ** (1 - 1.9) - 1.9 * t)) < 0
        assert float(allowed(1.9, t, a, xp=xp)) == 1.0
        assert float(allowed(1.9, -t / 10, a, xp=xp)) == 1.9
        # Exact to first order where the difference is the square of what it is made of.
        assert float(allowed(1.9, 1e-11 * t, a, xp=xp)) == 1.9

    def test_omega_follows_the_relation_of_sor(self):
        ratio = 0.999
        best = 2 / (1 + np.sqrt(1 - ratio))
        tuner, error = Tuner.make({}, 2e-16), 1.0
        rate = ratio
        for k in range(200):
            tuner.observe(k, error)
            if tuner.omega > 1:
                # λ + ω − 1 = √λ ω σ, the larger root; equal roots at the optimum.
                half = tuner.omega * np.sqrt(ratio) / 2
                root = half + np.sqrt(max(half**2 - tuner.omega + 1, 0.0))
                rate = root**2
            error *= rate
        assert tuner.omega == pytest.approx(best, rel=1e-6)

    def test_a_given_omega_stays(self):
        cost, a, b = instance()
        plain = solve(cost, a, b, epsilon=0.05, method="sinkhorn")
        one = solve(cost, a, b, epsilon=0.05, method="overrelaxed", options={"omega": 1})
        assert one.iterations == plain.iterations
        np.testing.assert_allclose(one.history, plain.history, rtol=1e-5)

    @pytest.mark.parametrize("omega", [0, 2, -1, "best", np.nan])
    def test_omega_is_checked(self, omega):
        with pytest.raises(ValueError, match="omega"):
            solve(*instance(), epsilon=0.1, method="overrelaxed", options={"omega": omega})

    def test_few_errors_where_they_make_the_device_wait(self, monkeypatch):
        monkeypatch.setattr("linalgx.transport._sinkhorn.is_gpu", lambda a, xp: True)
        result = solve(*blobs(16), epsilon=1e-3, method="overrelaxed")
        assert result.converged
        assert len(result.history) == 1 + result.iterations // 10

    def test_float32_keeps_its_range(self):
        """Scalings must be absorbed by the bounds of their own dtype."""
        given = [x.astype(np.float32) for x in blobs()]
        for method in ("overrelaxed", "anderson"):
            assert solve(*given, epsilon=1e-3, method=method).converged


class TestAnderson:
    def test_anchors(self):
        assert solve(assignment(), epsilon=1 / 1200, method="anderson").iterations < 1000
        assert solve(*blobs(), epsilon=1e-3, method="anderson").iterations < 280

    def test_the_dual_decreases(self):
        """Rejected steps and plain ones in their place included."""
        cost, values, n = assignment(40), [], 40

        def note(state):
            f = state.x
            g = -0.004 * np.log(n * np.exp((f[:, None] - cost) / 0.004).sum(0))
            values.append(-np.mean(f) - np.mean(g))

        result = solve(cost, epsilon=0.004, method="anderson", callback=note)
        assert result.converged
        assert np.all(np.diff(values) <= 1e-14)

    def test_rejected_steps_count(self):
        result = solve(assignment(200), epsilon=1e-3, method="anderson")
        assert result.converged
        assert result.iterations > len(result.history) - 1

    def test_memory(self):
        cost, a, b = instance(40, 40)
        short, long = (
            solve(cost, a, b, epsilon=0.01, method="anderson", options={"memory": k})
            for k in (1, 10)
        )
        assert short.converged
        assert long.iterations < short.iterations


def test_greenkhorn_error_is_computed_anew():
    """After many updates the sums are still those of the plan."""
    cost, a, b = instance(30, 20)
    result = solve(cost, a, b, epsilon=0.03, method="greenkhorn", rtol=1e-12)
    assert result.converged
    assert result.iterations > 20


PUBLISHED = {"anneal": False, "sweeps": 0}


class TestSinkhornNewton:
    def images(self):
        points, cost = grid_distances(20)
        a = np.exp(-36 * ((points - 1 / 3) ** 2).sum(-1)) + 0.1
        b = np.exp(-9 * ((points - 2 / 3) ** 2).sum(-1)) + 0.1
        return cost, a / a.sum(), b / b.sum()

    def test_published_experiment(self):
        result = solve(
            *self.images(), epsilon=1e-3, method="sinkhorn_newton", rtol=1e-13,
            options=PUBLISHED,
        )  # fmt: skip
        assert result.converged
        assert result.iterations < 40
        assert result.marginal_error <= 1e-13

    def test_quadratic_convergence(self):
        options = {**PUBLISHED, "cg_cap": 1000}
        result = solve(
            *instance(30, 30), epsilon=0.1, method="sinkhorn_newton", rtol=1e-13, options=options
        )
        errors = [e for e in result.history if 1e-7 < e < 1e-1]
        assert result.converged
        for old, new in pairwise(errors):
            assert new <= 20 * old**2

    def test_divergence_is_said(self):
        for options in (PUBLISHED, {"anneal": False, "sweeps": 5}):
            result = quietly(
                assignment(100), epsilon=1e-5, method="sinkhorn_newton", options=options
            )
            assert result.status in (Status.DIVERGED, Status.BREAKDOWN)
            assert not result.converged

    def test_the_way_down_helps(self):
        rng = np.random.default_rng(3)
        x, y = rng.standard_normal((60, 2)), rng.standard_normal((60, 2)) + 1
        cost = ((x[:, None] - y) ** 2).sum(-1)
        given = {"epsilon": 1e-3 * cost.max(), "method": "sinkhorn_newton"}
        result = solve(cost, options={"cg_cap": 500}, **given)
        assert result.converged
        assert len(result.epsilon_path) > 1

    def test_options_are_checked(self):
        with pytest.raises(TypeError, match="anneal"):
            solve(*instance(), epsilon=0.1, method="sinkhorn_newton", options={"anneal": 1})
        with pytest.raises(ValueError, match="options of method"):
            solve(*instance(), epsilon=0.1, method="sinkhorn_newton", options={"omega": 1})


@EACH
def test_the_solution_is_a_good_start(method):
    cost, a, b = instance()
    first = solve(cost, a, b, epsilon=0.05, method=method)
    again = solve(cost, a, b, epsilon=0.05, method=method, x0=first)
    assert again.converged
    assert again.iterations <= 2 < first.iterations
    assert len(again.epsilon_path) == 1
