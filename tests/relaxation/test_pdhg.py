"""PDHG as prediction and correction: an assignment problem, closed forms, honest endings."""

import numpy as np
import pytest
import scipy.optimize as so
import scipy.sparse as sps
import scipy.sparse.linalg as spl

import linalgx as lx


def assignment(n, seed):
    """Costs, constraints that all rows and columns sum to one, right-hand side."""
    costs = np.random.default_rng(seed).uniform(size=(n, n)).ravel()
    a = np.vstack([np.kron(np.eye(n), np.ones((1, n))), np.kron(np.ones((1, n)), np.eye(n))])
    return costs, a, np.ones(2 * n)


def residual(c, a, b, x, y):
    """Violation of the optimality conditions of min c·x, A x = b, x ≥ 0."""
    return np.hypot(np.linalg.norm(x - np.maximum(x - c + a.T @ y, 0)), np.linalg.norm(a @ x - b))


def chambolle_pock(c, a, b, atol):
    """Iterations of the method with fixed steps 1/‖A‖."""
    t = 1 / np.linalg.norm(a, 2)
    x, y, k = np.zeros(a.shape[1]), np.zeros(a.shape[0]), 0
    while residual(c, a, b, x, y) > atol:
        new = np.maximum(x - t * (c - a.T @ y), 0)
        x, y, k = new, y - t * (a @ (2 * new - x) - b), k + 1
    return k


def solve(c, a, b, **options):
    return lx.relaxation.pdhg(
        a,
        prox_x=lambda v, t: np.maximum(v - t * c, 0.0),
        prox_y=lambda v, t: v + t * b,
        **{"rtol": 0.0, "atol": 1e-3, **options},
    )


def test_assignment_of_twenty():
    """Fixed steps need 1 860 iterations, ours 540 to 760, at equal balance."""
    c, a, b = assignment(20, 0)
    assert np.linalg.norm(a, 2) ** 2 == pytest.approx(40)  # 2n; the mean eigenvalue is n
    fixed = chambolle_pock(c, a, b, 1e-3)
    assert fixed == pytest.approx(1860, rel=0.03)
    result = solve(c, a, b)
    assert result.converged
    assert result.iterations <= 780
    assert result.residual == pytest.approx(residual(c, a, b, result.x, result.y), rel=1e-9)
    assert result.residual <= 1e-3
    assert result.steps == pytest.approx((20**-0.5, 20**-0.5))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_balance_matters(seed):
    c, a, b = assignment(20, seed)
    even, tuned, bad = (solve(c, a, b, balance=s).iterations for s in (1.0, 0.1, 10.0))
    assert tuned < 0.9 * even
    assert bad > 2 * even
    assert chambolle_pock(c, a, b, 1e-3) > 1.9 * even


def test_assignment_is_solved():
    c, a, b = assignment(8, 3)
    result = solve(c, a, b, atol=1e-6, balance=0.1)
    rows, columns = so.linear_sum_assignment(c.reshape(8, 8))
    np.testing.assert_allclose(result.x.reshape(8, 8)[rows, columns], 1.0, atol=1e-4)
    assert c @ result.x == pytest.approx(c.reshape(8, 8)[rows, columns].sum(), abs=1e-4)
    assert b @ result.y == pytest.approx(c @ result.x, abs=1e-4)


def quadratic(leg, m=5, n=4):
    """The saddle point of ‖x − 1‖²/2 − Re⟨y, A x⟩ − ‖y‖²/2: (I + AᴴA) x = 1, y = −A x."""
    host = leg._randn(m, n)
    x = np.linalg.solve(np.eye(n) + host.conj().T @ host, np.ones(n))
    proxes = {"prox_x": lambda v, t: (v + t) / (1.0 + t), "prox_y": lambda v, t: v / (1.0 + t)}
    return host, x, -host @ x, proxes


def test_quadratic_saddle_point(leg):
    host, x, y, proxes = quadratic(leg)
    rtol = 100 * leg.eps
    result = lx.relaxation.pdhg(leg.asarray(host), rtol=rtol, **proxes)
    assert result.converged
    for got, known in ((result.x, x), (result.y, y)):
        assert leg.matches(got)
        assert got.dtype == leg.dtype
        np.testing.assert_allclose(leg.to_numpy(got), known, atol=1e3 * leg.eps)
    assert len(result.history) == result.iterations + 1
    assert all(isinstance(v, float) for v in (*result.history, result.residual, *result.steps))


@pytest.mark.parametrize("form", [sps.csr_array, spl.aslinearoperator, lx.LinearMap])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_sparse_matrices_and_operators(form, dtype):
    a = np.random.default_rng(0).standard_normal((5, 4)).astype(dtype)
    if dtype == "complex128":
        a = a * np.exp(1j * np.arange(4))
    proxes = {"prox_x": lambda v, t: (v + t) / (1.0 + t), "prox_y": lambda v, t: v / (1.0 + t)}
    x = np.linalg.solve(np.eye(4) + a.conj().T @ a, np.ones(4))
    result = lx.relaxation.pdhg(form(a), rtol=1e-10, **proxes)
    np.testing.assert_allclose(result.x, x, atol=1e-8)
    if form is sps.csr_array:
        dense = lx.relaxation.pdhg(a, rtol=1e-10, **proxes)
        assert result.iterations == dense.iterations


def test_too_long_steps_are_repeated_with_shorter_ones():
    """With one large singular value the mean eigenvalue is far below ‖A‖²."""
    d = np.r_[100.0, np.full(99, 0.01)]
    proxes = {"prox_x": lambda v, t: (v + t) / (1.0 + t), "prox_y": lambda v, t: v / (1.0 + t)}
    rng = np.random.default_rng(0)
    start = {"x0": rng.standard_normal(100), "y0": rng.standard_normal(100)}
    result = lx.relaxation.pdhg(np.diag(d), rtol=1e-9, **start, **proxes)
    assert result.converged
    grown = np.mean(d**2) ** -1 / (result.steps[0] * result.steps[1])
    assert 2 < grown <= 1.44 * 100  # r·s ends below 1.44 ‖A‖²
    np.testing.assert_allclose(result.x, 1 / (1 + d**2), atol=1e-7)


def test_a_saddle_point_is_kept(leg):
    host, x, y, proxes = quadratic(leg)
    start = {"x0": leg.asarray(x), "y0": leg.asarray(y)}
    result = lx.relaxation.pdhg(leg.asarray(host), rtol=1e4 * leg.eps, **start, **proxes)
    assert result.iterations == 0
    assert result.converged


def test_few_iterations_warn_and_the_observer_may_stop():
    c, a, b = assignment(4, 0)
    with pytest.warns(lx.ConvergenceWarning, match="another balance"):
        result = solve(c, a, b, maxiter=3, atol=1e-9)
    assert result.status is lx.Status.MAXITER
    seen = []

    def observe(state):
        seen.append((state.k, state.residual))
        if state.k == 5:
            raise StopIteration

    result = solve(c, a, b, callback=observe, atol=1e-9)
    assert result.status is lx.Status.STOPPED
    assert seen == list(enumerate(result.history))


@pytest.mark.parametrize("good", [0, 7])
def test_proximal_maps_that_fail_are_not_believed(good):
    """From the start on, or later."""
    _, a, b = assignment(3, 0)
    calls = []

    def prox_x(v, t):
        calls.append(t)
        return v * (np.nan if len(calls) > good else 1.0)

    proxes = {"prox_x": prox_x, "prox_y": lambda v, t: v + t * b}
    if good == 0:
        with pytest.raises(lx.LinAlgError, match="the residual at the start is nan"):
            lx.relaxation.pdhg(a, **proxes)
        return
    with pytest.warns(lx.ConvergenceWarning):
        result = lx.relaxation.pdhg(a, **proxes)
    assert result.status is lx.Status.DIVERGED
    assert np.isnan(result.residual)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"balance": 0.0}, "balance must lie in"),
        ({"x0": np.ones(3)}, r"x0 must have shape \(4,\)"),
        ({"y0": np.ones(3)}, r"y0 must have shape \(5,\)"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        lx.relaxation.pdhg(np.ones((5, 4)), prox_x=lambda v, t: v, prox_y=lambda v, t: v, **options)
