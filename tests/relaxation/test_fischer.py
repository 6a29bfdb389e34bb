"""Guesses from earlier solutions."""

import numpy as np
import pytest
from krylov_problems import dense, heat_total, neumann, poisson

import linalgx as lx

fischer_guess, FischerGuess = lx.relaxation.fischer_guess, lx.relaxation.FischerGuess


def test_solution_in_the_space_is_found(leg):
    a, _ = dense(leg)
    w = leg.randn(49, 3, seed=3)
    x = w[:, 0] - 2 * w[:, 2]
    guess = fischer_guess(a, a @ x, w)
    assert leg.matches(guess)
    error = np.linalg.norm(leg.to_numpy(guess - x)) / np.linalg.norm(leg.to_numpy(x))
    assert error <= 1000 * leg.eps


def test_it_is_the_best_in_the_norm_of_a():
    a, b = poisson(9)
    w = np.random.default_rng(1).standard_normal((81, 4))
    x = np.linalg.solve(a.toarray(), b)
    e = x - fischer_guess(a, b, w)
    np.testing.assert_allclose(w.T @ (a @ e), 0.0, atol=1e-12)


def test_dependent_columns_and_zeros_do_no_harm():
    a, b = poisson(9)
    x = np.linalg.solve(a.toarray(), b)
    guess = fischer_guess(a, b, np.stack([x, x, 0 * x, 2 * x], axis=1))
    np.testing.assert_allclose(guess, x, rtol=1e-10)
    assert np.all(fischer_guess(a, b, np.zeros((81, 0))) == 0.0)


def test_directions_that_a_takes_to_zero_are_left_out():
    a, b = neumann(6)
    guess = fischer_guess(a, b, np.stack([np.ones(36), b], axis=1))
    assert np.abs(guess).max() < 10.0


def test_blocks():
    a, b = poisson(5)
    w = np.random.default_rng(0).standard_normal((25, 3))
    block = np.stack([b, 2 * b], axis=1)
    x = fischer_guess(a, block, w)
    np.testing.assert_allclose(x[:, 1], 2 * fischer_guess(a, b, w), rtol=1e-12)


@pytest.mark.parametrize(("q", "total"), [(4, 756)])
def test_heat_equation(q, total):
    """The first 250 of 5000 steps, which in full take 27 124 iterations with q = 4."""
    memory = FischerGuess(q)

    def solve(a, b, u):
        guess = memory.guess(a, b)
        x0 = u if guess is None else guess
        result = lx.relaxation.ssor_cg(a, b, omega=1.4, x0=x0, rtol=1e-8)
        memory.update(result.x)
        return result

    assert heat_total(solve, 250) == total
    assert total < 905


def test_memory_forgets_the_oldest_and_copies():
    memory = FischerGuess(2)
    a, x = np.eye(3), np.asarray([1.0, 0.0, 0.0])
    assert memory.guess(a, x) is None
    memory.update(x)
    x[0] = 7.0
    np.testing.assert_allclose(memory.guess(a, np.asarray([5.0, 1.0, 1.0])), [5.0, 0.0, 0.0])
    memory.update(np.asarray([0.0, 1.0, 0.0]))
    memory.update(np.asarray([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(memory.guess(a, np.ones(3)), [0.0, 1.0, 1.0])
    assert "2 solutions" in repr(memory)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"basis must have shape \(3, m\)"):
        fischer_guess(np.eye(3), np.ones(3), np.ones((4, 1)))
    with pytest.raises(ValueError, match="a must be one matrix"):
        fischer_guess(np.ones((2, 3, 3)), np.ones((2, 3)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="x must be one vector"):
        FischerGuess(2).update(np.ones((3, 1)))
    with pytest.raises(ValueError, match="count must be at least 1"):
        FischerGuess(0)
