"""Answers of `transport.solve` that are known exactly.

Plans with closed forms, and identities that every answer fulfils.
"""

from math import exp, log, sqrt

import numpy as np
import pytest
from transport_problems import (
    METHODS,
    error_of,
    grid,
    host,
    marginal_error,
    masses,
    plan_of,
    random_problem,
    solve,
    squared,
)

import linalgx as lx

EXACT = {"rtol": 1e-13}
SHARP = [m for m in METHODS if m not in ("greenkhorn", "apdagd")]
"""Methods that reach rounding quickly; the other two are for coarse tolerances."""


SECOND = ("auto", "newton", "mdot")
"""Methods whose effort does not grow as two parts of a problem come apart."""
PLAIN = [m for m in METHODS if m != "apdagd"]
"""Methods that need one step where a sweep is exact; gradients know nothing of sweeps."""


# Two bins on each side.


@pytest.mark.parametrize(
    ("method", "epsilon"),
    [*((m, e) for m in METHODS for e in (2.0, 0.3)), *((m, 0.0425) for m in SECOND)],
)
def test_two_by_two(method, epsilon):
    """Equal masses: the mass off the diagonal is ½/(1 + e^(Δ/2ε)), from 0.4 down to 1e-8.

    At 1e-8 the second singular value is 1 − 4e-8: plain sweeps would need 1e9 of them.
    """
    cost = np.array([[0.3, 1.0], [0.9, 0.1]])
    delta = cost[0, 1] + cost[1, 0] - cost[0, 0] - cost[1, 1]
    expected = 0.5 / (1 + exp(delta / (2 * epsilon)))
    p = solve(cost, epsilon=epsilon, method=method, **EXACT).plan
    # The sums fix P₁₂ − P₂₁ only up to rounding of ½; the product is fixed by the costs.
    assert sqrt(p[0, 1] * p[1, 0]) == pytest.approx(expected, rel=1e-12)
    assert p[0, 1] == pytest.approx(p[1, 0], abs=4e-13)
    assert p[0, 0] == pytest.approx(0.5 - expected, rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_two_by_two_with_a_symmetric_cost(method):
    """Here symmetry fixes each entry, 1e-9 of the mass, to all digits."""
    epsilon = 0.5 / log(5e8)
    p = solve(np.array([[0.0, 1.0], [1.0, 0.0]]), epsilon=epsilon, method=method, **EXACT).plan
    expected = 0.5 / (1 + exp(0.5 / epsilon * 2))
    assert p[0, 1] == pytest.approx(expected, rel=1e-12)
    assert p[1, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.9, 1 - 1e-9])
def test_two_by_two_with_unequal_masses(share):
    """P₁₁ P₂₂ = P₁₂ P₂₁ e^(Δ/ε) is a quadratic equation for the one unknown entry."""
    a, b, epsilon = np.array([share, 1 - share]), np.array([0.3, 0.7]), 0.2
    cost = np.array([[0.0, 1.0], [0.5, 0.25]])
    k = exp((cost[0, 1] + cost[1, 0] - cost[0, 0] - cost[1, 1]) / epsilon)
    # x (x + 1 − a − b) = k (a − x)(b − x) for x = P₁₁, in the sums a, b of its row and column.
    roots = np.roots([1 - k, 1 - (1 - k) * (a[0] + b[0]), -k * a[0] * b[0]])
    p = solve(cost, a, b, epsilon=epsilon, **EXACT).plan
    assert min(abs(roots - p[0, 0])) <= 1e-12


def test_two_by_two_everywhere(leg):
    cost, epsilon = np.array([[0.3, 1.0], [0.9, 0.1]]), 0.2
    if leg.is_complex:
        with pytest.raises(TypeError, match="cost has dtype complex128; accepted are"):
            lx.transport.solve(leg.asarray(cost), epsilon=epsilon)
        return
    result = solve(leg.asarray(cost), epsilon=epsilon)
    assert leg.matches(result.plan)
    assert result.plan.dtype == result.f.dtype == result.g.dtype == leg.dtype
    p, expected = host(leg, result.plan), 0.5 / (1 + exp(1.5 / (2 * epsilon)))
    assert sqrt(p[0, 1] * p[1, 0]) == pytest.approx(expected, rel=10 * leg.eps**0.575)


# Gaussian distributions.

DISTANCE, S0, S1 = 0.7, 0.6, 1.1


def gaussians(epsilon, step=0.05):
    """Two Gaussians on one grid, the value of the KL form and of the cost alone."""
    x = np.arange(-9, 10, step)
    a = np.exp(-((x / S0) ** 2) / 2)
    b = np.exp(-(((x - DISTANCE) / S1) ** 2) / 2)
    keep_a, keep_b = a > 1e-25, b > 1e-25
    a, b = a[keep_a] / a[keep_a].sum(), b[keep_b] / b[keep_b].sum()
    cost = (x[keep_a, None] - x[None, keep_b]) ** 2
    v = epsilon / 2
    d = sqrt(4 * S0**2 * S1**2 + v**2)
    moved = DISTANCE**2 + S0**2 + S1**2 - d + v
    return cost, a, b, moved - v * log(2 * v) + v * log(d + v), moved


@pytest.mark.parametrize("method", ["auto", "sinkhorn", "sinkhorn_log", "newton", "mdot"])
@pytest.mark.parametrize("epsilon", [2.0, 0.5])
def test_gaussians(method, epsilon):
    """Closed form of Janati et al. 2020; sums over the grid converge faster than any power."""
    cost, a, b, value, moved = gaussians(epsilon)
    result = solve(cost, a, b, epsilon=epsilon, method=method, rtol=1e-12)
    assert result.value_kl == pytest.approx(value, abs=1e-9)
    assert result.dual_value == pytest.approx(value, abs=1e-9)
    assert result.cost == pytest.approx(moved, abs=1e-9)


def test_gaussian_potentials_are_parabolas():
    cost, a, b, _, _ = gaussians(0.5)
    result = solve(cost, a, b, epsilon=0.5, rtol=1e-12)
    kl = result.f - 0.5 * np.log(a)
    held = a > 1e-9  # elsewhere the marginal error says nothing about them
    third = np.diff(kl[held], 3)
    assert np.max(np.abs(third)) <= 1e-6 * np.max(np.abs(np.diff(kl[held], 2)))


# What every answer fulfils.


@pytest.mark.parametrize("method", METHODS)
def test_the_numbers_are_those_of_the_plan(method):
    """One convention: P = exp((f ⊕ g − C)/ε), centred, and values of the KL form."""
    cost, a, b = random_problem()
    epsilon, mass = 0.1, 3.0
    r = solve(cost, mass * a, mass * b, epsilon=epsilon, method=method)
    a, b, p = mass * a, mass * b, plan_of(r.f, r.g, cost, epsilon)
    np.testing.assert_allclose(r.plan, p, rtol=1e-12)
    assert a @ r.f == pytest.approx(b @ r.g, abs=1e-13)
    assert r.residual == r.marginal_error == pytest.approx(marginal_error(p, a, b), abs=1e-15)
    assert r.residual <= 1.1e-9
    assert r.cost == pytest.approx((cost * p).sum(), rel=1e-13)
    reference = a[:, None] * b[None, :]
    divergence = (p * np.log(p / reference) - p + reference).sum()
    assert r.value_kl == pytest.approx(r.cost + epsilon * divergence, rel=1e-12)
    phi, psi = r.f - epsilon * np.log(a), r.g - epsilon * np.log(b)
    dual = a @ phi + b @ psi - epsilon * (p - reference).sum()
    assert r.dual_value == pytest.approx(dual, rel=1e-12)
    # Primal and dual value differ by the marginal error times the potentials.
    assert abs(r.value_kl - r.dual_value) <= 10 * r.residual
    assert r.lower_bound <= r.cost + 1e-9
    assert r.epsilon == r.epsilon_path[-1] == epsilon
    assert r.iterations >= 0
    assert all(isinstance(x, float) for x in (r.cost, r.value_kl, r.residual, *r.history))


@pytest.mark.parametrize("method", SHARP)
def test_marginals_to_rounding(method):
    cost, a, b = random_problem()
    result = solve(cost, a, b, epsilon=0.1, method=method, **EXACT)
    assert error_of(result, cost, a, b, 0.1) <= 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_methods_agree(method):
    cost, a, b = random_problem()
    reference = solve(cost, a, b, epsilon=0.1, method="sinkhorn_log", rtol=1e-13)
    result = solve(cost, a, b, epsilon=0.1, method=method, rtol=1e-10)
    np.testing.assert_allclose(result.plan, reference.plan, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.f, reference.f, rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_constants_in_rows_and_columns_only_move_the_potentials(method):
    cost, a, b = random_problem()
    rows, columns = np.linspace(-1, 2, 15), np.linspace(3, -2, 12)
    one = solve(cost, a, b, epsilon=0.1, method=method)
    shifted = cost + rows[:, None] + columns[None, :]
    two = solve(shifted, a, b, epsilon=0.1, method=method)
    np.testing.assert_allclose(two.plan, one.plan, rtol=0, atol=2e-8)
    sums = [r.f[:, None] + r.g[None, :] for r in (one, two)]
    np.testing.assert_allclose(sums[1] - sums[0], shifted - cost, rtol=0, atol=2e-7)


@pytest.mark.parametrize("method", METHODS)
def test_transposition(method):
    cost, a, b = random_problem()
    one = solve(cost, a, b, epsilon=0.1, method=method)
    two = solve(cost.T, b, a, epsilon=0.1, method=method)
    np.testing.assert_allclose(two.plan.T, one.plan, rtol=0, atol=2e-8)
    np.testing.assert_allclose(two.f, one.g, rtol=0, atol=2e-7)


@pytest.mark.parametrize("method", METHODS)
def test_permutation(method):
    cost, a, b = random_problem()
    p, q = np.random.default_rng(3).permutation(15), np.random.default_rng(4).permutation(12)
    one = solve(cost, a, b, epsilon=0.1, method=method)
    two = solve(cost[np.ix_(p, q)], a[p], b[q], epsilon=0.1, method=method)
    np.testing.assert_allclose(two.plan, one.plan[np.ix_(p, q)], rtol=0, atol=2e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mass", [7.0, 1e-6, 1e6])
def test_mass(method, mass):
    """The plan is proportional to the mass; f ⊕ g grows by ε log of it."""
    cost, a, b = random_problem()
    one = solve(cost, a, b, epsilon=0.1, method=method)
    two = solve(cost, mass * a, mass * b, epsilon=0.1, method=method)
    np.testing.assert_allclose(two.plan / mass, one.plan, rtol=0, atol=2e-8)
    assert two.residual <= 1.1e-9
    f = one.f + 0.05 * log(mass)
    np.testing.assert_allclose(two.f, f, rtol=0, atol=2e-7)


def test_scale_of_the_costs_is_that_of_epsilon():
    """Only C/ε counts; potentials and values are in the units of C."""
    cost, a, b = random_problem()
    one = solve(cost, a, b, epsilon=0.125)
    for unit in (2.0**-900, 2.0**40, 2.0**900):
        two = solve(unit * cost, a, b, epsilon=unit * 0.125)
        np.testing.assert_allclose(two.plan, one.plan, rtol=1e-12)
        np.testing.assert_allclose(two.f / unit, one.f, rtol=0, atol=1e-13)
        assert two.cost / unit == pytest.approx(one.cost, rel=1e-12)
        assert two.lower_bound / unit == pytest.approx(one.lower_bound, rel=1e-12)


@pytest.mark.parametrize("epsilon", [1.0, 1e-2, 1e-4])
def test_symmetry(epsilon):
    """Equal masses on both sides and a symmetric cost: f = g, and P is symmetric.

    With the smallest ε the plan is diagonal up to rounding, so only f + g can be determined.
    """
    x = np.random.default_rng(0).standard_normal((40, 2))
    cost, a = squared(x, x), masses(40, 1)
    result = solve(cost, a, a, epsilon=epsilon, rtol=1e-12)
    np.testing.assert_allclose(result.plan, result.plan.T, rtol=0, atol=1e-11)
    if epsilon > 1e-3:
        np.testing.assert_allclose(result.f, result.g, rtol=0, atol=1e-9)


# Plans known in advance.


@pytest.mark.parametrize(
    ("method", "epsilon"), [*((m, e) for m in PLAIN for e in (1.0, 1e-3)), ("apdagd", 1.0)]
)
def test_separable_costs(method, epsilon):
    """C = x ⊕ y and constant costs: P = a⊗b, after one sweep."""
    a, b = masses(9, 0), masses(13, 1)
    separable = np.linspace(0, 3, 9)[:, None] + np.linspace(-1, 1, 13)[None, :] ** 2
    for cost in (separable, np.zeros((9, 13)), np.full((9, 13), -4.0)):
        r = solve(cost, a, b, epsilon=epsilon, method=method)
        np.testing.assert_allclose(r.plan, np.outer(a, b), rtol=1e-7, atol=2e-9)
        assert r.cost == pytest.approx(a @ cost @ b, abs=1e-8)
        assert r.upper_bound == pytest.approx(r.cost, abs=1e-8)
        if method in ("auto", "sinkhorn", "sinkhorn_log"):
            assert r.iterations <= 1


@pytest.mark.parametrize("method", PLAIN)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_one_bin_on_a_side(method, shape):
    """Nothing is to be decided: the plan is the other side's masses."""
    a, b = (masses(n, 0) for n in shape)
    cost = np.random.default_rng(0).random(shape)
    r = solve(cost, a, b, epsilon=1e-3, method=method)
    np.testing.assert_allclose(r.plan, np.outer(a, b), rtol=0, atol=1.1e-9)
    moved = a @ cost @ b
    assert r.upper_bound == pytest.approx(moved, abs=1e-9)
    # The c-transform of g pays the spread of ε log b.
    assert moved - 1e-3 * log(1 / min(a.min(), b.min())) <= r.lower_bound <= moved + 1e-12


def test_identical_images_stay(leg):
    """On a grid with a = b the plan is almost diagonal as ε falls below the distance of pixels."""
    if leg.is_complex:
        return
    a = lx.gallery.blob_images(1, 6, rng=0).ravel()
    cost = squared(grid(6), grid(6))
    r = solve(leg.asarray(cost), leg.asarray(a), leg.asarray(a), epsilon=1e-3)
    p = host(leg, r.plan)
    np.testing.assert_allclose(np.diag(p), a, rtol=0, atol=2 * leg.eps**0.575 + 1e-6)
    assert r.cost <= leg.eps**0.575 + 1e-6
