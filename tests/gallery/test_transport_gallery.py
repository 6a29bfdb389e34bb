"""Every known answer that the docstrings of costs, images and clouds state."""

from math import pi

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import linalgx as lx


def born(leg, function, *args, **kwargs):
    a = function(*args, **kwargs, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    assert leg.matches(a)
    assert a.dtype == leg.dtype
    return leg.to_numpy(a)


@pytest.mark.parametrize("shape", [(0, None), (1, 7), (30, None), (5, 0), (40, 60)])
def test_assignment_costs_are_uniform(leg, shape):
    n, m = shape
    cost = born(leg, lx.gallery.assignment_cost, n, m, rng=0)
    assert cost.shape == (n, n if m is None else m)
    assert np.all(cost.imag == 0)
    assert np.all((cost.real >= 0) & (cost.real < 1))
    if cost.size > 100:
        assert abs(cost.mean() - 1 / 2) < 4 / (12 * cost.size) ** 0.5
        assert abs((cost.real**2).mean() - 1 / 3) < 4 * (4 / 45 / cost.size) ** 0.5


def test_least_assignment_tends_to_a_known_total():
    totals = []
    for seed in range(8):
        cost = lx.gallery.assignment_cost(200, rng=seed)
        totals.append(cost[linear_sum_assignment(cost)].sum())
    # The limit from below, within O(1/n); the standard deviation of one is about 1/√n.
    assert abs(np.mean(totals) - pi**2 / 6) < 0.1


@pytest.mark.parametrize(("bumps", "offset"), [(1, 0.0), (3, 0.01), (5, 0.5)])
@pytest.mark.parametrize("size", [1, 2, 28])
def test_images_sum_to_one(leg, size, bumps, offset):
    options = {"bumps": bumps, "offset": offset, "rng": 0}
    images = born(leg, lx.gallery.blob_images, 4, size, **options).real
    assert images.shape == (4, size, size)
    np.testing.assert_allclose(images.sum(axis=(1, 2)), 1.0, rtol=0, atol=20 * leg.eps)
    assert images.min() >= offset / ((bumps + offset) * size**2) * (1 - 8 * leg.eps)


def test_a_single_bump_is_gaussian():
    """Away from the border the logarithm is a parabola of one width in both directions."""
    size = 64
    image = lx.gallery.blob_images(1, size, bumps=1, offset=0.0, rng=0)[0]
    for axis in (0, 1):
        curvature = np.diff(np.log(image), 2, axis=axis) * size**2
        w = (-curvature) ** -0.5
        np.testing.assert_allclose(w, w.flat[0], rtol=1e-6)
        assert 0.05 <= w.flat[0] <= 0.15
    z = (np.arange(size) + 0.5) / size
    for axis in (0, 1):
        assert 0.2 <= z[np.unravel_index(image.argmax(), image.shape)[axis]] <= 0.8


def test_images_differ_and_have_bumps():
    images = lx.gallery.blob_images(20, rng=3)
    assert len(np.unique(images.reshape(20, -1), axis=0)) == 20
    assert np.all(images.max(axis=(1, 2)) > 10 * images.min(axis=(1, 2)))


@pytest.mark.parametrize(("n", "dim", "components"), [(0, 2, 3), (1, 1, 1), (200, 3, 4)])
def test_without_spread_only_the_centres_remain(leg, n, dim, components):
    options = {"components": components, "spread": 0.0, "rng": 0}
    x = born(leg, lx.gallery.gaussian_mixture_cloud, n, dim, **options)
    assert x.shape == (n, dim)
    assert len(np.unique(x, axis=0)) == min(n, components)


def test_clouds_have_the_stated_covariance():
    spread = 0.5
    x = lx.gallery.gaussian_mixture_cloud(4000, 2, components=4000, spread=spread, rng=0)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose(np.cov(x.T), (1 + spread**2) * np.eye(2), atol=0.12)


def test_one_component_has_the_stated_spread():
    x = lx.gallery.gaussian_mixture_cloud(4000, 3, components=1, spread=0.25, rng=0)
    np.testing.assert_allclose(np.cov(x.T), 0.0625 * np.eye(3), atol=0.006)


def test_single_precision_stays_within_the_components():
    """Rounding up in the choice of a component must not leave the list."""
    x = lx.gallery.gaussian_mixture_cloud(
        20_000, 1, components=3, spread=0.0, rng=0, dtype="float32"
    )
    values, counts = np.unique(x, return_counts=True)
    assert len(values) == 3
    np.testing.assert_allclose(counts / 20_000, 1 / 3, atol=0.02)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.assignment_cost(-1), ValueError, "n must be at least 0, got -1"),
        (lambda g: g.assignment_cost(2, -3), ValueError, "m must be at least 0, got -3"),
        (lambda g: g.blob_images(2.5), TypeError, "count must be an integer, got 2.5"),
        (lambda g: g.blob_images(2, bumps=0), ValueError, "bumps must be at least 1, got 0"),
        (lambda g: g.blob_images(2, offset=-0.1), ValueError, "offset must lie in"),
        (lambda g: g.gaussian_mixture_cloud(3, 0), ValueError, "dim must be at least 1, got 0"),
        (lambda g: g.gaussian_mixture_cloud(3, spread=-1.0), ValueError, "spread must lie in"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(lx.gallery)
