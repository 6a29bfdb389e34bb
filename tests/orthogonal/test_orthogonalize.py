"""Approximate orthogonalization: the composed scalar map, published errors, invariances."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from linalgx.orthogonal import _odd_steps as steps_of
from linalgx.orthogonal import coefficients as tables
from linalgx.orthogonal.coefficients import polar_express_coefficients
from linalgx.orthogonal.orthogonalize import orthogonalize

NAMES = list(tables.SCHEDULES)


def scalar_map(rows, x):
    for row in rows:
        x = sum(c * x ** (2 * i + 1) for i, c in enumerate(row))
    return x


def expected(host, rows, norm=np.linalg.norm):
    """W p(Σ/ν) Vᴴ in double precision."""
    host = np.asarray(host, dtype=complex if np.iscomplexobj(host) else float)
    w, s, vh = np.linalg.svd(host, full_matrices=False)
    return (w * scalar_map(rows, s / norm(host))) @ vh


def schatten4(host):
    return np.sum(np.linalg.svd(host, compute_uv=False) ** 4) ** 0.25


def orth_error(u):
    """‖U Uᵀ − I‖_F/√m."""
    u = np.asarray(u, dtype=float)
    return np.linalg.norm(u @ u.T - np.eye(len(u))) / np.sqrt(len(u))


# --- the result is the composed scalar map --------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name in NAMES for shape in ((24, 24), (40, 16))]
    + [("polar_express", shape) for shape in ((17, 30), (8, 60), (60, 8))],
    ids=str,
)
def test_singular_values_follow_the_scalar_map(leg, name, shape):
    a = leg.randsvd(*shape, 1e2)
    u = orthogonalize(a, coefficients=name)
    assert leg.matches(u)
    assert u.dtype == leg.dtype
    want = expected(leg.to_numpy(a), tables.schedule(name, None, shape))
    got = leg.to_numpy(u)
    # ‖error‖₂; rounding of size eps passes through slopes whose product is about 1e3.
    assert np.linalg.norm(got - want, 2) <= 2e3 * leg.eps
    values = np.linalg.svd(got, compute_uv=False), np.linalg.svd(want, compute_uv=False)
    np.testing.assert_allclose(*values, rtol=0, atol=300 * leg.eps)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_arrays_of_rows_of_each_degree(leg, columns):
    rows = np.random.default_rng(1).uniform(0.2, 1.0, (3, columns))
    a = leg.randn(12, 20)
    table = leg.asarray(rows) if not leg.is_complex else rows
    want = expected(leg.to_numpy(a), rows)
    got = leg.to_numpy(orthogonalize(a, coefficients=table))
    assert np.linalg.norm(got - want, 2) <= 100 * leg.eps
    first = leg.to_numpy(orthogonalize(a, coefficients=rows.tolist(), steps=2))
    assert np.linalg.norm(first - expected(leg.to_numpy(a), rows[:2]), 2) <= 100 * leg.eps


@pytest.mark.parametrize("shape", [(20, 20), (10, 50), (50, 10)], ids=str)
def test_schatten_norm(leg, shape):
    a = leg.randn(*shape)
    rows = polar_express_coefficients(4, lower=1e-2, cushion=0.1)
    got = leg.to_numpy(orthogonalize(a, coefficients=rows, normalize="schatten4"))
    want = expected(leg.to_numpy(a), rows, norm=schatten4)
    assert np.linalg.norm(got - want, 2) <= 1e3 * leg.eps


@pytest.mark.parametrize("shape", [(20, 20), (10, 50), (50, 10)], ids=str)
def test_turbo_scales_the_shorter_side(leg, shape):
    a = leg.randn(*shape)
    got = leg.to_numpy(orthogonalize(a, coefficients="turbo", precondition="turbo"))
    host = leg.to_numpy(a)
    side = host if shape[0] <= shape[1] else host.conj().T
    side = side.astype(complex if leg.is_complex else float)
    x = side / np.sqrt(np.sum(abs(side @ side.conj().T), axis=1, keepdims=True))
    assert np.linalg.norm(x, 2) <= 1.0
    rows = tables.schedule("turbo", None, shape)
    want = expected(x, rows, norm=lambda _: 1.0)
    want = want if shape[0] <= shape[1] else want.conj().T
    assert np.linalg.norm(got - want, 2) <= 1e3 * leg.eps


@pytest.mark.parametrize("options", [{}, {"normalize": "schatten4"}, {"precondition": "turbo"}])
@pytest.mark.parametrize("shape", [(6, 6), (4, 15), (15, 4)], ids=str)
def test_batches_equal_their_matrices(leg, shape, options):
    scales = 10.0 ** np.linspace(-6, 6, 6).reshape(2, 3, 1, 1)
    a = leg.asarray(leg._randn(2, 3, *shape) * scales)
    whole = leg.to_numpy(orthogonalize(a, **options))
    assert whole.shape == (2, 3, *shape)
    for i in range(2):
        for j in range(3):
            one = leg.to_numpy(orthogonalize(a[i, j, ...], **options))
            np.testing.assert_allclose(whole[i, j], one, rtol=0, atol=300 * leg.eps)


def test_polar_express_starts_from_a_slightly_larger_norm(leg):
    a = leg.randn(12, 20)
    rows = polar_express_coefficients(5, lower=1e-3)
    want = expected(leg.to_numpy(a), rows, norm=lambda x: 1.01 * np.linalg.norm(x))
    assert np.linalg.norm(leg.to_numpy(orthogonalize(a)) - want, 2) <= 2e3 * leg.eps


# --- published errors ------------------------------------------------------------------------

TURBO = np.array(tables.schedule("turbo", None, (1, 1)))
TURBO_FIRST = np.array(
    [
        (4.0098, -7.0585, 2.4635),
        (3.4585, -5.5479, 2.5959),
        (2.7573, -3.2939, 1.4254),
        (2.7215, -3.0494, 1.3169),
    ]
)
YOU4 = np.array(tables.schedule("you", None, (1, 1)))[1:]
SCHATTEN4 = polar_express_coefficients(4, lower=1e-2, cushion=0.1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"coefficients": "muon"}, 0.320),
        ({"coefficients": "you"}, 0.143),
        ({"coefficients": "polar_express"}, 0.210),
        ({"coefficients": YOU4}, 0.285),
        ({"coefficients": TURBO, "precondition": "turbo"}, 0.125),
        ({"coefficients": TURBO_FIRST, "precondition": "turbo"}, 0.128),
        ({"coefficients": YOU4, "precondition": "turbo"}, 0.127),
        ({"coefficients": SCHATTEN4, "normalize": "schatten4"}, 0.127),
    ],
)
def test_orthogonality_error_of_a_gaussian_matrix(options, error):
    a = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    assert orth_error(orthogonalize(a, **options)) == pytest.approx(error, rel=0.05)


def heavy_tailed(n, seed=0):
    """Symmetric stable entries of index 1.5, by the formula of Chambers, Mallows and Stuck."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi / 2, np.pi / 2, (n, n))
    wait = rng.exponential(size=(n, n))
    return (
        np.sin(1.5 * angle)
        / np.cos(angle) ** (1 / 1.5)
        * (np.cos(0.5 * angle) / wait) ** (-0.5 / 1.5)
    )


def test_heavy_tails_need_the_turbo_scaling():
    """A few large entries make the Frobenius norm a poor bound; four turbo steps do better."""
    a = heavy_tailed(512).astype(np.float32)
    turbo = orth_error(orthogonalize(a, coefficients="turbo", precondition="turbo"))
    assert turbo == pytest.approx(0.134, rel=0.1)
    for name in ("muon", "you", "polar_express"):
        assert orth_error(orthogonalize(a, coefficients=name)) > 1.4 * turbo


def test_four_turbo_steps_match_five_plain_ones():
    a = np.random.default_rng(1).standard_normal((256, 256))
    four = orth_error(orthogonalize(a, coefficients="turbo", precondition="turbo"))
    for name in ("muon", "you", "polar_express"):
        assert four < orth_error(orthogonalize(a, coefficients=name))


def test_geometric_spectrum_as_in_the_polar_express_paper():
    """κ = 1e6: Newton-Schulz stalls 17 steps, Muon stops near 0.3, Polar Express converges."""
    rng = np.random.default_rng(0)
    q, r = (np.linalg.qr(rng.standard_normal((60, 60)))[0] for _ in range(2))
    s = np.geomspace(1.0, 1e-6, 60)
    a, lower = (q * s) @ r, 1e-6 / np.linalg.norm(s)

    def error(**options):
        u = orthogonalize(a, **options)
        return np.linalg.norm(u @ u.T - np.eye(60), 2)

    assert error(coefficients="newton_schulz5", steps=17) > 0.99
    assert error(coefficients="muon", steps=9) > 0.9
    assert 0.3 < error(coefficients="muon", steps=12) < 0.6
    assert 0.3 < error(coefficients="muon", steps=20) < 0.6
    express = polar_express_coefficients(12, lower=lower)
    assert error(coefficients=express[:8]) > 0.5
    assert error(coefficients=express) < 1e-4
    exact = polar_express_coefficients(14, lower=lower)
    np.testing.assert_allclose(orthogonalize(a, coefficients=exact), q @ r, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(64, 96), (64, 256), (512, 64)], ids=str)
def test_root_is_closer_than_muon_on_gaussian_matrices(shape):
    a = np.random.default_rng(0).standard_normal(shape)

    def error(name):
        s = np.linalg.svd(orthogonalize(a, coefficients=name), compute_uv=False)
        return np.mean((s - 1) ** 2)

    assert error("root") < 0.5 * error("muon")


def test_convergent_sets_reach_the_precision_floor(leg):
    """Eight Polar Express steps: 3e-7 in float32; Newton-Schulz as many steps as it needs."""
    a = leg.randsvd(40, 60, 20.0)
    for options in (
        {"steps": 8},
        {"coefficients": "newton_schulz3"},
        {"coefficients": "newton_schulz5"},
        {"coefficients": "newton_schulz7"},
    ):
        u = leg.to_numpy(orthogonalize(a, **options))
        o = np.linalg.norm(u @ u.conj().T - np.eye(40)) / np.sqrt(40)
        assert o <= 8 * leg.eps


# --- scale, zeros, edges ---------------------------------------------------------------------


def test_powers_of_two_change_nothing(leg):
    host = leg._randn(5, 5)
    want = leg.to_numpy(orthogonalize(leg.asarray(host)))
    top = 900 if leg.eps < 1e-10 else 100
    for exponent in (-top, -31, 29, top):
        a = leg.asarray(np.asarray(host, leg.dtype_name) * 2.0**exponent)
        np.testing.assert_array_equal(leg.to_numpy(orthogonalize(a)), want)


@pytest.mark.parametrize("options", [{}, {"normalize": "schatten4"}, {"precondition": "turbo"}])
@pytest.mark.parametrize("norm", [1e-30, 1e-9, 1e9, 1e30])
def test_every_norm_gives_the_same_factor(leg, norm, options):
    host = leg._randn(8, 12)
    want = leg.to_numpy(orthogonalize(leg.asarray(host), **options))
    got = leg.to_numpy(orthogonalize(leg.asarray(norm * host), **options))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e3 * leg.eps)


@pytest.mark.parametrize("options", [{}, {"normalize": "schatten4"}, {"precondition": "turbo"}])
def test_zero_stays_zero(leg, options):
    zero = leg.asarray(np.zeros((4, 7)))
    np.testing.assert_array_equal(leg.to_numpy(orthogonalize(zero, **options)), 0)
    # Beside another matrix, and as a row of a matrix.
    both = leg._randn(2, 4, 7)
    both[0] = 0
    both[1, 2] = 0
    u = leg.to_numpy(orthogonalize(leg.asarray(both), **options))
    np.testing.assert_array_equal(u[0], 0)
    np.testing.assert_allclose(u[1, 2], 0, rtol=0, atol=100 * leg.eps)
    assert np.linalg.norm(u[1], 2) > 0.5


@pytest.mark.parametrize("shape", [(20, 20), (20, 80)], ids=str)
def test_null_directions_stay_null(leg, shape):
    host = leg._randn(shape[0], 7, seed=1) @ leg._randn(7, shape[1], seed=2)
    a = leg.asarray(host)
    s = np.linalg.svd(leg.to_numpy(orthogonalize(a, steps=7)), compute_uv=False)
    np.testing.assert_allclose(s[:7], 1, atol=0.1)
    # The rounding error of `a` itself is raised by the slope at 0.
    assert s[7:].max() <= 5e3 * leg.eps


def test_rows_of_very_different_size_survive_turbo_scaling(leg):
    options = {"coefficients": "turbo", "precondition": "turbo"}
    least = -10 if leg.eps < 1e-10 else -4  # rounding in G hides rows below eps
    a = leg.asarray(leg.isometry(6, 6) * np.logspace(0, least, 6)[:, None])
    u = leg.to_numpy(orthogonalize(a, **options))
    np.testing.assert_allclose(np.linalg.svd(u, compute_uv=False), 1, atol=0.1)
    # Squares of the last rows vanish in single precision; nothing may become NaN.
    a = leg.asarray(np.diag(np.logspace(0, -36, 6)))
    assert np.all(np.isfinite(leg.to_numpy(orthogonalize(a, **options))))


def test_single_entries(leg):
    rows = tables.schedule("polar_express", None, (1, 1))
    want = scalar_map(rows, 1.0)
    smallest = 2.0 ** (-1020 if leg.eps < 1e-10 else -125)
    for value in (1.0, -3.0, smallest, 1 / smallest):
        u = leg.to_numpy(orthogonalize(leg.asarray([[value]])))
        np.testing.assert_allclose(u, np.sign(value) * want, rtol=200 * leg.eps)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 4), (0, 3, 3)], ids=str)
@pytest.mark.parametrize("name", ["polar_express", "root"])
def test_empty(leg, shape, name):
    u = orthogonalize(leg.asarray(np.zeros(shape)), coefficients=name)
    assert leg.matches(u)
    assert tuple(u.shape) == shape
    assert u.dtype == leg.dtype


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)], ids=str)
def test_vectors(leg, shape):
    a = leg.randn(*shape)
    u = leg.to_numpy(orthogonalize(a, steps=7))
    host = leg.to_numpy(a)
    np.testing.assert_allclose(u, host / np.linalg.norm(host), rtol=0, atol=1e-4)


def test_input_is_not_modified_and_not_returned(leg):
    a = leg.randn(6, 4)
    before = leg.to_numpy(a).copy()
    u = orthogonalize(a, steps=1)
    np.testing.assert_array_equal(leg.to_numpy(a), before)
    assert not np.shares_memory(leg.to_numpy(u), leg.to_numpy(a))


# --- callback --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (4, 30)], ids=str)
def test_callback_sees_every_step(leg, shape):
    seen = []

    def watch(state):
        seen.append((state.k, leg.to_numpy(state.x).copy(), state.residual))

    a = leg.randn(*shape)
    u = leg.to_numpy(orthogonalize(a, steps=6, callback=watch))
    plain = leg.to_numpy(orthogonalize(a, steps=6))
    np.testing.assert_allclose(u, plain, rtol=0, atol=1e3 * leg.eps)
    assert [k for k, _, _ in seen] == list(range(7))
    np.testing.assert_array_equal(seen[-1][1], u)
    assert np.linalg.norm(seen[0][1]) == pytest.approx(1.0, rel=10 * leg.eps)
    for _, x, residual in seen:
        x = x if shape[0] <= shape[1] else x.conj().T
        assert isinstance(residual, float)
        assert residual == pytest.approx(
            np.linalg.norm(x @ x.conj().T - np.eye(len(x))), abs=1e2 * leg.eps
        )
    assert seen[-1][2] < seen[0][2]


def test_callback_may_stop_and_may_fail(leg):
    def stop(state):
        if state.k == 2:
            raise StopIteration

    def fail(state):
        raise KeyError(state.k)

    a = leg.randn(5, 8)
    stopped = leg.to_numpy(orthogonalize(a, coefficients="muon", callback=stop))
    two = leg.to_numpy(orthogonalize(a, coefficients="muon", steps=2))
    np.testing.assert_allclose(stopped, two, rtol=0, atol=100 * leg.eps)
    with pytest.raises(KeyError):
        orthogonalize(a, callback=fail)


# --- evaluation on the Gram matrix -----------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("cond", [10.0, 1e3, 1e6])
def test_steps_on_the_gram_matrix_agree_with_steps_on_the_matrix(dtype, cond):
    rng = np.random.default_rng(0)
    q, r = (
        np.linalg.qr(rng.standard_normal((32, 32)))[0],
        np.linalg.qr(rng.standard_normal((128, 32)))[0],
    )
    x = ((q * np.geomspace(1, 1 / cond, 32)) @ r.T).astype(dtype)
    rows = tables.schedule("polar_express", 7, (32, 128))
    x = x / np.linalg.norm(x).astype(x.real.dtype)
    fast = steps_of._run_on_gram(x, rows, None, xp=xp)
    slow = x
    for row in rows:
        slow = steps_of.odd_step(slow, row, xp=xp)
    # Measured: 5e-5 in float32, against 2e-5 for the steps on the matrix itself.
    assert np.linalg.norm(fast - slow, 2) <= 2e3 * np.finfo(dtype).eps


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"coefficients": "polar"}, "coefficients must be one of 'polar_express'"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"normalize": "spectral"}, "normalize must be one of 'frobenius', 'schatten4'"),
        ({"precondition": "diag"}, "precondition must be one of 'turbo', got 'diag'"),
        ({"normalize": "x", "precondition": "turbo"}, "normalize must be one of"),
    ],
)
def test_unknown_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        orthogonalize(np.eye(3), **options)
