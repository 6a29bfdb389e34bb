"""Scales, zeros and starting guesses at the limits: no claim without a residual behind it."""

import warnings

import numpy as np
import pytest

import linalgx as lx
from linalgx.relaxation import (
    cg,
    chebyshev,
    deflated_cg,
    gcro_dr,
    jacobi,
    prepare,
    sor,
    ssor_cg,
)

SOLVERS = (sor, jacobi, cg, ssor_cg, chebyshev, deflated_cg, gcro_dr)
KRYLOV = (cg, ssor_cg, chebyshev, deflated_cg, gcro_dr)


def problem(m: int = 9) -> tuple:
    """Poisson's matrix and a right-hand side of random numbers."""
    return lx.gallery.poisson2d(m), np.random.default_rng(0).standard_normal(m * m)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(("dtype", "small"), [(np.float64, -660), (np.float32, -80)])
def test_columns_of_very_different_sizes(solve, dtype, small):
    """Column 1 has squares that vanish: each column still meets its own tolerance."""
    a, b = problem()
    a, b = a.astype(dtype), b.astype(dtype)
    tiny = np.ldexp(b[::-1], small).astype(dtype)
    result = solve(a, np.stack([b, tiny, 0 * b], axis=1))
    assert result.converged
    assert result.x.shape == (81, 3)
    x = np.ldexp(result.x[:, 1].astype(np.float64), -small)
    exact = np.ldexp(tiny.astype(np.float64), -small)
    rtol = 1e-8 if dtype is np.float64 else 1e-5
    assert np.linalg.norm(exact - a @ x) <= 1.01 * rtol * np.linalg.norm(exact)
    assert np.all(result.x[:, 2] == 0)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("exponent", [900, -900])
def test_a_solution_that_cannot_be_represented(solve, exponent):
    """x = 2^±1800 y is infinite, or zero."""
    a, b = problem()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = solve(a * 2.0**-exponent, b * 2.0**exponent)
    assert not result.converged
    assert result.reason == "breakdown"
    assert not result.residual < 0.1 * np.linalg.norm(b) * 2.0**exponent


@pytest.mark.parametrize("solve", KRYLOV)
def test_a_zero_right_hand_side_needs_no_iterations(solve):
    """Whatever the guess, in each column that is zero."""
    a, b = problem()
    result = solve(a, 0 * b, x0=np.ones(81))
    assert result.converged
    assert result.iterations == 0
    assert np.all(result.x == 0)
    block = solve(a, np.stack([0 * b, b], axis=1), x0=np.ones((81, 2)))
    assert block.converged
    assert np.all(block.x[:, 0] == 0)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("maxiter", [0, None])
def test_the_result_is_no_view_of_the_guess(solve, maxiter):
    """Who writes into one must not change the other."""
    a, b = problem()
    x0 = np.linalg.solve(a.toarray(), b)
    assert not np.shares_memory(solve(a, b, x0=x0, maxiter=maxiter).x, x0)


def test_a_remembered_complex_vector_is_none_of_the_real_problem():
    """The warm start of the estimate belongs to a dtype."""
    a, b = problem()
    prepared = prepare(a)
    ssor_cg(prepared, b + 1j)
    prepared.update_values(1.1 * a.data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ssor_cg(prepared, b).converged


def test_a_context_without_a_tuner():
    """It would be lost."""
    a, b = problem()
    for solve in (sor, jacobi, ssor_cg):
        with pytest.raises(ValueError, match="tuner"):
            solve(a, b, context=1.0)


def test_numbers_of_numpy_as_block_sizes():
    """np.int64(3) is an integer."""
    a, b = problem()
    counts = {sor(a, b, ordering="block", blocks=k).iterations for k in (3, np.int64(3))}
    assert len(counts) == 1


def test_a_basis_without_harvest_is_given_back():
    """As the documentation says."""
    a, b = problem()
    basis = np.random.default_rng(1).standard_normal((81, 4))
    assert np.array_equal(deflated_cg(a, b, basis=basis).basis, basis)
