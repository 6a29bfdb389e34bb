"""Prepared matrices: canonical rows, the diagonal, new values for an old pattern."""

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx

prepare = lx.relaxation.prepare


def dominant(n, seed=0):
    rng = np.random.default_rng(seed)
    a = sp.random_array((n, n), density=0.2, rng=rng).toarray()
    return a + a.T + 5.0 * np.eye(n)


def messy(a):
    """CSR with reversed rows and each entry split into two duplicates."""
    csr = sp.csr_array(a)
    rows = [slice(s, e) for s, e in zip(csr.indptr[:-1], csr.indptr[1:], strict=True)]
    data = np.concatenate([np.tile(csr.data[r][::-1] / 2, 2) for r in rows])
    indices = np.concatenate([np.tile(csr.indices[r][::-1], 2) for r in rows])
    return sp.csr_array((data, indices, 2 * csr.indptr), shape=a.shape)


def test_unsorted_duplicates_equal_the_dense_matrix():
    a, b = dominant(20), np.arange(20.0)
    raw = messy(a)
    assert raw.nnz == 2 * sp.csr_array(a).nnz
    before = raw.data.copy(), raw.indices.copy()
    p = prepare(raw)
    np.testing.assert_array_equal(p.matrix.toarray(), a)
    assert p.matrix.has_canonical_format
    np.testing.assert_array_equal(raw.data, before[0])
    np.testing.assert_array_equal(raw.indices, before[1])
    dense, sparse = (lx.relaxation.sor(x, b, omega=1.2) for x in (a, raw))
    assert dense.iterations == sparse.iterations
    np.testing.assert_allclose(dense.x, sparse.x, rtol=1e-12)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_array])
def test_zero_diagonals_are_named(container):
    a = dominant(6)
    a[2, 2] = a[5, 5] = 0.0
    with pytest.raises(lx.LinAlgError, match=r"2 rows \(2, 5\)"):
        prepare(container(a))
    skipped = prepare(container(a), on_zero="skip").inverse_diagonal
    np.testing.assert_array_equal(skipped[[2, 5]], 0.0)
    shifted = prepare(container(a), diag_shift=0.5).inverse_diagonal
    np.testing.assert_allclose(shifted, 1.0 / (np.diag(a) + 0.5))


def test_a_missing_entry_is_a_zero():
    with pytest.raises(lx.LinAlgError, match=r"1 rows \(1\)"):
        prepare(sp.csr_array(np.asarray([[1.0, 2.0], [3.0, 0.0]])))


def test_skipped_rows_are_left_alone():
    a, b = np.diag([2.0, 4.0, 0.0]), np.asarray([2.0, 4.0, 0.0])
    for x in (a, sp.csr_array(a)):
        for ordering in ("natural", "multicolor", "level"):
            r = lx.relaxation.sor(prepare(x, on_zero="skip"), b, omega=1.0, ordering=ordering)
            np.testing.assert_array_equal(r.x, [1.0, 1.0, 0.0])


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_new_values(container):
    a, b = dominant(12), np.ones(12)
    p = prepare(container(a))
    for ordering in ("natural", "multicolor", "level"):
        lx.relaxation.sor(p, b, ordering=ordering)
    a = a + 3.0 * np.eye(12)
    assert p.update_values(container(a)) is p
    for ordering in ("natural", "multicolor", "level"):
        r = lx.relaxation.sor(p, b, ordering=ordering)
        np.testing.assert_allclose(a @ r.x, b, atol=1e-7)
        assert r.omega == pytest.approx(lx.relaxation.optimal_omega(container(a)), rel=1e-3)


def test_new_entries_in_the_order_of_the_old():
    p = prepare(sp.csr_array(dominant(8)))
    data = 2.0 * p.matrix.data
    half = 0.5 * p.inverse_diagonal
    np.testing.assert_array_equal(p.update_values(data).inverse_diagonal, half)
    np.testing.assert_array_equal(p.matrix.data, data)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda p: p.matrix.data[:-1], ValueError),
        (lambda p: np.where(np.arange(p.matrix.nnz) == 1, np.nan, p.matrix.data), ValueError),
        (lambda p: sp.csr_array(np.eye(8)), ValueError),
        (lambda p: 0.0 * p.matrix.data, lx.LinAlgError),
    ],
)
def test_old_values_are_kept_on_failure(spoil, error):
    p = prepare(sp.csr_array(dominant(8)))
    before, x = p.matrix.toarray(), lx.relaxation.sor(p, np.ones(8)).x
    with pytest.raises(error):
        p.update_values(spoil(p))
    np.testing.assert_array_equal(p.matrix.toarray(), before)
    np.testing.assert_array_equal(lx.relaxation.sor(p, np.ones(8)).x, x)


def test_operators_have_no_rows():
    with pytest.raises(TypeError, match="no rows to sweep over"):
        prepare(lx.LinearMap(np.eye(3)))


def test_prepared_matrices_pass_through():
    p = prepare(np.eye(2))
    assert prepare(p) is p
    assert "2×2" in repr(p)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_an_update_keeps_the_dtype(container):
    a = dominant(6).astype(np.float32)
    p = prepare(container(a))
    assert p.update_values(container(2.0 * a.astype(np.float64))).dtype == np.float32
    with pytest.raises(ValueError, match="data must keep the dtype"):
        p.update_values(container((1.0 + 1.0j) * a))
    np.testing.assert_array_equal(p @ np.eye(6, dtype=np.float32), 2.0 * a)


def test_an_update_with_complex_entries_is_refused():
    p = prepare(sp.csr_array(dominant(6)))
    with pytest.raises(ValueError, match="data must keep the dtype"):
        p.update_values((1.0 + 1.0j) * p.matrix.data)


def test_options_count_for_a_prepared_matrix():
    p = prepare(np.eye(2))
    q = prepare(p, diag_shift=1.0)
    np.testing.assert_array_equal(q.inverse_diagonal, [0.5, 0.5])
    np.testing.assert_array_equal(p.inverse_diagonal, [1.0, 1.0])


def test_new_values_of_unsorted_rows_come_as_a_matrix():
    """An array of them would be taken in another order than the caller's."""
    a = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]), np.array([0, 2, 3])))
    p = lx.relaxation.prepare(a)
    with pytest.raises(ValueError, match="data must be a matrix, because prepare had to sort"):
        p.update_values(a.data)
    np.testing.assert_array_equal(p.update_values(2 * a).inverse_diagonal, [1 / 4, 1 / 6])
