"""The kernels of two-sided Jacobi against the generic code."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of
from linalgx.jacobi._definite import pivoted_factor
from linalgx.jacobi._pivoting import iteration_pairs
from linalgx.jacobi._tournament_two_sided import two_sided_rounds
from linalgx.jacobi._two_sided import eye_batch, is_diagonal, thresholds

XP = namespace_of(np.zeros(1))
DTYPES = ("float64", "float32", "complex128", "complex64")


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def batch(k, n, dtype):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((k, n, n))
    if dtype.startswith("complex"):
        a = a + 1j * rng.standard_normal((k, n, n))
    return ((a + np.conj(np.swapaxes(a, -1, -2))) / 2).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 3, 6])
def test_one_sweep_equals_the_generic_one(n, dtype):
    """The same pairs in the same order; disjoint ones commute."""
    a = batch(2, n, dtype)
    tol, floor = thresholds(a, True, xp=XP)
    pairs = iteration_pairs("tournament", n, None)
    b, y = a.copy(), eye_batch(a, xp=XP)
    rounds, left = find_kernel("two_sided_sweeps", XP)(b, y, pairs, tol, floor, 1)
    other, z, moved = two_sided_rounds(a, eye_batch(a, xp=XP), pairs, tol, floor, xp=XP)
    assert rounds == 1
    assert left and moved
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(b, other, atol=60 * unit)
    np.testing.assert_allclose(y, z, atol=60 * unit)
    rotated = np.conj(y) @ a @ np.swapaxes(y, -1, -2)
    np.testing.assert_allclose(b, rotated, atol=60 * unit)
    np.testing.assert_array_equal(b, np.conj(np.swapaxes(b, -1, -2)))


@pytest.mark.parametrize("dtype", DTYPES[:3])
def test_sweeps_end_when_nothing_is_left(dtype):
    a = batch(3, 5, dtype)
    a[1] = np.diag(np.arange(5.0))
    tol, floor = thresholds(a, True, xp=XP)
    b, y = a.copy(), eye_batch(a, xp=XP)
    rounds, left = find_kernel("two_sided_sweeps", XP)(
        b, y, iteration_pairs("cyclic", 5, None), tol, floor, 30
    )
    assert 3 <= rounds <= 10
    assert not left
    assert is_diagonal(b, tol, floor, xp=XP)
    np.testing.assert_array_equal(y[1], np.eye(5))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("accuracy", ["relative", "absolute"])
def test_tiny_matrices_equal_large_ones(monkeypatch, n, dtype, accuracy):
    """Whole batches, of a number that fills no whole number of lanes; the same without kernels."""
    a = batch(75, n, dtype)
    a[5] = 0
    w, v = lx.jacobi.eigh(a, accuracy=accuracy)
    assert w.dtype == v.dtype == a.dtype
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    x, u = lx.jacobi.eigh(a, accuracy=accuracy)
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(w, x, atol=50 * unit)
    gaps = np.min(np.diff(x, axis=-1), axis=-1, initial=1.0)
    sure = gaps > 0.01  # elsewhere vectors are not unique
    assert np.sum(sure) > 30
    np.testing.assert_allclose(v[sure], u[sure], atol=1e5 * unit)


def test_tiny_matrices_are_refused_as_large_ones_are():
    a = batch(100, 3, "float64")
    a[70, 0, 1] += 1e-9
    with pytest.raises(ValueError, match=r"a must be Hermitian.*at unit scale"):
        lx.jacobi.eigh(a)
    a[70, 0, 1] = np.nan
    with pytest.raises(lx.LinAlgError):
        lx.jacobi.eigh(a, check_finite=False)


@pytest.mark.parametrize("exponent", [-1000, -900, 900, 1000])
def test_tiny_matrices_at_the_ends_of_the_range(exponent):
    a = batch(80, 3, "float64")
    far = np.ldexp(a, exponent)
    w, v = lx.jacobi.eigh(far)
    expected, vectors = lx.jacobi.eigh(a)
    np.testing.assert_array_equal(w, np.ldexp(expected, exponent))
    np.testing.assert_array_equal(v, vectors)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_pivoted_factor_equals_the_generic_one(monkeypatch, dtype):
    x = batch(3, 6, dtype)
    a = x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(6, dtype=dtype)
    chol, order = pivoted_factor(a, xp=XP)
    unit = 30 * np.finfo(dtype).eps * np.max(np.abs(a))
    np.testing.assert_allclose(chol @ np.conj(np.swapaxes(chol, -1, -2)), a, atol=unit)
    lower = np.take_along_axis(chol, order[..., None], axis=-2)
    np.testing.assert_array_equal(lower, np.tril(lower))
    pivots = np.diagonal(lower, axis1=-2, axis2=-1).real
    assert np.all(np.diff(pivots, axis=-1) <= 0)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    other, same = pivoted_factor(a, xp=XP)
    np.testing.assert_array_equal(order, same)
    np.testing.assert_allclose(chol, other, atol=unit)


def test_what_is_not_definite_has_no_factor(monkeypatch):
    almost = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])  # a pivot of one rounding error
    for host in (np.diag([1.0, -1.0]), np.zeros((2, 2)), np.ones((2, 2)) + np.eye(2)[::-1], almost):
        a = np.stack([np.eye(2), host])
        for mode in ("", "generic"):
            monkeypatch.setenv("LINALGX_KERNELS", mode)
            assert pivoted_factor(a, xp=XP) is None


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_the_start_of_definite_matrices_equals_rotations(monkeypatch, dtype):
    """Medium orders start with a fast decomposition that loses no digits of small eigenvalues."""
    x = batch(1, 40, dtype)[0]
    d = np.logspace(0, -6, 40, dtype=x.real.dtype)
    a = d[:, None] * (x @ np.conj(x.T) + 40 * np.eye(40, dtype=dtype)) * d
    w, v = lx.jacobi.eigh(a)
    assert max(lx.testing.eigh_ratios(a, w, v)) < 30
    monkeypatch.setattr("linalgx.jacobi._definite.MEDIUM", 100)
    np.testing.assert_allclose(w, lx.jacobi.eigh(a).w, rtol=100 * np.finfo(dtype).eps)
