"""Views, lists, integers and bool: the same matrix gives the same answer."""

import catalog
import numpy as np
import pytest

LAYOUTS = {
    "Fortran": lambda a: np.asfortranarray(a) if a.ndim > 1 else np.stack([a, a], axis=-1)[:, 0],
    "strided": lambda a: _strided(a),
    "negative": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "transposed": lambda a: np.ascontiguousarray(a.T).T if a.ndim > 1 else np.diag(a).diagonal(),
    "unaligned": lambda a: _unaligned(a),
    "broadcast": lambda a: np.broadcast_to(a, (3, *a.shape)),
}


def _strided(a):
    """Every second column and every third row, or number, of a larger array."""
    a = np.repeat(a, 3, axis=0)
    return np.repeat(a, 2, axis=1)[::3, ::2] if a.ndim == 2 else a[::3]


def _unaligned(a):
    """Copy that starts one byte beyond an aligned address."""
    raw = np.zeros(a.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def same(name, eps, got, expected):
    """Equal up to rounding errors of a well conditioned problem."""
    assert got.keys() == expected.keys()
    for key, x in got.items():
        np.testing.assert_allclose(
            x,
            np.broadcast_to(expected[key], np.shape(x)),
            rtol=0,
            atol=catalog.CASES[name].agreement(eps),
            err_msg=key,
        )


def answer(name, inputs, options):
    return {k: np.asarray(x) for k, x in catalog.answer(name, inputs, options).items()}


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", catalog.CASES)
def test_views_of_numpy(name, dtype):
    """The contiguous copy sets the answer; a stride of zero is read-only, too."""
    case = catalog.CASES[name]
    labels = dict.fromkeys((next(iter(case.variants)), list(case.variants)[-1]))
    for shape in [(4, 4)] if case.square else [(5, 3), (3, 5)]:
        hosts = case.hosts(shape, complex_=dtype == "complex128")
        inputs = {key: x.astype(dtype) for key, x in hosts.items()}
        expected = {label: answer(name, inputs, case.variants[label]) for label in labels}
        for layout, view in LAYOUTS.items():
            if layout == "broadcast" and name not in catalog.batched():
                continue
            views = {key: view(x) for key, x in inputs.items()}
            before = {key: x.tobytes() for key, x in views.items()}
            for label in labels:
                with catalog.about(layout, label, shape):
                    got = answer(name, views, case.variants[label])
                    same(name, np.finfo(dtype).eps, got, expected[label])
                    assert {key: x.tobytes() for key, x in views.items()} == before


@pytest.mark.parametrize(
    "name", [n for n, case in catalog.CASES.items() if case.need in ("", "hermitian")]
)
def test_constant_matrices_with_stride_zero(name):
    """One number seen as a matrix; singular, but Hermitian and semidefinite."""
    case = catalog.CASES[name]
    hosts = case.hosts((3, 3))
    view = np.broadcast_to(np.float64(2.0), hosts[case.first].shape)
    got = answer(name, {**hosts, case.first: view}, case.default)
    copied = answer(name, {**hosts, case.first: view.copy()}, case.default)
    for key, x in copied.items():
        assert np.all(np.isfinite(x))
        assert x.shape == got[key].shape


@pytest.mark.parametrize("name", catalog.CASES)
def test_views_of_torch(name):
    torch = pytest.importorskip("torch")
    case = catalog.CASES[name]
    hosts = case.hosts((4, 4))
    plain = {key: torch.asarray(x.copy()) for key, x in hosts.items()}
    expected = answer(name, hosts, case.default)
    views = [
        lambda x: x.mT.contiguous().mT if x.ndim > 1 else torch.stack([x, x], -1)[:, 0],
        lambda x: x.repeat_interleave(2, 0)[::2],
        lambda x: x.clone().requires_grad_(False),
    ]
    if name in catalog.batched():
        views.append(lambda x: x.expand(2, *x.shape))
    for view in views:
        out = answer(name, {key: view(x) for key, x in plain.items()}, case.default)
        same(name, np.finfo(np.float64).eps, out, expected)


def nested(x):
    """Tuples of tuples for lists of lists."""
    return tuple(map(nested, x)) if isinstance(x, list) else x


@pytest.mark.parametrize("name", catalog.CASES)
def test_lists_and_tuples_are_numpy(name):
    case = catalog.CASES[name]
    hosts = case.hosts((4, 4))
    expected = answer(name, hosts, case.default)
    lists = {key: x.tolist() for key, x in hosts.items()}
    tuples = {key: nested(x) for key, x in lists.items()}
    rows = {key: [np.array(row) for row in x] for key, x in lists.items()}
    for inputs in (lists, tuples, rows):
        got = catalog.answer(name, inputs, case.default)
        for key, x in catalog.of_arrays(got).items():
            assert type(x) is np.ndarray
            assert key in case.discrete or x.dtype == np.float64
        same(name, np.finfo(np.float64).eps, got, expected)


@pytest.mark.parametrize("name", [n for n, case in catalog.CASES.items() if not case.real])
def test_a_list_of_complex_numbers(name):
    case = catalog.CASES[name]
    inputs = {key: x.tolist() for key, x in case.hosts((3, 3), complex_=True).items()}
    got = catalog.of_arrays(catalog.answer(name, inputs, case.default))
    assert not got or any(x.dtype == np.complex128 for x in got.values())


@pytest.mark.parametrize("name", catalog.CASES)
def test_integers_become_the_default_float(leg, name):
    """Of the device: float32 on some."""
    case = catalog.CASES[name]
    numbers = case.integers()
    bits = {k: np.eye(*x.shape) if x.ndim == 2 else x > 0 for k, x in numbers.items()}
    info = leg.xp.__array_namespace_info__()
    default = info.default_dtypes(device=leg.device)["real floating"]
    one = leg.xp.ones(1, dtype=default, device=leg.device)
    eps = np.finfo(leg.to_numpy(one).dtype).eps
    for hosts, dtypes in ((numbers, ("int64", "int8", "uint8")), (bits, ("bool",))):
        expected = answer(name, {k: x.astype(float) for k, x in hosts.items()}, case.default)
        for dtype in dtypes:
            given = {k: x.astype(dtype) for k, x in hosts.items()}
            inputs = {k: leg.xp.asarray(x, device=leg.device) for k, x in given.items()}
            with catalog.about(dtype):
                out = catalog.answer(name, inputs, case.default)
                for key, x in out.items():
                    if catalog.is_array(x):
                        assert leg.matches(x)
                        assert key in case.discrete or x.dtype == default
                    np.testing.assert_allclose(
                        catalog.host(leg, x), expected[key], atol=case.agreement(eps)
                    )
