"""Sketches of matrices that arrive as sums."""

import numpy as np
import pytest
import scipy.sparse as sparse

import linalgx as lx

Sketch = lx.randomized.StreamingSketch


def fro(x):
    return float(np.linalg.norm(x))


def made(leg, shape, rank, **options):
    return Sketch(shape, rank, rng=0, xp=leg.xp, device=leg.device, dtype=leg.dtype, **options)


def product(leg, result):
    u, s, vh = map(leg.to_numpy, result[:3])
    return (u * s) @ vh


@pytest.mark.parametrize("method", ["three_sketch", "two_sketch"])
def test_a_sum_of_updates_is_found(leg, method):
    """θ and η enter linearly, and a matrix of the rank asked for is recovered."""
    left, right = leg.isometry(24, 3), leg.isometry(17, 3, 1)
    parts = [3.0 ** (1 - j) * np.outer(left[:, j], right[:, j].conj()) for j in range(3)]
    sketch = made(leg, (24, 17), 3, method=method)
    sketch.update(leg.asarray(parts[0]))
    sketch.update((leg.asarray(left[:, 1:2]), leg.asarray(right[:, 1:2])), theta=0.5, eta=-2.0)
    sketch.update(lx.LinearMap(leg.asarray(parts[2])), theta=2.0)
    whole = parts[0] - 4.0 * parts[1] + parts[2]
    result = sketch.svd()
    assert all(leg.matches(x) for x in result[:3]) and type(result.error) is float
    assert fro(product(leg, result) - whole) <= 1e3 * leg.eps * fro(whole)
    assert result.error <= 1e3 * leg.eps * fro(whole)
    u, s, vh = map(leg.to_numpy, result[:3])
    assert np.max(np.abs(u.conj().T @ u - np.eye(3))) <= 300 * leg.eps
    assert np.max(np.abs(vh @ vh.conj().T - np.eye(3))) <= 300 * leg.eps
    assert s[0] >= s[1] >= s[2] > 0


def test_complex_factors():
    a = np.outer(np.arange(1.0, 9.0), [1.0, 2.0j, 3.0])
    sketch = Sketch((8, 3), 1, rng=0, dtype="complex128")
    sketch.update(a, eta=1j)
    sketch.update(np.zeros_like(a), theta=2.0 - 1j)
    u, s, vh, _ = sketch.svd()
    assert fro((u * s) @ vh - (1 + 2j) * a) <= 1e-12 * fro(a)


def test_all_kinds_of_updates_agree():
    u, v = np.random.default_rng(0).standard_normal((2, 30, 3))
    h = u @ v.T
    kinds = (h, (u, v), sparse.csr_array(h), lx.LinearMap(h), h.tolist())
    answers = []
    for kind in kinds:
        sketch = Sketch((30, 30), 3, rng=5)
        sketch.update(kind)
        answers.append(sketch.svd())
    for other in answers[1:]:
        np.testing.assert_allclose(other.s, answers[0].s, rtol=1e-12)
        np.testing.assert_allclose(other.u, answers[0].u, atol=1e-11)


def nan_product(x):
    return np.full((6, x.shape[1]), np.nan)


FAILURES = {
    "shape": (np.eye(5), {}, ValueError, r"h must have shape \(6, 5\), got \(5, 5\)"),
    "batch": (np.ones((2, 6, 5)), {}, ValueError, "h must be one matrix"),
    "nan": (np.full((6, 5), np.nan), {}, ValueError, "h must hold finite numbers"),
    "unchecked": (np.full((6, 5), np.nan), {"check_finite": False}, lx.LinAlgError, "NaN"),
    "single": (np.ones((6, 5), dtype="float32"), {}, TypeError, "h must be of numpy and float64"),
    "complex": (np.ones((6, 5)) * 1j, {}, TypeError, "h must be of numpy and float64"),
    "theta": (np.ones((6, 5)), {"theta": np.inf}, ValueError, "theta must be finite"),
    "eta": (np.ones((6, 5)), {"eta": 1j}, TypeError, "eta must be real"),
    "text": (np.ones((6, 5)), {"eta": "x"}, TypeError, "eta must be a number"),
    "widths": ((np.ones((6, 2)), np.ones((5, 3))), {}, ValueError, "equal widths"),
    "overflow": (np.ones((6, 5)), {"theta": 1e308, "eta": 1e308}, lx.LinAlgError, "infinite"),
    "product": (
        lx.LinearMap.from_callables((6, 5), nan_product, lambda y: y[:5], xp="numpy"),
        *({}, lx.LinAlgError, "NaN"),
    ),
    "no adjoint": (
        lx.LinearMap.from_callables((6, 5), lambda x: np.ones((6, x.shape[1])), xp="numpy"),
        *({}, TypeError, "adjoint"),
    ),
}


@pytest.mark.parametrize("label", FAILURES)
def test_a_failed_update_changes_nothing(label):
    h, options, error, words = FAILURES[label]
    sketch = Sketch((6, 5), 2, rng=0)
    sketch.update(1e3 * np.arange(30.0).reshape(6, 5))
    before, shown = sketch.svd(), repr(sketch)
    with pytest.raises(error, match=words), np.errstate(all="ignore"):
        sketch.update(h, **options)
    after = sketch.svd()
    for x, y in zip(before, after, strict=True):
        np.testing.assert_array_equal(x, y)
    assert repr(sketch) == shown


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"rank must lie in \[1, 5\]"):
        Sketch((6, 5), 6)
    with pytest.raises(TypeError, match="shape must hold two integers"):
        Sketch(6, 1)
    with pytest.raises(ValueError, match="two positive integers"):
        Sketch((6, 0), 1)
    with pytest.raises(ValueError, match="range_size must be at least 2"):
        Sketch((6, 5), 2, range_size=1)
    with pytest.raises(ValueError, match="core_size must be at least 3"):
        Sketch((6, 5), 2, range_size=3, core_size=2)
    with pytest.raises(ValueError, match="method must be one of 'three_sketch', 'two_sketch'"):
        Sketch((6, 5), 2, method="four")


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (4, 3), (9, 9)])
@pytest.mark.parametrize("method", ["three_sketch", "two_sketch"])
def test_sketches_as_large_as_the_matrix_are_exact(shape, method):
    a = np.random.default_rng(1).standard_normal(shape)
    rank = min(shape)
    sketch = Sketch(shape, rank, method=method, rng=0)
    assert sketch.svd().error == 0.0
    sketch.update(a)
    u, s, vh, error = sketch.svd()
    assert fro((u * s) @ vh - a) <= 1e-13 * fro(a)
    assert error <= 1e-13 * fro(a)


def test_the_ends_of_the_range():
    a = np.diag(0.5 ** np.arange(12.0))
    for exponent in (-900, 900):
        sketch, plain = Sketch((12, 12), 3, rng=0), Sketch((12, 12), 3, rng=0)
        sketch.update(a * 2.0**exponent)
        plain.update(a)
        np.testing.assert_allclose(sketch.svd().s * 2.0**-exponent, plain.svd().s, rtol=1e-13)
        assert abs(sketch.svd().error * 2.0**-exponent / plain.svd().error - 1) < 1e-12


def excess(spectrum, seeds, **options):
    """Median excess of the Frobenius error over the best of rank 10, n = 1000."""
    a, rank = sparse.dia_array((spectrum[None, :], [0]), shape=(1000, 1000)), 10
    best, found = fro(spectrum[rank:]), []
    for seed in seeds:
        sketch = Sketch((1000, 1000), rank, rng=seed, **options)
        sketch.update(a)
        u, s, vh, error = sketch.svd()
        # ‖A − UsVᴴ‖² without a large matrix
        cross = np.sum((spectrum[:, None] * u) * (s * vh.T))
        truth = np.sqrt(np.sum(spectrum**2) - 2 * cross + np.sum(s**2))
        found.append(truth / best - 1)
        assert 0.7 <= error / truth <= 1.4
    return float(np.median(found))


SLOW = np.r_[np.ones(10), 1.0 / np.arange(2, 992)]
FAST = np.r_[np.ones(10), np.arange(2.0, 992.0) ** -2]
TWO, THREE = {"method": "two_sketch", "range_size": 21}, {"range_size": 21}


def test_published_comparison_of_two_and_three_sketches():
    """n = 1000, rank 10: with k = 21 each, and the core that the third sketch should have."""
    seeds = range(20)
    slow = [excess(SLOW, seeds, **options) for options in (TWO, THREE, {})]
    fast = [excess(FAST, seeds, **options) for options in (TWO, THREE, {})]
    assert slow == pytest.approx([0.34, 0.58, 0.09], rel=0.25)
    assert fast == pytest.approx([1.6e-2, 3.0e-2, 4e-4], rel=0.35)
