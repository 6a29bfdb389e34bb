"""Known answers of the matrices on which factorizations are tried."""

from fractions import Fraction
from itertools import pairwise
from math import factorial, isqrt, sqrt

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.linalg import qr
from scipy.special import iv

import linalgx as lx


def born(leg, function, *args, **kwargs):
    a = function(*args, **kwargs, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    assert leg.matches(a)
    assert a.dtype == leg.dtype
    return leg.to_numpy(a)


# --- companion_exp ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 5, 13])
def test_companion_exp_is_exact(leg, n):
    a = born(leg, lx.gallery.companion_exp, n)
    expected = np.eye(n, k=-1)
    expected[:1] = [-factorial(n) / factorial(n - k) for k in range(1, n + 1)]
    np.testing.assert_array_equal(a, expected)


def test_companion_exp_has_the_taylor_polynomial():
    """p(λ) = Σ λᵏ/k! vanishes at the eigenvalues."""
    n = 8
    w = np.linalg.eigvals(lx.gallery.companion_exp(n))
    values = sum(w**k / factorial(k) for k in range(n + 1))
    size = sum(np.abs(w) ** k / factorial(k) for k in range(n + 1))
    assert np.all(np.abs(values) < 1e-8 * size)
    assert np.linalg.det(lx.gallery.companion_exp(n)) == pytest.approx(factorial(n))


def extremes(n):
    """Largest and smallest singular value, from their product and sum of squares."""
    product = factorial(n)
    square = 1 + sum(Fraction(factorial(n), factorial(n - k)) ** 2 for k in range(1, n + 1))
    scale = 10**40  # forty decimals by integer square roots
    plus, minus = (isqrt(int((square + s * 2 * product) * scale**2)) for s in (1, -1))
    return float(Fraction(plus + minus, 2 * scale)), float(Fraction(plus - minus, 2 * scale))


def test_companion_exp_singular_values():
    largest, smallest = extremes(20)
    assert smallest == 0.66232641487188833
    assert largest == 3.6732673702093377e18
    assert smallest == pytest.approx(1 / sqrt(iv(0, 2.0)), rel=1e-15)
    for n in (2, 3, 6):
        s = np.linalg.svd(lx.gallery.companion_exp(n), compute_uv=False)
        np.testing.assert_allclose(s[[0, -1]], extremes(n), rtol=1e-12)
        np.testing.assert_allclose(s[1:-1], 1.0, rtol=1e-12)


def test_companion_exp_ends_where_the_factorial_does():
    assert np.all(np.isfinite(lx.gallery.companion_exp(170)))
    assert np.all(np.isfinite(lx.gallery.companion_exp(34, dtype="float32")))
    with pytest.raises(ValueError, match=r"n must be at most 34, .* got 35"):
        lx.gallery.companion_exp(35, dtype="complex64")


# --- hippo -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 5, 30])
def test_hippo(leg, n):
    a = born(leg, lx.gallery.hippo, n)
    p = np.sqrt(2 * np.arange(n) + 1)
    skew = a + 0.5 * np.eye(n) + 0.5 * np.outer(p, p)
    np.testing.assert_allclose(skew, -skew.T, atol=4 * n * leg.eps)
    np.testing.assert_array_equal(np.diagonal(a), -np.arange(1.0, n + 1))
    assert not np.any(np.triu(a, 1))


def test_hippo_eigenvectors_are_numerically_dependent():
    _, v = np.linalg.eig(lx.gallery.hippo(64))
    assert np.linalg.cond(v) > 1e15


# --- sparse_powerlaw -------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.5, 2.0])
def test_columns_have_the_stated_lengths_and_entries(leg, decay):
    m, n, count = 30, 12, 7
    options = {"per_column": count, "decay": decay, "sparse": False, "rng": 1}
    a = born(leg, lx.gallery.sparse_powerlaw, m, n, **options)
    j = np.arange(1.0, n + 1)
    np.testing.assert_allclose(np.linalg.norm(a, axis=0), j**-decay, rtol=10 * leg.eps)
    np.testing.assert_array_equal(np.count_nonzero(a, axis=0), count)
    part = np.arange(count + 1) * m // count
    for top, bottom in pairwise(part):
        np.testing.assert_array_equal(np.count_nonzero(a[top:bottom], axis=0), 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_sparse_and_dense_are_one_matrix(dtype):
    options = {"per_column": 4, "rng": 2, "dtype": dtype}
    a = lx.gallery.sparse_powerlaw(20, 15, **options)
    assert sparse.issparse(a)
    assert a.format == "csr"
    assert a.dtype == dtype
    assert a.nnz == 60
    dense = lx.gallery.sparse_powerlaw(20, 15, sparse=False, **options)
    np.testing.assert_array_equal(a.toarray(), dense)
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert lx.gallery.sparse_powerlaw(*shape).shape == shape
    assert lx.gallery.sparse_powerlaw(3).nnz == 9


def test_full_columns_are_allowed():
    a = lx.gallery.sparse_powerlaw(6, 2, per_column=6, rng=0).toarray()
    assert np.all(a != 0)


def test_the_leading_singular_values_follow_the_power():
    a = lx.gallery.sparse_powerlaw(4000, 200, per_column=25, rng=0)
    s = np.linalg.svd(a.toarray(), compute_uv=False)
    np.testing.assert_allclose(s[:20], 1 / np.arange(1.0, 21.0), rtol=0.05)
    assert np.sum(s**2) == pytest.approx(np.sum(np.arange(1.0, 201.0) ** -2.0), rel=1e-12)


def test_signs_and_places_are_random():
    a = lx.gallery.sparse_powerlaw(500, 400, per_column=5, decay=0.0, rng=3)
    assert abs(a.sum()) < 4 * sqrt(a.nnz / 5)
    rows = np.bincount(a.tocoo().coords[0], minlength=500)
    assert rows.max() < 16
    assert not np.array_equal(a.indices, lx.gallery.sparse_powerlaw(500, 400, rng=4).indices)


def test_a_library_without_sparse_arrays_says_so():
    with lx.use_backend("array_api_strict"), pytest.raises(TypeError, match="sparse=False"):
        lx.gallery.sparse_powerlaw(4, rng=0)


# --- what the factorization tests ask of the others ------------------------------------------


def test_kahan_by_angle():
    """cos 1.2 is the cosine for the usual angle; pivoted QR does not move its columns."""
    a = lx.gallery.kahan(90, c=np.cos(1.2))
    s = np.linalg.svd(a, compute_uv=False)
    r = qr(a * (1 - 1e-12 * np.arange(90)), pivoting=True, mode="r")[0]
    assert abs(r[-1, -1]) > 1e3 * s[-1]
