"""The compiled rotations do what the generic ones do."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of
from linalgx.jacobi._pivoting import iteration_pairs
from linalgx.jacobi._tournament_columns import ArrayColumns

KINDS = ("float64", "float32", "complex128")


def matrix(shape, dtype):
    rng = np.random.default_rng(0)
    a = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    return (a if dtype.startswith("c") else a.real).astype(dtype)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("rule", ["cyclic", "tournament"])
def test_one_sweep_equals_the_generic_one(dtype, rule):
    """Columns that change places keep what they span: compare projectors after the last sweep."""
    a = matrix((2, 6, 4), dtype)
    xp = namespace_of(a)
    compiled = find_kernel("onesided_columns", xp)
    if compiled is None:
        pytest.skip("kernels are switched off or Numba is missing")
    pairs, eps = iteration_pairs(rule, 4), np.finfo(dtype).eps
    found = []
    for turner in (compiled(a, True), ArrayColumns(a, True, xp=xp)):
        for _ in range(12):
            cosine = turner.turn(pairs, 4 * eps)
        assert cosine <= 4 * eps
        assert turner.g.dtype == turner.v.dtype == dtype
        assert np.max(np.abs(a @ turner.v - turner.g)) < 50 * eps
        found.append(np.sort(np.linalg.norm(turner.g, axis=-2)))
    np.testing.assert_allclose(*found, rtol=20 * eps)


@pytest.mark.parametrize("dtype", KINDS)
def test_the_calls_of_lapack_equal_the_generic_code(dtype, monkeypatch):
    a = matrix((70, 60), dtype)
    fast = lx.jacobi.svd(a)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = lx.jacobi.svd(a)
    for x, y in zip(fast, slow, strict=True):
        np.testing.assert_allclose(x, y, atol=3e3 * np.finfo(dtype).eps, rtol=0)


@pytest.mark.parametrize("dtype", KINDS)
def test_tiny_batches_equal_the_generic_code(dtype, monkeypatch):
    a = matrix((65, 4, 3), dtype)
    fast = lx.jacobi.svd(a)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = lx.jacobi.svd(a)
    for x, y in zip(fast, slow, strict=True):
        np.testing.assert_allclose(x, y, atol=2e3 * np.finfo(dtype).eps, rtol=0)
