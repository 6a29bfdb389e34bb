"""Soft clipping: an exact split at a quantile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linalgx.orthogonal.soft_clip import soft_clip


@pytest.mark.parametrize("quantile", [0.0, 0.3, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (7, 5), (2, 3, 6, 4)], ids=str)
def test_split_at_the_quantile_of_each_matrix(leg, shape, quantile):
    a = leg.randn(*shape)
    result = soft_clip(a, quantile)
    assert result._fields == ("inliers", "outliers")
    assert all(leg.matches(x) and x.dtype == leg.dtype for x in result)
    host, inliers, outliers = (leg.to_numpy(x) for x in (a, *result))
    np.testing.assert_array_equal(inliers + outliers, host)
    t = np.quantile(abs(host), quantile, axis=(-2, -1), keepdims=True)
    slack = 4 * leg.eps * abs(host)
    assert np.all(abs(inliers) <= t * (1 + 4 * leg.eps) + slack)
    kept = abs(host) <= t * (1 - 4 * leg.eps)
    np.testing.assert_array_equal(inliers[kept], host[kept])
    np.testing.assert_array_equal(outliers[kept], 0)
    cut = abs(host) > t * (1 + 4 * leg.eps)
    with np.errstate(invalid="ignore"):
        want = t * host / np.where(host == 0, 1, abs(host))
    assert np.all(
        abs(inliers - want)[cut] <= slack[cut] + 4 * leg.eps * np.broadcast_to(t, host.shape)[cut]
    )


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.0, 1.0),
    st.sampled_from(["float32", "float64", "complex64", "complex128"]),
    st.integers(0, 30),
)
def test_parts_add_up_exactly(seed, quantile, dtype, spread):
    """Entries of any size, many of them integers, where ties between roundings occur."""
    rng = np.random.default_rng(seed)

    def part():
        digits = rng.integers(1, 8)
        return np.round(rng.standard_normal((9, 8)), digits) * 2.0 ** rng.integers(
            -spread, spread + 1, (9, 8)
        )

    a = (part() + (1j * part() if dtype.startswith("c") else 0)).astype(dtype)
    inliers, outliers = soft_clip(a, quantile)
    np.testing.assert_array_equal(inliers + outliers, a)
    eps = np.finfo(dtype).eps
    assert np.all(abs(inliers) <= np.quantile(abs(a), quantile) * (1 + 8 * eps) + 2 * eps * abs(a))


def test_a_tie_between_two_roundings():
    """With t = ½ and a odd, both a − t and t + (a − t) are ties, and round away from a."""
    a = np.array([[2.0**24 - 1, 0.5]], dtype=np.float32)
    t = np.float32(0.5)
    assert t + (a[0, 0] - t) != a[0, 0]
    inliers, outliers = soft_clip(a, 0.0)
    np.testing.assert_array_equal(inliers + outliers, a)


def test_scaling_by_powers_of_two_scales_both_parts(leg):
    host = leg._randn(6, 7)
    small = soft_clip(leg.asarray(host))
    factor = 2.0 ** (900 if leg.eps < 1e-10 else 100)
    large = soft_clip(leg.asarray(np.asarray(host, leg.dtype_name) * factor))
    for x, y in zip(small, large, strict=True):
        np.testing.assert_array_equal(leg.to_numpy(x) * factor, leg.to_numpy(y))


def test_huge_complex_entries_do_not_overflow():
    a = np.array([[1e308 + 1e308j, 1.0], [2.0, 3.0j]])
    inliers, outliers = soft_clip(a, 0.5)
    np.testing.assert_array_equal(inliers + outliers, a)
    assert np.all(np.isfinite(inliers))
    np.testing.assert_allclose(np.angle(outliers[0, 0]), np.pi / 4)


def test_constant_and_zero_matrices_have_no_outliers(leg):
    for value in (0.0, -2.0):
        a = leg.asarray(np.full((3, 4), value))
        inliers, outliers = soft_clip(a)
        np.testing.assert_array_equal(leg.to_numpy(inliers), value)
        np.testing.assert_array_equal(leg.to_numpy(outliers), 0)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 4), (0, 3, 3)], ids=str)
def test_empty(leg, shape):
    for part in soft_clip(leg.asarray(np.zeros(shape))):
        assert leg.matches(part)
        assert tuple(part.shape) == shape
        assert part.dtype == leg.dtype


def test_input_is_not_modified_and_not_returned(leg):
    a = leg.randn(5, 4)
    before = leg.to_numpy(a).copy()
    for part in soft_clip(a, 1.0):
        assert not np.shares_memory(leg.to_numpy(part), leg.to_numpy(a))
    np.testing.assert_array_equal(leg.to_numpy(a), before)


@pytest.mark.parametrize("quantile", [-0.1, 1.1, float("nan")])
def test_quantile_must_be_a_share(quantile):
    with pytest.raises(ValueError, match=r"quantile must lie in \[0, 1\], got"):
        soft_clip(np.eye(3), quantile)
