"""The kernel for greedy updates of a transport plan against the generic code."""

from importlib import import_module

import numpy as np
import pytest

pytest.importorskip("numba")
kernel = import_module("linalgx.kernels.numba_greenkhorn").greenkhorn_updates
generic = import_module("linalgx.transport._greenkhorn").generic_updates


def arguments(dtype, n=12, m=9, spread=3.0, seed=0):
    """A plan that is far from its marginals, and everything that the updates change."""
    rng = np.random.default_rng(seed)
    p = np.exp(spread * rng.standard_normal((n, m)))
    p = (p / p.sum()).astype(dtype)
    a, b = rng.dirichlet(np.ones(n)).astype(dtype), rng.dirichlet(np.ones(m)).astype(dtype)
    u, v = np.zeros(n, dtype), np.zeros(m, dtype)
    return p, p.sum(axis=1), p.sum(axis=0), a, b, u, v


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spread", [1.0, 6.0])
def test_kernel_equals_generic(dtype, spread):
    ours, theirs = (arguments(dtype, spread=spread) for _ in range(2))
    kernel(*ours, 60)
    generic(*theirs, 60)
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == y.dtype == dtype
        np.testing.assert_allclose(x, y, rtol=1e4 * np.finfo(dtype).eps, atol=1e-30)


def test_one_update_makes_the_worst_line_exact():
    p, r, c, a, b, u, v = arguments("float64")
    rho = [y - x + x * np.log(x / y) for x, y in ((a, r), (b, c))]
    before = p.copy()
    kernel(p, r, c, a, b, u, v, 1)
    if rho[0].max() >= rho[1].max():
        i = rho[0].argmax()
        assert p[i].sum() == pytest.approx(a[i], rel=1e-14)
        assert np.count_nonzero(u) == 1
        assert not v.any()
    else:
        j = rho[1].argmax()
        assert p[:, j].sum() == pytest.approx(b[j], rel=1e-14)
        assert np.count_nonzero(v) == 1
        assert not u.any()
    np.testing.assert_allclose(p, np.exp(u)[:, None] * before * np.exp(v), rtol=1e-14)
    np.testing.assert_allclose(r, p.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(c, p.sum(axis=0), rtol=1e-13)


def test_sums_keep_their_digits_when_most_is_taken_away():
    """A column that held far too much in one row: what is left is small against what was there."""
    n = 5
    p = np.full((n, n), 1e-3)
    p[0, 0] = 1e12
    a = b = np.full(n, 1 / n)
    work = p, p.sum(axis=1), p.sum(axis=0), a, b, np.zeros(n), np.zeros(n)
    kernel(*work, 1)
    np.testing.assert_allclose(work[1], p.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(work[2], p.sum(axis=0), rtol=1e-13)
    kernel(*work, 50)
    np.testing.assert_allclose(work[1], p.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(work[2], p.sum(axis=0), rtol=1e-12)
