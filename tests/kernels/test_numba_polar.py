"""The kernel for tiny matrices against the generic code."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of

EPS = 2.0**-52
XP = namespace_of(np.zeros(1))


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def fro(x):
    return np.linalg.norm(x, axis=(-2, -1))


def herm(x):
    return np.swapaxes(x, -1, -2).conj()


def batch(n, dtype, k=200):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((k, n, n))
    if np.issubdtype(dtype, np.complexfloating):
        a = a + 1j * rng.standard_normal((k, n, n))
    return a.astype(dtype)


CASES = [(1, "float64"), (2, "float64"), (2, "float32"), (2, "complex64"), (3, "float64")]
CASES += [(3, "float32"), (4, "float64"), (5, "float64"), (5, "complex128"), (8, "float64")]


@pytest.mark.parametrize(("n", "dtype"), CASES)
@pytest.mark.parametrize("side", ["right", "left"])
def test_kernel_equals_generic(monkeypatch, n, dtype, side):
    a = batch(n, np.dtype(dtype))
    unit = np.finfo(dtype).eps
    u, p = lx.orthogonal.polar(a, side=side)
    assert u.dtype == p.dtype == a.dtype
    np.testing.assert_array_equal(p, herm(p))
    assert np.all(fro(herm(u) @ u - np.eye(n)) <= 5 * unit * np.sqrt(n))
    assert np.all(fro(a - (u @ p if side == "right" else p @ u)) <= 10 * unit * fro(a))
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    assert find_kernel("polar_tiny", XP) is None
    generic_u, generic_p = lx.orthogonal.polar(a, side=side)
    cond = np.linalg.cond(a)[:, None, None]
    assert np.all(np.abs(u - generic_u) <= 50 * unit * cond)
    np.testing.assert_allclose(p, generic_p, atol=50 * unit)


@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_hard_ones_go_to_the_svd(n):
    a = batch(n, np.float64)
    a[0] = 0
    a[1, :, 0] = a[1, :, -1]
    a[2] = np.diag(10.0 ** -np.linspace(0, 15, n))
    a[3] *= 2.0**-1000
    a[4] *= 2.0**1000
    a[5] = np.eye(n)[::-1]
    u, p = lx.orthogonal.polar(a)
    np.testing.assert_array_equal(u[0], np.eye(n))
    assert not np.any(p[0])
    scale = np.maximum(np.max(np.abs(a), axis=(-2, -1), keepdims=True), 2.0**-1022)
    assert np.all(fro(u.mT @ u - np.eye(n)) <= 5 * EPS * np.sqrt(n))
    assert np.all(fro(a / scale - u @ (p / scale)) <= 20 * EPS * fro(a / scale))
    assert np.all(np.linalg.eigvalsh(p / scale) >= -20 * EPS)


@pytest.mark.parametrize("n", [2, 3])
def test_layouts_and_input_untouched(n):
    a = batch(n, np.float64)
    expected = lx.orthogonal.polar(a)
    readonly = a.copy()
    readonly.setflags(write=False)
    for view in (readonly, np.asfortranarray(a), a.mT.copy().mT, np.repeat(a, 2, axis=0)[::2]):
        before = view.copy()
        u, p = lx.orthogonal.polar(view)
        np.testing.assert_array_equal(u, expected.u)
        np.testing.assert_array_equal(p, expected.p)
        np.testing.assert_array_equal(view, before)
    u, p = lx.orthogonal.polar(a.reshape(4, 50, n, n), compute_p=False)
    assert p is None
    np.testing.assert_array_equal(u.reshape(a.shape), expected.u)


def test_nan_without_check_is_an_error():
    a = batch(3, np.float64)
    a[7, 1, 1] = np.nan
    with pytest.raises(lx.LinAlgError):
        lx.orthogonal.polar(a, check_finite=False)
