"""Approximations from one look at a matrix: exact cases, bounds in the mean, error estimates."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.randomized._nystrom import shifted_factor
from linalgx.randomized._one_pass import projected

nystrom, generalized = lx.randomized.nystrom, lx.randomized.generalized_nystrom
SPECTRA = {
    "1/j": 1.0 / np.arange(1, 121),
    "0.9^j": 0.9 ** np.arange(120),
    "0.5^j": 0.5 ** np.arange(120),
    "step": np.r_[np.ones(10), np.full(110, 1e-3)],
}


def low_rank(leg, n, rank, *, seed=0):
    """Semidefinite host matrix with eigenvalues 1, 1/2, ..., rank of them."""
    q = leg.isometry(n, rank, seed)
    return (q * 0.5 ** np.arange(rank)) @ q.conj().T


def fro(x):
    return float(np.linalg.norm(x))


def test_semidefinite_matrices_of_low_rank_are_found_exactly(leg):
    host = low_rank(leg, 30, 4)
    w, v, error = nystrom(leg.asarray(host), 4, rng=0)
    assert leg.matches(w) and leg.matches(v) and type(error) is float
    w, v = leg.to_numpy(w), leg.to_numpy(v)
    unit = 30 * leg.eps
    assert np.max(np.abs(w - 0.5 ** np.arange(3, -1, -1))) <= 10 * unit
    assert np.max(np.abs(v.conj().T @ v - np.eye(4))) <= 10 * unit
    assert fro(host - (v * w) @ v.conj().T) <= 30 * unit
    assert error <= 30 * unit


def test_any_matrix_of_low_rank_is_found_exactly(leg):
    s = 0.5 ** np.arange(4)
    host = (leg.isometry(30, 4) * s) @ leg.isometry(20, 4, 1).conj().T
    for rank, oversample in ((4, None), (4, 0), (7, None)):
        u, values, vh, error = generalized(leg.asarray(host), rank, oversample=oversample, rng=0)
        assert leg.matches(u) and leg.matches(values) and leg.matches(vh)
        u, values, vh = map(leg.to_numpy, (u, values, vh))
        unit = 300 * leg.eps
        assert np.max(np.abs(values - np.r_[s, np.zeros(rank - 4)])) <= unit
        assert np.max(np.abs(u.conj().T @ u - np.eye(rank))) <= unit
        assert np.max(np.abs(vh @ vh.conj().T - np.eye(rank))) <= unit
        assert fro(host - (u * values) @ vh) <= unit
        assert error <= unit


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_nystrom_meets_its_bound_and_its_estimate(spectrum):
    s, rank = SPECTRA[spectrum], 10
    a = np.diag(s)
    trace_errors, ratios = [], []
    for seed in range(100):
        w, v, error = nystrom(a, rank, rng=seed)
        rest = a - (v * w) @ v.T
        trace_errors.append(np.sum(np.abs(np.linalg.eigvalsh(rest))))
        ratios.append(error / fro(rest))
    # The mean before truncation; truncation adds at most the eigenvalues left out.
    assert np.median(trace_errors) <= (2 + rank / 9) * np.sum(s[rank:])
    assert np.mean([0.8 <= ratio <= 1.25 for ratio in ratios]) >= 0.9


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_generalized_nystrom_meets_its_bound_and_its_estimate(spectrum):
    s, rank, k, rows = SPECTRA[spectrum], 10, 20, 30
    a = np.diag(s)
    squares, ratios = [], []
    for seed in range(25):
        u, values, vh, error = generalized(a, rank, rng=seed)
        truth = fro(a - (u * values) @ vh)
        squares.append(truth**2)
        ratios.append(error / truth)
    tail = np.sum(s[rank:] ** 2)
    before = (1 + k / (rows - k - 1)) * (1 + rank / (k - rank - 1)) * tail
    assert np.median(squares) <= (np.sqrt(tail) + 2 * np.sqrt(before)) ** 2
    assert np.mean([0.8 <= ratio <= 1.25 for ratio in ratios]) >= 0.9


def test_the_estimate_is_right_in_the_mean_where_truncation_helps():
    """Before truncation the approximation of a flat spectrum is worse than after it."""
    a, ratios = np.eye(100), []
    for seed in range(60):
        u, values, vh, error = generalized(a, 1, rng=seed)
        ratios.append((error / fro(a - (u * values) @ vh)) ** 2)
    assert abs(np.mean(ratios) - 1.0) <= 0.1
    assert np.mean([0.64 <= ratio <= 1.5625 for ratio in ratios]) >= 0.9


def test_the_projected_form_is_that_of_the_paper(leg):
    """A X (Yᴴ A X)⁺ Yᴴ A, with a pseudoinverse that is well conditioned here."""
    rng = np.random.default_rng(3)
    a, x, y = (rng.standard_normal(size) for size in ((12, 9), (9, 3), (12, 5)))
    a = a + 1j * a[::-1] if leg.is_complex else a
    wanted = a @ x @ np.linalg.pinv(y.T @ a @ x) @ y.T @ a
    q = leg.asarray(np.linalg.qr(a @ x)[0])
    w = leg.asarray(a.conj().T @ y)
    u, s, vh = map(leg.to_numpy, projected(q, leg.asarray(y), w, xp=leg.xp))
    assert fro((u * s) @ vh - wanted) <= 1e3 * leg.eps * fro(wanted)


def test_the_shifted_factor_satisfies_its_equations(leg):
    host, omega = low_rank(leg, 12, 9), leg.randn(12, 5)
    y = leg.asarray(host) @ omega
    f, r, nu = shifted_factor(omega, y, xp=leg.xp)
    y, omega, f, r = map(leg.to_numpy, (y, omega, f, r))
    size = fro(y)
    assert fro(f @ r - (y + nu * omega)) <= 100 * leg.eps * size
    assert fro(r.conj().T @ r - omega.conj().T @ (y + nu * omega)) <= 1e3 * leg.eps * size
    assert fro(np.tril(r, -1)) == 0.0
    assert 0 < nu <= 10 * leg.eps * size


def test_the_shift_grows_until_the_core_is_definite():
    a, omega = np.diag([1.0, 0.5, -1e-13, -1e-13]), np.eye(4)
    xp = lx.LinearMap(a).xp
    nu = shifted_factor(omega, a @ omega, xp=xp)[2]
    assert 1e-13 < nu < 1e-11
    with pytest.raises(lx.LinAlgError, match="a must be positive semidefinite"):
        shifted_factor(omega, np.diag([1.0, 0.5, -1e-8, 0.0]), xp=xp)
    assert shifted_factor(omega, a @ omega, shift=1e-3, xp=xp)[2] == 1e-3
    f, _, nu = shifted_factor(omega, 0.0 * a, xp=xp)
    assert nu == 0.0 and not f.any()


def test_a_given_shift_is_in_the_units_of_the_matrix():
    a = 2.0**200 * np.diag(0.5 ** np.arange(20.0))
    w = nystrom(a, 2, shift=2.0**190, oversample=18, rng=0).w
    np.testing.assert_allclose(w, [2.0**199, 2.0**200], rtol=1e-12)


def test_indefinite_and_other_matrices_are_refused():
    a = np.diag(np.r_[np.ones(5), -np.ones(5)])
    with pytest.raises(lx.LinAlgError, match="positive semidefinite"):
        nystrom(a, 5, rng=0)
    with pytest.raises(ValueError, match="a must be Hermitian"):
        nystrom(lx.LinearMap(np.triu(np.ones((5, 5)))), 2, rng=0)
    with pytest.raises(ValueError, match="a must be Hermitian"):
        nystrom(np.array([[1.0 + 0.1j]]), 1, rng=0)


@pytest.mark.parametrize("f", [nystrom, generalized])
def test_ranks_out_of_range_are_refused(f):
    a = np.eye(6)
    for rank in (0, 7):
        with pytest.raises(ValueError, match=rf"rank must lie in \[1, 6\] .* got {rank}"):
            f(a, rank)
    with pytest.raises(TypeError, match="rank must be an integer"):
        f(a, 1.5)
    assert f(np.zeros((0, 0)), 0)[0].shape in ((0,), (0, 0))
    with pytest.raises(ValueError, match=r"rank must lie in \[0, 0\]"):
        f(np.zeros((0, 0)), 1)


@pytest.mark.parametrize("f", [nystrom, generalized])
def test_zero_matrices_and_single_numbers(leg, f):
    zero = f(leg.asarray(np.zeros((9, 9))), 3, rng=0)
    assert zero.error == 0.0
    for x in zero[:-1]:
        assert np.all(np.isfinite(leg.to_numpy(x)))
    one = f(leg.asarray([[2.0]]), 1, rng=0)
    values = leg.to_numpy(one.w if f is nystrom else one.s)
    assert abs(values[0] - 2.0) <= 30 * leg.eps


def test_one_look_is_enough():
    a = np.diag(0.5 ** np.arange(40.0))
    whole = lx.LinearMap(a)
    generalized(whole, 5, rng=0)
    assert whole.matmat_count == 2
    lonely = lx.LinearMap.from_callables((40, 40), lambda x: a @ x, xp="numpy", dtype="float64")
    np.testing.assert_array_equal(nystrom(lonely, 5, rng=0).w, nystrom(a, 5, rng=0).w)
    assert lonely.matmat_count == 1


@pytest.mark.parametrize("f", [nystrom, generalized])
def test_products_with_nan_are_never_a_success(f):
    def broken(x):
        y = x.copy()
        y[1, -1] = np.nan  # in a vector that only measures the error
        return y

    a = lx.LinearMap.from_callables((8, 8), broken, lambda y: y, xp="numpy", dtype="float64")
    with pytest.raises(lx.LinAlgError):
        f(a, 2, rng=0)


@pytest.mark.parametrize("cond", [1e8, 1e15])
def test_a_core_close_to_singular_does_no_harm(cond):
    """The sketch is wider than the numerical rank."""
    a = lx.gallery.randsvd(80, 60, cond=cond, rng=1)
    u, s, vh, error = generalized(a, 50, rng=0)
    truth = np.linalg.svd(a, compute_uv=False)
    assert fro(a - (u * s) @ vh) <= 30 * fro(truth[50:]) + 1e3 * 80 * 2.2e-16
    assert abs(s[0] - truth[0]) <= 30 * fro(truth[50:]) + 1e-13
    assert error <= 30 * fro(truth[50:]) + 1e-12
