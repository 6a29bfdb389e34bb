"""Costs that are not stored give what stored ones give, in little memory."""

import tracemalloc

import numpy as np
import pytest

import linalgx as lx
from linalgx.transport import GridCost, PointCloudCost, solve
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import (
    between,
    column_lowest,
    column_softmin,
    plan_sums,
    row_lowest,
    row_softmin,
)


def real(leg, host):
    """Array of the leg's real dtype."""
    array = leg.xp.asarray(np.array(host, dtype=leg.real_name), device=leg.device)
    if leg.readonly:
        array.setflags(write=False)
    return array


def clouds(leg, n=37, m=300, d=2):
    rng = np.random.default_rng(0)
    return real(leg, rng.standard_normal((n, d))), real(leg, rng.standard_normal((m, d)) + 0.5)


def reference(x, y, p):
    return np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=2) ** (p / 2)


def costs(leg):
    rng = np.random.default_rng(1)
    axes = [real(leg, rng.random(k)) for k in (7, 5)], [real(leg, rng.random(k)) for k in (6, 8)]
    grid = GridCost(*axes, scale="max")
    rows, columns = (
        leg.xp.asarray(np.arange(k, n, 2), dtype=leg.xp.int64, device=leg.device)
        for k, n in ((0, 35), (1, 48))
    )
    return [
        PointCloudCost(*clouds(leg), scale="max"),
        PointCloudCost(*clouds(leg, d=3), 1, scale="max"),
        PointCloudCost(*clouds(leg, d=1), 1.5, scale="max"),
        PointCloudCost(*clouds(leg, d=20), scale="max"),
        grid,
        GridCost(*axes, p=1, scale="max").transposed(),
        grid.restricted(rows, None),
        grid.restricted(rows, columns),
    ]


@pytest.mark.parametrize("d", [1, 2, 3, 9])
@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_entries_are_powers_of_distances(leg, d, p):
    x, y = clouds(leg, d=d)
    cost = PointCloudCost(x, y, p)
    expected = reference(leg.to_numpy(x), leg.to_numpy(y), p)
    assert np.abs(leg.to_numpy(cost.toarray()) - expected).max() <= 200 * leg.eps * expected.max()
    low, high = cost.span()
    assert low <= expected.min() * (1 + 1e-5) and high >= expected.max() * (1 - 1e-5)


def test_nearby_points_far_from_zero_keep_their_distances():
    x = 1e6 + np.linspace(0.0, 1.0, 9)[:, None] * np.ones((1, 3))
    exact = reference(x - 1e6, x - 1e6, 2)
    assert np.abs(PointCloudCost(x, x).toarray() - exact).max() < 1e-9


def test_grid_entries_follow_the_order_of_a_reshape(leg):
    axes = [np.asarray(z) for z in ([0.0, 1.0, 3.0], [0.5, 2.0])]
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    for p in (1, 2):
        expected = np.sum(np.abs(points[:, None] - points[None]) ** p, axis=2)
        cost = GridCost([real(leg, z) for z in axes], p=p)
        assert np.abs(leg.to_numpy(cost.toarray()) - expected).max() <= 20 * leg.eps * 9


def test_passes_equal_those_of_the_stored_cost(leg):
    xp = leg.xp
    for cost in costs(leg):
        dense = DenseCost(cost.toarray(), xp=cost.xp)
        n, m = cost.shape
        rng = np.random.default_rng(2)
        f, g = (real(leg, 0.3 * rng.random(k)) for k in (n, m))
        for epsilon in (0.3, 0.01, 1e-3):
            slack = 1000 * leg.eps  # of potentials and costs of size one
            for one, z in ((row_softmin, g), (column_softmin, f)):
                away = one(cost, z, epsilon, xp=xp) - one(dense, z, epsilon, xp=xp)
                assert float(xp.max(xp.abs(away))) <= slack, (cost, epsilon)
            for one, z in ((row_lowest, g), (column_lowest, f)):
                assert float(xp.max(xp.abs(one(cost, z, xp=xp) - one(dense, z, xp=xp)))) <= slack
        shift = row_softmin(dense, g, 0.1, xp=xp)
        ours, theirs = (plan_sums(c, shift, g, 0.1, xp=xp) for c in (cost, dense))
        for x, y in zip(ours, theirs, strict=True):
            x, y = (np.asarray(leg.to_numpy(z) if hasattr(z, "shape") else z) for z in (x, y))
            assert np.abs(x - y).max() <= 5000 * leg.eps * np.abs(y).max(), cost
        expected = float(f @ dense.matrix @ g)
        assert abs(float(between(cost, f, g, xp=xp)) - expected) <= 500 * leg.eps * expected * n


@pytest.mark.parametrize("method", ["auto", "sinkhorn", "newton", "overrelaxed"])
def test_solutions_equal_those_of_the_stored_cost(method):
    rng = np.random.default_rng(3)
    x = np.linspace(0.0, 1.0, 6)
    for cost in (
        PointCloudCost(rng.random((40, 2)), rng.random((30, 2)), scale="max"),
        GridCost((x, x), scale="max"),
    ):
        a, b = (rng.random(k) for k in cost.shape)
        a[::5], b[1::7] = 0.0, 0.0
        a, b = a / a.sum(), b / b.sum()
        lazy = solve(cost, a, b, epsilon=0.02, method=method)
        dense = solve(cost.toarray(), a, b, epsilon=0.02, method=method)
        assert lazy.converged and dense.converged
        for name in ("f", "g"):
            assert np.abs(getattr(lazy, name) - getattr(dense, name)).max() < 1e-8
        for name in ("cost", "value_kl", "dual_value", "lower_bound", "upper_bound"):
            assert abs(getattr(lazy, name) - getattr(dense, name)) < 1e-8, name
        eye = np.eye(cost.shape[1])
        assert np.abs(lazy.plan @ eye - dense.plan).max() < 1e-9
        assert np.abs(lazy.plan @ -eye[0] + dense.plan[:, 0]).max() < 1e-9
        assert np.abs(lazy.plan.adjoint @ np.eye(cost.shape[0]) - dense.plan.T).max() < 1e-9


def test_images_need_little_memory():
    x = np.linspace(0.0, 1.0, 128)
    first = np.exp(-30 * ((x[:, None] - 0.3) ** 2 + (x - 0.4) ** 2)).ravel()
    second = np.exp(-60 * ((x[:, None] - 0.6) ** 2 + (x - 0.7) ** 2)).ravel()
    first, second = first / first.sum(), second / second.sum()
    cost = GridCost((x, x), scale="max")
    tracemalloc.start()
    result = solve(cost, first, second, epsilon=0.02)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.converged and result.residual <= 1e-9
    assert peak < 0.15 * 8 * 128**4  # a matrix would take 2.1 GB
    assert result.lower_bound <= result.cost <= result.upper_bound * (1 + 1e-6)


def test_passes_over_clouds_store_blocks_only():
    rng = np.random.default_rng(4)
    cost = PointCloudCost(rng.random((3000, 2)), rng.random((3000, 2)), 1.5)
    g = np.zeros(3000)
    row_softmin(cost, g, 0.1, xp=cost.xp)
    tracemalloc.start()
    row_softmin(cost, g, 0.1, xp=cost.xp)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**22


def test_scaling_by_the_largest_cost():
    points = np.asarray([[0.0, 0.0], [3.0, 4.0]])
    cost = PointCloudCost(points, points, scale="max")
    assert cost.scale == 0.04 and cost.toarray().max() == 1.0
    assert cost.times_power_of_two(3).toarray().max() == 8.0
    assert GridCost(([0.0, 2.0], [0.0, 1.0]), scale="max").toarray().max() == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PointCloudCost([1.0, 2.0], [[1.0]]), "x must be an array of points"),
        (lambda: PointCloudCost([[1.0]], [[1.0, 2.0]]), "one dimension"),
        (lambda: PointCloudCost([[1.0]], [[1.0]], 0), "p must"),
        (lambda: PointCloudCost([[1.0]], [[1.0]], scale=-1.0), "scale must"),
        (lambda: PointCloudCost([[1e200]], [[-1e200]]), "overflow"),
        (lambda: PointCloudCost([[np.nan]], [[1.0]]), "x must hold finite"),
        (lambda: GridCost(()), "at least one"),
        (lambda: GridCost(([0.0, 1.0],), ()), "equally many"),
        (lambda: GridCost(([[0.0, 1.0]],)), r"axes\[0\] must be a vector"),
        (lambda: GridCost(([0.0, 1e200],)), "overflow"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_complex_points_are_refused():
    with pytest.raises(TypeError, match="x has dtype complex128"):
        PointCloudCost(np.ones((2, 2), complex), np.ones((2, 2), complex))
    with pytest.raises(TypeError, match=r"axes\[0\] has dtype"):
        GridCost((np.ones(2, complex),))


def test_batches_of_masses_are_refused():
    cost = lx.transport.PointCloudCost(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="not stored"):
        solve(cost, np.ones((3, 2)), np.ones((3, 2)), epsilon=1.0)


@pytest.mark.parametrize("p", [1, 0.5, 1.5])
@pytest.mark.parametrize("d", [9, 40])
def test_roots_of_small_distances_in_high_dimension(leg, d, p):
    x, y = clouds(leg, n=20, m=30, d=d)
    y = leg.xp.concat([x, y + 3.0, x + 2.0**-10])
    expected = reference(leg.to_numpy(x).astype(float), leg.to_numpy(y).astype(float), p)
    cost = leg.to_numpy(PointCloudCost(x, y, p).toarray())
    assert (np.diag(cost) == 0).all()
    assert np.abs(cost - expected).max() <= 2000 * leg.eps * expected.max()


def test_roots_of_lengths_and_powers_that_overflow():
    axis = np.asarray([0.0, 1.0, 4.0])
    assert np.abs(GridCost((axis,), p=0.5).toarray()[0] - np.sqrt(axis)).max() < 1e-15
    for make in (
        lambda: PointCloudCost([[1e90]], [[-1e90]], 4),
        lambda: GridCost(([0, 1e90],), p=4),
    ):
        with pytest.raises(ValueError, match="overflow"):
            make()
