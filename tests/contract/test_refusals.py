"""What is not accepted is named: which argument, what came, what is wanted."""

from inspect import signature

import array_api_strict
import catalog
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import aslinearoperator

import linalgx as lx

ARGUMENTS = [(name, argument) for name, case in catalog.CASES.items() for argument in case.arrays]
WITH_CHOICES = [(name, option) for name, case in catalog.CASES.items() for option in case.choices]


MATRICES = [(n, argument) for n, argument in ARGUMENTS if catalog.CASES[n].is_matrix(argument)]


def refused(name, argument, value):
    """Call with one argument replaced."""
    case = catalog.CASES[name]
    return catalog.call(name, {**case.hosts((3, 3)), argument: value}, case.default)


@pytest.mark.parametrize("name", catalog.CASES)
def test_non_finite_entries(leg, name):
    """Named on every leg; in a batch, too."""
    case = catalog.CASES[name]
    for shape in dict.fromkeys(((3, 3), catalog.many(name, (2, 3, 3)))):
        inputs = case.inputs(leg, shape)
        for argument in case.arrays:
            host = case.hosts(shape, complex_=leg.is_complex)[argument].copy()
            wanted = rf"^{argument} must hold finite numbers, got \d"
            for bad in (np.nan, np.inf, -np.inf):
                host[(..., *[1] * case.axes(argument))] = bad
                with catalog.about(argument, bad, shape), pytest.raises(ValueError, match=wanted):
                    catalog.call(name, {**inputs, argument: leg.asarray(host)}, case.default)


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:(invalid|overflow|divide by zero).* encountered:RuntimeWarning")
@pytest.mark.parametrize("name", catalog.CASES)
def test_unchecked_entries_are_never_a_success(leg, name):
    """Without the check: an error of the algorithm, or an answer that shows it is none.

    The residual of a solver shows it, too, since the last iterate may be a finite one.
    """
    case = catalog.CASES[name]
    good = case.inputs(leg, (3, 3))
    for argument in case.arrays:
        host = case.hosts((3, 3), complex_=leg.is_complex)[argument].copy()
        for bad in (np.nan, np.inf):
            host[(1,) * host.ndim] = bad
            inputs = {**good, argument: leg.asarray(host)}
            for label, options in catalog.brief(name):
                with catalog.about(argument, bad, label):
                    never_a_success(leg, name, inputs, {**options, "check_finite": False})


def never_a_success(leg, name, inputs, options):
    """Whether a call without the check ends in an error, or in an answer that shows it is none."""
    case = catalog.CASES[name]
    try:
        result = catalog.call(name, inputs, options)
    except (lx.LinAlgError, ValueError) as error:
        assert "must hold finite numbers" not in str(error)
        return
    assert not getattr(result, "converged", False)
    shown = [catalog.host(leg, x) for x in catalog.observed(name, result, inputs).values()]
    if len(case.arrays) > 1 and hasattr(result, "residual"):
        shown.append(result.residual)
    assert any(not np.all(np.isfinite(x)) for x in shown)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_other_dtypes(name, argument):
    shape = catalog.CASES[name].hosts((3, 3))[argument].shape
    wanted = rf"^{argument} has dtype .*; accepted are float32, float64"
    for dtype in ("float16", "longdouble", "clongdouble", "object", "datetime64[s]", "U2"):
        with catalog.about(dtype), pytest.raises(TypeError, match=wanted):
            refused(name, argument, np.zeros(shape, dtype=dtype))


KINDS = {
    "masked": np.ma.masked_equal(np.eye(3), 0.0),
    "matrix": np.asmatrix(np.eye(3)),
    "csr": sparse.csr_array(np.eye(3)),
    "coo": sparse.coo_matrix(np.eye(3)),
    "operator": aslinearoperator(np.eye(3)),
    "map": lx.LinearMap(np.eye(3)),
    "text": "matrix",
    "none": None,
    "dict": {"a": 1},
}
LIKE = {"csr": "sparse", "coo": "sparse", "operator": "operator", "map": "operator"}


def is_accepted(name, argument, kind):
    """Whether it is no error: sparse ones and operators as the first array of some, defaults."""
    if kind == "none" and signature(catalog.function(name)).parameters[argument].default is None:
        return True
    is_first = argument == catalog.CASES[name].first
    return kind in LIKE and is_first and catalog.takes(name, LIKE[kind])


def other_kinds(name, argument):
    """Containers that are errors."""
    return [kind for kind in KINDS if not is_accepted(name, argument, kind)]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_other_kinds(name, argument):
    wanted = rf"^{argument} must be a.* array, got "
    for kind in other_kinds(name, argument):
        with catalog.about(kind), pytest.raises(TypeError, match=wanted):
            refused(name, argument, KINDS[kind])


def test_dense_functions_are_asked_to_refuse_every_kind():
    dense = [n for n in catalog.CASES if not catalog.takes(n, "sparse")]
    assert dense
    for name in dense:
        assert all(len(other_kinds(name, x)) >= len(KINDS) - 1 for x in catalog.CASES[name].arrays)


@pytest.mark.parametrize(("name", "argument"), MATRICES)
def test_too_few_axes(name, argument):
    wanted = rf"^{argument} must be a matrix or a batch .*, got shape"
    for value in (3.0, np.float64(1.0), np.ones(3), [1.0, 2.0]):
        with catalog.about(repr(value)), pytest.raises(ValueError, match=wanted):
            refused(name, argument, value)


@pytest.mark.parametrize(("name", "argument"), [x for x in ARGUMENTS if x not in MATRICES])
def test_no_axes(name, argument):
    for value in (3.0, np.float64(1.0)):
        with (
            catalog.about(repr(value)),
            pytest.raises(ValueError, match=rf"^{argument} must .*, got "),
        ):
            refused(name, argument, value)


@pytest.mark.parametrize(
    ("name", "argument"), [(n, x) for n, x in ARGUMENTS if x != catalog.CASES[n].first]
)
def test_further_arrays_must_fit_the_first(leg, name, argument):
    """One entry, or row, too many."""
    case = catalog.CASES[name]
    host = case.hosts((3, 3), complex_=leg.is_complex)[argument]
    inputs = {
        **case.inputs(leg, (3, 3)),
        argument: leg.asarray(np.concatenate([host, host[:1]])),
    }
    with pytest.raises(ValueError, match=rf"^{argument} must .*got"):
        catalog.call(name, inputs, case.default)


@pytest.mark.parametrize(
    ("name", "argument"), [(n, x) for n, x in ARGUMENTS if catalog.CASES[n].real]
)
def test_complex_numbers_are_refused_where_they_make_no_sense(name, argument):
    value = catalog.CASES[name].hosts((3, 3))[argument] + 0j
    with pytest.raises(TypeError, match=rf"^{argument} .*complex128"):
        refused(name, argument, value)


SQUARE = [n for n, case in catalog.CASES.items() if case.square and case.is_matrix(case.first)]


@pytest.mark.parametrize("name", SQUARE)
def test_square_matrices_are_asked_for(leg, name):
    case = catalog.CASES[name]
    inputs = {**case.inputs(leg, (3, 3)), case.first: leg.randn(3, 4)}
    with pytest.raises(ValueError, match=rf"{case.first} must be square, .* got \(3, 4\)"):
        catalog.call(name, inputs, case.default)


HERMITIAN = [n for n, case in catalog.CASES.items() if case.need in ("hermitian", "definite")]


@pytest.mark.parametrize("name", HERMITIAN)
def test_hermitian_matrices_are_asked_for(leg, name):
    case = catalog.CASES[name]
    n = case.hosts((2, 2))[case.first].shape[-1]
    a = 3.0 * np.eye(n)
    a[0, 1], a[1, 0] = 1.0, 0.5
    with pytest.raises(ValueError, match=f"{case.first} must be Hermitian"):
        catalog.call(name, case.given(leg, a), case.default)


SEVERAL = [n for n, case in catalog.CASES.items() if len(case.arrays) > 1]
SEVERAL += [n for n, (hosts, _) in catalog.RATIOS.items() if len(hosts) > 1]


@pytest.mark.parametrize("name", SEVERAL)
def test_two_libraries_do_not_mix(name):
    if name in catalog.CASES:
        case = catalog.CASES[name]
        hosts, options = case.hosts((3, 3)), case.default
    else:
        given, options = catalog.RATIOS[name]
        hosts = dict(enumerate(given))
    *first, last = hosts
    strict = {last: array_api_strict.asarray(hosts[last])}
    with pytest.raises(
        TypeError, match=r"is an array of numpy and .* of array_api_strict.*to_back"
    ):
        catalog.call(name, {**hosts, **strict}, options)
    lists = {key: hosts[key].tolist() for key in first}
    with pytest.raises(TypeError, match=r"is a list beside array_api_strict .*to_backend"):
        catalog.call(name, {**lists, **strict}, options)


@pytest.mark.parametrize("wrong", ["no such name", "", 3, ("svd",)], ids=repr)
@pytest.mark.parametrize(("name", "option"), WITH_CHOICES)
def test_names_list_what_is_accepted(name, option, wrong):
    case = catalog.CASES[name]
    if not isinstance(wrong, str) and option in case.open_choices:
        return  # an array, a number or an object is accepted there
    with pytest.raises(ValueError, match=rf"^{option} must be one of ") as error:
        catalog.call(name, case.hosts((3, 3)), {**case.default, option: wrong})
    assert all(repr(accepted) in str(error.value) for accepted in case.choices[option])
    assert repr(wrong) in str(error.value)


@pytest.mark.parametrize("name", catalog.CASES)
def test_unknown_options_are_errors(name):
    case = catalog.CASES[name]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        catalog.call(name, case.hosts((3, 3)), {**case.default, "verbose": True})
