"""Views, lists, integers and bool: the same matrix gives the same answer."""

import catalog
import numpy as np
import pytest

LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=-1), 3, axis=-2)[..., ::3, ::2],
    "negative": lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "unaligned": lambda a: _unaligned(a),
    "broadcast": lambda a: np.broadcast_to(a, (3, *a.shape)),
}
INTEGERS = np.array([[3, 1], [1, 2]])  # Hermitian and definite, so every function takes it


def _unaligned(a):
    """Copy that starts one byte beyond an aligned address."""
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def same(leg_eps, got, expected):
    """Equal up to rounding errors of a well conditioned problem."""
    assert got.keys() == expected.keys()
    for key, x in got.items():
        np.testing.assert_allclose(
            x, np.broadcast_to(expected[key], x.shape), rtol=0, atol=500 * leg_eps, err_msg=key
        )


def answer(name, inputs, options):
    return {
        k: np.asarray(x) for k, x in catalog.outputs(catalog.call(name, inputs, options)).items()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", catalog.CASES)
def test_views_of_numpy(name, dtype, layout):
    """The contiguous copy sets the answer; a stride of zero is read-only, too."""
    case = catalog.CASES[name]
    for shape in [(4, 4)] if case.square else [(5, 3), (3, 5)]:
        hosts = case.hosts(shape, complex_=dtype == "complex128")
        inputs = {key: x.astype(dtype) for key, x in hosts.items()}
        views = {key: LAYOUTS[layout](x) for key, x in inputs.items()}
        before = {key: x.tobytes() for key, x in views.items()}
        for options in (case.default, list(case.variants.values())[-1]):
            expected = answer(name, inputs, options)
            same(np.finfo(dtype).eps, answer(name, views, options), expected)
        assert {key: x.tobytes() for key, x in views.items()} == before


@pytest.mark.parametrize("name", catalog.CASES)
def test_constant_matrices_with_stride_zero(name):
    """One number seen as a matrix; singular, but Hermitian and semidefinite."""
    case = catalog.CASES[name]
    if any(make is catalog.definite for make in case.arrays.values()):
        return
    view = np.broadcast_to(np.float64(2.0), (3, 3))
    got = answer(name, {"a": view}, case.default)
    for key, x in answer(name, {"a": view.copy()}, case.default).items():
        assert np.all(np.isfinite(x))
        assert x.shape == got[key].shape


@pytest.mark.parametrize("name", catalog.CASES)
def test_views_of_torch(name):
    torch = pytest.importorskip("torch")
    case = catalog.CASES[name]
    a = next(iter(case.hosts((4, 4)).values()))
    plain = torch.asarray(a.copy())
    expected = answer(name, {"a": a}, case.default)
    views = [
        plain.mT.contiguous().mT,
        plain.repeat_interleave(2, 0)[::2],
        plain.expand(2, 4, 4),
        plain.clone().requires_grad_(False),
    ]
    for view in views:
        out = catalog.outputs(catalog.call(name, {"a": view}, case.default))
        same(np.finfo(np.float64).eps, {k: x.numpy() for k, x in out.items()}, expected)


@pytest.mark.parametrize("name", catalog.CASES)
def test_lists_and_tuples_are_numpy(name):
    case = catalog.CASES[name]
    hosts = case.hosts((4, 4))
    expected = answer(name, hosts, case.default)
    lists = {key: x.tolist() for key, x in hosts.items()}
    tuples = {key: tuple(map(tuple, x)) for key, x in lists.items()}
    rows = {key: [np.array(row) for row in x] for key, x in lists.items()}
    for inputs in (lists, tuples, rows):
        got = catalog.outputs(catalog.call(name, inputs, case.default))
        assert all(type(x) is np.ndarray and x.dtype == np.float64 for x in got.values())
        same(np.finfo(np.float64).eps, got, expected)


@pytest.mark.parametrize("name", catalog.CASES)
def test_a_list_of_complex_numbers(name):
    case = catalog.CASES[name]
    inputs = {key: x.tolist() for key, x in case.hosts((3, 3), complex_=True).items()}
    got = catalog.outputs(catalog.call(name, inputs, case.default))
    assert any(x.dtype == np.complex128 for x in got.values())


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("name", catalog.CASES)
def test_integers_become_the_default_float(leg, name, dtype):
    """Of the device: float32 on some."""
    case = catalog.CASES[name]
    host = INTEGERS if dtype != "bool" else np.eye(2)
    a = leg.xp.asarray(host.astype(dtype), device=leg.device)
    out = catalog.outputs(catalog.call(name, {"a": a}, case.default))
    info = leg.xp.__array_namespace_info__()
    default = info.default_dtypes(device=leg.device)["real floating"]
    expected = answer(name, {"a": host.astype(float)}, case.default)
    for key, x in out.items():
        assert leg.matches(x)
        assert x.dtype == default
        np.testing.assert_allclose(
            leg.to_numpy(x), expected[key], atol=500 * np.finfo(leg.to_numpy(x).dtype).eps
        )
