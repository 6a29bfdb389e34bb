"""Estimates of traces: definitions, exactness, figures, and errors that can be trusted."""

import numpy as np
import pytest

import linalgx as lx
from linalgx.backend import as_generator
from linalgx.randomized._test_vectors import on_sphere, random_signs

METHODS = ("hutchinson", "hutch++", "xtrace", "xnystrace")
trace = lx.randomized.trace


def spectra(n):
    j = np.arange(n)
    return {
        "flat": np.linspace(3.0, 1.0, n),
        "poly": 1.0 / (1.0 + j) ** 2,
        "exp": 0.7**j,
        "step": np.where(j < 50, 1.0, 1e-3),
    }


def turned(w, seed=0):
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(w), len(w))))[0]
    a = (q * w) @ q.T
    return (a + a.T) / 2


def without(x, i):
    return np.delete(x, i, axis=1)


def left_out_traces(a, omega):
    """XTrace by its definition: one orthonormal basis for each sample."""
    n, k = omega.shape
    for i in range(k):
        q = np.linalg.qr(a @ without(omega, i))[0]
        rest = omega[:, i] - q @ (q.conj().T @ omega[:, i])
        form = rest.conj() @ a @ rest * (n - k + 1) / np.linalg.norm(rest) ** 2
        yield np.trace(q.conj().T @ a @ q) + form


def left_out_nystrom(a, omega):
    """XNysTrace by its definition: one Nyström approximation for each sample."""
    n, k = omega.shape
    for i in range(k):
        others = without(omega, i)
        y = a @ others
        low = y @ np.linalg.solve(others.conj().T @ y, y.conj().T)
        q = np.linalg.qr(others)[0]
        rest = omega[:, i] - q @ (q.conj().T @ omega[:, i])
        form = omega[:, i].conj() @ (a - low) @ omega[:, i]
        yield np.trace(low) + form * (n - k + 1) / np.linalg.norm(rest) ** 2


DEFINITIONS = {"xtrace": (left_out_traces, 2), "xnystrace": (left_out_nystrom, 1)}


@pytest.mark.parametrize("method", DEFINITIONS)
def test_the_fast_formula_is_the_definition(seam_leg, method):
    """Also for complex matrices, and for those that are not Hermitian where that is allowed."""
    n, k = 20, 5
    a = seam_leg.randn(n, n)
    if method == "xnystrace":
        a = seam_leg.asarray(lx.to_numpy(a) @ lx.to_numpy(a).conj().T)
    got = trace(a, DEFINITIONS[method][1] * k, method=method, rng=3)
    omega = seam_leg.to_numpy(on_sphere(n, k, as_generator(3), like=a, xp=seam_leg.xp))
    host = seam_leg.to_numpy(a)
    wide = np.result_type(host.dtype, np.float64)
    each = np.array(list(DEFINITIONS[method][0](host.astype(wide), omega.astype(wide))))
    size = np.linalg.norm(host, "nuc")
    assert abs(got.value - each.mean()) < 100 * seam_leg.eps * size
    error = {"xtrace": 2, "xnystrace": 5}[method] * each.std(ddof=1) / k**0.5
    assert abs(got.error - error) < 0.01 * error
    assert type(got.value) is (complex if seam_leg.is_complex else float)
    assert got.matvecs == DEFINITIONS[method][1] * k


@pytest.mark.parametrize("method", ["hutch++", "xtrace", "xnystrace"])
def test_low_rank_is_exact(leg, method):
    b = leg.to_numpy(leg.randn(60, 4))
    c = b if method == "xnystrace" else leg.to_numpy(leg.randn(60, 4, seed=1))
    a = leg.asarray(b @ c.conj().T)
    t = trace(a, 18, method=method, rng=0)
    size = float(np.linalg.norm(leg.to_numpy(a), "nuc"))
    assert abs(t.value - np.trace(leg.to_numpy(a))) < 30 * leg.eps * size
    assert t.error < 100 * leg.eps * size


def test_diagonal_matrices_are_exact_for_signs(leg):
    t = trace(leg.asarray(np.diag(np.arange(1.0, 21.0))), 2, method="hutchinson", rng=0)
    assert abs(t.value - 210.0) < 100 * leg.eps * 210.0


def test_signs_have_modulus_one(seam_leg):
    like = seam_leg.randn(1, 1)
    x = seam_leg.to_numpy(random_signs(200, 3, as_generator(0), like=like, xp=seam_leg.xp))
    assert np.max(np.abs(np.abs(x) - 1.0)) < 4 * seam_leg.eps
    assert len(np.unique(x)) > (100 if seam_leg.is_complex else 1)


@pytest.mark.parametrize("method", METHODS)
def test_all_columns_give_the_trace_itself(leg, method):
    a = leg.randn(7, 7)
    a = leg.asarray(lx.to_numpy(a) @ lx.to_numpy(a).conj().T)
    t = trace(a, 7, method=method, rng=0)
    truth = complex(np.trace(leg.to_numpy(a)))
    assert abs(t.value - truth) < 20 * leg.eps * abs(truth)
    assert (t.error, t.matvecs) == (0.0, 7)


def test_all_columns_of_an_operator_come_in_strips():
    w = np.linspace(1.0, 2.0, 600)
    widths = []

    def product(x):
        widths.append(x.shape[1])
        return w[:, None] * x

    a = lx.LinearMap.from_callables((600, 600), product)
    assert abs(trace(a, 600).value - w.sum()) < 1e-10
    assert widths == [256, 256, 88]


# Medians of relative errors over seeds, with 120 products, n = 1000: at most these.
FIGURES = {
    ("exp", "hutchinson"): 1e-1,
    ("exp", "hutch++"): 4e-7,
    ("exp", "xtrace"): 4e-10,
    ("exp", "xnystrace"): 1e-13,
    ("step", "hutchinson"): 4e-2,
    ("step", "hutch++"): 3e-2,
    ("step", "xtrace"): 3e-5,
    ("step", "xnystrace"): 1e-3,
}


@pytest.mark.parametrize("kind", ["exp", "step"])
def test_published_figures(kind):
    w = spectra(1000)[kind]
    a, truth = turned(w), w.sum()
    median = {
        method: np.median(
            [abs(trace(a, 120, method=method, rng=s).value - truth) for s in range(9)]
        )
        for method in METHODS
    }
    for method in METHODS:
        assert median[method] / truth <= FIGURES[kind, method], method
    assert median["xtrace"] < median["hutch++"] / 30


@pytest.mark.parametrize("kind", ["flat", "poly", "exp", "step"])
@pytest.mark.parametrize("method", METHODS)
def test_errors_can_be_trusted(kind, method):
    """In three of four runs at least, and they are not far too large."""
    w = spectra(200)[kind]
    a, truth = turned(w), w.sum()
    runs = [trace(a, 40, method=method, rng=s) for s in range(40)]
    gaps = np.array([abs(t.value - truth) for t in runs])
    errors = np.array([t.error for t in runs])
    assert np.mean(gaps <= errors) >= 0.75
    assert np.median(errors) <= 10 * np.median(gaps)


@pytest.mark.parametrize("method", METHODS)
def test_estimates_are_unbiased(method):
    """The mean over many seeds is closer to the trace than single estimates."""
    a = turned(np.linspace(1.0, 5.0, 15), seed=1)
    values = np.array([trace(a, 6, method=method, rng=s).value for s in range(400)])
    assert abs(values.mean() - 45.0) < 4 * values.std() / 20


class TestTolerance:
    """Samples are doubled, none of them is lost, and a miss is said."""

    @pytest.mark.parametrize("method", METHODS)
    def test_samples_are_doubled(self, method):
        w = spectra(300)["poly"]
        a, counted = turned(w), []

        def product(x):
            counted.append(x.shape[1])
            return a @ x

        op = lx.LinearMap.from_callables(a.shape, product)
        t = trace(op, 290, method=method, rtol=0.2, rng=0)
        assert t.converged and t.error <= 0.2 * abs(t.value)
        assert t.matvecs == sum(counted) in (16, 32, 64, 128, 256)
        assert len(t.history) == t.iterations + 1 and t.history[-1] == t.residual
        assert abs(t.value - w.sum()) <= 0.2 * w.sum()

    @pytest.mark.parametrize("method", ["xtrace", "hutch++"])
    def test_extended_samples_are_as_good_as_new_ones(self, leg, method):
        """Low rank shows an extended basis that is not orthonormal, or not of all samples."""
        b, c = (leg.to_numpy(leg.randn(80, 12, seed=s)) for s in (0, 1))
        a = leg.asarray(b @ c.conj().T)
        size = float(np.linalg.norm(b @ c.conj().T, "nuc"))
        t = trace(a, 64, method=method, atol=300 * leg.eps * size, rng=0)
        assert t.iterations >= 1
        assert abs(t.value - np.trace(b @ c.conj().T)) < 100 * leg.eps * size

    def test_a_missed_one_is_said(self):
        with pytest.warns(lx.ConvergenceWarning, match="more matvecs than 40"):
            t = trace(turned(spectra(100)["flat"]), 40, rtol=1e-9, rng=0)
        assert t.status is lx.Status.MAXITER and not t.converged
        assert t.matvecs == 40 and t.error > 1e-9 * t.value

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("limit", [17, 19, 35])
    def test_the_limit_is_kept(self, method, limit):
        """Also where the rest is too small for another estimate."""
        a = turned(spectra(100)["flat"])
        with pytest.warns(lx.ConvergenceWarning):
            t = trace(a, limit, method=method, rtol=1e-9, rng=0)
        assert limit - 3 <= t.matvecs <= limit and np.isfinite(t.error)

    def test_a_trace_of_zero_ends_nothing(self):
        """Relative errors are infinite there; absolute ones count."""
        a = np.kron(np.eye(20), np.array([[0.0, 1.0], [0.0, 0.0]]))
        t = trace(a, 200, rtol=1e-3, rng=0)
        assert t.converged and t.value == 0.0 and t.error == 0.0

    def test_all_columns_are_the_last_resort(self):
        w = spectra(100)["flat"]
        t = trace(turned(w), 300, rtol=1e-9, rng=0)
        assert t.converged and t.error == 0.0 and 100 < t.matvecs <= 300
        assert abs(t.value / w.sum() - 1.0) < 1e-13

    def test_tolerances_of_both_kinds(self):
        a = turned(spectra(100)["poly"])
        assert trace(a, 90, atol=1.0, rng=0).matvecs == 16
        assert trace(a, 90, rtol=1e9, rng=0).matvecs == 16


def test_no_adjoint_is_needed():
    a = turned(spectra(50)["exp"])
    op = lx.LinearMap.from_callables(a.shape, lambda x: a @ x)
    for method in METHODS:
        assert trace(op, 20, method=method, rng=0).converged


def test_wrong_kinds_of_matrices():
    with pytest.raises(ValueError, match="a must be Hermitian"):
        trace(np.triu(np.ones((30, 30))), 10, method="xnystrace", rng=0)
    with pytest.raises(lx.LinAlgError, match="semidefinite"):
        trace(-np.eye(30), 10, method="xnystrace", rng=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"matvecs": 3}, ValueError, "matvecs must be at least 4 for the method 'xtrace', got 3"),
        ({"matvecs": 0}, ValueError, "matvecs must be at least 1, got 0"),
        ({"matvecs": 2.5}, TypeError, "matvecs must be an integer"),
        ({"matvecs": 8, "rtol": -1.0}, ValueError, "rtol must lie in"),
        ({"matvecs": 8, "atol": "x"}, TypeError, "atol must be a real number"),
    ],
)
def test_options_are_checked(options, error, words):
    with pytest.raises(error, match=words):
        trace(np.eye(30), **options)


def test_batches_keep_errors_and_counts_apart(leg):
    a = leg.asarray(np.stack([np.zeros((30, 30)), np.ones((30, 30)), np.diag(np.arange(30.0))]))
    t = trace(a, 28, rtol=0.9, rng=0)
    assert tuple(t.error.shape) == tuple(t.matvecs.shape) == (3,)
    assert abs(leg.to_numpy(t.value)[1] - 30.0) < 100 * leg.eps * 30
    assert leg.to_numpy(t.error)[0] == 0.0


def test_a_zero_matrix_has_no_error():
    for method in METHODS:
        t = trace(np.zeros((30, 30)), 12, method=method, rng=0)
        assert (t.value, t.error, t.residual) == (0.0, 0.0, 0.0)


def test_sparse_matrices_and_their_size():
    a = lx.gallery.poisson2d(20)
    t = trace(a, 100, rtol=0.05, rng=0)
    assert abs(t.value - 1600.0 * a[0, 0] / 4.0) < 0.05 * t.value


def test_many_samples_of_low_rank_in_single_precision():
    """Triangles of rounding errors have inverses that overflow in single precision."""
    b = np.random.default_rng(0).standard_normal((700, 2)).astype(np.float32)
    t = trace(b @ b.T, 600, rng=0)
    assert np.isfinite(t.error) and abs(t.value - np.sum(b**2)) < 1e-3 * np.sum(b**2)


@pytest.mark.parametrize("exponent", [-1000, 1000])
@pytest.mark.parametrize("method", ["hutchinson", "hutch++", "xtrace", "xnystrace"])
def test_operators_of_any_size(method, exponent):
    """Squares of the products would over- or underflow."""
    b = np.random.default_rng(0).standard_normal((40, 40))
    a = b @ b.T
    usual = lx.LinearMap.from_callables(a.shape, lambda x: a @ x)
    other = lx.LinearMap.from_callables(a.shape, lambda x: np.ldexp(a @ x, exponent))
    for matvecs in (12, 40):
        t, u = (trace(x, matvecs, method=method, rng=0) for x in (usual, other))
        assert u.converged and u.matvecs == t.matvecs
        assert abs(np.ldexp(u.value, -exponent) - t.value) <= 1e-14 * abs(t.value)
        assert abs(np.ldexp(u.error, -exponent) - t.error) <= 1e-12 * t.error


def test_exact_traces_near_the_largest_number():
    a = np.diag(np.full(10, 1e307))
    t = trace(a, 10)
    assert t.converged and abs(t.value - 1e308) <= 1e294 and t.error == 0.0
    with pytest.warns(lx.ConvergenceWarning) as caught:
        t = trace(np.diag(np.full(30, 1e307)), 30)
    assert len(caught) == 1 and t.value == np.inf and t.status is lx.Status.BREAKDOWN
