"""The compiled sweeps against the generic code, and against their definition."""

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of
from linalgx.relaxation import _colors, _levels
from linalgx.relaxation._staged import host_pattern
from linalgx.relaxation._sweeps import RowSweeper, sweeper

XP = namespace_of(np.zeros(1))
DTYPES = ["float64", "float32", "complex128", "complex64"]


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def matrix(dtype, n=30, index="int32"):
    rng = np.random.default_rng(n)
    a = sp.random_array((n, n), density=0.2, rng=rng).toarray() + 3.0 * np.eye(n)
    a = sp.csr_array((a * (1 + 0.2j) if np.dtype(dtype).kind == "c" else a).astype(dtype))
    return sp.csr_array((a.data, a.indices.astype(index), a.indptr.astype(index)), shape=a.shape)


def blocks(dtype, n, columns):
    return np.random.default_rng(columns).standard_normal((2, n, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_sweeps_equal_the_generic_code(monkeypatch, dtype, columns, index):
    p = lx.relaxation.prepare(matrix(dtype, index=index))
    assert p.matrix.indices.dtype == index
    x, b = blocks(dtype, 30, columns)
    fast = sweeper(p, "natural", xp=XP)
    assert isinstance(fast, RowSweeper)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = sweeper(p, "natural", xp=XP)
    assert not isinstance(slow, RowSweeper)
    for way in ("forward", "backward"):
        y = getattr(fast, way)(x.copy(), b, 1.3)
        z = slow.leave(getattr(slow, way)(slow.enter(x.copy()), slow.enter(b), 1.3))
        assert y.dtype == z.dtype == np.dtype(dtype)
        np.testing.assert_allclose(y, z, atol=100 * np.finfo(dtype).eps)


def test_layouts_of_the_operands():
    p = lx.relaxation.prepare(matrix("float64"))
    s = sweeper(p, "natural", xp=XP)
    x, b = blocks("float64", 30, 3)
    y = s.forward(x.copy(), b, 1.3)
    readonly = b.copy()
    readonly.setflags(write=False)
    for other in (np.asfortranarray(b), readonly, np.repeat(b, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(s.forward(x.copy(), other, 1.3), y)
        np.testing.assert_array_equal(s.forward(np.asfortranarray(x), other, 1.3), y)
        np.testing.assert_array_equal(other, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("norm", ["2", "inf"])
def test_whole_runs_equal_the_generic_loop(monkeypatch, dtype, symmetric, norm):
    a, b = matrix(dtype), blocks(dtype, 30, 1)[1][:, 0]
    options = {"omega": 1.1, "symmetric": symmetric, "norm": norm, "check_every": 2}
    fast = lx.relaxation.sor(a, b, **options)
    seen = []
    shown = lx.relaxation.sor(a, b, callback=seen.append, **options)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = lx.relaxation.sor(a, b, **options)
    # An observer changes nothing, not even a bit.
    np.testing.assert_array_equal(fast.history, shown.history)
    np.testing.assert_array_equal(fast.x, shown.x)
    for other in (shown, slow):
        assert fast.iterations == other.iterations
        assert fast.status == other.status
        assert fast.matvecs == other.matvecs
    assert len(seen) == fast.iterations + 1
    first = fast.history[0]
    np.testing.assert_allclose(fast.history, slow.history, atol=1e2 * np.finfo(dtype).eps * first)


@pytest.mark.parametrize("maxiter", [0, 1, 4, 4095, 4096, 4097, 9000])
@pytest.mark.parametrize("every", [1, 7])
def test_long_runs_come_in_pieces(monkeypatch, maxiter, every):
    a, b = lx.gallery.poisson2d(4), np.ones(16)
    options = {"omega": 1.9995, "rtol": 1e-13, "maxiter": maxiter, "check_every": every}
    with pytest.warns(lx.ConvergenceWarning, match="maxiter"):
        fast = lx.relaxation.sor(a, b, **options)
    assert fast.iterations == maxiter and len(fast.history) == maxiter + 1
    if maxiter < 100:
        monkeypatch.setenv("LINALGX_KERNELS", "generic")
        with pytest.warns(lx.ConvergenceWarning, match="maxiter"):
            slow = lx.relaxation.sor(a, b, **options)
        np.testing.assert_allclose(fast.history, slow.history, rtol=1e-10)
        assert fast.matvecs == slow.matvecs


@pytest.mark.parametrize("norm", ["2", "inf"])
def test_divergence_is_seen_at_the_same_sweep(monkeypatch, norm):
    a = lx.gallery.poisson2d(5) - 3.0 * sp.eye_array(25)
    found = []
    for kernels in ("", "generic"):
        monkeypatch.setenv("LINALGX_KERNELS", kernels)
        with pytest.warns(lx.ConvergenceWarning, match="diverged"):
            found.append(lx.relaxation.sor(a, np.ones(25), omega=1.5, norm=norm))
    assert found[0].iterations == found[1].iterations < 100


def test_nan_ends_a_run():
    a = lx.gallery.poisson2d(3)
    b = np.full(9, np.nan)
    for norm in ("2", "inf"):
        with pytest.warns(lx.ConvergenceWarning):
            r = lx.relaxation.sor(a, b, omega=1.5, norm=norm, check_finite=False)
        assert not r.converged and r.iterations <= 1


def test_orders_equal_the_generic_code(monkeypatch):
    for a in (matrix("float64", 60), lx.gallery.poisson2d(7), sp.csr_array((3, 3)) + np.eye(3)):
        pattern = host_pattern(lx.relaxation.prepare(sp.csr_array(a)))
        monkeypatch.setenv("LINALGX_KERNELS", "")
        fast = _levels.row_levels(*pattern), _colors.colors_of(*pattern)
        monkeypatch.setenv("LINALGX_KERNELS", "generic")
        slow = _levels.row_levels(*pattern), _colors.colors_of(*pattern)
        for x, y in zip(fast, slow, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", ["sor_sweep", "sor_run", "row_levels", "two_colors", "first_fit"])
def test_they_are_found(name):
    assert find_kernel(name, XP) is not None
