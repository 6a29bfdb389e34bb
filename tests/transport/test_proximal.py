"""Proximal point steps end where the theory says: at the entropic plan of ε."""

import numpy as np
import pytest
from transport_problems import random_problem, solve

import linalgx as lx


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_steps_end_at_the_entropic_plan(steps):
    cost, a, b = random_problem(12, 9)
    r = solve(
        cost, a, b, epsilon=0.05, method="proximal", options={"prox_steps": steps}, rtol=1e-12
    )
    expected = solve(cost, a, b, epsilon=0.05, rtol=1e-12).plan
    np.testing.assert_allclose(r.plan, expected, atol=1e-12)
    assert r.epsilon_path == pytest.approx([0.05 * steps / k for k in range(1, steps + 1)])


def test_states_are_counted_through_all_steps():
    cost, a, b = random_problem(12, 9)
    seen = []
    r = solve(cost, a, b, epsilon=0.05, method="proximal", callback=lambda s: seen.append(s.k))
    assert seen == list(range(r.iterations + 1))
    assert len(r.history) == r.iterations + 1


def test_the_limit_is_that_of_all_steps_together():
    cost, a, b = random_problem(12, 9)
    with pytest.warns(lx.ConvergenceWarning):
        r = lx.transport.solve(cost, a, b, epsilon=0.01, method="proximal", maxiter=25)
    assert r.iterations == 25
    assert r.status is lx.Status.MAXITER
