"""The kernel of sparse sketches against the generic code."""

import numpy as np
import pytest

from linalgx.backend import find_kernel, namespace_of
from linalgx.randomized._sketches import sign_columns

XP = namespace_of(np.zeros(1))


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def block(n, k, dtype):
    rng = np.random.default_rng(k)
    x = rng.standard_normal((n, k))
    return (x + 1j * rng.standard_normal((n, k)) if dtype.startswith("complex") else x).astype(
        dtype
    )


def locked(x):
    x.setflags(write=False)
    return x


LAYOUTS = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "read-only": lambda x: locked(x.copy()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_the_kernel_is_the_sparse_product(monkeypatch, dtype, layout):
    """Several strips of 256 rows, one of them short."""
    x = LAYOUTS[layout](block(600, 7, dtype))
    before = x.tobytes()
    s = sign_columns(40, 600, 8, np.random.default_rng(0), like=x, xp=XP)
    assert find_kernel("add_signed_rows", XP) is not None
    fast = s.times(x)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    assert find_kernel("add_signed_rows", XP) is None
    slow = s.times(x)
    assert fast.dtype == slow.dtype == x.dtype
    np.testing.assert_allclose(fast, slow, rtol=0, atol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(fast, s._by_strips(x), rtol=0, atol=100 * np.finfo(dtype).eps)
    assert x.tobytes() == before


def test_nan_and_infinities_come_through():
    """The sketch of a matrix is finite only if the matrix is."""
    s = sign_columns(40, 600, 8, np.random.default_rng(0), like=np.zeros(1), xp=XP)
    for bad in (np.nan, np.inf):
        x = block(600, 3, "float64")
        x[[5, 70, 599], 1] = bad
        assert np.all(np.isfinite(s.times(x)), axis=0).tolist() == [True, False, True]
