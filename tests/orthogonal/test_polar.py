"""Polar decomposition: every method on every leg, hard matrices, shapes, faults."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linalgx as lx
from linalgx.orthogonal import _automatic, _gram_route, _qdwh, _shapes, _svd_route
from linalgx.orthogonal._certificate import polished
from linalgx.orthogonal.polar import METHODS

EXACT = ["auto", "svd", "qdwh", "zolo", "newton"]
ALL = sorted(METHODS)
EPS = 2.0**-52


def herm(x):
    return np.swapaxes(x, -1, -2).conj()


def fro(x):
    return np.linalg.norm(x, axis=(-2, -1))


def check(leg, a, u, p, *, side="right", backward=20, orthogonality=5):
    """o ≤ 5 eps; b ≤ 20 eps √max(1, n/256); P = Pᴴ exactly and semidefinite to 10 eps ‖A‖."""
    assert u.shape == a.shape
    for x in (u, p):
        assert leg.matches(x)
        assert x.dtype == a.dtype
    a, u, p = (np.asarray(leg.to_numpy(x)) for x in (a, u, p))
    np.testing.assert_array_equal(p, herm(p))
    wide = np.complex128 if leg.is_complex else np.float64
    a, u, p = a.astype(wide), u.astype(wide), p.astype(wide)
    m, n = a.shape[-2:]
    k = min(m, n)
    g = herm(u) @ u if m >= n else u @ herm(u)
    assert np.all(fro(g - np.eye(k)) <= orthogonality * leg.eps * np.sqrt(k))
    scale = np.maximum(np.max(np.abs(a), axis=(-2, -1), keepdims=True), np.finfo(a.dtype).tiny)
    a, p = a / scale, p / scale
    residual = a - (u @ p if side == "right" else p @ u)
    limit = backward * leg.eps * np.sqrt(max(1, n / 256)) * fro(a)
    assert np.all(fro(residual) <= limit)
    assert np.all(np.linalg.eigvalsh(p)[..., 0] >= -10 * leg.eps * fro(a))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("mode", ["geometric", "one_small", "one_large"])
@pytest.mark.parametrize("cond", [1e2, 1e8, 1e15])
def test_spectra(leg, method, mode, cond):
    a = leg.randsvd(20, 20, cond, mode)
    check(leg, a, *lx.orthogonal.polar(a, method=method))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (12, 4), (5, 4), (4, 12), (4, 5), (7, 1), (1, 7)]
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_shapes(leg, method, shape, side):
    a = leg.randn(*shape)
    u, p = lx.orthogonal.polar(a, method=method, side=side)
    assert p.shape == ((shape[1],) * 2 if side == "right" else (shape[0],) * 2)
    check(leg, a, u, p, side=side)
    alone = lx.orthogonal.polar(a, method=method, side=side, compute_p=False)
    assert alone.p is None
    np.testing.assert_allclose(leg.to_numpy(alone.u), leg.to_numpy(u), atol=50 * leg.eps)


def frank(n):
    i, j = np.indices((n, n))
    return np.where(j >= i - 1, n - np.maximum(i, j), 0).astype(float)


def kahan(n, angle=0.9):
    s, c = np.sin(angle), np.cos(angle)
    return s ** np.arange(n)[:, None] * (np.eye(n) - c * np.triu(np.ones((n, n)), 1))


def half_of_the_triangle(n):
    a = np.triu(np.ones((n, n)))
    a[n // 2 :] = 0
    return a


HARD = {
    "hilbert": lambda n: 1 / (np.add.outer(np.arange(n), np.arange(n)) + 1.0),
    "kahan": kahan,
    "frank": frank,
    "vandermonde": lambda n: np.vander(np.linspace(-1, 1, n)),
    "triangle": half_of_the_triangle,
    "rows graded": lambda n: (
        np.random.default_rng(1).standard_normal((n, n)) * np.geomspace(1, 1e-12, n)[:, None]
    ),
    "columns graded": lambda n: (
        np.random.default_rng(1).standard_normal((n, n)) * np.geomspace(1, 1e-12, n)
    ),
    "half rank": lambda n: (
        np.random.default_rng(2).standard_normal((n, n // 2))
        @ np.random.default_rng(3).standard_normal((n // 2, n))
    ),
    "isometry": lambda n: np.linalg.qr(np.random.default_rng(4).standard_normal((n, n)))[0],
    "indefinite": lambda n: (x := np.random.default_rng(5).standard_normal((n, n))) + x.T,
    "zero rows": lambda n: np.diag(np.r_[np.ones(n - 3), np.zeros(3)]),
    "permutation": lambda n: np.eye(n)[::-1],
}


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("name", sorted(HARD))
def test_hard_matrices(leg, method, name):
    a = leg.asarray(HARD[name](24))
    check(leg, a, *lx.orthogonal.polar(a, method=method), orthogonality=8)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("name", ["hilbert", "kahan", "frank", "vandermonde", "triangle"])
def test_large_hard_matrices(method, name):
    a = HARD[name](200)
    u, p = lx.orthogonal.polar(a, method=method)
    assert fro(u.T @ u - np.eye(200)) <= 5 * EPS * np.sqrt(200)
    assert fro(a - u @ p) <= 20 * EPS * fro(a)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("cond", [1e2, 1e4, 1e8, 1e15])
@pytest.mark.parametrize("shape", [(160, 160), (170, 150)])
def test_default_is_accurate_for_large_orders(dtype, cond, shape):
    """Through the bidiagonal route, or the Gram route without kernels; the bar of the benchmark."""
    a = lx.gallery.randsvd(*shape, cond=cond, rng=3, dtype=getattr(np, dtype))
    unit, n = np.finfo(dtype).eps, shape[1]
    u, p = lx.orthogonal.polar(a)
    alone = lx.orthogonal.polar(a, compute_p=False).u
    for x in (u, alone):
        assert fro(herm(x) @ x - np.eye(n)) <= 5 * unit * np.sqrt(n)
    assert fro(a - u @ p) <= 10 * unit * fro(a)
    assert fro(herm(alone) @ a - herm(a) @ alone) <= 30 * unit * fro(a)


def test_gram_route_is_taken_and_gives_up_as_intended():
    """No refusal for easy matrices, no wasted eigendecomposition for hopeless ones."""
    xp = lx.backend.namespace_of(np.zeros(1))
    easy, tail, singular = (
        lx.gallery.randsvd(128, cond=cond, mode=mode, rng=0)
        for cond, mode in ((1e4, "geometric"), (1e15, "one_small"), (1e15, "clustered"))
    )
    for a in (easy, tail):
        u, good = polished(_gram_route.gram_route(a, xp=xp), xp=xp)
        assert good
        assert fro(u.T @ a - a.T @ u) <= 20 * EPS * fro(a)
    assert _gram_route.gram_route(singular, xp=xp) is None
    assert _gram_route._many_small(singular, 1e-4, xp=xp)


@pytest.mark.parametrize("method", ALL)
def test_batch_equals_loop(leg, method):
    a = leg.randn(2, 3, 6, 6)
    u, p = lx.orthogonal.polar(a, method=method)
    check(leg, a, u, p)
    for i in np.ndindex(2, 3):
        one_u, one_p = lx.orthogonal.polar(a[(*i, ...)], method=method)
        np.testing.assert_allclose(
            leg.to_numpy(u[(*i, ...)]), leg.to_numpy(one_u), atol=1e3 * leg.eps
        )
        np.testing.assert_allclose(
            leg.to_numpy(p[(*i, ...)]), leg.to_numpy(one_p), atol=1e3 * leg.eps
        )


@pytest.mark.parametrize("method", ALL)
def test_mixed_batch(leg, method):
    """Zero, singular and regular matrices side by side, tall and square."""
    for shape in ((5, 5), (9, 5)):
        host = np.random.default_rng(0).standard_normal((4, *shape))
        host[1] = 0
        host[2, :, 2] = host[2, :, 3]
        a = leg.asarray(host)
        u, p = lx.orthogonal.polar(a, method=method)
        check(leg, a, u, p)
        np.testing.assert_array_equal(leg.to_numpy(u[1, ...]), np.eye(*shape))
        assert not np.any(leg.to_numpy(p[1, ...]))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("shape", [(0, 4, 4), (0, 0), (0, 3), (3, 0), (2, 0, 3)])
def test_empty(leg, method, shape):
    a = leg.asarray(np.zeros(shape))
    u, p = lx.orthogonal.polar(a, method=method)
    assert u.shape == shape
    assert p.shape == (*shape[:-2], shape[-1], shape[-1])
    assert not np.any(leg.to_numpy(p))


@pytest.mark.parametrize("method", ALL)
def test_scale_does_not_matter(leg, method):
    a = leg.randn(8, 8)
    exponent = 900 if leg.eps < 1e-10 else 100
    u, p = lx.orthogonal.polar(a, method=method)
    for e in (exponent, -exponent):
        scaled_u, scaled_p = lx.orthogonal.polar(a * 2.0**e, method=method)
        np.testing.assert_array_equal(leg.to_numpy(scaled_u), leg.to_numpy(u))
        np.testing.assert_array_equal(leg.to_numpy(scaled_p), leg.to_numpy(p) * 2.0**e)


@pytest.mark.parametrize("method", ALL)
def test_turning_the_input_turns_the_factor(leg, method):
    a = leg.randsvd(10, 10, 30.0)
    q, z = leg.asarray(leg.isometry(10, 10, 1)), leg.asarray(leg.isometry(10, 10, 2))
    u = lx.orthogonal.polar(a, method=method, compute_p=False).u
    turned = lx.orthogonal.polar(q @ a @ z, method=method, compute_p=False).u
    np.testing.assert_allclose(leg.to_numpy(turned), leg.to_numpy(q @ u @ z), atol=1e3 * leg.eps)


def test_a_single_tiny_entry():
    tiny = np.finfo(np.float64).tiny
    u, p = lx.orthogonal.polar([[tiny]])
    assert u[0, 0] == 1.0
    assert p[0, 0] == tiny


@given(
    m=st.integers(1, 9),
    n=st.integers(1, 9),
    rank=st.integers(0, 9),
    logcond=st.floats(0, 16),
    exponent=st.integers(-900, 900),
    seed=st.integers(0, 99),
    method=st.sampled_from(ALL),
    side=st.sampled_from(["right", "left"]),
)
def test_any_rank_condition_and_scale(m, n, rank, logcond, exponent, seed, method, side):
    rng = np.random.default_rng(seed)
    rank = min(m, n, rank)
    left, right = (np.linalg.qr(rng.standard_normal((k, k)))[0][:, :rank] for k in (m, n))
    a = (left * np.geomspace(1, 10.0**-logcond, max(rank, 1))[:rank]) @ right.T
    u, p = lx.orthogonal.polar(a * 2.0**exponent, method=method, side=side)
    p = p * 2.0**-exponent
    g = u.T @ u if m >= n else u @ u.T
    assert fro(g - np.eye(min(m, n))) <= 5 * EPS * np.sqrt(min(m, n))
    assert fro(a - (u @ p if side == "right" else p @ u)) <= 20 * EPS * fro(a)


MOST = {"qdwh": 6, "newton": 9, "zolo": 2}


@pytest.mark.parametrize("method", sorted(MOST))
@pytest.mark.parametrize("cond", [1e2, 1e8, 1e13])
def test_published_numbers_of_iterations(method, cond):
    a = lx.gallery.randsvd(40, cond=cond, rng=0)
    states = []
    lx.orthogonal.polar(a, method=method, callback=states.append)
    assert [state.k for state in states] == list(range(len(states)))
    assert len(states) - 1 <= MOST[method]
    assert states[-1].residual < 1e-6


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("shape", [(6, 6), (3, 6, 6), (9, 4), (4, 9)])
def test_callback(leg, method, shape):
    a = leg.randn(*shape)
    states = []
    u, _ = lx.orthogonal.polar(a, method=method, callback=states.append)
    k = min(shape[-2:])
    assert states[0].k == 0
    assert all(state.x.shape[-1] == k for state in states)
    assert all(state.x.shape[:-2] == shape[:-2] for state in states)
    assert isinstance(states[-1].residual, float)
    assert states[-1].residual <= max(states[0].residual, 5 * leg.eps)
    np.testing.assert_allclose(
        leg.to_numpy(u),
        leg.to_numpy(lx.orthogonal.polar(a, method=method).u),
        atol=100 * leg.eps,
    )


@pytest.mark.parametrize("method", ALL)
def test_stopping_early_still_gives_the_polar_factor(leg, method):
    a = leg.randsvd(12, 12, 1e3)

    def stop(state):
        raise StopIteration

    check(leg, a, *lx.orthogonal.polar(a, method=method, callback=stop))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("error", [KeyError, lx.LinAlgError, np.linalg.LinAlgError])
@pytest.mark.parametrize("shape", [(3, 3), (4, 3, 3), (9, 3), (150, 150)])
@pytest.mark.parametrize("last", [0, 1])
def test_other_exceptions_pass_through(method, error, shape, last):
    """Also those by which a method says that a factorization failed."""

    def fail(state):
        if state.k == last:
            raise error("mine")

    a = np.random.default_rng(0).standard_normal(shape)
    with pytest.raises(error, match="mine"):
        lx.orthogonal.polar(a, method=method, callback=fail)


@pytest.mark.parametrize(
    ("method", "cond"), [("qdwh", 1e5), ("newton", 1e5), ("polar_express", 1e5), ("zolo", 1e14)]
)
def test_iteration_limit_warns_once_and_repairs(leg, method, cond):
    a = leg.randsvd(12, 12, cond)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        u, p = lx.orthogonal.polar(a, method=method, maxiter=1)
    assert [w.category for w in caught] == [lx.ConvergenceWarning]
    assert caught[0].filename == __file__
    assert "maxiter=1" in str(caught[0].message)
    check(leg, a, u, p)
    tall = leg.randsvd(30, 6, cond)
    with pytest.warns(lx.ConvergenceWarning) as record:
        check(leg, tall, *lx.orthogonal.polar(tall, method=method, maxiter=1))
    assert len(record) == 1


def test_wrong_arguments():
    a = np.eye(3)
    with pytest.raises(ValueError, match="method must be one of 'auto', 'svd', 'qdwh', 'zolo'"):
        lx.orthogonal.polar(a, method="magic")
    with pytest.raises(ValueError, match="side must be one of 'right', 'left'"):
        lx.orthogonal.polar(a, side="up")
    with pytest.raises(ValueError, match="maxiter must be at least 1, got 0"):
        lx.orthogonal.polar(a, maxiter=0)
    with pytest.raises(TypeError, match="maxiter must be an integer"):
        lx.orthogonal.polar(a, maxiter=2.5)
    with pytest.raises(ValueError, match="finite"):
        lx.orthogonal.polar([[np.nan, 1.0]])


def test_nan_without_check_is_an_error_and_not_a_result():
    a = np.full((4, 4), np.nan)
    with np.errstate(all="ignore"):
        for method in ALL:
            with pytest.raises(lx.LinAlgError):
                lx.orthogonal.polar(a, method=method, check_finite=False)


def failing(*args, **kwargs):
    raise lx.LinAlgError("broken on purpose")


@pytest.mark.parametrize(
    ("method", "module", "name"),
    [
        ("qdwh", "_qdwh", "cholesky"),
        ("qdwh", "_qdwh", "qr"),
        ("zolo", "_zolo", "cholesky"),
        ("newton", "_newton", "inv"),
        ("auto", "_gram_route", "eigh"),
    ],
)
def test_a_failing_factorization_is_repaired_by_the_svd(monkeypatch, method, module, name):
    a = lx.gallery.randsvd(150, cond=1e4, rng=0)
    monkeypatch.setattr(f"linalgx.orthogonal.{module}.{name}", failing)
    monkeypatch.setattr(_automatic, "within_reach", lambda *, xp: False)  # no bidiagonal route
    u, p = lx.orthogonal.polar(a, method=method)
    assert fro(u.T @ u - np.eye(150)) <= 5 * EPS * np.sqrt(150)
    assert fro(a - u @ p) <= 20 * EPS * fro(a)


def test_a_failing_svd_is_reported(monkeypatch):
    monkeypatch.setattr(_svd_route, "svd", failing)
    with pytest.raises(lx.LinAlgError, match="on purpose"):
        lx.orthogonal.polar(np.eye(3), method="svd")


def test_a_wrong_iterate_is_caught(monkeypatch):
    """An isometry that is not the polar factor: only the symmetry of UᴴA shows it."""
    wrong = np.linalg.qr(np.random.default_rng(8).standard_normal((20, 20)))[0]
    monkeypatch.setattr(_qdwh, "_step", lambda x, a, b, c, *, xp: wrong.copy())
    a = lx.gallery.randsvd(20, cond=10.0, rng=0)
    u, p = lx.orthogonal.polar(a, method="qdwh")
    assert fro(a - u @ p) <= 20 * EPS * fro(a)
    u = lx.orthogonal.polar(a, method="qdwh", compute_p=False).u
    assert fro(u.T @ a - a.T @ u) <= 40 * EPS * fro(a)


def test_only_failing_slices_are_computed_again(monkeypatch):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((5, 6, 6))
    a[3, :, 0] = a[3, :, 1]
    seen = []
    route = _shapes.svd_route

    def counting(x, **kwargs):
        seen.append(x.shape)
        return route(x, **kwargs)

    monkeypatch.setattr(_shapes, "svd_route", counting)
    u, p = lx.orthogonal.polar(a, method="newton")
    assert seen == [(6, 6)]
    assert np.all(fro(a - u @ p) <= 20 * EPS * fro(a))


@pytest.mark.parametrize("n", [3, 4, 5, 8, 20, 50, 100])
@pytest.mark.parametrize("digits", [8, 16])
@pytest.mark.parametrize("shape", ["batch", "single", "tall"])
def test_backward_error_where_the_svd_drops_small_rotations(n, digits, shape):
    """Random spectra: LAPACK's SVD leaves up to 35 eps in one matrix of a hundred."""
    rng = np.random.default_rng(n + digits)
    count = {"batch": 2000, "single": 300, "tall": 100}[shape] // n + 1
    m = 3 * n if shape == "tall" else n
    q = np.linalg.qr(rng.standard_normal((count, m, n)))[0]
    z = np.linalg.qr(rng.standard_normal((count, n, n)))[0]
    a = (q * 10.0 ** rng.uniform(-digits, 0, (count, 1, n))) @ z
    for side in ("right", "left") if m == n else ("right",):
        for x in (a,) if shape == "batch" else a:
            u, p = lx.orthogonal.polar(x, method="svd", side=side)
            assert np.all(fro(herm(u) @ u - np.eye(n)) <= 5 * EPS * np.sqrt(n))
            assert np.all(fro(x - (u @ p if side == "right" else p @ u)) <= 10 * EPS * fro(x))
