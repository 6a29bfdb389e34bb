"""Rounding to exact masses."""

import numpy as np
import pytest
from transport_problems import host, masses

import linalgx as lx

round_plan = lx.transport.round_plan


def made(n, m, seed=0, lead=()):
    rng = np.random.default_rng(seed)
    return rng.random((*lead, n, m)) / (n * m), masses(n, seed + 1), masses(m, seed + 2)


def l1(x, axis=None):
    return np.abs(x).sum(axis)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (7, 5), (40, 60)], ids=str)
def test_marginals_are_exact(leg, shape):
    if leg.is_complex:
        return
    parts = [leg.asarray(x) for x in made(*shape)]
    p = host(leg, round_plan(*parts))
    _, a, b = (host(leg, x) for x in parts)
    assert np.all(p >= 0)
    assert l1(p.sum(1) - a) + l1(p.sum(0) - b) <= 4 * max(shape) * leg.eps


@pytest.mark.parametrize("size", [1.0, 0.1, 1e-3, 1e-9])
def test_the_change_is_bounded(size):
    """‖P″ − P‖₁ <= 2(‖r − a‖₁ + ‖c − b‖₁), whatever is wrong with P."""
    for seed in range(20):
        _, a, b = made(8, 6, seed)
        rng = np.random.default_rng(seed)
        p = np.outer(a, b) * np.maximum(1 + size * rng.standard_normal((8, 6)), 0)
        wrong = l1(p.sum(1) - a) + l1(p.sum(0) - b)
        assert l1(round_plan(p, a, b) - p) <= 2 * wrong + 1e-15


def test_a_feasible_plan_stays():
    _, a, b = made(6, 9)
    p = np.outer(a, b)
    np.testing.assert_allclose(round_plan(p, a, b), p, rtol=0, atol=1e-16)


def test_batches_broadcast(leg):
    if leg.is_complex:
        return
    p, a, b = made(4, 3, lead=(2, 5))
    out = host(leg, round_plan(leg.asarray(p), leg.asarray(a), leg.asarray(b)))
    for k in np.ndindex(2, 5):
        alone = host(leg, round_plan(leg.asarray(p[k]), leg.asarray(a), leg.asarray(b)))
        np.testing.assert_allclose(out[k], alone, rtol=0, atol=4 * leg.eps)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_plans_of_any_size(size):
    """Also when the masses are of that size, and when the plan alone is."""
    p, a, b = made(5, 4)
    for scale in (1.0, size):
        out = round_plan(size * p, scale * a, scale * b)
        assert l1(out.sum(1) / scale - a) + l1(out.sum(0) / scale - b) < 1e-14


def test_empty_bins_and_empty_plans():
    a, b = np.array([0.5, 0.0, 0.5]), np.array([0.0, 1.0])
    expected = np.array([[0.0, 0.5], [0.0, 0.0], [0.0, 0.5]])
    np.testing.assert_array_equal(round_plan(np.zeros((3, 2)), a, b), expected)
    np.testing.assert_allclose(round_plan(np.ones((3, 2)), a, b), expected, atol=1e-16)


def test_the_upper_bound_of_solve_is_the_cost_of_the_rounded_plan():
    _, a, b = made(9, 7)
    c = np.random.default_rng(5).random((9, 7))
    result = lx.transport.solve(c, a, b, epsilon=0.05, rtol=1e-3)
    rounded = float((c * round_plan(result.plan, a, b)).sum())
    assert rounded == pytest.approx(result.upper_bound, rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([0.5, 0.5], [0.5, 0.6], "equal sums"),
        ([0.0, 0.0], [0.0, 0.0], "positive sum"),
        ([-0.5, 1.5], [0.5, 0.5], "a must hold masses"),
        ([0.5], [0.5, 0.5], r"a must have shape \(\.\.\., 2\)"),
    ],
)
def test_wrong_masses_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        round_plan(np.ones((2, 2)), a, b)


def test_negative_plans_are_refused():
    with pytest.raises(ValueError, match="plan must hold masses"):
        round_plan(-np.ones((2, 2)), [0.5, 0.5], [0.5, 0.5])
