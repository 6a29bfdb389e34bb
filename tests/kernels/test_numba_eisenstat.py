"""The kernels of Eisenstat's form against dense formulas and against the plain form."""

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx
from linalgx.backend import find_kernel, namespace_of

XP = namespace_of(np.zeros(1))


@pytest.fixture(autouse=True)
def _kernel(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)


def problem(dtype, n=40, seed=0):
    rng = np.random.default_rng(seed)
    a = sp.random_array((n, n), density=0.15, rng=rng).toarray()
    if np.issubdtype(dtype, np.complexfloating):
        a = a * np.exp(1j * rng.uniform(0, 6, (n, n)))
    a = a + np.conj(a.T)
    a = a + np.diag(np.abs(a).sum(axis=1) + rng.uniform(0.5, 2.0, n) - np.diag(a).real)
    b = rng.standard_normal(n) + (1j if np.iscomplexobj(a) else 0.0) * rng.standard_normal(n)
    return sp.csr_array(a.astype(dtype)), b.astype(dtype)


def split(a, omega):
    count, make = find_kernel("eisenstat_count", XP), find_kernel("eisenstat_split", XP)
    scale = np.sqrt(omega / a.diagonal().real)
    n = a.shape[0]
    triangles = [
        (np.empty(m, a.dtype), np.empty(m, a.indices.dtype), np.empty(n + 1, a.indptr.dtype))
        for m in count(a.indices, a.indptr)
    ]
    make((a.data, a.indices, a.indptr), scale, *triangles)
    return *triangles, scale


DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])


@DTYPES
def test_split_scales_the_triangles(dtype):
    a, _ = problem(dtype)
    lower, upper, s = split(a, 1.3)
    full = s[:, None] * a.toarray() * s
    eps = np.finfo(dtype).eps
    for part, k in ((lower, np.tril(full, -1)), (upper, np.triu(full, 1))):
        made = sp.csr_array(part, shape=a.shape).toarray()
        np.testing.assert_allclose(made, k, atol=4 * eps * np.abs(full).max())


@DTYPES
def test_steps_are_conjugate_gradients_for_the_transformed_matrix(dtype):
    a, b = problem(dtype)
    omega, n = 1.3, a.shape[0]
    lower, upper, s = split(a, omega)
    start, steps = find_kernel("eisenstat_start", XP), find_kernel("eisenstat_steps", XP)
    work, x, scalars = np.zeros((4, n), dtype), np.zeros(n, dtype), np.zeros(2)
    scalars[0] = start(lower, b, s, work)
    norms = np.empty(6)
    done, code = steps(lower, upper, s, 2 - omega, work, x, scalars, (0.0, 1e9), False, norms)
    assert (done, code) == (6, 0)
    wide = np.result_type(dtype, np.float64)
    full = s[:, None] * a.toarray().astype(wide) * s
    k = np.eye(n) + np.tril(full, -1)
    hat = np.linalg.solve(k, np.linalg.solve(k, np.conj(full.T)).conj().T)
    r = np.linalg.solve(k, s * b.astype(wide))
    y, p, expected = np.zeros(n, wide), np.zeros(n, wide), []
    rho, old = np.vdot(r, r).real, np.inf
    for _ in range(6):
        p = r + rho / old * p
        q = hat @ p
        alpha = rho / np.vdot(p, q).real
        y, r = y + alpha * p, r - alpha * q
        rho, old = np.vdot(r, r).real, rho
        expected.append(np.linalg.norm((k @ r) / s))
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(norms, expected, rtol=2e3 * unit)
    exact = s * np.linalg.solve(np.conj(k.T), y)
    np.testing.assert_allclose(x, exact, atol=200 * unit * np.abs(exact).max())


def test_steps_stop_at_the_bounds():
    a, b = problem("float64")
    lower, upper, s = split(a, 1.0)
    start, steps = find_kernel("eisenstat_start", XP), find_kernel("eisenstat_steps", XP)

    def run(bounds, r, largest=False):
        work, x, scalars = np.zeros((4, 40)), np.zeros(40), np.zeros(2)
        scalars[0] = start(lower, r, s, work)
        norms = np.zeros(30)
        done, code = steps(lower, upper, s, 1.0, work, x, scalars, bounds, largest, norms)
        return done, code, norms[:done], x

    _, code, norms, x = run((1e-6, 1e9), b)
    assert code == 0 and norms[-1] <= 1e-6 < norms[-2]
    assert np.linalg.norm(b - a @ x) == pytest.approx(norms[-1], rel=1e-6)
    assert run((0.0, 1e-3), b)[0] == 1  # above the limit at once
    assert run((0.0, 1e9), np.nan * b)[:2] == (0, 2)
    _, _, norms, x = run((1e-6, 1e9), b, largest=True)
    assert np.abs(b - a @ x).max() == pytest.approx(norms[-1], rel=1e-5)


@DTYPES
@pytest.mark.parametrize("omega", [0.7, 1.0, 1.6])
def test_equal_to_the_plain_form(dtype, omega, monkeypatch):
    a, b = problem(dtype, n=60, seed=2)
    fast = lx.relaxation.ssor_cg(a, b, omega=omega)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    slow = lx.relaxation.ssor_cg(a, b, omega=omega)
    assert fast.iterations == slow.iterations
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(fast.x, slow.x, atol=200 * eps * np.abs(slow.x).max())
    np.testing.assert_allclose(fast.history, slow.history, rtol=1e-2, atol=100 * eps)
