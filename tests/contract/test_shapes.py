"""Small, empty and many: shapes at the edge, and batches equal to a loop."""

import catalog
import numpy as np
import pytest

import linalgx.backend as seam

BATCHED = [name for name in catalog.CASES if seam.SUPPORT[name].batches]


@pytest.mark.parametrize(("name", "label"), catalog.variants())
def test_one_row_one_column_one_number(leg, name, label):
    case = catalog.CASES[name]
    options = case.variants[label]
    for shape in case.shapes():
        inputs = case.inputs(leg, shape, seed=1)
        out = catalog.outputs(catalog.call(name, inputs, options))
        assert case.check(inputs, out, options) < 30


@pytest.mark.parametrize(("name", "label"), catalog.variants())
def test_no_entries(leg, name, label):
    """Shapes are those of full matrices, so that programs need no special case."""
    case = catalog.CASES[name]
    options = case.variants[label]
    for shape in case.empty_shapes():
        inputs = case.inputs(leg, shape)
        out = catalog.outputs(catalog.call(name, inputs, options))
        assert case.check(inputs, out, options) < 30
        for x in out.values():
            assert leg.matches(x)
            assert x.dtype in (leg.dtype, leg.real_dtype)
            assert tuple(x.shape[: len(shape) - 2]) == shape[:-2]


@pytest.mark.parametrize("name", BATCHED)
def test_zero_matrices_are_finite_or_refused(leg, name):
    case = catalog.CASES[name]
    a = leg.asarray(np.zeros((2, 3, 3)))
    try:
        out = catalog.outputs(catalog.call(name, {"a": a}, case.default))
    except np.linalg.LinAlgError:
        assert catalog.definite in case.arrays.values()
        return
    for x in out.values():
        assert np.all(np.isfinite(leg.to_numpy(x)))


@pytest.mark.parametrize(("name", "label"), [v for v in catalog.variants() if v[0] in BATCHED])
def test_batches_equal_a_loop(leg, name, label):
    """Each slice is the answer of its matrix, up to rounding."""
    case = catalog.CASES[name]
    options = case.variants[label]
    for shape in [(4, 4)] if case.square else [(5, 3), (3, 4)]:
        inputs = case.inputs(leg, (2, 3, *shape))
        out = catalog.outputs(catalog.call(name, inputs, options))
        assert case.check(inputs, out, options) < 30
        for i, j in np.ndindex(2, 3):
            one = {key: x[i, j, ...] for key, x in inputs.items()}
            alone = catalog.outputs(catalog.call(name, one, options))
            for key, x in alone.items():
                assert tuple(out[key].shape) == (2, 3, *x.shape)
                got, expected = leg.to_numpy(out[key])[i, j], leg.to_numpy(x)
                np.testing.assert_allclose(got, expected, rtol=0, atol=500 * leg.eps)


@pytest.mark.parametrize("name", BATCHED)
def test_matrices_of_one_batch_do_not_disturb_each_other(leg, name):
    """Scales far apart, a zero and an identity in one batch."""
    case = catalog.CASES[name]
    k = 40 if leg.real_name == "float32" else 400
    a = next(iter(case.hosts((4, 4), complex_=leg.is_complex).values()))
    many = [a, np.ldexp(1.0, k) * a, np.ldexp(1.0, -k) * a, np.eye(4)]
    if catalog.definite not in case.arrays.values():
        many.append(np.zeros((4, 4)))
    out = catalog.outputs(catalog.call(name, {"a": leg.asarray(np.stack(many))}, case.default))
    for i, one in enumerate(many):
        alone = catalog.outputs(catalog.call(name, {"a": leg.asarray(one)}, case.default))
        for key, x in alone.items():
            got, expected = leg.to_numpy(out[key])[i], leg.to_numpy(x)
            size = float(np.max(np.abs(expected))) or 1.0
            np.testing.assert_allclose(got / size, expected / size, rtol=0, atol=500 * leg.eps)
