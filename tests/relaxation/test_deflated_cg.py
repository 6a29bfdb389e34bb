"""Deflated conjugate gradients: known counts, and the harvest of a basis."""

import numpy as np
import pytest
import scipy.sparse as sp
from krylov_problems import dense, failing, gap, neumann, poisson

import linalgx as lx
from linalgx import ConvergenceWarning, Status

deflated_cg = lx.relaxation.deflated_cg


def lowest(m, k):
    """Exact eigenvectors of Poisson's matrix, of the smallest eigenvalues."""
    i = np.arange(1, m + 1)
    s = np.sin(np.outer(i, i) * np.pi / (m + 1))
    w = 2 - 2 * np.cos(np.pi * i / (m + 1))
    order = np.argsort((w[:, None] + w).ravel(), kind="stable")[:k]
    return np.stack([np.outer(s[p // m], s[p % m]).ravel() for p in order], axis=1)


@pytest.mark.parametrize(("k", "count"), [(0, 191), (5, 138), (10, 114), (20, 88), (40, 67)])
def test_exact_eigenvectors(k, count):
    a, b = poisson(63)
    basis = lowest(63, 40)[:, :k]
    result = deflated_cg(a, b, basis=basis)
    assert result.converged and gap(a, result.x, b) <= 1e-8
    assert abs(result.iterations - count) <= 0.05 * count


def test_any_basis_of_the_space_is_as_good():
    a, b = poisson(31)
    w = lowest(31, 6)
    mixed = w @ np.random.default_rng(0).standard_normal((6, 6))
    doubled = np.concatenate([mixed, mixed[:, :2]], axis=1)
    counts = {deflated_cg(a, b, basis=v).iterations for v in (w, mixed, doubled)}
    assert max(counts) - min(counts) <= 1


def test_residual_is_orthogonal_to_the_basis():
    a, b = poisson(15)
    w = np.random.default_rng(1).standard_normal((225, 4))
    gaps = []

    def note(state):
        gaps.append(np.abs(w.T @ (b - a @ state.x)).max())

    deflated_cg(a, b, basis=w, callback=note)
    assert gaps[0] > 1.0  # the guess itself
    assert max(gaps[1:]) < 1e-11


def test_exact_when_the_solution_is_in_the_space():
    a, b = poisson(15)
    x = np.linalg.solve(a.toarray(), b)
    assert deflated_cg(a, b, basis=np.stack([x, np.ones(225)], axis=1)).iterations <= 1


def test_every_leg(leg):
    a, b = dense(leg)
    first = deflated_cg(a, b, harvest=4)
    second = deflated_cg(a, b, basis=first.basis, harvest=4)
    assert first.converged and second.converged
    assert leg.matches(first.basis) and first.basis.shape == (49, 4)
    rtol = 1e-8 if leg.eps < 1e-10 else 1e-5
    assert gap(leg.to_numpy(a), leg.to_numpy(second.x), leg.to_numpy(b)) <= rtol
    assert second.iterations <= first.iterations - 4


def test_sequence_learns_the_lowest_eigenvectors():
    a, _ = poisson(63)
    rng, basis, counts = np.random.default_rng(0), None, []
    for _ in range(4):
        result = deflated_cg(a, rng.standard_normal(63 * 63), basis=basis, harvest=10)
        basis = result.basis
        counts.append(result.iterations)
    assert counts[0] >= 185 and counts[-1] <= 122  # the exact vectors give 114
    ratios = np.sum(basis * (a @ basis), axis=0) / np.sum(basis * basis, axis=0)
    w = lowest(63, 3)
    exact = np.sum(w * (a @ w), axis=0) / np.sum(w * w, axis=0)
    np.testing.assert_allclose(np.sort(ratios)[:3], exact, rtol=1e-4)


def test_basis_serves_a_changed_matrix_and_a_preconditioner():
    a, b = poisson(31)
    d = 1.0 / np.linspace(1.0, 3.0, 961)
    jacobi = np.diag(d)
    plain = lx.relaxation.cg(a, b, preconditioner=jacobi)
    basis = None
    for shift in (0.0, 0.001, 0.002):
        changed = sp.csr_array(a + shift * sp.eye_array(961))
        result = deflated_cg(changed, b, basis=basis, harvest=8, preconditioner=jacobi)
        assert result.converged and gap(changed, result.x, b) <= 1e-8
        basis = result.basis
    assert result.iterations < 0.75 * plain.iterations


def test_without_harvest_the_space_is_handed_on():
    a, b = poisson(15)
    w = lowest(15, 4)
    basis = deflated_cg(a, b, basis=w).basis
    q = np.linalg.qr(w)[0]
    assert basis.shape == (225, 4)
    np.testing.assert_allclose(q @ (q.T @ basis), basis, atol=1e-10 * np.abs(basis).max())
    assert deflated_cg(a, b).basis is None


def test_several_right_hand_sides():
    a, b = poisson(20)
    block = np.stack([b, 0 * b, a @ np.ones(400)], axis=1)
    result = deflated_cg(a, block, basis=lowest(20, 5), harvest=5)
    assert result.converged and result.x.shape == (400, 3)
    np.testing.assert_allclose(result.x[:, 2], np.ones(400), atol=1e-6)
    assert np.all(result.x[:, 1] == 0.0)


def test_singular_with_the_null_vector_in_the_basis():
    a, b = neumann(12)
    result = deflated_cg(a, b, basis=np.stack([np.ones(144), b], axis=1))
    assert result.converged and gap(a, result.x, b) <= 1e-8


def test_indefinite_space_is_said():
    a = np.diag([-1.0, 1.0, 2.0, 3.0])
    with pytest.warns(ConvergenceWarning, match="indefinite"):
        result = deflated_cg(a, np.ones(4), basis=np.eye(4)[:, :2])
    assert result.status is Status.BREAKDOWN


@pytest.mark.parametrize("k", [1, 2, 20])
def test_operator_that_fails(k):
    a, b = poisson(12)
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = deflated_cg(failing(a, k), b, harvest=3)
    assert result.status is Status.BREAKDOWN and np.all(np.isfinite(result.x))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_tiny(n):
    result = deflated_cg(3.0 * np.eye(n), np.ones(n), harvest=2)
    np.testing.assert_allclose(result.x, np.ones(n) / 3)
    again = deflated_cg(3.0 * np.eye(n), np.ones(n), basis=result.basis)
    assert again.converged


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"basis must have shape \(3, m\)"):
        deflated_cg(np.eye(3), np.ones(3), basis=np.ones((2, 1)))
    with pytest.raises(ValueError, match="harvest must be at least 0"):
        deflated_cg(np.eye(3), np.ones(3), harvest=-1)
