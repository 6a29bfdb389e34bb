"""Options: what is accepted, and what the error says about the rest."""

import numpy as np
import pytest

from linalgx._core.admit import admit_integer, admit_real


@pytest.mark.parametrize("value", [2, np.int64(2), np.array(2)])
def test_integers(value):
    assert admit_integer(value, "steps", 1) == 2


@pytest.mark.parametrize("value", [2.0, "2", None, True, [2]])
def test_what_is_no_integer(value):
    with pytest.raises(TypeError, match="steps must be an integer, got"):
        admit_integer(value, "steps", 1)


def test_too_small_an_integer():
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        admit_integer(0, "steps", 1)


def test_ends_of_intervals():
    assert admit_real(0, "x", 0.0, 1.0) == 0.0
    assert admit_real(np.float32(1), "x", 0.0, 1.0, ends="(]") == 1.0
    for value, ends in [(0.0, "(]"), (1.0, "[)"), (float("nan"), "[]"), (-1.0, "[]")]:
        with pytest.raises(ValueError, match=r"x must lie in .0, 1., got"):
            admit_real(value, "x", 0.0, 1.0, ends=ends)
    with pytest.raises(ValueError, match="inf"):
        admit_real(float("inf"), "x")


@pytest.mark.parametrize("value", ["1", None, 1j, [1.0, 2.0], b"1"])
def test_what_is_no_real_number(value):
    with pytest.raises(TypeError, match="x must be a real number, got"):
        admit_real(value, "x")
