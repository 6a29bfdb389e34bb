"""The light bridge: closed forms, gradients, and the coupling as it is sampled."""

import numpy as np
import pytest

from linalgx.transport import light_bridge
from linalgx.transport._mixture import BridgeLoss


def samples(seed=0, n=60, m=80):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 2)) * [1, 2] + 5, rng.standard_normal((m, 2)) * [0.5, 3] - 7


def gaussian(x, y, epsilon):
    """S and r of one component."""
    v0, v1 = x.var(0), y.var(0)
    s = (-epsilon + np.sqrt(epsilon**2 + 4 * v0 * v1)) / (2 * v0)
    return s, y.mean(0) - s * x.mean(0)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_one_component_has_a_closed_form(leg, epsilon):
    if leg.is_complex:
        return
    x, y = samples()
    # In 32 bits the loss, a difference of large means, is only known to some 1e-6.
    rtol = 1e-7 if leg.eps < 1e-10 else 0.015
    tol = 2 * rtol
    b = light_bridge(
        leg.asarray(x), leg.asarray(y), epsilon=epsilon, components=1, rng=0, rtol=rtol
    )
    s, r = gaussian(x, y, epsilon)
    assert b.converged
    assert leg.matches(b.means)
    np.testing.assert_allclose(leg.to_numpy(b.scales)[0], s, rtol=tol)
    np.testing.assert_allclose(leg.to_numpy(b.means)[0], s * x.mean(0) + r, rtol=tol)
    got = leg.to_numpy(b.conditional_mean(leg.asarray(x)))
    np.testing.assert_allclose(got, s * x + r, atol=20 * tol)


def test_the_gradient_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((9, 3))
    loss = BridgeLoss(x, y, np.full(3, 0.01), np.array([0.3, 0.5, 0.7]), 0.4, 4, np)
    v, h = 0.5 * rng.standard_normal(4 + 2 * 12), 1e-6
    slope = loss(v)[1]
    for k, unit in enumerate(np.eye(v.size)):
        change = (loss(v + h * unit)[0] - loss(v - h * unit)[0]) / (2 * h)
        assert slope[k] == pytest.approx(change, rel=1e-6, abs=1e-8)


def test_the_loss_by_its_definition():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((5, 2)), rng.standard_normal((6, 2))
    loss = BridgeLoss(x, y, np.full(2, 0.01), np.ones(2), 0.3, 3, np)
    v = 0.5 * rng.standard_normal(15)
    alpha, r, s = np.exp(v[:3]), v[3:9].reshape(3, 2), 0.01 + np.exp(v[9:]).reshape(3, 2)
    c = sum(alpha[k] * np.exp((x**2 @ s[k] + 2 * x @ r[k]) / 0.6) for k in range(3))
    density = sum(
        alpha[k]
        * np.exp(-(((y - r[k]) ** 2) / s[k]).sum(1) / 0.6)
        / np.sqrt(np.prod(2 * np.pi * 0.3 * s[k]))
        for k in range(3)
    )
    assert loss(v)[0] == pytest.approx(np.mean(np.log(c)) - np.mean(np.log(density)), rel=1e-12)


def ring(seed=0, n=400):
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 4, n) * np.pi / 2
    centres = 4 * np.stack([np.cos(t), np.sin(t)], axis=1)
    return rng.standard_normal((n, 2)), centres + 0.3 * rng.standard_normal((n, 2))


def test_samples_follow_the_target():
    x, y = ring()
    b = light_bridge(x, y, epsilon=1.0, components=8, rng=0)
    z = b.sample(x, rng=1)
    far = np.min(np.linalg.norm(z[:, None] - 4 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]]),
                                axis=2), axis=1)  # fmt: skip
    assert b.converged
    assert np.mean(far < 1.2) > 0.97
    np.testing.assert_allclose(z.var(0), y.var(0), rtol=0.2)


def test_the_mixture_describes_its_samples():
    x, y = ring()
    b = light_bridge(x, y, epsilon=1.0, components=6, rng=0)
    point = np.tile([[0.7, -0.4]], (20_000, 1))
    w = b.weights(point[:1])
    assert w.sum() == pytest.approx(1.0, rel=1e-12)
    z = b.sample(point, rng=0)
    mean = b.conditional_mean(point[:1])[0]
    np.testing.assert_allclose(z.mean(0), mean, atol=0.1)
    parts = b.means + b.scales * (point[0] - b.origin)
    known = w[0] @ (parts**2 + b.epsilon * b.scales) - mean**2
    np.testing.assert_allclose(z.var(0), known, rtol=0.05)


def test_the_bridge_in_time():
    x, y = samples()
    b = light_bridge(x, y, epsilon=2.0, components=1, rng=0)
    point = np.tile(x[:1], (20_000, 1))
    np.testing.assert_array_equal(b.sample(point, time=0.0, rng=0), point)
    half = b.sample(point, time=0.5, rng=0)
    np.testing.assert_allclose(half.mean(0), (x[0] + b.conditional_mean(x[:1])[0]) / 2, atol=0.05)
    known = b.epsilon * (b.scales[0] / 4 + 0.25)
    np.testing.assert_allclose(half.var(0), known, rtol=0.05)
    with pytest.raises(ValueError, match="time must lie"):
        b.sample(point, time=1.5)


def test_shifts_and_scales_pass_through():
    """The cost is quadratic: shifts move the means, and lengths t belong to ε t²."""
    x, y = ring()
    one = light_bridge(x, y, epsilon=1.0, components=4, rng=0)
    two = light_bridge(2 * (x + 10), 2 * (y - 30), epsilon=4.0, components=4, rng=0)
    np.testing.assert_allclose(two.means, 2 * (one.means - 30), rtol=1e-3)
    np.testing.assert_allclose(two.scales, one.scales, rtol=1e-2)
    assert two.loss == pytest.approx(one.loss, rel=1e-4)


def test_samples_must_fit():
    with pytest.raises(ValueError, match="target must have 2 columns"):
        light_bridge(np.ones((3, 2)), np.ones((3, 3)), epsilon=1.0)
    with pytest.raises(ValueError, match="epsilon must lie"):
        light_bridge(np.ones((3, 2)), np.ones((3, 2)), epsilon=0.0)
    with pytest.raises(ValueError, match="at least one point"):
        light_bridge(np.ones((0, 2)), np.ones((3, 2)), epsilon=1.0)
