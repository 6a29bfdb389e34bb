"""Batches that run one after the other, and what such functions refuse."""

import warnings

import numpy as np
import pytest

import linalgx as lx
from linalgx.results import Status
from linalgx.transport import (
    PointCloudCost,
    assignment_pdhg,
    barycenter,
    cp_dictionary,
    divergence,
    light_bridge,
    low_rank,
    solve_constrained,
    solve_unbalanced,
)

RNG = np.random.default_rng(0)
C = RNG.random((2, 3, 6, 5))
A = RNG.dirichlet(np.ones(6), (3,))
B = RNG.dirichlet(np.ones(5), (2, 1))
D = RNG.random((2, 6, 5)) - 0.2
X, Y = RNG.random((2, 3, 6, 2)), RNG.random((3, 5, 2))
MASSES = RNG.dirichlet(np.ones(5), (2, 3, 4))

CALLS = {
    "unbalanced": lambda c, a, b, *_: solve_unbalanced(c, a, b, epsilon=0.1, rho=1.0),
    "constrained": lambda c, a, b, *_: solve_constrained(c, a, b, constraints=D, epsilon=0.1),
    "assignment": lambda c, a, b, *_: assignment_pdhg(c, a, b, rtol=1e-3),
    "low_rank": lambda c, a, b, *_: low_rank(c, a, b, rank=2, rng=0),
    "divergence": lambda c, a, b, x, y, _: divergence(x, y, a, b, epsilon=0.1),
    "soft divergence": lambda c, a, b, x, y, _: divergence(x, y, a, b, epsilon=0.1, rho=1.0),
    "barycenter": lambda c, a, b, x, y, m: barycenter(c, m, epsilon=0.1),
}


@pytest.mark.parametrize("name", CALLS)
def test_leading_axes_are_broadcast_and_numbers_become_arrays(name):
    call = CALLS[name]
    whole = call(C, A, B, X, Y, MASSES)
    a, b, y = (np.broadcast_to(x, (2, 3, *x.shape[-k:])) for x, k in ((A, 1), (B, 1), (Y, 2)))
    parts = {
        (i, j): call(C[i, j], a[i, j], b[i, j], X[i, j], y[i, j], MASSES[i, j])
        for i in range(2)
        for j in range(3)
    }
    checked = 0
    for at, part in parts.items():
        for field in part.__dataclass_fields__:
            value, got = getattr(part, field), getattr(whole, field)
            if field in ("status", "iterations", "residual", "history", "method"):
                continue
            if isinstance(value, tuple):
                value, got = np.asarray(value), np.stack(got, axis=-1)
            assert got.shape == (2, 3, *np.shape(value))
            np.testing.assert_array_equal(got[at], value)
            checked += 1
    assert checked >= 4 * 6
    assert whole.converged
    slowest = max(parts.values(), key=lambda part: part.iterations)
    assert whole.iterations == slowest.iterations
    assert whole.history == slowest.history
    assert whole.residual == max(part.residual for part in parts.values())


def test_one_cost_for_many_barycenters():
    q = barycenter(C[0, 0], MASSES, np.ones(4), epsilon=0.1).x
    assert q.shape == (2, 3, 6)
    one = barycenter(C[0, 0], MASSES[1, 2], epsilon=0.1).x
    np.testing.assert_allclose(q[1, 2], one, rtol=0, atol=1e-12)


def test_three_costs_may_be_batches():
    within = [np.zeros((6, 6)), np.zeros((3, 5, 5))]
    found = divergence(None, None, costs=(C, *within), epsilon=0.1)
    assert found.value.shape == (2, 3)
    assert found.gradient_x is None
    with pytest.raises(ValueError, match=r"costs\[1\] must have shape \(\.\.\., 6, 6\)"):
        divergence(None, None, costs=(C, C, within[1]), epsilon=0.1)


def test_the_worst_is_told_with_one_warning():
    c = np.stack([np.zeros((6, 5)), 40 * C[0, 0]])  # the first is solved by one sweep
    with pytest.warns(lx.ConvergenceWarning) as caught:
        result = solve_unbalanced(c, A[0], B[0, 0], epsilon=0.01, rho=1.0, maxiter=2)
    assert len(caught) == 1
    assert result.status is Status.MAXITER
    assert result.iterations == 2


def test_a_stop_ends_all():
    seen = []

    def stop(state):
        seen.append(state.k)
        if len(seen) == 3:
            raise StopIteration

    result = solve_unbalanced(C, A, B, epsilon=0.001, rho=1.0, callback=stop)
    assert seen == [0, 1, 2]
    assert result.status is Status.STOPPED
    assert np.all(np.isfinite(result.plan))


@pytest.mark.parametrize("name", CALLS)
def test_batches_without_problems(name):
    c, x, y, masses = (
        np.zeros((0, *z.shape[-k:])) for z, k in ((C, 2), (X, 2), (Y, 2), (MASSES, 2))
    )
    result = CALLS[name](c, np.ones(6) / 6, np.ones(5) / 5, x, y, masses)
    assert result.converged
    assert result.iterations == 0
    cost = result.value if hasattr(result, "value") else result.cost
    assert cost.shape == (0,)


def test_batches_that_do_not_fit():
    with pytest.raises(ValueError, match="must fit the batch of cost"):
        solve_constrained(C, A, B, constraints=np.zeros((4, 2, 6, 5)), epsilon=0.1)
    with pytest.raises(ValueError, match="must fit the batch of x"):
        divergence(X, Y, np.ones((4, 6)), epsilon=0.1)
    with pytest.raises(ValueError, match="must fit the batch of cost"):
        barycenter(C, MASSES, np.ones((5, 4)), epsilon=0.1)
    with pytest.raises(ValueError, match="no batches"):
        barycenter(PointCloudCost(X[0, 0], Y[0]), MASSES, epsilon=0.1)
    with pytest.raises(ValueError, match="pair of matrices"):
        low_rank((X[0], Y), rank=2)


def test_costs_that_are_not_stored_are_refused_by_name():
    with pytest.raises(TypeError, match="cost must be an array of all costs"):
        assignment_pdhg(PointCloudCost(X[0, 0], Y[0]))


# --- what went wrong once -----------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
def test_a_bin_from_which_nothing_may_move(axis):
    c, a, b = C[0, 0].copy(), A[0].copy(), B[0, 0].copy()
    c[(slice(None), 2)[1 - axis], (slice(None), 2)[axis]] = np.inf
    with pytest.raises(ValueError, match="must allow a pair in each row and column"):
        solve_unbalanced(c, a, b, epsilon=0.1, rho=1.0)
    (b if axis else a)[2] = 0.0
    result = solve_unbalanced(c, a, b, epsilon=0.1, rho=1.0)
    assert result.converged
    assert not np.any(np.take(result.plan, 2, axis=axis))


@pytest.mark.parametrize(("epsilon", "rho"), [(1e-3, 1e8), (1e6, 1e-8), (1e6, 1e-2)])
def test_potentials_without_digits_are_an_error_and_no_warning(epsilon, rho):
    c, a, b = (x.astype(np.float32) for x in (C[0, 0], A[0], 3 * B[0, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(lx.LinAlgError, match="leave no digits"):
            solve_unbalanced(c, a, b, epsilon=epsilon, rho=rho)


def test_costs_of_nan_end_before_they_are_computed_with():
    with pytest.raises(lx.LinAlgError, match="cost holds NaN"):
        solve_unbalanced(np.nan * C[0, 0], A[0], B[0, 0], epsilon=1, rho=1, check_finite=False)


def test_one_price_of_a_divergence():
    with pytest.raises(TypeError, match="rho must be a real number"):
        divergence(X[0, 0], Y[0], epsilon=0.1, rho=(1.0, 2.0))


def test_small_regularization_of_barycenters_in_32_bits():
    x = np.linspace(0.0, 1.0, 30, dtype=np.float32)
    masses = np.exp(-200 * (x - np.asarray([[0.2], [0.5], [0.9]], dtype=np.float32)) ** 2)
    masses /= masses.sum(axis=1, keepdims=True)
    c = (x[:, None] - x) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)  # rounding of the potentials is left
        result = barycenter(c, masses, epsilon=1e-5)
    assert result.x.dtype == np.float32
    assert result.residual < 1e-2


def test_no_distributions_have_no_barycenter():
    with pytest.raises(ValueError, match="at least one distribution"):
        barycenter(C[0, 0], np.zeros((0, 5)), epsilon=0.1)


def test_points_without_coordinates():
    with pytest.raises(ValueError, match="at least one coordinate"):
        divergence(np.zeros((3, 0)), np.zeros((4, 0)), epsilon=0.1)


def test_a_bridge_refuses_points_of_another_dimension():
    bridge = light_bridge(X[0, 0], Y[0], epsilon=1.0, components=1)
    for x in (X[0, 0, :, :1], X[0, 0, 0]):
        for method in (bridge.sample, bridge.weights, bridge.conditional_mean):
            with pytest.raises(ValueError, match=r"x must have shape \(n, 2\)"):
                method(x)
    assert bridge.conditional_mean([[0, 1]]).shape == (1, 2)


def test_couplings_of_low_rank_are_met_in_32_bits():
    """A projection that stops early looks cheaper than all that follow, and ends the descent."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        n, m = rng.integers(3, 9, 2)
        c = rng.random((n, m), dtype=np.float32)
        a, b = (rng.dirichlet(np.ones(k)).astype(np.float32) for k in (n, m))
        assert low_rank(c, a, b, rank=2, rng=0).converged


def test_refused_steps_are_no_convergence():
    """With next to no proximal term the dual is too sharp for its solver."""
    h = np.random.default_rng(0).random((2, 4, 3))
    with pytest.warns(lx.ConvergenceWarning):
        result = cp_dictionary(h, 2, gamma=0.1, proximal=1e-9, rng=0, maxiter=3)
    assert not result.converged
