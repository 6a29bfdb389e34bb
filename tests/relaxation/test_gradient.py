"""Gradient methods in Krylov spaces and with symmetric polynomials."""

import numpy as np
import pytest

import linalgx as lx

METHODS = ("krylov", "symmetric")


def hermitian(leg, w):
    q = leg.isometry(len(w), len(w))
    a = (q * w) @ q.conj().T
    return leg.asarray((a + a.conj().T) / 2)


def quadratic(leg, a, b):
    """f(x) = xᴴAx/2 − Re bᴴx and its gradient."""
    xp = leg.xp

    def value(x):
        form = xp.linalg.vecdot(x, 0.5 * (a @ x) - b)
        return xp.real(form) if leg.is_complex else form

    return value, lambda x: a @ x - b


def restarted_cg(a, b, steps, restarts):
    """Iterates of conjugate gradients, begun anew after every few steps."""
    x = np.zeros_like(b)
    iterates = [x]
    for _ in range(restarts):
        r = b - a @ x
        p = r
        for _ in range(steps):
            alpha = np.vdot(r, r).real / np.vdot(p, a @ p).real
            x = x + alpha * p
            new = r - alpha * (a @ p)
            p = new + (np.vdot(new, new) / np.vdot(r, r)) * p
            r = new
        iterates.append(x)
    return iterates


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_on_a_quadratic_it_is_restarted_conjugate_gradients(leg, degree):
    a, b = hermitian(leg, np.geomspace(1.0, 30.0, 12)), leg.randn(12)
    seen = []
    found = lx.relaxation.gradient_krylov(
        *quadratic(leg, a, b),
        a,
        degree,
        x0=leg.asarray(np.zeros(12)),
        maxiter=6,
        rtol=1e-2,
        callback=lambda state: seen.append(leg.to_numpy(state.x).copy()),
    )
    wide = np.result_type(leg.dtype_name, np.float64)
    expected = restarted_cg(
        leg.to_numpy(a).astype(wide), leg.to_numpy(b).astype(wide), degree + 1, 6
    )
    assert len(seen) > 2 - (degree > 1)
    for ours, theirs in zip(seen, expected, strict=False):
        np.testing.assert_allclose(ours, theirs, atol=1e3 * leg.eps)
    assert found.smoothness == 1.0


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize(("method", "most"), [("krylov", 4), ("symmetric", 20)])
def test_large_eigenvalues_cost_little(leg, method, most):
    """Two outliers, and a condition number of 27 instead of 10 000 for the polynomial."""
    b, x0 = leg.randn(20), leg.asarray(np.zeros(20))
    counts = []
    for outliers in (0, 2):
        w = np.r_[[1e4, 1e3][:outliers], np.linspace(1, 2, 20 - outliers)]
        a = hermitian(leg, w)
        options = {"x0": x0, "rtol": 1e-3, "rng": 0}
        found = lx.relaxation.gradient_krylov(
            *quadratic(leg, a, b), a, 2, method=method, maxiter=300, **options
        )
        assert found.converged
        gap = leg.to_numpy(a @ found.x - b)
        assert np.linalg.norm(gap) <= 1.1e-3 * np.linalg.norm(leg.to_numpy(b))
        counts.append(found.iterations)
    plain = lx.relaxation.gradient_krylov(*quadratic(leg, a, b), a, 0, maxiter=300, **options)
    assert not plain.converged
    assert counts[1] <= most * counts[0]


@pytest.mark.parametrize("method", METHODS)
def test_logistic_regression(method):
    """L is unknown and far from the first guess; the gradient vanishes to the last digits."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((200, 12)) * np.geomspace(5, 1, 12)
    labels = np.where(rng.random(200) < 0.5, 1.0, -1.0)
    ridge, n = 1e-3, len(labels)

    def value(x):
        return np.logaddexp(0, -labels * (data @ x)).mean() + ridge * (x @ x) / 2

    def gradient(x):
        s = -labels / (1 + np.exp(labels * (data @ x)))
        return data.T @ s / n + ridge * x

    b = data.T @ data / n + ridge * np.eye(12)
    for guess in (1e-8, 1.0, 1e8):
        found = lx.relaxation.gradient_krylov(
            value,
            gradient,
            b,
            3,
            x0=np.zeros(12),
            method=method,
            smoothness=guess,
            rtol=1e-11,
            rng=0,
        )
        assert found.converged
        assert np.linalg.norm(gradient(found.x)) == found.residual <= 1e-11 * found.history[0]
        assert found.value == value(found.x)
        assert found.evaluations <= 4 * found.iterations + 120


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
def test_endings():
    a = np.diag(np.geomspace(1, 1e4, 30))
    f, g = (lambda x: x @ a @ x / 2 - x.sum()), (lambda x: a @ x - 1)
    short = lx.relaxation.gradient_krylov(f, g, a, 0, x0=np.zeros(30), maxiter=3)
    assert short.status is lx.Status.MAXITER
    assert len(short.history) == 4
    broken = lx.relaxation.gradient_krylov(f, lambda x: g(x) * np.nan, a, x0=np.zeros(30))
    assert broken.status is lx.Status.BREAKDOWN
    fenced = lx.relaxation.gradient_krylov(
        lambda x: f(x) if np.all(x == 1) else np.nan, g, a, x0=np.ones(30)
    )
    assert fenced.status is lx.Status.STAGNATED

    def stop(state):
        if state.k == 2:
            raise StopIteration

    stopped = lx.relaxation.gradient_krylov(f, g, a, 0, x0=np.zeros(30), callback=stop)
    assert stopped.status is lx.Status.STOPPED
    assert stopped.iterations == 2


def test_a_missed_tolerance_warns():
    a = np.diag([1.0, 10.0])
    with pytest.warns(lx.ConvergenceWarning, match="gradient has norm"):
        lx.relaxation.gradient_krylov(
            lambda x: x @ a @ x / 2 - x.sum(), lambda x: a @ x - 1, a, 0, x0=np.zeros(2), maxiter=1
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x0": np.zeros(3)}, r"x0 must have shape \(2,\), got \(3,\)"),
        ({"smoothness": 0.0}, "smoothness must lie in"),
        ({"method": "newton"}, "method must be one of 'krylov', 'symmetric'"),
        ({"degree": -1}, "degree must be at least 0"),
        ({"x0": np.asarray([np.nan, 0.0])}, "x0 must hold finite numbers"),
    ],
)
def test_refused_options(options, message):
    a = np.eye(2)
    with pytest.raises(ValueError, match=message):
        lx.relaxation.gradient_krylov(
            lambda x: x @ x, lambda x: 2 * x, a, **{"x0": np.zeros(2), **options}
        )


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize(("value", "slope"), [(1.0, np.inf), (np.nan, 0.0)])
def test_infinity_and_nan_are_no_success(value, slope):
    found = lx.relaxation.gradient_krylov(
        lambda x: value, lambda x: np.full(2, slope), np.eye(2), x0=np.ones(2)
    )
    assert found.status is lx.Status.BREAKDOWN
