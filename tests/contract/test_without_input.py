"""Functions without array input: born where asked, one seed one answer, on the host if so said."""

from dataclasses import fields, is_dataclass

import catalog
import numpy as np
import pytest

import linalgx as lx
import linalgx.backend as seam

BORN = [(name, label) for name, born in catalog.BORN.items() for label in born.variants]
DTYPES = ("float32", "float64", "complex64", "complex128")


def make(name, label, **place):
    born = catalog.BORN[name]
    options = {**born.variants[label], **({"rng": 0} if born.random else {}), **place}
    return catalog.function(name)(*born.args, **options)


@pytest.mark.parametrize(("name", "label"), BORN)
def test_born_where_asked(leg, name, label):
    a = make(name, label, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    assert leg.matches(a)
    assert a.dtype == leg.dtype
    assert np.all(np.isfinite(leg.to_numpy(a)))


@pytest.mark.parametrize(("name", "label"), BORN)
def test_the_default_dtype_is_that_of_the_device(leg, name, label):
    a = make(name, label, xp=leg.xp, device=leg.device)
    info = leg.xp.__array_namespace_info__()
    assert a.dtype == info.default_dtypes(device=leg.device)["real floating"]


@pytest.mark.parametrize("name", catalog.BORN)
def test_born_where_the_switch_says(name):
    with lx.use_backend("array_api_strict"):
        a = make(name, "default")
    assert seam.library_name(seam.namespace_of(a)) == "array_api_strict"
    assert type(make(name, "default")) is np.ndarray


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", catalog.BORN)
def test_dtypes_by_name_and_by_object(name, dtype):
    for given in (dtype, getattr(np, dtype), np.dtype(dtype)):
        assert make(name, "default", dtype=given).dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["int64", "float16", bool])
@pytest.mark.parametrize("name", catalog.BORN)
def test_other_dtypes(name, dtype):
    with pytest.raises(TypeError, match="dtype must be one of float32, float64, complex64"):
        make(name, "default", dtype=dtype)


@pytest.mark.parametrize(("name", "label"), BORN)
def test_one_seed_one_matrix_on_every_backend(leg, name, label):
    """The draws are equal; a QR decomposition of them is, up to rounding."""
    a = make(name, label, xp=leg.xp, device=leg.device, dtype=leg.dtype)
    b = make(name, label, dtype=leg.dtype_name)
    np.testing.assert_allclose(leg.to_numpy(a), b, rtol=0, atol=200 * leg.eps)


@pytest.mark.parametrize("name", [n for n, born in catalog.BORN.items() if born.random])
def test_other_seeds_give_other_matrices(name):
    born = catalog.BORN[name]
    one, two = (catalog.function(name)(*born.args, rng=seed) for seed in (1, 2))
    assert not np.allclose(one, two)
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(catalog.function(name)(*born.args, rng=rng), one)
    assert not np.allclose(catalog.function(name)(*born.args, rng=rng), one)
    assert catalog.function(name)(*born.args).shape == one.shape


@pytest.mark.parametrize("name", catalog.BORN)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_smallest_sizes(leg, name, n):
    born = catalog.BORN[name]
    options = {"spikes": []} if name == "gallery.spiked" else born.variants["default"]
    place = {"xp": leg.xp, "device": leg.device, "dtype": leg.dtype}
    a = catalog.function(name)(n, **options, **place)
    assert tuple(a.shape) == born.shape(n)
    assert leg.matches(a)
    assert np.all(np.isfinite(leg.to_numpy(a)))


FAULTS = [(name, *fault) for name, born in catalog.BORN.items() for fault in born.faults]


@pytest.mark.parametrize(("name", "args", "options"), FAULTS)
def test_bad_sizes_and_parameters(name, args, options):
    with pytest.raises(ValueError, match="got"):
        catalog.function(name)(*args, **options)


@pytest.mark.parametrize("n", [2.5, "3", None])
@pytest.mark.parametrize("name", catalog.BORN)
def test_sizes_are_integers(name, n):
    with pytest.raises(TypeError, match="must be an integer"):
        catalog.function(name)(n)


def host_call(name):
    """Answer of a function without arrays; stateful arguments are made afresh."""
    _, given = catalog.HOST[name]
    args, options = given() if callable(given) else given
    return catalog.function(name)(*args, **options)


def parts(answer):
    """What of an answer can be compared: arrays, numbers and text, or else its repr."""
    if isinstance(answer, tuple) or not is_dataclass(answer):
        found = list(answer) if isinstance(answer, tuple) else [answer]
    else:
        found = [getattr(answer, f.name) for f in fields(answer)]
    plain = (np.ndarray, np.generic, float, complex, int, str)
    kept = [p for p in found if isinstance(p, plain) or _numbers(p)]
    return kept or [repr(answer)]


def _numbers(part):
    return isinstance(part, tuple) and all(isinstance(x, float | int) for x in part)


def test_parts_are_found():
    """Every kind of answer leaves something to compare."""
    result = lx.orthogonal.inverse_root(np.eye(2), 2)
    assert len(parts(result)) >= 4
    assert parts(3.0) == [3.0]
    assert parts((1.0, "two")) == [1.0, "two"]
    assert parts(lx.LinearMap(np.eye(2))) == ["LinearMap 2×2, float64, numpy"]


@pytest.mark.parametrize("name", catalog.HOST)
def test_host_functions_repeat_themselves(name):
    """Also after somebody wrote into an earlier answer."""
    found = parts(host_call(name))
    copies = [np.array(part) for part in found]
    for part in found:
        if isinstance(part, np.ndarray) and part.flags.writeable and part.dtype != bool:
            assert part.dtype in (np.float64, np.complex128, np.int64)
            part[...] = np.nan if part.dtype != np.int64 else -1
    for part, copy in zip(parts(host_call(name)), copies, strict=True):
        np.testing.assert_array_equal(np.asarray(part), copy)
