"""What the tuners without a context learn: weights, regret, minima."""

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linalgx as lx
from linalgx.relaxation.thompson import least_of_normals
from linalgx.relaxation.tsallis import updated, weights_of

MEANS = np.array([90.0, 40.0, 30.0, 42.0, 70.0])


def noisy(means, rounds, seed=0):
    """Table of costs: independent, with a scatter of a tenth."""
    rng = np.random.default_rng([seed, 7])
    return means * (1.0 + 0.1 * rng.standard_normal((rounds, len(means))))


def pay(tuner, table, context=None):
    """Play a table of costs; return what was paid in each round."""
    paid = []
    for row in table:
        trial = tuner.ask(context)
        paid.append(row[tuner.values.index(trial.value)])
        tuner.tell(trial, paid[-1])
    return np.array(paid)


# --- tsallis_weights -------------------------------------------------------------------------


def test_weights_sum_to_one_and_fulfil_their_equation(leg):
    losses = leg.asarray([0.0, 3.0, 0.5, 20.0])
    if leg.is_complex:
        with pytest.raises(TypeError, match="losses must be real"):
            lx.relaxation.tsallis_weights(losses, 0.7)
        return
    p = lx.relaxation.tsallis_weights(losses, 0.7)
    assert leg.matches(p)
    assert p.dtype == losses.dtype
    p = leg.to_numpy(p).astype(np.float64)
    assert p.sum() == pytest.approx(1.0, abs=8 * leg.eps)
    z = leg.to_numpy(losses) - 2.0 / (0.7 * np.sqrt(p))  # p = 4/(η (L − z))²
    assert np.ptp(z) <= 100 * leg.eps * np.max(np.abs(z))


@given(
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30),
    st.floats(-1e8, 1e8),
    st.floats(1e-3, 1e3),
)
def test_weights_sum_to_one_at_any_offset(losses, offset, eta):
    p = lx.relaxation.tsallis_weights(np.array(losses) + offset, eta)
    assert abs(p.sum() - 1.0) <= 1e-12
    assert (p > 0.0).all()
    order = np.argsort(np.array(losses) + offset)
    assert (np.diff(p[order]) <= 0.0).all()


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
def test_weights_over_many_rounds(offset):
    """Losses as they grow in a run of 3000 rounds."""
    rng = np.random.default_rng(0)
    losses = np.full(20, offset)
    for t in range(1, 3001):
        p = lx.relaxation.tsallis_weights(losses, 2.0 / sqrt(t))
        assert abs(p.sum() - 1.0) <= 1e-12
        i = rng.choice(20, p=p / p.sum())
        losses[i] += rng.random() / p[i]


def test_weights_of_extremes():
    equal = lx.relaxation.tsallis_weights(np.full(10**5, 3.0), 1.0)
    assert np.allclose(equal, 1e-5, rtol=1e-12)
    assert lx.relaxation.tsallis_weights(np.array([1e308, -1e300]), 1e300).tolist() == [0.0, 1.0]
    assert lx.relaxation.tsallis_weights(np.array([5.0]), 1e-300).tolist() == [1.0]
    two = weights_of([0.0, 1e-3], 1e-6)
    assert two == pytest.approx([0.5, 0.5], abs=1e-8)


def test_weights_of_batches_are_those_of_rows():
    losses = np.random.default_rng(0).random((2, 3, 4))
    p = lx.relaxation.tsallis_weights(losses, 2.0)
    for i in np.ndindex(2, 3):
        assert np.array_equal(p[i], lx.relaxation.tsallis_weights(losses[i], 2.0))


def test_weights_refuse_what_has_none():
    with pytest.raises(ValueError, match="at least one loss"):
        lx.relaxation.tsallis_weights(np.zeros(0), 1.0)
    with pytest.raises(ValueError, match="eta must lie in"):
        lx.relaxation.tsallis_weights(np.zeros(3), 0.0)


# --- Tsallis-INF -----------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["iw", "rv"])
def test_the_estimators_are_unbiased(estimator):
    """The mean update over the draws is the loss of each value, up to a constant."""
    tuner = lx.relaxation.TsallisINF([1, 2, 3, 4], estimator=estimator, rng=0)
    pay(tuner, noisy(MEANS[:4], 50))
    ledger = tuner._ledger
    p = tuner.probabilities()
    costs = [40.0, 30.0, 70.0, 90.0]
    mean = np.zeros(4)
    for i in range(4):
        trial = next(  # a draw of value i, with the note that goes with it
            t for t in (tuner._choose(None) for _ in range(2000)) if t.choice == i
        )
        new = updated(ledger, estimator, trial, costs[i])
        unit = new["total"] / new["rounds"]
        gain = np.array(new["losses"]) - np.array(ledger["losses"])
        # The running mean, which is the unit, depends on the draw a little.
        mean += p[i] * gain * unit
    expected = np.array(costs) - 1.0
    gap = mean - expected
    assert np.ptp(gap) <= 0.05 * expected.mean()


@pytest.mark.parametrize("estimator", ["iw", "rv"])
def test_regret_grows_slowly_when_problems_are_alike(estimator):
    """Rounds 1000 to 4000 cost at most as much as the first 1000: logarithmic, not linear."""
    regrets = []
    for seed in range(4):
        tuner = lx.relaxation.TsallisINF(range(5), estimator=estimator, rng=seed)
        regrets.append(np.cumsum(pay(tuner, noisy(MEANS, 4000, seed)) - 30.0))
    first, all_ = np.mean(regrets, axis=0)[[999, 3999]]
    assert 0.0 < first < 0.25 * 1000 * (MEANS.mean() - 30.0)
    assert all_ - first < first


def test_regret_stays_bounded_when_the_best_value_changes():
    """√(dT) mean losses, whatever comes: here two halves with different best values."""
    halves = [noisy(MEANS, 1500), noisy(MEANS[::-1], 1500, seed=1)]
    table = np.concatenate(halves)
    tuner = lx.relaxation.TsallisINF(range(5), rng=0)
    regret = pay(tuner, table).sum() - table.sum(axis=0).min()
    assert regret < 4.0 * sqrt(5 * 3000) * MEANS.mean()


@pytest.mark.parametrize("estimator", ["iw", "rv"])
def test_constant_costs_leave_the_weights_near_uniform(estimator):
    """On average: a single run drifts, as its estimated losses are a random walk."""
    plays = np.zeros(5)
    for seed in range(40):
        tuner = lx.relaxation.TsallisINF(range(5), estimator=estimator, rng=seed)
        pay(tuner, np.full((150, 5), 37.0))
        plays += np.bincount([r.value for r in tuner.history], minlength=5)
        assert max(tuner.probabilities()) < 0.9
    shares = plays / plays.sum()
    assert np.max(np.abs(shares - 0.2)) < 0.06


def test_costs_of_one_teach_nothing():
    tuner = lx.relaxation.TsallisINF(range(3), rng=0)
    pay(tuner, np.ones((50, 3)))
    assert tuner.probabilities() == pytest.approx([1 / 3] * 3, abs=1e-15)


def test_bins_learn_by_themselves():
    tuner = lx.relaxation.BinnedTsallisINF(range(5), context_bounds=(0, 1), bins=2, rng=0)
    pay(tuner, noisy(MEANS, 400), context=0.2)
    assert tuner.probabilities(0.4)[2] > 0.5
    assert tuner.probabilities(0.6) == pytest.approx([0.2] * 5, abs=1e-15)
    alone = lx.relaxation.TsallisINF(range(5), rng=0)
    pay(alone, noisy(MEANS, 400))
    assert tuner.probabilities(0.4) == alone.probabilities()


# --- Thompson, UCB, golden section -----------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: lx.relaxation.ThompsonSampling(range(5), rng=seed),
        lambda seed: lx.relaxation.UCB(range(5)),
    ],
    ids=["thompson", "ucb"],
)
def test_log_learners_find_the_best_value(make):
    for scale in (1.0, 1e4):  # logarithms: the unit of cost hardly matters
        tuner = make(0)
        paid = pay(tuner, scale * noisy(MEANS, 1500))
        assert paid[-500:].mean() < 1.1 * 30.0 * scale
        assert {r.value for r in tuner.history} == set(range(5))


def test_thompson_believes_the_mean_log_cost():
    tuner = lx.relaxation.ThompsonSampling(["a", "b"], variance=0.25, rng=0)
    costs = {"a": [], "b": []}
    for k in range(30):
        trial = tuner.ask()
        costs[trial.value].append(log(10.0 + k))
        tuner.tell(trial, 10.0 + k)
    for (mean, deviation), logs in zip(tuner._posterior(None), costs.values(), strict=True):
        assert mean == pytest.approx(sum(logs) / (len(logs) + 0.01))  # the prior: 1/100 of a trial
        assert deviation == pytest.approx(0.5 / sqrt(len(logs) + 0.01))


def test_ucb_plays_the_least_bound():
    tuner = lx.relaxation.UCB(["a", "b", "c"], variance=0.25)
    assert [tuner.ask().value for _ in range(3)] == ["a", "b", "c"]
    for token, cost in enumerate((30.0, 36.0, 38.0)):
        tuner.tell(token, cost)
    # Bounds 2.66 2.84 2.90, then, with a trial of "a" outstanding, 2.81 2.75 2.80, and so on.
    assert [tuner.ask().value for _ in range(2)] == ["a", "b"]
    assert tuner.probabilities() == (0.0, 0.0, 1.0)


def test_linear_thompson_follows_the_context():
    values = np.linspace(1.0, 1.9, 7)
    tuner = lx.relaxation.ThompsonSampling(values, context_bounds=(-1, 1), rng=0)
    rng = np.random.default_rng(0)
    excess = []
    for c in rng.uniform(-1, 1, 1500):
        trial = tuner.ask(c)
        costs = 30.0 * np.exp((values - 1.45 - 0.4 * c) ** 2 * 4)
        cost = costs[tuner.values.index(trial.value)]
        excess.append(cost / costs.min())
        tuner.tell(trial, cost * (1 + 0.05 * rng.standard_normal()))
    assert np.mean(excess[-500:]) < 1.03


def test_thompson_probabilities_are_frequencies():
    tuner = lx.relaxation.ThompsonSampling(range(5), rng=0)
    pay(tuner, noisy(MEANS, 12))
    p = np.array(tuner.probabilities())
    draws = np.bincount([tuner._choose(None).choice for _ in range(4000)], minlength=5) / 4000
    assert np.max(np.abs(draws - p)) < 5 * np.sqrt(0.25 / 4000)


def test_least_of_two_normals_is_known():
    p = least_of_normals([(0.0, 1.0), (0.5, 2.0)])
    assert p[0] == pytest.approx(0.588471, abs=1e-3)  # Φ(½/√5)
    assert least_of_normals([(0.0, 1e-3), (5.0, 1e-3)]) == pytest.approx([1.0, 0.0], abs=1e-12)


@pytest.mark.parametrize("minimum", [1.01, 1.37, 1.62, 1.94])
@pytest.mark.parametrize("n", [2, 5, 12])
def test_golden_section_brackets_the_minimum(minimum, n):
    tuner = lx.relaxation.GoldenSection(1.0, 1.95, evaluations=n)
    for _ in range(n):
        with tuner.trial() as t:
            t.cost = 20.0 + 1e3 * abs(t.value - minimum)
    low, high = tuner._bracket
    assert low <= minimum <= high
    assert high - low == pytest.approx(0.95 * ((sqrt(5) - 1) / 2) ** (n - 1))
    assert abs(tuner.ask().value - minimum) <= high - low
    assert len({r.value for r in tuner.history}) == n
    best = min(tuner.history, key=lambda r: r.cost).value
    assert {tuner.ask().value for _ in range(3)} == {best}


def test_golden_section_asks_two_at_once():
    tuner = lx.relaxation.GoldenSection(0.0, 1.0)
    one, two = tuner.ask(), tuner.ask()
    assert one.value != two.value
    assert tuner.ask().value in (one.value, two.value)  # nothing else to do yet
    tuner.tell(two, 10)
    tuner.tell(one, 20)
    assert tuner._bracket[0] == one.value
