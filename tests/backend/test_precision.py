"""Constants of the precision, and where an array is."""

import numpy as np
import pytest

import linalgx.backend as seam


def test_constants_of_each_leg(seam_leg):
    a, xp = seam_leg.randn(2, 2), seam_leg.xp
    info = np.finfo(seam_leg.real_name)
    assert seam.eps(a, xp=xp) == float(info.eps)
    assert seam.safe_min(a, xp=xp) == float(info.smallest_normal)
    assert seam.real_dtype(a, xp=xp) == seam_leg.real_dtype
    assert seam.is_complex(a, xp=xp) == seam_leg.is_complex
    assert isinstance(seam.eps(a, xp=xp), float)


def test_libraries_are_named(seam_leg):
    a = seam_leg.randn(2)
    assert seam.library_name(seam.namespace_of(a)) in seam.NAMESPACES
    assert seam.is_gpu(a, xp=seam_leg.xp) == seam_leg.name.startswith("cupy")
    assert seam.is_array(a)


@pytest.mark.parametrize("x", [[1.0], 1.0, "a", None])
def test_what_is_no_array(x):
    assert not seam.is_array(x)


def test_zero_dimensional_arrays_become_floats(leg):
    value = seam.host_float(leg.xp.sum(leg.xp.ones((3,), dtype=leg.real_dtype, device=leg.device)))
    assert value == 3.0
    assert type(value) is float


def test_every_supported_backend_has_a_namespace():
    assert set(seam.BACKENDS) == set(seam.NAMESPACES)
