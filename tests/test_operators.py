"""`LinearMap`: one face for arrays, sparse containers, operators, functions and Dask arrays."""

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import linalgx as lx
import linalgx.backend as seam

A = np.random.default_rng(0).standard_normal((4, 3))
Z = A + 1j * np.random.default_rng(1).standard_normal((4, 3))


def _dask(a):
    da = pytest.importorskip("dask.array")
    return lx.LinearMap.from_dask(da.from_array(a, chunks=2))


SOURCES = {
    "array": lx.LinearMap,
    "list": lambda a: lx.LinearMap(a.tolist()),
    "sparse array": lambda a: lx.LinearMap(sparse.csr_array(a)),
    "sparse matrix": lambda a: lx.LinearMap(sparse.csc_matrix(a)),
    "coo": lambda a: lx.LinearMap(sparse.coo_array(a)),
    "dia": lambda a: lx.LinearMap(sparse.dia_array(a)),
    "LinearOperator": lambda a: lx.LinearMap(aslinearoperator(a)),
    "matvec only": lambda a: lx.LinearMap(
        LinearOperator(
            a.shape, matvec=lambda x: a @ x, rmatvec=lambda y: a.conj().T @ y, dtype=a.dtype
        )
    ),
    "LinearMap": lambda a: lx.LinearMap(lx.LinearMap(a)),
    "callables": lambda a: lx.LinearMap.from_callables(
        a.shape, lambda x: a @ x, lambda y: a.conj().T @ y, dtype=a.dtype
    ),
    "dask": _dask,
}


@pytest.mark.parametrize("a", [A, Z], ids=["real", "complex"])
@pytest.mark.parametrize("source", SOURCES)
class TestSources:
    """The same matrix, however it is given."""

    def test_products(self, source, a):
        m = SOURCES[source](a)
        rng = np.random.default_rng(2)
        x, block = rng.standard_normal(3), rng.standard_normal((3, 2))
        assert m.shape == (4, 3)
        assert m.dtype == a.dtype
        for operand in (x, block):
            product = m @ operand
            assert type(product) is np.ndarray
            np.testing.assert_allclose(product, a @ operand, atol=1e-14)

    def test_products_with_the_adjoint(self, source, a):
        m = SOURCES[source](a).adjoint
        assert m.shape == (3, 4)
        y = np.random.default_rng(3).standard_normal((4, 2)) + 0j
        np.testing.assert_allclose(m @ y, a.conj().T @ y, atol=1e-14)
        np.testing.assert_allclose(m @ y[:, 0], a.conj().T @ y[:, 0], atol=1e-14)

    def test_the_adjoint_of_the_adjoint(self, source, a):
        m = SOURCES[source](a)
        x = np.ones(3)
        np.testing.assert_allclose(m.adjoint.adjoint @ x, a @ x, atol=1e-14)

    def test_no_columns(self, source, a):
        if source == "matvec only":  # SciPy stacks the columns and needs one
            return
        product = SOURCES[source](a) @ np.zeros((3, 0))
        assert product.shape == (4, 0)


def test_dense_arrays_of_every_leg(seam_leg):
    a, x = seam_leg.randn(4, 3), seam_leg.randn(3, 2, seed=1)
    m = lx.LinearMap(a)
    assert m.xp is seam_leg.xp
    assert m.dtype == seam_leg.dtype
    y = m @ x
    assert seam_leg.matches(y)
    np.testing.assert_array_equal(seam_leg.to_numpy(y), seam_leg.to_numpy(a @ x))
    z = m.adjoint @ y
    expected = seam.adjoint(a, xp=seam_leg.xp) @ y
    np.testing.assert_array_equal(seam_leg.to_numpy(z), seam_leg.to_numpy(expected))


class TestCounts:
    """A block counts as one product, the adjoint counts on the same clock."""

    def test_products_are_counted(self):
        m = lx.LinearMap(A)
        assert m.matmat_count == 0
        m @ np.ones(3)
        m @ np.ones((3, 5))
        m.adjoint @ np.ones(4)
        assert m.matmat_count == m.adjoint.matmat_count == 3

    def test_a_copy_starts_anew(self):
        m = lx.LinearMap(A)
        m @ np.ones(3)
        assert lx.LinearMap(m).matmat_count == 0

    def test_refused_operands_do_not_count(self):
        m = lx.LinearMap(A)
        with pytest.raises(ValueError, match="must have shape"):
            m @ np.ones(4)
        assert m.matmat_count == 0


class TestShapes:
    """Shapes are checked on the way in and on the way out."""

    @pytest.mark.parametrize("shape", [(4,), (4, 2), (3, 2, 2), ()])
    def test_operands(self, shape):
        with pytest.raises(ValueError, match=r"shape \(4, 3\) must have shape \(3,\) or \(3, k\)"):
            lx.LinearMap(A) @ np.ones(shape)

    @pytest.mark.parametrize("a", [np.ones(3), np.ones((2, 3, 3)), np.ones(())], ids=str)
    def test_one_matrix_only(self, a):
        with pytest.raises(ValueError, match="a must be"):
            lx.LinearMap(a)

    def test_products_of_another_kind(self):
        with pytest.raises(TypeError, match="must be an array of numpy, the operator returned"):
            lx.LinearMap.from_callables((3, 3), lambda x: x.tolist()) @ np.ones(3)
        turn = lx.LinearMap.from_callables((3, 3), lambda x: 1j * x)
        with pytest.raises(TypeError, match=r"of float64 must be real, .* returned complex128"):
            turn @ np.ones(3)
        assert (turn @ (1j * np.ones(3))).dtype == np.complex128

    def test_a_product_of_the_wrong_shape(self):
        m = lx.LinearMap.from_callables((3, 3), lambda x: x[:2])
        with pytest.raises(ValueError, match=r"must have shape \(3, 1\), .* returned \(2, 1\)"):
            m @ np.ones(3)

    def test_a_vector_where_a_block_is_wanted(self):
        m = lx.LinearMap.from_callables((3, 3), lambda x: x[:, 0])
        with pytest.raises(ValueError, match=r"the operator returned \(3,\)"):
            m @ np.ones(3)

    @pytest.mark.parametrize("shape", [(-1, 2), (2, -1)])
    def test_negative_sizes(self, shape):
        with pytest.raises(ValueError, match="two non-negative integers"):
            lx.LinearMap.from_callables(shape, lambda x: x)

    @pytest.mark.parametrize("shape", [(2.5, 2), ("a", 2)])
    def test_sizes_are_integers(self, shape):
        with pytest.raises(TypeError, match="integer"):
            lx.LinearMap.from_callables(shape, lambda x: x)


class TestMissingAdjoint:
    """It is missed when it is needed, and not before."""

    def test_of_functions(self):
        m = lx.LinearMap.from_callables((3, 3), lambda x: 2 * x)
        np.testing.assert_array_equal(m @ np.ones(3), 2.0)
        with pytest.raises(TypeError, match="no adjoint; give rmatmat"):
            _ = m.adjoint
        assert lx.LinearMap(m) @ np.ones(3) is not None
        assert seam.as_operand(m, "a")[1] is m

    def test_of_an_operator(self):
        m = lx.LinearMap(LinearOperator((3, 3), matvec=lambda x: 2 * x, dtype=float))
        np.testing.assert_array_equal(m @ np.ones(3), 2.0)
        with pytest.raises(TypeError, match="cannot multiply with its adjoint; give it rmatvec"):
            m.adjoint @ np.ones(3)


class TestOperands:
    """Operands belong to the library of the map."""

    def test_another_library(self):
        strict = pytest.importorskip("array_api_strict")
        with pytest.raises(TypeError, match="takes numpy arrays, got array_api_strict"):
            lx.LinearMap(A) @ strict.ones(3)

    @pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], 2.0, None, sparse.eye_array(3)])
    def test_no_arrays(self, x):
        with pytest.raises(TypeError, match="this map takes numpy arrays, got"):
            lx.LinearMap(A) @ x

    def test_functions_follow_the_namespace(self):
        strict = pytest.importorskip("array_api_strict")
        m = lx.LinearMap.from_callables((2, 2), lambda x: 2 * x, xp=strict, dtype="float32")
        assert m.xp is strict
        assert m.dtype == strict.float32
        y = m @ strict.ones((2,), dtype=strict.float32)
        assert seam.namespace_of(y) is strict

    def test_functions_follow_the_switch(self):
        strict = pytest.importorskip("array_api_strict")
        with lx.use_backend("array_api_strict"):
            assert lx.LinearMap.from_callables((2, 2), lambda x: x).xp is strict


def test_no_matrix_is_made_dense():
    n = 200_000
    m = lx.LinearMap(sparse.eye_array(n, format="csr"))
    np.testing.assert_array_equal(m @ np.ones(n), 1.0)
    np.testing.assert_array_equal(m.adjoint @ np.ones(n), 1.0)


def test_dask_wants_a_dask_matrix():
    da = pytest.importorskip("dask.array")
    for wrong in (A, da.ones(3), da.ones((2, 2, 2))):
        with pytest.raises(TypeError, match=r"two-dimensional dask\.array\.Array"):
            lx.LinearMap.from_dask(wrong)
    with pytest.raises(TypeError, match="dtype must be one of"):
        lx.LinearMap.from_dask(da.ones((2, 2), dtype=int))


def test_non_finite_entries_are_refused():
    with pytest.raises(ValueError, match="a must hold finite numbers"):
        lx.LinearMap(np.array([[np.nan]]))


def test_a_map_describes_itself():
    assert repr(lx.LinearMap(A)) == "LinearMap 4×3, float64, numpy"


@pytest.mark.parametrize("conjugate", [True, False], ids=["right", "wrong"])
def test_the_adjoint_can_be_checked(conjugate):
    back = Z.conj().T if conjugate else Z.T
    m = lx.LinearMap.from_callables(
        Z.shape, lambda x: Z @ x, lambda y: back @ y, dtype=np.complex128
    )
    assert (lx.testing.check_adjoint(m, rng=0) < 30) is conjugate


def test_an_operator_of_integers_gives_floats():
    m = lx.LinearMap(aslinearoperator(np.asarray([[2, 1], [1, 2]])))
    assert m.dtype == np.float64
