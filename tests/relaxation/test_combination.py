"""Combination of coarse grids: fourth order, and the preconditioner made of them."""

from math import pi

import numpy as np
import pytest
import scipy.sparse.linalg as spl

import linalgx as lx
from linalgx.relaxation.combination import _interpolation
from linalgx.testing import check_adjoint


def waves(i, j, m=127, n=127):
    x, y = np.arange(1, m + 1) / (m + 1), np.arange(1, n + 1) / (n + 1)
    return np.sin(i * pi * x)[:, None] * np.sin(j * pi * y)[None, :]


def discrete(i, j, m=127, n=127):
    """Solution on the fine grid of −Δu = waves(i, j): an eigenvector."""
    value = sum(4 * (k + 1) ** 2 * np.sin(w * pi / (2 * k + 2)) ** 2 for w, k in ((i, m), (j, n)))
    return waves(i, j, m, n) / value


def steps_of_cg(a, b, p=None):
    x, r, k = np.zeros_like(b), b.copy(), 0
    z = r if p is None else p @ r
    d, rho = z, r @ z
    while np.linalg.norm(r) > 1e-8 * np.linalg.norm(b):
        q = a @ d
        alpha = rho / (d @ q)
        x, r = x + alpha * d, r - alpha * q
        z = r if p is None else p @ r
        d, rho, k = z + (r @ z) / rho * d, r @ z, k + 1
    return k


@pytest.mark.parametrize(("i", "j"), [(1, 1), (2, 2), (1, 3)])
def test_fourth_order_against_second(i, j):
    """From H = 1/8 to 1/16, in a prototype 2.0e-3 to 1.7e-4, where one mesh gains a factor 4."""
    exact = discrete(i, j)
    size = np.max(np.abs(exact))
    errors, single = [], []
    for coarse in (7, 15):
        u = lx.relaxation.combination_split(waves(i, j), coarse)
        errors.append(np.max(np.abs(u - exact)) / size)
        step = 128 // (coarse + 1)
        p = _interpolation(127, coarse, exact, xp=np)
        one = p @ discrete(i, j, coarse, coarse) @ p.T
        single.append(np.max(np.abs(one - exact)) / size)
        np.testing.assert_allclose(waves(i, j)[step - 1 :: step, step - 1 :: step],
                                   waves(i, j, coarse, coarse), atol=1e-13)  # fmt: skip
    assert errors[0] / errors[1] > 11
    assert 3 < single[0] / single[1] < 5
    assert errors[0] < 3e-3
    assert errors[1] < 2.1e-4
    assert errors[1] < single[1] / 30


def test_a_coarse_grid_that_is_fine_solves_exactly(leg):
    f = waves(1, 2, 7, 7) + waves(3, 1, 7, 7)
    u = lx.relaxation.combination_split(leg.asarray(f), 7)
    assert leg.matches(u)
    assert u.dtype == leg.dtype
    known = discrete(1, 2, 7, 7) + discrete(3, 1, 7, 7)
    np.testing.assert_allclose(leg.to_numpy(u), known, atol=20 * leg.eps)


@pytest.mark.parametrize(("m", "n"), [(7, 7), (7, 15), (15, 3)])
def test_three_grids_by_hand(leg, m, n):
    """u = u_hH + u_Hh − u_HH, each solved with the five-point matrix and interpolated."""
    c = 3
    f = leg._randn(m, n)

    def solved(g):
        p, q = g.shape
        t = [np.diag(np.full(k, 2.0)) - np.eye(k, k=1) - np.eye(k, k=-1) for k in (p, q)]
        a = np.kron(t[0], np.eye(q)) * (p + 1) ** 2 + np.kron(np.eye(p), t[1]) * (q + 1) ** 2
        return np.linalg.solve(a, g.reshape(-1)).reshape(p, q)

    def stretched(u):
        """Linear interpolation along the first axis when it is coarse, then along the second."""
        for axis, fine in ((0, m), (1, n)):
            if u.shape[axis] != fine:
                knots = np.linspace(0, 1, c + 2)
                ends = np.pad(u, [(1, 1) if k == axis else (0, 0) for k in (0, 1)])
                x = np.arange(1, fine + 1) / (fine + 1)
                u = np.apply_along_axis(lambda v, k=knots, x=x: np.interp(x, k, v), axis, ends)
        return u

    if leg.is_complex:
        f = f.real
    i, j = (m + 1) // (c + 1), (n + 1) // (c + 1)
    parts = f[i - 1 :: i, :], f[:, j - 1 :: j], f[i - 1 :: i, j - 1 :: j]
    one, two, both = (stretched(solved(part)) for part in parts)
    u = leg.to_numpy(lx.relaxation.combination_split(leg.asarray(f), c))
    np.testing.assert_allclose(u, one + two - both, atol=20 * leg.eps)


def test_batches_and_own_solvers(leg):
    f = leg.randn(2, 7, 15)
    u = lx.relaxation.combination_split(f, 3)
    for k in range(2):
        single = lx.relaxation.combination_split(f[k, ...], 3)
        np.testing.assert_allclose(leg.to_numpy(u[k, ...]), leg.to_numpy(single), atol=10 * leg.eps)
    shapes = []

    def solve(g):
        shapes.append(tuple(g.shape))
        return 0.0 * g

    u = lx.relaxation.combination_split(f[0, ...], 3, solve=solve)
    np.testing.assert_array_equal(leg.to_numpy(u), 0.0)
    assert shapes == [(3, 15), (7, 3), (3, 3)]


# A prototype took 391 steps without, 57 with; the right-hand side, H and the weight are not known.
@pytest.mark.parametrize(("smoothing", "most"), [(None, 391), (1.0, 57)])
def test_preconditioner_on_a_grid_of_127(smoothing, most):
    a = lx.gallery.poisson2d(127)
    b = np.random.default_rng(0).standard_normal(127**2)
    p = None
    if smoothing is not None:
        p = lx.relaxation.combination_preconditioner(a, (127, 127), 15, smoothing=smoothing)
    assert 0.9 * most < steps_of_cg(a, b, p) <= most


@pytest.mark.parametrize("form", ["dense", "sparse", "operator"])
def test_preconditioner_is_the_named_matrix(form):
    m, n, c = 7, 11, 3
    a = lx.gallery.poisson2d(m, n, sparse=form == "sparse")
    dense = lx.gallery.poisson2d(m, n, sparse=False)
    p, q = (_interpolation(k, c, dense, xp=np) for k in (m, n))
    known = 0.5 * np.diag(1 / np.diag(dense))
    for left, right in ((np.eye(m), q), (p, np.eye(n)), (p, q)):
        prolong = np.kron(left, right)
        known = known + prolong @ np.linalg.solve(prolong.T @ dense @ prolong, prolong.T)
    if form == "operator":
        a = spl.aslinearoperator(a)
        with pytest.raises(TypeError, match="with diagonal= any operator"):
            lx.relaxation.combination_preconditioner(a, (m, n), c)
    extra = {"diagonal": np.diag(dense)} if form == "operator" else {}
    got = lx.relaxation.combination_preconditioner(a, (m, n), c, **extra)
    np.testing.assert_allclose(got @ np.eye(m * n), known, atol=1e-12)
    assert np.all(np.linalg.eigvalsh(known) > 0)
    check_adjoint(got, rng=0)


def test_preconditioner_on_every_backend(leg):
    a = lx.gallery.poisson2d(7, 3, sparse=False, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    p = lx.relaxation.combination_preconditioner(a, (7, 3), 1)
    x = leg.randn(21)
    host = lx.relaxation.combination_preconditioner(leg.to_numpy(a), (7, 3), 1)
    got = p @ x
    assert leg.matches(got)
    assert got.dtype == leg.dtype
    np.testing.assert_allclose(
        leg.to_numpy(got), host @ np.array(leg.to_numpy(x)), atol=100 * leg.eps
    )


def test_refusals():
    f, a = np.ones((7, 7)), np.eye(49)
    with pytest.raises(ValueError, match="must divide the number of mesh intervals, 8"):
        lx.relaxation.combination_split(f, 2)
    with pytest.raises(ValueError, match="solve must return an array of shape"):
        lx.relaxation.combination_split(f, 3, solve=lambda g: g[..., :1])
    with pytest.raises(ValueError, match="shape must multiply to the order 49"):
        lx.relaxation.combination_preconditioner(a, (7, 6), 3)
    for shape in (49, (7, 7, 1)):
        with pytest.raises(TypeError, match="shape must be two integers"):
            lx.relaxation.combination_preconditioner(a, shape, 3)
    with pytest.raises(lx.LinAlgError, match="its diagonal is not positive"):
        lx.relaxation.combination_preconditioner(-a, (7, 7), 3)
    with pytest.raises(lx.LinAlgError, match="not positive definite on a coarse grid"):
        lx.relaxation.combination_preconditioner(a - 0.5 * np.ones((49, 49)), (7, 7), 3)
