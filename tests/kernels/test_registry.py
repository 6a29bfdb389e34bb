"""The kernel registry: found by name, switched off by a variable, missing with one warning."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import array_api_strict
import numpy as np
import pytest

import linalgx as lx
import linalgx.backend as seam
from linalgx.backend import _kernels

NUMPY = seam.namespace_of(np.ones(1))

pytestmark = pytest.mark.thread_unsafe(reason="changes modules and the environment")


@pytest.fixture
def fresh(monkeypatch):
    """Forget loaded kernels before and after, so that each test sees a first use."""
    monkeypatch.delenv("LINALGX_KERNELS", raising=False)
    _kernels._load.cache_clear()
    yield
    _kernels._load.cache_clear()


@pytest.fixture
def without_numba(fresh, monkeypatch):
    """Make numba look uninstalled, also to kernel modules that were loaded before."""
    for name in list(sys.modules):
        if name.startswith("linalgx.kernels."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)


def numba_kernels():
    return [key for key, target in seam.KERNELS.items() if target.startswith("numba")]


def usable(key):
    """Whether the library of a kernel is installed; files are named after it."""
    return find_spec(seam.KERNELS[key].partition("_")[0]) is not None


@pytest.mark.parametrize("key", seam.KERNELS, ids="-".join)
def test_every_registered_kernel_exists(key):
    module, _, function = seam.KERNELS[key].partition(":")
    assert key[1] in seam.NAMESPACES
    assert (Path(lx.__file__).parent / "kernels" / f"{module}.py").exists()
    if usable(key):
        assert callable(getattr(import_module(f"linalgx.kernels.{module}"), function))


@pytest.mark.parametrize("key", seam.KERNELS, ids="-".join)
def test_a_kernel_is_found_once(fresh, key):
    if key[1] != "numpy" or not usable(key):
        return
    kernel = seam.find_kernel(key[0], NUMPY)
    assert callable(kernel)
    assert seam.find_kernel(key[0], NUMPY) is kernel


def test_other_libraries_and_names_have_none(fresh):
    assert seam.find_kernel("polar_tiny", array_api_strict) is None
    assert seam.find_kernel("no such kernel", NUMPY) is None


def test_generic_switches_all_off(fresh, monkeypatch):
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    assert all(seam.find_kernel(name, NUMPY) is None for name, _ in seam.KERNELS)
    monkeypatch.setenv("LINALGX_KERNELS", "")
    name = next(key[0] for key in seam.KERNELS if key[1] == "numpy" and usable(key))
    assert seam.find_kernel(name, NUMPY) is not None


def test_a_missing_library_is_said_once(without_numba):
    name = numba_kernels()[0][0]
    with pytest.warns(lx.PerformanceWarning, match=f"{name} runs as generic code") as caught:
        assert seam.find_kernel(name, NUMPY) is None
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings(record=True) as later:
        warnings.simplefilter("always")
        assert seam.find_kernel(name, NUMPY) is None
    assert not later


def test_a_public_function_runs_without_numba(without_numba):
    """Generic code takes over, with the one warning at the caller's line."""
    a = np.random.default_rng(0).standard_normal((200, 3, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        u, p = lx.orthogonal.polar(a)
        lx.orthogonal.polar(a)
    assert [w.category for w in caught] == [lx.PerformanceWarning]
    assert caught[0].filename == __file__
    np.testing.assert_allclose(u @ p, a, atol=1e-14)


@pytest.mark.filterwarnings("ignore::linalgx.PerformanceWarning")
def test_generic_and_kernel_agree(fresh, monkeypatch):
    a = np.random.default_rng(0).standard_normal((200, 3, 3))
    u, p = lx.orthogonal.polar(a)
    monkeypatch.setenv("LINALGX_KERNELS", "generic")
    v, q = lx.orthogonal.polar(a)
    np.testing.assert_allclose(u, v, atol=1e-12)
    np.testing.assert_allclose(p, q, atol=1e-12)


def test_a_broken_kernel_is_an_error(fresh, monkeypatch):
    """Only a missing library is forgiven."""
    monkeypatch.setitem(_kernels.KERNELS, ("broken", "numpy"), "__init__:no_such_function")
    with pytest.raises(AttributeError, match="no_such_function"):
        seam.find_kernel("broken", NUMPY)
