"""The safe and sparse Newton method: superlinear, and out of trouble by its shift."""

import numpy as np
import pytest
from transport_problems import (
    city_block,
    error_of,
    grid,
    host,
    masses,
    random_problem,
    solve,
    squared,
)

import linalgx as lx
from linalgx import Status


def blobs(cost, size=14):
    images = lx.gallery.blob_images(2, size, rng=0).reshape(2, -1)
    return cost(grid(size), grid(size)), images[0], images[1]


def test_plan_is_that_of_newton_on_every_leg(leg):
    if leg.is_complex:
        return
    cost, a, b = random_problem(20, 16)
    arrays = [leg.asarray(x) for x in (cost, a, b)]
    rtol = 1e-12 if leg.eps < 1e-10 else None
    result = solve(*arrays, epsilon=0.02, method="ssns", rtol=rtol)
    plan = solve(*arrays, epsilon=0.02, method="newton", rtol=rtol).plan
    assert leg.matches(result.plan) and result.method == "ssns"
    allowed = 1e-9 if leg.eps < 1e-10 else 5e-4
    assert np.abs(host(leg, result.plan) - host(leg, plan)).sum() <= allowed


@pytest.mark.parametrize("epsilon", [1e-2, 1 / 1200])
def test_assignment_in_a_few_steps_and_superlinearly(epsilon):
    cost = lx.gallery.assignment_cost(500, rng=0)
    result = solve(cost, epsilon=epsilon, method="ssns")
    assert result.iterations <= 14
    last = np.array(result.history[-3:])
    assert last[2] / last[1] < 0.1 * last[1] / last[0], "factors shrink"


def test_images_at_small_regularization():
    cost, a, b = blobs(squared)
    result = solve(cost, a, b, epsilon=1e-2, method="ssns")
    assert result.iterations <= 14 and error_of(result, cost, a, b, 1e-2) <= 1e-9
    assert solve(cost, a, b, epsilon=1e-3, method="ssns").iterations <= 80


def test_city_block_costs():
    cost, a, b = blobs(city_block)
    result = solve(cost, a, b, epsilon=1e-2, method="ssns")
    assert error_of(result, cost, a, b, 1e-2) <= 1e-9


def test_a_light_last_bin_holds_nothing_back():
    cost, a, b = random_problem(30, 30)
    b[-1] = 1e-7
    b = b / b.sum()
    assert solve(cost, a, b, epsilon=0.02, method="ssns").iterations <= 15


def test_densities_on_a_line():
    # Exponential against a mixture of two normal densities, squared cost, as published.
    x = np.linspace(0, 5, 100)
    a = np.exp(-x)
    b = 0.2 * np.exp(-((x - 1) ** 2) / (2 * 0.2)) / np.sqrt(0.2)
    b = b + 0.8 * np.exp(-((x - 3) ** 2) / (2 * 0.5)) / np.sqrt(0.5)
    a, b = a / a.sum(), b / b.sum()
    cost = squared(x[:, None], x[:, None])
    for epsilon in (0.1, 0.01):
        result = solve(cost, a, b, epsilon=epsilon, method="ssns")
        assert result.iterations <= 20


def test_limit_is_honest():
    cost, a, b = random_problem()
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.transport.solve(cost, a, b, epsilon=1e-3, method="ssns", maxiter=2)
    assert result.status is Status.MAXITER and result.iterations == 2
    assert result.residual == pytest.approx(error_of(result, cost, a, b, 1e-3), rel=1e-6)


def test_single_bins_and_constant_costs():
    for shape in ((1, 1), (1, 6), (6, 1), (5, 4)):
        a, b = masses(shape[0], 0), masses(shape[1], 1)
        result = solve(np.ones(shape), a, b, epsilon=0.1, method="ssns")
        assert np.abs(result.plan - np.outer(a, b)).max() <= 1e-12
