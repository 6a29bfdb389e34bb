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


SCALED = {
    name: calls
    for name, case in catalog.CASES.items()
    if (
        calls := [
            (label, argument)
            for label, _ in catalog.brief(name)
            for argument in case.arrays
            if degrees(name, label, argument)
        ]
    )
}


@pytest.mark.parametrize("name", SCALED)
def test_scaling_is_exact(leg, name):
    """Small and large; each argument alone."""
    case = catalog.CASES[name]
    for shape in [(4, 4)] if case.square else [(4, 4), (5, 3)]:
        near = case.inputs(leg, shape)
        found = {}
        for label, argument in SCALED[name]:
            options = case.variants[label]
            if label not in found:
                found[label] = catalog.answer(name, near, options)
            for k in (-reach(leg, case.divisor(options)), reach(leg, case.divisor(options))):
                far = {**near, argument: scaled(leg, near[argument], k)}
                with catalog.about(f"2^{k} {argument}", label, shape):
                    multiplied(
                        leg,
                        found[label],
                        catalog.answer(name, far, options),
                        {key: k * d for key, d in degrees(name, label, argument).items()},
                    )


def scaled(leg, x, k):
    """2^k x."""
    return leg.asarray(leg.to_numpy(x) * np.ldexp(np.ones((), dtype=leg.real_name), k))


def multiplied(leg, one, two, exponents):
    """Whether the outputs `two` are those of `one`, multiplied by these powers of two."""
    for key in exponents.keys() & one.keys():  # some options leave outputs out
        factor = np.ldexp(np.ones((), dtype=leg.real_name), round(exponents[key]))
        expected = catalog.host(leg, one[key]) * factor
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
