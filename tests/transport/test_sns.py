"""Sinkhorn-Newton-Sparse as published, and what all methods with a sparsified Hessian share."""

import array_api_compat.numpy as np_xp
import numpy as np
import pytest
from transport_problems import (
    city_block,
    error_of,
    grid,
    host,
    plan_of,
    random_problem,
    solve,
    squared,
)

import linalgx as lx
from linalgx import Status
from linalgx.transport import _sparsified
from linalgx.transport._problem import single
from linalgx.transport._sns import kept_entries
from linalgx.transport._sparsified import Model, by_mass, largest, point


def blobs(cost, size=14):
    images = lx.gallery.blob_images(2, size, rng=0).reshape(2, -1)
    return cost(grid(size), grid(size)), images[0], images[1]


@pytest.mark.parametrize(("density", "steps"), [(2 / 500, 60), (5 / 500, 10)])
def test_assignment_takes_the_measured_number_of_steps(density, steps):
    # Published: 9 steps after the 20 sweeps, on an instance of the same kind.
    cost = lx.gallery.assignment_cost(500, rng=0)
    result = solve(cost, epsilon=1 / 1200, method="sns", options={"density": density}, rtol=1e-12)
    assert abs(result.iterations - 20 - steps) <= 3
    assert error_of(result, cost, np.full(500, 1 / 500), np.full(500, 1 / 500), 1 / 1200) <= 1e-12


def test_two_entries_a_row_converge_linearly_and_more_of_them_faster():
    cost = lx.gallery.assignment_cost(500, rng=0)
    sparse = solve(cost, epsilon=1 / 1200, method="sns", rtol=1e-12)
    tail = np.array(sparse.history[-20:])
    factors = tail[1:] / tail[:-1]
    assert factors.min() > 0.4 and factors.max() < 0.8


def test_too_few_entries_are_slow_and_more_of_them_are_not():
    cost, a, b = blobs(squared)
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.transport.solve(cost, a, b, epsilon=1e-3, method="sns", maxiter=100)
    assert result.status is Status.MAXITER and result.residual > 1e-3
    assert result.residual == pytest.approx(error_of(result, cost, a, b, 1e-3))
    many = solve(cost, a, b, epsilon=1e-3, method="sns", options={"density": 15 / 196})
    assert many.iterations <= 20 + 20


@pytest.mark.parametrize("options", [{"density": 15 / 196}, {"sparsify": "mass"}])
def test_city_block_costs_stall_unless_many_sweeps_come_first(options):
    cost, a, b = blobs(city_block)
    with pytest.warns(lx.ConvergenceWarning):
        early = lx.transport.solve(cost, a, b, epsilon=1e-3, method="sns", options=options)
    assert early.status is Status.STAGNATED and early.residual > 0.1
    assert early.residual == pytest.approx(error_of(early, cost, a, b, 1e-3))
    late = solve(cost, a, b, epsilon=1e-3, method="sns", options={**options, "sweeps": 700})
    assert late.iterations <= 700 + 77


def test_choice_by_mass_stays_quadratic():
    cost, a, b = blobs(squared)
    result = solve(cost, a, b, epsilon=1e-3, method="sns", options={"sparsify": "mass"})
    assert result.iterations <= 20 + 50


def test_plan_is_that_of_newton_on_every_leg(leg):
    if leg.is_complex:
        return
    cost, a, b = random_problem(20, 16)
    arrays = [leg.asarray(x) for x in (cost, a, b)]
    rtol = 1e-12 if leg.eps < 1e-10 else None
    options = {"density": 0.6}
    result = solve(*arrays, epsilon=0.02, method="sns", rtol=rtol, options=options)
    plan = solve(*arrays, epsilon=0.02, method="newton", rtol=rtol).plan
    assert leg.matches(result.plan)
    allowed = 1e-9 if leg.eps < 1e-10 else 5e-4
    assert np.abs(host(leg, result.plan) - host(leg, plan)).sum() <= allowed


def test_bad_settings():
    cost = np.ones((3, 3))
    for options, text in (({"density": 0.0}, "density"), ({"sparsify": "none"}, "topk")):
        with pytest.raises(ValueError, match=text):
            lx.transport.solve(cost, epsilon=1.0, method="sns", options=options)
    cloud = lx.transport.PointCloudCost(np.ones((3, 1)), np.ones((3, 1)))
    for method in ("sns", "ssns", "splr"):
        with pytest.raises(TypeError, match="needs a cost matrix"):
            lx.transport.solve(cloud, epsilon=1.0, method=method)


# The shared parts.


def problem_of(n=14, m=11, epsilon=0.05):
    return single(*random_problem(n, m), epsilon, xp=np_xp)


def dense_model(here, kept, shift):
    s = np.where(kept, here.p, 0)
    return np.block([[np.diag(here.r + shift), s], [s.T, np.diag(here.c + shift)]])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5])
def test_sparsified_hessian_is_semidefinite(share):
    problem = problem_of()
    rng = np.random.default_rng(0)
    here = point(problem, 0.3 * rng.random(14), 0.3 * rng.random(11) - 0.2)
    for kept in (largest(here.p, 1 + int(share * 154), xp=np_xp),
                 by_mass(here.p, share * here.p.max(), xp=np_xp)):  # fmt: skip
        w = np.linalg.eigvalsh(dense_model(here, kept, 0.0))
        assert w[0] >= -1e-15 * w[-1] * 25
    whole = np.linalg.eigvalsh(dense_model(here, here.p >= 0, 0.0))
    assert abs(whole[0]) <= 1e-14 * whole[-1], "(1, −1) is a null vector of the whole Hessian"


@pytest.mark.parametrize("shift", [0.0, 1e-3])
def test_model_solves_its_system_on_every_leg(leg, shift):
    if leg.is_complex:
        return
    cost, a, b = (leg.asarray(x) for x in random_problem(14, 11))
    problem = single(cost, a, b, 0.1, xp=leg.xp)
    here = point(problem, 0.0 * a, 0.0 * b)
    kept = largest(here.p, 60, xp=leg.xp)
    step = Model(problem, here, kept, shift).solve(a, b, 10 * leg.eps, 500)
    parts = type(here)(*(host(leg, x) for x in here[:5]), here.error)
    matrix = dense_model(parts, host(leg, kept) > 0, shift)
    right = np.concatenate([host(leg, a), host(leg, b)])
    left = right - matrix @ np.concatenate([host(leg, step.s), host(leg, step.t)])
    assert np.abs(left).sum() <= 1e3 * leg.eps


def test_largest_entries():
    p = np.array([[5.0, 1.0, 0.0], [2.0, 4.0, 3.0]])
    assert largest(p, 2, xp=np_xp).sum() == 2 and largest(p, 2, xp=np_xp)[0, 0]
    assert largest(p, 6, xp=np_xp).all() and largest(p, 99, xp=np_xp).all()
    assert largest(p, 5, xp=np_xp).sum() == 5
    assert not largest(np.zeros((2, 2)), 1, xp=np_xp).any()
    assert kept_entries(problem_of(14, 11), None) == 28
    assert kept_entries(problem_of(14, 11), 1.0) == 154


def by_mass_one_by_one(p, most):
    """The rule, entry after entry."""
    gone = np.zeros(p.shape, dtype=bool)
    for j in range(p.shape[1]):
        total = 0.0
        for i in np.argsort(p[:, j]):
            total += p[i, j]
            if total > most:
                break
            gone[i, j] = True
    for i in range(p.shape[0]):
        for j in np.argsort(-p[i]):
            if gone[i, j] and p[i, gone[i]].sum() > 2 * most:
                gone[i, j] = False
    return ~gone


def test_entries_by_mass(leg):
    if leg.is_complex:
        return
    values = np.exp(-12 * np.random.default_rng(1).random((30, 25)))
    values[3, :] = 1e-4 * (1 + 0.01 * np.arange(25))  # a row that would lose everything
    arrays = leg.asarray(values)
    values = host(leg, arrays)
    for most in (0.0, 1e-4, 5e-4, 1e-2, 10.0):
        kept = host(leg, by_mass(arrays, most, xp=leg.xp)) > 0
        np.testing.assert_array_equal(kept, by_mass_one_by_one(values, most))


def test_kernel_agrees_with_generic_code(monkeypatch):
    rng = np.random.default_rng(2)
    p = np.exp(-25 * rng.random((40, 33)))
    p[:, 5] = 0
    for most in (0.0, 1e-8, 1e-3, 1e3):
        fast = [_sparsified._least_kept(p, most, axis=k, xp=np_xp) for k in (0, 1)]
        monkeypatch.setenv("LINALGX_KERNELS", "generic")
        slow = [_sparsified._least_kept(p, most, axis=k, xp=np_xp) for k in (0, 1)]
        monkeypatch.delenv("LINALGX_KERNELS")
        for x, y in zip(fast, slow, strict=True):
            np.testing.assert_array_equal(x, y)


def test_change_of_the_dual_is_that_of_its_definition():
    problem = problem_of()
    rng = np.random.default_rng(3)
    f, g = rng.random(14) / 5, rng.random(11) / 5
    step = _sparsified.Step(rng.random(14), rng.random(11)).centred(problem)
    assert problem.a @ step.s == pytest.approx(problem.b @ step.t, abs=1e-15)
    here = point(problem, f, g)
    there = _sparsified.moved(problem, here, step)

    def dual(f, g):
        e, c = problem.epsilon, problem.cost.matrix
        return plan_of(f, g, c, e).sum() - (problem.a @ f + problem.b @ g) / e

    expected = dual(there.f, there.g) - dual(f, g)
    assert _sparsified.change(problem, here, there, step) == pytest.approx(expected, rel=1e-10)
    tiny = 1e-6
    rise = _sparsified.change(
        problem, here, _sparsified.moved(problem, here, step.times(tiny)), step.times(tiny)
    )
    assert _sparsified.slope(problem, here, step) == pytest.approx(rise / tiny, rel=1e-3)
