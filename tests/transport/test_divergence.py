"""The Sinkhorn divergence."""

import warnings

import numpy as np
import pytest
from transport_problems import host, masses

import linalgx as lx

divergence = lx.transport.divergence


def clouds(n=20, m=25, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.3


@pytest.mark.parametrize("p", [1, 1.5, 2])
@pytest.mark.parametrize("epsilon", [10.0, 1.0, 0.1, 0.01])
@pytest.mark.parametrize("rho", [None, 1.0])
def test_zero_for_equal_measures_and_positive_for_others(p, epsilon, rho):
    x, y = clouds()
    a, b = masses(20, 1), masses(25, 2)
    order = np.random.default_rng(3).permutation(20)
    options = {"epsilon": epsilon, "p": p, "rho": rho}
    for same in (x, x[order]):
        shuffled = a if same is x else a[order]
        assert abs(divergence(x, same, a, shuffled, **options).value) < 1e-13
    assert divergence(x, y, a, b, **options).value > 1e-4


def test_never_negative_beyond_rounding():
    """Measures that are almost the same: parts of order one cancel to nearly nothing."""
    x, _ = clouds()
    rng = np.random.default_rng(5)
    for size in (1e-2, 1e-4, 1e-6, 1e-8):
        for epsilon in (1.0, 0.1, 0.01):
            y = x + size * rng.standard_normal(x.shape)
            a = masses(20, 1)
            b = a * (1 + size * rng.standard_normal(20))
            value = divergence(x, y, a, b / b.sum(), epsilon=epsilon).value
            assert -1e-14 < value < size + 1e-14


def test_a_translation_costs_its_square(leg):
    """With p = 2 the divergence of a cloud and its translate is |t|², for any ε."""
    if leg.is_complex:
        return
    x = leg.asarray(clouds()[0])
    t = leg.asarray([0.75, -0.5])
    for epsilon in (1.0, 0.1):
        result = divergence(x, x + t[None, :], epsilon=epsilon)
        unit = 1e-8 if leg.eps < 1e-10 else 1e-4
        assert result.value == pytest.approx(0.8125, abs=unit)
        assert result.converged
        expected = np.broadcast_to(-2 * np.array([0.75, -0.5]) / 20, (20, 2))
        np.testing.assert_allclose(host(leg, result.gradient_x), expected, atol=10 * unit)
        assert leg.matches(result.gradient_a)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("rho", [None, 1.0])
def test_gradients_by_finite_differences(p, rho):
    x, y = clouds(10, 12)
    a, b = masses(10, 1), masses(12, 2)
    options = {"epsilon": 0.5, "p": p, "rho": rho, "rtol": 1e-12}
    result = divergence(x, y, a, b, **options)
    rng = np.random.default_rng(4)
    dx, dy = rng.standard_normal(x.shape), rng.standard_normal(y.shape)
    da, db = a * rng.standard_normal(10), b * rng.standard_normal(12)
    if rho is None:
        da, db = da - a * da.sum(), db - b * db.sum()
    h = 1e-4

    def slope(one, two, three, four):
        up, down = (
            divergence(x + t * one, y + t * two, a + t * three, b + t * four, **options).value
            for t in (h, -h)
        )
        return (up - down) / (2 * h)

    moved = float((result.gradient_x * dx).sum() + (result.gradient_y * dy).sum())
    assert slope(dx, dy, 0 * da, 0 * db) == pytest.approx(moved, abs=1e-6)
    weighed = float(result.gradient_a @ da + result.gradient_b @ db)
    assert slope(0 * dx, 0 * dy, da, db) == pytest.approx(weighed, abs=1e-6)


def test_gradients_in_empty_bins_are_one_sided():
    x, y = clouds(10, 12)
    a, b = masses(10, 1), masses(12, 2)
    a[3] = 0.0
    a = a / a.sum()
    result = divergence(x, y, a, b, epsilon=0.5, rtol=1e-12)
    direction = -a.copy()
    direction[3] = 1.0
    h = 1e-6
    up = divergence(x, y, a + h * direction, b, epsilon=0.5, rtol=1e-12).value
    assert (up - result.value) / h == pytest.approx(float(result.gradient_a @ direction), abs=1e-4)


def test_parts_are_values_of_solve():
    x, y = clouds()
    c = ((x[:, None] - y) ** 2).sum(-1)
    result = divergence(x, y, epsilon=0.3)
    assert result.parts[0] == pytest.approx(lx.transport.solve(c, epsilon=0.3).value_kl, rel=1e-8)
    one, two, three = result.parts
    assert result.value == pytest.approx(one - two / 2 - three / 2, rel=1e-12)


def test_between_energy_distance_and_transport():
    """ε → ∞: half the energy distance; ε → 0: the transport cost."""
    x, y = clouds(12, 12)
    c, xx, yy = (((s[:, None] - t) ** 2).sum(-1) for s, t in ((x, y), (x, x), (y, y)))
    energy = c.mean() - xx.mean() / 2 - yy.mean() / 2
    assert divergence(x, y, epsilon=1e5).value == pytest.approx(energy, rel=1e-3)
    exact = lx.transport.solve(c, epsilon=1e-4).upper_bound
    assert divergence(x, y, epsilon=1e-4).value == pytest.approx(exact, rel=1e-2)


def test_costs_instead_of_points():
    x, y = clouds()
    a, b = masses(20, 1), masses(25, 2)
    pairs = ((x, y), (x, x), (y, y))
    known = divergence(x, y, a, b, epsilon=0.3)
    dense = tuple(((s[:, None] - t) ** 2).sum(-1) for s, t in pairs)
    lazy = tuple(lx.transport.PointCloudCost(s, t) for s, t in pairs)
    for costs in (dense, lazy):
        result = divergence(None, None, a, b, costs=costs, epsilon=0.3)
        assert result.value == pytest.approx(known.value, rel=1e-9)
        np.testing.assert_allclose(result.gradient_a, known.gradient_a, atol=1e-8)
        assert result.gradient_x is None


def test_many_coordinates():
    """Distances by products instead of differences."""
    x, y = clouds(10, 12, 40)
    dense = tuple(((s[:, None] - t) ** 2).sum(-1) for s, t in ((x, y), (x, x), (y, y)))
    one = divergence(x, y, epsilon=5.0).value
    assert one == pytest.approx(divergence(None, None, costs=dense, epsilon=5.0).value, rel=1e-10)


def test_unequal_sums_need_a_price():
    x, y = clouds()
    a, b = masses(20, 1), 2 * masses(25, 2)
    with pytest.raises(ValueError, match="equal sums"):
        divergence(x, y, a, b, epsilon=0.3)
    one, two = (
        divergence(*pair, epsilon=0.3, rho=1.0).value for pair in ((x, y, a, b), (y, x, b, a))
    )
    assert one > 0
    assert one == pytest.approx(two, rel=1e-8)
    # The same points with twice the mass are another measure.
    assert divergence(x, x, a, 2 * a, epsilon=0.3, rho=1.0).value > 0.01


def test_one_warning_when_a_part_does_not_arrive():
    x, y = clouds()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = divergence(x, y, epsilon=0.01, maxiter=1)
    assert [w.category for w in caught] == [lx.ConvergenceWarning]
    assert not result.converged


def test_wrong_arguments():
    x, y = clouds()
    c = np.zeros((20, 25))
    with pytest.raises(TypeError, match="None beside costs"):
        divergence(x, y, costs=(c, c, c), epsilon=1.0)
    with pytest.raises(TypeError, match="three costs"):
        divergence(None, None, costs=(c, c), epsilon=1.0)
    with pytest.raises(ValueError, match="y must have points of 2 coordinates, got 3"):
        divergence(x, np.ones((4, 3)), epsilon=1.0)
    with pytest.raises(ValueError, match="p must lie in"):
        divergence(x, y, epsilon=1.0, p=0.5)
    with pytest.raises(ValueError, match="method must be 'auto' beside rho"):
        divergence(x, y, epsilon=1.0, rho=1.0, method="newton")
