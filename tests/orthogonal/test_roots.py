"""Roots: the equation they solve, honesty about it, and what happens to unfit matrices."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.orthogonal._newton_root import newton_inverse_root
from linalgx.orthogonal.roots import inverse_root, sqrt
from linalgx.testing import root_ratios

METHODS = ("eigh", "newton")


def definite(leg, n, cond, mode="geometric", seed=0, batch=()):
    """Hermitian positive definite matrix of this leg, exactly Hermitian."""
    dtype = "complex128" if leg.is_complex else "float64"
    a = lx.gallery.randsvd(
        n, cond=cond, mode=mode, definite=True, batch=batch, rng=seed, dtype=dtype
    )
    return leg.asarray(a)


def exact(n, cond, p):
    """Matrix and its root, both from their common eigenvectors."""
    q = np.asarray(lx.gallery.randsvd(n, cond=1.0, rng=7))
    w = np.geomspace(1, 1 / cond, n)
    a, x = (q * w) @ q.T, (q * w ** (-1 / p)) @ q.T
    return (a + a.T) / 2, x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p", [1, 2, 4, 7])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_inverse_root(leg, n, p, method):
    a = definite(leg, n, 1e3)
    result = inverse_root(a, p, method=method)
    assert result.converged
    assert leg.matches(result.x)
    assert result.x.dtype == a.dtype
    assert max(root_ratios(a, result.x, p)) < 30
    assert root_ratios(a, result.x, p).hermitian == 0
    assert result.residual < 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 10, 50])
def test_sqrt(leg, n, method):
    a = definite(leg, n, 100.0)
    result = sqrt(a, method=method)
    assert result.converged
    assert max(root_ratios(a, result.x, -2)) < 30
    assert root_ratios(a, result.x, -2).hermitian == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["arithmetic", "one_small", "one_large", "clustered"])
def test_spectra(leg, mode, method):
    cond = 1e10 if leg.eps < 1e-10 else 1e4
    a = definite(leg, 20, cond, mode)
    result = inverse_root(a, 4, method=method)
    assert result.converged
    assert max(root_ratios(a, result.x, 4)) < 30
    root = sqrt(a)
    assert root.converged
    assert max(root_ratios(a, root.x, -2)) < 30


@pytest.mark.parametrize("function", [lambda a, m: inverse_root(a, 2, method=m), None])
@pytest.mark.parametrize("method", METHODS)
def test_batch_equals_loop(leg, function, method):
    function = function or (lambda a, m: sqrt(a, method=m))
    a = definite(leg, 4, 30.0, "log_random", batch=(2, 3))
    # Members that need different numbers of steps.
    scale = np.asarray([1.0, 1e3, 1e-3, 1.0, 7.0, 1e-2]).reshape(2, 3, 1, 1)
    tilt = np.eye(4) * np.asarray([0.0, 0.1, 3.0, 0.0, 1.0, 10.0]).reshape(2, 3, 1, 1)
    a = leg.asarray(leg.to_numpy(a) * scale + tilt)
    whole = function(a, method)
    for i in range(2):
        for j in range(3):
            one = leg.to_numpy(function(a[i, j, ...], method).x)
            both = leg.to_numpy(whole.x)[i, j]
            assert np.linalg.norm(one - both) <= 50 * leg.eps * np.linalg.norm(one)
    assert function(a[:0, ...], method).converged


def test_iteration_counts():
    """The table of the iterations needed, to one or two steps."""
    expected = {
        (2, 2): (12, 23, 34),
        (2, 3): (10, 16, 24),
        (4, 2): (11, 20, 31),
        (4, 3): (10, 16, 22),
    }
    xp = lx.backend.namespace_of(np.eye(1))
    for (p, order), counts in expected.items():
        for cond, count in zip((1e2, 1e6, 1e10), counts, strict=True):
            a = exact(40, cond, p)[0]
            run = newton_inverse_root(a, p, order=order, maxiter=None, callback=None, xp=xp)
            assert abs(run.iterations - count) <= 1, (p, order, cond)


@pytest.mark.parametrize("p", [2, 4])
def test_the_residual_is_honest(p):
    """M equals I to the last bit while X has lost half of its digits; the residual says so."""
    a, x = exact(100, 1e10, p)
    result = inverse_root(a, p, method="newton")
    assert result.history[-1] < 1e-14
    error = np.linalg.norm(result.x - x) / np.linalg.norm(x)
    assert 1e-9 < error < 1e-6
    measured = np.linalg.norm(a @ np.linalg.matrix_power(result.x, p) - np.eye(100))
    assert 0.2 * measured < result.residual < 5 * measured
    assert result.residual > error


@pytest.mark.parametrize("method", METHODS)
def test_reference_accuracy(method):
    for p, cond in ((2, 1e2), (2, 1e6), (4, 1e6), (3, 1e10)):
        a, x = exact(60, cond, p)
        error = np.linalg.norm(inverse_root(a, p, method=method).x - x) / np.linalg.norm(x)
        assert error < 20 * cond * np.finfo(float).eps / p + 1e-14


def test_clamp_keeps_float32_accurate():
    """A floor of n·eps on the eigenvalues would cost a relative error of 0.3 here."""
    a, x = exact(128, 1e6, 4)
    a = a.astype(np.float32)
    with pytest.warns(lx.ConvergenceWarning):
        result = inverse_root(a, 4)
    assert np.linalg.norm(result.x - x) / np.linalg.norm(x) < 0.1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exponent", [-900, -300, 300, 900])
def test_scaling_is_exact(exponent, method):
    a = exact(6, 100.0, 2)[0]
    for p in (1, 2, 4):
        x = inverse_root(a, p, method=method).x
        scaled = inverse_root(a * 2.0**exponent, p, method=method)
        assert np.array_equal(scaled.x, x * 2.0 ** (-exponent // p))
        assert scaled.converged
    root = sqrt(a * 2.0**exponent, method=method).x
    assert np.array_equal(root, sqrt(a, method=method).x * 2.0 ** (exponent // 2))
    odd = inverse_root(a * 2.0**exponent, 7, method=method)
    assert max(root_ratios(a * 2.0**exponent, odd.x, 7)) < 30


def test_batches_of_different_scales():
    a = exact(5, 100.0, 2)[0]
    stack = np.stack([a * 1e-200, a, a * 1e200])
    result = inverse_root(stack, 3)
    assert max(max(root_ratios(m, x, 3)) for m, x in zip(stack, result.x, strict=True)) < 30


@pytest.mark.parametrize("method", METHODS)
def test_indefinite(leg, method):
    a = leg.asarray(np.diag([3.0, 1.0, -0.25]))
    with pytest.raises(lx.LinAlgError, match=r"eigenvalue -2\.500e-01.*ridge"):
        inverse_root(a, 2, method=method)
    with pytest.raises(lx.LinAlgError, match=r"eigenvalue -2\.500e-01"):
        sqrt(a, method=method)
    lifted = inverse_root(a, 2, method=method, ridge=0.5)
    assert lifted.converged
    expected = np.diag([3.5, 1.5, 0.25]) ** np.where(np.eye(3), -0.5, 1.0)
    assert np.linalg.norm(leg.to_numpy(lifted.x) - expected) < 50 * leg.eps
    with pytest.raises(lx.LinAlgError, match=r"eigenvalue -2\.500e-01"):
        inverse_root(a, 2, method=method, ridge=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p", [1, 2, 5])
def test_singular(leg, method, p):
    a = leg.asarray(np.diag([1.0, 0.5, 0.0]))
    with pytest.warns(lx.ConvergenceWarning, match="ridge") as caught:
        result = inverse_root(a, p, method=method)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not result.converged
    assert result.residual > 0.5
    assert np.all(np.isfinite(leg.to_numpy(result.x)))
    root = sqrt(a)
    assert root.converged
    np.testing.assert_allclose(
        leg.to_numpy(root.x), np.diag([1.0, 0.5**0.5, 0.0]), atol=4 * leg.eps
    )


@pytest.mark.parametrize("method", METHODS)
def test_zero(leg, method):
    zero = leg.asarray(np.zeros((3, 3)))
    with pytest.raises(lx.LinAlgError, match=r"eigenvalue 0\.000e\+00"):
        inverse_root(zero, 2, method=method)
    assert np.array_equal(leg.to_numpy(sqrt(zero, method=method).x), np.zeros((3, 3)))
    lifted = leg.to_numpy(inverse_root(zero, 2, method=method, ridge=4.0).x)
    assert np.linalg.norm(lifted - np.eye(3) / 2) < 10 * leg.eps


def test_hard_matrices():
    with pytest.warns(lx.ConvergenceWarning, match="smallest eigenvalue is"):
        inverse_root(lx.gallery.hilbert(30), 2)
    for method in METHODS:
        assert inverse_root(lx.gallery.hilbert(30), 2, ridge=1e-8, method=method).converged
    b = lx.gallery.triu_ones(40)
    assert inverse_root(b.T @ b, 4).converged
    assert sqrt(lx.gallery.hilbert(30)).converged


def test_covariance_of_few_samples():
    x = np.random.default_rng(0).standard_normal((10, 30))
    with pytest.warns(lx.ConvergenceWarning):
        assert not inverse_root(x.T @ x / 10, 2).converged
    assert inverse_root(x.T @ x / 10, 2, ridge=1e-3).converged


def test_whitening(leg):
    x = leg.to_numpy(leg.randn(200, 5)) @ np.diag([1.0, 2.0, 3.0, 5.0, 8.0])
    c = x.conj().T @ x
    c = (c + c.conj().T) / 2
    w = leg.to_numpy(inverse_root(leg.asarray(c), 2).x)
    assert np.linalg.norm(w @ c @ w - np.eye(5)) < 200 * leg.eps * np.linalg.cond(c) ** 0.5


def test_callback_sees_the_users_scale():
    a = exact(5, 50.0, 2)[0] * 1e40
    seen = []
    result = inverse_root(a, 2, method="newton", callback=seen.append)
    assert [state.k for state in seen] == list(range(result.iterations + 1))
    assert [state.residual for state in seen] == list(result.history)
    assert np.array_equal(seen[-1].x, result.x)
    direct = []
    result = inverse_root(a, 2, method="eigh", callback=direct.append)
    assert [state.k for state in direct] == [0]
    assert direct[0].residual == result.residual == result.history[0]


@pytest.mark.parametrize("stop_at", [0, 3])
def test_callback_stops(stop_at):
    def stop(state):
        if state.k == stop_at:
            raise StopIteration

    a = exact(5, 1e4, 2)[0]
    for run in (
        inverse_root(a, 2, method="newton", callback=stop),
        sqrt(a, method="newton", callback=stop),
    ):
        assert run.status is lx.Status.STOPPED
        assert run.iterations == stop_at
        assert len(run.history) == stop_at + 1
        assert run.residual > 1e-8


def test_callback_errors_pass():
    def fail(state):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        inverse_root(np.eye(3), 2, method="newton", callback=fail)


def test_limits():
    a = exact(10, 1e4, 2)[0]
    with pytest.warns(lx.ConvergenceWarning):
        short = inverse_root(a, 2, method="newton", maxiter=3)
    assert short.status is lx.Status.MAXITER
    assert short.iterations == 3
    rough = inverse_root(a, 2, rtol=1e-3)
    assert rough.converged
    with pytest.warns(lx.ConvergenceWarning):
        assert not inverse_root(a, 2, rtol=0.0).converged
    for wrong in (float("nan"), -1.0):
        with pytest.raises(ValueError, match=r"rtol must lie in \[0, inf\), got"):
            inverse_root(a, 2, rtol=wrong)
    with pytest.raises(TypeError, match="rtol must be a real number, got 'a'"):
        sqrt(a, rtol="a")


def test_newton_sqrt_says_what_it_lost():
    a = exact(50, 1e10, 2)[0]
    with pytest.warns(lx.ConvergenceWarning, match="method='eigh'"):
        result = sqrt(a, method="newton")
    assert result.status is lx.Status.STAGNATED
    assert 1e-13 < result.residual < 1e-9
    assert sqrt(a, method="newton", rtol=1e-9).converged


def test_gate():
    eye = np.eye(3)
    with pytest.raises(ValueError, match="a must be Hermitian"):
        inverse_root(lx.gallery.triu_ones(3), 2)
    with pytest.raises(ValueError, match="a must be Hermitian"):
        sqrt(1j * eye)
    with pytest.raises(lx.LinAlgError, match="a has NaN or infinite entries"):
        inverse_root(eye * np.nan, 2, check_finite=False)
    with pytest.raises(ValueError, match="a must hold finite numbers"):
        inverse_root(eye * np.nan, 2)
    with pytest.raises(ValueError, match="a must be square"):
        sqrt(np.ones((2, 3)))
    with pytest.raises(ValueError, match="p must be at least 1, got 0"):
        inverse_root(eye, 0)
    with pytest.raises(TypeError, match=r"p must be an integer, got 0\.5"):
        inverse_root(eye, 0.5)
    with pytest.raises(ValueError, match=r"ridge must lie in \[0, inf\), got -1.0"):
        inverse_root(eye, 2, ridge=-1.0)
    with pytest.raises(ValueError, match="maxiter must be at least 0"):
        inverse_root(eye, 2, maxiter=-1)
    with pytest.raises(ValueError, match="method must be one of 'auto', 'eigh', 'newton'"):
        inverse_root(eye, 2, method="schur")
    rounded = eye + 4e-16 * lx.gallery.triu_ones(3)
    assert inverse_root(rounded, 2).converged


def test_result_reads_well():
    text = repr(inverse_root(np.eye(3), 2))
    assert text.startswith("RootResult: the tolerance was met")
    assert "array 3×3" in text


def test_an_indefinite_matrix_of_a_batch_is_named():
    a = np.stack([np.eye(3), np.eye(3), np.diag([1.0, 2.0, -0.5])])
    with pytest.raises(lx.LinAlgError, match=r"matrix 2 of the batch a .* -5\.000e-01"):
        inverse_root(a, 2)
