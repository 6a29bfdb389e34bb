"""A matrix that is never in memory at once, on two workers."""

import tracemalloc

import numpy as np
import pytest

import linalgx as lx

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

SHAPE, CHUNK = (1200, 300), (200, 100)


def entries(rows, columns):
    """Smooth functions: few singular values matter."""
    x, y = rows[:, None] / SHAPE[0], columns[None, :] / SHAPE[1]
    return 1.0 / (1.0 + x + y) + np.cos(7.0 * x * y) + 1j * np.exp(-5.0 * (x - y) ** 2)


def block(block_info=None):
    """One block, made where it is needed."""
    (top, bottom), (first, last) = block_info[None]["array-location"]
    return entries(np.arange(top, bottom), np.arange(first, last))


def chunked():
    return da.map_blocks(block, chunks=da.core.normalize_chunks(CHUNK, SHAPE), dtype="complex128")


@pytest.fixture(scope="module")
def client():
    """Two workers in threads of this process, without a dashboard."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with (
        distributed.LocalCluster(dashboard_address=None, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.thread_unsafe(reason="one cluster")
def test_the_singular_values_are_those_of_the_dense_matrix(client):
    dense = entries(np.arange(SHAPE[0]), np.arange(SHAPE[1]))
    s = np.linalg.svd(dense, compute_uv=False)
    result = lx.randomized.svd(lx.LinearMap.from_dask(chunked()), 6, rng=0)
    assert result.converged
    np.testing.assert_allclose(result.s, s[:6], rtol=1e-6)
    error = np.linalg.norm(dense - (result.u * result.s) @ result.vh)
    assert error <= np.linalg.norm(s[6:]) * (1 + 1e-6)
    assert 0.8 <= result.error / error <= 1.25


@pytest.mark.thread_unsafe(reason="one cluster")
def test_products_with_a_chunked_array(client):
    """Also with the adjoint of a complex one."""
    dense = entries(np.arange(SHAPE[0]), np.arange(SHAPE[1]))
    a = lx.LinearMap.from_dask(chunked())
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((k, 2)) + 1j * rng.standard_normal((k, 2)) for k in SHAPE[::-1])
    np.testing.assert_allclose(a @ x, dense @ x, rtol=1e-12)
    np.testing.assert_allclose(a.adjoint @ y, dense.conj().T @ y, rtol=1e-12)


@pytest.mark.thread_unsafe(reason="tracemalloc counts the memory of all threads")
def test_a_product_makes_nothing_larger_than_a_block():
    """The peak of memory of a product, beside that of the whole matrix."""
    import dask

    a = da.map_blocks(block, chunks=da.core.normalize_chunks(CHUNK, SHAPE), dtype="complex128")
    whole = 16 * SHAPE[0] * SHAPE[1]
    with dask.config.set(scheduler="synchronous"):
        given = lx.LinearMap.from_dask(a)
        for product, size in ((given, SHAPE[1]), (given.adjoint, SHAPE[0])):
            x = np.ones((size, 3), dtype=complex)
            product @ x  # imports
            tracemalloc.start()
            try:
                product @ x
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 0.5 * whole
