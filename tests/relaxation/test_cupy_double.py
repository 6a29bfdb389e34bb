"""Sparse matrices of CuPy through all solvers, with a double that keeps host and device apart.

Nothing may cross over unasked, the result is that of NumPy, and an iteration asks the device once.
"""

from functools import partial

import cupy_double
import numpy as np
import pytest
import scipy.sparse

import linalgx as lx
import linalgx.relaxation as rx

pytestmark = pytest.mark.thread_unsafe(reason="puts a double of CuPy into sys.modules")

M = 8
SOLVERS = {
    "sor": rx.sor,
    "sor colours": partial(rx.sor, ordering="multicolor"),
    "sor levels": partial(rx.sor, ordering="level", symmetric=True, omega=1.3),
    "sor blocks": partial(rx.sor, ordering="block", blocks=M),
    "jacobi": partial(rx.jacobi, omega="optimal"),
    "cg": rx.cg,
    "cg inf": partial(rx.cg, norm="inf"),
    "ssor_cg": rx.ssor_cg,
    "ssor_cg colours": partial(rx.ssor_cg, ordering="multicolor"),
    "chebyshev": rx.chebyshev,
    "chebyshev jacobi": partial(rx.chebyshev, preconditioner="jacobi"),
    "deflated_cg": partial(rx.deflated_cg, harvest=3),
    "gcro_dr": partial(rx.gcro_dr, restart=30),
}
PRECONDITIONERS = {
    "fsai": partial(rx.fsai, power=2),
    "combination": partial(rx.combination_preconditioner, shape=(M, M), coarse=2),
    "polynomial": partial(rx.polynomial_preconditioner, degree=3, rng=0),
}
COMPILED = ("sor", "ssor_cg")  # on the host by another recurrence, which may need a step more


@pytest.fixture
def cupy(monkeypatch):
    return cupy_double.install(monkeypatch)


def host_problem(dtype, columns):
    """Poisson's matrix, complex ones turned by phases, and right-hand sides."""
    a = lx.gallery.poisson2d(M).astype(dtype)
    if np.dtype(dtype).kind == "c":
        turn = scipy.sparse.diags_array(np.exp(1j * np.arange(M * M)))
        a = scipy.sparse.csr_array(turn @ a @ turn.conj())
    shape = (M * M,) if columns is None else (M * M, columns)
    return a, np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("columns", [None, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", SOLVERS)
def test_solvers(cupy, name, dtype, columns):
    host, b = host_problem(dtype, columns)
    solve = partial(SOLVERS[name], rtol=1e-5)
    expected, found = solve(host, b), solve(cupy_double.sparse(host), cupy.asarray(b))
    assert found.converged
    assert type(found.x) is cupy_double.ndarray
    assert found.x.dtype == b.dtype
    if name not in COMPILED:
        assert abs(found.iterations - expected.iterations) <= 2
    kind = np.inf if name == "cg inf" else None
    gaps, sizes = (np.linalg.norm(y, axis=0, ord=kind) for y in (host @ found.x.get() - b, b))
    assert np.all(gaps <= 1.01e-5 * sizes)


@pytest.mark.parametrize("name", PRECONDITIONERS)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_preconditioners(cupy, name, dtype):
    host, b = host_problem(dtype, None)
    applied = PRECONDITIONERS[name](host) @ b
    found = PRECONDITIONERS[name](cupy_double.sparse(host)) @ cupy.asarray(b)
    np.testing.assert_allclose(found.get(), applied, rtol=1e-10, atol=1e-13)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("name", [*SOLVERS, *PRECONDITIONERS])
def test_an_iteration_asks_the_device_once(cupy, name):
    host, b = host_problem("float64", None)
    a, b = rx.prepare(cupy_double.sparse(host)), cupy.asarray(b)
    if name in PRECONDITIONERS:
        apply = PRECONDITIONERS[name](a.matrix)
        solve = partial(rx.cg, preconditioner=apply)
    else:
        solve = SOLVERS[name]
    solve(a, b, rtol=1e-5)  # finds orderings and ω
    trips = []
    for most in (2, 5):
        cupy_double.trips[0] = 0
        assert solve(a, b, rtol=1e-14, maxiter=most).iterations == most
        trips.append(cupy_double.trips[0])
    assert trips[1] - trips[0] <= 3


@pytest.mark.parametrize("kind", ["csc_array", "coo_array", "dia_array", "csr_matrix"])
def test_formats(cupy, kind):
    host, b = host_problem("float64", None)
    a = cupy_double.sparse(getattr(scipy.sparse, kind)(host))
    for solve in (rx.sor, rx.cg, rx.chebyshev):
        x = solve(a, cupy.asarray(b)).x.get()
        assert np.linalg.norm(host @ x - b) <= 1e-8 * np.linalg.norm(b)


def test_new_values(cupy):
    host, b = host_problem("float64", None)
    p = rx.prepare(cupy_double.sparse(host))
    p.update_values(2.0 * p.matrix.data)
    x = rx.sor(p, cupy.asarray(b), ordering="multicolor").x.get()
    assert np.linalg.norm(2.0 * (host @ x) - b) <= 1e-8 * np.linalg.norm(b)


def test_the_double_keeps_them_apart(cupy):
    x = cupy.asarray(np.ones(3))
    for cross in (lambda: x + np.ones(3), lambda: np.sum(x), lambda: np.asarray(x)):
        with pytest.raises(TypeError):
            cross()
    with pytest.raises(TypeError):
        cupy_double.sparse(scipy.sparse.csr_array(np.eye(3))) @ np.ones(3)
