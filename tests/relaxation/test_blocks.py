"""Block sweeps: BSR, lines of a grid, any partition; singular blocks are named."""

from math import cos, pi, sqrt

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx
from linalgx.relaxation._sweeps import sweeper

prepare, sor = lx.relaxation.prepare, lx.relaxation.sor


def matrix(n=23, seed=0):
    rng = np.random.default_rng(seed)
    return sp.random_array((n, n), density=0.15, rng=rng).toarray() + 3.0 * np.eye(n)


def swept(a, x, b, omega, labels, blocks):
    x = x.copy()
    for q in blocks:
        i = np.flatnonzero(labels == q)
        x[i] += omega * np.linalg.solve(a[np.ix_(i, i)], b[i] - a[i] @ x)
    return x


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("kernels", ["", "generic"])
@pytest.mark.parametrize(
    "blocks", [1, 4, 23, 50, np.random.default_rng(3).integers(-2, 3, 23)], ids=str
)
def test_sweeps_are_their_definition(monkeypatch, container, kernels, blocks):
    monkeypatch.setenv("LINALGX_KERNELS", kernels)
    a = matrix()
    labels = np.arange(23) // blocks if isinstance(blocks, int) else blocks
    b, x = np.random.default_rng(1).standard_normal((2, 23, 2))
    s = sweeper(p := prepare(container(a)), "block", xp=p.xp, blocks=blocks)
    ids = np.unique(labels)
    for run, order in ((s.forward, ids), (s.backward, ids[::-1])):
        y = s.leave(run(s.enter(x.copy()), s.enter(b), 1.2))
        np.testing.assert_allclose(y, swept(a, x, b, 1.2, labels, order), atol=1e-13)


def test_blocks_of_one_row_are_points():
    a, b = sp.csr_array(matrix()), np.ones(23)
    point, block = sor(a, b, omega=1.1), sor(a, b, omega=1.1, ordering="block", blocks=1)
    assert point.iterations == block.iterations
    np.testing.assert_allclose(block.x, point.x, rtol=1e-12)


def test_bsr_brings_its_blocks():
    a = sp.bsr_array(matrix(24), blocksize=(3, 3))
    b = np.ones(24)
    own = sor(a, b, omega=1.1, ordering="block")
    given = sor(a.tocsr(), b, omega=1.1, ordering="block", blocks=3)
    points = sor(a, b, omega=1.1)
    np.testing.assert_array_equal(own.x, given.x)
    np.testing.assert_array_equal(points.x, sor(a.tocsr(), b, omega=1.1).x)
    assert own.iterations <= points.iterations
    np.testing.assert_allclose(own.x, points.x, atol=1e-7)


def test_block_diagonal_matrices_take_one_sweep():
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((3, 3)) + 2 * np.eye(3) for _ in range(5)]
    a = sp.csr_array(sp.block_diag(blocks))
    r = sor(a, np.ones(15), omega=1.0, ordering="block", blocks=3)
    assert r.iterations == 1
    np.testing.assert_allclose(a @ r.x, 1.0, rtol=1e-12)


@pytest.mark.parametrize("m", [7, 15])
def test_line_relaxation(m):
    """μ = cos πh/(2 − cos πh): of the dense matrix to 1e-12, of the estimate, of the counts."""
    a = lx.gallery.poisson2d(m)
    dense = a.toarray()
    d = np.kron(np.eye(m), dense[:m, :m])
    exact = cos(pi / (m + 1)) / (2 - cos(pi / (m + 1)))
    mu = np.max(np.abs(np.linalg.eigvals(np.eye(m * m) - np.linalg.solve(d, dense))))
    assert abs(mu - exact) < 1e-12
    b = np.random.default_rng(0).standard_normal(m * m)
    r = sor(a, b, ordering="block", blocks=m)
    omega = 2 / (1 + sqrt(1 - exact**2))
    assert r.omega == pytest.approx(omega, rel=1e-3)
    counts = [
        sor(a, b, omega=omega + step, ordering="block", blocks=m).iterations
        for step in (-0.1, 0.0, 0.1)
    ]
    assert counts[1] <= min(counts) and abs(r.iterations - counts[1]) <= 1
    assert r.iterations < sor(a, b).iterations


def test_solves_on_every_leg(leg):
    a = 4.0 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
    a, b = leg.asarray(a), leg.randn(12, 2)
    for blocks in (3, [0, 1, 2, 3] * 3):
        r = sor(a, b, ordering="block", blocks=blocks)
        assert r.converged and leg.matches(r.x)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_zeros_on_the_diagonal_of_a_block(container):
    """Only the blocks have to be regular."""
    a = np.kron(np.eye(4), np.asarray([[0.0, 2.0], [2.0, 0.0]])) + 0.1 * np.eye(8, k=2)
    b = np.arange(8.0)
    with pytest.raises(lx.LinAlgError, match="zero or missing diagonal"):
        sor(container(a), b)
    r = sor(container(a), b, ordering="block", blocks=2)
    np.testing.assert_allclose(a @ r.x, b, atol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_singular_blocks_are_named(container):
    a = 3.0 * np.eye(12) + 0.1 * np.eye(12, k=3)
    a[6:9, 6:9] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
    with pytest.raises(lx.LinAlgError, match=r"rows 6, 7, 8 of a is singular"):
        sor(container(a), np.ones(12), ordering="block", blocks=3)
    a[6:9, 6:9] = 0.0
    with pytest.raises(lx.LinAlgError, match=r"rows 6, 7, 8 of a is singular"):
        sor(container(a), np.ones(12), ordering="block", blocks=3)


def test_a_shift_of_the_diagonal():
    a = np.kron(np.eye(2), np.ones((2, 2)))
    s = sweeper(p := prepare(a, diag_shift=1.0), "block", xp=p.xp, blocks=2)
    y = s.leave(s.forward(np.zeros((4, 1)), np.ones((4, 1)), 1.0))
    np.testing.assert_allclose(y, 1 / 3)


def test_new_values_mean_new_blocks():
    a = sp.csr_array(matrix())
    p, b = prepare(a), np.ones(23)
    for factor in (1.0, 2.0):
        p.update_values(factor * a.data)
        r = sor(p, b, omega=1.1, ordering="block", blocks=4)
        np.testing.assert_allclose(factor * (a @ r.x), b, atol=1e-7)


def test_large_and_small_scales():
    a, b = matrix(), np.ones(23)
    plain = sor(a, b, omega=1.1, ordering="block", blocks=4)
    for e in (-700, 700):
        r = sor(np.ldexp(a, e), b, omega=1.1, ordering="block", blocks=4)
        np.testing.assert_allclose(np.ldexp(r.x, e), plain.x, rtol=1e-12)


@pytest.mark.parametrize("blocks", [0, True, 2.0, np.zeros(4), np.zeros(23), [0, 1]], ids=str)
def test_bad_partitions(blocks):
    with pytest.raises(ValueError, match="blocks must be"):
        sor(matrix(), np.ones(23), ordering="block", blocks=blocks)


def test_partitions_are_needed():
    with pytest.raises(ValueError, match="only a matrix in BSR format needs none"):
        sor(matrix(), np.ones(23), ordering="block")
    with pytest.raises(TypeError, match="no rows"):
        sor(lx.LinearMap(matrix()), np.ones(23), ordering="block", blocks=2)
