"""QR of tall matrices: LAPACK's ratios for hard matrices, with and without pivoting."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.randomized._preconditioned_qr import numerical_rank

qr = lx.randomized.qr


def worst(leg, a, *, pivoting):
    """Largest ratio; the order of columns must be a permutation, the diagonal not negative."""
    out = qr(a, pivoting=pivoting, rng=0)
    assert len(out) == 2 + pivoting
    host, q, r = (leg.to_numpy(x) for x in (a, *out[:2]))
    assert leg.matches(out.q) and leg.matches(out.r)
    m, n = host.shape
    assert q.shape == (m, min(m, n)) and r.shape == (min(m, n), n)
    diagonal = np.diagonal(r)
    assert np.all(np.real(diagonal) >= 0)
    assert np.all(np.abs(np.imag(diagonal)) <= 10 * leg.eps * np.abs(diagonal))
    if pivoting:
        p = leg.to_numpy(out.p)
        assert p.dtype == np.int64 and sorted(p) == list(range(n))
        host = host[:, p]
    return max(lx.testing.qr_ratios(host, q, r))


@pytest.mark.parametrize("pivoting", [False, True])
@pytest.mark.parametrize("mode", ["geometric", "one_small", "one_large"])
def test_ratios_for_all_condition_numbers(leg, mode, pivoting):
    for cond in (1e1, 1e8, 1e15):
        a = leg.randsvd(60, 10, cond, mode)
        assert worst(leg, a, pivoting=pivoting) < 30


def rank_deficient():
    rng = np.random.default_rng(0)
    column = rng.standard_normal((64, 1))
    eye = np.eye(64)[:, :6]
    return {
        "zero": np.zeros((64, 6)),
        "one entry": 3.0 * (np.arange(64)[:, None] == 40) * (np.arange(6) == 2),
        "rank 1": column * np.arange(6.0),
        "identical": np.repeat(column, 6, axis=1),
        "unit vectors, twice": np.concat([eye[:, :3], eye[:, :3]], axis=1),
        "unit vectors": eye,
        "rank 3": rng.standard_normal((64, 3)) @ rng.standard_normal((3, 6)),
        "zero columns": rng.standard_normal((64, 6)) * (np.arange(6) % 2),
        "graded columns": rng.standard_normal((64, 6)) * 1e-4 ** np.arange(6),
        "graded rows": rng.standard_normal((64, 6)) * 10.0 ** -np.linspace(0, 20, 64)[:, None],
        "nearly dependent": column + 1e-15 * rng.standard_normal((64, 6)),
    }


@pytest.mark.parametrize("pivoting", [False, True])
@pytest.mark.parametrize("label", rank_deficient())
def test_ratios_without_full_rank(leg, label, pivoting):
    assert worst(leg, leg.asarray(rank_deficient()[label]), pivoting=pivoting) < 30


@pytest.mark.parametrize("pivoting", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (40, 1), (1, 7), (7, 7), (5, 9), (30, 12), (18, 1)])
def test_other_shapes(leg, shape, pivoting):
    assert worst(leg, leg.randn(*shape), pivoting=pivoting) < 30


def test_the_ends_of_the_range(leg):
    power = 60 if leg.real_name == "float32" else 500
    a = leg.randn(40, 5)
    plain = qr(a, pivoting=True, rng=0)
    for exponent in (-power, power):
        scaled = qr(a * 2.0**exponent, pivoting=True, rng=0)
        np.testing.assert_array_equal(leg.to_numpy(scaled.q), leg.to_numpy(plain.q))
        back = leg.to_numpy(scaled.r) * 2.0**-exponent
        np.testing.assert_array_equal(back, leg.to_numpy(plain.r))


@pytest.mark.parametrize("cond", [1e1, 1e6, 1e10, 1e14, 1e15])
def test_pivoted_qr_meets_its_bars(cond):
    """Orthogonality below 100 eps and residual below 20 eps, for any draw."""
    eps = np.finfo(float).eps
    for seed in range(5):
        a = lx.gallery.randsvd(1500, 60, cond=cond, rng=seed)
        q, r, p = qr(a, pivoting=True, rng=seed)
        assert np.linalg.norm(q.T @ q - np.eye(60), 2) <= 100 * eps
        assert np.linalg.norm(a[:, p] - q @ r) <= 20 * eps * np.linalg.norm(a)


def test_pivots_reveal_the_rank():
    """|r_jj| stays within a small factor of the singular values, in descending order."""
    a = lx.gallery.randsvd(500, 30, cond=1e12, rng=0)
    s = np.geomspace(1, 1e-12, 30)
    for seed in range(20):
        r = qr(a, pivoting=True, rng=seed).r
        d = np.diagonal(r)
        assert np.all((d / s < 10) & (d / s > 0.1))
        assert np.all(d[1:] <= 2 * d[:-1])
    kahan = np.concat([lx.gallery.kahan(20), np.zeros((60, 20))])
    d = np.diagonal(qr(kahan, pivoting=True, rng=0).r)
    assert d[-1] >= 0.9 * 0.5 * np.linalg.svd(kahan, compute_uv=False)[-1]


def test_large_columns_come_first():
    """A choice that every pivoting makes: columns many times as large as the others."""
    a = np.random.default_rng(0).standard_normal((200, 8)) * 1e3 ** -np.array(
        [5, 1, 0, 3, 7, 2, 6, 4.0]
    )
    assert list(qr(a, pivoting=True, rng=0).p) == [2, 1, 5, 3, 7, 0, 6, 4]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_columns_of_any_size_are_factored_accurately(dtype):
    """Each column of A P − Q R is small beside that column, also below the numerical rank."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((60, 6)) + (1j if dtype == "complex128" else 0.0)
    a = a * 10.0 ** np.array([-120.0, 0.0, 100.0, -60.0, 90.0, -10.0])
    q, r, p = qr(a, pivoting=True, rng=0)
    gap, size = a[:, p] - q @ r, np.max(np.abs(a[:, p]), axis=0)
    assert list(p) == [2, 4, 1, 5, 3, 0]
    assert np.max(np.abs(gap) / size) <= 100 * np.finfo(float).eps
    assert np.linalg.norm(q.conj().T @ q - np.eye(6), 2) <= 100 * np.finfo(float).eps


def test_the_smallest_numbers_raise_no_warning():
    """Entries of R below the least normal number have no inverse."""
    for entry in (1e-44, 1e-39):
        a = np.ones((30, 7), dtype="complex64")
        a[:7, 1:] += np.eye(7, 6, dtype="complex64")
        a[:, 4] *= np.float32(entry)
        q, r, p = qr(a, pivoting=True, rng=0)
        assert max(lx.testing.qr_ratios(a[:, p], q, r)) < 30


def test_the_numerical_rank_ends_at_the_first_small_pivot():
    xp = lx.LinearMap(np.eye(2)).xp
    assert numerical_rank(np.diag([1.0, 1e-10, 1e-14]), xp=xp) == 3
    assert numerical_rank(np.diag([1.0, 1e-16, 1e-10]), xp=xp) == 1
    assert numerical_rank(np.zeros((3, 3)), xp=xp) == 0
    assert numerical_rank(np.diag([np.nan, 1.0]), xp=xp) == 0


def test_cholesky_qr_gives_the_factors_of_householder_qr():
    """R with a positive diagonal is unique."""
    a = lx.gallery.randsvd(300, 20, cond=1e3, rng=2)
    q, r = np.linalg.qr(a)
    turn = np.sign(np.diagonal(r))
    ours = qr(a)
    np.testing.assert_allclose(ours.r, turn[:, None] * r, atol=1e-12)
    np.testing.assert_allclose(ours.q, q * turn, atol=1e-11)


def test_batches_are_refused():
    with pytest.raises(ValueError, match="a must be one matrix"):
        qr(np.ones((2, 9, 3)))
