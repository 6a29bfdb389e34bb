"""Polynomials of a matrix as preconditioners of conjugate gradients."""

import numpy as np
import pytest
import scipy.sparse as sparse
from numpy.polynomial.chebyshev import Chebyshev
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx

KINDS = ("chebyshev", "neumann", "residual", "symmetric")


def poisson(m):
    t = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(m, m))
    return (sparse.kron(t, sparse.eye_array(m)) + sparse.kron(sparse.eye_array(m), t)).tocsr()


def cg(a, b, apply, rtol=1e-8):
    """Iterations of preconditioned conjugate gradients, written out."""
    x, r = np.zeros_like(b), b.copy()
    z = apply(r)
    p, rho = z, r @ z
    for k in range(1, 2000):
        q = a @ p
        alpha = rho / (p @ q)
        assert alpha > 0
        x, r = x + alpha * p, r - alpha * q
        if np.linalg.norm(r) <= rtol * np.linalg.norm(b):
            assert np.linalg.norm(b - a @ x) <= 1.01 * rtol * np.linalg.norm(b)
            return k
        z = apply(r)
        rho, old = r @ z, rho
        p = z + (rho / old) * p
    pytest.fail("conjugate gradients did not converge")


def dense_polynomial(w, degree, seed, dtype):
    """Eigenvalues of the preconditioner of a full matrix, where rounding errors show."""
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(w), len(w))))[0]
    a = (q * w) @ q.T
    a = ((a + a.T) / 2).astype(dtype)
    p = lx.relaxation.polynomial_preconditioner(a, degree, kind="residual", rng=seed)
    x = (p @ np.eye(len(w), dtype=dtype)).astype(float)
    return np.linalg.eigvalsh((x + x.T) / 2), np.linalg.norm(x - x.T, 2)


def polynomial(kind, w, degree, **options):
    """Values of the polynomial on the spectrum."""
    p = lx.relaxation.polynomial_preconditioner(np.diag(w), degree, kind=kind, **options)
    return np.diag(p @ np.eye(len(w)))


@pytest.mark.parametrize("degree", [0, 1, 4, 7])
def test_chebyshev_is_the_scaled_chebyshev_polynomial(degree):
    low, high = 0.5, 20.0
    w = np.linspace(low, high, 40)
    p = polynomial("chebyshev", w, degree, bounds=(low, high))
    t = Chebyshev.basis(degree + 1)
    residual = t((low + high - 2 * w) / (high - low)) / t((low + high) / (high - low))
    np.testing.assert_allclose(1 - w * p, residual, atol=1e-13)


@pytest.mark.parametrize("degree", [0, 1, 4, 7])
def test_neumann_is_the_truncated_series(degree):
    w = np.linspace(0.5, 20.0, 40)
    p = polynomial("neumann", w, degree, bounds=(0.1, 21.0))
    np.testing.assert_allclose(1 - w * p, (1 - w / 21.0) ** (degree + 1), atol=1e-13)


@pytest.mark.parametrize("degree", [0, 1, 4, 7])
def test_residual_has_the_roots_that_it_is_given(degree):
    w = np.linspace(0.5, 20.0, 40)
    roots = np.linspace(1.0, 19.0, degree + 1)
    p = polynomial("residual", w, degree, roots=roots)
    expected = np.prod(1 - w[:, None] / roots, axis=1)
    np.testing.assert_allclose(1 - w * p, expected, atol=1e-11)


def test_symmetric_is_the_function_of_that_name():
    w = np.r_[100.0, 10.0, np.linspace(1, 2, 8)]
    p = polynomial("symmetric", w, 3)
    other = np.diag(lx.relaxation.symmetric_polynomial(np.diag(w), 3) @ np.eye(10))
    np.testing.assert_array_equal(p, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("degree", [1, 4])
def test_positive_definite_and_hermitian(leg, kind, degree):
    a = leg.asarray(leg.isometry(20, 20) * np.geomspace(1, 1e3, 20) @ leg.isometry(20, 20).conj().T)
    a = leg.asarray((leg.to_numpy(a) + leg.to_numpy(a).conj().T) / 2)
    p = lx.relaxation.polynomial_preconditioner(a, degree, kind=kind, rng=0)
    eye = leg.asarray(np.eye(20))
    x = leg.to_numpy(p @ eye).astype(np.result_type(leg.dtype_name, np.float64))
    size = np.linalg.norm(x, 2)
    np.testing.assert_allclose(x, x.conj().T, atol=200 * leg.eps * size)
    assert np.linalg.eigvalsh((x + x.conj().T) / 2)[0] > 0


SPECTRA = {
    "geometric": np.geomspace(1, 1e4, 150),
    "wide": np.geomspace(1, 1e12, 100),
    "linear": np.linspace(1, 1e3, 150),
    "outliers": np.r_[1e-3, 1e-2, np.linspace(1, 2, 100), 50.0, 1e3],
    "clusters": np.r_[np.linspace(1, 1.1, 50), 5.0, np.linspace(10, 11, 50)],
}


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("degree", [1, 2, 3, 5, 13, 30])
def test_learned_polynomials_are_positive_on_the_spectrum(spectrum, degree):
    w = SPECTRA[spectrum]
    for seed in range(3):
        assert np.all(polynomial("residual", w, degree, rng=seed) > 0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("spectrum", ["geometric", "outliers", "clusters"])
@pytest.mark.parametrize("degree", [5, 14])
def test_learned_polynomials_survive_rounding(spectrum, degree, dtype):
    """Positive and symmetric as a matrix, too, with eigenvalues far outside the rest."""
    w = SPECTRA[spectrum][:: 3 if spectrum == "geometric" else 1]
    for seed in range(2):
        values, skew = dense_polynomial(w, degree, seed, dtype)
        assert values[0] > 0
        assert skew <= 1e4 * np.finfo(dtype).eps * values[-1]


def test_learned_polynomials_know_where_the_eigenvalues_are():
    """Two clusters take three roots; Chebyshev covers the gap, too."""
    w = np.delete(SPECTRA["clusters"], 50)
    conditions = {}
    for kind in ("residual", "chebyshev"):
        values = w * polynomial(kind, w, 2, rng=0)
        conditions[kind] = values.max() / values.min()
    assert conditions["residual"] < 1.1
    assert conditions["chebyshev"] > 1.3


def test_the_estimated_interval_is_better_than_the_exact_one():
    a = poisson(63)
    b = np.random.default_rng(0).standard_normal(a.shape[0])
    low = 8 * np.sin(np.pi / 128) ** 2
    counts = []
    for bounds in ((low, 8 - low), None):
        p = lx.relaxation.polynomial_preconditioner(a, 8, bounds=bounds, rng=0)
        counts.append(cg(a, b, lambda r, p=p: p @ r))
    assert counts[0] > 40
    assert counts[1] < 30


def test_fewer_roots_where_the_residual_is_small():
    roots = lx.relaxation.residual_roots(np.diag(np.repeat([1.0, 4.0, 9.0], 20)), 10, rng=0)
    np.testing.assert_allclose(np.sort(roots), [1.0, 4.0, 9.0], rtol=1e-10)


def test_roots_come_in_leja_order():
    roots = np.asarray(lx.relaxation.residual_roots(np.diag(SPECTRA["linear"]), 12, rng=0))
    assert roots[0] == roots.max()
    for k in range(1, len(roots) - 1):
        products = np.prod(np.abs(roots[k:, None] - roots[None, :k]), axis=1)
        assert products[0] >= products.max() * (1 - 1e-12)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_fewer_iterations_of_conjugate_gradients(kind):
    a = poisson(31)
    b = np.random.default_rng(0).standard_normal(a.shape[0])
    plain = cg(a, b, lambda r: r)
    p = lx.relaxation.polynomial_preconditioner(a, 4, kind=kind, rng=0)
    # In k steps the Krylov space holds k(d + 1) powers, and no polynomial needs fewer than CG.
    most = {"chebyshev": 1.3, "residual": 1.4, "neumann": 2.4}[kind] * plain / 5
    assert plain / 5 <= cg(a, b, lambda r: p @ r) + 1 <= most


def test_roots_of_one_matrix_serve_its_neighbours():
    a = poisson(31)
    b = np.random.default_rng(0).standard_normal(a.shape[0])
    roots = lx.relaxation.residual_roots(a, 6, rng=0)
    for shift in (0.0, 0.02, 0.1):
        near = (a + shift * sparse.eye_array(a.shape[0])).tocsr()
        learned = lx.relaxation.polynomial_preconditioner(near, 6, kind="residual", roots=roots)
        own = lx.relaxation.polynomial_preconditioner(near, 6, kind="residual", rng=1)
        assert cg(near, b, lambda r, p=learned: p @ r) <= cg(near, b, lambda r, p=own: p @ r) + 2
        assert learned.matmat_count > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrap", [aslinearoperator, lx.LinearMap, sparse.csr_array, sparse.coo_array]
)
def test_operators_and_containers(kind, wrap):
    a = np.diag(np.linspace(1.0, 30.0, 40)) + np.eye(40, k=1) * 0.2 + np.eye(40, k=-1) * 0.2
    options = {"bounds": (0.5, 31.0)} if kind in ("chebyshev", "neumann") else {}
    p = lx.relaxation.polynomial_preconditioner(a, 3, kind=kind, rng=0, **options)
    q = lx.relaxation.polynomial_preconditioner(wrap(a), 3, kind=kind, rng=0, **options)
    x = np.linspace(-1.0, 1.0, 40)
    rtol = 0.05 if kind == "symmetric" else 1e-9  # estimated traces
    assert np.linalg.norm(p @ x - q @ x) <= rtol * np.linalg.norm(p @ x)


@pytest.mark.parametrize("kind", KINDS)
def test_a_product_costs_its_degree(kind):
    counted = lx.LinearMap(np.diag(np.linspace(1.0, 30.0, 40)))
    p = lx.relaxation.polynomial_preconditioner(counted, 4, kind=kind, rng=0)
    operand = []
    inner = lx.LinearMap.from_callables(
        (40, 40), lambda x: operand.append(1) or counted @ x, xp="numpy"
    )
    q = lx.relaxation.polynomial_preconditioner(inner, 4, kind=kind, rng=0)
    operand.clear()
    q @ np.ones(40)
    assert len(operand) == 4
    np.testing.assert_allclose(q @ np.ones(40), p @ np.ones(40), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": (0.0, 1.0)}, "the lower bound must lie in"),
        ({"bounds": (2.0, 1.0)}, "the upper bound must lie in"),
        ({"bounds": (1.0, float("nan"))}, "the upper bound must lie in"),
        ({"kind": "residual", "roots": []}, "roots must hold 1 to 4 numbers"),
        ({"kind": "residual", "roots": [1.0, -1.0]}, "each of roots must lie in"),
        ({"kind": "residual", "roots": [1.0] * 5}, "roots must hold 1 to 4 numbers, got 5"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises(ValueError, match=message):
        lx.relaxation.polynomial_preconditioner(np.eye(3), 3, **options)


def test_roots_are_several():
    with pytest.raises(TypeError, match="roots must be a sequence"):
        lx.relaxation.polynomial_preconditioner(np.eye(3), 3, kind="residual", roots=3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_indefinite_matrices_are_named(kind):
    with pytest.raises(lx.LinAlgError, match="not positive definite"):
        lx.relaxation.polynomial_preconditioner(np.diag([-5.0, 1.0, 2.0]), 2, kind=kind, rng=0)


@pytest.mark.parametrize("kind", ["symmetric", "chebyshev", "residual"])
def test_an_operator_of_integers(kind):
    a = aslinearoperator(np.asarray([[2, 1], [1, 2]]))
    p = lx.relaxation.polynomial_preconditioner(a, 1, kind=kind, rng=0)
    assert (p @ np.ones(2)).dtype == np.float64
