"""The way between libraries is written out, keeps structure and copies what must be copied."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sparse

import linalgx as lx
import linalgx.backend as seam
from linalgx.results import Result, Status

LIBRARIES = ["numpy", "array_api_strict"] + (["torch"] if find_spec("torch") else [])


class Pair(NamedTuple):
    u: Any
    p: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Answer(Result):
    x: Any


def test_to_numpy_of_every_leg(seam_leg):
    host = seam_leg._randn(2, 3).astype(seam_leg.dtype_name)
    x = lx.to_numpy(seam_leg.asarray(host))
    assert type(x) is np.ndarray
    assert x.dtype == host.dtype
    np.testing.assert_array_equal(x, host)


@pytest.mark.parametrize("name", LIBRARIES)
def test_there_and_back(seam_leg, name):
    a = seam_leg.randn(2, 3)
    b = lx.to_backend(a, name)
    assert seam.library_name(seam.namespace_of(b)) == name
    np.testing.assert_array_equal(lx.to_numpy(b), lx.to_numpy(a))


@pytest.mark.parametrize("name", LIBRARIES)
def test_integers_and_bools_travel(name):
    for host in (np.arange(3), np.array([True, False])):
        b = lx.to_backend(host, name)
        np.testing.assert_array_equal(lx.to_numpy(b), host)
        assert lx.to_numpy(b).dtype == host.dtype


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize(
    "host",
    [np.eye(3)[::-1], np.broadcast_to(np.arange(3.0), (2, 3)), np.asfortranarray(np.eye(3, 2))],
    ids=["negative", "broadcast", "Fortran"],
)
def test_any_layout_travels(name, host):
    b = lx.to_backend(host, name)
    np.testing.assert_array_equal(lx.to_numpy(b), host)
    xp = seam.namespace_of(b)
    np.testing.assert_array_equal(lx.to_numpy(seam.from_host(host, like=b, xp=xp)), host)


def test_an_array_that_is_there_stays():
    a = np.eye(2)
    assert lx.to_backend(a, "numpy") is a


def test_another_device_of_the_same_library():
    strict = pytest.importorskip("array_api_strict")
    a = strict.ones((2, 2), dtype=strict.float32)
    device = strict.Device("device1")
    b = lx.to_backend(a, "array_api_strict", device)
    assert seam.device_of(b) == device
    assert lx.to_backend(b, "array_api_strict", device) is b
    np.testing.assert_array_equal(lx.to_numpy(b), 1.0)


def test_lazy_conjugates_and_gradients_of_torch():
    torch = pytest.importorskip("torch")
    z = torch.tensor([1.0 + 2.0j])
    np.testing.assert_array_equal(lx.to_numpy(z.conj()), [1 - 2j])
    np.testing.assert_array_equal(lx.to_numpy(z.conj().imag), [-2.0])
    np.testing.assert_array_equal(lx.to_numpy(torch.ones(2, requires_grad=True)), 1.0)


def test_from_host_follows(seam_leg):
    like, xp = seam_leg.randn(2), seam_leg.xp
    x = seam.from_host(np.ones(3, dtype=seam_leg.dtype_name), like=like, xp=xp)
    assert seam_leg.matches(x)
    assert x.dtype == seam_leg.dtype
    y = seam.from_host(np.ones(3), like=like, xp=xp, dtype=seam_leg.dtype)
    assert seam_leg.matches(y)
    assert y.dtype == seam_leg.dtype


class TestNests:
    """Containers are walked and keep their type."""

    def nest(self, x):
        answer = Answer(status=Status.CONVERGED, iterations=1, residual=0.0, history=(0.0,), x=x)
        return {"pair": Pair(x, [x, (x, 3)]), "answer": answer, "text": "abc", "none": None}

    @pytest.mark.parametrize("name", LIBRARIES)
    def test_structure_is_kept(self, name):
        moved = lx.to_backend(self.nest(np.ones(2)), name)
        back = lx.to_numpy(moved)
        assert type(moved["pair"]) is type(back["pair"]) is Pair
        assert type(moved["pair"].p) is list
        assert type(moved["pair"].p[1]) is tuple
        for x in (moved["pair"].u, moved["pair"].p[0], moved["pair"].p[1][0], moved["answer"].x):
            assert seam.library_name(seam.namespace_of(x)) == name
        assert back["answer"].converged
        assert back["answer"].history == (0.0,)
        np.testing.assert_array_equal(back["answer"].x, 1.0)
        assert moved["text"] == "abc"
        assert moved["none"] is None
        assert back["pair"].p[1][1] == 3

    def test_the_original_is_not_touched(self):
        nest = self.nest(np.ones(2))
        lx.to_backend(nest, "array_api_strict")
        assert type(nest["pair"].u) is np.ndarray


class TestSparse:
    """Sparse containers stay sparse, or are refused by name."""

    def test_on_the_host(self):
        a = sparse.csr_array(np.eye(2))
        assert lx.to_numpy(a) is a
        assert lx.to_backend(a, "numpy") is a
        assert lx.to_numpy([a])[0] is a

    def test_where_there_are_none(self):
        with pytest.raises(TypeError, match="for numpy and cupy, not for array_api_strict"):
            lx.to_backend(sparse.csr_array(np.eye(2)), "array_api_strict")


def test_unknown_library():
    with pytest.raises(ValueError, match="backend must be one of"):
        lx.to_backend(np.eye(2), "matlab")


def test_coefficients_live_on_the_host_in_double_precision():
    x = seam.host_array([1, 2])
    assert type(x) is np.ndarray
    assert x.dtype == np.float64
