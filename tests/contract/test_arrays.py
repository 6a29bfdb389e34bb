"""Array in, same array out: library, device and precision, a right answer, an untouched input."""

import catalog
import numpy as np
import pytest


def follows_its_input(leg, case, inputs, out):
    """Whether every array of an answer is of the library, device and precision of the leg."""
    assert out
    arrays = catalog.of_arrays(out)
    for key, x in arrays.items():
        assert leg.matches(x), key
        if key in case.discrete:
            assert leg.xp.isdtype(x.dtype, ("integral", "bool")), key
        else:
            assert x.dtype in (leg.dtype, leg.real_dtype), key
    assert not arrays or any(x.dtype == leg.dtype for x in arrays.values())


@pytest.mark.parametrize("name", catalog.CASES)
def test_answers_follow_their_input(leg, name):
    """Every array of the result, for every option, on every leg; and the numbers are right."""
    case = catalog.CASES[name]
    for shape in case.plain_shapes():
        for label, options in case.variants.items():
            inputs = case.inputs(leg, shape)
            before = {key: leg.to_numpy(x).tobytes() for key, x in inputs.items()}
            with catalog.about(label, shape):
                out = catalog.answer(name, inputs, options)
                follows_its_input(leg, case, inputs, out)
                assert case.check(inputs, out, options) < 30
                for key, x in inputs.items():
                    assert leg.to_numpy(x).tobytes() == before[key], f"{key} was modified"


@pytest.mark.parametrize("name", catalog.CASES)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_stays_single(name, dtype):
    """Also complex numbers, for which there is no leg."""
    case = catalog.CASES[name]
    hosts = case.hosts((4, 4), complex_=dtype == "complex64")
    inputs = {key: x.astype(dtype) for key, x in hosts.items()}
    out = catalog.answer(name, inputs, case.default)
    arrays = catalog.of_arrays(out)
    found = {str(x.dtype) for key, x in arrays.items() if key not in case.discrete}
    assert found <= {dtype, "float32"}
    assert case.check(inputs, out, case.default) < 30


@pytest.mark.parametrize("name", catalog.CASES)
def test_results_share_no_memory_with_the_input(name):
    """Who changes a result must not change the input by it."""
    case = catalog.CASES[name]
    for shape in case.plain_shapes():
        for factor in (1.0, 2.0**-3):  # at unit scale nothing needs to be multiplied
            hosts = case.hosts(shape)
            inputs = {key: factor * x / np.max(np.abs(x)) * 0.75 for key, x in hosts.items()}
            out = catalog.answer(name, inputs, case.default)
            for x in catalog.of_arrays(out).values():
                assert not any(np.shares_memory(x, given) for given in inputs.values())


@pytest.mark.parametrize("name", catalog.CASES)
def test_scalars_of_results_are_python_numbers(leg, name):
    case = catalog.CASES[name]
    result = catalog.call(name, case.inputs(leg, (4, 4)), case.default)
    if not hasattr(result, "status"):
        return
    assert type(result.converged) is bool
    assert type(result.iterations) is int
    assert type(result.residual) is float
    assert type(result.history) is tuple
    assert all(type(r) is float for r in result.history)
    assert result.converged
    assert len(repr(result).splitlines()) <= 12


@pytest.mark.parametrize("name", catalog.CASES)
def test_the_same_call_gives_the_same_answer(leg, name):
    case = catalog.CASES[name]
    inputs = case.inputs(leg, (4, 4))
    first, second = (catalog.answer(name, inputs, case.default) for _ in range(2))
    for key, x in first.items():
        np.testing.assert_array_equal(catalog.host(leg, x), catalog.host(leg, second[key]))
