"""Ratios are small for right results, large for wrong ones, and never good for NaN."""

from math import inf, isnan

import numpy as np
import pytest

import linalgx as lx
from linalgx.testing import (
    check_adjoint,
    eigh_ratios,
    polar_errors,
    polar_ratios,
    qr_ratios,
    root_ratios,
    svd_ratios,
)

SHAPES = [(0, 0), (1, 1), (5, 5), (7, 3), (3, 7), (4, 0), (0, 4), (2, 3, 6, 4), (0, 3, 3)]


def factors(leg, shape, seed=0):
    """Random matrix and its singular value decomposition, by NumPy in double precision."""
    a = leg.to_numpy(leg.randn(*shape, seed=seed)).astype(
        np.complex128 if leg.is_complex else np.float64
    )
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return a, u, s, vh


def herm(x):
    return np.conj(np.swapaxes(x, -1, -2))


def polar_of(leg, shape, side="right"):
    a, u, s, vh = factors(leg, shape)
    p = (herm(vh) * s[..., None, :]) @ vh if side == "right" else (u * s[..., None, :]) @ herm(u)
    return [leg.asarray(x) for x in (a, u @ vh, (p + herm(p)) / 2)]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_polar(leg, shape, side):
    a, u, p = polar_of(leg, shape, side)
    assert max(polar_ratios(a, u, p, side=side)) < 30
    error = polar_errors(a, u, p, side=side)
    assert error.orthogonality < 20
    assert error.backward < 20
    assert error.symmetry == 0
    assert error.min_eig > -20


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_svd(leg, shape):
    a, u, s, vh = (leg.asarray(x) for x in factors(leg, shape))
    ratios = svd_ratios(a, u, leg.asarray(leg.to_numpy(s).real), vh)
    assert max(ratios) < 30
    assert all(type(r) is float for r in ratios)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s[-1] == s[-2]], ids=str)
def test_eigh(leg, shape):
    a = factors(leg, shape)[0]
    a = a + herm(a)
    w, v = np.linalg.eigh(a)
    assert max(eigh_ratios(*(leg.asarray(x) for x in (a, w, v)))) < 30


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qr(leg, shape):
    a = factors(leg, shape)[0]
    q, r = np.linalg.qr(a)
    assert max(qr_ratios(*(leg.asarray(x) for x in (a, q, r)))) < 30


@pytest.mark.parametrize("p", [1, 2, 4, -1, -2, -3])
def test_root(leg, p):
    q = leg.isometry(6, 6)
    w = np.geomspace(1, 1e3, 6)
    a, x = ((q * f) @ herm(q) for f in (w, w ** (-1.0 / p)))
    assert root_ratios(leg.asarray(a), leg.asarray(x), p).residual < 30


@pytest.mark.parametrize("exponent", [-900, 900])
def test_scale_does_not_matter(exponent):
    factor = 2.0**exponent
    a = np.random.default_rng(0).standard_normal((6, 4))
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    assert svd_ratios(a * factor, u, s * factor, vh) == svd_ratios(a, u, s, vh)
    p = (vh.T * s) @ vh
    p = (p + p.T) / 2
    assert polar_ratios(a * factor, u @ vh, p * factor) == polar_ratios(a, u @ vh, p)
    assert polar_errors(a * factor, u @ vh, p * factor) == polar_errors(a, u @ vh, p)


def test_wrong_factors_are_noticed(leg):
    a, u, p = polar_of(leg, (5, 5))
    assert polar_ratios(a, u, 1.01 * p).residual > 30
    assert polar_ratios(a, 1.01 * u, p).orthogonality > 30
    flipped = polar_ratios(a, -u, -p)
    assert flipped.residual < 30
    assert flipped.definite > 30
    lower = leg.asarray(np.tril(np.ones((5, 5))))
    assert polar_ratios(a, u, p @ lower).hermitian > 30
    x, y, s, z = (leg.asarray(f) for f in factors(leg, (5, 5)))
    assert svd_ratios(x, y, leg.asarray(leg.to_numpy(s)[::-1].real), z).order > 30
    assert svd_ratios(x, y, -s, z).order > 30
    q = leg.asarray(leg.isometry(5, 5))
    assert qr_ratios(q, leg.asarray(np.eye(5)), q).triangular > 30
    w = leg.asarray(np.asarray([2.0, 1.0]))
    assert eigh_ratios(leg.asarray(np.diag([2.0, 1.0])), w, leg.asarray(np.eye(2))).order > 30


def test_polar_errors_measure_in_units_of_eps(leg):
    one = leg.asarray(np.eye(4))
    off = leg.asarray(np.eye(4) * (1 + 8 * leg.eps))
    error = polar_errors(one, one, off)
    assert error.backward == pytest.approx(8)
    assert polar_errors(one, off, one).orthogonality == pytest.approx(16, rel=0.1)
    assert polar_errors(one, one, one).min_eig == pytest.approx(1 / leg.eps)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_inf_never_look_good(leg, bad):
    eye = leg.asarray(np.eye(3))
    broken = np.eye(3)
    broken[1, 1] = bad
    broken = leg.asarray(broken)
    ones, hole = leg.asarray(np.ones(3)), leg.asarray(np.asarray([1.0, bad, 1.0]))
    results = [
        f(*(broken if i == k else eye for i in range(3)))
        for f in (polar_ratios, polar_errors, qr_ratios)
        for k in range(3)
    ]
    results += [svd_ratios(broken, eye, ones, eye), svd_ratios(eye, eye, hole, eye)]
    results += [eigh_ratios(eye, hole, eye), eigh_ratios(eye, ones, broken)]
    results += [root_ratios(broken, eye, 2), root_ratios(eye, broken, -2)]
    assert all(isnan(value) for result in results for value in result)


def test_zero_matrices(leg):
    zero, eye = leg.asarray(np.zeros((3, 3))), leg.asarray(np.eye(3))
    assert polar_ratios(zero, eye, zero) == (0.0, 0.0, 0.0, 0.0)
    assert polar_ratios(zero, eye, eye).residual == inf


def test_worst_of_a_batch(leg):
    eye = np.stack([np.eye(3)] * 4)
    wrong = eye.copy()
    wrong[2] *= 1.5
    ratios = qr_ratios(leg.asarray(eye), leg.asarray(eye), leg.asarray(wrong))
    assert ratios == qr_ratios(leg.asarray(eye[2]), leg.asarray(eye[2]), leg.asarray(wrong[2]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: polar_ratios(e, e[:2], e), r"u must have shape \(3, 3\), got \(2, 3\)"),
        (lambda e: polar_ratios(e, e, e, side="top"), "side must be one of 'right', 'left'"),
        (lambda e: svd_ratios(e, e, e, e), r"s must have shape"),
        (lambda e: eigh_ratios(e[:2], e[0], e), r"a must have shape \(..., n, n\)"),
        (lambda e: root_ratios(e, e, 0), "p must be a nonzero integer, got 0"),
    ],
)
def test_shapes_are_checked(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.eye(3))


def test_adjoint_of_arrays_and_functions(leg):
    assert check_adjoint(leg.randn(7, 4), rng=0, device=leg.device) < 30
    if leg.device_name in (None, "CPU_DEVICE"):
        a = leg.randn(5, 5)
        wrong = lx.LinearMap.from_callables(
            (5, 5), lambda x: a @ x, lambda y: a @ y, xp=leg.xp, dtype=leg.dtype
        )
        assert check_adjoint(wrong, rng=0) > 1e3


def test_adjoint_faults():
    def nan(x):
        return x * float("nan")

    broken = lx.LinearMap.from_callables((3, 3), lambda x: x, nan)
    assert isnan(check_adjoint(broken, rng=0))
    with pytest.raises(TypeError, match="no adjoint"):
        check_adjoint(lx.LinearMap.from_callables((3, 3), lambda x: x), rng=0)
    misfit = lx.LinearMap.from_callables((3, 4), lambda x: x, lambda y: y)
    with pytest.raises(ValueError, match="shape"):
        check_adjoint(misfit, rng=0)
    with pytest.raises(ValueError, match="trials"):
        check_adjoint(np.eye(3), trials=0)


@pytest.mark.parametrize("scale", [2e200, 1e-310])
def test_check_adjoint_sees_large_and_tiny_operators(scale):
    def operator(factor):
        return lx.LinearMap.from_callables(
            (3, 3), lambda x: scale * x, lambda x: factor * (scale * x)
        )

    assert lx.testing.check_adjoint(operator(1.0), rng=0) < 30
    assert lx.testing.check_adjoint(operator(1.5), rng=0) > 1e10


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_factor_beyond_all_measure_is_not_good():
    a = np.diag([1e-300, 2e-300])
    assert np.isnan(lx.testing.polar_ratios(a, np.eye(2), 1e300 * np.eye(2)).residual)
    assert np.isnan(lx.testing.polar_errors(a, np.eye(2), 1e300 * np.eye(2)).backward)
