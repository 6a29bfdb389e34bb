"""Cholesky and QR by pairs: factors at every moment, hard matrices, and the potential."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

import linalgx as lx
from linalgx.jacobi._pivoting import RULES

PASS = 30


def unfinished(function, *args, **options):
    with pytest.warns(lx.ConvergenceWarning, match="stopped after"):
        return function(*args, **options)


def signed(q, r):
    """QR with a positive diagonal."""
    d = np.diagonal(r)
    phase = d / np.abs(d)
    return q * phase, phase.conj()[:, None] * r


def gap(a, b):
    """Distance in units of n eps ‖B‖."""
    n = max(*b.shape, 1)
    return np.linalg.norm(a - b) / (n * np.finfo(a.dtype).eps * np.linalg.norm(b))


# --- QR --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("complex_", [False, True])
def test_random_pairs_give_the_r_of_householder(seed, complex_):
    """To 3 eps, 15 x 10, after about 12 times n(n−1)/2 pairs."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((15, 10)) + 1j * complex_ * rng.standard_normal((15, 10))
    a, seen = a if complex_ else a.real, []
    _, r = lx.jacobi.qr(a, rng=seed, callback=lambda state: seen.append(state.k))
    _, expected = signed(*np.linalg.qr(a))
    assert np.max(np.abs(r - expected)) <= 3 * np.finfo(float).eps * np.linalg.norm(a, 2)
    assert 4 <= seen[-1] / 45 <= 25


@pytest.mark.parametrize("rule", RULES)
def test_qr_at_every_moment(leg, rule):
    """A = Q R after every iteration, R triangular, columns of unit length."""
    a = leg.randn(6, 4, seed=1)
    for steps in (0, 1, 2, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lx.ConvergenceWarning)
            q, r = lx.jacobi.qr(a, pivoting=rule, maxiter=steps, rng=0)
        assert leg.matches(q)
        assert leg.matches(r)
        q, r = leg.to_numpy(q), leg.to_numpy(r)
        assert gap(q @ r, leg.to_numpy(a)) < 3
        assert not np.any(np.tril(r, -1))
        np.testing.assert_allclose(np.linalg.norm(q, axis=0), 1.0, rtol=5 * leg.eps)
        if steps == 0:
            np.testing.assert_array_equal(r != 0, np.eye(4, dtype=bool))


def test_each_pair_is_orthogonal_after_its_turn():
    """One sweep by rows is the modified Gram-Schmidt method."""
    a = np.random.default_rng(2).standard_normal((9, 6))
    d = 10.0 ** -np.arange(6)
    q, r = lx.jacobi.qr(a * d, pivoting="cyclic", maxiter=1)  # and nothing is left to do
    expected_q, expected_r = signed(*np.linalg.qr(a))
    np.testing.assert_allclose(q, expected_q, atol=1e-13)
    np.testing.assert_allclose(r / d, expected_r, atol=1e-13)


def hard_columns():
    i = np.arange(20)
    rng = np.random.default_rng(3)
    grades = 10.0 ** np.linspace(0, -20, 20)
    rng.shuffle(grades)
    zero = rng.standard_normal((20, 20))
    zero[:, [0, 7, 19]] = 0.0
    return {
        "hilbert": lx.gallery.hilbert(20),
        "kahan": lx.gallery.kahan(20, c=np.cos(1.2)),
        "columns graded": rng.standard_normal((20, 20)) * grades,
        "rows graded": rng.standard_normal((20, 20)) * grades[:, None],
        "companion": lx.gallery.companion_exp(20),
        "one column": np.outer(rng.standard_normal(20), np.ones(20)),
        "rank three": rng.integers(-3, 4, (20, 3)) @ rng.integers(-3, 4, (3, 20)) * 1.0,
        "zero columns": zero,
        "zero": np.zeros((20, 20)),
        "one entry": (i == 4)[:, None] * (i == 11) * 5.0,
        "huge": rng.standard_normal((20, 20)) * 1e300,
        "tiny": rng.standard_normal((20, 20)) * 1e-300,
        "from tiny to huge": rng.standard_normal((20, 20)) * 10.0 ** np.linspace(-150, 150, 20),
    }


@pytest.mark.parametrize("rule", ["uniform", "matching", "cyclic"])
@pytest.mark.parametrize("name", hard_columns())
def test_hard_columns(name, rule):
    a = hard_columns()[name]
    q, r = lx.jacobi.qr(a, rng=0, pivoting=rule)
    assert max(lx.testing.qr_ratios(a, q, r)) < PASS
    assert np.all(np.diagonal(r) >= 0)
    top = np.max(np.abs(a), axis=0)
    top[top == 0] = 1.0
    error = np.linalg.norm(q @ (r / top) - a / top, axis=0)  # of each column by itself
    assert np.all(error <= 20 * np.finfo(float).eps * np.linalg.norm(a / top, axis=0))


def test_zero_columns_are_completed(leg):
    host = np.asarray([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    batch = np.stack([host, np.eye(4, 3), 0 * host])
    q, r = lx.jacobi.qr(leg.asarray(batch), rng=0)
    q, r = leg.to_numpy(q), leg.to_numpy(r)
    eye = np.broadcast_to(np.eye(3), (3, 3, 3))
    np.testing.assert_allclose(np.conj(np.swapaxes(q, 1, 2)) @ q, eye, atol=20 * leg.eps)
    np.testing.assert_allclose(q @ r, batch, atol=20 * leg.eps)
    assert np.all(r[0, [0, 2], [0, 2]] == 0)
    assert not np.any(r[2])


def test_wide_matrices_are_those_of_their_first_columns():
    a = np.random.default_rng(4).standard_normal((4, 7))
    q, r = lx.jacobi.qr(a, rng=0)
    first_q, first_r = lx.jacobi.qr(a[:, :4], rng=0)
    np.testing.assert_array_equal(q, first_q)
    np.testing.assert_array_equal(r[:, :4], first_r)
    assert max(lx.testing.qr_ratios(a, q, r)) < PASS


# --- Cholesky --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_cholesky_at_every_moment(leg, rule):
    """A = L B Lᴴ after every iteration; B has a diagonal of ones."""
    x = leg.randn(8, 5, seed=5)
    host = leg.to_numpy(x)
    a = leg.asarray(host.conj().T @ host)
    for steps in (0, 1, 2, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lx.ConvergenceWarning)
            low, b = lx.jacobi.cholesky(a, pivoting=rule, maxiter=steps, rng=0)
        assert leg.matches(low)
        assert leg.matches(b)
        low, b = leg.to_numpy(low), leg.to_numpy(b)
        assert gap(low @ b @ low.conj().T, leg.to_numpy(a)) < 3
        assert not np.any(np.triu(low, 1))
        assert np.all(np.diagonal(b) == 1)
        np.testing.assert_array_equal(b, b.conj().T)
        if steps == 0:
            np.testing.assert_array_equal(low != 0, np.eye(5, dtype=bool))


@pytest.mark.parametrize("rule", RULES)
def test_cholesky_is_that_of_the_library(rule):
    x = np.random.default_rng(6).standard_normal((30, 12))
    low, b = lx.jacobi.cholesky(x.T @ x, pivoting=rule, rng=0)
    assert gap(low, np.linalg.cholesky(x.T @ x)) < PASS
    np.testing.assert_allclose(b, np.eye(12), atol=12 * np.finfo(float).eps)


@pytest.mark.parametrize("rule", ["uniform", "matching", "cyclic"])
def test_cholesky_does_not_feel_the_scaling(rule):
    """Errors of D H D are relative to the rows, over three hundred decades."""
    n = 16
    i = np.arange(n)
    d = 10.0 ** np.random.default_rng(7).permutation(np.linspace(-150, 150, n))
    h = 0.5 ** np.abs(i[:, None] - i)
    low, b = lx.jacobi.cholesky(d * h * d[:, None], pivoting=rule, rng=0)
    expected = np.linalg.cholesky(h)
    np.testing.assert_allclose(low / d[:, None], expected, rtol=0, atol=n * np.finfo(float).eps)
    np.testing.assert_allclose(b, np.eye(n), atol=n * np.finfo(float).eps)


def test_powers_of_two_change_nothing():
    """The scaling by rows is exact, so the same numbers come out."""
    i = np.arange(9)
    h = 0.5 ** np.abs(i[:, None] - i)
    d = 2.0 ** np.asarray([3, -40, 0, 17, 200, -200, 5, 1, -7])
    one, other = (lx.jacobi.cholesky(a, rng=0) for a in (h, d * h * d[:, None]))
    np.testing.assert_array_equal(other.l, d[:, None] * one.l)
    np.testing.assert_array_equal(other.b, one.b)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "a",
    [
        [[1.0, 2.0], [2.0, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[-1.0, 0.0], [0.0, 1.0]],
        [[0.0, 0.0], [0.0, 1.0]],
        [[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]],
    ],
)
def test_what_is_not_definite_is_refused(a, rule):
    for call in (lambda a: lx.jacobi.cholesky(a, pivoting=rule, rng=0), lx.jacobi.potential):
        with pytest.raises(lx.LinAlgError, match="positive definite"):
            call(np.asarray(a))
        with pytest.raises(lx.LinAlgError, match="positive definite"):
            call(np.stack([np.eye(len(a)), a]))


# --- what both share -------------------------------------------------------------------------

BOTH = (lx.jacobi.qr, lx.jacobi.cholesky)


def problem(n=8):
    x = np.random.default_rng(8).standard_normal((2 * n, n))
    return x.T @ x


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("pivoting", ["uniform", "matching"])
@pytest.mark.parametrize("block", [3, 4, 8])
def test_blocks(function, pivoting, block):
    out = function(problem(), pivoting=pivoting, block=block, rng=0)
    pair = function(problem(), rng=0)
    assert gap(out[0], pair[0]) < PASS
    if block == 8:  # all columns at once
        out = function(problem(), pivoting=pivoting, block=8, rng=0, maxiter=1)
        assert gap(out[0], pair[0]) < PASS


@pytest.mark.parametrize("function", BOTH)
def test_the_callback_sees_the_cosines_fall(function):
    seen, a = [], problem()
    function(a, rng=0, callback=lambda state: seen.append((state.k, state.residual)))
    assert [k for k, _ in seen] == list(range(len(seen)))
    d = np.sqrt(np.diagonal(a)) if function is lx.jacobi.cholesky else np.linalg.norm(a, axis=0)
    b = a if function is lx.jacobi.cholesky else a.T @ a
    start = np.max(np.abs(b / d / d[:, None] - np.eye(8)))
    assert seen[0][1] == pytest.approx(start, rel=1e-12)
    assert seen[-1][1] <= np.sqrt(8) * np.finfo(float).eps
    rotated = [later != before for (_, before), (_, later) in pairwise(seen)]
    assert any(rotated)


@pytest.mark.parametrize("function", BOTH)
def test_stopping_returns_the_factors_so_far(function):
    def stop(state):
        if state.k == 3:
            raise StopIteration

    out = function(problem(), rng=0, callback=stop)  # without a warning
    assert gap(out[0], unfinished(function, problem(), rng=0, maxiter=3)[0]) == 0


@pytest.mark.parametrize("function", BOTH)
def test_a_batch_takes_the_same_pairs(function):
    many = function(np.stack([problem(), 2 * np.eye(8), 3 * problem()]), rng=0)
    assert gap(many[0][0], function(problem(), rng=0)[0]) < 1
    np.testing.assert_array_equal(many[0][1] != 0, np.eye(8, dtype=bool))


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize("complex_", [False, True])
def test_kernels_do_what_the_generic_code_does(function, complex_, monkeypatch):
    x = np.random.default_rng(9).standard_normal((3, 2, 7, 5))
    x = x[0] + 1j * complex_ * x[1]
    a = x if complex_ else x.real
    a = a if function is lx.jacobi.qr else np.conj(np.swapaxes(a, 1, 2)) @ a
    fast = unfinished(function, a, rng=0, maxiter=20)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    plain = unfinished(function, a, rng=0, maxiter=20)
    for one, other in zip(fast, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13 * np.abs(other).max())


@pytest.mark.parametrize("function", BOTH)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"pivoting": "best"}, ValueError, "pivoting must be one of 'cyclic', .* got 'best'"),
        ({"callback": 3}, TypeError, "callback must be callable, got 3"),
        ({"block": 1}, ValueError, "block must be at least 2, got 1"),
        ({"block": 4}, ValueError, r"block must lie in \[2, 3\] for matrices of 3 columns, got 4"),
        ({"block": 3, "pivoting": "cyclic"}, ValueError, "block must be 2 with pivoting 'cyclic'"),
        ({"block": 2.0}, TypeError, "block must be an integer"),
        ({"maxiter": -1}, ValueError, "maxiter must be at least 0"),
        ({"rng": "seed"}, TypeError, "rng must be"),
    ],
)
def test_errors_name_the_argument(function, options, error, message):
    with pytest.raises(error, match=message):
        function(np.eye(3), **options)


# --- the potential ---------------------------------------------------------------------------


def test_potential_of_a_decaying_matrix(leg):
    """B_ij = 2^−|i−j| has a tridiagonal inverse: Γ = 5(n − 2)/3 + 8/3 − n, 10 for n = 16."""
    for n in (2, 3, 16):
        i = np.arange(n)
        gamma = lx.jacobi.potential(leg.asarray(0.5 ** np.abs(i[:, None] - i)))
        assert leg.matches(gamma)
        expected = 5 * (n - 2) / 3 + 8 / 3 - n
        assert float(gamma) == pytest.approx(expected, rel=10 * n * leg.eps)


def test_potential_does_not_feel_the_scaling(leg):
    i = np.arange(16)
    k = (7 * i) % 16 * (2 if leg.real_name == "float32" else 30)
    d = 0.5 ** k.astype(float)
    gamma = lx.jacobi.potential(leg.asarray(d * 0.5 ** np.abs(i[:, None] - i) * d[:, None]))
    assert float(gamma) == pytest.approx(10.0, rel=200 * leg.eps)


def test_potential_is_the_sum_over_eigenvalues(leg):
    x = leg.to_numpy(leg.randn(3, 20, 6, seed=1))
    b = np.conj(np.swapaxes(x, -1, -2)) @ x
    gamma = leg.to_numpy(lx.jacobi.potential(leg.asarray(b)))
    assert gamma.shape == (3,)
    assert gamma.dtype == leg.real_name
    d = np.sqrt(np.diagonal(b, axis1=-2, axis2=-1).real)
    w = np.linalg.eigvalsh(b / d[:, :, None] / d[:, None, :])
    np.testing.assert_allclose(gamma, np.sum((1 - w) ** 2 / w, axis=-1), rtol=200 * leg.eps)


def test_potential_keeps_its_digits_near_convergence():
    """tr B⁻¹ − n would lose all of them: Γ = 2 c²/(1 − c²) for two rows with cosine c."""
    for c in (1e-3, 1e-10, 1e-100):
        b = np.asarray([[1.0, c], [c, 1.0]])
        assert lx.jacobi.potential(b) == pytest.approx(2 * c * c / (1 - c * c), rel=1e-14)
    assert lx.jacobi.potential(np.diag([1.0, 5.0, 1e-300])) == 0.0


def test_auto_is_the_tournament():
    a = np.random.default_rng(0).standard_normal((8, 5))
    for function, x in ((lx.jacobi.qr, a), (lx.jacobi.cholesky, a.T @ a)):
        found = [function(x, pivoting=pivoting) for pivoting in ("auto", "tournament")]
        assert all(np.array_equal(u, v) for u, v in zip(*found, strict=True))


def test_potential_names_what_is_not_definite():
    with pytest.raises(lx.LinAlgError, match="b is not positive definite"):
        lx.jacobi.potential(np.ones((3, 3)))
