"""Transport with linear constraints."""

import warnings

import numpy as np
import pytest
from scipy.optimize import linprog
from transport_problems import host, masses, squared

import linalgx as lx

solve_constrained = lx.transport.solve_constrained


def problem(n=12, m=10, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.random((n, 2)), rng.random((m, 2))
    pairs = 1.0 * ((x[:, None, 0] < 0.5) & (y[None, :, 0] > 0.5))
    d = np.stack([0.3 - rng.random((n, m)), pairs - 0.2])
    return squared(x, y), masses(n, 1), masses(m, 2), d


def program(c, a, b, d):
    """Optimum of the linear program."""
    n, m = c.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    return linprog(
        c.ravel(), A_eq=np.concatenate([rows, columns]), b_eq=np.r_[a, b],
        A_ub=-d.reshape(len(d), -1), b_ub=np.zeros(len(d)),
    ).fun  # fmt: skip


def error(result, c, a, b, d, epsilon):
    """KKT error of the potentials and multipliers, from scratch."""
    z = (result.f[:, None] + result.g - c + np.tensordot(result.multipliers, d, 1)) / epsilon
    p = np.exp(z)
    miss = np.abs(p.sum(1) - a).sum() + np.abs(p.sum(0) - b).sum()
    kept = np.exp(-result.multipliers / epsilon)
    miss += (np.abs((d * p).sum((1, 2)) - kept) / np.abs(d).max((1, 2))).sum()
    np.testing.assert_allclose(result.plan, p, atol=1e-12)
    return miss / a.sum()


@pytest.mark.parametrize("epsilon", [10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4])
def test_the_optimality_conditions_hold(epsilon):
    c, a, b, d = problem()
    result = solve_constrained(c, a, b, constraints=d, epsilon=epsilon)
    assert result.converged
    again = error(result, c, a, b, d, epsilon)
    assert again <= 1e-9 + 1e-11
    assert result.residual == pytest.approx(again, abs=1e-11)
    assert result.value == pytest.approx(result.dual_value, abs=1e-8)
    assert float(a @ result.f) == pytest.approx(float(b @ result.g), abs=1e-12)


def test_the_limit_is_the_linear_program():
    """Cost minus optimum is at most ε(log nm + …); without the constraints it would be far less."""
    c, a, b, d = problem()
    exact = program(c, a, b, d)
    free = lx.transport.solve(c, a, b, epsilon=1e-4).cost
    assert exact > 1.1 * free
    gaps = [
        solve_constrained(c, a, b, constraints=d, epsilon=e).cost - exact
        for e in (1e-2, 1e-3, 1e-4)
    ]
    assert gaps[0] > gaps[1] > gaps[2] > -1e-9
    assert gaps[2] < 1e-4 * np.log(120)


def test_every_library(leg):
    if leg.is_complex:
        return
    known = solve_constrained(*problem()[:3], constraints=problem()[3], epsilon=0.05)
    c, a, b, d = (leg.asarray(x) for x in problem())
    result = solve_constrained(c, a, b, constraints=d, epsilon=0.05)
    assert result.converged
    for name in ("plan", "f", "g", "multipliers", "slack"):
        got = getattr(result, name)
        assert leg.matches(got)
        assert got.dtype == leg.dtype
    np.testing.assert_allclose(
        host(leg, result.plan), known.plan, atol=1e-8 if leg.eps < 1e-10 else 1e-4
    )


def test_values_are_those_of_the_plan():
    c, a, b, d = problem()
    result = solve_constrained(c, a, b, constraints=d, epsilon=0.05, rtol=1e-12)
    p, s = result.plan, result.slack
    value = (c * p).sum() + 0.05 * ((p * (np.log(p) - 1)).sum() + (s * (np.log(s) - 1)).sum())
    assert result.cost == pytest.approx((c * p).sum())
    assert result.value == pytest.approx(value, abs=1e-8)


def test_no_constraint_that_matters():
    """An inactive constraint only adds its own slack; none at all is `solve`."""
    c, a, b, d = problem()
    known = lx.transport.solve(c, a, b, epsilon=1e-3, rtol=1e-11).plan
    none = solve_constrained(c, a, b, constraints=d[:0], epsilon=1e-3, rtol=1e-11)
    np.testing.assert_allclose(none.plan, known, atol=1e-9)
    assert none.multipliers.shape == (0,)
    loose = solve_constrained(c, a, b, constraints=np.ones((1, 12, 10)), epsilon=1e-3)
    np.testing.assert_allclose(loose.plan, known, atol=1e-8)


def test_a_redundant_constraint():
    """The same constraint twice: singular without the slack."""
    c, a, b, d = problem()
    twice = np.concatenate([d, d])
    result = solve_constrained(c, a, b, constraints=twice, epsilon=1e-2)
    assert result.converged
    np.testing.assert_allclose(result.multipliers[:2], result.multipliers[2:], atol=1e-6)


def test_a_budget_in_closed_form():
    """2×2, equal masses: the share off the diagonal solves one equation."""
    c = np.array([[0.0, 1.0], [1.0, 0.0]])
    d = np.array([[[-0.3, 0.7], [0.7, -0.3]]])  # off-diagonal share at least 0.3
    epsilon = 0.1
    result = solve_constrained(
        c, [0.5, 0.5], [0.5, 0.5], constraints=d, epsilon=epsilon, rtol=1e-12
    )
    off = 2 * result.plan[0, 1]
    multiplier = float(result.multipliers[0])
    assert off == pytest.approx(1 / (1 + np.exp((1 - multiplier) / epsilon)), rel=1e-9)
    assert off - 0.3 == pytest.approx(np.exp(-multiplier / epsilon), rel=1e-8)


def test_masses_empty_bins_and_units():
    c, a, b, d = problem()
    a[2], b[5] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    one = solve_constrained(c, a, b, constraints=d, epsilon=0.05)
    assert not np.any(one.plan[2]) and not np.any(one.plan[:, 5])
    assert np.all(np.isfinite(one.f)) and np.all(np.isfinite(one.g))
    two = solve_constrained(1e100 * c, a, b, constraints=d, epsilon=5e98)
    np.testing.assert_allclose(two.plan, one.plan, atol=1e-8)
    np.testing.assert_allclose(two.multipliers, 1e100 * one.multipliers, rtol=1e-6)
    three = solve_constrained(c, 3 * a, 3 * b, constraints=d, epsilon=0.05)
    kept = np.exp(-three.multipliers / 0.05)
    np.testing.assert_allclose(three.slack, kept, rtol=1e-6)
    assert three.value == pytest.approx(three.dual_value, abs=1e-7)


def test_impossible_constraints_are_not_solved():
    c, a, b, _ = problem()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = solve_constrained(c, a, b, constraints=-np.ones((1, 12, 10)), epsilon=0.05)
    assert [w.category for w in caught] == [lx.ConvergenceWarning]
    assert "perhaps no plan" in str(caught[0].message)
    assert not result.converged
    assert result.residual > 1e-3


def test_wrong_arguments():
    c, a, b, d = problem()
    with pytest.raises(ValueError, match=r"constraints must have shape \(\.\.\., K, 12, 10\)"):
        solve_constrained(c, a, b, constraints=d[0], epsilon=0.1)
    with pytest.raises(ValueError, match="constraints must hold finite"):
        solve_constrained(c, a, b, constraints=d * np.nan, epsilon=0.1)
    with pytest.raises(ValueError, match="equal sums"):
        solve_constrained(c, a, 2 * b, constraints=d, epsilon=0.1)
    with pytest.raises(ValueError, match="cost must hold finite"):
        solve_constrained(c * np.inf, a, b, constraints=d, epsilon=0.1)
