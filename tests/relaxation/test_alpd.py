"""ALPD: its rate against that of the plain linearized method, closed forms, honest endings."""

import numpy as np
import pytest
import scipy.sparse as sps
import scipy.sparse.linalg as spl

import linalgx as lx


class Problem:
    """min x·Qx/2 − c·x + ‖K x − b‖²/2, whose dual is strongly concave with modulus 1."""

    def __init__(self, n=50, m=30, decades=4):
        rng = np.random.default_rng(0)
        u = np.linalg.qr(rng.standard_normal((n, n)))[0]
        self.q = (u * np.logspace(0, -decades, n)) @ u.T
        self.k = rng.standard_normal((m, n)) / np.sqrt(n)
        self.c, self.b = rng.standard_normal(n), rng.standard_normal(m)
        self.x = np.linalg.solve(self.q + self.k.T @ self.k, self.c + self.k.T @ self.b)

    def objective(self, x):
        return x @ self.q @ x / 2 - self.c @ x + np.sum((self.k @ x - self.b) ** 2) / 2

    def error(self, x):
        return self.objective(x) - self.objective(self.x)

    def gradient(self, x):
        return self.q @ x - self.c

    def prox_y(self, v, t):
        return (v - t * self.b) / (1.0 + t)

    def solve(self, **options):
        given = {"gradient": self.gradient, "prox_y": self.prox_y}
        numbers = {"lipschitz": 1.0, "strength": 1.0, "rtol": 0.0}
        return lx.relaxation.alpd(self.k, **given, **{**numbers, **options})


def plain(problem, steps):
    """The linearized primal-dual method with constant steps; the mean of its iterates."""
    norm = np.linalg.norm(problem.k, 2)
    x, y = np.zeros(len(problem.c)), np.zeros(len(problem.b))
    total = np.zeros_like(x)
    for _ in range(steps):
        new = x - (problem.gradient(x) + problem.k.T @ y) / (1 + norm)
        y = problem.prox_y(y + problem.k @ (2 * new - x) / norm, 1 / norm)
        x, total = new, total + new
    return total / steps


def test_rate_beside_the_plain_method():
    """After 10^4 steps the errors of a prototype were 6e-6 against 0.5 of the plain method."""
    problem, errors = Problem(), {}

    def observe(state):
        if state.k in (100, 1000, 10_000):
            errors[state.k] = problem.error(state.x)

    with pytest.warns(lx.ConvergenceWarning):
        result = problem.solve(callback=observe, maxiter=10_000, check_every=10_000)
    assert result.iterations == 10_000
    assert errors[10_000] <= 6e-6
    for k in (100, 1000):
        assert errors[10 * k] <= 1.1 * errors[k] / 100  # 1/k²
    slow = [problem.error(plain(problem, k)) for k in (1000, 10_000)]
    assert slow[1] > 0.5
    assert slow[1] > 1e4 * errors[10_000]
    assert slow[1] > slow[0] / 100  # not 1/k²


def quadratic(leg, m=4, n=3):
    """The saddle point of ‖x − 1‖²/2 + Re⟨y, K x⟩ − ‖y‖²/2: (I + KᴴK) x = 1, y = K x."""
    host = leg._randn(m, n)
    x = np.linalg.solve(np.eye(n) + host.conj().T @ host, np.ones(n))
    given = {"gradient": lambda x: x - 1.0, "prox_y": lambda v, t: v / (1.0 + t)}
    return host, x, host @ x, {**given, "lipschitz": 1.0, "strength": 1.0}


def test_quadratic_saddle_point(leg):
    host, x, y, given = quadratic(leg)
    result = lx.relaxation.alpd(leg.asarray(host), rtol=1e-3, **given)
    assert result.converged
    for got, known in ((result.x, x), (result.y, y)):
        assert leg.matches(got)
        assert got.dtype == leg.dtype
        np.testing.assert_allclose(leg.to_numpy(got), known, atol=2e-2)
    gap = np.hypot(
        np.linalg.norm(leg.to_numpy(result.x) - 1 + host.conj().T @ leg.to_numpy(result.y)),
        np.linalg.norm(leg.to_numpy(result.y) - host @ leg.to_numpy(result.x)) / 2,
    )
    assert result.residual == pytest.approx(float(gap), abs=50 * leg.eps)
    looks = [k for k, norm in enumerate(result.history) if not np.isnan(norm)]
    assert looks == list(range(0, result.iterations + 1, 10))


@pytest.mark.parametrize("form", [sps.csr_array, spl.aslinearoperator, lx.LinearMap])
def test_sparse_matrices_and_operators(form):
    problem = Problem(n=12, m=8, decades=1)
    norm = np.linalg.norm(problem.k, 2)
    known = problem.solve(norm=1.1 * norm, rtol=1e-4)
    given = {"gradient": problem.gradient, "prox_y": problem.prox_y}
    result = lx.relaxation.alpd(form(problem.k), **given, lipschitz=1.0, strength=1.0, rtol=1e-4)
    assert result.converged
    assert result.iterations == pytest.approx(known.iterations, rel=0.05)
    assert problem.error(result.x) < 1e-3


def test_the_norm_is_that_of_the_matrix():
    problem = Problem(n=12, m=8, decades=1)
    norm = np.linalg.norm(problem.k, 2)
    one, two = (problem.solve(rtol=1e-3, **extra) for extra in ({}, {"norm": norm}))
    assert one.iterations == two.iterations
    k = one.iterations
    assert one.steps == pytest.approx((k / (2 + 4 * norm**2), 2 / k))


def test_a_saddle_point_is_kept(leg):
    host, x, y, given = quadratic(leg)
    start = {"x0": leg.asarray(x), "y0": leg.asarray(y)}
    result = lx.relaxation.alpd(leg.asarray(host), rtol=1e3 * leg.eps, **start, **given)
    assert result.iterations == 0
    assert result.converged


@pytest.mark.parametrize("good", [0, 5])
def test_gradients_that_fail_are_not_believed(good):
    """From the start on, or later."""
    problem, calls = Problem(n=5, m=3), []

    def gradient(x):
        calls.append(x)
        return x * (np.nan if len(calls) > good else 1.0)

    given = {"prox_y": problem.prox_y, "lipschitz": 1.0, "strength": 1.0}
    if good == 0:
        with pytest.raises(lx.LinAlgError, match="the residual at the start is nan"):
            lx.relaxation.alpd(problem.k, gradient=gradient, **given)
        return
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.relaxation.alpd(problem.k, gradient=gradient, **given)
    assert result.status is lx.Status.DIVERGED
    assert np.isnan(result.residual)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 0.0}, "strength must lie in"),
        ({"lipschitz": -1.0}, "lipschitz must lie in"),
        ({"check_every": 0}, "check_every must be at least 1"),
        ({"x0": np.ones(3)}, "x0 must have shape"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Problem(n=5, m=4).solve(**options)
