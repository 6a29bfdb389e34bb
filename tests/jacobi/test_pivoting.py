"""Pivot rules: every pair once a sweep, disjoint rounds, uniform draws."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chi2

from linalgx.jacobi._pivoting import (
    RULES,
    default_limit,
    iteration_pairs,
    pivot_generator,
    random_partition,
    random_subset,
)

SIZES = (2, 3, 4, 5, 8, 9, 16)
SWEEPS = ("cyclic", "tournament", "permutation")


def shape(rule, n):
    return {
        "cyclic": (n * (n - 1) // 2, 1, 2),
        "permutation": (n * (n - 1) // 2, 1, 2),
        "tournament": (n - 1 + n % 2, n // 2, 2),
        "matching": (1, n // 2, 2),
        "uniform": (1, 1, 2),
    }[rule]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_rounds_hold_disjoint_ordered_pairs(rule, n):
    pairs = iteration_pairs(rule, n, 0)
    assert isinstance(pairs, np.ndarray)
    assert pairs.dtype == np.int64
    assert pairs.shape == shape(rule, n)
    assert np.all((pairs[..., 0] < pairs[..., 1]) & (pairs[..., 0] >= 0) & (pairs[..., 1] < n))
    for one_round in pairs:
        assert len(set(one_round.ravel())) == one_round.size


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rule", SWEEPS)
def test_a_sweep_meets_each_pair_once(rule, n):
    met = [tuple(pair) for pair in iteration_pairs(rule, n, 1).reshape(-1, 2).tolist()]
    assert sorted(met) == list(combinations(range(n), 2))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [0, 1])
def test_no_pairs_of_fewer_than_two(rule, n):
    assert iteration_pairs(rule, n, 0).size == 0


@pytest.mark.parametrize("rule", ["uniform", "matching"])
def test_blocks_are_treated_pair_by_pair_in_order(rule):
    n, k = 9, 4
    rounds = iteration_pairs(rule, n, 0, k)
    width = 1 if rule == "uniform" else n // k
    assert rounds.shape == (k * (k - 1) // 2, width, 2)
    for block in range(width):
        met = [tuple(pair) for pair in rounds[:, block].tolist()]
        assert met == list(combinations(sorted({i for pair in met for i in pair}), 2))
    assert len(set(rounds.ravel().tolist())) == width * k


def test_cyclic_goes_by_rows():
    expected = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert iteration_pairs("cyclic", 4).reshape(-1, 2).tolist() == expected


@pytest.mark.parametrize("rule", ["permutation", "uniform", "matching"])
def test_randomness_comes_from_the_generator(rule):
    first, again = (iteration_pairs(rule, 30, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    rng = np.random.default_rng(5)
    assert not np.array_equal(iteration_pairs(rule, 30, rng), iteration_pairs(rule, 30, rng))


def uniformly(counts, outcomes, draws):
    """Chi-square test at one in ten thousand; the seeds are fixed."""
    assert set(counts) <= set(outcomes)
    expected = draws / len(outcomes)
    statistic = sum((counts[o] - expected) ** 2 / expected for o in outcomes)
    assert statistic < chi2.isf(1e-4, len(outcomes) - 1)


def matchings(indices):
    """All partitions of the indices into pairs, one left out if their number is odd."""
    if len(indices) % 2:
        rests = [(*indices[:k], *indices[k + 1 :]) for k in range(len(indices))]
        return [m for rest in rests for m in matchings(rest)]
    if not indices:
        return [()]
    first, *others = indices
    return [
        ((first, q), *rest)
        for k, q in enumerate(others)
        for rest in matchings((*others[:k], *others[k + 1 :]))
    ]


def test_uniform_pairs_are_uniform():
    n, draws, rng = 6, 6000, np.random.default_rng(0)
    counts = Counter(
        tuple(iteration_pairs("uniform", n, rng).ravel().tolist()) for _ in range(draws)
    )
    uniformly(counts, list(combinations(range(n), 2)), draws)


@pytest.mark.parametrize("n", [5, 6])
def test_matchings_are_uniform(n):
    draws, rng = 6000, np.random.default_rng(1)
    counts = Counter(
        tuple(sorted(map(tuple, iteration_pairs("matching", n, rng)[0].tolist())))
        for _ in range(draws)
    )
    uniformly(counts, matchings(tuple(range(n))), draws)


def test_the_first_pair_of_a_permutation_is_uniform():
    n, draws, rng = 5, 4000, np.random.default_rng(2)
    counts = Counter(
        tuple(iteration_pairs("permutation", n, rng)[0, 0].tolist()) for _ in range(draws)
    )
    uniformly(counts, list(combinations(range(n), 2)), draws)


def test_subsets_and_partitions_are_uniform():
    n, k, draws, rng = 6, 3, 4000, np.random.default_rng(3)
    triples = list(combinations(range(n), k))
    uniformly(
        Counter(tuple(random_subset(n, k, rng).tolist()) for _ in range(draws)), triples, draws
    )
    parts = [random_partition(n, k, rng).tolist() for _ in range(draws)]
    assert all(sorted(p[0] + p[1]) == list(range(n)) for p in parts)
    halves = [t for t in triples if 0 in t]
    uniformly(Counter(tuple(next(h for h in p if 0 in h)) for p in parts), halves, draws)


def test_limits_give_thirty_sweeps_of_work_or_more():
    for n in (2, 5, 8):
        work = 30 * n * (n - 1) // 2
        for rule in RULES:
            assert default_limit(rule, n) * shape(rule, n)[0] * shape(rule, n)[1] >= work
    assert default_limit("uniform", 8) == 90 * 28
    assert default_limit("uniform", 8, 4) == 90 * 5
    assert default_limit("matching", 8) == 90 * 7
    assert default_limit("matching", 8, 4) == 90 * 3


def test_pivots_are_drawn_on_the_host():
    with pytest.raises(TypeError, match="rng must be"):
        pivot_generator("seed")
    assert isinstance(pivot_generator(0), np.random.Generator)
