"""Problems with known answers that the tests of the Krylov methods share."""

import numpy as np
import scipy.sparse as sp

import linalgx as lx


def poisson(m, seed=0):
    """Five-point matrix on m x m points and a random right-hand side."""
    return lx.gallery.poisson2d(m), np.random.default_rng(seed).standard_normal(m * m)


def dense(leg, m=7):
    """The same as arrays of a leg; complex ones are turned by phases, which changes no norm."""
    a, b = poisson(m)
    turn = np.exp(1j * np.arange(m * m)) if leg.is_complex else np.ones(m * m)
    a = turn[:, None] * a.toarray() * np.conj(turn)
    return leg.asarray((a + np.conj(a.T)) / 2), leg.asarray(turn * b)


def neumann(m=20, seed=0):
    """Singular: constants go to zero, and the right-hand side has none."""
    line = 2 * np.eye(m) - np.eye(m, k=1) - np.eye(m, k=-1)
    line[0, 0] = line[-1, -1] = 1
    a = sp.csr_array(sp.kron(line, np.eye(m)) + sp.kron(np.eye(m), line))
    b = np.random.default_rng(seed).standard_normal(m * m)
    return a, b - b.mean()


def gap(a, x, b):
    """‖b − A x‖/‖b‖ in double precision."""
    wide = np.result_type(x.dtype, np.float64)
    r = b.astype(wide) - a.astype(wide) @ x.astype(wide)
    return float(np.linalg.norm(r) / np.linalg.norm(b.astype(wide)))


def failing(a, k):
    """The product with `a` that returns NaN from call k on."""
    calls = [0]

    def apply(x):
        calls[0] += 1
        return a @ x if calls[0] < k else np.nan * x

    return lx.LinearMap.from_callables(a.shape, apply)


def convection(m, peclet):
    """Convection and diffusion, central differences: not symmetric."""
    line = 2 * np.eye(m) - np.eye(m, k=1) - np.eye(m, k=-1)
    drift = (np.eye(m, k=1) - np.eye(m, k=-1)) * peclet / (2 * (m + 1))
    eye = np.eye(m)
    return sp.csr_array(sp.kron(eye, line + drift) + sp.kron(line + drift / 2, eye))


def bump(x, y, cx, cy, r):
    s = np.minimum(1.0, ((x - cx) ** 2 + (y - cy) ** 2) / r**2)
    inside = s < 1
    return np.where(inside, np.exp(1 - 1 / np.where(inside, 1 - s, 1.0)), 0.0)


def heat_total(solve, steps, n=25, dt=1e-3):
    """Iterations of a heat equation with changing conductivity; `solve` takes A, b, u."""
    g = np.arange(1, n) / n
    x, y = (v.ravel() for v in np.meshgrid(g, g, indexing="ij"))
    laplace = lx.gallery.poisson2d(n - 1) * n**2
    eye = lx.gallery.heat2d(n, kappa=0.0, dt=dt).data
    change = lx.gallery.heat2d(n, kappa=1.0, dt=dt).data - eye
    a = lx.relaxation.prepare(lx.gallery.heat2d(n, kappa=1.0, dt=dt))
    u, total = bump(x, y, 0.5, 0.5, 0.25), 0
    for k in range(steps):
        t = (k + 0.5) * dt
        q = max(0.1 * np.sin(2 * np.pi * t), -10 * np.sin(2 * np.pi * t))
        place = 0.5 + np.cos(16 * np.pi * t) / 4, 0.5 + np.sin(16 * np.pi * t) / 4
        b = u - dt / 2 * q * (laplace @ u) + 32 * dt * bump(x, y, *place, 0.125)
        result = solve(a.update_values(eye + q * change), b, u)
        assert result.converged
        total, u = total + result.iterations, result.x
    return total
