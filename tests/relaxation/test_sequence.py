"""Sequences of solves: what is told to the tuner, and what is reported."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.relaxation import SolveResult
from linalgx.results import Status


def solver(a, b, *, omega, x0=None):
    """Stand-in: the iterations depend on ω, on the matrix and on the start."""
    iterations = int(10 + 100 * abs(omega - a) + (0 if x0 is None else -5))
    return SolveResult(
        x=b + 1.0,
        status=Status.CONVERGED,
        reason="converged",
        iterations=iterations,
        matvecs=2 * iterations,
        residual=1e-9 * omega,
        history=tuple(0.8**k for k in range(iterations + 1)),
    )


def ended(status):
    """Solver that ends otherwise, after 12 iterations."""

    def solve(a, b, *, omega):
        return SolveResult(
            x=b,
            status=status,
            reason=status.name.lower(),
            iterations=12,
            matvecs=12,
            residual=1.0,
            history=(1.0,),
        )

    return solve


PROBLEMS = [(1.2, 0.0), (1.6, 1.0), (1.4, 2.0)]


def run(problems=PROBLEMS, **options):
    options = {"solver": solver, "tuner": lx.relaxation.Fixed(1.5), **options}
    return lx.relaxation.solve_sequence(problems, **options)


def test_the_result_adds_up():
    r = run()
    assert r.costs == (40.0, 20.0, 20.0)
    assert r.total == 80.0
    assert r.iterations == 80
    assert r.values == (1.5, 1.5, 1.5)
    assert r.contexts == (None,) * 3
    assert r.x == 3.0
    assert r.converged
    assert r.statuses == (Status.CONVERGED,) * 3
    assert r.residual == max(r.history) == 1e-9 * 1.5
    assert "total" in repr(r)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [("iterations", 80.0), ("matvecs", 160.0), (lambda r: r.iterations + 1.5, 84.5)],
)
def test_costs_are_what_was_asked_for(cost, expected):
    tuner = lx.relaxation.Fixed(1.5)
    assert run(tuner=tuner, cost=cost).total == expected
    assert sum(r.cost for r in tuner.history) == expected


def test_times_are_microseconds():
    r = run(cost="time")
    assert all(0.0 < c < 1e6 for c in r.costs)


def test_contexts_come_with_the_problem_or_from_it():
    tuner = lx.relaxation.Fixed(1.5)
    r = run([(1.2, 0.0, 7.0), (1.6, 1.0)], tuner=tuner, context=lambda a, b: a + b)
    assert r.contexts == (7.0, 2.6)
    assert [h.context for h in tuner.history] == [7.0, 2.6]


def test_time_loops_see_the_last_solution():
    seen = []

    def step(t, previous):
        seen.append(previous)
        if t == 4:
            return None
        x0 = None if previous is None else previous.x
        return 1.5, 0.0 if x0 is None else x0, None, x0

    r = run(step)
    assert r.x == 4.0
    assert seen[0] is None
    assert [p.x for p in seen[1:]] == [1.0, 2.0, 3.0, 4.0]
    assert r.costs == (10.0, 5.0, 5.0, 5.0)


def test_learning_pays():
    rng = np.random.default_rng(0)
    problems = [(a, 0.0, a) for a in rng.uniform(1.2, 1.8, 800)]
    values = np.linspace(1.0, 1.9, 10)
    tuner = lx.relaxation.ChebCB(values, context_bounds=(1.2, 1.8), rng=0)
    learned = run(problems, tuner=tuner).total
    fixed = min(run(problems, tuner=lx.relaxation.Fixed(v)).total for v in values)
    assert learned < 0.9 * fixed


def test_residuals_reach_the_young_learner():
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0,))
    run(tuner=tuner)
    assert tuner._accepted == 3


@pytest.mark.parametrize("status", [Status.MAXITER, Status.DIVERGED, Status.STAGNATED])
def test_one_failure_is_not_hidden(status):
    tuner = lx.relaxation.Fixed(1.5, cap=99)

    def mixed(a, b, *, omega):
        return (ended(status) if a == 1.6 else solver)(a, b, omega=omega)

    r = run(solver=mixed, tuner=tuner)
    assert not r.converged
    assert r.status is status
    assert r.statuses == (Status.CONVERGED, status, Status.CONVERGED)
    assert r.costs[1] == 12.0
    told = tuner.history[1]
    assert (told.cost, told.censored) == (12.0 if status is Status.MAXITER else 99.0, True)


def test_nan_residuals_show():
    def nan(a, b, *, omega):
        good = solver(a, b, omega=omega)
        return good if a != 1.6 else ended(Status.DIVERGED)(a, b, omega=omega)

    def spoiled(a, b, *, omega):
        r = nan(a, b, omega=omega)
        return r if r.converged else _with_residual(r, np.nan)

    assert np.isnan(run(solver=spoiled).residual)


def _with_residual(r, value):
    return SolveResult(
        x=r.x,
        status=r.status,
        reason=r.reason,
        iterations=r.iterations,
        matvecs=r.matvecs,
        residual=value,
        history=r.history,
    )


def test_an_exception_ends_the_sequence_and_is_told():
    tuner = lx.relaxation.Fixed(1.5, cap=99)

    def fails(a, b, *, omega):
        if a == 1.6:
            raise lx.LinAlgError("singular")
        return solver(a, b, omega=omega)

    with pytest.raises(lx.LinAlgError):
        run(solver=fails, tuner=tuner)
    assert [h.cost for h in tuner.history] == [40.0, 99.0]


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="tuner must be a tuner"):
        run(tuner=1.5)
    tuner = lx.relaxation.Fixed(1.5)
    with pytest.raises(TypeError, match="solver must be a function"):
        lx.relaxation.solve_sequence([(np.eye(2), np.ones(2))], solver=3, tuner=tuner)
    assert tuner.history == ()
    with pytest.raises(TypeError, match="problems must be tuples"):
        run([[1.2, 0.0]])
    with pytest.raises(ValueError, match="at least one problem"):
        run([])
    with pytest.raises(ValueError, match="cost must be one of 'iterations', 'matvecs', 'time'"):
        run(cost="money")


def test_young_learns_inside_the_solver():
    """From the fourth problem on, nearly as few sweeps as with the best ω for each."""
    rng = np.random.default_rng(0)
    tuner = lx.relaxation.YoungLearner(features=lambda c: (1.0, c))
    learned, best = [], []
    laplacian = lx.gallery.poisson2d(10, sparse=False)
    for c in rng.uniform(-0.1, 0.6, 60):
        a, b = laplacian + c * np.eye(100), rng.standard_normal(100)
        mu = 4 * np.cos(np.pi / 11) / (4 + c)
        options = {"criterion": "r0", "rtol": 1e-8}
        learned.append(lx.relaxation.sor(a, b, omega=tuner, context=c, **options).iterations)
        omega = 2 / (1 + np.sqrt(1 - mu**2))
        best.append(lx.relaxation.sor(a, b, omega=omega, **options).iterations)
    assert [r.cost for r in tuner.history] == learned
    assert sum(learned[3:]) < 1.05 * sum(best[3:])
