"""ChebCB and its fits; the learner that knows Young's theory."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import linalgx as lx
from linalgx.relaxation._box import absorb, as_system, smallest_solution, solution_in_box
from linalgx.relaxation.young_learner import inverse_radius

LOW, HIGH = -0.15, 0.65


def features(c, m=6):
    x = 2 * (np.clip(c, LOW, HIGH) - LOW) / (HIGH - LOW) - 1
    return np.polynomial.chebyshev.chebvander(np.atleast_1d(x), m - 1)


def triangle_of(rows, targets):
    t = [[0.0] * (rows.shape[1] + 1) for _ in range(rows.shape[1])]
    rest = sum(absorb(t, list(map(float, f)), float(y)) for f, y in zip(rows, targets, strict=True))
    return *as_system(t), rest


# --- fits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 6, 7, 40])
@pytest.mark.parametrize("repeated", [False, True], ids=["distinct", "repeated"])
def test_the_triangle_holds_the_whole_fit(rows, repeated):
    rng = np.random.default_rng(rows)
    c = rng.uniform(LOW, HIGH, rows)
    f = features(c[: 2 if repeated else rows])[np.arange(rows) % (2 if repeated else rows)]
    y = rng.uniform(10, 90, rows)
    r, z, rest = triangle_of(f, y)
    assert np.allclose(np.tril(r, -1), 0.0)
    assert np.allclose(r.T @ r, f.T @ f, rtol=1e-12, atol=1e-12)
    theta = smallest_solution(r, z, rows)
    expected, *_ = np.linalg.lstsq(f, y, rcond=None)
    assert np.allclose(theta, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())
    residual = np.sum((f @ theta - y) ** 2)
    assert np.sum((r @ theta - z) ** 2) + rest == pytest.approx(residual, rel=1e-9, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.01, 3.0))
def test_fits_in_the_box_are_optimal(seed, rows, tightness):
    """As good as SciPy's, or better, from any start."""
    rng = np.random.default_rng(seed)
    f = features(rng.uniform(LOW, HIGH, rows))
    y = rng.uniform(0, 1, rows)
    limits = tightness * np.array([1.0, *(2.0 / j for j in range(1, 6))])
    r, z, _ = triangle_of(f, y)
    theta = solution_in_box(r, z, limits, rng.uniform(-5, 5, 6), rows)
    assert (np.abs(theta) <= limits).all()
    peer = scipy.optimize.lsq_linear(f, y, (-limits, limits), method="bvls").x
    ours, theirs = (np.sum((f @ x - y) ** 2) for x in (theta, peer))
    assert ours <= theirs + 1e-10 * rows


def test_chebcb_is_what_a_refit_of_all_data_gives():
    """The incremental learner against the textbook: all rows kept, every value fitted anew."""
    values, m = [1.2, 1.5, 1.8], 6
    tuner = lx.relaxation.ChebCB(values, context_bounds=(LOW, HIGH), rng=0)
    rng = np.random.default_rng(1)
    data = {i: ([], []) for i in range(3)}
    predicted, costs = [], []
    theta = np.zeros((3, m))
    for t in range(1, 161):
        c = rng.uniform(LOW - 0.05, HIGH)
        trial = tuner.ask(c)
        i = values.index(trial.value)
        scale = max(costs, default=0.0) * (2 + 4 * (1 + np.log(m))) or 1.0
        predicted.append(float(features(c)[0] @ theta[i]) / scale)
        cost = 30 + 60 * abs(trial.value - 1.3 - 0.5 * c) + 10 * rng.random() + 0.2 * t
        tuner.tell(trial, cost)
        costs.append(cost)
        data[i][0].append(features(c)[0])
        data[i][1].append(cost - 1)
        top = max(costs)
        limits = top * np.array([1.0, *(2.0 / j for j in range(1, m))])
        for j, (rows, targets) in data.items():
            if rows:
                theta[j] = np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0]
                if (np.abs(theta[j]) > limits).any():
                    theta[j] = scipy.optimize.lsq_linear(
                        np.array(rows), np.array(targets), (-limits, limits), method="bvls"
                    ).x
        unique = [j for j, (rows, _) in data.items() if len(rows) >= m]
        ours = np.array(tuner._thetas)
        assert np.allclose(ours[unique], theta[unique], rtol=1e-5, atol=1e-5 * top)
        theta = ours  # few rows in the box leave a choice
    scale = top * (2 + 4 * (1 + np.log(m)))
    errors = np.sum((np.array(predicted) - np.array(costs) / scale) ** 2)
    width = 2 + 4 * (1 + np.log(m))
    alpha = (np.pi + 2 / np.pi * np.log(2 * m + 1)) / (2 * width * (m + 1))
    regret = errors - tuner._residual + 2 * alpha**2 * t
    assert tuner._greed == pytest.approx(2 * t * np.sqrt(3 * t / regret), rel=1e-9)
    y = theta @ features(0.1)[0] / scale
    gaps = 1 / (3 + tuner._greed * (y - y.min()))
    gaps[y.argmin()] = 0.0
    gaps[y.argmin()] = 1 - gaps.sum()
    assert tuner.probabilities(0.1) == pytest.approx(gaps, rel=1e-9)


def test_chebcb_starts_uniform_and_tries_everything():
    tuner = lx.relaxation.ChebCB(range(8), context_bounds=(0, 1), rng=0)
    assert tuner.probabilities(0.5) == pytest.approx([1 / 8] * 8)
    for k in range(60):
        tuner.tell(tuner.ask(k % 5 / 4), 50)
    assert {r.value for r in tuner.history} == set(range(8))


def test_chebcb_beats_every_fixed_value_and_bins():
    values = np.linspace(1.0, 1.9, 10)
    rng = np.random.default_rng(0)
    contexts = rng.uniform(0, 1, 2500)
    table = 20 + 200 * (values - 1.1 - 0.7 * contexts[:, None]) ** 2
    table += rng.uniform(0, 5, table.shape)
    totals = {}
    for name, tuner in {
        "chebcb": lx.relaxation.ChebCB(values, context_bounds=(0, 1), rng=0),
        "binned": lx.relaxation.BinnedTsallisINF(values, context_bounds=(0, 1), rng=0),
    }.items():
        paid = 0.0
        for c, row in zip(contexts, table, strict=True):
            trial = tuner.ask(c)
            cost = row[tuner.values.index(trial.value)]
            tuner.tell(trial, cost)
            paid += cost
        totals[name] = paid
    assert totals["chebcb"] < 0.9 * totals["binned"]
    assert totals["chebcb"] < 0.85 * table.sum(axis=0).min()
    assert totals["chebcb"] < 1.15 * table.min(axis=1).sum()


def test_one_feature_is_a_bandit_without_context():
    tuner = lx.relaxation.ChebCB([1, 2], context_bounds=(0, 1), degree=1, rng=0)
    for k in range(200):
        trial = tuner.ask(k % 3 / 2)
        tuner.tell(trial, {1: 30, 2: 60}[trial.value])
    assert tuner.probabilities(0.0) == tuner.probabilities(1.0)
    assert tuner.probabilities(0.0)[0] > 0.9


# --- Young -----------------------------------------------------------------------------------


def asymptotic(omega, mu):
    """Spectral radius of the sweep by Young's theory."""
    best = 2 / (1 + np.sqrt(1 - mu**2))
    if omega >= best:
        return omega - 1
    return 0.25 * (omega * mu + np.sqrt(omega**2 * mu**2 - 4 * (omega - 1))) ** 2


@pytest.mark.parametrize("mu", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("omega", [1.0, 1.1, 1.3])
def test_the_radius_follows_from_the_rate(mu, omega):
    rate = asymptotic(omega, mu)
    found = inverse_radius(omega, [5.0 * rate**k for k in range(40)])
    if rate > omega - 1 + 0.02 * (2 - omega):
        assert found == pytest.approx(1 / mu, rel=1e-9)
    else:
        assert found is None  # the rate is ω − 1, whatever μ is


def test_rates_that_say_nothing_are_not_used():
    assert inverse_radius(1.3, []) is None
    assert inverse_radius(1.3, [0.7**k for k in range(6)]) is None  # too short
    assert inverse_radius(1.3, [1.1**k for k in range(40)]) is None  # diverges
    assert inverse_radius(1.3, [0.0] * 40) is None
    assert inverse_radius(1.3, [0.31**k for k in range(40)]) is None  # ω − 1, or nearly so
    assert inverse_radius(1.3, [0.32**k for k in range(40)]) is not None
    assert inverse_radius(1.3, [1.0] * 39 + [np.nan]) is None
    assert inverse_radius(1.3, [1.0] * 39 + [np.inf]) is None
    every = [0.7**k for k in range(41)]
    holes = [r if k % 10 == 0 else np.nan for k, r in enumerate(every)]
    assert inverse_radius(1.3, holes) == pytest.approx(inverse_radius(1.3, every), rel=1e-12)


def test_the_learner_finds_the_line():
    """1/μ = (4 + c)/ν: after a few solves it plays the best ω of any c."""
    nu = 4 * np.cos(np.pi / 11)
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0, c))
    rng = np.random.default_rng(0)
    for c in rng.uniform(LOW, HIGH, 25):
        trial = tuner.ask(c)
        rate = asymptotic(trial.value, nu / (4 + c))
        history = [rate**k * (1 + 0.3 * 0.9**k) for k in range(60)]
        tuner.tell(trial, 59, residuals=history)
    assert [r.value for r in tuner.history[:3]] == [1.3] * 3
    for c in (-0.1, 0.0, 0.3, 0.6):
        best = 2 / (1 + np.sqrt(1 - (nu / (4 + c)) ** 2))
        assert tuner.ask(c).value == pytest.approx(best, abs=0.02)


def test_the_learner_never_leaves_its_interval():
    """An estimate of μ near 1 would ask for ω near 2."""
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0,), omega_max=1.9)
    for _ in range(10):
        trial = tuner.ask()
        tuner.tell(trial, 500, residuals=[0.9999**k for k in range(500)])
    assert tuner.ask().value == 1.9
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0, c))
    for c, rate in ((0.0, 0.5), (1.0, 0.4), (0.0, 0.5)):
        tuner.tell(tuner.ask(c), 40, residuals=[rate**k for k in range(40)])
    assert 1.0 < tuner.ask(50.0).value < 1.1
    assert tuner.ask(1e9).value == pytest.approx(1.0, abs=1e-9)


def test_without_residuals_nothing_is_learned():
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0,))
    for _ in range(10):
        tuner.tell(tuner.ask(), 40)
    assert tuner.ask().value == 1.3


def test_residuals_may_be_an_array():
    one, two = (lx.relaxation.YoungLearner(features=lambda c: (1.0,)) for _ in range(2))
    norms = 0.8 ** np.arange(30)
    for _ in range(3):
        one.tell(one.ask(), 30, residuals=norms)
        two.tell(two.ask(), 30, residuals=norms.tolist())
    assert one.ask().value == two.ask().value != 1.3


def test_features_are_checked():
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0,) if c < 1 else (1.0, c))
    tuner.tell(tuner.ask(0.0), 30, residuals=[0.8**k for k in range(30)])
    with pytest.raises(ValueError, match="features must return 1 finite numbers"):
        tuner.ask(2.0)
    with pytest.raises(ValueError, match="features must return"):
        lx.relaxation.YoungLearner(features=lambda c: (np.nan,)).ask()
