"""The kernel for rows of approximate inverses against the generic code."""

from importlib import import_module

import numpy as np
import pytest
import scipy.sparse as sparse

pytest.importorskip("numba")
kernel = import_module("linalgx.kernels.numba_fsai").fsai_rows
generic = import_module("linalgx.relaxation.fsai").generic_rows


def arguments(dtype, index=np.int32, n=60, seed=0):
    """A Hermitian matrix and a pattern that is not its own."""
    rng = np.random.default_rng(seed)
    a = sparse.random_array((n, n), density=0.1, rng=rng).toarray()
    if np.issubdtype(dtype, np.complexfloating):
        a = a * np.exp(2j * np.pi * rng.random((n, n)))
    a = a + a.conj().T
    a = sparse.csr_array((a + np.diag(np.abs(a).sum(axis=1) + 0.5)).astype(dtype))
    pattern = sparse.csr_array(np.tril(rng.random((n, n)) < 0.1, -1) + np.eye(n))
    places = (x.astype(index) for x in (a.indices, a.indptr, pattern.indices, pattern.indptr))
    return (a.data, *places)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_kernel_equals_generic(dtype, index):
    given = arguments(np.dtype(dtype), index)
    (ours, failed), (theirs, also) = kernel(*given), generic(*given)
    assert failed == also == -1
    assert ours.dtype == theirs.dtype == dtype
    np.testing.assert_allclose(ours, theirs, atol=30 * np.finfo(dtype).eps)


def test_inputs_may_be_read_only():
    given = arguments(np.dtype(float))
    expected, _ = kernel(*given)
    for x in given:
        x.setflags(write=False)
    np.testing.assert_array_equal(kernel(*given)[0], expected)


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_failures_name_the_same_row(bad):
    data, indices, indptr, columns, starts = arguments(np.dtype(float))
    data = data.copy()
    row = 23
    data[indptr[row] : indptr[row + 1]][indices[indptr[row] : indptr[row + 1]] == row] = bad
    places = (indices, indptr, columns, starts)
    first = min(i for i in range(60) if row in columns[starts[i] : starts[i + 1]])
    assert kernel(data, *places)[1] == first
    assert generic(data, *places)[1] >= 0
