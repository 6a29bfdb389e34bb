"""Coefficients of the rational iterations: published tables and defining properties."""

from math import isclose

import numpy as np
import pytest

import linalgx as lx
from linalgx.orthogonal._weights import (
    qdwh_map,
    zolotarev_map,
    zolotarev_order,
    zolotarev_step,
)

TABLE = [
    (1.1696e11, 3.4200e21, 3.4200e21),
    (4890.43, 5.97662e6, 5.98151e6),
    (17.0920, 64.7378, 80.8297),
    (3.40407, 1.44489, 3.84896),
    (3.00035, 1.00035, 3.00069),
    (3.0, 1.0, 3.0),
]


def step(x, c, m):
    """The Zolotarev function in product form."""
    square = x * x
    return m * x * np.prod((square + c[1::2, None]) / (square + c[::2, None]), axis=0)


def test_qdwh_weights_match_the_published_table():
    np.testing.assert_allclose(lx.orthogonal.qdwh_weights(1e-16), TABLE, rtol=2e-5)


@pytest.mark.parametrize(
    ("cond", "steps"),
    [(10, 4), (1e2, 4), (1e3, 4), (1e5, 5), (1e8, 5), (1e12, 5), (1e15, 6), (1e16, 6)],
)
def test_number_of_qdwh_steps(cond, steps):
    rows = lx.orthogonal.qdwh_weights(1 / cond)
    assert rows.shape == (steps, 3)
    assert rows.dtype == np.float64
    x = np.geomspace(1 / cond, 1, 200)
    for a, b, c in rows:
        x = x * (a + b * x**2) / (1 + c * x**2)
    assert np.max(np.abs(x - 1)) < 4e-15


def test_qdwh_of_an_isometry_is_halley():
    np.testing.assert_array_equal(lx.orthogonal.qdwh_weights(1.0), [[3.0, 1.0, 3.0]])
    assert qdwh_map(1.0, (3.0, 1.0, 3.0)) == 1.0


@pytest.mark.parametrize(
    ("lower", "r", "one_step", "two_steps"), [(1e-16, 8, 0.60, 5e-15), (1e-2, 3, 0.025, 2e-15)]
)
def test_published_zolotarev_errors(lower, r, one_step, two_steps):
    c, _, m = lx.orthogonal.zolotarev_coefficients(lower, r)
    y = step(np.geomspace(lower, 1, 5001), c, m)
    assert isclose(np.max(np.abs(1 - y)), one_step, rel_tol=0.01)
    c, _, m = lx.orthogonal.zolotarev_coefficients(y.min(), r)
    assert np.max(np.abs(1 - step(y, c, m))) < two_steps


@pytest.mark.parametrize(("lower", "r"), [(1e-100, 8), (1e-16, 8), (1e-8, 6), (0.01, 3), (0.3, 2)])
def test_zolotarev_function_equioscillates_and_both_forms_agree(lower, r):
    c, a, m = lx.orthogonal.zolotarev_coefficients(lower, r)
    assert c.shape == (2 * r,)
    assert a.shape == (r,)
    assert np.all(np.diff(c) > 0)
    np.testing.assert_allclose(c * c[::-1], lower**2, rtol=1e-13)
    x = np.geomspace(lower, 1, 200_001 if lower < 1e-50 else 40_001)
    y = step(x, c, m)
    np.testing.assert_allclose(
        m * x * (1 + np.sum(a[:, None] / (x**2 + c[::2, None]), axis=0)), y, rtol=1e-12
    )
    inner = y[1:-1]
    turns = inner[(inner - y[:-2]) * (y[2:] - inner) < 0]
    extrema = np.r_[y[0], turns, y[-1]]
    assert len(extrema) == 2 * r + 2
    np.testing.assert_allclose(extrema[::2], extrema[0], rtol=1e-6)
    np.testing.assert_allclose(extrema[1::2], 1.0, rtol=1e-6)


def test_stable_points_agree_with_elliptic_functions():
    """Where the textbook formula is harmless, it must give the same numbers."""
    special = pytest.importorskip("scipy.special")
    lower, r = 0.2, 4
    modulus = 1 - lower**2
    u = np.arange(1, 2 * r + 1) * special.ellipk(modulus) / (2 * r + 1)
    sn, cn, _, _ = special.ellipj(u, modulus)
    c, _, _ = lx.orthogonal.zolotarev_coefficients(lower, r)
    np.testing.assert_allclose(c, lower**2 * (sn / cn) ** 2, rtol=1e-13)


@pytest.mark.parametrize("lower", [1.0, 1 - 1e-9, 0.9999, 0.95, 0.7])
def test_one_zolotarev_step_is_enough_near_one(lower):
    c, _, m = zolotarev_step(lower, zolotarev_order(lower))
    assert 1 - zolotarev_map(lower, c, m) < 1e-14


@pytest.mark.parametrize("name", ["qdwh_weights", "zolotarev_coefficients"])
@pytest.mark.parametrize("lower", [0.0, -1.0, 1.5, float("nan"), 1e-200])
def test_lower_bound_outside_its_range(name, lower):
    args = () if name == "qdwh_weights" else (3,)
    with pytest.raises(ValueError, match="lower must lie in"):
        getattr(lx.orthogonal, name)(lower, *args)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="r must be at least 1, got 0"):
        lx.orthogonal.zolotarev_coefficients(0.1, 0)
    with pytest.raises(TypeError, match="r must be an integer"):
        lx.orthogonal.zolotarev_coefficients(0.1, 2.5)
    with pytest.raises(TypeError, match="lower must be a real number"):
        lx.orthogonal.qdwh_weights("small")
