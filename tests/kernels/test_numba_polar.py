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


def deficient(n, rank, dtype, k=70):
    rng = np.random.default_rng(10 * n + rank)
    shape = (2, k, n, rank) if np.issubdtype(dtype, np.complexfloating) else (1, k, n, rank)
    left, right = (rng.standard_normal(shape), rng.standard_normal(shape))
    left, right = (x[0] if len(x) == 1 else x[0] + 1j * x[1] for x in (left, right))
    return (left @ herm(right)).astype(dtype)


@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_rank_deficient_batches(n, dtype):
    """Rounding makes determinants and pivots of such matrices noise, and seldom zero."""
    unit = np.finfo(dtype).eps
    batches = [np.full((64, n, n), c, dtype) for c in (0.7, 1 / 3, 1e-3, 1.0)]
    batches += [deficient(n, 1, np.dtype(dtype)), deficient(n, n - 1, np.dtype(dtype))]
    for a in batches:
        u, p = lx.orthogonal.polar(a)
        assert np.all(fro(herm(u) @ u - np.eye(n)) <= 5 * unit * np.sqrt(n))
        assert np.all(fro(a - u @ p) <= 20 * unit * fro(a))
        assert np.all(np.linalg.eigvalsh(p)[:, 0] >= -10 * unit * fro(a))


@pytest.mark.parametrize("n", [3, 4])
def test_the_determinant_is_noise_but_not_the_matrix(n):
    """Its sign would turn a direction whose singular value is far above the rounding errors."""
    rng = np.random.default_rng(n)
    q, z = np.linalg.qr(rng.standard_normal((2, 500, n, n)))[0]
    a = (q * 10.0 ** -np.linspace(0, 8, 2)[[0] + [1] * (n - 1)]) @ z
    u, p = lx.orthogonal.polar(a)
    assert np.all(fro(u.mT @ u - np.eye(n)) <= 5 * EPS * np.sqrt(n))
    assert np.all(fro(a - u @ p) <= 20 * EPS * fro(a))
    assert np.all(np.linalg.eigvalsh(p)[:, 0] >= -10 * EPS)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_left_out_matrices_do_not_overflow(monkeypatch, n, dtype):
    """Memory that was never written may hold anything; here, something too large to convert."""
    monkeypatch.setattr(np, "empty_like", lambda x, **kw: np.full_like(x, 1e30, **kw))
    a = batch(n, np.dtype(dtype))
    a[3] = 0
    with np.errstate(all="raise"):
        lx.orthogonal.polar(a)


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


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("some_singular", [False, True])
def test_triangular_factors_of_tall_batches(monkeypatch, dtype, some_singular):
    """They go through the kernel, too; matrices it leaves out are computed by the SVD."""
    unit = np.finfo(dtype).eps
    a = np.concatenate(list(batch(4, np.dtype(dtype), 400).reshape(5, 80, 4, 4)), axis=-2)
    assert a.shape == (80, 20, 4)
    if some_singular:
        a[3] = 0
        a[4, :, 1] = a[4, :, 2]
    u, p = lx.orthogonal.polar(a)
    assert np.all(fro(herm(u) @ u - np.eye(4)) <= 5 * unit * np.sqrt(4))
    assert np.all(fro(a - u @ p) <= 10 * unit * fro(a))
    wide = lx.orthogonal.polar(herm(a), side="left")
    np.testing.assert_allclose(wide.p, p, atol=50 * unit)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    np.testing.assert_allclose(lx.orthogonal.polar(a).p, p, atol=50 * unit)
