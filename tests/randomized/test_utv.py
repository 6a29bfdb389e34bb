"""UTV: a triangular middle factor whose diagonal follows the singular values."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.randomized._blocked_utv import from_left, from_right, reflector

utv = lx.randomized.utv
METHODS = ("powerurv", "randutv")


def ratios(leg, a, out):
    """Residual, both orthogonalities and the part below the diagonal, in units of n·eps."""
    a, u, t, vh = (leg.to_numpy(x) for x in (a, *out))
    unit, k = max(a.shape[-2:]) * leg.eps, t.shape[-1]
    norm = np.linalg.norm(a, 1) or 1.0
    return (
        np.linalg.norm(a - u @ t @ vh, 1) / (unit * norm),
        np.linalg.norm(u.conj().T @ u - np.eye(k), 1) / unit,
        np.linalg.norm(vh @ vh.conj().T - np.eye(k), 1) / unit,
        np.linalg.norm(np.tril(t, -1), 1) / (unit * norm),
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(12, 12), (15, 9), (9, 15), (1, 1), (5, 1), (1, 5)])
def test_ratios(leg, shape, method):
    for power in (0, 2):
        a = leg.randn(*shape)
        out = utv(a, method=method, power=power, block_size=4, rng=0)
        assert all(leg.matches(x) for x in out)
        assert max(ratios(leg, a, out)) < 30
        diagonal = np.diagonal(leg.to_numpy(out.t))
        assert np.all(np.real(diagonal) >= 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(40, 40), (60, 40), (40, 60)])
@pytest.mark.parametrize("cond", [1e2, 1e8, 1e15])
def test_the_diagonal_follows_the_singular_values(method, shape, cond):
    """Down to eps·σ₁; randUTV more closely."""
    a = lx.gallery.randsvd(*shape, cond=cond, rng=0)
    s = np.geomspace(1, 1 / cond, 40)
    clear = s > 1e-14
    # Square Gaussian draws are nearly singular now and then.
    small, large = (0.1, 4.0) if method == "powerurv" else (0.5, 2.0)
    for seed in range(20):
        d = np.diagonal(utv(a, method=method, block_size=10, rng=seed).t)
        quotient = d[clear] / s[clear]
        assert small <= np.min(quotient) and np.max(quotient) <= large
        assert np.all(d[~clear] <= 1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_matrices_without_full_rank(leg, method):
    rank3 = leg.asarray(leg.isometry(14, 3) @ leg.isometry(10, 3, 1).conj().T)
    zero = leg.asarray(np.zeros((14, 10)))
    for a, rank in ((rank3, 3), (zero, 0)):
        out = utv(a, method=method, block_size=4, rng=0)
        assert max(ratios(leg, a, out)) < 30
        d = np.abs(np.diagonal(leg.to_numpy(out.t)))
        assert np.all(d[:rank] > 0.1) and np.all(d[rank:] <= 300 * leg.eps)


@pytest.mark.parametrize("method", METHODS)
def test_a_gap_splits_the_ranges(method):
    """The leading columns of U and V span the leading singular vectors."""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((50, 50)))[0] for _ in range(2))
    a = (u * np.r_[np.ones(8), np.full(42, 1e-3)]) @ v.T
    out = utv(a, method=method, block_size=8, rng=0)
    for basis, exact in ((out.u[:, :8], u[:, :8]), (out.vh[:8].T, v[:, :8])):
        sine = np.linalg.norm(basis - exact @ (exact.T @ basis), 2)
        assert sine <= 1e-6


def test_randutv_makes_diagonal_blocks_diagonal():
    a = np.random.default_rng(0).standard_normal((20, 20))
    t = utv(a, method="randutv", block_size=7, rng=0).t
    for start in (0, 7, 14):
        block = t[start : start + 7, start : start + 7]
        assert np.array_equal(block, np.diag(np.diagonal(block)))
    one = utv(a, method="randutv", block_size=20, rng=0)
    np.testing.assert_allclose(np.diagonal(one.t), np.linalg.svd(a, compute_uv=False), rtol=1e-12)


def test_block_reflectors(leg):
    """Hermitian, unitary, and the first columns span what was given."""
    host = leg.isometry(9, 3)
    q = leg.asarray(host)
    h = reflector(q, xp=leg.xp)
    eye = leg.asarray(np.eye(9))
    left, right = (leg.to_numpy(f(eye, h, xp=leg.xp)) for f in (from_left, from_right))
    unit = 9 * leg.eps
    assert np.max(np.abs(left - right)) <= 5 * unit
    assert np.max(np.abs(left - left.conj().T)) <= 5 * unit
    assert np.max(np.abs(left @ left - np.eye(9))) <= 5 * unit
    first = left[:, :3]
    assert np.max(np.abs(first - host @ (host.conj().T @ first))) <= 5 * unit
    u, _, vh = np.linalg.svd(host[:3])
    assert np.max(np.abs(first + host @ (u @ vh).conj().T)) <= 50 * unit


def test_wrong_options():
    a = np.eye(3)
    with pytest.raises(ValueError, match="power must be at least 0"):
        utv(a, power=-1)
    with pytest.raises(ValueError, match="block_size must be at least 1"):
        utv(a, block_size=0)
