"""Sketches: what they are, entry by entry, and that they keep subspaces."""

from itertools import combinations
from math import cos, pi, sqrt

import numpy as np
import pytest
import scipy.sparse as sparse

import linalgx as lx
from linalgx import backend
from linalgx.backend import cosine_transform
from linalgx.randomized._sketches import sign_columns

KINDS = ("gaussian", "sparse_sign", "srtt", "countsketch")


def matrix(s):
    """Entries of a NumPy map, from its adjoint, which has few columns."""
    return (s.adjoint @ np.eye(s.shape[0], dtype=s.dtype)).conj().T


def born(leg, kind, d, n, **options):
    place = {"xp": leg.xp, "device": leg.device, "dtype": leg.dtype}
    return lx.randomized.sketch(kind, d, n, **place, **{"rng": 0, **options})


@pytest.mark.parametrize("kind", KINDS)
def test_maps_of_every_library(leg, kind):
    """One seed, one sketch; the adjoint fits; vectors and blocks."""
    s = born(leg, kind, 5, 12)
    assert isinstance(s, lx.LinearMap)
    assert s.shape == (5, 12)
    x, y = leg.randn(12, 3), leg.randn(5, 2, seed=1)
    sx, shy = s @ x, s.adjoint @ y
    assert leg.matches(sx)
    assert leg.matches(shy)
    assert sx.dtype == shy.dtype == leg.dtype
    x, y, sx, shy = (leg.to_numpy(v) for v in (x, y, sx, shy))
    tolerance = {"rtol": 0, "atol": 100 * leg.eps}
    np.testing.assert_allclose(y.conj().T @ sx, shy.conj().T @ x, **tolerance)
    host = lx.randomized.sketch(kind, 5, 12, rng=0, dtype=leg.dtype_name)
    np.testing.assert_allclose(host @ x, sx, **tolerance)
    np.testing.assert_allclose(leg.to_numpy(s @ leg.asarray(x[:, 0])), sx[:, 0], **tolerance)


@pytest.mark.parametrize("zeta", [None, 1, 3, 20])
def test_sparse_signs(zeta):
    """ζ entries ±1/√ζ in distinct rows of each column, so columns of unit norm."""
    s = matrix(lx.randomized.sketch("sparse_sign", 12, 4000, zeta=zeta, rng=0))
    wanted = min(8 if zeta is None else zeta, 12)
    assert np.all(np.count_nonzero(s, axis=0) == wanted)
    np.testing.assert_allclose(np.abs(s[s != 0]), wanted**-0.5, rtol=1e-15)
    assert 0.45 < np.mean(s[s != 0] > 0) < 0.55


def test_all_sets_of_rows_are_alike():
    """Six pairs out of four rows, 60 000 draws: counts within five standard deviations."""
    s = matrix(lx.randomized.sketch("sparse_sign", 4, 60_000, zeta=2, rng=0)) != 0
    counts = [np.count_nonzero(s[i] & s[j]) for i, j in combinations(range(4), 2)]
    assert sum(counts) == 60_000
    assert np.all(np.abs(np.array(counts) - 10_000) < 5 * sqrt(60_000 * 5 / 36))


def test_count_sketch_has_one_sign_in_each_column():
    s = matrix(lx.randomized.sketch("countsketch", 7, 200, rng=0))
    assert np.all(np.sum(np.abs(s), axis=0) == 1.0)
    assert set(np.unique(s)) == {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("rounds", [None, 2])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_trigonometric_sketches_have_orthogonal_rows(dtype, rounds):
    """S Sᴴ = (n/d) I, and with all rows S is unitary."""
    for d in (5, 17):
        s = matrix(lx.randomized.sketch("srtt", d, 17, rounds=rounds, rng=0, dtype=dtype))
        np.testing.assert_allclose(s @ s.conj().T, 17 / d * np.eye(d), rtol=0, atol=2e-14)


def test_one_round_is_a_cosine_transform_of_signs():
    s = matrix(lx.randomized.sketch("srtt", 6, 6, rng=0))
    signs = np.sign(s[0])
    np.testing.assert_allclose(s * signs, dct_matrix(6), rtol=0, atol=1e-15)


def dct_matrix(n):
    f = [[cos(pi * k * (2 * j + 1) / (2 * n)) for j in range(n)] for k in range(n)]
    return np.array(f) * np.where(np.arange(n) == 0, sqrt(1 / n), sqrt(2 / n))[:, None]


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_cosine_transform(leg, n):
    """Against the matrix of its definition, and back."""
    x = leg.randn(n, 2)
    y = cosine_transform(x, xp=leg.xp)
    assert y.dtype == leg.dtype
    atol = 20 * leg.eps
    np.testing.assert_allclose(leg.to_numpy(y), dct_matrix(n) @ leg.to_numpy(x), rtol=0, atol=atol)
    back = cosine_transform(y, inverse=True, xp=leg.xp)
    np.testing.assert_allclose(leg.to_numpy(back), leg.to_numpy(x), rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("kind", KINDS)
def test_sketches_are_isotropic(kind, dtype):
    """The mean of SᴴS over 500 seeds; a product of entries has variance 2 at most."""
    total = 0
    for seed in range(500):
        s = matrix(lx.randomized.sketch(kind, 3, 4, rng=seed, dtype=dtype))
        total = total + s.conj().T @ s
    assert np.max(np.abs(total / 500 - np.eye(4))) < 5 * sqrt(2 / 500)


@pytest.mark.parametrize("kind", ["gaussian", "sparse_sign", "srtt"])
def test_subspaces_are_kept(kind):
    """Twelve rows for each dimension; the subspaces of smooth and of single components."""
    n, r = 3000, 8
    smooth = np.linalg.qr(np.vander(np.linspace(-1, 1, n), r))[0]
    for q in (smooth, np.eye(n, r)):
        s = lx.randomized.sketch(kind, 12 * r, n, rng=0)
        values = np.linalg.svdvals(s @ q)
        assert values[-1] > 0.5
        assert values[0] < 1.5


def test_sparse_operands_stay_sparse_until_the_end():
    a = sparse.random_array((300, 20), density=0.1, rng=np.random.default_rng(0), format="csr")
    xp = backend.namespace_of(a.data)
    s = sign_columns(30, 300, 8, np.random.default_rng(0), like=a.data, xp=xp)
    np.testing.assert_allclose(s.times_sparse(a), s.times(a.toarray()), rtol=0, atol=1e-14)


def test_born_where_the_switch_says():
    with lx.use_backend("array_api_strict"):
        s = lx.randomized.sketch("sparse_sign", 3, 5, rng=0)
    assert backend.library_name(s.xp) == "array_api_strict"
    assert lx.randomized.sketch("gaussian", 3, 5).dtype == np.float64


@pytest.mark.parametrize("kind", ["gaussian", "sparse_sign", "srtt", "countsketch"])
def test_no_columns(kind):
    if kind == "srtt":
        with pytest.raises(ValueError, match="d must lie in"):
            lx.randomized.sketch(kind, 2, 0)
        return
    s = lx.randomized.sketch(kind, 2, 0, rng=0)
    assert np.all(s @ np.ones((0, 3)) == np.zeros((2, 3)))


def test_refusals():
    sketch = lx.randomized.sketch
    with pytest.raises(ValueError, match="kind must be one of 'gaussian', 'sparse_sign', 'srtt'"):
        sketch("fourier", 3, 5)
    with pytest.raises(ValueError, match=r"d must lie in \[1, 5\] for a srtt of .* 5, got 6"):
        sketch("srtt", 6, 5)
    with pytest.raises(ValueError, match="zeta belongs to the kind 'sparse_sign', got"):
        sketch("countsketch", 3, 5, zeta=2)
    with pytest.raises(ValueError, match="rounds belongs to the kind 'srtt', got"):
        sketch("gaussian", 3, 5, rounds=2)
    with pytest.raises(ValueError, match="zeta must be at least 1, got 0"):
        sketch("sparse_sign", 3, 5, zeta=0)
    with pytest.raises(ValueError, match="d must be at least 1, got 0"):
        sketch("gaussian", 0, 5)
    with pytest.raises(TypeError, match="n must be an integer"):
        sketch("gaussian", 3, 5.0)


@pytest.mark.parametrize("kind", ["gaussian", "sparse_sign", "srtt", "countsketch"])
def test_integers_are_numbers(kind):
    s = lx.randomized.sketch(kind, 5, 12, rng=0)
    x, y = np.arange(24).reshape(12, 2), np.arange(10).reshape(5, 2)
    assert np.array_equal(s @ x, s @ x.astype(float))
    assert np.array_equal(s.adjoint @ y, s.adjoint @ y.astype(float))
