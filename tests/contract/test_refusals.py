"""What is not accepted is named: which argument, what came, what is wanted."""

import array_api_strict
import catalog
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx

ARGUMENTS = [(name, argument) for name, case in catalog.CASES.items() for argument in case.arrays]
WITH_CHOICES = [(name, option) for name, case in catalog.CASES.items() for option in case.choices]


def refused(name, argument, value):
    """Call with one argument replaced."""
    case = catalog.CASES[name]
    return catalog.call(name, {**case.hosts((3, 3)), argument: value}, case.default)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_non_finite_entries(leg, name, argument, bad):
    """Named on every leg; in a batch, too."""
    case = catalog.CASES[name]
    for shape in ((3, 3), (2, 3, 3)):
        host = case.hosts(shape, complex_=leg.is_complex)[argument].copy()
        host[..., 1, 1] = bad
        inputs = {**case.inputs(leg, shape), argument: leg.asarray(host)}
        with pytest.raises(ValueError, match=rf"^{argument} must hold finite numbers, got \d"):
            catalog.call(name, inputs, case.default)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:(invalid|overflow|divide by zero).* encountered:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize(("name", "label"), catalog.variants())
def test_unchecked_entries_are_never_a_success(leg, name, label, bad):
    """Without the check: an error of the algorithm, or an answer that shows it is none."""
    case = catalog.CASES[name]
    options = {**case.variants[label], "check_finite": False}
    argument = next(iter(case.arrays))
    host = case.hosts((3, 3), complex_=leg.is_complex)[argument].copy()
    host[1, 1] = bad
    try:
        result = catalog.call(
            name, {**case.inputs(leg, (3, 3)), argument: leg.asarray(host)}, options
        )
    except (lx.LinAlgError, ValueError) as error:
        assert "must hold finite numbers" not in str(error)
        return
    assert not getattr(result, "converged", False)
    out = {key: leg.to_numpy(x) for key, x in catalog.outputs(result).items()}
    assert any(not np.all(np.isfinite(x)) for x in out.values())


@pytest.mark.parametrize(
    "dtype", ["float16", "longdouble", "clongdouble", "object", "datetime64[s]", "U2"]
)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_other_dtypes(name, argument, dtype):
    value = np.zeros((3, 3), dtype=dtype)
    with pytest.raises(
        TypeError, match=rf"^{argument} has dtype .*; accepted are float32, float64"
    ):
        refused(name, argument, value)


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked_equal(np.eye(3), 0.0),
        np.asmatrix(np.eye(3)),
        sparse.csr_array(np.eye(3)),
        sparse.coo_matrix(np.eye(3)),
        aslinearoperator(np.eye(3)),
        lx.LinearMap(np.eye(3)),
        "matrix",
        None,
        {"a": 1},
    ],
    ids=["masked", "matrix", "csr", "coo", "operator", "map", "text", "none", "dict"],
)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_other_kinds(name, argument, value):
    with pytest.raises(TypeError, match=rf"^{argument} must be a.* array, got "):
        refused(name, argument, value)


@pytest.mark.parametrize("value", [3.0, np.float64(1.0), np.ones(3), [1.0, 2.0]], ids=repr)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_too_few_axes(name, argument, value):
    with pytest.raises(ValueError, match=rf"^{argument} must be a matrix or a batch .*, got shape"):
        refused(name, argument, value)


@pytest.mark.parametrize("name", [n for n, case in catalog.CASES.items() if case.square])
def test_square_matrices_are_asked_for(leg, name):
    a = leg.randn(3, 4)
    with pytest.raises(ValueError, match=r"a must be square, .* got \(3, 4\)"):
        catalog.call(name, {"a": a}, catalog.CASES[name].default)


HERMITIAN = [
    name
    for name, case in catalog.CASES.items()
    if {catalog.hermitian, catalog.definite} & set(case.arrays.values())
]


@pytest.mark.parametrize("name", HERMITIAN)
def test_hermitian_matrices_are_asked_for(leg, name):
    a = leg.asarray([[3.0, 1.0], [0.5, 3.0]])
    with pytest.raises(ValueError, match="a must be Hermitian"):
        catalog.call(name, {"a": a}, catalog.CASES[name].default)


SEVERAL = {
    **{n: (list(c.hosts((3, 3)).values()), c.default) for n, c in catalog.CASES.items()},
    **catalog.RATIOS,
}


@pytest.mark.parametrize("name", [n for n, (hosts, _) in SEVERAL.items() if len(hosts) > 1])
def test_two_libraries_do_not_mix(name):
    *first, last = SEVERAL[name][0]
    function, options = catalog.function(name), SEVERAL[name][1]
    with pytest.raises(
        TypeError, match=r"is an array of numpy and .* of array_api_strict.*to_back"
    ):
        function(*first, array_api_strict.asarray(last), **options)
    with pytest.raises(TypeError, match=r"is a list beside array_api_strict .*to_backend"):
        function(*(x.tolist() for x in first), array_api_strict.asarray(last), **options)


@pytest.mark.parametrize("wrong", ["no such name", "", 3, ("svd",)], ids=repr)
@pytest.mark.parametrize(("name", "option"), WITH_CHOICES)
def test_names_list_what_is_accepted(name, option, wrong):
    case = catalog.CASES[name]
    if not isinstance(wrong, str) and option == "coefficients":
        return  # an array is accepted there
    with pytest.raises(ValueError, match=rf"^{option} must be one of ") as error:
        catalog.call(name, case.hosts((3, 3)), {**case.default, option: wrong})
    assert all(repr(accepted) in str(error.value) for accepted in case.choices[option])
    assert repr(wrong) in str(error.value)


@pytest.mark.parametrize("name", catalog.CASES)
def test_unknown_options_are_errors(name):
    case = catalog.CASES[name]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        catalog.call(name, case.hosts((3, 3)), {**case.default, "verbose": True})
