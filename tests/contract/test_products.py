"""Sparse containers and operators: the answer of the dense matrix, and the container untouched."""

import array_api_strict
import catalog
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx

SPARSE = [name for name in catalog.CASES if catalog.takes(name, "sparse")]
OPERATORS = [name for name in catalog.CASES if catalog.takes(name, "operator")]
CONTAINERS = {
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "coo": sparse.coo_array,
    "dia": sparse.dia_array,
    "bsr": sparse.bsr_array,
    "csr_matrix": sparse.csr_matrix,
}
MAPS = {"operator": aslinearoperator, "map": lx.LinearMap}
PARTS = ("data", "indices", "indptr", "row", "col", "coords", "offsets")


def content(container):
    """Bytes of everything that a container stores."""
    stored = {part: getattr(container, part) for part in PARTS if hasattr(container, part)}
    return {
        part: [np.asarray(x).tobytes() for x in (value if isinstance(value, tuple) else [value])]
        for part, value in stored.items()
    }


def problems(name, dtype):
    """Inputs of a full matrix, and of one with few entries; both definite where that is needed."""
    case = catalog.CASES[name]
    hosts = case.hosts((5, 5), complex_=dtype.startswith("complex"))
    n = hosts[case.first].shape[-1]
    few = 4.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    for first in (hosts[case.first], few):
        inputs = {**hosts, case.first: first}
        yield {key: x.astype(dtype) for key, x in inputs.items()}


def agree(name, inputs, container, options):
    """Whether the container gives dense arrays with the answer of the dense matrix."""
    case = catalog.CASES[name]
    dense = catalog.answer(name, inputs, options)
    out = catalog.answer(name, {**inputs, case.first: container}, options)
    assert out.keys() == dense.keys()
    for key, x in out.items():
        if catalog.is_array(dense[key]):
            assert type(x) is np.ndarray
            assert x.dtype == dense[key].dtype
        eps = np.finfo(inputs[case.first].dtype).eps
        np.testing.assert_allclose(x, dense[key], rtol=0, atol=case.slack * eps, err_msg=key)
    assert case.check(inputs, out, options) < 30


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("name", "label"), [v for v in catalog.variants() if v[0] in SPARSE])
def test_sparse_containers(name, label, container, dtype):
    case = catalog.CASES[name]
    for inputs in problems(name, dtype):
        made = CONTAINERS[container](inputs[case.first])
        before = content(made)
        agree(name, inputs, made, case.variants[label])
        assert content(made) == before


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize(("name", "label"), [v for v in catalog.variants() if v[0] in OPERATORS])
def test_operators(name, label, kind, dtype):
    case = catalog.CASES[name]
    for inputs in problems(name, dtype):
        agree(name, inputs, MAPS[kind](inputs[case.first]), case.variants[label])


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_integers_become_floats(name, container):
    case = catalog.CASES[name]
    inputs = list(problems(name, "float64"))[1]
    made = CONTAINERS[container](inputs[case.first].astype(int))
    agree(name, inputs, made, case.default)


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", SPARSE)
def test_stored_entries_must_be_finite(name, container, bad):
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    hosts[case.first][1, 1] = bad
    inputs = {**hosts, case.first: CONTAINERS[container](hosts[case.first])}
    with pytest.raises(ValueError, match=rf"{case.first} must hold finite numbers, got \d"):
        catalog.call(name, inputs, case.default)


@pytest.mark.parametrize("kind", ["float16", "longdouble", "object"])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", SPARSE)
def test_other_dtypes_of_sparse_containers(name, container, kind):
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    made = CONTAINERS[container](hosts[case.first])
    made.data = made.data.astype(kind)  # SciPy's constructors refuse some of them already
    with pytest.raises(TypeError, match=rf"^{case.first} has dtype .*; accepted are float32"):
        catalog.call(name, {**hosts, case.first: made}, case.default)


@pytest.mark.parametrize("container", [sparse.lil_array, sparse.dok_array])
@pytest.mark.parametrize("name", SPARSE)
def test_formats_for_building_matrices_are_refused(name, container):
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    with pytest.raises(TypeError, match=rf"^{case.first} has the sparse format .*tocsr"):
        catalog.call(name, {**hosts, case.first: container(hosts[case.first])}, case.default)


@pytest.mark.parametrize("name", [n for n in SPARSE if catalog.CASES[n].square])
def test_sparse_matrices_must_be_square(name):
    case = catalog.CASES[name]
    made = sparse.csr_array(np.ones((3, 4)))
    with pytest.raises(ValueError, match=rf"^{case.first} must be square"):
        catalog.call(name, {**case.hosts((3, 3)), case.first: made}, case.default)


@pytest.mark.parametrize("name", [n for n in SPARSE if len(catalog.CASES[n].arrays) > 1])
def test_sparse_containers_stay_in_their_library(name):
    case = catalog.CASES[name]
    hosts = {key: array_api_strict.asarray(x) for key, x in case.hosts((3, 3)).items()}
    made = sparse.csr_array(case.hosts((3, 3))[case.first])
    with pytest.raises(TypeError, match=r"array_api_strict.*to_backend"):
        catalog.call(name, {**hosts, case.first: made}, case.default)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:(invalid|overflow|divide by zero).* encountered:RuntimeWarning")
@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_that_return_nan_are_never_a_success(name, good):
    """From the first product on, or later."""
    case = catalog.CASES[name]
    hosts = case.hosts((5, 5))
    a = hosts[case.first]
    products = []

    def product(x):
        products.append(x.shape)
        return a @ x if len(products) <= good else np.full((a.shape[0], x.shape[1]), np.nan)

    faulty = lx.LinearMap.from_callables(a.shape, product, product)
    inputs = {**hosts, case.first: faulty}
    try:
        result = catalog.call(name, inputs, case.default)
        out = catalog.observed(name, result, inputs)
    except (lx.LinAlgError, ValueError):
        return
    if len(products) > good:
        assert not getattr(result, "converged", False)
        shown = [*out.values(), getattr(result, "residual", 0.0)]
        assert any(not np.all(np.isfinite(x)) for x in shown) or hasattr(result, "status")


def test_containers_are_compared_by_all_they_store():
    """The check above can fail."""
    for make in CONTAINERS.values():
        made = make(np.diag([1.0, 2.0, 3.0]))
        before = content(made)
        assert content(make(np.diag([1.0, 2.0, 3.0]))) == before
        made.data[0] = 7.0
        assert content(made) != before
