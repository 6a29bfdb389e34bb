"""What all tuners promise: trials, tokens, failures, saving."""

import json
from math import inf, nan

import numpy as np
import pytest

import linalgx as lx
from linalgx.errors import PerformanceWarning
from linalgx.relaxation._tuner import is_tuner, tuned
from linalgx.results import Result, Status

GRID = [1.0, 1.3, 1.6, 1.9]
MAKERS = {
    "iw": lambda rng=0: lx.relaxation.TsallisINF(GRID, rng=rng),
    "rv": lambda rng=0: lx.relaxation.TsallisINF(GRID, estimator="rv", rng=rng),
    "binned": lambda rng=0: lx.relaxation.BinnedTsallisINF(GRID, context_bounds=(0, 1), rng=rng),
    "chebcb": lambda rng=0: lx.relaxation.ChebCB(GRID, context_bounds=(0, 1), rng=rng),
    "young": lambda rng=0: lx.relaxation.YoungLearner(features=lambda c: (1.0, c)),
    "thompson": lambda rng=0: lx.relaxation.ThompsonSampling(GRID, rng=rng),
    "thompson linear": lambda rng=0: lx.relaxation.ThompsonSampling(
        GRID, context_bounds=(0, 1), rng=rng
    ),
    "ucb": lambda rng=0: lx.relaxation.UCB(GRID),
    "golden": lambda rng=0: lx.relaxation.GoldenSection(1.0, 1.95),
    "fixed": lambda rng=0: lx.relaxation.Fixed(1.5),
}
RANDOM = ("iw", "rv", "binned", "chebcb", "thompson", "thompson linear")


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


def cost(value, context):
    return 20.0 + 100.0 * abs(value - 1.2 - 0.6 * context)


def residuals(value):
    return [0.8**k for k in range(30)]


def play(tuner, rounds, seed=0):
    """Play rounds; return the values."""
    values = []
    for c in np.random.default_rng(seed).random(rounds):
        trial = tuner.ask(c)
        values.append(trial.value)
        tuner.tell(trial, cost(trial.value, c), residuals=residuals(trial.value))
    return values


# --- trials ----------------------------------------------------------------------------------


def test_trials_are_told_by_token_or_as_a_whole(make):
    tuner = make()
    first, second = tuner.ask(0.2), tuner.ask(0.8)
    assert first.token != second.token
    tuner.tell(second.token, 30)
    tuner.tell(first, 50, censored=True)
    told = tuner.history
    assert [r[1:4] for r in told] == [(0.8, 30.0, False), (0.2, 50.0, True)]
    assert [r.value for r in told] == [second.value, first.value]


def test_tokens_count_once(make):
    tuner = make()
    trial = tuner.ask(0.5)
    tuner.tell(trial, 10)
    with pytest.raises(ValueError, match="was told"):
        tuner.tell(trial, 10)
    with pytest.raises(ValueError, match="must come from ask"):
        tuner.tell(17, 10)
    with pytest.raises(ValueError, match="must come from ask"):
        tuner.tell("1", 10)
    assert len(tuner.history) == 1


@pytest.mark.parametrize("bad", [nan, inf, -1.0, 1e200, "many", None])
def test_costs_that_are_none_change_nothing(make, bad):
    tuner = make()
    play(tuner, 5)
    trial = tuner.ask(0.5)
    before = tuner.state_dict()
    with pytest.raises((TypeError, ValueError), match="cost"):
        tuner.tell(trial, bad)
    assert tuner.state_dict() == before
    tuner.tell(trial, 20)


def test_probabilities_are_those_of_the_next_trial(make):
    tuner = make()
    for rounds in (0, 1, 40):
        play(tuner, rounds)
        p = tuner.probabilities(0.3)
        assert len(p) == len(tuner.values or (0,))
        assert min(p) >= 0.0
        assert sum(p) == pytest.approx(1.0, abs=1e-12)
    trial = tuner.ask(0.3)
    tuner.tell(trial, 10)
    told = tuner.history[-1].probability
    if told is not None:  # Thompson sampling does not compute it
        where = tuner.values.index(trial.value) if tuner.values else 0
        assert told == p[where]


def test_each_outstanding_trial_keeps_its_probability():
    tuner = MAKERS["iw"]()
    play(tuner, 30)
    early = tuner.ask()
    expected = tuner.probabilities()[GRID.index(early.value)]
    play(tuner, 30)
    tuner.tell(early, 30)
    assert tuner.history[-1].probability == expected
    assert tuner.probabilities()[GRID.index(early.value)] != expected


def test_outstanding_trials_are_not_known_to_be_cheap(make):
    """Many trials at once, told in another order, learn as well as one by one."""
    tuner = make()
    for start in range(10):
        trials = [tuner.ask(0.5) for _ in range(8)]
        order = np.random.default_rng(start).permutation(8)
        for k in order:
            tuner.tell(trials[k], cost(trials[k].value, 0.5))
    assert len(tuner.history) == 80
    if tuner.values is not None and len(tuner.values) > 1:
        late = [r.value for r in tuner.history[40:]]
        assert np.mean([cost(v, 0.5) for v in late]) < np.mean([cost(v, 0.5) for v in GRID])


# --- blocks and failures ---------------------------------------------------------------------


def test_a_block_tells_its_cost(make):
    tuner = make()
    with tuner.trial(0.5) as t:
        t.cost = 25
    assert tuner.history[0].cost == 25.0
    assert not tuner.history[0].censored


def test_a_block_that_raises_costs_the_cap(make):
    tuner = make()
    with tuner.trial(0.5) as t:
        t.cost = 25
    with pytest.raises(ZeroDivisionError), tuner.trial(0.5):
        raise ZeroDivisionError
    with tuner.trial(0.5):
        pass  # no cost either
    assert [(r.cost, r.censored) for r in tuner.history[1:]] == [(50.0, True), (50.0, True)]
    assert tuner.cap == 50.0  # failures do not raise it further


def test_a_block_whose_cost_is_none_leaves_no_trial_behind():
    tuner = lx.relaxation.UCB([1.0, 1.5])
    with pytest.raises(ValueError, match="cost must lie in"), tuner.trial() as t:
        t.cost = nan
    assert tuner._open == {}
    assert tuner.history[0].censored


def test_the_cap_can_be_given():
    tuner = lx.relaxation.TsallisINF(GRID, cap=77, rng=0)
    tuner.fail(tuner.ask())
    assert tuner.history[0].cost == 77.0
    assert lx.relaxation.TsallisINF(GRID).cap == 10_000.0
    with pytest.raises(ValueError, match="cap must lie in"):
        lx.relaxation.TsallisINF(GRID, cap=0)


def test_an_interrupt_teaches_nothing(make):
    tuner = make()
    with pytest.raises(KeyboardInterrupt), tuner.trial(0.5):
        raise KeyboardInterrupt
    assert tuner.history == ()
    with pytest.raises(ValueError, match="forgotten"):
        tuner.tell(0, 10)


def test_a_block_may_tell_by_itself(make):
    tuner = make()
    with tuner.trial(0.5) as t:
        tuner.tell(t, 12)
    assert len(tuner.history) == 1


def test_small_costs_are_mentioned_once():
    tuner = MAKERS["iw"]()
    tuner.tell(tuner.ask(), 0.0)  # a solve that started converged
    with pytest.warns(PerformanceWarning, match="microseconds"):
        tuner.tell(tuner.ask(), 0.003)
    tuner.tell(tuner.ask(), 0.003)
    assert [r.cost for r in tuner.history] == [0.0, 0.003, 0.003]


# --- solvers ---------------------------------------------------------------------------------


def result(status=Status.CONVERGED, iterations=10, history=None):
    history = [0.5**k for k in range(iterations + 1)] if history is None else history
    return Result(status=status, iterations=iterations, residual=1.0, history=tuple(history))


def test_a_solve_tells_its_iterations():
    tuner = MAKERS["iw"]()
    seen = []
    answer = tuned(lambda omega: (seen.append(omega), result())[1], tuner, 0.5)
    assert answer.iterations == 10
    assert tuner.history == ((seen[0], 0.5, 10.0, False, 0.25),)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.MAXITER, [(10.0, True)]),
        (Status.DIVERGED, [(500.0, True)]),
        (Status.BREAKDOWN, [(500.0, True)]),
        (Status.STAGNATED, [(500.0, True)]),
        (Status.STOPPED, []),
    ],
)
def test_a_solve_that_did_not_converge_is_no_success(status, told):
    tuner = lx.relaxation.TsallisINF(GRID, cap=500, rng=0)
    tuned(lambda omega: result(status), tuner, None)
    assert [(r.cost, r.censored) for r in tuner.history] == told
    assert tuner._open == {}


def test_a_solve_that_raises_costs_the_cap():
    tuner = lx.relaxation.TsallisINF(GRID, cap=500, rng=0)

    def fails(omega):
        raise lx.LinAlgError("zero pivot")

    with pytest.raises(lx.LinAlgError):
        tuned(fails, tuner, None)
    assert tuner.history[0].cost == 500.0


def test_residuals_reach_learners_that_want_them():
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0,))
    tuned(lambda omega: result(history=[0.8**k for k in range(11)]), tuner, None)
    assert tuner._accepted == 1
    tuned(lambda omega: result(history=[1.0, 0.5]), tuner, None)  # not one for each sweep
    assert tuner._accepted == 1


def test_tuners_are_told_from_numbers():
    assert all(is_tuner(make()) for make in MAKERS.values())
    assert not any(is_tuner(x) for x in (1.5, "young", None, np.float64(1.0)))


# --- saving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [0, 3, 57])
def test_a_saved_state_goes_on_exactly(make, rounds):
    """Also through JSON, with outstanding trials, and into a tuner that has played before."""
    tuner, other = make(), make(rng=99)
    play(tuner, rounds)
    play(other, 7, seed=5)
    early = tuner.ask(0.4)
    other.load_state_dict(json.loads(json.dumps(tuner.state_dict())))
    for t in (tuner, other):
        t.tell(early.token, 33, residuals=residuals(early.value))
    assert play(tuner, 50, seed=1) == play(other, 50, seed=1)
    assert tuner.history == other.history
    assert tuner.state_dict() == other.state_dict()


def test_a_saved_state_stays_as_it_was(make):
    tuner = make()
    play(tuner, 10)
    state = tuner.state_dict()
    text = json.dumps(state)
    other = make()
    other.load_state_dict(state)
    play(tuner, 10)
    play(other, 10)
    assert json.dumps(state) == text


def test_states_of_other_tuners_are_refused():
    state = MAKERS["iw"]().state_dict()
    for other in (
        MAKERS["rv"](),
        MAKERS["ucb"](),
        lx.relaxation.TsallisINF([1.0, 1.5]),
    ):
        before = other.state_dict()
        with pytest.raises(ValueError, match="saved by another tuner"):
            other.load_state_dict(state)
        assert other.state_dict() == before
    three, six = (
        lx.relaxation.BinnedTsallisINF(GRID, context_bounds=(0, 1), bins=n) for n in (3, 6)
    )
    with pytest.raises(ValueError, match="saved by another tuner"):
        three.load_state_dict(six.state_dict())


def test_every_generator_is_saved():
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        one = MAKERS["iw"](rng=np.random.Generator(kind(1)))
        two = MAKERS["iw"](rng=np.random.Generator(kind(2)))
        play(one, 5)
        two.load_state_dict(json.loads(json.dumps(one.state_dict())))
        assert play(one, 20) == play(two, 20)


@pytest.mark.parametrize("name", RANDOM)
def test_one_seed_gives_one_course(name):
    make = MAKERS[name]
    assert play(make(rng=3), 60) == play(make(rng=3), 60)
    assert play(make(rng=3), 60) != play(make(rng=4), 60)


# --- values and contexts ---------------------------------------------------------------------


def test_values_may_be_names_or_objects():
    choices = ["jacobi", ("ssor", 1.5), 30]
    tuner = lx.relaxation.TsallisINF(choices, rng=0)
    values = {tuner.ask().value for _ in range(60)}
    assert values == set(choices)
    other = lx.relaxation.TsallisINF(choices, rng=1)
    other.load_state_dict(json.loads(json.dumps(tuner.state_dict())))
    assert other.ask().value in choices


def test_integers_stay_integers(leg):
    tuner = lx.relaxation.UCB(np.array([10, 20, 30]))
    assert [type(v) for v in tuner.values] == [int] * 3
    if not leg.is_complex:
        assert lx.relaxation.UCB(leg.asarray([1.0, 1.5])).values == (1.0, 1.5)


def test_the_default_grid_is_for_omega():
    values = lx.relaxation.TsallisINF().values
    assert np.allclose(values, np.linspace(1.0, 1.95, 20), rtol=1e-15)


@pytest.mark.parametrize("bad", ["auto", [], [1.0, nan], [inf], 3])
def test_values_must_be_several(bad):
    with pytest.raises((TypeError, ValueError), match="values must"):
        lx.relaxation.TsallisINF(bad)


@pytest.mark.parametrize("name", ["binned", "chebcb", "thompson linear"])
@pytest.mark.parametrize("bad", [None, (1.0, 2.0), nan, "warm"])
def test_contexts_must_be_one_number(name, bad):
    tuner = MAKERS[name]()
    with pytest.raises((TypeError, ValueError), match="context"):
        tuner.ask(bad)
    assert tuner._open == {}


@pytest.mark.parametrize("name", ["binned", "chebcb", "thompson linear"])
def test_contexts_outside_count_as_the_ends(name):
    tuner = MAKERS[name]()
    play(tuner, 50)
    assert tuner.probabilities(-7.0) == tuner.probabilities(0.0)
    assert tuner.probabilities(np.float32(9.0)) == tuner.probabilities(1)


@pytest.mark.parametrize("bad", [(1, 0), (0, 0), (0, inf), (nan, 1)])
def test_context_bounds_must_be_an_interval(bad):
    for kind in (lx.relaxation.ChebCB, lx.relaxation.BinnedTsallisINF):
        with pytest.raises(ValueError, match="context_bounds"):
            kind(GRID, context_bounds=bad)


@pytest.mark.parametrize("bad", [None, 1.0, (0, 1, 2)])
def test_context_bounds_must_be_two(bad):
    with pytest.raises(TypeError, match="context_bounds must be two numbers"):
        lx.relaxation.ChebCB(GRID, context_bounds=bad)


def test_options_are_checked():
    with pytest.raises(ValueError, match="estimator must be one of 'iw', 'rv'"):
        lx.relaxation.TsallisINF(GRID, estimator="best")
    with pytest.raises(ValueError, match="bins must be at least 1"):
        lx.relaxation.BinnedTsallisINF(GRID, context_bounds=(0, 1), bins=0)
    with pytest.raises(ValueError, match="degree must be at least 1"):
        lx.relaxation.ChebCB(GRID, context_bounds=(0, 1), degree=0)
    with pytest.raises(TypeError, match="rng"):
        lx.relaxation.TsallisINF(GRID, rng=np.random.RandomState(0))
    with pytest.raises(ValueError, match="omega_max must lie in"):
        lx.relaxation.YoungLearner(features=lambda c: (1.0,), omega_max=2.0)
    with pytest.raises(TypeError, match="features"):
        lx.relaxation.YoungLearner(features=3)
    with pytest.raises(ValueError, match="below high"):
        lx.relaxation.GoldenSection(2.0, 1.0)
