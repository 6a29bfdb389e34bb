"""One seed, one stream, on every backend."""

import numpy as np
import pytest

import linalgx.backend as seam


def reference(leg, shape, seed):
    """The same draws with NumPy alone."""
    rng = np.random.default_rng(seed)
    if not leg.is_complex:
        return rng.standard_normal(shape, dtype=leg.real_name)
    re, im = (rng.standard_normal(shape, dtype=leg.real_name) for _ in range(2))
    return ((re + 1j * im) * 0.5**0.5).astype(leg.dtype_name)


def test_normal_draws_are_those_of_numpy(seam_leg):
    like, xp = seam_leg.randn(2), seam_leg.xp
    x = seam.standard_normal((3, 2), seam.as_generator(5), like=like, xp=xp)
    assert seam_leg.matches(x)
    assert x.dtype == seam_leg.dtype
    np.testing.assert_array_equal(seam_leg.to_numpy(x), reference(seam_leg, (3, 2), 5))


def test_uniform_draws_are_those_of_numpy(seam_leg):
    x = seam.uniform((4,), seam.as_generator(5), like=seam_leg.randn(2), xp=seam_leg.xp)
    assert seam_leg.matches(x)
    assert x.dtype == seam_leg.real_dtype
    np.testing.assert_array_equal(
        seam_leg.to_numpy(x), np.random.default_rng(5).random(4, dtype=seam_leg.real_name)
    )


def test_complex_draws_have_unit_variance():
    like = np.ones(1, dtype=np.complex128)
    x = seam.standard_normal((20000,), seam.as_generator(0), like=like, xp=seam.namespace_of(like))
    assert abs(np.mean(np.abs(x) ** 2) - 1.0) < 0.03
    assert abs(np.mean(x**2)) < 0.03


def test_what_a_generator_is_made_of():
    seed = np.random.SeedSequence(3)
    draws = [seam.as_generator(x).random() for x in (3, seed, np.random.default_rng(3))]
    assert draws[0] == draws[1] == draws[2]
    assert isinstance(seam.as_generator(None), np.random.Generator)


def test_a_generator_keeps_its_state():
    rng = np.random.default_rng(0)
    assert seam.as_generator(rng) is rng


@pytest.mark.parametrize("rng", [-1, 1.5, "seed", np.random])
def test_what_is_no_source_of_randomness(rng):
    with pytest.raises((TypeError, ValueError), match=r"rng must be None, a non-negative integer"):
        seam.as_generator(rng)


def test_the_old_random_state_is_refused():
    with pytest.raises(TypeError, match="default_rng"):
        seam.as_generator(np.random.RandomState(0))


def test_a_device_generator_needs_device_arrays():
    like = np.ones(1)
    with pytest.raises(TypeError, match="rng draws on the GPU, but the arrays are on cpu"):
        seam.standard_normal((2,), object(), like=like, xp=seam.namespace_of(like))
