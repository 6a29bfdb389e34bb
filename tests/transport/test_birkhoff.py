"""Doubly stochastic matrices from logits: sums to rounding, published figures, products."""

from itertools import permutations

import numpy as np
import pytest

import linalgx as lx

project = lx.transport.project_birkhoff


def logits(shape, spread, seed=0):
    return spread * np.random.default_rng(seed).standard_normal(shape)


def log_sum(x, axis):
    top = np.max(x, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top


def twenty_steps(x, steps=20):
    """The published iteration in the log domain; rows last, so that columns are wrong."""
    for _ in range(steps):
        x = x - log_sum(x, -2)
        x = x - log_sum(x, -1)
    return np.exp(x)


def worst(x, axis=None):
    """Largest error of a row or column sum, for all or for each matrix."""
    x = lx.to_numpy(x).astype(float)
    rows, columns = np.abs(np.sum(x, -1) - 1.0), np.abs(np.sum(x, -2) - 1.0)
    return np.max(np.maximum(rows, columns), axis=axis)


@pytest.mark.parametrize("spread", [0.0, 1.0, 4.0, 8.0, 30.0, 100.0])
@pytest.mark.parametrize("n", [1, 2, 4, 8, 32, 64])
def test_sums_are_one_to_rounding(leg, n, spread):
    if leg.is_complex:
        return
    x = leg.asarray(logits((3 if n > 8 else 20, n, n), spread))
    assert worst(project(x)) <= 4 * max(n, 4) * leg.eps


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spread", [4.0, 8.0, 30.0])
def test_ten_thousand_matrices(spread, dtype):
    x = logits((10_000, 4, 4), spread).astype(dtype)
    assert worst(project(x)) <= 16 * np.finfo(dtype).eps


@pytest.mark.parametrize("spread", [4.0, 30.0])
def test_it_is_a_scaling(spread):
    """log X − L has the form f_i + g_j wherever X is a normal number."""
    x = logits((50, 5, 5), spread)
    change = np.log(project(x)) - x
    change = change - change[:, :1] - change[:, :, :1] + change[:, :1, :1]
    assert np.max(np.abs(change)) < 1e-11


def test_against_many_plain_steps():
    x = logits((20, 6, 6), 1.0)
    np.testing.assert_allclose(project(x), twenty_steps(x, 3000), rtol=1e-11)


def test_published_errors_of_twenty_steps():
    """Median of the largest column error 2.8e-3 for standard deviation 4; ours is rounding."""
    x = logits((4000, 4, 4), 4.0)
    assert 2.3e-3 < np.median(worst(twenty_steps(x), axis=-1)) < 3.4e-3
    assert np.median(worst(project(x), axis=-1)) < 2e-15


@pytest.mark.parametrize(("spread", "least", "most"), [(4.0, 0.003, 0.05), (8.0, 0.02, 0.2)])
def test_products_of_sixty_four(spread, least, most):
    """Column sums drift by a percent (4) and by several (8) after twenty steps each, not here."""
    drift = []
    for seed in range(9):
        x = logits((64, 4, 4), spread, seed)
        drift.append(worst(np.linalg.multi_dot(twenty_steps(x))))
        assert worst(np.linalg.multi_dot(project(x))) < 64 * 8 * np.finfo(float).eps
    assert least < np.median(drift) < most


def test_batches_are_mixed_freely(leg):
    """Easy and hard matrices in one batch, with leading axes; each as if alone."""
    if leg.is_complex:
        return
    x = leg.asarray(np.stack([logits((2, 5, 5), s, seed=3) for s in (0.1, 30.0, 4.0)]))
    out = leg.to_numpy(project(x))
    for i, j in np.ndindex(3, 2):
        alone = leg.to_numpy(project(x[i, j, ...]))
        np.testing.assert_allclose(out[i, j], alone, atol=200 * leg.eps)


def test_equivariance():
    """Constants on rows and columns, transposition and permutations."""
    rng = np.random.default_rng(0)
    x = logits((7, 7), 5.0)
    p, q = rng.permutation(7), rng.permutation(7)
    shifted = x + rng.standard_normal((7, 1)) + rng.standard_normal(7)
    np.testing.assert_allclose(project(shifted), project(x), atol=1e-13)
    np.testing.assert_allclose(project(x.T), project(x).T, atol=1e-13)
    np.testing.assert_allclose(project(x[p][:, q]), project(x)[p][:, q], atol=1e-13)


def test_far_logits_give_the_best_permutation():
    x = logits((20, 5, 5), 1e6)
    sums = {s: x[:, range(5), s].sum(axis=1) for s in permutations(range(5))}
    best = np.array(list(sums))[np.argmax(list(sums.values()), axis=0)]
    np.testing.assert_allclose(project(x), best[:, :, None] == np.arange(5), atol=1e-12)


class TestForbiddenEntries:
    """−∞ makes a zero."""

    def test_zeros_stay(self, leg):
        if leg.is_complex:
            return
        x = np.where(np.eye(5, k=2) + np.eye(5, k=-3) > 0, -np.inf, logits((5, 5), 4.0))
        out = leg.to_numpy(project(leg.asarray(np.stack([x, x.T]))))
        assert worst(out) <= 20 * leg.eps
        np.testing.assert_array_equal(out[0][np.isinf(x)], 0.0)
        np.testing.assert_allclose(out[1], out[0].T, atol=100 * leg.eps)

    def test_entries_on_no_matching_vanish(self, leg):
        if leg.is_complex:
            return
        x = leg.asarray([[0.0, 5.0], [-np.inf, 0.0]])
        np.testing.assert_allclose(leg.to_numpy(project(x)), np.eye(2), atol=4 * leg.eps)

    def test_no_matching(self):
        x = np.where([[0, 1, 1], [0, 1, 1], [0, 0, 0]], -np.inf, 1.0)
        with pytest.raises(lx.LinAlgError, match=r"logits cannot be .*2 rows 0, 1 .*\(matrix 0\)"):
            project(x)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_others_are_refused(self, leg, bad):
        if leg.is_complex:
            return
        x = leg.asarray([[0.0, bad], [0.0, 1.0]])
        with pytest.raises(ValueError, match="logits must hold finite numbers, got 1 NaN or"):
            project(x)


def test_too_few_steps_warn():
    with pytest.warns(lx.ConvergenceWarning, match="above the tolerance"):
        x = project(logits((5, 6, 6), 8.0), maxiter=1)
    assert np.all(np.isfinite(x))
    assert worst(project(logits((5, 6, 6), 8.0), rtol=1e-3)) < 1e-2


class TestKronecker:
    """Doubly stochastic without an iteration."""

    def make(self, leg, lead=(), orders=(2, 3, 2), spread=4.0):
        counts = {1: 1, 2: 2, 3: 6, 4: 24}
        return [leg.asarray(logits((*lead, counts[i]), spread, seed=i)) for i in orders]

    def test_doubly_stochastic(self, leg):
        if leg.is_complex:
            return
        for lead in ((), (3,), (2, 3)):
            h = lx.transport.kronecker_birkhoff(self.make(leg, lead))
            assert tuple(h.shape) == (*lead, 12, 12)
            assert worst(h) <= 24 * leg.eps
            assert np.min(leg.to_numpy(h)) >= 0

    def test_products_of_sixty_four(self):
        hs = [
            lx.transport.kronecker_birkhoff([logits(2, 8.0, seed=k), logits(6, 8.0, seed=k)])
            for k in range(64)
        ]
        assert worst(np.linalg.multi_dot(hs)) < 64 * 8 * np.finfo(float).eps

    def test_definition(self):
        two, three = logits(2, 1.0), logits(6, 1.0, seed=1)
        w = np.exp(three) / np.sum(np.exp(three))
        u = sum(x * np.eye(3)[list(s)] for x, s in zip(w, permutations(range(3)), strict=True))
        p = np.exp(two[0]) / np.sum(np.exp(two))
        expected = np.kron([[p, 1 - p], [1 - p, p]], u)
        np.testing.assert_allclose(
            lx.transport.kronecker_birkhoff([two, three]), expected, rtol=1e-14
        )

    def test_product_without_the_matrix(self, leg):
        if leg.is_complex:
            return
        for lead in ((), (3,)):
            factors = self.make(leg, lead)
            x = leg.asarray(logits((*lead, 12, 5), 1.0, seed=9))
            h = leg.to_numpy(lx.transport.kronecker_birkhoff(factors))
            y = leg.to_numpy(lx.transport.kronecker_product(factors, x))
            np.testing.assert_allclose(y, h @ leg.to_numpy(x), atol=40 * leg.eps)

    def test_an_array_holds_factors_of_one_order(self):
        x = logits((4, 3, 2), 2.0)
        whole = lx.transport.kronecker_birkhoff(x)
        parts = lx.transport.kronecker_birkhoff([x[:, 0], x[:, 1], x[:, 2]])
        np.testing.assert_array_equal(whole, parts)
        assert whole.shape == (4, 8, 8)

    def test_start_is_near_the_identity(self, leg):
        place = {"xp": leg.xp, "device": leg.device, "dtype": leg.real_dtype}
        start = [lx.transport.permutation_logits(i, **place) for i in (2, 3)]
        h = leg.to_numpy(lx.transport.kronecker_birkhoff(start))
        np.testing.assert_allclose(h, np.eye(6), atol=6 * np.exp(-8.0))
        assert np.min(np.diag(h)) > 0.997

    def test_wrong_counts(self):
        with pytest.raises(ValueError, match=r"a number for each permutation .* 1, 2, 6, 24, 120"):
            lx.transport.kronecker_birkhoff([np.zeros(3)])
        with pytest.raises(ValueError, match="a number for each permutation"):
            lx.transport.kronecker_birkhoff([1.0, 2.0])
        with pytest.raises(ValueError, match=r"x must have 4 rows, .* got \(3, 2\)"):
            lx.transport.kronecker_product([[0.0, 0.0], [0.0, 1.0]], np.ones((3, 2)))


def test_logits_at_the_end_of_the_range(recwarn):
    big = np.finfo(float).max
    logits = np.stack([[[big, -big], [-big, big]], [[0.0, 4.0], [0.0, 0.0]]])
    x = lx.transport.project_birkhoff(logits)
    assert np.array_equal(x[0], np.eye(2)) and not recwarn.list
    assert np.array_equal(x[1], lx.transport.project_birkhoff(logits[1]))


def test_no_factor_is_no_matrix():
    with pytest.raises(ValueError, match="one array for each factor"):
        lx.transport.kronecker_birkhoff([])
