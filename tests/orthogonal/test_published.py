"""Published experiments in which the pieces of this family play together."""

import numpy as np
import pytest

import linalgx as lx
from linalgx._core.polish import polish
from linalgx.backend import namespace_of

XP = namespace_of(np.zeros(1))


def four_bits(v):
    """Columns in blocks of 64, scaled by their largest entry, to the 16 levels t|t| and 0."""
    t = np.linspace(-1, 1, 16)
    levels = t * abs(t)
    levels[7] = 0.0
    blocks = v.T.reshape(-1, 64)
    size = abs(blocks).max(1, keepdims=True)
    nearest = abs((blocks / size)[..., None] - levels).argmin(-1)
    return (levels[nearest] * size).reshape(v.T.shape).T


def test_polishing_repairs_quantized_eigenvectors():
    """Four-bit Shampoo: the root improves until the eigenvectors are orthogonal again."""
    n = 256
    a = lx.gallery.randsvd(n, cond=1e4, definite=True, rng=0)
    w, v = np.linalg.eigh(a)
    exact = (v * (w + 1e-6) ** -0.25) @ v.T
    u, orthogonality, error = four_bits(v), [], []
    for _ in range(5):
        orthogonality.append(np.linalg.norm(u.T @ u - np.eye(n)) / n**0.5)
        root = (u * (w + 1e-6) ** -0.25) @ u.T
        error.append(np.linalg.norm(root - exact) / np.linalg.norm(exact))
        u, _ = polish(u, xp=XP)
    assert np.allclose(orthogonality, [0.15, 0.025, 8.6e-4, 1.5e-6, 7e-12], rtol=0.2)
    assert np.allclose(error[:3], [0.153, 0.062, 0.058], rtol=0.05)


def least_squares():
    """The problem of the PolarGrad experiment, min ‖AXB − C‖²/2, from its published seed."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(42)
    a, b, c = (torch.randn(*s).double().numpy() for s in ((1000, 500), (100, 250), (1000, 250)))
    x = (2 * torch.rand(500, 100) - 1).double().numpy()
    best = np.linalg.lstsq(a, c)[0] @ np.linalg.pinv(b)

    def value(x):
        return 0.5 * np.linalg.norm(a @ x @ b - c) ** 2

    left, right, shift = a.T @ a, b @ b.T, a.T @ c @ b.T
    lowest = value(best)
    return x, lambda x: left @ x @ right - shift, lambda x: value(x) / lowest - 1


def descend(x, gradient, factor, rate, steps):
    """Steps of length `rate` times the nuclear norm along the polar factor."""
    for _ in range(steps):
        g = gradient(x)
        u = factor(g)
        x = x - rate * np.sum(g * u) * u
    return x


def two_halley_steps(g):
    """QDWH from the float32 eps, cut off after two steps, and the polish."""
    x = g / np.sqrt(np.linalg.norm(g, 1) * np.linalg.norm(g, np.inf))
    for a, b, c in lx.orthogonal.qdwh_weights(float(np.finfo("float32").eps))[:2]:
        gram = x.T @ x
        y = np.linalg.solve(np.eye(len(gram)) + c * gram, x.T).T
        x = (b / c) * x + (a - b / c) * y
    return polish(x, xp=XP)[0]


def test_polar_gradient_descent():
    """Published gaps .078 and .012 after 100 and 250 steps; the norm of the start matters."""
    x, gradient, gap = least_squares()
    x100 = descend(x, gradient, two_halley_steps, 4e-8, 100)
    x250 = descend(x100, gradient, two_halley_steps, 4e-8, 150)
    assert 0.078 / 1.3 < gap(x100) < 0.078 * 1.3
    assert 0.012 / 1.3 < gap(x250) < 0.012 * 1.3


def test_exact_polar_gradient_descent_wants_shorter_steps():
    """The cut-off steps are stable at 4e-8 because their U is too short; the exact one is not."""
    x, gradient, gap = least_squares()

    def factor(g):
        return lx.orthogonal.polar(g, compute_p=False).u

    assert gap(descend(x, gradient, factor, 1e-8, 30)) < 0.5 * gap(x)
    assert not gap(descend(x, gradient, factor, 4e-8, 30)) < gap(x)
