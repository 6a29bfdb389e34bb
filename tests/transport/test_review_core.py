"""Edges of `solve`: extreme units, layouts, starts, limits of rounding, and no leaked warnings."""

import warnings

import array_api_compat.numpy as xp
import numpy as np
import pytest

from linalgx.errors import ConvergenceWarning
from linalgx.results import Status
from linalgx.transport import solve
from linalgx.transport._problem import single

METHODS = ("auto", "newton", "sinkhorn", "sinkhorn_log", "overrelaxed", "anderson", "mdot")


def costs(n=12, m=9, seed=0):
    """Costs in [0, 1)."""
    return np.random.default_rng(seed).random((n, m))


@pytest.fixture(autouse=True)
def loud():
    """Any warning but that of the result itself is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class TestUnits:
    def test_costs_near_the_largest_number(self):
        c = costs()
        c /= c.max()
        result = solve(c * 2.0**1023, epsilon=2.0**1017)
        expected = solve(c, epsilon=2.0**-6)
        assert result.converged
        np.testing.assert_allclose(result.plan, expected.plan, rtol=1e-9)

    def test_costs_below_all_normal_numbers_move_nothing(self):
        result = solve(costs() * 1e-310, epsilon=1.0)
        assert result.converged
        np.testing.assert_allclose(result.plan, np.full((12, 9), 1 / 108), rtol=1e-12)

    def test_epsilon_far_above_the_costs(self):
        result = solve(costs(), epsilon=1e300)
        assert result.converged
        np.testing.assert_allclose(result.plan, np.full((12, 9), 1 / 108), rtol=1e-9)

    def test_epsilon_that_vanishes_is_named(self):
        with pytest.raises(ValueError, match="epsilon must not vanish beside the costs"):
            solve(costs() * 1e300, epsilon=1e-300)

    def test_epsilon_becomes_a_python_number(self):
        assert type(solve(costs(), epsilon=np.float32(0.5)).epsilon) is float


class TestMasses:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("tiny", [1e-300, 1e-315])
    def test_bins_whose_entries_would_underflow_count_as_empty(self, method, tiny):
        a, b = np.r_[tiny, np.full(11, 1 / 11)], np.full(9, 1 / 9)
        result = solve(costs(), a, b, epsilon=0.02, method=method)
        reduced = solve(costs()[1:], a[1:], b, epsilon=0.02, method=method)
        assert result.converged
        assert list(result.empty[0]) == [0]
        np.testing.assert_array_equal(result.plan[1:], reduced.plan)
        assert np.all(np.isfinite(result.f))

    @pytest.mark.parametrize("method", ["sinkhorn", "newton"])
    def test_empty_bins_with_forbidden_pairs_alone(self, method):
        c = costs()
        c[0], c[:, 2] = np.inf, 1.0
        a, b = np.r_[0, np.full(11, 1 / 11)], np.full(9, 1 / 8)
        b[2] = 0
        result = solve(c, a, b, epsilon=0.05, method=method)
        assert result.converged
        assert np.all(np.isfinite(result.f))
        assert np.all(np.isfinite(result.g))


class TestLayout:
    @pytest.mark.parametrize("flip", [np.asfortranarray, lambda c: c[:, ::2]])
    def test_rows_are_contiguous_for_the_loops(self, flip):
        c = flip(costs(10, 8))
        n, m = c.shape
        problem = single(c, np.ones(n) / n, np.ones(m) / m, 0.1, xp=xp)
        assert problem.cost.matrix.flags.c_contiguous
        np.testing.assert_array_equal(
            solve(c, epsilon=0.01).plan, solve(np.ascontiguousarray(c), epsilon=0.01).plan
        )

    def test_rows_in_memory_are_not_copied(self):
        c = costs(10, 8)
        problem = single(c, np.ones(10) / 10, np.ones(8) / 8, 0.1, xp=xp)
        assert problem.cost.matrix is c


class TestStart:
    @pytest.mark.parametrize("shape", [(100,), (2,), (12, 1)])
    def test_shape_with_empty_bins(self, shape):
        a = np.r_[0, np.full(11, 1 / 11)]
        with pytest.raises(ValueError, match="f of x0 must have one entry for each bin"):
            solve(costs(), a, np.full(9, 1 / 9), epsilon=0.1, x0=(np.zeros(shape), np.zeros(9)))

    def test_complex_is_refused(self):
        with pytest.raises(TypeError, match="f of x0 has dtype complex128"):
            solve(costs(), epsilon=0.1, x0=(np.zeros(12) + 0j, np.zeros(9)))

    @pytest.mark.parametrize("method", [*METHODS, "greenkhorn", "apdagd", "sinkhorn_newton"])
    def test_potentials_beyond_reason(self, method):
        start = (np.full(12, 1e10), np.random.default_rng(1).standard_normal(9) * 50)
        assert solve(costs(), epsilon=0.1, x0=start, method=method).converged


class TestOptions:
    @pytest.mark.parametrize("options", [[("stage_rtol", 1.0)], "abc"])
    def test_options_must_be_a_mapping(self, options):
        with pytest.raises(TypeError, match="options must be a mapping"):
            solve(costs(), epsilon=0.1, options=options)


class TestLimits:
    @pytest.mark.parametrize("epsilon", [10.0, 0.05, 0.002])
    @pytest.mark.parametrize("method", ["auto", "newton"])
    def test_newton_stays_at_rounding(self, method, epsilon):
        result = solve(costs(60, 60), epsilon=epsilon, method=method, rtol=0.0)
        assert result.status is Status.STAGNATED
        assert result.residual < 1e-13

    @pytest.mark.parametrize("method", METHODS)
    def test_epsilon_that_potentials_cannot_carry(self, method):
        result = solve(costs(), epsilon=1e-20, method=method, maxiter=200)
        assert not result.converged

    # A rejected step of "anderson" counts as an iteration of its own, without an error.
    @pytest.mark.parametrize(
        "method", sorted({*METHODS, "sinkhorn_newton", "sns", "ssns"} - {"anderson"})
    )
    @pytest.mark.parametrize("epsilon", [0.05, 0.002])
    def test_one_error_for_each_iteration(self, method, epsilon):
        seen = []
        result = solve(
            costs(), epsilon=epsilon, method=method, maxiter=300,
            callback=lambda state: seen.append((state.k, state.residual)),
        )  # fmt: skip
        assert [k for k, _ in seen] == list(range(result.iterations + 1))
        assert tuple(error for _, error in seen) == result.history
