"""Conjugate gradients: known counts, honest endings, faults."""

import numpy as np
import pytest
import scipy.sparse as sp
from krylov_problems import dense, failing, gap, neumann, poisson

import linalgx as lx
from linalgx import ConvergenceWarning, Status

cg = lx.relaxation.cg


def test_poisson_takes_the_known_number_of_steps():
    a, b = poisson(63)
    result = cg(a, b, rtol=1e-8)
    assert result.converged and result.iterations == 191
    assert result.matvecs == 192
    assert gap(a, result.x, b) <= 1e-8
    assert len(result.history) == 192 and result.history[0] == pytest.approx(np.linalg.norm(b))
    assert result.residual == pytest.approx(np.linalg.norm(b - a @ result.x), rel=1e-6)


def test_every_leg(leg):
    a, b = dense(leg)
    result = cg(a, b)
    assert result.converged and leg.matches(result.x)
    rtol = 1e-8 if leg.eps < 1e-10 else 1e-5
    assert gap(leg.to_numpy(a), leg.to_numpy(result.x), leg.to_numpy(b)) <= rtol
    assert result.iterations == (22 if leg.eps < 1e-10 else 19)


def test_k_distinct_eigenvalues_need_k_steps():
    rng = np.random.default_rng(1)
    q = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    a = (q * np.repeat([1.0, 3.0, 7.0, 20.0], 10)) @ q.T
    assert cg(a, rng.standard_normal(40), rtol=1e-10).iterations == 4


def test_error_bound_of_chebyshev():
    a, b = poisson(31)
    x = cg(a, b, rtol=1e-13).x
    mu = np.cos(np.pi / 32)
    root = np.sqrt((1 + mu) / (1 - mu))
    errors = []

    def note(state):
        e = state.x - x
        errors.append(np.sqrt(e @ (a @ e)))

    cg(a, b, rtol=1e-6, callback=note)
    bound = 2 * ((root - 1) / (root + 1)) ** np.arange(len(errors))
    assert np.all(np.asarray(errors) <= bound * errors[0] * (1 + 1e-6))


def test_single_precision_does_not_claim_more_than_it_has():
    a, b = poisson(127)
    a, b = a.astype(np.float32), b.astype(np.float32)
    with pytest.warns(ConvergenceWarning, match="stagnated"):
        result = cg(a, b, rtol=1e-7)
    assert result.x.dtype == np.float32
    assert result.status is Status.STAGNATED and result.reason == "stagnated"
    true = gap(a, result.x, b)
    assert 1e-7 < true < 2e-6
    assert result.residual == pytest.approx(true * np.linalg.norm(b), rel=1e-3)
    assert result.iterations < 800


def test_single_precision_reaches_what_it_can():
    a, b = poisson(31)
    result = cg(a.astype(np.float32), b.astype(np.float32), rtol=1e-6)
    assert result.converged and gap(a, result.x, b.astype(np.float32)) <= 1.05e-6


@pytest.mark.parametrize("rtol", [0.0, 1e-17])
def test_unattainable_tolerances_stagnate(rtol):
    a, b = poisson(31)
    with pytest.warns(ConvergenceWarning):
        result = cg(a, b, rtol=rtol)
    assert result.status is Status.STAGNATED
    assert gap(a, result.x, b) < 1e-14
    assert result.iterations < 400


def test_columns_share_products_and_stand_still():
    a, b = poisson(31)
    block = np.stack([b, 0 * b, a @ np.ones(961), 1e3 * b], axis=1)
    result = cg(a, block)
    alone = [cg(a, block[:, j]) for j in range(4)]
    assert result.iterations == max(r.iterations for r in alone)
    assert result.matvecs == result.iterations + 1
    assert np.all(result.x[:, 1] == 0.0)
    for j, r in enumerate(alone):
        np.testing.assert_allclose(result.x[:, j], r.x, atol=1e-9 * np.abs(r.x).max(initial=1))


def test_starting_guess_and_criterion():
    a, b = poisson(31)
    x = cg(a, b, rtol=1e-12).x
    assert cg(a, b, x0=x).iterations == 0
    near = cg(a, b, x0=x * (1 + 1e-5))
    assert 0 < near.iterations < cg(a, b).iterations - 20
    strict = cg(a, b, x0=x * (1 + 1e-5), criterion="r0")
    assert strict.residual <= 1e-8 * strict.history[0]
    assert strict.iterations > near.iterations


def test_norms():
    a, b = poisson(31)
    result = cg(a, b, norm="inf", rtol=1e-6)
    assert np.abs(b - a @ result.x).max() <= 1e-6 * np.abs(b).max()


def test_semidefinite_and_consistent():
    a, b = neumann()
    result = cg(a, b)
    assert result.converged and gap(a, result.x, b) <= 1e-8


def test_indefinite_is_said():
    a, b = poisson(20)
    with pytest.warns(ConvergenceWarning, match="indefinite"):
        result = cg(a - 2 * sp.eye_array(400), b)
    assert result.status is Status.BREAKDOWN and result.reason == "indefinite"
    assert np.all(np.isfinite(result.x))


def test_indefinite_preconditioner_is_said():
    a, b = poisson(10)
    with pytest.warns(ConvergenceWarning, match="indefinite"):
        result = cg(a, b, preconditioner=-np.eye(100))
    assert result.reason == "indefinite"


def test_preconditioners_of_all_kinds_agree():
    a, b = poisson(20)
    w = np.linspace(1.0, 3.0, 400)
    a = sp.csr_array(a.multiply(w[:, None]).multiply(w[None, :]))
    d = 1.0 / a.diagonal()
    kinds = [
        np.diag(d),
        sp.csr_array(sp.diags_array(d)),
        lx.LinearMap(np.diag(d)),
        sp.linalg.aslinearoperator(sp.diags_array(d)),
        lambda r: d[:, None] * r,
    ]
    results = [cg(a, b, preconditioner=m) for m in kinds]
    assert len({r.iterations for r in results}) == 1
    assert results[0].iterations < cg(a, b).iterations
    exact = np.linalg.inv(a.toarray())
    assert cg(a, b, preconditioner=(exact + exact.T) / 2).iterations <= 2


def test_preconditioners_are_checked():
    a, b = poisson(4)
    with pytest.raises(ValueError, match=r"preconditioner must have shape \(16, 16\)"):
        cg(a, b, preconditioner=np.eye(3))
    with pytest.raises(ValueError, match="preconditioner must return"):
        cg(a, b, preconditioner=lambda r: r[:3])
    with pytest.raises(TypeError, match="preconditioner must be real"):
        cg(a, b, preconditioner=lambda r: 1j * r)
    with pytest.raises(TypeError, match="preconditioner must be a matrix"):
        cg(a, b, preconditioner=3.0)


@pytest.mark.parametrize("k", [1, 2, 9])
def test_operator_that_fails(k):
    a, b = poisson(12)
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = cg(failing(a, k), b)
    assert result.status is Status.BREAKDOWN and result.iterations == k - 1
    assert np.all(np.isfinite(result.x))
    assert not result.residual <= 1.0


def test_operator_of_wrong_shape():
    wrong = lx.LinearMap.from_callables((4, 4), lambda x: x[:2])
    with pytest.raises(ValueError, match=r"must have shape \(4, 1\)"):
        cg(wrong, np.ones(4))


def test_operator_that_returns_its_argument():
    same = lx.LinearMap.from_callables((5, 5), lambda x: x)
    b = np.arange(5.0)
    result = cg(same, b)
    assert result.iterations == 1
    np.testing.assert_array_equal(result.x, b)


def test_callback_stops():
    a, b = poisson(20)
    seen = []

    def stop(state):
        seen.append((state.k, state.residual))
        if state.k == 7:
            raise StopIteration

    result = cg(a, b, callback=stop)
    assert result.status is Status.STOPPED and result.iterations == 7
    assert [k for k, _ in seen] == list(range(8))
    assert tuple(r for _, r in seen) == result.history


def test_seldom_checks():
    a, b = poisson(31)
    often, seldom = cg(a, b), cg(a, b, check_every=10)
    assert seldom.iterations == -(-often.iterations // 10) * 10
    assert np.isnan(seldom.history[1]) and not np.isnan(seldom.history[10])


@pytest.mark.parametrize("n", [0, 1])
def test_tiny(n):
    result = cg(3.0 * np.eye(n), np.ones(n))
    assert result.converged and result.iterations == n
    np.testing.assert_allclose(result.x, np.ones(n) / 3)


def test_zero_right_hand_side():
    a, b = poisson(5)
    result = cg(a, 0 * b)
    assert result.converged and result.iterations == 0 and np.all(result.x == 0)


def test_extreme_scales():
    a, b = poisson(10)
    for e in (-900, -300, 300, 900):
        result = cg(a, b * 2.0**e)
        assert result.converged
        np.testing.assert_allclose(result.x * 2.0**-e, cg(a, b).x, rtol=1e-10)
