"""Multiplying the input by a power of two multiplies the output, to the last bit."""

import catalog
import numpy as np
import pytest


def reach(leg, divisor):
    """Exponent that the library promises to bear, divisible as roots need it."""
    k = 100 if leg.real_name == "float32" else 900
    return k - k % divisor


SCALED = [
    (name, label)
    for name, label in catalog.variants()
    if catalog.CASES[name].degrees(catalog.CASES[name].variants[label])
]


@pytest.mark.parametrize("sign", [-1, 1], ids=["small", "large"])
@pytest.mark.parametrize(("name", "label"), SCALED)
def test_scaling_is_exact(leg, name, label, sign):
    case = catalog.CASES[name]
    options = case.variants[label]
    k = sign * reach(leg, case.divisor(options))
    for shape in [(4, 4)] if case.square else [(4, 4), (5, 3)]:
        near = case.inputs(leg, shape)
        first = next(iter(near))
        factor = np.ldexp(np.ones((), dtype=leg.real_name), k)
        far = {**near, first: leg.asarray(leg.to_numpy(near[first]) * factor)}
        one = catalog.outputs(catalog.call(name, near, options))
        two = catalog.outputs(catalog.call(name, far, options))
        for key, degree in case.degrees(options).items():
            if key not in one:  # an output that this option leaves out
                continue
            expected = leg.to_numpy(one[key]) * np.ldexp(
                np.ones((), dtype=leg.real_name), round(k * degree)
            )
            assert np.all(np.isfinite(expected))
            np.testing.assert_array_equal(leg.to_numpy(two[key]), expected, err_msg=key)


@pytest.mark.parametrize("name", catalog.CASES)
def test_the_ends_of_the_range(name):
    """Numbers near overflow and underflow, for which squares do not exist; complex ones, too."""
    case = catalog.CASES[name]
    for complex_ in (False, True):
        hosts = case.hosts((3, 3), complex_=complex_)
        for size in (1e308, 1e-290):
            a = next(iter(hosts.values()))
            parts = max(np.max(np.abs(a.real)), np.max(np.abs(a.imag)))
            out = catalog.outputs(catalog.call(name, {"a": a / parts * size / 16}, case.default))
            for x in out.values():
                assert np.all(np.isfinite(x))
