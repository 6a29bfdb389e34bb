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


def agree(name, inputs, container, options, dense):
    """Whether the container gives dense arrays with the answer of the dense matrix."""
    case = catalog.CASES[name]
    out = catalog.answer(name, {**inputs, case.first: container}, options)
    assert out.keys() == dense.keys()
    for key, x in out.items():
        if catalog.is_array(dense[key]):
            assert type(x) is np.ndarray
            assert x.dtype == dense[key].dtype
        eps = np.finfo(inputs[case.first].dtype).eps
        np.testing.assert_allclose(x, dense[key], rtol=0, atol=case.agreement(eps), err_msg=key)
    assert case.check(inputs, out, options) < 30


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_containers(name, dtype):
    case = catalog.CASES[name]
    for problem, inputs in enumerate(problems(name, dtype)):
        for label, options in catalog.brief(name):
            dense = catalog.answer(name, inputs, options)
            for container, make in CONTAINERS.items():
                made = make(inputs[case.first])
                before = content(made)
                with catalog.about(container, label, f"problem {problem}"):
                    agree(name, inputs, made, options, dense)
                    assert content(made) == before


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, dtype):
    case = catalog.CASES[name]
    for problem, inputs in enumerate(problems(name, dtype)):
        for label, options in catalog.brief(name):
            dense = catalog.answer(name, inputs, options)
            for kind, make in MAPS.items():
                with catalog.about(kind, label, f"problem {problem}"):
                    agree(name, inputs, make(inputs[case.first]), options, dense)


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_integers_become_floats(name):
    case = catalog.CASES[name]
    inputs = list(problems(name, "float64"))[1]
    dense = catalog.answer(name, inputs, case.default)
    for container, make in CONTAINERS.items():
        with catalog.about(container):
            agree(name, inputs, make(inputs[case.first].astype(int)), case.default, dense)


@pytest.mark.parametrize("name", SPARSE)
def test_stored_entries_must_be_finite(name):
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    wanted = rf"{case.first} must hold finite numbers, got \d"
    for bad in (np.nan, np.inf):
        hosts[case.first][1, 1] = bad
        for container, make in CONTAINERS.items():
            inputs = {**hosts, case.first: make(hosts[case.first])}
            with catalog.about(container, bad), pytest.raises(ValueError, match=wanted):
                catalog.call(name, inputs, case.default)


@pytest.mark.parametrize("name", SPARSE)
def test_other_dtypes_of_sparse_containers(name):
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    wanted = rf"^{case.first} has dtype .*; accepted are float32"
    for container, make in CONTAINERS.items():
        for kind in ("float16", "longdouble", "object"):
            made = make(hosts[case.first])
            made.data = made.data.astype(kind)  # SciPy's constructors refuse some of them already
            with catalog.about(container, kind), pytest.raises(TypeError, match=wanted):
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
