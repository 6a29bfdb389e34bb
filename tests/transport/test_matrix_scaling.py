"""Matrix scaling: sums to rounding, kept ratios, structure of zeros, hard ranges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linalgx as lx

scale = lx.transport.scale


def errors(result, r=None, c=None):
    """Largest relative error of a row or column sum in units of eps."""
    x = lx.to_numpy(result.x)
    n, m = x.shape[-2:]
    r = np.ones(n) if r is None else r
    c = np.full(m, n / m) if c is None else c
    eps, x = np.finfo(x.dtype).eps, x.astype(float)
    rows = np.abs(np.sum(x, axis=-1) - r) / r
    columns = np.abs(np.sum(x, axis=-2) - c) / c
    return max(np.max(rows), np.max(columns)) / eps


def factored(result, a):
    """Largest relative error of x = d1 a d2, entry by entry where the entries are normal."""
    d1, d2, x = (lx.to_numpy(v).astype(float) for v in (result.d1, result.d2, result.x))
    with np.errstate(all="ignore"):
        y = (d1[..., :, None] * np.sqrt(a)) * (d2[..., None, :] * np.sqrt(a))
    normal = (x > 1e-150) & np.isfinite(y) & (y > 1e-150)
    return np.max(np.abs(y - x)[normal] / x[normal])


def test_two_by_two(leg):
    """[[4, 1], [1, 1]]: equal products of diagonals, 4 (1 − t)² = t²·…, so t = 1/3."""
    if leg.is_complex:
        return
    result = scale(leg.asarray([[4.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(leg.to_numpy(result.x), [[2 / 3, 1 / 3], [1 / 3, 2 / 3]],
                               rtol=4 * leg.eps)  # fmt: skip
    np.testing.assert_allclose(leg.to_numpy(result.d1), [1 / 6**0.5, 2 / 6**0.5], rtol=8 * leg.eps)
    assert result.converged
    assert result.dropped == 0
    assert result.residual <= 4 * leg.eps


@pytest.mark.parametrize("small", [1e-3, 1e-12, 1e-100, 1e-300])
def test_nearly_sublinear(small):
    """[[1, 1], [δ, 1]] has the off-diagonal √δ/(1 + √δ); Sinkhorn needs 1/√δ sweeps."""
    result = scale(np.array([[1.0, 1.0], [small, 1.0]]))
    off = small**0.5 / (1 + small**0.5)
    np.testing.assert_allclose(result.x, [[1 - off, off], [off, 1 - off]], atol=1e-15)
    assert result.iterations < 10
    if small >= 1e-12:
        np.testing.assert_allclose(result.x[0, 1], off, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 50])
def test_six_hundred_decades(n):
    a = 10.0 ** np.random.default_rng(n).uniform(-300, 300, (n, n))
    result = scale(a)
    assert result.converged
    assert errors(result) < 4 * max(n, 8)
    assert factored(result, a) < 1e-14


@pytest.mark.parametrize("n", [5, 12, 60])
def test_symmetric_matrices_have_one_factor(leg, n):
    """Also when the pattern falls into parts: an off-diagonal pair of blocks."""
    if leg.is_complex:
        return
    b = np.random.default_rng(0).uniform(0.1, 1.0, (n, n))
    zero = np.zeros((n, n))
    for a in (lx.gallery.hilbert(n), np.block([[zero, b], [b.T, zero]])):
        result = scale(leg.asarray(a))
        d1, d2, x = (leg.to_numpy(v) for v in (result.d1, result.d2, result.x))
        np.testing.assert_array_equal(d1, d2)
        np.testing.assert_array_equal(x, x.T)
        assert errors(result) < 4 * max(n, 8)


def test_blocks_that_hardly_touch():
    """Weak coupling alone, and with mass that has to cross it."""
    rng = np.random.default_rng(0)
    n = 40
    a = np.full((n, n), 1e-12)
    a[: n // 2, : n // 2], a[n // 2 :, n // 2 :] = rng.random((2, n // 2, n // 2))
    assert errors(scale(a)) < 4 * n
    for weak in (1e-12, 1e-200):
        r = np.where(np.arange(n) < n // 2, 1.0 + 1e-3, 1.0 - 1e-3)
        b = np.where(a == 1e-12, weak, a)
        result = scale(b, r, np.ones(n))
        assert result.converged
        assert errors(result, r, np.ones(n)) < 4 * n
        there, back = np.sum(result.x[: n // 2, n // 2 :]), np.sum(result.x[n // 2 :, : n // 2])
        np.testing.assert_allclose(there - back, 0.02, rtol=1e-10)


def test_near_triangular():
    for small in (1e-3, 1e-12, 1e-100):
        a = np.triu(np.ones((30, 30))) + small * np.tril(np.ones((30, 30)), -1)
        result = scale(a)
        assert result.converged
        assert errors(result) < 120
        assert result.iterations < 12


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.0, 30.0), st.integers(0, 99))
def test_any_size_spread_and_sums(n, m, spread, seed):
    rng = np.random.default_rng(seed)
    a = np.exp(spread * rng.standard_normal((n, m)))
    r, c = 10.0 ** rng.uniform(-8, 0, n), 10.0 ** rng.uniform(-8, 0, m)
    c = c * (np.sum(r) / np.sum(c))
    result = scale(a, r, c)
    assert result.converged
    assert result.residual <= 8 * np.finfo(float).eps
    total = np.abs(result.x.sum(1) - r).sum() + np.abs(result.x.sum(0) - c).sum()
    assert total <= 12 * np.finfo(float).eps * r.sum()
    # Scaling keeps the ratios: log x − log a is f_i + g_j.
    with np.errstate(divide="ignore"):
        change = np.log(result.x) - np.log(a)
    if np.all(np.isfinite(change)) and np.min(result.x) > 1e-290:
        change = change - change[:1] - change[:, :1] + change[0, 0]
        assert np.max(np.abs(change)) < 1e-12 * (1 + spread)


def test_missing_sums_are_spread_evenly():
    a = np.random.default_rng(0).random((3, 6)) + 0.1
    np.testing.assert_allclose(scale(a).x.sum(0), np.full(6, 0.5), rtol=1e-14)
    np.testing.assert_allclose(scale(a, [1.0, 2.0, 3.0]).x.sum(0), np.ones(6), rtol=1e-14)
    np.testing.assert_allclose(scale(a, None, np.ones(6)).x.sum(1), np.full(3, 2.0), rtol=1e-14)


def test_one_vector_of_sums_for_a_batch(leg):
    if leg.is_complex:
        return
    a = leg.asarray(np.random.default_rng(0).uniform(0.1, 1.0, (4, 3, 5)))
    r, c = np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    result = scale(a, leg.asarray(r), leg.asarray(c))
    assert tuple(result.x.shape) == (4, 3, 5)
    assert tuple(result.d1.shape) == (4, 3)
    assert errors(result, r, c) < 60


class TestZeros:
    """Support, total support, and what is neither."""

    def test_no_support(self, leg):
        if leg.is_complex:
            return
        a = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        with pytest.raises(lx.LinAlgError, match=r"2 rows 1, 2 of sum 2 with .* of sum 1 \(matrix"):
            scale(leg.asarray(a))
        with pytest.raises(lx.LinAlgError, match="row 1 without an entry"):
            scale(leg.asarray([[1.0, 1.0], [0.0, 0.0]]))

    def test_no_support_for_these_sums(self):
        a = np.array([[1.0, 0.0], [1.0, 1.0]])
        assert scale(a, [1.0, 2.0], [2.0, 1.0]).converged
        with pytest.raises(lx.LinAlgError, match="row 0 of sum 2 with entries in columns of sum 1"):
            scale(a, [2.0, 1.0], [1.0, 2.0])

    def test_support_without_total_support(self, leg):
        """Sinkhorn's error falls like 1/(2k) here, for ever."""
        if leg.is_complex:
            return
        a = leg.asarray([[3.0, 5.0], [0.0, 7.0]])
        with pytest.raises(lx.LinAlgError, match=r"1 positive entries .* row 0, column 1 .*'drop'"):
            scale(a)
        result = lx.transport.scale(a, on_partial="drop")
        np.testing.assert_allclose(leg.to_numpy(result.x), np.eye(2), rtol=2 * leg.eps)
        np.testing.assert_allclose(leg.to_numpy(result.d1), [3**-0.5, 7**-0.5], rtol=8 * leg.eps)
        assert result.dropped == 1

    def test_dropping_is_the_limit_of_sinkhorn(self):
        rng = np.random.default_rng(0)
        a = rng.random((12, 12)) * (rng.random((12, 12)) < 0.2) + np.eye(12)
        result = lx.transport.scale(a, on_partial="drop")
        assert result.dropped > 0
        x = a.copy()
        for _ in range(20000):
            x /= x.sum(1, keepdims=True)
            x /= x.sum(0)
        np.testing.assert_allclose(result.x, x, atol=1e-3)
        assert errors(result) < 50
        np.testing.assert_allclose(x[(result.x == 0) & (a > 0)], 0.0, atol=1e-3)

    def test_other_sums(self):
        """The corner is used for one pair of sums, and not for another."""
        a = np.array([[1.0, 1.0], [0.0, 1.0]])
        np.testing.assert_allclose(scale(a, [2.0, 1.0], [1.0, 2.0]).x, [[1, 1], [0, 1]], rtol=1e-15)
        with pytest.raises(lx.LinAlgError, match="drop"):
            scale(a, [2.0, 1.0], [2.0, 1.0])
        x = scale(a, [2.0, 1.0], [2.0, 1.0], on_partial="drop").x
        np.testing.assert_allclose(x, [[2, 0], [0, 1]], rtol=1e-15)

    def test_a_batch_of_patterns(self):
        a = np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [[0.0, 2.0], [9.0, 0.0]]])
        result = lx.transport.scale(a, on_partial="drop")
        np.testing.assert_allclose(
            result.x, [[[0.5, 0.5], [0.5, 0.5]], [[1, 0], [0, 1]], [[0, 1], [1, 0]]], atol=1e-15
        )
        assert result.dropped == 1
        with pytest.raises(lx.LinAlgError, match=r"\(matrix 1\)"):
            scale(a)

    def test_chains_leave_the_range(self):
        """d1 of a long chain exceeds float64; a shorter one does not, though exp(f) alone might."""

        def chain(n):
            return np.eye(n) + np.diag(np.full(n - 1, 1e3), 1) + np.diag(np.full(n - 1, 1e-3), -1)

        a = chain(60)
        result = scale(a)
        assert errors(result) < 240
        assert factored(result, a) < 1e-14
        with pytest.raises(lx.LinAlgError, match=r"beyond the range of float64.*project_birkhoff"):
            scale(chain(300))


def test_a_table_of_counts():
    """Iterative proportional fitting keeps the odds ratio and meets both margins."""
    a = np.array([[40.0, 10.0, 5.0], [20.0, 30.0, 15.0], [5.0, 25.0, 50.0]])
    r, c = np.array([90.0, 60.0, 50.0]), np.array([70.0, 70.0, 60.0])
    x = a.copy()
    for _ in range(200):
        x *= (r / x.sum(1))[:, None]
        x *= c / x.sum(0)
    np.testing.assert_allclose(scale(a, r, c).x, x, rtol=1e-13)


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (([[1.0, -1.0], [1.0, 1.0]],), "a must be nonnegative"),
        (([[1.0, 1.0], [1.0, 1.0]], [1.0, 0.0]), "r must hold positive sums"),
        (([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0], [1.0, 2.0]), "equal totals, got 2 and 3"),
        (([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0, 1.0]), r"r must have shape \(..., 2\)"),
        (([[1.0, 1.0], [1.0, 1.0]], None, np.ones((3, 3))), r"c must have shape \(..., 2\)"),
        ((np.ones((2, 2, 2)), np.ones((3, 2))), "r and c must fit the batch of a"),
    ],
)
def test_refusals(args, match):
    with pytest.raises(ValueError, match=match):
        scale(*args)


def test_limits_end_in_a_status():
    a = np.exp(9 * np.random.default_rng(0).standard_normal((6, 6)))
    with pytest.warns(lx.ConvergenceWarning, match="above the tolerance"):
        result = scale(a, maxiter=1)
    assert result.status is lx.Status.MAXITER
    assert not result.converged
    assert result.iterations == 1
    with pytest.warns(lx.ConvergenceWarning):
        assert scale(a, rtol=0.0).status is lx.Status.STAGNATED


@pytest.mark.parametrize("kind", ["dense", "wide", "sparse", "coupled", "band"])
def test_large_matrices_by_products_equal_those_by_factorization(kind, monkeypatch):
    rng, n = np.random.default_rng(0), 600
    a = rng.random((n, n))
    if kind == "wide":
        a = 10.0 ** rng.uniform(-60, 60, (n, n))
    if kind == "sparse":
        a = np.where(rng.random((n, n)) < 0.05, a, 0.0) + np.diag(rng.random(n))
    if kind == "coupled":
        a[: n // 2, n // 2 :] *= 1e-9
        a[n // 2 :, : n // 2] *= 1e-9
    if kind == "band":
        a = np.exp(-((np.arange(n)[:, None] - np.arange(n)) ** 2) / 50.0) + 1e-12 * a
    result = lx.transport.scale(a, on_partial="drop")
    assert result.converged and result.residual < 4e-15
    monkeypatch.setattr("linalgx.transport._balance.LARGE", 10**9)
    expected = lx.transport.scale(a, on_partial="drop")
    assert abs(result.iterations - expected.iterations) <= 2
    assert np.abs(result.x - expected.x).max() < (1e-6 if kind == "coupled" else 1e-13)
