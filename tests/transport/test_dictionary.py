"""Wasserstein dictionaries: the conjugate, the simplex, monotone objectives, known atoms."""

import numpy as np
import pytest

from linalgx.transport import cp_dictionary
from linalgx.transport._histograms import Histograms, onto_simplex, outer


def data(n=6, sizes=(4, 3), rank=2, seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.dirichlet(np.ones(k), rank).T for k in sizes]
    codes = rng.dirichlet(np.ones(rank), n)
    atoms = outer(factors, xp=np)
    return np.tensordot(codes, atoms, 1)


def grid_cost(sizes):
    """Squared distances between all points of a grid whose axes have length one."""
    axes = [np.arange(k) / max(k - 1, 1) for k in sizes]
    points = np.stack([t.ravel() for t in np.meshgrid(*axes, indexing="ij")], axis=1)
    return ((points[:, None] - points) ** 2).sum(2)


def transport_value(x, y, cost, gamma, sweeps=3000):
    """Σ C P + γ Σ P log P by plain scaling."""
    k = np.exp(-cost / gamma)
    v = np.ones_like(y)
    for _ in range(sweeps):
        u = x / (k @ v)
        v = y / (k.T @ u)
    p = u[:, None] * k * v
    return np.sum(cost * p) + gamma * np.sum(p * np.log(np.maximum(p, 1e-300)))


@pytest.mark.parametrize("sizes", [(5,), (4, 3), (2, 3, 2)])
def test_the_objective_never_rises_and_is_what_it_says(sizes):
    x, gamma = data(n=3, sizes=sizes), 0.3
    result = cp_dictionary(x, 2, gamma=gamma, rng=0, rtol=0.05)
    assert len(result.objectives) == result.iterations + 1
    assert np.all(np.diff(result.objectives) <= 0)
    assert result.objectives[-1] < result.objectives[0]
    assert result.objective == result.objectives[-1]
    y = result.codes @ outer(list(result.factors), xp=np).reshape(2, -1)
    cost = grid_cost(sizes)
    known = sum(
        transport_value(x[n].ravel(), np.maximum(y[n], 1e-300), cost, gamma) for n in range(len(x))
    )
    assert result.objective == pytest.approx(known, abs=1e-5)


def test_columns_lie_in_the_simplex(leg):
    if leg.is_complex:
        return
    x = 3.0 * data(n=2, sizes=(3, 2))
    result = cp_dictionary(leg.asarray(x), 2, gamma=0.5, rng=0, rtol=0.1)
    tol = 20 * leg.eps
    for u, size in zip(result.factors, (3, 2), strict=True):
        assert leg.matches(u)
        assert tuple(u.shape) == (size, 2)
        np.testing.assert_allclose(leg.to_numpy(u).sum(0), 1.0, atol=tol)
        assert leg.to_numpy(u).min() >= 0
    np.testing.assert_allclose(leg.to_numpy(result.codes).sum(1), 3.0, atol=3 * tol)
    assert np.all(np.diff(result.objectives) <= 0)


def test_the_conjugate_and_its_gradient():
    rng = np.random.default_rng(0)
    x, gamma = data(n=2, sizes=(4, 3)), 0.1
    h = Histograms.of(x, gamma, xp=np)
    g = rng.standard_normal(x.shape)
    value, log_y = h.conjugate(g)
    k = np.exp(-grid_cost((4, 3)) / gamma)
    flat = x.reshape(2, -1)
    inner = np.exp(g.reshape(2, -1) / gamma) @ k.T
    np.testing.assert_allclose(value, gamma * np.sum(flat * np.log(inner / flat), 1), rtol=1e-10)
    step = rng.standard_normal(x.shape)
    change = (h.conjugate(g + 1e-6 * step)[0] - h.conjugate(g - 1e-6 * step)[0]) / 2e-6
    np.testing.assert_allclose(change, (np.exp(log_y) * step).sum((1, 2)), rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_y).sum((1, 2)), 1.0, rtol=1e-12)


def test_conjugate_inequality():
    """W(x, y) + W*(x, g) ≥ ⟨g, y⟩, with equality for the potentials of y."""
    x, y = data(n=3, seed=0), data(n=3, seed=1)
    h = Histograms.of(x, 0.1, xp=np)
    value, g = h.values(y, np.zeros_like(x))
    here, _ = h.conjugate(g)
    np.testing.assert_allclose(value + here, (g * y).sum((1, 2)), atol=1e-12)
    other = g + np.random.default_rng(0).standard_normal(g.shape)
    assert np.all(value + h.conjugate(other)[0] >= (other * y).sum((1, 2)))


@pytest.mark.parametrize("gamma", [0.5, 0.01])
def test_kernels_and_their_logarithms_agree(gamma):
    """Below γ = 1/566 only the logarithms are kept."""
    x = data(sizes=(5, 4))
    h = Histograms.of(x, gamma, xp=np)
    assert h.mild
    logs = Histograms(x, h.log_x, [np.log(k) for k in h.kernels], False, gamma, np)
    g = np.random.default_rng(0).standard_normal(x.shape)
    for one, two in zip(h.conjugate(g), logs.conjugate(g), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)
    assert not Histograms.of(x, 1e-3, xp=np).mild


def test_projection_onto_the_simplex(leg):
    if leg.is_complex:
        return
    v = np.array([[0.2, 0.3, 0.5], [3.0, 0.0, 0.0], [1.0, 1.0, -9.0], [-2.0, -2.0, -2.0]])
    known = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    got = leg.to_numpy(onto_simplex(leg.asarray(v), xp=leg.xp))
    np.testing.assert_allclose(got, known, atol=4 * leg.eps)


def test_known_atoms_are_found():
    """Two bumps far apart, pure and mixed."""
    atoms = np.array([[0.8, 0.2, 0, 0, 0], [0, 0, 0, 0.2, 0.8]])
    mixed = np.array([[1, 0], [0.5, 0.5], [0, 1], [0.25, 0.75]])
    result = cp_dictionary(mixed @ atoms, 2, gamma=0.05, rng=0, rtol=1e-2)
    order = np.argsort(result.factors[0][0])[::-1]
    np.testing.assert_allclose(result.codes[:, order], mixed, atol=0.02)
    assert result.factors[0][:2, order[0]].sum() > 0.9
    assert result.factors[0][3:, order[1]].sum() > 0.9


def test_masses_and_options():
    with pytest.raises(ValueError, match="without mass"):
        cp_dictionary([[1.0, 0.0], [0.0, 0.0]], 1, gamma=1.0)
    with pytest.raises(ValueError, match="at least zero"):
        cp_dictionary([[1.0, -1.0], [1.0, 0.0]], 1, gamma=1.0)
    with pytest.raises(ValueError, match="gamma must lie"):
        cp_dictionary([[1.0, 1.0]], 1, gamma=0.0)
