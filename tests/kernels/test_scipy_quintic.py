"""The quintic step through BLAS equals the generic step."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from linalgx.backend import find_kernel
from linalgx.orthogonal._odd_steps import odd_step, rows_gram
from linalgx.orthogonal.coefficients import polar_express_coefficients
from linalgx.orthogonal.orthogonalize import orthogonalize


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(70, 70), (130, 150), (2, 65, 80), (1, 3)], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_kernel_equals_generic_code(dtype, shape, order, monkeypatch):
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    kernel = find_kernel("quintic_step", xp)
    assert kernel is not None
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if "c" in dtype else 0)
    x = np.asarray(x / np.linalg.norm(x), dtype=dtype, order=order)
    x.setflags(write=False)
    row = (3.4445, -4.7750, 2.0315)
    want = odd_step(x, row, xp=xp)
    g = rows_gram(x, xp=xp)
    for got in (kernel(x, row), kernel(x, row, g)):
        assert got.dtype == x.dtype
        assert np.linalg.norm(got - want) <= 20 * np.finfo(dtype).eps


def test_the_kernel_is_reached_and_gives_the_scalar_map(monkeypatch):
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    a = np.random.default_rng(0).standard_normal((600, 520)).astype(np.float32)
    rows = polar_express_coefficients(5, lower=1e-3)
    u = orthogonalize(a, coefficients=rows)
    s = np.linalg.svd(a.astype(float), compute_uv=False)
    s /= np.linalg.norm(s)
    for b, c, d in rows:
        s = b * s + c * s**3 + d * s**5
    values = np.linalg.svd(u.astype(float), compute_uv=False)
    np.testing.assert_allclose(values, np.sort(s)[::-1], rtol=0, atol=1e-5)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    generic = orthogonalize(a, coefficients=rows)
    assert np.any(generic != u)  # another order of operations
    np.testing.assert_allclose(generic, u, rtol=0, atol=1e-5)
