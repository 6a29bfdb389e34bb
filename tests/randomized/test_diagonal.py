"""Estimates of diagonals: definition, exactness, errors that can be trusted."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import as_generator
from linalgx.randomized._test_vectors import random_signs

diagonal = lx.randomized.diagonal


def left_out_diagonals(a, omega):
    """XDiag by its definition: one orthonormal basis for each sample."""
    for i in range(omega.shape[1]):
        q = np.linalg.qr(a @ np.delete(omega, i, axis=1))[0]
        y = a @ omega[:, i]
        known = np.sum(q * (a.conj().T @ q).conj(), axis=1)
        yield known + omega[:, i].conj() * (y - q @ (q.conj().T @ y))


def test_the_fast_formula_is_the_definition(seam_leg):
    """Complex matrices that are not Hermitian included."""
    n, k = 20, 5
    a = seam_leg.randn(n, n)
    got = diagonal(a, 2 * k, rng=3)
    omega = seam_leg.to_numpy(random_signs(n, k, as_generator(3), like=a, xp=seam_leg.xp))
    host = seam_leg.to_numpy(a)
    wide = np.result_type(host.dtype, np.float64)
    each = np.array(list(left_out_diagonals(host.astype(wide), omega.astype(wide))))
    size = np.linalg.norm(host)
    assert (
        np.linalg.norm(seam_leg.to_numpy(got.value) - each.mean(axis=0)) < 100 * seam_leg.eps * size
    )
    error = 2 * np.sqrt(np.sum(np.var(each, axis=0, ddof=1)) / k * (k - 1) / (k - 2))
    assert abs(got.error - error) < 0.01 * error
    assert seam_leg.matches(got.value) and got.matvecs == 2 * k


def test_low_rank_is_exact(leg):
    b, c = (leg.to_numpy(leg.randn(60, 4, seed=s)) for s in (0, 1))
    a = b @ c.conj().T
    d = diagonal(leg.asarray(a), 18, rng=0)
    size = np.linalg.norm(a, 2)
    assert np.linalg.norm(leg.to_numpy(d.value) - np.diag(a)) < 100 * leg.eps * size
    assert d.error < 300 * leg.eps * size


def test_diagonal_matrices_are_exact_for_signs(leg):
    w = np.arange(1.0, 21.0)
    d = diagonal(leg.asarray(np.diag(w)), 3, method="hutchinson", rng=0)
    assert np.max(np.abs(leg.to_numpy(d.value) - w)) < 20 * leg.eps * 20
    assert d.error < 100 * leg.eps * np.linalg.norm(w)


@pytest.mark.parametrize("method", ["xdiag", "hutchinson"])
def test_all_columns_give_the_diagonal_itself(leg, method):
    a = leg.randn(6, 6)
    d = diagonal(a, 6, method=method, rng=0)
    assert np.array_equal(leg.to_numpy(d.value), np.diag(leg.to_numpy(a)))
    assert (d.error, d.matvecs) == (0.0, 6)


def decaying(n, seed=0):
    """Complex, far from normal, singular values 0.9^j."""
    rng = np.random.default_rng(seed)
    u, v = (
        np.linalg.qr(rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))[0]
        for _ in range(2)
    )
    return (u * 0.9 ** np.arange(n)) @ v.conj().T


def test_errors_decay_with_the_singular_values():
    """For complex matrices that are not Hermitian; Hutchinson's errors barely move."""
    a = decaying(300)
    truth = np.diag(a)
    error = {}
    for method in ("xdiag", "hutchinson"):
        for s in (20, 60, 100):
            runs = [diagonal(a, s, method=method, rng=seed).value - truth for seed in range(5)]
            error[method, s] = np.median([np.linalg.norm(r) for r in runs])
    assert error["xdiag", 60] < error["xdiag", 20] / 4
    assert error["xdiag", 100] < error["xdiag", 60] / 4
    assert error["xdiag", 100] < error["hutchinson", 100] / 20


@pytest.mark.parametrize("method", ["xdiag", "hutchinson"])
def test_errors_can_be_trusted(method):
    a = decaying(100)
    runs = [diagonal(a, 30, method=method, rng=s) for s in range(40)]
    gaps = np.array([np.linalg.norm(d.value - np.diag(a)) for d in runs])
    errors = np.array([d.error for d in runs])
    assert np.mean(gaps <= errors) >= 0.9
    assert np.median(errors) <= 5 * np.median(gaps)


def test_samples_are_doubled_until_the_tolerance_is_met():
    a = decaying(300)
    d = diagonal(a, 280, rtol=1e-2, rng=0)
    assert d.converged and d.matvecs in (64, 128, 256) and d.iterations >= 2
    assert np.linalg.norm(d.value - np.diag(a)) <= 1e-2 * np.linalg.norm(np.diag(a))


def test_an_adjoint_is_needed_for_xdiag_only():
    a = decaying(30).real
    op = lx.LinearMap.from_callables(a.shape, lambda x: a @ x)
    with pytest.raises(TypeError, match="no adjoint"):
        diagonal(op, 8, rng=0)
    assert diagonal(op, 8, method="hutchinson", rng=0).value.shape == (30,)


def test_too_few_products():
    with pytest.raises(
        ValueError, match="matvecs must be at least 6 for the method 'xdiag', got 4"
    ):
        diagonal(np.eye(30), 4)


@pytest.mark.parametrize("matvecs", [6, 8, 16])
def test_errors_of_the_identity_can_be_trusted(matvecs):
    """Its samples agree with each other more than with the truth."""
    found = [diagonal(np.eye(50), matvecs, rng=seed) for seed in range(40)]
    below = [np.linalg.norm(d.value - 1.0) <= d.error for d in found]
    assert np.mean(below) >= 0.8
