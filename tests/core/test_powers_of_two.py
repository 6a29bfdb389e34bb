"""Scaling by powers of two is exact, also where squares and absolute values overflow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linalgx.backend as seam
from linalgx._core.scaling import from_unit_scale, to_unit_scale


def reach(leg):
    """Exponent of the factor that the library promises to bear."""
    return 100 if leg.real_name == "float32" else 900


def largest_part(x):
    return max(float(np.max(np.abs(x.real))), float(np.max(np.abs(x.imag))))


def test_the_largest_part_is_near_one(seam_leg):
    a, _ = to_unit_scale(seam_leg.asarray(1e5 * seam_leg._randn(4, 3)), xp=seam_leg.xp)
    assert 0.5 <= largest_part(seam_leg.to_numpy(a)) < 1.0


@pytest.mark.parametrize("sign", [-1, 1], ids=["small", "large"])
def test_scaled_matrices_are_bit_identical(seam_leg, sign):
    """The matrix at unit scale does not depend on a power of two in the input."""
    xp, host = seam_leg.xp, seam_leg._randn(4, 3).astype(seam_leg.dtype_name)
    k = sign * reach(seam_leg)
    moved = host * np.ldexp(np.ones(1, dtype=seam_leg.real_name), k)
    near, e = to_unit_scale(seam_leg.asarray(host), xp=xp)
    far, f = to_unit_scale(seam_leg.asarray(moved), xp=xp)
    np.testing.assert_array_equal(seam_leg.to_numpy(far), seam_leg.to_numpy(near))
    np.testing.assert_array_equal(f - e, k)
    back = from_unit_scale(far, f, xp=xp)
    assert seam_leg.matches(back)
    assert back.dtype == seam_leg.dtype
    np.testing.assert_array_equal(
        seam_leg.to_numpy(back), seam_leg.to_numpy(seam_leg.asarray(moved))
    )


def test_each_matrix_of_a_batch_has_its_own_scale(seam_leg):
    k = np.array([0, reach(seam_leg), -reach(seam_leg), 3])
    one = seam_leg._randn(4, 3).astype(seam_leg.dtype_name)
    parts = np.ldexp(np.ones((4, 1, 1), dtype=seam_leg.real_name), k[:, None, None])
    many = seam_leg.asarray(np.stack([one * parts[i] for i in range(4)]))
    scaled, exponent = to_unit_scale(many, xp=seam_leg.xp)
    rows = seam_leg.to_numpy(scaled)
    for i in range(1, 4):
        np.testing.assert_array_equal(rows[i], rows[0])
    np.testing.assert_array_equal((exponent - exponent[:1])[:, 0, 0], k)
    back = seam_leg.to_numpy(from_unit_scale(scaled, exponent, xp=seam_leg.xp))
    np.testing.assert_array_equal(back, seam_leg.to_numpy(many))


def test_complex_entries_whose_absolute_value_overflows():
    a = np.array([[1e308 + 1e308j, 1e300]])
    xp = seam.namespace_of(a)
    scaled, exponent = to_unit_scale(a, xp=xp)
    assert np.all(np.isfinite(np.abs(scaled)))
    assert 0.5 <= largest_part(scaled) < 1.0
    np.testing.assert_array_equal(from_unit_scale(scaled, exponent, xp=xp), a)


@pytest.mark.parametrize("value", [5e-324, 2.0**-1074 * 3, 1.7976931348623157e308])
def test_the_ends_of_the_range(value):
    a = np.array([[value]])
    xp = seam.namespace_of(a)
    scaled, exponent = to_unit_scale(a, xp=xp)
    assert 0.5 <= scaled[0, 0] < 1.0
    assert from_unit_scale(scaled, exponent, xp=xp)[0, 0] == value


@pytest.mark.parametrize("shape", [(3, 3), (0, 0), (0, 3), (3, 0), (0, 2, 2), (2, 0, 2)], ids=str)
def test_zero_and_empty_matrices_stay(seam_leg, shape):
    a = seam_leg.asarray(np.zeros(shape))
    scaled, exponent = to_unit_scale(a, xp=seam_leg.xp)
    assert tuple(scaled.shape) == shape
    np.testing.assert_array_equal(exponent, np.zeros((*shape[:-2], 1, 1)))


def test_non_finite_numbers_are_left_for_others_to_judge(seam_leg):
    a = seam_leg.asarray([[np.inf, 1.0], [np.nan, 2.0]])
    scaled, _ = to_unit_scale(a, xp=seam_leg.xp)
    assert not np.all(np.isfinite(seam_leg.to_numpy(scaled)))


def test_a_result_beyond_the_range_overflows_to_infinity():
    a = np.ones((1, 1))
    with np.errstate(over="ignore"):
        assert from_unit_scale(a, np.array([[1100]]), xp=seam.namespace_of(a))[0, 0] == np.inf
    assert from_unit_scale(a, np.array([[-1100]]), xp=seam.namespace_of(a))[0, 0] == 0.0


@given(
    exponent=st.integers(-1000, 1000),
    mantissa=st.floats(0.5, 1.0, exclude_max=True),
    complex_=st.booleans(),
)
def test_scaling_is_undone_exactly(exponent, mantissa, complex_):
    value = np.ldexp(mantissa, exponent)
    a = np.array([[value, value / 4]])
    a = a * 1j if complex_ else a
    xp = seam.namespace_of(a)
    scaled, e = to_unit_scale(a, xp=xp)
    assert int(e[0, 0]) == exponent
    np.testing.assert_array_equal(from_unit_scale(scaled, e, xp=xp), a)
