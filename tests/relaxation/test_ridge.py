"""Ridge systems by a fixed number of Chebyshev steps."""

from importlib import import_module

import numpy as np
import pytest

import linalgx as lx

module = import_module("linalgx.relaxation.ridge_chebyshev")
BOUND = 4.2e-4  # 2((√κ − 1)/(√κ + 1))³⁰, κ = 51


def problems(count=60, n=64, rank=32, seed=0):
    """Random Gram matrices of low rank, and right-hand sides."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, n, rank))
    return x @ np.swapaxes(x, -1, -2), rng.standard_normal((count, n))


def ridged(h, ratio=0.02):
    size = np.linalg.norm(h, axis=(-2, -1))[..., None, None]
    return h + ratio * size * np.eye(h.shape[-1])


def residuals(h, q, x, ratio=0.02):
    gap = (ridged(h, ratio) @ x[..., None])[..., 0] - q
    return np.linalg.norm(gap, axis=-1) / np.linalg.norm(q, axis=-1)


def test_the_bound_of_thirty_steps(leg):
    h, q = problems(count=5)
    x = leg.to_numpy(lx.relaxation.ridge_chebyshev(leg.asarray(h), leg.asarray(q)))
    assert np.all(residuals(h, q, x.real) <= BOUND + 100 * leg.eps)
    assert x.shape == q.shape


@pytest.mark.parametrize("steps", [0, 1, 5, 30, 60])
@pytest.mark.parametrize("ratio", [0.02, 0.5])
def test_it_is_the_chebyshev_polynomial_of_the_interval(steps, ratio):
    """x₀ = s q has one root, and each step adds one."""
    w = np.linspace(0.0, 1.0, 30)
    w = w / np.linalg.norm(w)
    x = lx.relaxation.ridge_chebyshev(np.diag(w), np.ones(30), ratio=ratio, steps=steps)
    t = np.polynomial.chebyshev.Chebyshev.basis(steps + 1)
    expected = t(1 - 2 * w) / t(1 + 2 * ratio)
    np.testing.assert_allclose(1 - (w + ratio) * x, expected, atol=1e-12)


class Rounded(np.ndarray):
    """Single precision array that rounds the result of every operation to bfloat16."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [x.view(np.ndarray) if isinstance(x, np.ndarray) else x for x in inputs]
        return rounded(getattr(ufunc, method)(*plain, **options))


def rounded(x):
    """Round to nearest, ties to even, on the upper half of the bits."""
    bits = np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32).view(Rounded)


def cg(a, q, keep, steps=30):
    """Conjugate gradients with vectors kept in low precision and inner products in high."""
    x, r = keep(np.zeros_like(q)), keep(q)
    p, rho = r, float(np.sum(np.asarray(r, dtype=float) ** 2))
    for _ in range(steps):
        ap = keep(a @ p)
        alpha = np.float32(rho / float(np.asarray(p, dtype=float) @ np.asarray(ap, dtype=float)))
        x, r = x + alpha * p, r - alpha * ap
        rho, old = float(np.sum(np.asarray(r, dtype=float) ** 2)), rho
        if rho == 0.0:
            break
        p = r + np.float32(rho / old) * p
    return np.asarray(x, dtype=float)


def test_rounding_helper():
    values = np.float32([1.0, 1.00390625, 1.01171875, 3.14159274])
    np.testing.assert_array_equal(np.asarray(rounded(values)), [1.0, 1.0, 1.015625, 3.140625])


def test_eight_bits_are_enough():
    """A prototype had residual 0.011 (median) and 0.016 (largest), CG 0.025 and 0.053."""
    h, q = problems()
    h = h / np.linalg.norm(h, axis=(-2, -1))[:, None, None]
    weights = module.weights(0.02, 30)
    ours, theirs = [], []
    for one, right in zip(h, q, strict=True):
        x = module.iterate(rounded(one), rounded(right)[:, None], 0.02, weights)
        ours.append(residuals(one, right, np.asarray(x, dtype=float)[:, 0]))
        low = rounded(one + 0.02 * np.eye(64))
        theirs.append(residuals(one, right, cg(low, rounded(right), lambda v: v)))
    assert np.median(ours) <= 0.012
    assert np.max(ours) <= 0.017
    assert np.median(theirs) >= 0.02
    assert np.max(theirs) >= 2 * np.max(ours)


def test_in_single_precision_conjugate_gradients_win():
    h, q = problems(count=10)
    h = (h / np.linalg.norm(h, axis=(-2, -1))[:, None, None]).astype(np.float32)
    q = q.astype(np.float32)
    ours = residuals(h, q, lx.relaxation.ridge_chebyshev(h, q))
    theirs = [
        residuals(one, right, cg((ridged(one)).astype(np.float32), right, lambda v: v))
        for one, right in zip(h, q, strict=True)
    ]
    assert 2e-4 < np.median(ours) < BOUND
    assert np.median(theirs) < 2e-6


def test_batches_broadcast():
    h, q = problems(count=3, n=8, rank=8)
    x = lx.relaxation.ridge_chebyshev(h[:, None], q[None, :])
    assert x.shape == (3, 3, 8)
    one = lx.relaxation.ridge_chebyshev(h[1], q[2])
    np.testing.assert_allclose(x[1, 2], one, atol=1e-13)
    shared = lx.relaxation.ridge_chebyshev(h[0], q)
    np.testing.assert_allclose(shared[2], lx.relaxation.ridge_chebyshev(h[0], q[2]), atol=1e-13)


def test_a_zero_matrix_has_no_ridge(leg):
    h = leg.asarray(np.stack([np.zeros((3, 3)), np.eye(3)]))
    x = leg.to_numpy(lx.relaxation.ridge_chebyshev(h, leg.asarray(np.ones((2, 3)))))
    np.testing.assert_array_equal(x[0], np.zeros(3))
    assert np.all(np.isfinite(x[1])) and np.all(x[1] != 0)


def test_gradients_pass_through():
    torch = pytest.importorskip("torch")
    h, q = problems(count=2, n=6, rank=6)
    h, q = (torch.tensor(x, requires_grad=True) for x in (h, q))

    def solve(h, q):
        return lx.relaxation.ridge_chebyshev((h + h.mT) / 2, q, steps=8)

    assert torch.autograd.gradcheck(solve, (h, q), atol=1e-7)


@pytest.mark.parametrize(
    ("h", "q", "options", "message"),
    [
        (np.ones((2, 3)), np.ones(3), {}, "h must be square"),
        (np.eye(3), np.ones(2), {}, r"q must have shape \(\.\.\., 3\), got \(2,\)"),
        (np.eye(3), 1.0, {}, r"q must have shape \(\.\.\., 3\), got \(\)"),
        (np.ones(3), np.ones(3), {}, "h must be a matrix"),
        (np.eye(3), np.ones(3), {"ratio": 0.0}, "ratio must lie in"),
        (np.eye(3), np.ones(3), {"steps": -1}, "steps must be at least 0"),
    ],
)
def test_refused(h, q, options, message):
    with pytest.raises(ValueError, match=message):
        lx.relaxation.ridge_chebyshev(h, q, **options)
