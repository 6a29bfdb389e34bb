"""Rules that all solvers of the family share: NaN is never hidden by a finite column."""

from math import isnan

import numpy as np
import pytest

import linalgx as lx
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping, largest
from linalgx.results import Status


def stopping(maxiter=5):
    return Stopping.admit(None, 0.0, maxiter, "b", None)


def test_nan_is_the_largest_norm():
    assert isnan(largest([1.0, float("nan")])) and isnan(largest([float("nan"), 1.0]))
    assert largest([1.0, 2.0]) == 2.0 and largest([]) == 0.0


def test_a_column_of_nan_ends_the_run():
    monitor = Monitor(stopping(), [1e-8, 1e-8], False, 0, np)
    x = np.zeros((3, 2))
    assert monitor.begin([1.0, 1.0], x) is None
    assert monitor.step([0.5, float("nan")], x) is Status.DIVERGED
    assert isnan(monitor.history[-1])


def test_a_column_of_nan_shows_in_the_residual():
    def attempt(system, x, monitor):
        monitor.begin([1.0, 1.0], x)
        x = np.stack([system.b[:, 0], np.full(4, np.nan)], axis=1)
        return x, Status.BREAKDOWN, "breakdown"

    with pytest.warns(lx.ConvergenceWarning):
        result = solve_system(
            lambda system, rules: honest(attempt, system, rules),
            2.0 * np.eye(4), np.ones((4, 2)), None, stopping(), rows=True, check_finite=True,
        )  # fmt: skip
    assert isnan(result.residual) and not result.converged
