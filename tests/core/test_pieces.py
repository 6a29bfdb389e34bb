"""Norms, batches, choices, the polish and the observer."""

import numpy as np
import pytest

from linalgx._core.batching import flatten_batch, unflatten_batch, where_matrix
from linalgx._core.choose import choose
from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius, inf_norm, one_norm
from linalgx._core.polish import identity_like, polish


@pytest.mark.parametrize(("norm", "order"), [(frobenius, "fro"), (one_norm, 1), (inf_norm, np.inf)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms(seam_leg, norm, order, keepdims):
    a = seam_leg.randn(2, 4, 3)
    value = norm(a, xp=seam_leg.xp, keepdims=keepdims)
    assert seam_leg.matches(value)
    assert value.dtype == seam_leg.real_dtype
    expected = np.linalg.norm(seam_leg.to_numpy(a), order, axis=(-2, -1), keepdims=keepdims)
    np.testing.assert_allclose(seam_leg.to_numpy(value), expected, rtol=20 * seam_leg.eps)


@pytest.mark.parametrize("norm", [frobenius, one_norm, inf_norm])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 3, 3)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_of_empty_matrices(leg, norm, shape, keepdims):
    value = norm(leg.randn(*shape), xp=leg.xp, keepdims=keepdims)
    assert tuple(value.shape) == (*shape[:-2], *((1, 1) if keepdims else ()))
    np.testing.assert_array_equal(leg.to_numpy(value), 0.0)


@pytest.mark.parametrize("norm", [frobenius, one_norm, inf_norm])
def test_norms_keep_nan(leg, norm):
    assert np.isnan(leg.to_numpy(norm(leg.asarray([[np.nan, 1.0]]), xp=leg.xp)))


@pytest.mark.parametrize("batch", [(), (1,), (2, 3), (0,), (2, 0)], ids=str)
def test_batches_are_flattened_and_restored(leg, batch):
    a = leg.randn(*batch, 3, 2)
    flat, shape = flatten_batch(a, xp=leg.xp)
    assert tuple(flat.shape) == (int(np.prod(batch)), 3, 2)
    back = unflatten_batch(flat, shape, xp=leg.xp)
    np.testing.assert_array_equal(leg.to_numpy(back), leg.to_numpy(a))


def test_whole_matrices_are_chosen(leg):
    new, old = leg.randn(2, 3, 3, seed=1), leg.randn(2, 3, 3, seed=2)
    mask = leg.xp.asarray([True, False], device=leg.device)
    out = leg.to_numpy(where_matrix(mask, new, old, xp=leg.xp))
    np.testing.assert_array_equal(out[0], leg.to_numpy(new)[0])
    np.testing.assert_array_equal(out[1], leg.to_numpy(old)[1])


TABLE = {"svd": 1, "qdwh": 2}


class TestChoose:
    """One dictionary for the dispatch and for the error."""

    def test_a_known_name(self):
        assert choose("qdwh", TABLE, "method") == 2

    @pytest.mark.parametrize("name", ["lu", "SVD", None, 3, ("svd",), ["svd"]])
    def test_an_unknown_name(self, name):
        with pytest.raises(ValueError, match=r"^method must be one of 'svd', 'qdwh', got "):
            choose(name, TABLE, "method")


class TestNotify:
    """The observer sees the state, may stop the run, and its own errors are its own."""

    def test_nobody_looks(self):
        assert notify(None, 0, None, 1.0) is False

    def test_the_state(self):
        seen = []
        x = np.ones(2)
        assert notify(seen.append, 3, x, 0.5) is False
        assert (seen[0].k, seen[0].residual) == (3, 0.5)
        assert seen[0].x is x

    def test_a_return_value_means_nothing(self):
        assert notify(lambda state: True, 0, None, 1.0) is False

    def test_stop_iteration_stops(self):
        def stop(state):
            raise StopIteration

        assert notify(stop, 0, None, 1.0) is True

    def test_other_errors_pass(self):
        def fail(state):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            notify(fail, 0, None, 1.0)


class TestPolish:
    """One Newton-Schulz step squares the defect, and reports the one before."""

    def test_the_defect_is_squared(self, seam_leg):
        u = seam_leg.isometry(6, 4)
        e = 0.3 * seam_leg.eps**0.5
        noise = seam_leg._randn(6, 4, seed=1)
        near = seam_leg.asarray(u + e * noise / np.linalg.norm(noise))
        better, before = polish(near, xp=seam_leg.xp)
        x = seam_leg.to_numpy(better)
        after = np.linalg.norm(np.conj(x.T) @ x - np.eye(4))
        assert seam_leg.matches(better) and better.dtype == seam_leg.dtype
        assert 0.5 * e < float(seam_leg.to_numpy(before)) < 2.5 * e
        assert after < 10 * seam_leg.eps

    def test_batches_and_empty_ones(self, leg):
        for shape, batch in (((2, 3, 5, 4), (2, 3)), ((0, 5, 4), (0,)), ((5, 0), ())):
            better, before = polish(leg.randn(*shape), xp=leg.xp)
            assert tuple(better.shape) == shape
            assert tuple(before.shape) == batch

    def test_the_input_stays(self, leg):
        u = leg.asarray(leg.isometry(4, 3))
        copy = leg.to_numpy(u).copy()
        polish(u, xp=leg.xp)
        np.testing.assert_array_equal(leg.to_numpy(u), copy)


def test_the_identity_follows(leg):
    eye = identity_like(leg.randn(2, 3, 3), xp=leg.xp)
    assert leg.matches(eye)
    assert eye.dtype == leg.dtype
    np.testing.assert_array_equal(leg.to_numpy(eye), np.eye(3))
