"""Halpern's iteration: fixed points, the rate, and what it says when there is none."""

import numpy as np
import pytest

import linalgx as lx


def disc(centre):
    """Projection onto the disc of radius one."""
    centre = np.asarray(centre)

    def project(z):
        return centre + (z - centre) / max(1.0, float(np.linalg.norm(z - centre)))

    return project


def half_space(a, b):
    """Projection onto a·z <= b."""
    a = np.asarray(a)
    return lambda z: z - max(float(a @ z) - b, 0.0) / (a @ a) * a


def splitting(p, q):
    """Douglas-Rachford: its displacement vector is the gap between the two sets."""
    return lambda z: z + q(2 * p(z) - z) - p(z)


def composed(p, q):
    return lambda z: q(p(z))


def report(step, z0, **options):
    """Run without the warning that a missed tolerance gives."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)
        return lx.relaxation.halpern(step, np.asarray(z0, dtype=float), **options)


def test_the_iteration_is_halperns(leg):
    """z_k = z₀/(k + 1) + k/(k + 1) T z_{k−1}, against a loop."""
    host = leg.isometry(4, 4)
    t, z0 = leg.asarray(host), leg.randn(4, seed=2)
    states = []
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.relaxation.halpern(
            lambda z: t @ z, z0, maxiter=6, rtol=0.0, callback=lambda s: states.append(s.x)
        )
    z = start = leg.to_numpy(z0).astype(host.dtype)
    for k in range(1, 7):
        z = start / (k + 1) + k / (k + 1) * (host @ z)
        np.testing.assert_allclose(leg.to_numpy(states[k]), z, atol=50 * leg.eps)
    assert leg.matches(result.x)
    assert result.x.dtype == leg.dtype
    v = host @ z - z
    np.testing.assert_allclose(leg.to_numpy(result.displacement), v, atol=50 * leg.eps)
    np.testing.assert_allclose(leg.to_numpy(result.drift), (z - start) / 3, atol=50 * leg.eps)
    assert result.residual == pytest.approx(float(np.linalg.norm(v)), rel=100 * leg.eps)
    assert result.excluded == pytest.approx(3.5 * result.residual)


def test_the_rate_holds_where_the_plain_iteration_does_not_converge():
    """A rotation by one radian: ‖T z_k − z_k‖ <= 2 ‖z₀ − z*‖/(k + 1)."""
    turn = np.asarray([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    result = report(lambda z: turn @ z, [3.0, 4.0], maxiter=500, rtol=0.0)
    bound = 2 * 5 / (np.arange(501) + 1)
    assert np.all(np.asarray(result.history) <= bound * (1 + 1e-12))
    assert result.history[0] == pytest.approx(10 * np.sin(0.5))
    assert not result.infeasible
    assert result.excluded <= 5 * (1 + 1e-12)


@pytest.mark.parametrize("distance", [0.5, 1.5, 1.9])
@pytest.mark.parametrize("method", [splitting, composed])
def test_discs_that_meet(method, distance):
    p, q = disc([0.0, 0.0]), disc([distance, 0.0])
    result = lx.relaxation.halpern(method(p, q), np.asarray([0.3, 2.0]), rtol=1e-3)
    assert result.converged
    assert not result.infeasible
    assert result.excluded < 3
    shadow = p(result.x)
    assert np.linalg.norm(shadow - q(shadow)) < 1e-2


@pytest.mark.parametrize("distance", [2.5, 3.0, 5.0])
def test_discs_that_do_not_meet(distance):
    """Both estimates tend to the gap as 1/k."""
    step = splitting(disc([0.0, 0.0]), disc([distance, 0.0]))
    gap = np.asarray([distance - 2.0, 0.0])
    result = report(step, [0.3, 2.0], rtol=1e-3)
    assert result.infeasible
    assert result.status is lx.Status.STAGNATED
    assert not result.converged
    errors = []
    for k in (1000, 4000):
        end = report(step, [0.3, 2.0], rtol=0.0, detect=0.0, maxiter=k)
        assert end.status is lx.Status.MAXITER
        assert not end.infeasible
        errors.append([np.linalg.norm(v - gap) * k for v in (end.displacement, end.drift)])
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.05)
    assert np.max(errors) < 10 * distance


def test_compact_sets_have_fixed_points_of_alternating_projections():
    """The composition has one even if the sets do not meet; it tells the gap otherwise."""
    p, q = disc([0.0, 0.0]), disc([3.0, 0.0])
    result = lx.relaxation.halpern(composed(p, q), np.asarray([0.3, 2.0]), rtol=1e-3)
    assert result.converged
    assert np.linalg.norm(result.x - p(result.x)) == pytest.approx(1.0, abs=1e-2)


def test_a_long_way_is_no_infeasibility():
    """Thin slab far from the start: for 60 steps the displacement is constant, then it falls."""
    p, q = half_space([1.0, 0.5], -1.0), half_space([-1.0, -0.5], 1.5)
    result = lx.relaxation.halpern(splitting(p, q), np.asarray([5.0, 7.0]), rtol=1e-2)
    assert result.history[16] == pytest.approx(result.history[8], rel=1e-9)
    assert result.converged
    assert not result.infeasible


def test_half_spaces_that_do_not_meet():
    p, q = half_space([1.0, 0.5], -1.0), half_space([-1.0, -0.5], 0.5)
    with pytest.warns(lx.ConvergenceWarning, match="no fixed point: the displacement settled"):
        result = lx.relaxation.halpern(splitting(p, q), np.asarray([5.0, 7.0]))
    assert result.infeasible
    np.testing.assert_allclose(result.displacement, [0.4, 0.2], rtol=1e-12)
    np.testing.assert_allclose(result.drift, [0.4, 0.2], rtol=0.1)
    assert result.excluded == pytest.approx((result.iterations + 1) / 2 * 0.2**0.5)


@pytest.mark.parametrize("feasible", [True, False])
def test_linear_equations(leg, feasible):
    """Splitting between the range of A and a shifted range, parallel or equal."""
    host = leg.isometry(5, 2)
    a = leg.asarray(host)
    b = host @ [1.0, 2.0] if feasible else leg._randn(5, seed=3)
    shift = leg.asarray(b - host @ (host.conj().T @ b))
    ah = leg.asarray(host.conj().T)

    def step(z):
        first = a @ (ah @ z)
        mirrored = 2.0 * first - z
        return z + (a @ (ah @ mirrored) + shift) - first

    if feasible:
        result = lx.relaxation.halpern(step, leg.randn(5), rtol=1e-2)
        assert result.converged
    else:
        with pytest.warns(lx.ConvergenceWarning):
            result = lx.relaxation.halpern(step, leg.randn(5), rtol=1e-5)
        gap = leg.to_numpy(result.displacement) - leg.to_numpy(shift)
        assert np.linalg.norm(gap) <= 2e-2 * np.linalg.norm(leg.to_numpy(shift))
    assert result.infeasible is not feasible


def test_a_fixed_point_is_kept(leg):
    z = leg.randn(3)
    result = lx.relaxation.halpern(lambda x: x, z)
    assert result.converged
    assert result.iterations == 0
    assert result.residual == 0.0


def test_maps_that_fail():
    with pytest.raises(ValueError, match="operator must return an array of the shape"):
        lx.relaxation.halpern(lambda z: z[:1], np.ones(3))
    with pytest.raises(TypeError, match="operator must be callable"):
        lx.relaxation.halpern(np.eye(3), np.ones(3))
    result = report(lambda z: z * np.nan, [1.0])
    assert result.status is lx.Status.DIVERGED
    assert not result.infeasible
