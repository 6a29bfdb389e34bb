"""CUR decompositions: copies of columns and rows, the best core, errors of three selections."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.randomized._singular_choices import _interpolation_points

cur = lx.randomized.cur
METHODS = ("rpqr", "deim", "leverage")


def error(a, result):
    return np.linalg.norm(a - result.c @ result.u @ result.r)


def spectrum(w, m=100, n=80, seed=0):
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.standard_normal((k, len(w))))[0] for k in (m, n))
    return (u * w) @ v.T


@pytest.mark.parametrize("method", METHODS)
def test_columns_rows_and_the_best_core(seam_leg, method):
    a = seam_leg.randsvd(20, 15, cond=1e2)
    c, u, r, columns, rows = (seam_leg.to_numpy(x) for x in cur(a, 4, method=method, rng=0))
    host = seam_leg.to_numpy(a)
    assert np.array_equal(c, host[:, columns]) and np.array_equal(r, host[rows])
    assert len(set(columns.tolist())) == len(set(rows.tolist())) == 4
    wide = np.result_type(host.dtype, np.float64)
    best = np.linalg.pinv(c.astype(wide)) @ host.astype(wide) @ np.linalg.pinv(r.astype(wide))
    assert np.max(np.abs(u - best)) < 3000 * seam_leg.eps * np.max(np.abs(best))


MATRICES = {
    "kahan": (lx.gallery.kahan(90, c=float(np.cos(1.2))), 20, (3.0, 2.0, 4.0)),
    "hilbert": (lx.gallery.hilbert(100), 10, (8.0, 10.0, 1e4)),
    "exp": (spectrum(0.7 ** np.arange(80)), 20, (6.0, 4.0, 20.0)),
    "poly": (spectrum(1.0 / np.arange(1.0, 81.0)), 20, (3.0, 3.0, 4.0)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_errors_are_near_the_optimum(name):
    a, rank, most = MATRICES[name]
    best = np.linalg.norm(np.linalg.svdvals(a)[rank:])
    for method, limit in zip(METHODS, most, strict=True):
        runs = [error(a, cur(a, rank, method=method, rng=s)) for s in range(7)]
        assert np.median(runs) < limit * best, method


@pytest.mark.parametrize("method", METHODS)
def test_low_rank_is_exact(leg, method):
    b, d = leg.to_numpy(leg.randn(30, 3)), leg.to_numpy(leg.randn(20, 3, seed=1))
    a = b @ d.conj().T
    result = lx.to_numpy(cur(leg.asarray(a), 5, method=method, rng=0))
    assert error(a, result) < 1000 * leg.eps * np.linalg.norm(a)


@pytest.mark.parametrize("method", ["rpqr", "deim"])
def test_a_rank_beyond_rounding_costs_half_of_the_digits_at_most(method):
    """The core of a naive formula has entries of 1e16, and no correct digit is left."""
    a = lx.gallery.hilbert(100)
    for s in range(5):
        assert error(a, cur(a, 20, method=method, rng=s)) < 30 * 2.0**-26


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_constant_matrices(leg, method, value):
    a = np.full((6, 5), value)
    result = lx.to_numpy(cur(leg.asarray(a), 3, method=method, rng=0))
    assert error(a, result) <= 50 * leg.eps * value * 6
    assert all(np.all(np.isfinite(x)) for x in result)


@pytest.mark.parametrize("method", METHODS)
def test_no_entries(leg, method):
    result = cur(leg.asarray(np.zeros((0, 4))), 0, method=method)
    assert [tuple(x.shape) for x in result] == [(0, 0), (0, 0), (0, 4), (0,), (0,)]


def test_deim_is_its_definition(leg):
    """The next row is where a vector differs most from its interpolant by those before."""
    v = leg.isometry(12, 5)
    expected = [int(np.argmax(np.abs(v[:, 0])))]
    for j in range(1, 5):
        c = np.linalg.solve(v[expected, :j], v[expected, j])
        expected.append(int(np.argmax(np.abs(v[:, j] - v[:, :j] @ c))))
    assert _interpolation_points(leg.asarray(v), xp=leg.xp) == expected


def test_leverage_scores_are_the_weights():
    """A coordinate subspace: one row for each vector, and never another one."""
    a = np.zeros((30, 20))
    a[[3, 7, 11], [2, 5, 19]] = [3.0, 2.0, 1.0]
    result = cur(a, 3, method="leverage", rng=0)
    assert sorted(result.columns.tolist()) == [2, 5, 19]
    assert sorted(result.rows.tolist()) == [3, 7, 11]


def test_a_core_beyond_the_largest_number_is_an_error():
    a = np.random.default_rng(0).standard_normal((20, 12)) * 1e-315
    with pytest.raises(lx.LinAlgError, match="too large"):
        lx.randomized.cur(a, 3, rng=0)
