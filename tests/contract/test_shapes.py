"""Small, empty and many: shapes at the edge, and batches equal to a loop."""

import catalog
import numpy as np
import pytest

BATCHED = catalog.batched()
SINGLE = [
    name
    for name, case in catalog.CASES.items()
    if name not in BATCHED and case.is_matrix(case.first)
]
# Places in a batch of shape (2, 3) that are solved alone; both axes count.
LOOP = ((0, 1), (1, 0), (1, 2))
SINGULAR_IS_OUTSIDE = ("regular", "definite")
SOLVERS = [
    name
    for name, case in catalog.CASES.items()
    if case.need in SINGULAR_IS_OUTSIDE and len(case.arrays) > 1
]


@pytest.mark.parametrize("name", catalog.CASES)
def test_one_row_one_column_one_number(leg, name):
    case = catalog.CASES[name]
    for shape in case.edge_shapes():
        inputs = case.inputs(leg, shape, seed=1)
        for label, options in catalog.brief(name):
            with catalog.about(label, shape):
                out = catalog.answer(name, inputs, options)
                assert case.check(inputs, out, options) < 30


@pytest.mark.parametrize("name", catalog.CASES)
def test_no_entries(leg, name):
    """Shapes are those of full matrices, so that programs need no special case."""
    case = catalog.CASES[name]
    for shape in case.void_shapes(batches=name in BATCHED):
        inputs = case.inputs(leg, shape)
        for label, options in catalog.brief(name):
            with catalog.about(label, shape):
                out = catalog.answer(name, inputs, options)
                assert case.check(inputs, out, options) < 30
                for key, x in catalog.of_arrays(out).items():
                    assert leg.matches(x)
                    assert key in case.discrete or x.dtype in (leg.dtype, leg.real_dtype)
                    assert tuple(x.shape[: len(shape) - 2]) == shape[:-2]


def zeros(name, leg):
    """Inputs of a case whose first array is zero; batches of it where there are some."""
    case = catalog.CASES[name]
    first = case.hosts(catalog.many(name, (2, 3, 3)))[case.first]
    return case.given(leg, np.zeros_like(first))


@pytest.mark.parametrize("name", [name for name in catalog.CASES if name not in SOLVERS])
def test_zero_matrices_are_finite_or_refused(leg, name):
    inputs = zeros(name, leg)
    case = catalog.CASES[name]
    try:
        out = catalog.answer(name, inputs, case.default)
    except np.linalg.LinAlgError:
        assert case.need in SINGULAR_IS_OUTSIDE
        return
    for x in out.values():
        assert np.all(np.isfinite(catalog.host(leg, x)))


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("name", SOLVERS)
def test_zero_matrices_are_never_solved(leg, name):
    """An error, or a finite iterate that is said not to have converged."""
    inputs = zeros(name, leg)
    try:
        result = catalog.call(name, inputs, catalog.CASES[name].default)
    except np.linalg.LinAlgError:
        return
    assert not getattr(result, "converged", False)
    for x in catalog.observed(name, result, inputs).values():
        assert np.all(np.isfinite(catalog.host(leg, x)))


@pytest.mark.parametrize("name", BATCHED)
def test_batches_equal_a_loop(leg, name):
    """The slices are the answers of their matrices, up to rounding; all of them are right."""
    case = catalog.CASES[name]
    shapes = [(4, 4)] if case.square else [(5, 3), (3, 4)]
    lead, alone = ((1, 2), LOOP[:1]) if case.looped else ((2, 3), LOOP)
    for shape in shapes[: 1 if case.looped else None]:
        inputs = case.inputs(leg, (*lead, *shape))
        for label, options in catalog.brief(name):
            with catalog.about(label, shape):
                out = catalog.answer(name, inputs, options)
                assert case.check(inputs, out, options) < 30
                for i, j in alone:
                    one = {key: x[i, j, ...] for key, x in inputs.items()}
                    for key, x in catalog.answer(name, one, options).items():
                        got, expected = catalog.host(leg, out[key]), catalog.host(leg, x)
                        assert got.shape == (*lead, *expected.shape)
                        np.testing.assert_allclose(
                            got[i, j], expected, rtol=0, atol=case.agreement(leg.eps), err_msg=key
                        )


@pytest.mark.parametrize("name", BATCHED)
def test_matrices_of_one_batch_do_not_disturb_each_other(leg, name):
    """Scales far apart, a zero and an identity in one batch."""
    case = catalog.CASES[name]
    k = 40 if leg.real_name == "float32" else 400
    a = case.hosts((4, 4), complex_=leg.is_complex)[case.first]
    one = np.eye(*a.shape) if case.axes(case.first) == 2 else np.ones(a.shape)
    many = [a, np.ldexp(1.0, k) * a, np.ldexp(1.0, -k) * a, one]
    if case.need not in SINGULAR_IS_OUTSIDE:
        many.append(np.zeros(a.shape))
    inputs = case.given(leg, np.stack(many))
    out = catalog.answer(name, inputs, case.default)
    for i in range(len(many)):
        alone = {key: x[i, ...] for key, x in inputs.items()}
        for key, x in catalog.answer(name, alone, case.default).items():
            got, expected = catalog.host(leg, out[key])[i], catalog.host(leg, x)
            size = float(np.max(np.abs(expected))) or 1.0
            np.testing.assert_allclose(
                got / size, expected / size, rtol=0, atol=case.agreement(leg.eps)
            )


@pytest.mark.parametrize("name", SINGLE)
def test_batches_are_refused_where_there_are_none(leg, name):
    case = catalog.CASES[name]
    stack = leg.asarray(np.stack([case.hosts((3, 3))[case.first]] * 2))
    with pytest.raises(ValueError, match=rf"^{case.first} must be one matrix"):
        catalog.call(name, {**case.inputs(leg, (3, 3)), case.first: stack}, case.default)
