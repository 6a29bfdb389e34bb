"""Transport with soft marginals."""

from math import exp, inf, log

import numpy as np
import pytest
from scipy.optimize import brentq
from transport_problems import host, masses, squared

import linalgx as lx

METHODS = ("newton", "sinkhorn")
solve_unbalanced = lx.transport.solve_unbalanced


def problem(n=12, m=9, seed=0):
    rng = np.random.default_rng(seed)
    c = squared(rng.random((n, 2)), rng.random((m, 2)))
    return c, rng.uniform(0.5, 1.0, n), rng.uniform(1.0, 2.0, m)


def kl(x, y):
    """Σ x log(x/y) − x + y."""
    held = x > 0
    return float(np.sum(x[held] * np.log(x[held] / y[held])) - x.sum() + y.sum())


def objective(p, c, a, b, epsilon, rho, reference):
    one, two = rho
    entropy = kl(p.ravel(), np.outer(a, b).ravel())
    if reference == "entropy":
        entropy = float(np.sum(p * (np.log(p) - 1)))
    return float((c * p).sum()) + epsilon * entropy + one * kl(p.sum(1), a) + two * kl(p.sum(0), b)


def of_one_bin(c, a, b, epsilon, rho, reference):
    """Mass of the 1×1 problem: the derivative in p is a sum of logarithms."""
    one, two = rho
    known = log(a * b) if reference == "kl" else 0.0
    top = -c + epsilon * known + one * log(a) + two * log(b)
    return exp(top / (epsilon + one + two))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reference", ["kl", "entropy"])
@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("rho", [(1.0, 1.0), (0.01, 3.0), (50.0, 20.0)], ids=str)
def test_one_bin_in_closed_form(method, reference, epsilon, rho):
    c, a, b = 0.7, 0.4, 3.0
    result = solve_unbalanced(
        [[c]], [a], [b], epsilon=epsilon, rho=rho, method=method, reference=reference, rtol=1e-10
    )
    assert result.mass == pytest.approx(of_one_bin(c, a, b, epsilon, rho, reference), rel=1e-9)


def test_the_closed_form_is_a_minimum():
    """By a root of the derivative, so that the formula above is not its own witness."""
    c, a, b, e, one, two = 0.7, 0.4, 3.0, 0.3, 0.5, 2.0
    root = brentq(
        lambda p: c + e * log(p / (a * b)) + one * log(p / a) + two * log(p / b), 1e-9, 10.0
    )
    assert root == pytest.approx(of_one_bin(c, a, b, e, (one, two), "kl"), rel=1e-9)


@pytest.mark.parametrize("reference", ["kl", "entropy"])
def test_values_on_every_library(leg, reference):
    if leg.is_complex:
        return
    c, a, b = problem()
    options = {"epsilon": 0.05, "rho": (0.5, 1.0), "reference": reference}
    result = solve_unbalanced(*(leg.asarray(x) for x in (c, a, b)), **options)
    assert result.converged
    p = host(leg, result.plan)
    rtol = 1e-9 if leg.eps < 1e-10 else 1e-4
    value = objective(p, c, a, b, 0.05, (0.5, 1.0), reference)
    assert result.value == pytest.approx(value, rel=rtol, abs=rtol)
    assert result.dual_value == pytest.approx(value, rel=rtol, abs=rtol)
    assert result.gap >= 0
    assert result.cost == pytest.approx(float((c * p).sum()), rel=rtol)


def test_no_other_plan_is_cheaper():
    c, a, b = problem()
    options = {"epsilon": 0.05, "rho": (0.5, 1.0), "reference": "kl"}
    p = solve_unbalanced(c, a, b, **options).plan
    best = objective(p, c, a, b, 0.05, (0.5, 1.0), "kl")
    rng = np.random.default_rng(1)
    for size in (1e-1, 1e-2, 1e-3):
        other = p * np.exp(size * rng.standard_normal(p.shape))
        assert objective(other, c, a, b, 0.05, (0.5, 1.0), "kl") > best


@pytest.mark.parametrize("reference", ["kl", "entropy"])
@pytest.mark.parametrize("epsilon", [0.1, 1e-2])
@pytest.mark.parametrize("rho", [0.05, 1.0, 100.0, (inf, 0.5), (2.0, inf)], ids=str)
def test_methods_agree(reference, epsilon, rho):
    c, a, b = problem()
    plans = [
        solve_unbalanced(c, a, b, epsilon=epsilon, rho=rho, reference=reference, method=m).plan
        for m in METHODS
    ]
    assert np.abs(plans[0] - plans[1]).sum() <= 1e-6 * plans[0].sum()


@pytest.mark.parametrize("epsilon", [1e-3, 1e-4, 1e-5])
def test_small_regularization(epsilon):
    """Few iterations where sweeps need thousands; the limit of the optimality conditions holds."""
    c, a, b = problem(40, 30)
    result = solve_unbalanced(c, a, b, epsilon=epsilon, rho=1.0)
    assert result.converged
    assert result.iterations < 200
    assert result.residual <= 1e-9
    assert 0 <= result.gap <= 1e-12


def test_both_references_are_two_plans_unless_masses_are_one():
    c, a, b = problem()
    one, two = (solve_unbalanced(c, a, b, epsilon=0.5, rho=1.0, reference=r).plan
                for r in ("kl", "entropy"))  # fmt: skip
    assert np.abs(one - two).sum() > 0.01
    same = [
        solve_unbalanced(c, np.ones(12), np.ones(9), epsilon=0.5, rho=1.0, reference=r).plan
        for r in ("kl", "entropy")
    ]
    np.testing.assert_allclose(*same, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_large_prices_give_the_balanced_plan(method):
    c, _, _ = problem()
    a, b = masses(12, 1), masses(9, 2)
    known = lx.transport.solve(c, a, b, epsilon=0.05, rtol=1e-12).plan
    errors = [
        np.abs(solve_unbalanced(c, a, b, epsilon=0.05, rho=rho, method=method).plan - known).sum()
        for rho in (1e1, 1e3, 1e5)
    ]
    assert errors[0] > 50 * errors[1] > 2500 * errors[2] > 0  # of first order in 1/ρ


def test_an_infinite_price_meets_its_marginal():
    c, a, b = problem()
    result = solve_unbalanced(c, a, b, epsilon=0.05, rho=(inf, 0.5), rtol=1e-12)
    np.testing.assert_allclose(result.plan.sum(1), a, rtol=1e-9)
    assert result.mass == pytest.approx(a.sum())
    assert np.abs(result.plan.sum(0) - b).sum() > 0.1


def test_small_prices_destroy_all_that_costs():
    """With ρ → 0 the plan is e^(−C/ε) a b."""
    c, a, b = problem()
    p = solve_unbalanced(c, a, b, epsilon=0.5, rho=1e-6).plan
    np.testing.assert_allclose(p, np.outer(a, b) * np.exp(-c / 0.5), rtol=1e-5)


def test_empty_bins_and_forbidden_pairs():
    c, a, b = problem()
    a[3], b[2] = 0.0, 0.0
    c[0, 1] = inf
    result = solve_unbalanced(c, a, b, epsilon=0.05, rho=1.0)
    assert not np.any(result.plan[3]) and not np.any(result.plan[:, 2])
    assert result.plan[0, 1] == 0.0
    assert np.all(np.isfinite(result.f)) and np.all(np.isfinite(result.g))
    rows, columns = np.delete(np.arange(12), 3), np.delete(np.arange(9), 2)
    part = solve_unbalanced(c[np.ix_(rows, columns)], a[rows], b[columns], epsilon=0.05, rho=1.0)
    np.testing.assert_allclose(result.plan[np.ix_(rows, columns)], part.plan, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e200])
def test_units_of_the_cost_do_not_matter(scale):
    c, a, b = problem()
    one = solve_unbalanced(c, a, b, epsilon=0.05, rho=1.0)
    two = solve_unbalanced(scale * c, a, b, epsilon=scale * 0.05, rho=scale)
    np.testing.assert_allclose(two.plan, one.plan, atol=1e-9)
    assert two.value == pytest.approx(scale * one.value, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_costs_that_are_not_stored(method):
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 2)), rng.random((30, 2))
    a, b = rng.random(20), rng.random(30)
    options = {"epsilon": 0.01, "rho": 1.0, "method": method}
    lazy = solve_unbalanced(lx.transport.PointCloudCost(x, y), a, b, **options)
    stored = solve_unbalanced(((x[:, None] - y) ** 2).sum(-1), a, b, **options)
    np.testing.assert_allclose(lazy.plan @ np.eye(30), stored.plan, atol=1e-8)
    assert lazy.value == pytest.approx(stored.value, rel=1e-9)


def test_wrong_arguments():
    c, a, b = problem()
    with pytest.raises(ValueError, match="two infinite ones: see solve"):
        solve_unbalanced(c, a, b, epsilon=0.1, rho=inf)
    with pytest.raises(ValueError, match=r"rho must lie in"):
        solve_unbalanced(c, a, b, epsilon=0.1, rho=(1.0, 0.0))
    with pytest.raises(ValueError, match="pair of numbers, got 3"):
        solve_unbalanced(c, a, b, epsilon=0.1, rho=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="b must have a positive sum"):
        solve_unbalanced(c, a, 0 * b, epsilon=0.1, rho=1.0)
    with pytest.raises(ValueError, match="NaN or −∞"):
        solve_unbalanced(c * np.nan, a, b, epsilon=0.1, rho=1.0)
