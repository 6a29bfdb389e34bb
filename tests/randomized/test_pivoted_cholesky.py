"""Partial Cholesky factors: identities, distributions of pivots, figures, entries looked at."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

import linalgx as lx

pivoted_cholesky = lx.randomized.pivoted_cholesky
METHODS = ("accelerated", "rpcholesky", "greedy", "uniform")


def semidefinite(leg, n, rank=None, seed=0):
    b = leg.to_numpy(leg.randn(n, rank or n, seed=seed))
    return leg.asarray(b @ b.conj().T)


def clustered(n=1500, seed=0):
    """Gaussian kernel of points in 30 clusters: half of the points in the first one, and so on."""
    rng = np.random.default_rng(seed)
    share = 0.5 ** np.minimum(np.arange(1, 31), 9)
    sizes = rng.multinomial(n, share / share.sum())
    centres = 6.0 * rng.standard_normal((30, 2))
    x = np.repeat(centres, sizes, axis=0) + 0.15 * rng.standard_normal((n, 2))
    return np.exp(-np.sum((x[:, None] - x) ** 2, axis=-1) / 2.0)


@pytest.mark.parametrize("method", METHODS)
def test_the_residual_is_semidefinite_and_vanishes_at_the_pivots(seam_leg, method):
    n, rank = 30, 12
    a = semidefinite(seam_leg, n)
    f, pivots = pivoted_cholesky(a, rank, method=method, rng=1)
    host, f, pivots = (seam_leg.to_numpy(x) for x in (a, f, pivots))
    assert f.shape == (n, rank) and len(set(pivots.tolist())) == rank
    rest = host - f @ f.conj().T
    unit = n * seam_leg.eps * np.linalg.norm(host, 2)
    assert np.max(np.abs(rest[pivots])) < 10 * unit
    assert np.min(np.linalg.eigvalsh(rest)) > -10 * unit
    truth = np.trace(host).real - np.linalg.norm(f) ** 2
    assert abs(np.trace(rest).real - truth) < 10 * n * unit


@pytest.mark.parametrize("method", METHODS)
def test_it_is_the_cholesky_factor_of_the_permuted_matrix(leg, method):
    n = 12
    a = leg.asarray(leg.to_numpy(semidefinite(leg, n)) + 5 * np.eye(n))
    f, pivots = (leg.to_numpy(x) for x in pivoted_cholesky(a, n, method=method, rng=0))
    host = leg.to_numpy(a)
    factor = np.linalg.cholesky(host[np.ix_(pivots, pivots)])
    assert np.max(np.abs(f[pivots] - factor)) < 100 * leg.eps * np.max(np.abs(host))


@pytest.mark.parametrize("method", METHODS)
def test_low_rank_ends_early(leg, method):
    a = semidefinite(leg, 40, rank=5)
    f, pivots = pivoted_cholesky(a, 20, method=method, rng=0)
    assert f.shape == (40, 5) and pivots.shape == (5,)
    host, f = leg.to_numpy(a), leg.to_numpy(f)
    assert np.linalg.norm(host - f @ f.conj().T) < 200 * leg.eps * np.linalg.norm(host)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_left_never_crashes(leg, method):
    f, pivots = pivoted_cholesky(leg.asarray(np.zeros((6, 6))), 3, method=method, rng=0)
    assert f.shape == (6, 0) and pivots.shape == (0,)
    f, pivots = pivoted_cholesky(leg.asarray(np.full((6, 6), 4.0)), 4, method=method, rng=0)
    assert f.shape == (6, 1) and np.max(np.abs(leg.to_numpy(f) - 2.0)) < 10 * leg.eps
    f, pivots = pivoted_cholesky(leg.asarray(np.zeros((0, 0))), 0, method=method)
    assert f.shape == (0, 0)
    f, pivots = pivoted_cholesky(leg.asarray(np.eye(1)), 1, method=method)
    assert leg.to_numpy(f) == [[1.0]] and leg.to_numpy(pivots) == [0]


def test_greedy_is_the_pivoting_of_lapack(leg):
    w = np.array([1.0, 9.0, 4.0, 25.0])
    f, pivots = pivoted_cholesky(leg.asarray(np.diag(w)), 3, method="greedy")
    assert leg.to_numpy(pivots).tolist() == [3, 1, 2]
    assert np.array_equal(leg.to_numpy(f)[[3, 1, 2]], np.diag([5.0, 3.0, 2.0]))


def chances(a, rank):
    """Probability of each sequence of pivots, by the definition of the algorithm."""
    found = {}
    for order in permutations(range(len(a)), rank):
        rest, p = a.copy(), 1.0
        for i in order:
            d = np.diag(rest)
            p *= d[i] / d.sum()
            rest = rest - np.outer(rest[:, i], rest[i]) / rest[i, i]
        found[order] = p
    return found


@pytest.mark.parametrize("method", ["accelerated", "rpcholesky"])
def test_pivots_have_the_distribution_of_the_definition(method):
    """Chi-square over all sequences of four pivots; blocks of two in the accelerated method."""
    b = np.random.default_rng(5).standard_normal((5, 5)) * np.array([[1.0], [1], [1], [2], [0.5]])
    a, runs = b @ b.T + 0.1 * np.eye(5), 2000
    rng = np.random.default_rng(0)
    seen = Counter(
        tuple(pivoted_cholesky(a, 4, method=method, rng=rng).pivots.tolist()) for _ in range(runs)
    )
    expected = chances(a, 4)
    assert abs(sum(expected.values()) - 1.0) < 1e-12 and set(seen) <= set(expected)
    often = [s for s, p in expected.items() if p * runs >= 5.0]
    rare = runs - sum(expected[s] * runs for s in often)
    gaps = [(seen[s] - expected[s] * runs) ** 2 / (expected[s] * runs) for s in often]
    gaps.append((runs - sum(seen[s] for s in often) - rare) ** 2 / rare)
    freedom = len(gaps) - 1
    assert sum(gaps) < freedom + 4.0 * (2 * freedom) ** 0.5


def test_random_pivots_beat_greedy_and_uniform_ones():
    a = clustered()
    best = np.linalg.eigvalsh(a)[:-60].sum() / len(a)
    error = {}
    for method in METHODS:
        runs = [pivoted_cholesky(a, 60, method=method, rng=s).f for s in range(7)]
        error[method] = np.median([1.0 - np.sum(f**2) / len(a) for f in runs])
    assert best < error["accelerated"] < 10 * best
    assert 0.5 < error["rpcholesky"] / error["accelerated"] < 2.0
    assert error["greedy"] > 1.5 * error["accelerated"]
    assert error["uniform"] > 10 * error["accelerated"]


class TestEntryFunctions:
    """Kernels that are never stored."""

    def problem(self, leg, n=40):
        a = semidefinite(leg, n, rank=20)
        asked = []

        def entries(rows, columns):
            asked.append((int(rows.shape[0]), int(columns.shape[0])))
            return leg.xp.take(leg.xp.take(a, rows, axis=0), columns, axis=1)

        d = leg.xp.linalg.diagonal(a)
        return a, leg.xp.real(d) if leg.is_complex else d, entries, asked

    @pytest.mark.parametrize("method", METHODS)
    def test_the_answer_is_that_of_the_matrix(self, leg, method):
        a, d, entries, _ = self.problem(leg)
        dense = pivoted_cholesky(a, 10, method=method, rng=0)
        lazy = pivoted_cholesky(entries, 10, diagonal=d, method=method, rng=0)
        assert np.array_equal(leg.to_numpy(lazy.pivots), leg.to_numpy(dense.pivots))
        assert leg.matches(lazy.f) and lazy.f.dtype == leg.dtype
        gap = leg.to_numpy(lazy.f) - leg.to_numpy(dense.f)
        assert np.max(np.abs(gap)) < 1000 * leg.eps

    @pytest.mark.parametrize("method", ["rpcholesky", "greedy", "uniform"])
    def test_only_the_columns_of_pivots_are_computed(self, leg, method):
        _, d, entries, asked = self.problem(leg)
        pivoted_cholesky(entries, 10, diagonal=d, method=method, rng=0)
        assert asked == [(40, 1)] * 10  # and the diagonal: n (k + 1) in all

    def test_and_the_entries_between_proposals(self, leg):
        _, d, entries, asked = self.problem(leg)
        pivoted_cholesky(entries, 10, diagonal=d, rng=0)
        assert sum(columns for rows, columns in asked if rows == 40) == 10
        assert all(shape == (5, 5) for shape in asked if shape[0] != 40)
        assert len(asked) <= 20

    def test_faults(self):
        d = np.ones(4)
        with pytest.raises(ValueError, match="diagonal must be given beside a function"):
            pivoted_cholesky(lambda i, j: d, 2)
        with pytest.raises(ValueError, match=r"a must return arrays of shape \(4, 1\) here, got"):
            pivoted_cholesky(lambda i, j: np.ones((2, 2)), 2, diagonal=d)
        with pytest.raises(ValueError, match="what a returns must hold finite numbers"):
            pivoted_cholesky(lambda i, j: np.full((len(i), len(j)), np.nan), 2, diagonal=d)
        with pytest.raises(lx.LinAlgError, match="NaN or infinite"):
            pivoted_cholesky(
                lambda i, j: np.full((len(i), len(j)), np.nan), 2, diagonal=d, check_finite=False
            )
        with pytest.raises(ValueError, match="diagonal belongs to a function"):
            pivoted_cholesky(np.eye(4), 2, diagonal=d)
        with pytest.raises(ValueError, match="diagonal must be one vector"):
            pivoted_cholesky(lambda i, j: d, 2, diagonal=np.ones((2, 2)))


def test_a_tolerance_on_the_trace(leg):
    a = leg.asarray(np.diag(0.5 ** np.arange(12)))
    f, _ = pivoted_cholesky(a, 12, rtol=0.1, method="greedy")
    assert f.shape == (12, 4)  # what is left of the trace is 2^-4
    f, _ = pivoted_cholesky(a, 12, rtol=0.1, rng=0)
    assert np.sum(leg.to_numpy(f) ** 2) >= 0.9 * np.sum(0.5 ** np.arange(12))


def test_faults():
    with pytest.raises(
        ValueError, match=r"rank must lie in \[1, 4\] for a of shape \(4, 4\), got 5"
    ):
        pivoted_cholesky(np.eye(4), 5)
    with pytest.raises(ValueError, match="positive semidefinite, got the diagonal entry -1"):
        pivoted_cholesky(np.diag([1.0, -1.0]), 1)


def test_two_draws_are_two_answers():
    a = np.eye(50)
    rng = np.random.default_rng(0)
    first, second = (pivoted_cholesky(a, 5, rng=rng).pivots.tolist() for _ in range(2))
    assert first != second


@pytest.mark.parametrize("method", ["accelerated", "rpcholesky", "greedy", "uniform"])
def test_what_is_not_semidefinite_is_refused(method):
    """A row of a factor is never longer than the diagonal allows."""
    a = np.full((20, 20), 3.0) - 2.0 * np.eye(20)
    with pytest.raises(lx.LinAlgError, match="must be positive semidefinite"):
        pivoted_cholesky(a, 5, method=method, rng=0)


def test_uniform_pivots_do_not_magnify_rounding_errors():
    a = lx.gallery.hilbert(150)
    f, pivots = pivoted_cholesky(a, 150, method="uniform", rng=0)
    assert np.linalg.eigvalsh(a - f @ f.T)[0] > -1e-9 and len(pivots) < 40
