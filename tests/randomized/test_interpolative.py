"""Interpolative decompositions: the interpolation property, errors, matrices without full rank."""

import numpy as np
import pytest
import scipy.sparse

import linalgx as lx

interpolative = lx.randomized.interpolative


def spectrum(w, m=100, n=80, seed=0):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.standard_normal((k, len(w))))[0] for k in (m, n))
    return (u * w) @ v.T


MATRICES = {
    "kahan": (lx.gallery.kahan(90, c=float(np.cos(1.2))), 20, 2.0),
    "hilbert": (lx.gallery.hilbert(100), 10, 4.0),
    "exp": (spectrum(0.7 ** np.arange(80)), 20, 4.0),
    "poly": (spectrum(1.0 / np.arange(1.0, 81.0)), 20, 2.0),
    "step": (spectrum(np.where(np.arange(80) < 15, 1.0, 1e-4)), 15, 5.0),
}


def error(a, c, pivots):
    return np.linalg.norm(a - a[:, pivots] @ c)


@pytest.mark.parametrize("name", MATRICES)
def test_errors_are_near_the_optimum(name):
    a, rank, most = MATRICES[name]
    best = np.linalg.norm(np.linalg.svdvals(a)[rank:])
    runs = [interpolative(a, rank, rng=s) for s in range(9)]
    assert np.median([error(a, *r) for r in runs]) < most * best
    assert max(error(a, *r) for r in runs) < (rank + 1) ** 0.5 * 2 * best
    assert max(np.max(np.abs(r.c)) for r in runs) < 50


def test_chosen_columns_are_reproduced_exactly(seam_leg):
    a = seam_leg.randsvd(20, 30, cond=1e3)
    c, pivots = interpolative(a, 6, rng=0)
    assert seam_leg.matches(c) and c.shape == (6, 30) and c.dtype == seam_leg.dtype
    pivots = seam_leg.to_numpy(pivots)
    assert len(set(pivots.tolist())) == 6
    assert np.array_equal(seam_leg.to_numpy(c)[:, pivots], np.eye(6))


def test_coefficients_are_the_best_ones(leg):
    """Least squares in all columns."""
    a = leg.randsvd(25, 18, cond=1e2)
    c, pivots = (leg.to_numpy(x) for x in interpolative(a, 5, rng=0))
    host = leg.to_numpy(a)
    best = np.linalg.lstsq(host[:, pivots], host, rcond=None)[0]
    assert np.max(np.abs(c - best)) < 2000 * leg.eps


def test_low_rank_is_exact_and_further_columns_are_not_needed(leg):
    b, d = leg.to_numpy(leg.randn(30, 3)), leg.to_numpy(leg.randn(20, 3, seed=1))
    a = b @ d.conj().T
    c, pivots = (leg.to_numpy(x) for x in interpolative(leg.asarray(a), 7, rng=0))
    assert error(a, c, pivots) < 100 * leg.eps * np.linalg.norm(a)
    assert c.shape == (7, 20) and len(set(pivots.tolist())) == 7
    others = np.delete(c, pivots, axis=1)
    assert np.sum(np.any(np.abs(others) > 0, axis=1)) <= 4


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_constant_matrices(leg, value):
    a = np.full((6, 5), value)
    c, pivots = (leg.to_numpy(x) for x in interpolative(leg.asarray(a), 3, rng=0))
    assert error(a, c, pivots) <= 20 * leg.eps * value * 6
    assert np.array_equal(c[:, pivots], np.eye(3))


def test_all_columns_and_no_columns(leg):
    a = leg.randn(7, 4)
    c, pivots = (leg.to_numpy(x) for x in interpolative(a, 4, rng=0))
    assert np.array_equal(c[:, pivots], np.eye(4)) and sorted(pivots.tolist()) == [0, 1, 2, 3]
    c, pivots = interpolative(leg.asarray(np.zeros((0, 4))), 0)
    assert c.shape == (0, 4) and pivots.shape == (0,)
    with pytest.raises(
        ValueError, match=r"rank must lie in \[1, 4\] for a of shape \(7, 4\), got 5"
    ):
        interpolative(a, 5)


def test_tiny_singular_values_are_followed_to_rounding():
    """Hilbert's matrix has fifteen singular values above rounding errors."""
    a = lx.gallery.hilbert(100)
    for s in range(5):
        assert error(a, *interpolative(a, 20, rng=s)) < 1e-13


def test_products_suffice():
    a = scipy.sparse.random_array((200, 150), density=0.05, rng=0, format="csr")
    dense = interpolative(a.toarray(), 12, rng=0)
    for given in (a, lx.LinearMap(a)):
        c, pivots = interpolative(given, 12, rng=0)
        assert np.array_equal(pivots, dense.pivots) and np.max(np.abs(c - dense.c)) < 1e-12


def test_pivots_follow_the_squared_norms_of_columns():
    """Orthogonal columns: the first pivot has the chance of its share."""
    w = np.array([4.0, 3.0, 2.0, 1.0])
    first = [int(interpolative(np.diag(w), 1, rng=s).pivots[0]) for s in range(800)]
    share = np.bincount(first, minlength=4) / 800
    assert np.max(np.abs(share - w**2 / 30.0)) < 4 * 0.5 / 800**0.5


@pytest.mark.parametrize("function", [lx.randomized.interpolative, lx.randomized.cur])
@pytest.mark.parametrize("good", range(5))
def test_products_that_become_nan(function, good):
    a, count = np.random.default_rng(0).standard_normal((40, 30)), [0]

    def product(b, x):
        count[0] += 1
        return b @ x * (1.0 if count[0] <= good else np.nan)

    op = lx.LinearMap.from_callables(a.shape, lambda x: product(a, x), lambda x: product(a.T, x))
    if function is lx.randomized.interpolative and good > 2:
        assert np.all(np.isfinite(function(op, 4, rng=0).c))
    else:
        with pytest.raises(lx.LinAlgError, match="NaN or infinite"):
            function(op, 4, rng=0)
