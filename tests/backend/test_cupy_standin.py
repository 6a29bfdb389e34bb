"""The branches for CuPy, run with a stand-in on the host.

The stand-in is NumPy under CuPy's name, with the few functions of ``cupyx`` that the seam calls.
It shows that these branches run and call what they should; how CuPy itself behaves is shown by
the CuPy legs on a machine with a GPU.
"""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import array_api_compat.numpy
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

import linalgx as lx
import linalgx.backend as seam

pytestmark = pytest.mark.thread_unsafe(reason="puts stand-ins into sys.modules")


class FakeGenerator:
    """Device generator with another stream than NumPy's."""

    def standard_normal(self, shape, dtype):
        return np.full(shape, 7.0, dtype=dtype)


@pytest.fixture
def cupy(monkeypatch):
    """Return a namespace called CuPy, whose failures are silent as CuPy's are by default."""
    state = SimpleNamespace(linalg="ignore", calls=[])

    @contextmanager
    def errstate(*, linalg):
        before, state.linalg = state.linalg, linalg
        try:
            yield
        finally:
            state.linalg = before

    def inv(a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            if state.linalg == "raise":
                raise
            return np.full_like(a, np.nan)

    def solve_triangular(t, b, *, lower, trans, check_finite):
        state.calls.append((t.ndim, lower, trans))
        return scipy.linalg.solve_triangular(t, b, lower=lower, trans=trans)

    cupyx = ModuleType("cupyx")
    cupyx.errstate = errstate
    cupyx_linalg = ModuleType("cupyx.scipy.linalg")
    cupyx_linalg.solve_triangular = solve_triangular
    library = ModuleType("cupy")
    library.random = SimpleNamespace(Generator=FakeGenerator)
    monkeypatch.setitem(sys.modules, "cupyx", cupyx)
    monkeypatch.setitem(sys.modules, "cupyx.scipy", ModuleType("cupyx.scipy"))
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", cupyx_linalg)
    monkeypatch.setitem(sys.modules, "cupy", library)

    xp = ModuleType("array_api_compat.cupy")
    xp.__dict__.update(
        {k: v for k, v in vars(array_api_compat.numpy).items() if not k.startswith("__")}
    )
    xp.linalg = SimpleNamespace(
        inv=inv,
        cholesky=lambda a: np.sqrt(np.abs(a)) * np.sign(a),  # silent on a negative pivot
        diagonal=array_api_compat.numpy.linalg.diagonal,
    )
    xp.state = state
    return xp


def test_it_goes_by_cupys_name(cupy):
    assert seam.library_name(cupy) == "cupy"
    assert seam.is_gpu(np.ones(1), xp=cupy)
    assert seam.library_name(cupy) != "numpy"


def test_errors_are_asked_for(cupy):
    with pytest.raises(lx.LinAlgError, match="the inverse failed: Singular"):
        seam.inv(np.zeros((2, 2)), xp=cupy)
    assert cupy.state.linalg == "ignore"


def test_a_silent_cholesky_is_checked(cupy):
    seam.cholesky(np.eye(2), xp=cupy)
    for pivot in (-1.0, 0.0, np.nan):
        with pytest.raises(lx.LinAlgError, match="not positive definite"):
            seam.cholesky(np.diag([1.0, pivot]), xp=cupy)


def test_triangular_solves_go_to_cupyx(cupy):
    t = np.array([[2.0, 0.0], [1.0, 4.0]])
    x = seam.solve_triangular(t, np.eye(2), lower=True, adjoint=True, xp=cupy)
    np.testing.assert_allclose(t.T @ x, np.eye(2), atol=1e-15)
    assert cupy.state.calls == [(2, True, "C")]
    with pytest.raises(lx.LinAlgError, match="exactly zero"):
        seam.solve_triangular(np.zeros((2, 2)), np.eye(2), lower=True, xp=cupy)


@pytest.mark.parametrize(
    ("count", "n", "at_once"), [(1, 5, True), (8, 64, False), (9, 64, True)], ids=str
)
def test_batches_of_triangular_solves(cupy, count, n, at_once):
    t, b = np.broadcast_to(2.0 * np.eye(n), (count, n, n)), np.ones((n, 1))
    x = seam.solve_triangular(t, b, lower=True, xp=cupy)
    np.testing.assert_array_equal(x, np.full((count, n, 1), 0.5))
    assert cupy.state.calls == ([(3, True, "N")] if at_once else [(2, True, "N")] * count)


@pytest.mark.parametrize(("t", "b"), [((0, 0), (0, 2)), ((3, 3), (3, 0)), ((0, 3, 3), (3, 2))])
def test_empty_triangular_solves_do_not_reach_cublas(cupy, t, b):
    x = seam.solve_triangular(np.ones(t), np.ones(b), lower=True, xp=cupy)
    assert x.shape == (*t[:-2], *b[-2:])
    assert not cupy.state.calls


def test_sparse_formats_that_cupy_lacks_become_rows(cupy, monkeypatch):
    sparse = ModuleType("cupyx.scipy.sparse")
    sparse.csr_array, sparse.issparse = scipy.sparse.csr_array, lambda x: False
    monkeypatch.setitem(sys.modules, "cupyx.scipy.sparse", sparse)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", cupy)
    moved = lx.to_backend(scipy.sparse.bsr_array(np.eye(4)), "cupy")
    assert isinstance(moved, scipy.sparse.csr_array)
    np.testing.assert_array_equal(moved.toarray(), np.eye(4))


class Placed(np.ndarray):
    """Array that tells its address as CuPy's do."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.__array_interface__["data"][0])


def placed(values, first):
    """Return values that begin so many entries behind an address that 16 divides."""
    values = np.asarray(values)
    room = np.empty(values.size + 32, dtype=values.dtype)
    skip = -room.__array_interface__["data"][0] % 16 // values.itemsize + first
    room = room[skip : skip + values.size]
    room[:] = values
    return room.view(Placed)


@pytest.fixture
def cupyx_sparse(monkeypatch):
    """Return CuPy's sparse module, with the class for arrays only; it notes what it is given."""
    sparse = ModuleType("cupyx.scipy.sparse")
    sparse.given = []

    def csr_array(parts, shape):
        sparse.given.extend(parts)
        return scipy.sparse.csr_array(tuple(np.asarray(part) for part in parts), shape=shape)

    sparse.csr_array, sparse.issparse = csr_array, lambda x: False
    monkeypatch.setitem(sys.modules, "cupyx.scipy.sparse", sparse)
    return sparse


@pytest.mark.parametrize("first", [0, 1, 3])
def test_rows_begin_where_cusparse_can_read_them(cupy, cupyx_sparse, first):
    data = placed(np.array([1.0, 2.0], dtype=np.float32), first)
    indices, indptr = (placed(np.array(x, dtype=np.int32), first) for x in ([1, 0], [0, 1, 2]))
    a = seam.make_csr(data, indices, indptr, (2, 2), xp=cupy)
    np.testing.assert_array_equal(a.toarray(), [[0.0, 1.0], [2.0, 0.0]])
    assert all(part.data.ptr % 16 == 0 for part in cupyx_sparse.given)
    kept = [x is y for x, y in zip(cupyx_sparse.given, (data, indices, indptr), strict=True)]
    assert kept == [first == 0] * 3


def test_a_single_column_is_multiplied_as_a_vector():
    seen = []

    class Container:
        def __matmul__(self, x):
            seen.append(x.shape)
            return 2.0 * x

    for module in ("cupyx.scipy.sparse._csr", "scipy.sparse._csr"):
        Container.__module__ = module
        for shape in ((3,), (3, 1), (3, 2)):
            x = np.ones(shape)
            np.testing.assert_array_equal(seam.block_product(Container(), x), 2.0 * x)
    assert seen == [(3,), (3,), (3, 2), (3,), (3, 1), (3, 2)]


def test_a_diagonal_that_is_known_is_not_looked_at(cupy):
    t = np.array([[2.0, 0.0], [1.0, 4.0]])
    cupy.linalg.diagonal = None
    x = seam.solve_triangular(t, np.eye(2), lower=True, regular=True, xp=cupy)
    np.testing.assert_allclose(t @ x, np.eye(2), atol=1e-15)


def test_products_are_made_hermitian(cupy):
    a = np.random.default_rng(0).standard_normal((9, 5))
    g = seam.gram(a, xp=cupy)
    np.testing.assert_array_equal(g, g.T)


def test_a_device_generator_draws_on_the_device(cupy):
    rng = FakeGenerator()
    assert seam.as_generator(rng) is rng
    like = np.ones(1, dtype=np.float32)
    x = seam.standard_normal((2,), rng, like=like, xp=cupy)
    np.testing.assert_array_equal(x, np.float32(7.0))
    assert x.dtype == np.float32


def test_kernels_of_numpy_are_not_offered_to_it(cupy):
    for name, library in seam.KERNELS:
        if library == "numpy" and (name, "cupy") not in seam.KERNELS:
            assert seam.find_kernel(name, cupy) is None
