"""Warnings, observers and global state: a call leaves no trace but its answer."""

import os
import warnings
from importlib import import_module
from importlib.util import find_spec

import catalog
import numpy as np
import pytest

import linalgx as lx
from linalgx.results import IterationState

TROUBLE = [(name, label) for name, case in catalog.CASES.items() for label in case.trouble]
OBSERVED = [name for name in catalog.CASES if catalog.has_option(name, "callback")]


@pytest.mark.thread_unsafe(reason="records warnings")
@pytest.mark.parametrize(("name", "label"), TROUBLE)
def test_one_warning_at_the_line_of_the_caller(name, label):
    """Also for a batch of which several matrices are bad."""
    inputs, options = catalog.trouble(name, label)
    function = catalog.function(name)
    positional, named = catalog.arguments(name, inputs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*positional, **named, **options)
    assert [w.category for w in caught] == [lx.ConvergenceWarning]
    assert caught[0].filename == __file__
    assert len(str(caught[0].message)) > 30
    if hasattr(result, "converged"):
        assert not result.converged


@pytest.mark.thread_unsafe(reason="records warnings")
@pytest.mark.parametrize("name", catalog.CASES)
def test_good_input_gives_no_warning(leg, name):
    case = catalog.CASES[name]
    inputs = case.inputs(leg, catalog.many(name, (2, 4, 4)))
    for label, options in catalog.brief(name):
        with catalog.about(label):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                catalog.call(name, inputs, options)
            assert not caught


def state():
    """Everything global that a numerical library is tempted to touch."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (
        (kind, keys.tobytes(), *rest),
        list(warnings.filters),
        np.geterr(),
        np.get_printoptions(),
        dict(os.environ),
    )


@pytest.mark.thread_unsafe(reason="looks at global state")
@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("name", catalog.CASES)
def test_global_state_is_untouched(name):
    for module in ("scipy.optimize", "scipy.sparse", "numba"):  # they set filters when imported
        if find_spec(module.partition(".")[0]) is not None:
            import_module(module)
    case = catalog.CASES[name]
    before = state()
    for options in case.variants.values():
        catalog.call(name, case.hosts((4, 4)), options)
    for label in case.trouble:
        catalog.call(name, *catalog.trouble(name, label))
    assert state() == before


@pytest.mark.parametrize("name", OBSERVED)
class TestObservers:
    """A callback sees every iteration from k = 0 on, may stop the run, and may break it."""

    def run(self, name, options, callback, leg):
        inputs = catalog.CASES[name].inputs(leg, (4, 4))
        return catalog.call(name, inputs, {**options, "callback": callback})

    def test_states_are_counted(self, leg, name):
        for label, options in catalog.brief(name):
            with catalog.about(label):
                self.states_are_counted(leg, name, options)

    def states_are_counted(self, leg, name, options):
        case = catalog.CASES[name]
        seen = []
        result = self.run(name, options, lambda s: seen.append((s, leg.to_numpy(s.x).shape)), leg)
        states = [s for s, _ in seen]
        assert states
        assert all(isinstance(s, IterationState) for s in states)
        assert [s.k for s in states] == list(range(len(states)))
        assert all(type(s.residual) is float for s in states)
        assert all(leg.matches(s.x) for s in states)
        inputs = case.inputs(leg, (4, 4))
        shown = {**inputs, **catalog.observed(name, result, inputs)}[case.iterate or case.first]
        single = tuple(shown.shape)
        assert all(shape[len(shape) - len(single) :] == single for _, shape in seen)
        if hasattr(result, "iterations"):
            assert result.iterations == states[-1].k
            assert result.history == tuple(s.residual for s in states)

    def test_stopping(self, leg, name):
        def stop(state):
            raise StopIteration

        inputs = catalog.CASES[name].inputs(leg, (4, 4))
        for label, options in catalog.brief(name):
            with catalog.about(label):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", lx.ConvergenceWarning)
                    result = self.run(name, options, stop, leg)
                if hasattr(result, "status"):
                    assert result.status is lx.Status.STOPPED
                    assert not result.converged
                for x in catalog.of_arrays(catalog.observed(name, result, inputs)).values():
                    assert leg.matches(x)

    def test_other_errors_pass(self, leg, name):
        def fail(state):
            raise KeyError("mine")

        for label, options in catalog.brief(name):
            with catalog.about(label), pytest.raises(KeyError, match="mine"):
                self.run(name, options, fail, leg)

    def test_looking_changes_nothing(self, leg, name):
        inputs = catalog.CASES[name].inputs(leg, (4, 4))
        for label, options in catalog.brief(name):
            with catalog.about(label):
                watched = self.run(name, options, lambda s: None, leg)
                out = catalog.observed(name, watched, inputs)
                for key, x in catalog.answer(name, inputs, options).items():
                    np.testing.assert_allclose(
                        catalog.host(leg, out[key]),
                        catalog.host(leg, x),
                        rtol=0,
                        atol=200 * leg.eps,
                    )
