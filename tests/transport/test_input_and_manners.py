"""What `transport.solve` takes, what it refuses, and how it tells its story."""

from math import inf, nan

import numpy as np
import pytest
from transport_problems import (
    METHODS,
    error_of,
    host,
    marginal_error,
    plan_of,
    random_problem,
    solve,
)

import linalgx as lx

RTOL = 1e-9


# What is refused.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, a, b: (np.where(c == c[1, 2], nan, c), a, b), "cost must hold finite numbers"),
        (lambda c, a, b: (np.where(c == c[1, 2], -inf, c), a, b), "cost must hold finite numbers"),
        (lambda c, a, b: (np.where(np.arange(15)[:, None] == 3, inf, c), a, b), "cost"),
        (lambda c, a, b: (np.where(np.arange(12)[None, :] == 3, inf, c), a, b), "cost"),
        (lambda c, a, b: (c, np.where(a == a[0], nan, a), b), "a must hold finite numbers"),
        (lambda c, a, b: (c, a, np.where(b == b[0], inf, b)), "b must hold finite numbers"),
        (lambda c, a, b: (c, np.where(a == a[0], -a[0], a), b), "a must hold masses"),
        (lambda c, a, b: (c, a, b * (1 + 1e-5)), "equal sums.*solve_unbalanced"),
        (lambda c, a, b: (c, 0 * a, 0 * b), "a must have a positive sum"),
        (lambda c, a, b: (c, a[:-1], b), r"a must have shape \(..., 15\)"),
        (lambda c, a, b: (c, a, np.r_[b, 0.1]), r"b must have shape \(..., 12\)"),
        (lambda c, a, b: (c[0], a, b), "cost must"),
    ],
)
def test_bad_input_is_named(change, message):
    cost, a, b = change(*random_problem())
    with pytest.raises(ValueError, match=message):
        lx.transport.solve(cost, a, b, epsilon=0.1)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, nan, inf])
def test_epsilon_is_positive(epsilon):
    with pytest.raises(ValueError, match="epsilon must lie in"):
        lx.transport.solve(np.eye(3), epsilon=epsilon)


def test_complex_numbers_are_refused():
    cost, a, b = random_problem()
    with pytest.raises(TypeError, match="cost has dtype complex128"):
        lx.transport.solve(cost + 0j, a, b, epsilon=0.1)
    with pytest.raises(TypeError, match="a has dtype complex128"):
        lx.transport.solve(cost, a + 0j, b, epsilon=0.1)


def test_methods_are_named():
    with pytest.raises(ValueError, match=r"'auto'.*'mdot'.*got 'simplex'"):
        lx.transport.solve(np.eye(3), epsilon=0.1, method="simplex")


def test_sums_that_differ_by_rounding_are_evened_out():
    """Up to 1e-6; the column masses of the answer are scaled to the sum of `a`."""
    cost, a, b = random_problem()
    for factor in (1 + 5e-7, 1 - 5e-7):
        r = solve(cost, a, factor * b, epsilon=0.1)
        np.testing.assert_allclose(r.plan.sum(0), b, rtol=0, atol=RTOL)
        np.testing.assert_allclose(r.plan.sum(1), a, rtol=0, atol=RTOL)


def test_single_precision_sums_have_their_own_limit():
    cost, a, b = (x.astype(np.float32) for x in random_problem())
    r = solve(cost, a, b * np.float32(1 + 5e-5), epsilon=0.1)
    assert r.plan.dtype == np.float32
    with pytest.raises(ValueError, match="equal sums"):
        lx.transport.solve(cost, a, b * np.float32(1 + 3e-4), epsilon=0.1)


# Kinds of input.


def test_lists_and_integers():
    cost, a, b = [[3, 1, 2], [1, 4, 1]], [2, 4], [1, 2, 3]
    plain = solve(np.array(cost, float), np.array(a, float), np.array(b, float), epsilon=0.5)
    for given in (cost, np.array(cost), np.array(cost, dtype=np.int8)):
        r = solve(given, a, b, epsilon=0.5)
        assert r.plan.dtype == np.float64
        np.testing.assert_array_equal(r.plan, plain.plan)


def test_masses_are_equal_by_default():
    cost, _, b = random_problem()
    r = solve(cost, epsilon=0.1)
    np.testing.assert_allclose(r.plan.sum(1), 1 / 15, rtol=1e-8)
    np.testing.assert_allclose(r.plan.sum(0), 1 / 12, rtol=1e-8)
    half = solve(cost, None, b, epsilon=0.1)
    np.testing.assert_allclose(half.plan.sum(1), 1 / 15, rtol=1e-8)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3])
def test_single_precision(leg, epsilon):
    """Default tolerance 1e-4, and errors close to 1e-6 on demand: sums are wider than entries."""
    if leg.is_complex:
        return
    cost, a, b = random_problem(30, 25)
    cost, a, b = (leg.asarray(x) for x in (cost, a, b))
    r = solve(cost, a, b, epsilon=epsilon)
    assert r.plan.dtype == leg.dtype
    assert r.residual <= leg.eps**0.575
    assert marginal_error(host(leg, r.plan), host(leg, a), host(leg, b)) <= 2 * leg.eps**0.575
    if epsilon > 1e-2:
        sharp = solve(cost, a, b, epsilon=epsilon, rtol=3e-6)
        assert marginal_error(host(leg, sharp.plan), host(leg, a), host(leg, b)) <= 5e-6


def test_inputs_stay_as_they_are():
    cost, a, b = random_problem()
    a[3] = 0
    a /= a.sum()
    kept = [x.copy() for x in (cost, a, b)]
    for method in METHODS:
        solve(cost, a, b, epsilon=0.1, method=method)
        for x, y in zip((cost, a, b), kept, strict=True):
            np.testing.assert_array_equal(x, y)


# Manners.


@pytest.mark.parametrize("method", METHODS)
def test_no_chance_is_involved(method):
    cost, a, b = random_problem(30, 20)
    one, two = (solve(cost, a, b, epsilon=0.05, method=method) for _ in range(2))
    np.testing.assert_array_equal(one.f, two.f)
    assert one.history == two.history


@pytest.mark.parametrize("method", METHODS)
def test_the_iteration_limit_is_a_status(method):
    cost, a, b = random_problem(30, 20)
    with pytest.warns(lx.ConvergenceWarning) as caught:
        r = lx.transport.solve(cost, a, b, epsilon=1e-3, method=method, maxiter=3)
    assert len(caught) == 1
    assert r.status is lx.Status.MAXITER
    assert not r.converged
    assert r.iterations <= 3
    assert r.residual > RTOL
    assert r.residual == pytest.approx(error_of(r, cost, a, b, 1e-3), rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_history_and_callback(method):
    cost, a, b = random_problem(30, 20)
    seen = []
    r = solve(cost, a, b, epsilon=0.05, method=method, callback=lambda s: seen.append((s.k, s.x)))
    assert seen[0][0] == 0
    assert [k for k, _ in seen] == sorted(k for k, _ in seen)
    assert all(x.shape == (30,) for _, x in seen)
    assert len(r.history) == len(seen)
    assert r.history[-1] <= RTOL

    def stop(state):
        if state.k >= 1:
            raise StopIteration

    r = lx.transport.solve(cost, a, b, epsilon=0.05, method=method, callback=stop)
    assert r.status is lx.Status.STOPPED
    assert r.residual == pytest.approx(error_of(r, cost, a, b, 0.05), rel=1e-8)


def test_a_start_saves_iterations():
    cost, a, b = random_problem(30, 20)
    cold = solve(cost, a, b, epsilon=0.02, method="sinkhorn")
    warm = solve(cost, a, b, epsilon=0.02, method="sinkhorn", x0=(cold.f, cold.g))
    assert warm.iterations <= 2 < cold.iterations


def test_a_plan_of_wrong_mass_never_converges():
    """A tolerance below rounding: the error is what it is, and is said."""
    cost, a, b = random_problem(30, 20)
    with pytest.warns(lx.ConvergenceWarning):
        r = lx.transport.solve(cost, a, b, epsilon=1e-2, method="newton", rtol=0.0, maxiter=200)
    assert not r.converged
    assert r.residual <= 1e-11
    p = plan_of(r.f, r.g, cost, 1e-2)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
