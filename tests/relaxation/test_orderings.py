"""Orderings: levels keep the result, colours keep the rate, the SSOR preconditioner is exact."""

from math import pi, sin

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx
from linalgx.relaxation._colors import colors_of
from linalgx.relaxation._levels import level_sweeper, row_levels
from linalgx.relaxation._staged import host_pattern
from linalgx.relaxation._sweeps import sweeper

prepare, sor = lx.relaxation.prepare, lx.relaxation.sor


@pytest.fixture(params=["kernels", "generic"])
def kernels(request, monkeypatch):
    monkeypatch.setenv("LINALGX_KERNELS", "" if request.param == "kernels" else "generic")
    return request.param


def random_matrix(n=25, *, complex_=False, seed=0):
    """Host matrix of a nonsymmetric pattern."""
    rng = np.random.default_rng(seed)
    a = sp.random_array((n, n), density=0.12, rng=rng).toarray() + 3.0 * np.eye(n)
    return a * np.exp(0.3j) if complex_ else a


def swept(a, x, b, omega, rows):
    """One sweep, as the definition says it."""
    x = x.copy()
    for i in rows:
        x[i] += omega * (b[i] - a[i] @ x) / a[i, i]
    return x


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("ordering", ["natural", "level", "multicolor"])
@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("columns", [1, 3])
def test_sweeps_are_their_definition(kernels, container, ordering, complex_, columns):
    a = random_matrix(complex_=complex_)
    n = len(a)
    b, x = np.random.default_rng(1).standard_normal((2, n, columns)).astype(a.dtype)
    s = sweeper(p := prepare(container(a)), ordering, xp=p.xp)
    rows = np.asarray(s.order.rows) if ordering == "multicolor" else np.arange(n)
    for run, order in ((s.forward, rows), (s.backward, rows[::-1])):
        y = s.leave(run(s.enter(x.copy()), s.enter(b), 1.3))
        np.testing.assert_allclose(y, swept(a, x, b, 1.3, order), atol=1e-13)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("ordering", ["natural", "level", "multicolor"])
def test_symmetric_sweeps_are_the_ssor_preconditioner(kernels, container, ordering):
    """M = (D + ωL) D⁻¹ (D + ωLᴴ) / (ω (2 − ω)), in the order of the sweeps."""
    n, omega = 25, 1.4
    a = random_matrix(complex_=True)
    a = a + a.conj().T
    s = sweeper(p := prepare(container(a)), ordering, xp=p.xp)
    rows = np.asarray(s.order.rows) if ordering == "multicolor" else np.arange(n)
    own = a[np.ix_(rows, rows)]
    d, low = np.diag(np.diag(own)), np.tril(own, -1)
    half = d + omega * low
    m = half @ np.linalg.solve(d, half.conj().T) / (omega * (2 - omega))
    r = np.random.default_rng(0).standard_normal((n, 2)).astype(complex)
    z = s.apply(r, omega)
    np.testing.assert_allclose(m @ z[rows], r[rows], atol=1e-12)


def test_levels_of_a_grid(kernels):
    m = 6
    p = prepare(lx.gallery.poisson2d(m))
    i, j = np.divmod(np.arange(m * m), m)
    np.testing.assert_array_equal(row_levels(*host_pattern(p)), i + j)
    assert len(level_sweeper(p).stages) == 2 * m - 1


def test_two_colors_where_they_suffice(kernels):
    m = 6
    i, j = np.divmod(np.arange(m * m), m)
    colors = colors_of(*host_pattern(prepare(lx.gallery.poisson2d(m))))
    np.testing.assert_array_equal(colors, (i + j) % 2)


def test_few_colors_elsewhere(kernels):
    m = 7
    t = np.eye(m) + np.eye(m, k=1) + np.eye(m, k=-1)
    a = sp.csr_array(np.kron(t, t))
    colors = colors_of(*host_pattern(prepare(a)))
    assert colors.max() == 3  # a nine-point stencil needs four
    rows, columns = a.tocoo().coords
    assert np.all(colors[rows[rows != columns]] != colors[columns[rows != columns]])


@pytest.mark.parametrize("seed", range(5))
def test_colors_are_proper_and_no_more_than_neighbours(kernels, seed):
    p = prepare(sp.csr_array(random_matrix(60, seed=seed)))
    indptr, indices = host_pattern(p)
    colors = colors_of(indptr, indices)
    for i in range(60):
        others = indices[indptr[i] : indptr[i + 1]]
        assert colors[i] not in colors[others[others != i]]
    assert colors.max() < np.max(np.diff(indptr))


def test_a_matrix_without_any_diagonal():
    p = prepare(np.zeros((3, 3)), on_zero="skip")
    r = sor(p, np.zeros(3))
    assert r.converged and r.omega == 1.0


def test_loose_rows(kernels):
    """Rows without neighbours; an order that never ends up with an empty stage."""
    for container in (np.asarray, sp.csr_array):
        for ordering in ("level", "multicolor"):
            r = sor(container(np.diag([1.0, 2.0, 4.0])), np.ones(3), omega=1.0, ordering=ordering)
            np.testing.assert_array_equal(r.x, [1.0, 0.5, 0.25])


def test_levels_are_the_natural_order(kernels):
    a = sp.csr_array(random_matrix(60))
    b = np.random.default_rng(0).standard_normal(60)
    natural, level = (sor(a, b, omega=1.1, ordering=o) for o in ("natural", "level"))
    assert natural.iterations == level.iterations
    np.testing.assert_allclose(level.x, natural.x, rtol=1e-12)


def test_generic_code_equals_the_kernels(monkeypatch):
    a, b = lx.gallery.poisson2d(15), np.random.default_rng(0).standard_normal((225, 2))
    for right in (b, b[:, 0]):
        for symmetric in (False, True):
            monkeypatch.setenv("LINALGX_KERNELS", "")
            fast = sor(a, right, omega=1.6, symmetric=symmetric)
            monkeypatch.setenv("LINALGX_KERNELS", "generic")
            slow = sor(a, right, omega=1.6, symmetric=symmetric)
            assert (fast.iterations, fast.status) == (slow.iterations, slow.status)
            assert fast.matvecs == slow.matvecs
            np.testing.assert_allclose(fast.history, slow.history, rtol=1e-7)
            np.testing.assert_allclose(fast.x, slow.x, rtol=1e-10)


def test_counts_of_the_orderings():
    """Poisson, 63 × 63 points, ω*: 218 natural, 220 red-black, 216 with four colours."""
    m = 63
    omega = 2.0 / (1.0 + sin(pi / (m + 1)))
    a, b = lx.gallery.poisson2d(m), np.random.default_rng(0).standard_normal(m * m)
    i, j = np.divmod(np.arange(m * m), m)
    four = np.argsort(2 * (i % 2) + j % 2, kind="stable")
    counts = (
        sor(a, b, omega=omega).iterations,
        sor(a, b, omega=omega, ordering="multicolor").iterations,
        sor(a[four][:, four], b[four], omega=omega).iterations,
    )
    np.testing.assert_allclose(counts, (218, 220, 216), rtol=0.015)


def test_many_small_levels_give_way_to_the_natural_order(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    a, b = lx.gallery.poisson2d(40), np.ones(1600)
    with pytest.warns(lx.PerformanceWarning, match="79 levels of 20 rows") as caught:
        r = sor(a, b, omega=1.8, ordering="level")
    assert len(caught) == 1
    np.testing.assert_array_equal(r.x, sor(a, b, omega=1.8).x)
    with pytest.warns(lx.ConvergenceWarning) as caught:
        sor(a, b, omega=1.8, ordering="level", maxiter=3)
    assert len(caught) == 1


def test_orders_are_found_once():
    p = prepare(lx.gallery.poisson2d(9))
    for ordering in ("multicolor", "level"):
        first = sweeper(p, ordering, xp=p.xp)
        assert sweeper(p, ordering, xp=p.xp) is first
        p.update_values(2.0 * p.matrix.data)
        second = sweeper(p, ordering, xp=p.xp)
        assert second is not first and second.order is first.order


def test_names_are_checked():
    with pytest.raises(ValueError, match=r"ordering must be one of 'natural', 'multicolor'"):
        sor(np.eye(2), np.ones(2), ordering="red")
    with pytest.raises(ValueError, match="blocks is for ordering='block'"):
        sor(np.eye(2), np.ones(2), blocks=2)
