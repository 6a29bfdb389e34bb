"""Barycenters on a fixed support."""

import warnings

import numpy as np
import pytest
from transport_problems import host, plan_of

import linalgx as lx

barycenter = lx.transport.barycenter
METHODS = ("log", "scaling", "newton")


def line(n=60):
    x = np.linspace(0.0, 1.0, n)
    return x, (x[:, None] - x) ** 2


def bumps(x, centres=(0.2, 0.5, 0.8), widths=(0.05, 0.1, 0.03)):
    b = np.stack(
        [np.exp(-((x - c) ** 2) / (2 * s**2)) for c, s in zip(centres, widths, strict=True)]
    )
    return b / b.sum(axis=1, keepdims=True)


def mean(x, q):
    return float(x @ q / q.sum())


@pytest.mark.parametrize(
    "weights", [None, [1, 1, 1], [1, 2, 0.5], [1e-3, 1, 1], [0, 1, 2]], ids=str
)
@pytest.mark.parametrize("epsilon", [0.05, 0.01, 2e-3])
def test_all_methods_give_the_same_answer(epsilon, weights):
    x, c = line()
    found = [
        barycenter(c, bumps(x), weights, epsilon=epsilon, method=m, rtol=1e-11) for m in METHODS
    ]
    assert all(f.converged for f in found)
    for other in found[1:]:
        assert np.abs(other.x - found[0].x).sum() < 1e-9


def test_every_library(leg):
    if leg.is_complex:
        return
    x, c = line(30)
    known = barycenter(c, bumps(x), [1, 2, 0.5], epsilon=0.02, rtol=1e-12).x
    for method in METHODS:
        parts = (leg.asarray(v) for v in (c, bumps(x), [1, 2, 0.5]))
        result = barycenter(*parts, epsilon=0.02, method=method)
        assert result.converged
        assert leg.matches(result.x)
        assert result.x.dtype == leg.dtype
        np.testing.assert_allclose(
            host(leg, result.x), known, atol=1e-8 if leg.eps < 1e-10 else 1e-4
        )


@pytest.mark.parametrize("method", METHODS)
def test_optimality_conditions(method):
    """All plans start at the barycenter and end at their measure; Σ w f = 0."""
    x, c = line()
    b, w = bumps(x), np.array([0.5, 0.3, 0.2])
    result = barycenter(c, b, w, epsilon=0.01, method=method, rtol=1e-11)
    for k in range(3):
        p = plan_of(result.f[k], result.g[k], c, 0.01)
        np.testing.assert_allclose(p.sum(1), result.x, atol=1e-9)
        np.testing.assert_allclose(p.sum(0), b[k], atol=1e-9)
    np.testing.assert_allclose(w @ result.f, 0, atol=1e-12)
    moved = sum(w[k] * (c * plan_of(result.f[k], result.g[k], c, 0.01)).sum() for k in range(3))
    assert result.cost == pytest.approx(moved, rel=1e-9)


def test_no_other_distribution_is_better():
    x, c = line(25)
    b, w, e = bumps(x), np.array([0.5, 0.3, 0.2]), 0.02

    def objective(q):
        """Σ w OT with the counting measure as reference: dual values at the optimum."""
        total = 0.0
        for k in range(3):
            r = lx.transport.solve(c, q, b[k], epsilon=e, rtol=1e-11)
            total += w[k] * float(q @ r.f + b[k] @ r.g)
        return total

    q = barycenter(c, b, w, epsilon=e, rtol=1e-12).x
    best = objective(q)
    rng = np.random.default_rng(0)
    for size in (0.3, 0.03):
        other = q * np.exp(size * rng.standard_normal(25))
        assert objective(other / other.sum()) > best


@pytest.mark.parametrize("method", METHODS)
def test_means_are_averaged(method):
    """Squared distances on a line: the mean of the barycenter is the weighted mean of the means."""
    x, c = line(101)
    b, w = bumps(x, (0.35, 0.5, 0.6), (0.05, 0.06, 0.04)), np.array([0.5, 0.3, 0.2])
    q = barycenter(c, b, w, epsilon=0.005, method=method).x
    expected = sum(w[k] * mean(x, b[k]) for k in range(3))
    assert mean(x, q) == pytest.approx(expected, abs=1e-4)


def test_gaussians_with_and_without_bias():
    """On a fine line: standard deviations √((σ₁² + σ₂²)/…) are known without bias: their mean."""
    x, c = line(200)
    b = bumps(x, (0.3, 0.7), (0.06, 0.06))
    epsilon = 0.004

    def deviation(q):
        return float(np.sqrt(((x - mean(x, q)) ** 2) @ q))

    blurred = barycenter(c, b, epsilon=epsilon).x
    sharp = barycenter(c, b, epsilon=epsilon, debiased=True, rtol=1e-7).x
    assert deviation(blurred) == pytest.approx(np.sqrt(0.06**2 + epsilon / 2), rel=1e-2)
    assert deviation(sharp) == pytest.approx(0.06, rel=1e-3)


@pytest.mark.parametrize("method", ["log", "scaling"])
def test_without_bias_one_measure_is_its_own_barycenter(method):
    x, c = line(40)
    b = bumps(x)[1:2]
    twice = np.concatenate([b, b])
    q = barycenter(c, twice, epsilon=0.01, debiased=True, method=method).x
    np.testing.assert_allclose(q, b[0], atol=1e-5)
    assert np.abs(barycenter(c, twice, epsilon=0.01, method=method).x - b[0]).sum() > 1e-2


def test_one_heavy_weight_is_one_measure_blurred():
    """With a single measure the answer is the first marginal of K diag(b/Kᵀ1)."""
    x, c = line(40)
    b = bumps(x)
    k = np.exp(-c / 0.02)
    expected = k @ (b[2] / k.sum(0))
    for method in METHODS:
        q = barycenter(c, b, [0, 0, 3.0], epsilon=0.02, method=method)
        np.testing.assert_allclose(q.x, expected, atol=1e-9)
        assert not np.any(q.f[:2])


@pytest.mark.parametrize("epsilon", [5e-4, 1e-4])
def test_small_regularization_by_newton(epsilon):
    x, c = line()
    result = barycenter(c, bumps(x), [1, 2, 0.5], epsilon=epsilon, method="newton")
    assert result.converged
    assert result.iterations < 100
    slow = barycenter(c, bumps(x), [1, 2, 0.5], epsilon=epsilon, method="log")
    assert slow.iterations > 3 * result.iterations
    assert np.abs(slow.x - result.x).sum() < 1e-6


def test_scaling_says_when_it_underflows():
    x, c = line()
    with pytest.raises(lx.LinAlgError, match="method='log' has no such limit"):
        barycenter(c, bumps(x), epsilon=1e-4, method="scaling")


@pytest.mark.parametrize("method", METHODS)
def test_masses_and_units(method):
    x, c = line(30)
    one = barycenter(c, bumps(x), epsilon=0.02, method=method)
    two = barycenter(1e200 * c, 7 * bumps(x), epsilon=2e198, method=method)
    np.testing.assert_allclose(two.x, 7 * one.x, rtol=1e-6, atol=1e-9)
    assert two.cost == pytest.approx(7e200 * one.cost, rel=1e-6)


def test_empty_bins_and_other_supports():
    """The masses may live on other points than the barycenter, and have holes."""
    x = np.linspace(0, 1, 30)
    y = np.linspace(0, 1, 17)
    c = (x[:, None] - y) ** 2
    b = bumps(y)
    b[0, :5] = 0.0
    b[2, 8:] = 0.0
    b = b / b.sum(1, keepdims=True)
    found = [barycenter(c, b, epsilon=0.02, method=m, rtol=1e-11) for m in METHODS]
    for result in found:
        np.testing.assert_allclose(result.x, found[0].x, atol=1e-9)
        assert np.all(result.g[0, :5] == -np.inf)


@pytest.mark.parametrize("method", ["log", "newton"])
def test_costs_that_are_not_stored(method):
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 2)), rng.random((25, 2))
    b = rng.dirichlet(np.ones(25), 3)
    lazy = barycenter(lx.transport.PointCloudCost(x, y), b, epsilon=0.05, method=method)
    stored = barycenter(((x[:, None] - y) ** 2).sum(-1), b, epsilon=0.05, method=method)
    np.testing.assert_allclose(lazy.x, stored.x, atol=1e-9)


def test_images_on_a_grid():
    """Two mirrored images: the barycenter is symmetric."""
    s = np.linspace(0, 1, 12)
    cost = lx.transport.GridCost((s, s))
    image = np.random.default_rng(0).dirichlet(np.ones(144)).reshape(12, 12)
    b = np.stack([image.ravel(), image[::-1].ravel()])
    result = barycenter(cost, b, epsilon=0.02)
    assert result.converged
    q = result.x.reshape(12, 12)
    np.testing.assert_allclose(q, q[::-1], atol=1e-8)


def test_one_warning_when_it_does_not_arrive():
    x, c = line()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = barycenter(c, bumps(x), epsilon=0.001, maxiter=2)
    assert [w.category for w in caught] == [lx.ConvergenceWarning]
    assert not result.converged


def test_wrong_arguments():
    x, c = line(10)
    b = bumps(x)
    with pytest.raises(ValueError, match="equal sums"):
        barycenter(c, b * np.array([[1.0], [2.0], [1.0]]), epsilon=0.1)
    with pytest.raises(ValueError, match=r"weights must have shape \(\.\.\., 3\)"):
        barycenter(c, b, [1.0, 2.0], epsilon=0.1)
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        barycenter(c, b, [0.0, 0.0, 0.0], epsilon=0.1)
    with pytest.raises(ValueError, match="square for debiased"):
        barycenter(c[:5], b, epsilon=0.1, debiased=True)
    with pytest.raises(ValueError, match="symmetric for debiased"):
        barycenter(np.triu(c), b, epsilon=0.1, debiased=True)
    with pytest.raises(ValueError, match="'log', 'scaling' for debiased"):
        barycenter(c, b, epsilon=0.1, debiased=True, method="newton")
