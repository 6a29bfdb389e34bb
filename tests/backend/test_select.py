"""The switch: where arrays that have no input to follow are born, and for whom it counts."""

from contextvars import copy_context
from threading import Barrier, Thread

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

import linalgx as lx
import linalgx.backend as seam


def born():
    """Short name of the library where a new array would be born."""
    return seam.library_name(seam.default_namespace(None, None, None)[0])


def test_numpy_is_the_default():
    xp, device, dtype = seam.default_namespace(None, None, None)
    assert xp is array_api_compat.numpy
    assert device == "cpu"
    assert dtype == np.float64


def test_use_backend_holds_for_its_block():
    with lx.use_backend("array_api_strict"):
        assert born() == "array_api_strict"
        with lx.use_backend("numpy"):
            assert born() == "numpy"
        assert born() == "array_api_strict"
    assert born() == "numpy"


def test_use_backend_ends_with_an_error():
    with pytest.raises(RuntimeError, match="inside"), lx.use_backend("array_api_strict"):
        raise RuntimeError("inside")
    assert born() == "numpy"


def test_set_backend_lasts():
    def session():
        lx.set_backend("array_api_strict")
        return born()

    assert copy_context().run(session) == "array_api_strict"
    assert born() == "numpy"


def test_gallery_follows_the_switch():
    with lx.use_backend("array_api_strict"):
        a = lx.gallery.hilbert(3)
    assert seam.namespace_of(a) is array_api_strict


def test_threads_do_not_see_each_other():
    """Each thread keeps its own choice while the others hold theirs."""
    names = ["numpy", "array_api_strict"] * 4
    together, seen = Barrier(len(names)), {}

    def work(k):
        lx.set_backend(names[k])
        together.wait(timeout=30)
        seen[k] = born()

    threads = [Thread(target=copy_context().run, args=(work, k)) for k in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seen[k] for k in range(len(names))] == names
    assert born() == "numpy"


def test_computations_follow_their_input_and_not_the_switch():
    a = np.eye(2)
    with lx.use_backend("array_api_strict"):
        xp, b = seam.as_matrix(a, "a")
    assert b is a
    assert seam.library_name(xp) == "numpy"


@pytest.mark.parametrize("switch", [lx.set_backend, lambda name: lx.use_backend(name).__enter__()])
def test_unknown_backends(switch):
    with pytest.raises(ValueError, match=r"backend must be one of .*numpy.*, got 'matlab'"):
        switch("matlab")
    assert born() == "numpy"


def test_a_missing_backend_names_the_install_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "array_api_compat.cupy", None)
    with pytest.raises(ImportError, match=r"backend 'cupy' needs pip install .*cuda13"):
        lx.set_backend("cupy")
    assert born() == "numpy"


class TestDefaultNamespace:
    """What `xp`, `device` and `dtype` may be."""

    @pytest.mark.parametrize("xp", ["numpy", np, array_api_compat.numpy], ids=["name", "np", "xp"])
    def test_spellings_of_a_namespace(self, xp):
        assert seam.default_namespace(xp, None, None)[0] is array_api_compat.numpy

    def test_an_unknown_name(self):
        with pytest.raises(ValueError, match=r"backend must be one of .*, got 'matlab'"):
            seam.default_namespace("matlab", None, None)

    @pytest.mark.parametrize("name", ["float32", "float64", "complex64", "complex128"])
    def test_dtypes_by_name(self, name):
        assert seam.default_namespace("numpy", None, name)[2] == getattr(np, name)
        strict = seam.default_namespace("array_api_strict", None, name)[2]
        assert strict == getattr(array_api_strict, name)

    def test_the_default_dtype_is_that_of_the_device(self):
        device = array_api_strict.Device("device2")
        assert seam.default_namespace("array_api_strict", device, None)[2] == (
            array_api_strict.float32
        )

    @pytest.mark.parametrize("dtype", ["int64", "float16", int, np.int32])
    def test_other_dtypes(self, dtype):
        with pytest.raises(TypeError, match="dtype must be one of float32, float64, complex64"):
            seam.default_namespace("numpy", None, dtype)


def test_available_backends_say_why_not():
    states = lx.available_backends()
    assert set(states) == set(seam.NAMESPACES)
    assert states["numpy"].startswith(np.__version__)
    for state in states.values():
        assert " on " in state or state.startswith(("not installed: pip install", "not usable:"))


def test_a_backend_that_does_not_import_is_not_usable(monkeypatch):
    def broken(name):
        raise OSError("a driver is missing")

    monkeypatch.setattr("linalgx.backend._select._devices", broken)
    assert lx.available_backends()["numpy"] == "not usable: a driver is missing"


def test_show_config_names_versions_and_the_switch():
    with lx.use_backend("array_api_strict"):
        lines = dict(line.split(maxsplit=1) for line in lx.show_config().splitlines()[:-1])
        assert lx.show_config().splitlines()[-1].endswith("array_api_strict")
    assert lines["linalgx"] == lx.__version__
    assert lines["numpy"].startswith(np.__version__)
    assert {"scipy", "numba", "array-api-compat", "array-api-extra", "cupy"} <= set(lines)
