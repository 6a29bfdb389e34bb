"""Sparse plus low rank: the secant identity, the line search, dense plans."""

import array_api_compat.numpy as np_xp
import numpy as np
import pytest
from transport_problems import error_of, grid, host, masses, random_problem, solve, squared

import linalgx as lx
from linalgx import Status
from linalgx.transport import _splr
from linalgx.transport._problem import single
from linalgx.transport._sparsified import Model, Step, change, largest, moved, point, slope


def test_plan_is_that_of_newton_on_every_leg(leg):
    if leg.is_complex:
        return
    cost, a, b = random_problem(20, 16)
    arrays = [leg.asarray(x) for x in (cost, a, b)]
    rtol = 1e-12 if leg.eps < 1e-10 else None
    options = {"density": 0.3}
    result = solve(*arrays, epsilon=0.05, method="splr", rtol=rtol, options=options)
    plan = solve(*arrays, epsilon=0.05, method="newton", rtol=rtol).plan
    assert leg.matches(result.plan) and result.method == "splr"
    allowed = 1e-9 if leg.eps < 1e-10 else 5e-4
    assert np.abs(host(leg, result.plan) - host(leg, plan)).sum() <= allowed


def somewhere(n=14, m=11, epsilon=0.2):
    problem = single(*random_problem(n, m), epsilon, xp=np_xp)
    rng = np.random.default_rng(5)
    return problem, point(problem, rng.random(n) / 5, rng.random(m) / 5), rng


def test_secant_identity_and_definiteness():
    problem, here, rng = somewhere()
    model = Model(problem, here, largest(here.p, 40, xp=np_xp), 1e-4)
    z = Step(rng.standard_normal(14), rng.standard_normal(11))
    there = moved(problem, here, z.times(0.1))
    pair = _splr._pair(here, there, z.times(0.1), 0.2, xp=np_xp)
    assert pair is not None
    back = _splr.direction(model, pair.y, pair, xp=np_xp)
    np.testing.assert_allclose(back.s, pair.z.s, atol=1e-6)
    np.testing.assert_allclose(back.t, pair.z.t, atol=1e-6)
    columns = []
    for k in range(25):
        e = np.eye(25)[k]
        d = _splr.direction(model, Step(e[:14], e[14:]), pair, xp=np_xp)
        columns.append(np.concatenate([d.s, d.t]))
    inverse = np.array(columns)
    scale = np.abs(inverse).max()
    assert np.abs(inverse - inverse.T).max() <= 1e-6 * scale
    assert np.linalg.eigvalsh(inverse + inverse.T)[0] > 0


def test_pairs_without_curvature_are_skipped():
    _, here, _ = somewhere()
    zero = Step(np.zeros(14), np.zeros(11))
    assert _splr._pair(here, here, zero, 0.2, xp=np_xp) is None


@pytest.mark.parametrize("start", [1e-3, 1.0])
def test_line_search_meets_both_conditions_of_wolfe(start):
    problem, here, _ = somewhere()
    step = Step(problem.a / here.r - 1, problem.b / here.c - 1).centred(problem)
    length, there, decrease = _splr._searched(problem, here, step, start)
    down, taken = slope(problem, here, step), step.times(length)
    assert -decrease == pytest.approx(change(problem, here, there, taken))
    assert -decrease <= 1e-4 * length * down and slope(problem, there, step) >= 0.9 * down


def test_dense_plans_of_images():
    images = lx.gallery.blob_images(2, 20, rng=0).reshape(2, -1)
    cost = squared(grid(20), grid(20))
    result = solve(cost, *images, epsilon=1e-2, method="splr")
    assert result.iterations <= 120 and error_of(result, cost, *images, 1e-2) <= 1e-9


def test_limit_is_honest():
    cost, a, b = random_problem()
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.transport.solve(cost, a, b, epsilon=1e-3, method="splr", maxiter=3)
    assert result.status is Status.MAXITER and result.iterations == 3
    assert result.residual == pytest.approx(error_of(result, cost, a, b, 1e-3), rel=1e-6)


def test_single_bins_and_constant_costs():
    for shape in ((1, 1), (1, 6), (6, 1), (5, 4)):
        a, b = masses(shape[0], 0), masses(shape[1], 1)
        result = solve(np.ones(shape), a, b, epsilon=0.1, method="splr")
        assert np.abs(result.plan - np.outer(a, b)).max() <= 1e-12
