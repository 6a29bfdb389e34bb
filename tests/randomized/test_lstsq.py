"""Least squares: backward errors of a few eps, where plain sketching and Gram matrices fail.

The backward error is that of Waldén, Karlson and Sun in the form of Karlson and Waldén, which is
within √2 of it: g ‖(AᴴA + g²‖r‖² I)^(−1/2) Aᴴ r‖, g = θ/√(1 + θ²‖x‖²), relative to ‖A‖_F, with the
exact singular values of A, and residuals in extended precision.
"""

import warnings

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator, lsqr

import linalgx as lx
from linalgx import backend
from linalgx.randomized._refinement import factorize
from linalgx.randomized._sketches import sign_columns

EPS = 2.0**-52
METHODS = ("fossils", "spir")
XP = backend.namespace_of(np.zeros(1))


def backward_error(a, b, x, theta=None):
    """In units of eps; `theta` infinite allows changes of A only."""
    wide = np.result_type(a.dtype, np.longdouble)
    s, vh = np.linalg.svd(np.linalg.qr(a)[1])[1:]
    r = b.astype(wide) - a.astype(wide) @ x.astype(wide)
    z = vh @ (a.conj().T.astype(wide) @ r).astype(a.dtype)
    size, theta = np.linalg.norm(s), theta or np.linalg.norm(s) / np.linalg.norm(b)
    g = 1.0 / np.hypot(1.0 / theta, np.linalg.norm(x))
    error = g * np.linalg.norm(z / np.hypot(s, g * float(np.sqrt(np.sum(np.abs(r) ** 2)))))
    return error / size / np.finfo(a.dtype).eps


def problem(m, n, cond, residual, *, seed=0, complex_=False):
    """‖A‖ = ‖x‖ = 1, and a residual of that size at the solution."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if complex_ else x

    u, v = np.linalg.qr(normal(m, n + 1))[0], np.linalg.qr(normal(n, n))[0]
    a = (u[:, :n] * np.geomspace(1, 1 / cond, n)) @ v.conj().T
    x = normal(n)
    return a, a @ (x / np.linalg.norm(x)) + residual * u[:, n]


@pytest.fixture(scope="module")
def headline():
    return problem(4000, 50, 1e12, 1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_published_figure(headline, method):
    """4000 × 50, κ = 1e12, residual 1e-6."""
    a, b = headline
    result = lx.randomized.lstsq(a, b, method=method, rng=0)
    assert result.converged
    assert result.rank == 50
    assert result.sketch_size == 600
    assert result.iterations <= 30
    assert backward_error(a, b, result.x) <= 6
    assert backward_error(a, b, result.x, np.inf) <= 6
    assert 0.3 < result.residual / EPS / max(backward_error(a, b, result.x), 0.1) < 3


def test_what_does_not_work_there(headline):
    """Normal equations, and preconditioned LSQR from zero, are wrong by more than 1e4 eps."""
    a, b = headline
    normal = np.linalg.solve(a.T @ a, a.T @ b)
    assert backward_error(a, b, normal) > 1e4
    s = sign_columns(600, 4000, 8, np.random.default_rng(0), like=a, xp=XP)
    p = factorize(s.times(a), s.times(b[:, None]), 1 / 12, xp=XP).p
    product = LinearOperator(
        (4000, 50), matvec=lambda y: a @ (p @ y), rmatvec=lambda r: p.T @ (a.T @ r), dtype=a.dtype
    )
    cold = p @ lsqr(product, b, atol=0, btol=0, conlim=0, iter_lim=60)[0]
    assert backward_error(a, b, cold) > 1e4
    assert backward_error(a, b, scipy.linalg.lstsq(a, b, lapack_driver="gelsy")[0]) < 3


@pytest.mark.parametrize("residual", [1e-9, 1e-2, 1e3])
@pytest.mark.parametrize("cond", [10.0, 1e8, 1e14])
@pytest.mark.parametrize("method", METHODS)
def test_backward_errors(method, cond, residual):
    a, b = problem(3000, 40, cond, residual, seed=1)
    result = lx.randomized.lstsq(a, b, method=method, rng=0)
    assert result.converged
    assert result.residual <= 4 * EPS
    assert backward_error(a, b, result.x) <= 8
    assert backward_error(a, b, result.x, np.inf) <= 20


@pytest.mark.parametrize("dtype", ["float32", "complex128", "complex64"])
def test_other_precisions(dtype):
    cond = 1e5 if dtype in ("float32", "complex64") else 1e12
    a, b = (x.astype(dtype) for x in problem(3000, 40, cond, 1e-2, complex_="c" in dtype))
    result = lx.randomized.lstsq(a, b, rng=0)
    assert result.converged
    assert result.x.dtype == dtype
    assert backward_error(a, b, result.x) <= 10


@pytest.mark.parametrize("method", METHODS)
def test_sketched_problems_on_every_library(leg, method):
    """Well conditioned, so that the answer is that of LAPACK; a block, and each column alone."""
    a, b = leg.randn(200, 5), leg.randn(200, 2, seed=1)
    result = lx.randomized.lstsq(a, b, method=method, rng=0)
    assert result.converged
    assert result.sketch_size == 60
    assert leg.matches(result.x)
    assert result.x.dtype == leg.dtype
    wanted = np.linalg.lstsq(leg.to_numpy(a), leg.to_numpy(b))[0]
    np.testing.assert_allclose(leg.to_numpy(result.x), wanted, rtol=0, atol=50 * leg.eps)
    one = lx.randomized.lstsq(a, b[:, 1], method=method, rng=0)
    assert tuple(one.x.shape) == (5,)
    np.testing.assert_allclose(leg.to_numpy(one.x), wanted[:, 1], rtol=0, atol=50 * leg.eps)


CONTAINERS = {
    "csr": sparse.csr_array,
    "coo": sparse.coo_array,
    "operator": aslinearoperator,
    "map": lx.LinearMap,
    "columns": np.asfortranarray,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container):
    """Sparse matrices and operators, sketched (3000 rows) and whole (300)."""
    for m in (3000, 300):
        a, b = problem(m, 20, 1e10, 1e-3)
        a = np.where(np.abs(a) > 1e-4, a, 0.0)
        result = lx.randomized.lstsq(CONTAINERS[container](a), b, rng=0)
        assert result.converged
        assert result.sketch_size == (240 if m == 3000 else 0)
        assert backward_error(a, b, result.x) <= 8


def test_operators_are_asked_for_few_products():
    """n columns once, in blocks of 64, then a product with each factor for an iteration."""
    a, b = problem(2000, 40, 1e6, 1e-3)
    product = lx.LinearMap(a)
    result = lx.randomized.lstsq(product, b, rng=0)
    assert product.matmat_count <= 1 + 2 * (result.iterations + 5)


def test_complex_right_hand_sides_of_real_matrices():
    a, b = problem(1000, 10, 1e3, 1e-2)
    b = b + 1j * b[::-1]
    wanted = np.linalg.lstsq(a, b)[0]
    for given in (a, sparse.csr_array(a), aslinearoperator(a)):
        x = lx.randomized.lstsq(given, b, rng=0).x
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("m", [10, 11, 15, 239, 241, 400])
def test_squarer_matrices(m):
    """Up to 24 n rows the matrix itself is factorized."""
    a, b = problem(m, 10, 1e10, 1e-3) if m > 10 else (np.vander(np.linspace(0, 1, 10)), np.ones(10))
    result = lx.randomized.lstsq(a, b, rng=0)
    assert result.converged
    assert result.sketch_size == (0 if m <= 240 else 120)
    assert backward_error(a, b, result.x) <= 8


@pytest.mark.parametrize("m", [100, 1000])
@pytest.mark.parametrize("method", METHODS)
def test_missing_ranks(m, method):
    """Equal columns and columns of zeros: rank, a small answer, and nothing in the zero column."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, 8)), rng.standard_normal(m)
    a[:, 3], a[:, 5] = 0.0, 2.0 * a[:, 4]
    result = lx.randomized.lstsq(a, b, method=method, rng=0)
    assert result.converged
    assert result.rank == 6
    assert result.x[3] == 0.0
    assert result.residual <= 8 * EPS
    np.testing.assert_allclose(a @ result.x, a @ np.linalg.lstsq(a, b)[0], rtol=0, atol=1e-13)
    assert np.linalg.norm(result.x) < 2 * np.linalg.norm(np.linalg.lstsq(a, b)[0])


def test_singular_values_below_the_precision():
    a, b = problem(3000, 40, 1e18, 1e-2)
    result = lx.randomized.lstsq(a, b, rng=0)
    assert result.converged
    assert 30 <= result.rank < 40
    assert backward_error(a, b, result.x) <= 50


@pytest.mark.parametrize("m", [100, 1000])
def test_consistent_and_zero_right_hand_sides(m):
    a, b = problem(m, 10, 1e2, 0.0)
    x = np.arange(10.0)
    result = lx.randomized.lstsq(a, np.stack([a @ x, np.zeros(m)], axis=1), rng=0)
    assert result.converged
    np.testing.assert_allclose(result.x[:, 0], x, rtol=0, atol=1e-12)
    assert np.all(result.x[:, 1] == 0.0)
    result = lx.randomized.lstsq(a, np.zeros(m), rng=0)
    assert result.converged
    assert np.all(result.x == 0.0)
    assert result.residual == 0.0
    zero = lx.randomized.lstsq(np.zeros((m, 3)), b, rng=0)
    assert zero.converged
    assert zero.rank == 0
    assert np.all(zero.x == 0.0)


def test_columns_of_any_size():
    """Norms over 200 decades, whose squares do not exist; so do right-hand sides."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 9))
    scale = np.ldexp(1.0, np.linspace(200, -600, 9).astype(int))
    b = rng.standard_normal((1000, 2))
    one = lx.randomized.lstsq(a, b, rng=0)
    far = lx.randomized.lstsq(a * scale, b * np.array([2.0**300, 2.0**-300]), rng=0)
    assert far.converged
    assert far.rank == 9
    ratio = far.x * scale[:, None] / np.array([2.0**300, 2.0**-300])
    np.testing.assert_allclose(ratio, one.x, rtol=1e-12)


@pytest.mark.parametrize("exponent", [-1000, -900, 900, 1020])
def test_extreme_matrices(exponent):
    """Also where the sketch overflows and the matrix does not, and sparse ones."""
    a, b = problem(1000, 10, 1e3, 1e-2)
    one = lx.randomized.lstsq(a, b, rng=0).x
    far = a * 2.0**exponent
    for given in (far, sparse.csr_array(far)):
        result = lx.randomized.lstsq(given, b * 2.0 ** (exponent // 2), rng=0)
        assert result.converged
        atol = 1e-10 * np.max(np.abs(one))
        x = result.x * 2.0 ** (exponent // 2) * 2.0 ** (exponent - 2 * (exponent // 2))
        np.testing.assert_allclose(x, one, rtol=0, atol=atol)


def test_coherent_rows():
    """Rows that only one column knows: the sketch must see each of them."""
    rng = np.random.default_rng(0)
    a = np.concatenate([1e8 * np.eye(20), 1e-6 * rng.standard_normal((2000, 20))])
    b = a @ np.ones(20) + 1e-3 * rng.standard_normal(2020)
    result = lx.randomized.lstsq(a, b, rng=0)
    assert result.converged
    assert backward_error(a, b, result.x) <= 8


@pytest.mark.parametrize("method", METHODS)
def test_small_sketches_cost_iterations(method):
    """Two rows for each column: the bounds of the heavy ball fail, conjugate gradients do not."""
    a, b = problem(3000, 40, 1e8, 1e-2)
    large = lx.randomized.lstsq(a, b, method=method, rng=0)
    small = lx.randomized.lstsq(a, b, method=method, sketch_size=80, rng=0)
    assert small.converged
    assert small.iterations > large.iterations
    assert backward_error(a, b, small.x) <= 8
    assert lx.randomized.lstsq(a, b, method=method, sketch_size=3000).sketch_size == 0


def test_batches_equal_a_loop_with_sketches():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 300, 4)), rng.standard_normal((2, 300))
    result = lx.randomized.lstsq(a, b, rng=0)
    assert result.converged
    assert result.rank.tolist() == [4, 4]
    assert result.sketch_size.tolist() == [48, 48]
    for k in range(2):
        one = lx.randomized.lstsq(a[k], b[k], rng=0)
        np.testing.assert_array_equal(result.x[k], one.x)


def test_the_seed_and_nothing_else_decides():
    a, b = problem(1000, 10, 1e8, 1e-2)
    one, two = (lx.randomized.lstsq(a, b, rng=3).x for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, lx.randomized.lstsq(a, b, rng=4).x)


def test_observers_see_the_solution_come():
    """The history is the backward error; the last iterates are the solution."""
    a, b = problem(1000, 10, 1e3, 1.0)
    seen = []
    result = lx.randomized.lstsq(
        a, b, rng=0, callback=lambda s: seen.append((s.k, s.x, s.residual))
    )
    assert [k for k, _, _ in seen] == list(range(result.iterations + 1))
    assert result.history == tuple(residual for _, _, residual in seen)
    assert result.history[-1] < 1e-12 * result.history[0]
    np.testing.assert_allclose(seen[-1][1], result.x, rtol=0, atol=1e-10)

    def stop(state):
        if state.k == 3:
            raise StopIteration

    result = lx.randomized.lstsq(a, b, rng=0, callback=stop)
    assert result.status is lx.Status.STOPPED
    assert result.iterations == 3


@pytest.mark.parametrize("method", METHODS)
def test_limits(method):
    """Few iterations, and a tolerance beyond the precision, end with one warning."""
    a, b = problem(1000, 10, 1e3, 1.0)
    with pytest.warns(lx.ConvergenceWarning, match="backward error") as caught:
        result = lx.randomized.lstsq(a, b, method=method, maxiter=4, rng=0)
    assert len(caught) == 1
    assert result.status is lx.Status.MAXITER
    assert result.iterations == 4
    assert result.residual > 4 * EPS
    assert result.residual / EPS == pytest.approx(backward_error(a, b, result.x), rel=0.5)
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.randomized.lstsq(a, b, method=method, rtol=0.0, rng=0)
    assert not result.converged
    assert backward_error(a, b, result.x) <= 8
    loose = lx.randomized.lstsq(a, b, method=method, rtol=1e-6, rng=0)
    assert loose.converged
    assert loose.iterations < 15


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_entries_are_looked_at_through_the_sketch(bad):
    a, b = problem(1000, 10, 1e3, 1.0)
    a[77, 3] = bad
    with pytest.raises(ValueError, match="a must hold finite numbers, got 1 NaN"):
        lx.randomized.lstsq(a, b, rng=0)
    for given in (a, sparse.csr_array(a), aslinearoperator(a)):
        with (
            warnings.catch_warnings(),
            pytest.raises(lx.LinAlgError, match="NaN or infinite entries"),
        ):
            warnings.simplefilter("ignore", RuntimeWarning)
            lx.randomized.lstsq(given, b, rng=0, check_finite=False)


def test_refusals():
    lstsq = lx.randomized.lstsq
    with pytest.raises(ValueError, match=r"a must have at least as many .*scipy.linalg.lstsq"):
        lstsq(np.ones((3, 5)), np.ones(3))
    with pytest.raises(ValueError, match=r"b must have shape \(6,\) or \(6, k\) .* got \(5,\)"):
        lstsq(np.ones((6, 2)), np.ones(5))
    with pytest.raises(ValueError, match=r"b must have shape \(2, 6\) or \(2, 6, k\)"):
        lstsq(np.ones((2, 6, 2)), np.ones(6))
    with pytest.raises(ValueError, match="sketch_size must be at least 4, got 3"):
        lstsq(np.ones((6, 2)), np.ones(6), sketch_size=3)
    with pytest.raises(TypeError, match="callback must be callable"):
        lstsq(np.ones((6, 2)), np.ones(6), callback=3)
    with pytest.raises(TypeError, match="has no adjoint"):
        lstsq(lx.LinearMap.from_callables((6, 2), lambda x: np.ones((6, 2)) @ x), np.ones(6))


@pytest.mark.parametrize("m", [30, 500])
def test_solutions_beyond_the_largest_number_are_no_success(m):
    a = np.random.default_rng(0).standard_normal((m, 4)) * 1e-310
    with pytest.warns(lx.ConvergenceWarning) as caught:
        result = lx.randomized.lstsq(a, np.ones(m), rng=0)
    assert len(caught) == 1 and result.status is lx.Status.BREAKDOWN
