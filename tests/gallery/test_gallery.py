"""Every known answer that a docstring of the gallery states."""

from math import comb, factorial, pi, prod, sin, sqrt

import numpy as np
import pytest

import linalgx as lx
from linalgx.gallery._spectra import SPECTRA

SIZES = (0, 1, 2, 3, 5, 10, 50)
DETERMINISTIC = (
    lx.gallery.hilbert,
    lx.gallery.kahan,
    lx.gallery.frank,
    lx.gallery.vandermonde,
    lx.gallery.triu_ones,
)
RANDOM = (lx.gallery.randsvd, lx.gallery.graded)


def born(leg, function, *args, **kwargs):
    a = function(*args, **kwargs, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    assert leg.matches(a)
    assert a.dtype == leg.dtype
    return leg.to_numpy(a)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("function", [*DETERMINISTIC, *RANDOM], ids=lambda f: f.__name__)
def test_born_where_asked(leg, function, n):
    options = {"rng": 0} if function in RANDOM else {}
    a = born(leg, function, n, **options)
    assert a.shape == (n, n)
    assert np.all(np.isfinite(a))


def test_same_matrix_on_every_backend(leg):
    here = born(leg, lx.gallery.randsvd, 6, 4, cond=10.0, rng=3)
    there = lx.gallery.randsvd(6, 4, cond=10.0, rng=3, dtype=leg.dtype_name)
    assert np.linalg.norm(here - there) <= 20 * leg.eps


@pytest.mark.parametrize("mode", SPECTRA)
@pytest.mark.parametrize("shape", [(12, 12), (9, 4), (4, 9), (1, 5), (2, 2)])
def test_randsvd_has_the_named_spectrum(leg, mode, shape):
    m, n = shape
    cond, k = 1e3, min(shape)
    a = born(leg, lx.gallery.randsvd, m, n, cond=cond, mode=mode, rng=1)
    s = np.linalg.svd(a, compute_uv=False)
    i = np.arange(k)
    expected = {
        "geometric": cond ** (-i / max(k - 1, 1)),
        "arithmetic": 1 - i / max(k - 1, 1) * (1 - 1 / cond),
        "one_large": np.where(i == 0, 1, 1 / cond),
        "one_small": np.where(i == k - 1, 1 / cond, 1) if k > 1 else np.ones(1),
        "clustered": np.where(i < k - k // 2, 1, 1 / cond),
    }
    if mode == "log_random":
        assert s[-1] == pytest.approx(1 / cond if k > 1 else 1, rel=1e-2)
        assert s[0] == pytest.approx(1, rel=1e-5)
    else:
        np.testing.assert_allclose(s, expected[mode], atol=10 * leg.eps)


def test_randsvd_batches_share_the_spectrum(leg):
    a = born(leg, lx.gallery.randsvd, 5, 3, cond=10.0, mode="log_random", batch=(2, 3), rng=0)
    s = np.linalg.svd(a, compute_uv=False)
    np.testing.assert_allclose(s, np.broadcast_to(s[0, 0], s.shape), atol=20 * leg.eps)
    assert not np.allclose(a[0, 0], a[1, 2])
    assert born(leg, lx.gallery.randsvd, 3, batch=0, rng=0).shape == (0, 3, 3)


def test_randsvd_definite(leg):
    a = born(leg, lx.gallery.randsvd, 8, cond=1e3, definite=True, rng=0)
    assert np.array_equal(a, a.conj().T)
    w = np.linalg.eigvalsh(a)
    np.testing.assert_allclose(w[::-1], 1e3 ** (-np.arange(8) / 7), atol=10 * leg.eps)


def test_randsvd_default_condition_follows_the_precision(leg):
    s = np.linalg.svd(born(leg, lx.gallery.randsvd, 5, rng=0), compute_uv=False)
    assert s[-1] == pytest.approx(sqrt(leg.eps), rel=0.05)


def test_haar_is_uniform():
    # The mean of det over O(2) is 0; without the signs of R it would be one of ±1.
    rng = np.random.default_rng(0)
    d = np.linalg.det(lx.gallery.randsvd(2, cond=1.0, batch=2000, rng=rng))
    assert abs(d.mean()) < 0.1


def test_hilbert():
    for n in (1, 2, 5, 8):
        a = lx.gallery.hilbert(n)
        c, c2 = (prod(factorial(k) for k in range(j)) for j in (n, 2 * n))
        assert np.linalg.det(a) == pytest.approx(c**4 / c2, rel=1e-3)
        inverse = [
            [
                (-1) ** (i + j)
                * (i + j + 1)
                * comb(n + i, n - j - 1)
                * comb(n + j, n - i - 1)
                * comb(i + j, i) ** 2
                for j in range(n)
            ]
            for i in range(n)
        ]
        residual = a @ np.asarray(inverse, dtype=float) - np.eye(n)
        assert np.abs(residual).max() < 1e-16 * np.linalg.cond(a) * n
    assert np.linalg.cond(lx.gallery.hilbert(5)) == pytest.approx(4.766e5, rel=1e-3)
    assert np.linalg.cond(lx.gallery.hilbert(10)) == pytest.approx(1.602e13, rel=1e-2)


@pytest.mark.parametrize("c", [0.0, 0.3, 0.9])
def test_kahan(c):
    n, s = 8, sqrt(1 - c * c)
    a = lx.gallery.kahan(n, c=c)
    assert np.linalg.det(a) == pytest.approx(s ** (n * (n - 1) / 2), rel=1e-8)
    i, j = np.indices((n, n))
    inverse = np.where(i < j, c * (1.0 + c) ** (j - i - 1.0) * s ** (-1.0 * j), 0.0)
    inverse += np.diag(s ** (-1.0 * np.arange(n)))
    np.testing.assert_allclose(inverse @ a, np.eye(n), atol=1e-16 * np.linalg.norm(inverse) * n)
    values = np.linalg.svd(a, compute_uv=False)
    assert values[-2] == pytest.approx(s ** (n - 2) * sqrt(1 + c), rel=1e-6)


def test_frank():
    a = lx.gallery.frank(7)
    w = np.sort(np.linalg.eigvals(a).real)
    np.testing.assert_allclose(w * w[::-1], 1.0, rtol=1e-8)
    assert w[3] == pytest.approx(1.0)
    assert np.linalg.det(a) == pytest.approx(1.0)


def test_vandermonde():
    n = 6
    a = lx.gallery.vandermonde(n)
    determinant = prod(factorial(k) for k in range(n)) / (n - 1) ** (n * (n - 1) // 2)
    assert np.linalg.det(a) == pytest.approx(determinant, rel=1e-10)
    np.testing.assert_allclose(a[:, 2], np.linspace(0, 1, n) ** 2)


def test_triu_ones():
    n = 9
    a = lx.gallery.triu_ones(n)
    k = np.arange(1, n + 1)
    expected = [0.5 / sin((2 * j - 1) * pi / (4 * n + 2)) for j in k]
    np.testing.assert_allclose(np.linalg.svd(a, compute_uv=False), expected, rtol=1e-12)
    np.testing.assert_array_equal(np.linalg.inv(a), np.eye(n) - np.eye(n, k=1))
    assert np.linalg.matrix_rank(lx.gallery.triu_ones(n, rank=4)) == 4


def test_graded(leg):
    n, ratio = 6, 1e-4
    a = born(leg, lx.gallery.graded, n, ratio=ratio, rng=0).astype(np.complex128)
    d = ratio ** (np.arange(n) / (n - 1))
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), d, rtol=20 * leg.eps)
    q = a / d[:, None]
    assert np.linalg.norm(q @ q.conj().T - np.eye(n)) < 40 * leg.eps


def test_spiked_without_noise(leg):
    a = born(leg, lx.gallery.spiked, 10, 7, spikes=[3.0, 2.0], noise=0.0, rng=0)
    s = np.linalg.svd(a, compute_uv=False)
    np.testing.assert_allclose(s, [3, 2, 0, 0, 0, 0, 0], atol=20 * leg.eps)


@pytest.mark.parametrize("m", [200, 400, 800])
def test_spiked_limits(m):
    n, spikes = 400, [6.0, 3.0, 0.4]
    y = m / n
    s = np.linalg.svd(lx.gallery.spiked(m, n, spikes=spikes, rng=5), compute_uv=False)
    for theta, value in zip(spikes[:2], s[:2], strict=True):
        assert value == pytest.approx(sqrt((1 + theta**2) * (y + theta**2)) / theta, rel=0.03)
    assert s[2] == pytest.approx(1 + sqrt(y), rel=0.03)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.randsvd(-1), ValueError, "m must be at least 0, got -1"),
        (lambda g: g.randsvd(2.5), TypeError, "m must be an integer, got 2.5"),
        (lambda g: g.randsvd(3, mode="geo"), ValueError, "'geometric', .* got 'geo'"),
        (lambda g: g.randsvd(3, cond=0.5), ValueError, "cond must be a finite number >= 1"),
        (lambda g: g.randsvd(3, cond=float("nan")), ValueError, "cond must be"),
        (lambda g: g.randsvd(3, 4, definite=True), ValueError, "needs a square matrix"),
        (lambda g: g.kahan(3, c=1.0), ValueError, r"c must lie in \[0, 1\)"),
        (lambda g: g.graded(3, ratio=0.0), ValueError, "ratio must lie in"),
        (lambda g: g.triu_ones(3, rank=4), ValueError, r"rank must lie in \[0, 3\], got 4"),
        (lambda g: g.spiked(2), ValueError, r"at most min\(m, n\) = 2 values, got 3"),
        (lambda g: g.spiked(5, spikes=[-1.0]), ValueError, "not negative"),
        (lambda g: g.hilbert(3, dtype="int64"), TypeError, "dtype"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(lx.gallery)
