"""Multiplying an input by a power of two multiplies the output, to the last bit."""

import catalog
import numpy as np
import pytest


def reach(leg, divisor):
    """Exponent that the library promises to bear, divisible as roots need it."""
    k = 100 if leg.real_name == "float32" else 900
    return k - k % divisor


def degrees(name, label, argument):
    """Exponents of the outputs in one argument."""
    case = catalog.CASES[name]
    if argument == case.first:
        return case.degrees(case.variants[label])
    return case.scales.get(argument, {})


SCALED = [
    (name, label, argument)
    for name, label in catalog.variants()
    for argument in catalog.CASES[name].arrays
    if degrees(name, label, argument)
]


@pytest.mark.parametrize("sign", [-1, 1], ids=["small", "large"])
@pytest.mark.parametrize(("name", "label", "argument"), SCALED)
def test_scaling_is_exact(leg, name, label, argument, sign):
    case = catalog.CASES[name]
    options = case.variants[label]
    k = sign * reach(leg, case.divisor(options))
    for shape in [(4, 4)] if case.square else [(4, 4), (5, 3)]:
        near = case.inputs(leg, shape)
        factor = np.ldexp(np.ones((), dtype=leg.real_name), k)
        far = {**near, argument: leg.asarray(leg.to_numpy(near[argument]) * factor)}
        one = catalog.answer(name, near, options)
        two = catalog.answer(name, far, options)
        for key, degree in degrees(name, label, argument).items():
            if key not in one:  # an output that this option leaves out
                continue
            expected = catalog.host(leg, one[key]) * np.ldexp(
                np.ones((), dtype=leg.real_name), round(k * degree)
            )
            assert np.all(np.isfinite(expected))
            np.testing.assert_array_equal(catalog.host(leg, two[key]), expected, err_msg=key)


@pytest.mark.parametrize("name", catalog.CASES)
def test_the_ends_of_the_range(name):
    """Numbers near overflow and underflow, for which squares do not exist; complex ones, too."""
    case = catalog.CASES[name]
    for complex_ in (False, True)[: 1 if case.real else 2]:
        hosts = case.hosts((3, 3), complex_=complex_)
        for size in (1e308, 1e-290):
            far = {}
            for key, a in hosts.items():
                parts = max(np.max(np.abs(a.real)), np.max(np.abs(a.imag)))
                far[key] = a / parts * size / 16
            alone = {**hosts, case.first: far[case.first]}
            for inputs in (alone, *({**alone, key: far[key]} for key in case.scales)):
                for x in catalog.answer(name, inputs, case.default).values():
                    assert np.all(np.isfinite(x))
