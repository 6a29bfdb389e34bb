"""The gate, row by row: what is kept, what is promoted, what is turned away and how."""

import array_api_strict
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator

import linalgx as lx
import linalgx.backend as seam

KEPT = ("float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize("dtype", KEPT)
def test_accepted_dtypes_are_kept(dtype):
    a = np.ones((2, 3), dtype=dtype)
    xp, b = seam.as_matrix(a, "a")
    assert b is a
    assert seam.library_name(xp) == "numpy"


def test_an_array_passes_unchanged_on_every_leg(seam_leg):
    a = seam_leg.randn(2, 3)
    xp, b = seam.as_matrix(a, "a")
    assert xp is seam_leg.xp
    assert b is a


@pytest.mark.parametrize("kind", ["list", "tuple", "mixed"])
def test_nests_become_numpy(kind):
    nest = {
        "list": [[1.0, 2.0], [3.0, 4.0]],
        "tuple": ((1.0, 2.0), (3.0, 4.0)),
        "mixed": [np.array([1.0, 2.0]), (3.0, 4)],
    }[kind]
    xp, a = seam.as_matrix(nest, "a")
    assert seam.library_name(xp) == "numpy"
    assert a.dtype == np.float64
    np.testing.assert_array_equal(a, [[1.0, 2.0], [3.0, 4.0]])


def test_a_list_of_complex_numbers_is_complex():
    assert seam.as_matrix([[1.0, 2j]], "a")[1].dtype == np.complex128


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "int64", "uint64"])
def test_integers_become_the_default_float(dtype):
    _, a = seam.as_matrix(np.ones((2, 2), dtype=dtype), "a")
    assert a.dtype == np.float64
    np.testing.assert_array_equal(a, 1.0)


@pytest.mark.parametrize("dtype", ["bool", "int64"])
def test_integers_become_the_default_float_of_the_device(leg, dtype):
    a = leg.xp.ones((2, 2), dtype=getattr(leg.xp, dtype), device=leg.device)
    xp, b = seam.as_matrix(a, "a")
    assert leg.matches(b)
    assert b.dtype == seam.default_float(seam.device_of(a), xp=xp)


def test_the_default_float_differs_between_devices():
    one = array_api_strict.ones((2, 2), dtype=array_api_strict.int64)
    two = array_api_strict.ones(
        (2, 2), dtype=array_api_strict.int64, device=array_api_strict.Device("device2")
    )
    assert seam.as_matrix(one, "a")[1].dtype == array_api_strict.float64
    assert seam.as_matrix(two, "a")[1].dtype == array_api_strict.float32


@pytest.mark.parametrize(
    "dtype", ["float16", "longdouble", "clongdouble", "object", "datetime64[s]", "U3", "S3", "V8"]
)
def test_other_dtypes_are_named_with_what_is_accepted(dtype):
    with pytest.raises(TypeError, match=r"^weights has dtype .*; accepted are float32, float64"):
        seam.as_matrix(np.zeros((2, 2), dtype=dtype), "weights")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_tensors_are_named_too(dtype):
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=f"a has dtype torch.{dtype}; accepted are"):
        seam.as_matrix(torch.zeros((2, 2), dtype=getattr(torch, dtype)), "a")


@pytest.mark.parametrize(
    ("x", "came"),
    [
        (np.ma.ones((2, 2)), "numpy.MaskedArray"),
        (np.asmatrix(np.eye(2)), "numpy.matrix"),
        ("text", "builtins.str"),
        (None, "builtins.NoneType"),
        ({1: 2}, "builtins.dict"),
        ({1, 2}, "builtins.set"),
        ((k for k in range(2)), "builtins.generator"),
    ],
)
def test_what_is_no_array_is_described(x, came):
    with pytest.raises(TypeError, match=rf"^a must be a.* array, got {came}; accepted are arrays"):
        seam.as_matrix(x, "a")


@pytest.mark.parametrize("nest", [[[1, 2], [3]], [["a"]], [[None]], [[10**30]]])
def test_odd_nests_are_type_errors(nest):
    with pytest.raises(TypeError, match=r"^a "):
        seam.as_matrix(nest, "a")


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_matrix_has_two_axes(leg, shape):
    a = leg.randn(*shape)
    with pytest.raises(ValueError, match=rf"\(\.\.\., m, n\), got shape \({'3,' if shape else ''}"):
        seam.as_matrix(a, "a")


def test_square_is_checked(leg):
    with pytest.raises(ValueError, match=r"a must be square, shape \(\.\.\., n, n\), got \(2, 3\)"):
        seam.as_matrix(leg.randn(2, 3), "a", square=True)


def test_vectors(leg):
    x = leg.randn(3)
    assert seam.as_vector(x, "x")[1] is x
    with pytest.raises(ValueError, match="x must be a vector"):
        seam.as_vector(leg.randn(), "x")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_numbers_are_counted_and_named(leg, bad):
    host = np.ones((2, 2))
    host[0, 1] = bad
    a = leg.asarray(host)
    with pytest.raises(ValueError, match="a must hold finite numbers, got 1 NaN or infinite"):
        seam.as_matrix(a, "a")
    assert seam.as_matrix(a, "a", check_finite=False)[1] is a


def test_a_non_finite_imaginary_part_counts():
    with pytest.raises(ValueError, match="finite"):
        seam.as_matrix(np.array([[1.0, complex(0.0, np.nan)]]), "a")


def test_integers_and_empty_arrays_are_finite(leg):
    seam.as_matrix(leg.randn(0, 3), "a")
    seam.as_matrix([[1, 2]], "a")
    assert seam.as_matrix(np.zeros((2, 0, 0)), "a")[1].shape == (2, 0, 0)


class TestSeveralArrays:
    """Library, device and dtype are shared, or the error names both."""

    def test_one_dtype_after_the_gate(self):
        _, (a, b) = seam.as_arrays(
            {"a": np.ones(2, dtype=np.float32), "b": np.ones(2, dtype=np.complex64)}
        )
        assert a.dtype == b.dtype == np.complex64

    def test_lists_beside_numpy(self):
        _, (a, b) = seam.as_arrays({"a": [[1, 2]], "b": np.ones((1, 2))})
        assert a.dtype == b.dtype == np.float64

    def test_lists_beside_another_library(self):
        b = array_api_strict.ones((1, 2))
        with pytest.raises(TypeError, match=r"a is a list beside array_api_strict .*to_backend"):
            seam.as_arrays({"a": [[1, 2]], "b": b})

    def test_two_libraries(self):
        named = {"a": np.ones(2), "b": array_api_strict.ones(2)}
        with pytest.raises(TypeError, match="a is an array of numpy and b of array_api_strict"):
            seam.as_arrays(named)

    def test_two_devices(self):
        device = array_api_strict.Device("device1")
        named = {"a": array_api_strict.ones(2), "b": array_api_strict.ones(2, device=device)}
        with pytest.raises(TypeError, match=r"a is on device .*CPU_DEVICE.* and b on .*device1"):
            seam.as_arrays(named)

    def test_the_bad_argument_is_named(self):
        with pytest.raises(ValueError, match=r"^b must hold finite"):
            seam.as_arrays({"a": np.ones(2), "b": np.array([np.inf])})


OPERATORS = {
    "csr": lambda: sparse.csr_array(np.eye(3)),
    "coo_matrix": lambda: sparse.coo_matrix(np.eye(3)),
    "operator": lambda: LinearOperator((3, 3), matvec=lambda x: x, dtype=float),
    "map": lambda: lx.LinearMap(np.eye(3)),
    "map without adjoint": lambda: lx.LinearMap.from_callables((3, 3), lambda x: x),
}


@pytest.mark.parametrize("kind", OPERATORS)
def test_dense_only_functions_name_the_way_out(kind):
    with pytest.raises(TypeError, match=r"a must be a dense array, got .*toarray"):
        seam.as_matrix(OPERATORS[kind](), "a")


@pytest.mark.parametrize("kind", OPERATORS)
def test_functions_that_need_products_take_them(kind):
    a = OPERATORS[kind]()
    xp, b = seam.as_operand(a, "a")
    assert b is a
    assert seam.library_name(xp) == "numpy"


def test_dense_arrays_are_operands_too(leg):
    a = leg.randn(2, 3)
    assert seam.as_operand(a, "a")[1] is a


class TestSparse:
    """Formats, dtypes and stored entries of sparse containers."""

    @pytest.mark.parametrize("format_", ["csr", "csc", "coo", "dia", "bsr"])
    def test_formats_for_products(self, format_):
        a = sparse.eye_array(3, format=format_)
        assert seam.as_operand(a, "a")[1] is a

    @pytest.mark.parametrize("format_", ["lil", "dok"])
    def test_formats_for_building(self, format_):
        with pytest.raises(TypeError, match=f"a has the sparse format '{format_}'.*tocsr"):
            seam.as_operand(sparse.eye_array(3, format=format_), "a")

    @pytest.mark.parametrize("dtype", ["bool", "int32"])
    def test_integers_become_floats(self, dtype):
        assert seam.as_operand(sparse.csr_array(np.eye(3, dtype=dtype)), "a")[1].dtype == float

    @pytest.mark.parametrize("dtype", KEPT)
    def test_accepted_dtypes_are_kept(self, dtype):
        a = sparse.csr_array(np.eye(3, dtype=dtype))
        assert seam.as_operand(a, "a")[1] is a

    def test_longdouble_is_refused(self):
        with pytest.raises(TypeError, match=r"a has dtype .*accepted are"):
            seam.as_operand(sparse.csr_array(np.eye(3, dtype=np.longdouble)), "a")

    def test_stored_entries_are_checked(self):
        a = sparse.csr_array(np.array([[1.0, np.nan]]))
        with pytest.raises(ValueError, match="the stored entries of a must hold finite numbers"):
            seam.as_operand(a, "a")
        assert seam.as_operand(a, "a", check_finite=False)[1] is a

    def test_conversion_to_rows(self):
        assert seam.to_csr(sparse.eye_array(3, format="coo")).format == "csr"
        with pytest.raises(TypeError, match="lil"):
            seam.to_csr(sparse.eye_array(3, format="lil"))


def test_the_gate_touches_no_input():
    a = np.arange(6).reshape(2, 3)
    a.setflags(write=False)
    _, b = seam.as_matrix(a, "a")
    assert not np.shares_memory(a, b)


def test_arrays_that_are_none_of_ours():
    array = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"a is a Dask array; .* LinearMap\.from_dask"):
        seam.as_matrix(array.ones((3, 3)), "a")


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_tensors():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="a must be a plain array"):
        seam.as_matrix(torch.eye(3).to_sparse(), "a")
