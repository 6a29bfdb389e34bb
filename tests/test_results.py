"""Results: frozen, readable, not to be unpacked; statuses and the progress bar."""

import sys
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest

import linalgx as lx
from linalgx.results import Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Answer(Result):
    x: Any
    label: str = "short"


def answer(status=lx.Status.CONVERGED, **more):
    common = {"status": status, "iterations": 2, "residual": 1.5e-16, "history": (1.0, 0.5, 1e-16)}
    return Answer(**{**common, "x": np.ones((2, 3)), **more})


def test_the_statuses():
    names = ["CONVERGED", "MAXITER", "STAGNATED", "STOPPED", "BREAKDOWN", "DIVERGED"]
    assert [s.name for s in lx.Status] == names
    assert all(len(s.value.split()) > 4 for s in lx.Status)
    assert repr(lx.Status.MAXITER) == "Status.MAXITER"


@pytest.mark.parametrize("status", lx.Status)
def test_only_one_status_is_success(status):
    assert answer(status).converged is (status is lx.Status.CONVERGED)


def test_results_are_frozen():
    result = answer()
    with pytest.raises(FrozenInstanceError):
        result.residual = 0.0
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        result.extra = 1
    assert not hasattr(result, "__dict__")


def test_results_cannot_be_unpacked():
    with pytest.raises(TypeError, match="unpack"):
        _status, _x = answer()
    with pytest.raises(TypeError):
        answer()[0]
    with pytest.raises(TypeError):
        len(answer())


def test_fields_are_given_by_name():
    with pytest.raises(TypeError):
        Result(lx.Status.CONVERGED, 1, 0.0, ())


def test_results_compare_by_identity():
    result = answer()
    assert result == result
    assert result != answer()
    assert hash(result) == hash(result)


def test_a_few_readable_lines():
    lines = repr(answer()).splitlines()
    assert lines[0] == "Answer: the tolerance was met, as checked on a freshly computed residual"
    assert [line.split()[0] for line in lines[1:]] == ["x", "label", "iterations", "residual"]
    assert "array 2×3, float64" in lines[1]
    assert lines[4].endswith("1.5e-16")


def test_long_values_are_cut():
    lines = repr(answer(label="a" * 500, x=np.float64(3.0))).splitlines()
    assert all(len(line) < 80 for line in lines)
    assert "scalar" in lines[1]


@pytest.mark.parametrize("shape", [(), (0,), (2, 3, 3)])
def test_arrays_of_every_leg_are_described(leg, shape):
    line = repr(answer(x=leg.randn(*shape))).splitlines()[1]
    assert ("×".join(map(str, shape)) or "scalar") in line
    assert leg.dtype_name in line


def test_iteration_states_are_frozen():
    state = lx.IterationState(0, None, 1.0)
    assert (state.k, state.x, state.residual) == (0, None, 1.0)
    with pytest.raises(FrozenInstanceError):
        state.k = 1


def test_progress_follows_the_iteration(capsys):
    pytest.importorskip("tqdm")
    show = lx.progress(total=3, desc="roots")
    for k in range(4):
        show(lx.IterationState(k, None, 10.0**-k))
    assert "roots" in capsys.readouterr().err


def test_progress_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"progress needs tqdm: pip install 'linalgx\[examples\]"):
        lx.progress()
