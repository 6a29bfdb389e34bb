"""Truncated SVD: near the least error, with an error estimate that can be trusted."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator

import linalgx as lx

METHODS = ("krylov", "subspace", "single_pass")


def spectrum(name, count):
    j = np.arange(1, count + 1)
    return {
        "harmonic": 1.0 / j,
        "geometric": 0.9**j,
        "step": np.where(j <= 10, 1.0, 1e-3),
        "flat": np.ones(count),
    }[name]


def with_values(s, m, n, *, seed=0, complex_=False):
    """Matrix with given singular values and random vectors."""
    rng = np.random.default_rng(seed)
    k = len(s)

    def isometry(rows):
        x = rng.standard_normal((rows, k))
        return np.linalg.qr(x + 1j * rng.standard_normal((rows, k)) if complex_ else x)[0]

    return (isometry(m) * s) @ isometry(n).conj().T


def left(a, result):
    """‖A − U diag(s) Vᴴ‖_F."""
    return np.linalg.norm(a - (result.u * result.s) @ result.vh)


def least(s, k):
    return np.linalg.norm(np.sort(s)[::-1][k:])


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(("m", "n"), [(120, 60), (60, 120), (70, 70)])
@pytest.mark.parametrize("name", ["harmonic", "geometric", "step"])
def test_krylov_reaches_the_least_error(name, m, n, complex_):
    s = spectrum(name, 60)
    a = with_values(s, m, n, complex_=complex_)
    result = lx.randomized.svd(a, 10, rng=0)
    assert result.converged
    np.testing.assert_allclose(result.s, s[:10], rtol=1e-6)
    assert left(a, result) <= least(s, 10) * (1 + 1e-7)
    unit = 100 * np.finfo(float).eps
    assert np.linalg.norm(result.u.conj().T @ result.u - np.eye(10)) < unit
    assert np.linalg.norm(result.vh @ result.vh.conj().T - np.eye(10)) < unit
    gaps = (
        a.conj().T @ result.u - result.vh.conj().T * result.s,
        a @ result.vh.conj().T - result.u * result.s,
    )
    small, large = sorted(np.max(np.linalg.norm(gap, axis=0)) for gap in gaps)
    assert large <= result.residual * s[0] * (1 + 1e-6) + unit
    assert small < unit


def test_on_every_leg(leg):
    """In the precision of the leg, from either side; the same spaces as the full decomposition."""
    a = leg.randsvd(24, 15, cond=1e4, mode="geometric")
    host = leg.to_numpy(a).astype(np.complex128)
    u, s, vh = np.linalg.svd(host, full_matrices=False)
    for turned in (False, True):
        given = leg.asarray(leg.to_numpy(a).conj().T) if turned else a
        result = lx.randomized.svd(given, 4, rng=0)
        ru, rs, rv = (leg.to_numpy(x) for x in (result.u, result.s, result.vh))
        if turned:
            ru, rv = rv.conj().T, ru.conj().T
        assert rs.dtype == leg.real_name
        np.testing.assert_allclose(rs, s[:4], rtol=1e-5)
        assert np.linalg.norm(ru @ ru.conj().T - u[:, :4] @ u[:, :4].conj().T) < 1e-3
        assert np.linalg.norm(rv.conj().T @ rv - vh[:4].conj().T @ vh[:4]) < 1e-3


@pytest.mark.parametrize("name", ["harmonic", "geometric", "step"])
def test_one_look_stays_below_the_expectation(name):
    """Halko, Martinsson, Tropp, q = 0: E‖A − QQᴴA‖ ≤ (1 + k/(p − 1))^½ (Σ_{j>k} s_j²)^½.

    The median of 21 runs. The truncation of QQᴴA to rank k adds, in squares, at most the least
    error; each further step comes nearer to that.
    """
    s, k, p = spectrum(name, 50), 8, 10
    a = with_values(s, 80, 50)
    bounds = [(2 + k / (p - 1)) ** 0.5 * least(s, k), 1.05 * least(s, k), 1.01 * least(s, k)]
    for steps, bound in enumerate(bounds):
        errors = []
        for seed in range(21):
            options = {"method": "subspace", "oversample": p, "maxiter": steps, "rng": seed}
            errors.append(left(a, lx.randomized.svd(a, k, **options)))
        assert least(s, k) * (1 - 1e-12) <= np.median(errors) <= bound


@pytest.mark.parametrize("block_size", [None, 1, 3, 5])
@pytest.mark.parametrize("tail", ["harmonic", "step"])
def test_copies_of_multiple_values_are_found(block_size, tail):
    """Twenty equal singular values; blocks smaller than that see only as many copies each."""
    rest = 1.0 / np.arange(21, 101) if tail == "harmonic" else np.full(80, 1e-3)
    s = np.r_[np.ones(20), rest]
    a = with_values(s, 150, 100)
    result = lx.randomized.svd(a, 20, block_size=block_size, rng=0)
    assert result.converged
    assert left(a, result) <= least(s, 20) * (1 + 1e-6)


@pytest.mark.parametrize("block_size", [1, 4])
def test_copies_inside_the_spectrum_are_found(block_size):
    s = np.r_[3.0, 2.5, np.full(6, 1.0), 0.6 * 0.9 ** np.arange(72)]
    a = with_values(s, 80, 90)
    result = lx.randomized.svd(a, 8, block_size=block_size, rng=1)
    np.testing.assert_allclose(result.s, s[:8], rtol=1e-6)
    assert left(a, result) <= least(s, 8) * (1 + 1e-6)


def sparse_example(seed=0):
    rng = np.random.default_rng(seed)
    a = sparse.random(300, 200, density=0.05, rng=rng, data_rvs=rng.standard_normal)
    scale = sparse.diags_array(1.0 / np.arange(1, 301) ** 0.5)
    return (scale @ a).tocsr()


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("kind", ["stored", "operator"])
@pytest.mark.parametrize("method", METHODS)
def test_the_estimated_error_is_calibrated(method, kind):
    """Within [0.8, 1.25] of the true one in nine of ten runs."""
    examples = {x: with_values(spectrum(x, 80), 120, 80) for x in ("harmonic", "geometric", "step")}
    examples["flat"] = np.random.default_rng(1).standard_normal((120, 80))
    examples["sparse"] = sparse_example()
    for name, a in examples.items():
        dense = a.toarray() if name == "sparse" else a
        given = a if kind == "stored" else lx.LinearMap(a)
        ratios = []
        for seed in range(20):
            result = lx.randomized.svd(given, 10, method=method, maxiter=3, rng=seed)
            ratios.append(result.error / left(dense, result))
        good = sum(0.8 <= r <= 1.25 for r in ratios)
        assert good >= 18, (name, sorted(ratios))
        assert 0.9 < np.median(ratios) < 1.1


@pytest.mark.parametrize("method", METHODS)
def test_fewer_values_than_asked_for(method):
    """Zeros for what is missing, orthonormal vectors, and an error at rounding level."""
    for a in (with_values(np.asarray([2.0, 1.0]), 30, 20), np.zeros((30, 20))):
        for given in (a, a.T, lx.LinearMap(a)):
            result = lx.randomized.svd(given, 5, method=method, rng=0)
            assert result.converged
            assert result.u.shape[-1] == 5
            np.testing.assert_allclose(result.s[2:], 0.0, atol=1e-14)
            np.testing.assert_allclose(result.u.T @ result.u, np.eye(5), atol=1e-13)
            np.testing.assert_allclose(result.vh @ result.vh.T, np.eye(5), atol=1e-13)
            assert left(a if given is not a.T and given.shape == a.shape else a.T, result) < 1e-13
            assert result.error < 1e-13


def test_small_values_keep_their_digits():
    """Beyond the root of eps, where eigenvalues of WᴴW say nothing."""
    s = 0.1 ** np.arange(14.0)
    a = with_values(s, 60, 40)
    result = lx.randomized.svd(a, 12, rng=0)
    np.testing.assert_allclose(result.s, s[:12], rtol=1e-3, atol=1e-15)
    assert left(a, result) < 1.2e-12
    assert 0.8 < result.error / left(a, result) < 1.25
    np.testing.assert_allclose(result.u.T @ result.u, np.eye(12), atol=1e-13)


@pytest.mark.parametrize("block_size", [None, 3])
def test_all_triplets(block_size):
    """The rank may be the whole shorter side."""
    a = np.random.default_rng(0).standard_normal((9, 7))
    for rank in (6, 7):
        result = lx.randomized.svd(a, rank, block_size=block_size, rng=0)
        assert result.converged
        np.testing.assert_allclose(result.s, np.linalg.svd(a)[1][:rank], rtol=1e-10)


@pytest.mark.parametrize("name", ["harmonic", "geometric", "step"])
@pytest.mark.parametrize("rtol", [0.3, 1e-2, 1e-5])
@pytest.mark.parametrize("kind", ["stored", "wide", "operator"])
def test_the_error_chooses_the_rank(name, rtol, kind):
    """The least rank that meets it, or one more where the estimate decides."""
    s = spectrum(name, 100)
    a = with_values(s, 150, 100)
    a = a.T if kind == "wide" else a
    result = lx.randomized.svd(lx.LinearMap(a) if kind == "operator" else a, rtol=rtol, rng=0)
    assert result.converged
    size = np.linalg.norm(s)
    assert left(a, result) <= rtol * size * (1 + 0.02)
    wanted = next(k for k in range(101) if least(s, k) <= rtol * size)
    assert wanted <= len(result.s) <= wanted + 1 + wanted // 25
    if len(result.s) < 100:
        assert 0.8 <= result.error / left(a, result) <= 1.25


def test_errors_below_the_root_of_eps():
    """Where the difference of squares cancels."""
    s = 0.3 ** np.arange(40.0)
    a = with_values(s, 80, 60)
    for rtol in (1e-9, 1e-12):
        result = lx.randomized.svd(a, rtol=rtol, rng=0)
        assert result.converged
        assert left(a, result) <= 1.05 * rtol * np.linalg.norm(s)
        wanted = next(k for k in range(41) if least(s, k) <= rtol * np.linalg.norm(s))
        assert abs(len(result.s) - wanted) <= 1


def test_a_zero_matrix_has_rank_zero():
    result = lx.randomized.svd(np.zeros((6, 4)), rtol=0.1, rng=0)
    assert result.u.shape == (6, 0)
    assert result.vh.shape == (0, 4)
    assert result.converged
    assert lx.randomized.svd(np.eye(5), rtol=1e-15, rng=0).s.shape == (5,)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_no_entries(shape):
    for options in ({"rank": 0}, {"rtol": 0.1}):
        result = lx.randomized.svd(np.zeros(shape), **options)
        assert result.u.shape == (shape[0], 0)
        assert result.vh.shape == (0, shape[1])
        assert result.converged


def test_a_tolerance_of_the_residual():
    s = spectrum("harmonic", 200)
    a = with_values(s, 300, 200)
    for rtol in (1e-4, 1e-8, 1e-12):
        result = lx.randomized.svd(a, 20, rtol=rtol, rng=0)
        assert result.converged
        gap = a.T @ result.u - result.vh.T * result.s
        assert np.max(np.linalg.norm(gap, axis=0)) <= rtol * 1.01
        assert result.residual == pytest.approx(np.max(np.linalg.norm(gap, axis=0)), rel=0.1)


def test_a_tolerance_of_subspace_iteration():
    a = with_values(spectrum("geometric", 60), 90, 60)
    result = lx.randomized.svd(a, 5, method="subspace", rtol=1e-9, rng=0)
    assert result.converged
    assert np.linalg.norm(a @ result.vh.T - result.u * result.s, axis=0).max() <= 1e-9 * 0.9
    assert result.iterations > 2


def test_limits_are_kept():
    """Products are counted; a limit that stops the run is said."""
    a = np.random.default_rng(0).standard_normal((90, 60))
    for options, products in (({"maxiter": 0}, 3), ({"maxiter": 2}, 7), ({"passes": 6}, 5)):
        counted = lx.LinearMap(a)
        with pytest.warns(lx.ConvergenceWarning, match="residual"):
            result = lx.randomized.svd(counted, 5, rng=0, **options)
        assert result.status is lx.Status.MAXITER
        assert counted.matmat_count == products + 1  # and the one that estimates the error
    counted = lx.LinearMap(a)
    lx.randomized.svd(counted, 5, method="single_pass", rng=0)
    assert counted.matmat_count == 2
    counted = lx.LinearMap(a)
    lx.randomized.svd(counted, 5, method="subspace", rng=0)
    assert counted.matmat_count == 8


def test_batches_take_the_same_draws():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((2, 3, 20, 12)) * 0.5 ** np.arange(12)
    result = lx.randomized.svd(a, 3, rng=5)
    assert result.error.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = lx.randomized.svd(a[i, j], 3, rng=5)
        np.testing.assert_allclose(result.u[i, j], one.u, atol=1e-12)
        np.testing.assert_allclose(result.error[i, j], one.error)
    with pytest.raises(ValueError, match=r"rtol without a rank needs one matrix.*\(2, 3\)"):
        lx.randomized.svd(a, rtol=0.1)


@pytest.mark.parametrize("rank", [0, 5, 64])
def test_ranks_outside_are_refused(rank):
    with pytest.raises(
        ValueError, match=rf"rank must lie in \[1, 4\] for a of shape \(4, 9\), got {rank}"
    ):
        lx.randomized.svd(np.ones((4, 9)), rank)


def test_other_refusals():
    a = np.eye(3)
    with pytest.raises(ValueError, match="rank must be given unless rtol is"):
        lx.randomized.svd(a)
    for options in ({"block_size": 0}, {"oversample": -1}, {"passes": 2}, {"maxiter": -1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            lx.randomized.svd(a, 1, **options)
    with pytest.raises(TypeError, match="rank must be an integer"):
        lx.randomized.svd(a, 1.5)


@pytest.mark.parametrize("method", METHODS)
def test_an_operator_without_adjoint(method):
    forward = LinearOperator((5, 4), matvec=lambda x: np.ones((5, 4)) @ x, dtype=float)
    with pytest.raises(TypeError, match="adjoint"):
        lx.randomized.svd(forward, 2, method=method)
    forward = lx.LinearMap.from_callables((5, 4), lambda x: np.ones((5, 4)) @ x)
    with pytest.raises(TypeError, match="adjoint"):
        lx.randomized.svd(forward, 2, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_adjoint_is_seen(method):
    """As a residual that stays, or as an error estimate of the size of the matrix."""
    a = np.random.default_rng(0).standard_normal((30, 20))
    wrong = lx.LinearMap.from_callables(a.shape, lambda x: a @ x, lambda y: -a[::-1].T @ y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)
        result = lx.randomized.svd(wrong, 3, method=method, maxiter=2, rtol=1e-3, rng=0)
    assert not result.converged


def test_callables_in_single_precision():
    a = with_values(spectrum("geometric", 30), 40, 30).astype(np.float32)
    given = lx.LinearMap.from_callables(
        a.shape, lambda x: a @ x, lambda y: a.T @ y, dtype="float32"
    )
    result = lx.randomized.svd(given, 4, rng=0)
    assert result.u.dtype == result.s.dtype == np.float32
    np.testing.assert_allclose(result.s, spectrum("geometric", 4), rtol=1e-5)


def test_the_story_of_a_run():
    seen = []
    a = with_values(spectrum("harmonic", 60), 80, 60)
    result = lx.randomized.svd(a, 6, rng=0, callback=seen.append)
    assert result.iterations == len(result.history) - 1 == seen[-1].k
    assert np.all(np.diff([state.x[0] for state in seen]) >= -1e-14)
    assert result.history[-1] < result.history[0]
    assert "error" in repr(result)


def test_one_seed_one_answer():
    a = with_values(spectrum("harmonic", 60), 80, 60)
    first, again, other = (lx.randomized.svd(a, 5, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.u, again.u)
    assert not np.array_equal(first.u, other.u)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, lx.LinearMap])
@pytest.mark.parametrize("name", ["1/j", "j^-2", "j^-1/2", "0.9^j", "late step"])
def test_values_are_accurate_without_a_tolerance(name, make):
    """Small values among large ones, too: the promise is relative to each of them."""
    j = np.arange(1.0, 201.0)
    s = {
        "1/j": 1 / j, "j^-2": j**-2, "j^-1/2": j**-0.5, "0.9^j": 0.9**j,
        "late step": np.where(j <= 18, 1 / j, 0.3 / j),
    }[name]  # fmt: skip
    for seed in range(3):
        result = lx.randomized.svd(make(with_values(s, 300, 200)), 20, rng=seed)
        assert result.converged
        assert np.max(np.abs(result.s / s[:20] - 1)) <= 2e-6


@pytest.mark.parametrize("rtol", [0.0, 1e-17])
def test_no_error_below_rounding_is_claimed(rtol):
    a = np.random.default_rng(0).standard_normal((30, 20))
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.randomized.svd(a, rtol=rtol, rng=0)
    assert not result.converged and result.residual >= 2e-16
    assert result.s.shape == (20,)


@pytest.mark.parametrize("options", [{"oversample": 10}, {"block_size": 12}])
def test_blocks_larger_than_the_rank_of_the_matrix(leg, options):
    """The Gram matrix then has roots that are negative by rounding."""
    s = np.array([4.0, 3.0, 2.0, 1.0])
    a = leg.asarray((leg.isometry(40, 4) * s) @ leg.isometry(30, 4, seed=1).conj().T)
    result = lx.randomized.svd(a, 3, rng=0, **options)
    np.testing.assert_allclose(leg.to_numpy(result.s), s[:3], rtol=100 * leg.eps)
    assert 0.8 <= result.error / s[3] <= 1.25


def test_a_limit_that_cuts_further_digits_short_is_no_failure():
    a = with_values(0.9 ** np.arange(100), 150, 100)
    result = lx.randomized.svd(a, 20, maxiter=2, rng=0)
    assert result.converged
    assert result.iterations == 2
    assert np.max(np.abs(result.s / 0.9 ** np.arange(20) - 1)) <= 2e-6
