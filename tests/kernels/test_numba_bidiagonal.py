"""Bidiagonalization and functions of bidiagonal matrices, against dense arithmetic."""

import numpy as np
import pytest

from linalgx.backend import find_kernel, namespace_of
from linalgx.orthogonal._bidiagonal_route import DEFECT, LEAST, weights

XP = namespace_of(np.zeros(1))
EPS = 2.0**-52


@pytest.fixture
def bidiagonalized(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    return find_kernel("bidiagonalized", XP)


@pytest.fixture
def bidiagonal_map(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    return find_kernel("bidiagonal_map", XP)


def dense(b, e):
    return np.diag(b) + np.diag(e, 1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (64, 64), (65, 65), (130, 130), (9, 4)])
def test_q_b_p_is_the_matrix(bidiagonalized, dtype, order, shape):
    unit, n = np.finfo(dtype).eps, shape[1]
    a = np.random.default_rng(0).standard_normal(shape).astype(dtype, order=order)
    a.setflags(write=False)
    b, e, expand = bidiagonalized(a)
    assert e.shape == (n - 1,)
    whole = dense(b, e)
    # Where the function returns the transpose, it is Aᵀ that was reduced.
    np.testing.assert_allclose(expand(whole), a, rtol=0, atol=30 * unit * np.linalg.norm(a))
    q = expand(np.eye(n, dtype=dtype))
    assert q.dtype == dtype
    assert np.linalg.norm(q.T @ q - np.eye(n)) <= 20 * unit * n


@pytest.mark.parametrize(
    "a",
    [
        np.zeros((70, 70)),
        np.eye(70)[::-1],
        np.ones((70, 70)),
        np.kron(np.eye(2), np.ones((100, 100))),  # rounding errors of rounding errors
        np.eye(70) * np.geomspace(1, 1e-300, 70),
    ],
    ids=["zero", "permutation", "ones", "blocks", "graded"],
)
def test_reflectors_stay_orthogonal_for_vanishing_columns(bidiagonalized, a):
    b, e, expand = bidiagonalized(a)
    n = len(a)
    np.testing.assert_allclose(expand(dense(b, e)), a, rtol=0, atol=30 * EPS * n)
    q = expand(np.eye(n))
    # Long sums of equal terms: their rounding errors add up.
    assert np.linalg.norm(q.T @ q - np.eye(n)) <= 1000 * EPS * np.sqrt(n)


def scalar(x, chosen):
    m, a, c = chosen
    return x * (m + np.sum(a / (x[:, None] ** 2 + c), axis=1))


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 100])
def test_map_is_the_function_of_the_singular_values(bidiagonal_map, n):
    rng = np.random.default_rng(n)
    b, e = 0.2 + 0.3 * rng.random(n), 0.3 * rng.standard_normal(n - 1)
    chosen = (0.3, np.array([0.5, 1.0, 0.25]), np.array([1e-3, 0.1, 2.0]))
    w, s, vh = np.linalg.svd(dense(b, e))
    want = w * scalar(s, chosen) @ vh
    got = bidiagonal_map(b, e, lambda lower: chosen, np.float64)
    np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS)
    single = bidiagonal_map(b, e, lambda lower: chosen, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, want, rtol=0, atol=1e-5)


def test_lower_bound_is_one_and_close(bidiagonal_map):
    rng = np.random.default_rng(0)
    b, e = 0.5 * rng.random(60), 0.5 * rng.standard_normal(59)
    bounds = []
    bidiagonal_map(b, e, lambda lower: bounds.append(lower), np.float64)
    least = np.linalg.svd(dense(b, e))[1][-1]
    assert least / 60**0.5 <= bounds[0] <= least * (1 + 1e-10)


SHAPES = {
    "graded down": (0.5 * np.geomspace(1, 1e-25, 90), 0.4 * np.geomspace(1, 1e-25, 90)[:-1]),
    "graded up": (0.5 * np.geomspace(1e-25, 1, 90), 0.4 * np.geomspace(1e-25, 1, 90)[:-1]),
    "splits": (np.where(np.arange(90) % 7, 0.5, 1e-31), np.where(np.arange(89) % 5, 0.3, 0.0)),
    "no coupling": (0.5 * np.geomspace(1, 1e-31, 90), np.zeros(89)),
    "tiny couplings": (np.full(90, 0.5), np.full(89, 1e-300)),
    "decaying inverse": (np.full(90, 0.3), np.full(89, 0.5)),
    "noise": (
        1e-16 * np.random.default_rng(1).random(90) + 1e-31,
        1e-16 * np.random.default_rng(2).standard_normal(89),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("single", [False, True])
def test_polar_factor_however_small_the_singular_values(bidiagonal_map, name, single):
    """An isometry up to δ, whose product with B is symmetric to working precision."""
    b, e = SHAPES[name]
    if single:
        b = np.maximum(b, 1e-14)
    dtype = np.float32 if single else np.float64
    u = bidiagonal_map(b, e, lambda lower: weights(lower, single), dtype)
    assert u is not None
    unit, n = np.finfo(dtype).eps, len(b)
    u = u.astype(float)
    assert np.linalg.norm(u.T @ u - np.eye(n)) <= (3 * DEFECT[single] + 20 * unit) * np.sqrt(n)
    h = u.T @ dense(b, e)
    assert np.linalg.norm(h - h.T) <= 4 * unit * np.linalg.norm(h)


def test_no_weights_no_result(bidiagonal_map):
    b = np.array([0.5, 1e-100])
    none = bidiagonal_map(b, np.array([0.1]), lambda lower: weights(lower, False), np.float64)
    assert none is None


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("lower", [0.9, 0.1, 1e-5, 1e-12, 1e-20])
def test_weights_approximate_one(lower, single):
    values = np.geomspace(lower, 1, 2000)
    f = scalar(values, weights(lower, single))
    assert np.max(np.abs(f - 1)) <= 2 * DEFECT[single]
    assert weights(LEAST[single] / 2, single) is None
    assert weights(float("nan"), single) is None
