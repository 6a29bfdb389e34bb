"""Factorized sparse approximate inverses."""

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx


@pytest.fixture(params=["kernel", "generic"], autouse=True)
def kernel(request, monkeypatch):
    """Both ways to solve the rows."""
    if request.param == "generic":
        monkeypatch.setenv("LINALGX_KERNELS", "generic")
    else:
        pytest.importorskip("numba")
        monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def poisson(m):
    t = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(m, m))
    return (sparse.kron(t, sparse.eye_array(m)) + sparse.kron(sparse.eye_array(m), t)).tocsr()


def random_sparse(n=40, seed=0, complex_=False):
    """Hermitian, diagonally dominant, irregular rows of very different size."""
    rng = np.random.default_rng(seed)
    a = sparse.random_array((n, n), density=0.08, rng=rng).toarray()
    if complex_:
        a = a * np.exp(2j * np.pi * rng.random((n, n)))
    a = a + a.conj().T
    a = a + np.diag(np.abs(a).sum(axis=1) * 1.1 + 0.1)
    d = np.geomspace(1e-3, 1e3, n)
    return sparse.csr_array(a * d * d[:, None])


def by_definition(a, pattern):
    """Row i from the equation A[S, S] y = e."""
    a, n = a.toarray(), a.shape[0]
    root = np.sqrt(np.diag(a).real)  # badly scaled matrices would spoil the reference
    a = a / root / root[:, None]
    g = np.zeros_like(a)
    for i in range(n):
        s = np.nonzero(pattern[i, : i + 1])[0]
        y = np.linalg.solve(a[np.ix_(s, s)], np.eye(len(s))[-1])
        g[i, s] = y.conj() / np.sqrt(y[-1].real)
    return g / root


def cg(a, b, apply, rtol=1e-8):
    x, r = np.zeros_like(b), b.copy()
    z = apply(r)
    p, rho = z, r @ z
    for k in range(1, 2000):
        q = a @ p
        alpha = rho / (p @ q)
        x, r = x + alpha * p, r - alpha * q
        if np.linalg.norm(r) <= rtol * np.linalg.norm(b):
            return k
        z = apply(r)
        rho, old = r @ z, rho
        p = z + (rho / old) * p
    pytest.fail("conjugate gradients did not converge")


def test_poisson_takes_110_iterations_instead_of_190():
    a = poisson(63)
    b = np.random.default_rng(0).standard_normal(a.shape[0])
    assert abs(cg(a, b, lambda r: r) - 190) <= 10
    counts = []
    for power in (1, 2, 3):
        m = lx.relaxation.fsai(a, power=power)
        counts.append(cg(a, b, lambda r, m=m: m @ r))
    assert abs(counts[0] - 110) <= 5
    assert counts[1] <= 82 and counts[2] <= 63


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("options", [{}, {"power": 2}, {"drop": 0.1}, {"power": 3, "drop": 0.02}])
def test_sparse_rows_fulfil_the_definition(dtype, options):
    a = random_sparse(complex_=dtype.startswith("complex")).astype(dtype)
    eps = np.finfo(dtype).eps
    g = lx.relaxation.fsai_factor(a, **options)
    assert g.format == "csr" and g.dtype == dtype and g.has_canonical_format
    wide = a.astype(np.result_type(dtype, np.float64)).toarray()
    root = np.sqrt(np.diag(wide).real)
    large = np.abs(wide) > options.get("drop", 0.0) * root * root[:, None]
    pattern = np.linalg.matrix_power(large.astype(float), options.get("power", 1)) > 0
    assert np.array_equal(g.toarray() != 0, np.tril(pattern) & (g.toarray() != 0))
    assert g.nnz == np.tril(pattern).sum()
    expected = by_definition(sparse.csr_array(wide), pattern)
    scaled = (g.toarray() - expected) * root
    assert np.max(np.abs(scaled)) <= 100 * eps
    x = g.toarray().astype(wide.dtype)
    np.testing.assert_allclose(np.diag(x @ wide @ x.conj().T), 1.0, atol=30 * eps)


def test_dense_arrays(leg):
    host = random_sparse(20, complex_=leg.is_complex).toarray()
    d = 1 / np.sqrt(np.diag(host).real)
    host = host * d * d[:, None]
    a = leg.asarray(host)
    g = lx.relaxation.fsai_factor(a)
    assert leg.matches(g)
    expected = by_definition(sparse.csr_array(host), host != 0)
    np.testing.assert_allclose(leg.to_numpy(g), expected, atol=50 * leg.eps)
    m = lx.relaxation.fsai(a)
    x = leg.randn(20)
    y = leg.to_numpy(m @ x)
    np.testing.assert_allclose(
        y, expected.conj().T @ (expected @ leg.to_numpy(x)), atol=200 * leg.eps
    )
    np.testing.assert_array_equal(leg.to_numpy(m.adjoint @ x), y)


def test_a_full_pattern_is_the_inverse_cholesky_factor(leg):
    w = np.linspace(1.0, 5.0, 8)
    q = leg.isometry(8, 8)
    host = (q * w) @ q.conj().T
    a = leg.asarray((host + host.conj().T) / 2)
    g = leg.to_numpy(lx.relaxation.fsai_factor(a))
    np.testing.assert_allclose(g, np.linalg.inv(np.linalg.cholesky(host)), atol=50 * leg.eps)


@pytest.mark.parametrize("shape", ["csr", "csc", "coo", "dia", "array"])
def test_patterns_of_the_user(shape):
    """The lower triangle counts, the diagonal is added, stored zeros do not count."""
    a = random_sparse()
    pattern = np.zeros((40, 40))
    pattern[5, 2] = pattern[2, 5] = pattern[30, 7] = pattern[9, 38] = 7.0
    stored = pattern.copy()
    stored[11, 3] = 1.0
    given = sparse.csr_array(stored)
    given.data[given.indices == 3] = 0.0
    given = pattern if shape == "array" else given.asformat(shape)
    g = lx.relaxation.fsai_factor(a, given)
    expected = by_definition(a, pattern + np.eye(40))
    np.testing.assert_allclose(g.toarray(), expected, rtol=1e-12, atol=1e-15)
    assert g.nnz == 42


def test_a_diagonal_pattern_is_jacobi():
    a = random_sparse()
    m = lx.relaxation.fsai(a, sparse.eye_array(40))
    np.testing.assert_allclose(m @ np.ones(40), 1 / a.diagonal(), rtol=1e-14)
    dropped = lx.relaxation.fsai(a, drop=0.99)
    np.testing.assert_allclose(dropped @ np.ones(40), 1 / a.diagonal(), rtol=1e-14)


@pytest.mark.parametrize("exponent", [-700, -3, 0, 5, 700])
def test_scale(exponent):
    a = random_sparse()
    g = lx.relaxation.fsai_factor(a * 2.0**exponent)
    plain = lx.relaxation.fsai_factor(a)
    expected = plain.toarray() * 2.0 ** (-exponent / 2)
    np.testing.assert_allclose(g.toarray(), expected, rtol=1e-14)
    y = lx.relaxation.fsai(a * 2.0**exponent) @ np.ones(40)
    np.testing.assert_array_equal(y, (lx.relaxation.fsai(a) @ np.ones(40)) * 2.0**-exponent)


def test_containers_and_prepared_matrices_agree():
    a = random_sparse()
    x = np.ones(40)
    expected = lx.relaxation.fsai(a) @ x
    unsorted = a.copy()
    unsorted.indices[:] = np.concatenate(
        [a.indices[i:j][::-1] for i, j in zip(a.indptr, a.indptr[1:], strict=False)]
    )
    unsorted.data[:] = np.concatenate(
        [a.data[i:j][::-1] for i, j in zip(a.indptr, a.indptr[1:], strict=False)]
    )
    unsorted.has_sorted_indices = False
    for other in (a.tocsc(), a.tocoo(), a.tobsr((2, 2)), unsorted, lx.relaxation.prepare(a)):
        np.testing.assert_allclose(lx.relaxation.fsai(other) @ x, expected, rtol=1e-12)
    np.testing.assert_allclose(lx.relaxation.fsai(a.toarray()) @ x, expected, rtol=1e-12)


def test_rows_without_neighbours_and_empty_matrices():
    a = sparse.csr_array(np.diag([1.0, 4.0, 9.0]))
    np.testing.assert_allclose(lx.relaxation.fsai_factor(a).toarray(), np.diag([1, 1 / 2, 1 / 3]))
    assert (lx.relaxation.fsai(np.zeros((0, 0))) @ np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("dense", [False, True])
def test_the_row_that_is_not_definite_is_named(dense):
    a = np.eye(30)
    a[17, 4] = a[4, 17] = 2.0
    a = a if dense else sparse.csr_array(a)
    with pytest.raises(lx.LinAlgError, match="not positive definite on the pattern of row 17"):
        lx.relaxation.fsai(a)
    with pytest.raises(lx.LinAlgError, match="not positive definite"):
        lx.relaxation.fsai(a * 0.0)


@pytest.mark.parametrize(
    ("a", "options", "error", "message"),
    [
        (aslinearoperator(np.eye(3)), {}, TypeError, "a must be a dense or sparse array, got"),
        (np.eye(3), {"pattern": "upper"}, ValueError, "pattern must be one of 'lower' or a matrix"),
        (np.eye(3), {"pattern": np.eye(4)}, ValueError, "pattern must have the shape of a"),
        (np.eye(3), {"pattern": 3}, TypeError, "pattern must be 'lower', or a dense or sparse"),
        (np.eye(3), {"power": 0}, ValueError, "power must be at least 1"),
        (np.eye(3), {"drop": -1.0}, ValueError, "drop must lie in"),
        (np.eye(3) + np.eye(3, k=1), {}, ValueError, "a must be Hermitian"),
        (sparse.csr_array(np.eye(3) + np.eye(3, k=1)), {}, ValueError, "a must be Hermitian"),
    ],
)
def test_refused(a, options, error, message):
    options = {"pattern": "lower", **options}
    with pytest.raises(error, match=message):
        lx.relaxation.fsai(a, **options)
