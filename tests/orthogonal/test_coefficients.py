"""Coefficients of odd polynomials: published numbers, optimality, ranges. All on the host."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linalgx.orthogonal import _shape_fit as fit
from linalgx.orthogonal import coefficients as tables
from linalgx.orthogonal._minimax import _cubic, _quintic
from linalgx.orthogonal.coefficients import polar_express_coefficients, shape_coefficients

EPS = np.finfo(float).eps


def compose(rows, x):
    """Values of the odd polynomials one after the other; a list, one entry a step."""
    out = []
    for row in rows:
        x = sum(c * x ** (2 * i + 1) for i, c in enumerate(row))
        out.append(x)
    return out


# --- Polar Express -------------------------------------------------------------------------

PUBLISHED = [
    (8.28721201815, -23.5958865191, 17.3003873125),
    (4.10705911154, -2.94784991674, 0.544843108293),
    (3.94869085348, -2.90890211596, 0.551819139437),
    (3.31841965737, -2.48848802431, 0.510048940124),
    (2.30065201995, -1.66890398457, 0.418807311953),
    (1.89130140779, -1.26799582719, 0.376804089485),
    (1.87500148084, -1.25000164538, 0.375000164537),
    (1.875, -1.25, 0.375),
]
ERRORS = [0.992, 0.966, 0.866, 0.560, 0.124, 1.2e-3, 1e-9]


def test_table_published_for_lower_1e_3():
    rows = polar_express_coefficients(8, lower=1e-3, safety=1.0)
    np.testing.assert_allclose(rows, PUBLISHED, rtol=6e-12)  # all 12 printed digits


def test_variant_in_wide_use():
    """Its last triple shows that the lower bound follows the polynomials with their safety."""
    rows = polar_express_coefficients(5, lower=1e-3, cushion=0.02, safety=1.02)
    np.testing.assert_allclose(rows[0], (8.156554525, -22.48329293, 15.87876992), rtol=4e-10)
    np.testing.assert_allclose(rows[4], (2.346541326, -1.709782838, 0.4232355117), rtol=3e-10)


@pytest.mark.parametrize("t", range(1, 8))
def test_guaranteed_error_is_attained(t):
    x = np.geomspace(1e-3, 1.0, 20001)
    rows = polar_express_coefficients(t, lower=1e-3, safety=1.0)
    error = abs(1 - compose(rows, x)[-1]).max()
    assert error == pytest.approx(ERRORS[t - 1], rel=0.05 if t > 5 else 5e-3)


@pytest.mark.parametrize(
    ("kappa", "steps"),
    [(1e1, 4), (1e2, 6), (1e3, 8), (1e4, 9), (1e6, 13), (1e8, 16), (1e15, 28)],
)
def test_steps_until_a_polish_can_finish(kappa, steps):
    rows = polar_express_coefficients(40, lower=1 / kappa, cushion=0.1, safety=1.0)
    errors = [abs(1 - y) for y in compose(rows, 1 / kappa)]  # the lower end is the worst
    assert errors[steps - 2] > 1e-8 >= errors[steps - 1]
    np.testing.assert_allclose(rows[-1], (1.875, -1.25, 0.375), rtol=4 * EPS)
    assert max(errors[steps:]) < 1e-8


@given(st.floats(-18.0, 0.0), st.booleans())
def test_quintic_error_alternates(exponent, later):
    """Alternation at four points is the certificate of the minimax polynomial."""
    low = 10.0**exponent
    high = 2.0 - low if later else 1.0
    (a, b, c), _ = _quintic(low, high)
    root = sqrt(max(9 * b * b - 20 * a * c, 0.0))
    q, r = sqrt((-3 * b - root) / (10 * c)), sqrt((-3 * b + root) / (10 * c))
    p = [x * (a + x * x * (b + x * x * c)) for x in (low, q, r, high)]
    e = p[3] - 1
    np.testing.assert_allclose(p, [1 - e, 1 + e, 1 - e, 1 + e], rtol=0, atol=100 * EPS)


@given(st.floats(-18.0, -1e-3), st.booleans())
def test_cubic_error_alternates(exponent, later):
    low = 10.0**exponent
    high = 2.0 - low if later else 1.0
    (a, b), top = _cubic(low, high)
    p = [x * (a + x * x * b) for x in (low, top, high)]
    e = p[1] - 1
    np.testing.assert_allclose(p, [1 - e, 1 + e, 1 - e], rtol=0, atol=50 * EPS)


@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("lower", [1e-15, 1e-6, 1e-3, 0.1, 0.9, 1 - 1e-7, 1.0])
@pytest.mark.parametrize("cushion", [0.0, 0.02407327424182761, 0.1, 0.5])
def test_image_stays_symmetric_about_one(degree, lower, cushion):
    """The recentred step maps [l, u] onto [l', 2 − l'], also in the cubic case, and l grows."""
    rows = polar_express_coefficients(12, lower=lower, degree=degree, cushion=cushion, safety=1.0)
    assert rows.shape == (12, (degree + 1) // 2)
    assert rows.dtype == np.float64
    low, high = lower, 1.0
    for row in rows:
        x = np.unique(np.r_[np.geomspace(low, high, 4001), np.linspace(low, high, 4001)])
        y = compose([row], x)[0]
        end = compose([row], low)[0]
        assert y.min() == pytest.approx(end, rel=1e-13)
        assert y.max() == pytest.approx(2 - end, rel=1e-3 * (1 - end) + 1e-13)
        assert y.max() <= (2 - end) * (1 + 1e-13)
        assert end >= low * (1 - 1e-13)
        low, high = min(end, 1.0), 2 - min(end, 1.0)


@pytest.mark.parametrize("lower", [1e-6, 1e-3, 0.1])
def test_with_safety_the_bounds_hold_for_what_is_returned(lower):
    """Values up to safety times the bound 2 − l of the step before do no harm."""
    rows = polar_express_coefficients(10, lower=lower, safety=1.02)
    x = np.geomspace(lower, 1.02, 20001)
    low = lower
    for row in rows[:-1]:
        y = compose([row], x)[0]
        low = compose([row], low)[0]
        assert y.min() >= low * (1 - 1e-12)
        x = np.linspace(low, 1.02 * (2 - low), 20001)
        assert y.max() <= (2 - low) * (1 + 1e-12)


def test_without_cushion_no_quintic_composition_is_better():
    """Perturbing the coefficients of two optimal steps never lowers the worst case."""
    x = np.geomspace(0.05, 1.0, 4001)
    rows = polar_express_coefficients(2, lower=0.05, cushion=0.0, safety=1.0)
    best = abs(1 - compose(rows, x)[-1]).max()
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = rows * (1 + 1e-3 * rng.standard_normal(rows.shape))
        assert abs(1 - compose(other, x)[-1]).max() > best


def test_shorter_list_is_the_head_of_a_longer_one_except_for_the_last_safety():
    long = polar_express_coefficients(8, lower=1e-3)
    for steps in range(1, 8):
        short = polar_express_coefficients(steps, lower=1e-3)
        np.testing.assert_array_equal(short[:-1], long[: steps - 1])
        np.testing.assert_allclose(short[-1], long[steps - 1] * 1.01 ** np.array([1, 3, 5]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"lower": 0.0}, r"lower must lie in \(0, 1\], got 0.0"),
        ({"lower": 1.5}, "lower must lie"),
        ({"lower": float("nan")}, "lower must lie"),
        ({"degree": 7}, "degree must be 3 or 5, got 7"),
        ({"cushion": 1.0}, r"cushion must lie in \[0, 1\), got 1.0"),
        ({"safety": 0.9}, r"safety must lie in \[1, inf\), got 0.9"),
    ],
)
def test_ranges_of_arguments(change, text):
    with pytest.raises(ValueError, match=text):
        polar_express_coefficients(**{"steps": 3, "lower": 1e-3, **change})


# --- tables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("newton_schulz3", (11, 17, 28, 39)),
        ("newton_schulz5", (7, 11, 18, 26)),
        ("newton_schulz7", (6, 9, 15, 21)),
    ],
)
def test_scalar_steps_of_newton_schulz(name, counts):
    rows = tables.schedule(name, 60, (5, 5))
    for start, count in zip((1e-1, 1e-2, 1e-4, 1e-6), counts, strict=True):
        errors = [abs(1 - y) for y in compose(rows, start)]
        assert next(t for t, e in enumerate(errors, 1) if e <= 1e-15) == count
    # The default number of steps raises 1e-2.
    assert len(tables.schedule(name, None, (5, 5))) == counts[1]


@pytest.mark.parametrize(
    ("name", "lower", "image"),
    [
        ("muon", 0.005, (0.6818, 1.1543)),
        ("muon", 0.01, (0.6818, 1.1344)),
        ("you", 0.01, (0.978, 1.032)),
    ],
)
def test_images_of_published_tables(name, lower, image):
    y = compose(tables.schedule(name, None, (5, 5)), np.linspace(lower, 1.0, 200001))[-1]
    digits = len(str(image[0])) - 2
    assert (round(y.min(), digits), round(y.max(), digits)) == pytest.approx(image, abs=1e-4)


def test_geometric_spectrum_as_in_the_polar_express_paper():
    """Spectrum 1e-6..1: Newton-Schulz stalls, Muon stops at 0.3, Polar Express converges."""
    x = np.geomspace(1e-6, 1.0, 2001)

    def errors(rows):
        return [abs(1 - y).max() for y in compose(rows, x)]

    newton = errors(tables.schedule("newton_schulz5", 26, (5, 5)))
    assert newton[16] > 0.95  # 17 steps and nothing to show
    muon = errors(tables.schedule("muon", 20, (5, 5)))
    assert muon[9] > 0.7
    np.testing.assert_allclose(muon[10:], 0.318, atol=1e-3)
    express = errors(polar_express_coefficients(14, lower=1e-6, safety=1.0))
    assert express[8] < 0.5
    assert express[10] < 1e-3
    assert express[11] < 1e-10


def test_every_name_gives_rows_and_honours_steps():
    for name in tables.SCHEDULES:
        rows = tables.schedule(name, None, (20, 30))
        assert len({len(row) for row in rows}) == 1
        for steps in (1, 2, len(rows), len(rows) + 3):
            got = tables.schedule(name, steps, (20, 30))
            assert len(got) == steps
            if name not in ("polar_express", "cans"):  # their last row lacks the safety
                assert got[: len(rows)] == rows[:steps]


@pytest.mark.parametrize(
    ("coefficients", "steps", "kind", "text"),
    [
        ("moun", None, ValueError, "coefficients must be one of 'polar_express', 'muon'"),
        ("muon", 0, ValueError, "steps must be at least 1, got 0"),
        ([[1.0, 2.0, 3.0]], 2, ValueError, "steps must be at most the number of rows"),
        ([[1.0]], None, ValueError, r"array of shape \(steps, 3\).*got shape \(1, 1\)"),
        (np.ones((2, 3, 3)), None, ValueError, r"got shape \(2, 3, 3\)"),
        (np.ones((0, 3)), None, ValueError, r"got shape \(0, 3\)"),
        ([1.0, 2.0, 3.0], None, ValueError, "coefficients must be a matrix"),
        ([[np.nan, 0.0, 0.0]], None, ValueError, "coefficients must hold finite numbers"),
        (np.ones((2, 3), complex), None, TypeError, "coefficients must be real"),
        (None, None, TypeError, "coefficients must be an array"),
    ],
)
def test_bad_schedules_are_refused(coefficients, steps, kind, text):
    with pytest.raises(kind, match=text):
        tables.schedule(coefficients, steps, (5, 5))


# --- ROOT ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "ours", "ours_mse", "published_mse", "muon_mse"),
    [
        (2048, (3.3334, -4.2593, 1.7792), 3.5e-2, 3.9e-2, 5.0e-2),
        (3072, (2.9089, -3.8104, 1.8599), 2.4e-3, 1.6e-2, 3.4e-2),
        (8192, (2.6023, -3.1266, 1.5683), 1.5e-4, 1.5e-3, 3.4e-2),
        (16384, (2.5532, -3.0597, 1.5886), 1.9e-5, 4.0e-3, 4.2e-2),
    ],
)
def test_fits_to_shapes(n, ours, ours_mse, published_mse, muon_mse):
    triple, mse = fit.fit_shape(2048, n)
    np.testing.assert_allclose(triple, ours, rtol=0, atol=2e-4)
    error = fit.mean_square_error(2048, n)
    published = shape_coefficients(2048, n)
    np.testing.assert_array_equal(published, fit.PUBLISHED[2048, n])
    muon = tables.schedule("muon", 1, (5, 5))[0]
    # Two digits are published.
    assert (mse, error(published), error(muon)) == pytest.approx(
        (ours_mse, published_mse, muon_mse), rel=0.035
    )


def test_quantiles_match_the_spectrum_of_a_gaussian_matrix():
    a = np.random.default_rng(0).standard_normal((300, 500))
    s = np.sort(np.linalg.svd(a, compute_uv=False) / np.linalg.norm(a))
    sigma = np.array(fit._spectrum(300, 500))
    at = (np.arange(300) + 0.5) / 300
    np.testing.assert_allclose(
        s, np.interp(at, (np.arange(len(sigma)) + 0.5) / len(sigma), sigma), atol=0.02 * s.max()
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 3), (64, 1000)])
def test_fit_does_not_depend_on_orientation_and_beats_muon(shape):
    triple = shape_coefficients(*shape)
    assert triple.shape == (3,)
    assert triple.dtype == np.float64
    np.testing.assert_array_equal(triple, shape_coefficients(*shape[::-1]))
    error = fit.mean_square_error(*shape)
    assert error(triple) < error(tables.schedule("muon", 1, (5, 5))[0])


def test_divergent_trial_points_have_finite_error():
    error = fit.mean_square_error(8, 8)
    assert np.isfinite(error((1e3, 1e3, 1e3)))
    assert error((1e3, 1e3, 1e3)) > error((1e2, 1e2, 1e2)) > error((3.0, -3.2, 1.2))


@pytest.mark.parametrize("shape", [(0, 3), (3, -1)])
def test_shape_must_be_positive(shape):
    with pytest.raises(ValueError, match=r"[mn] must be at least 1"):
        shape_coefficients(*shape)
