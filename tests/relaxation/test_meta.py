"""Parameters fitted offline to the number of iterations."""

from math import ceil, log, sqrt

import numpy as np
import pytest

import linalgx as lx

EPS = 1e-8


def factor(omega, mu):
    """Young: the convergence factor of SOR for a consistently ordered matrix."""
    root = omega**2 * mu**2 - 4 * (omega - 1)
    return 0.25 * (omega * mu + sqrt(root)) ** 2 if root > 0 else omega - 1


def count(omega, mu):
    return ceil(log(EPS) / log(factor(omega, mu)))


MU = np.cos(np.pi / np.linspace(20, 60, 12))
BEST = 2 / (1 + np.sqrt(1 - MU**2))


def mean_count(omegas):
    return np.mean([count(w, mu) for w, mu in zip(omegas, MU, strict=True)])


@pytest.mark.parametrize("method", ["spsa", "surrogate"])
def test_the_best_fixed_parameter(method):
    """One constant feature, against a fine scan of the closed form."""
    cost = count if method == "spsa" else factor
    fit = lx.relaxation.fit_meta_parameters(
        np.ones((len(MU), 1)),
        lambda w, task: cost(w, MU[task]),
        bounds=(1.0, 1.99),
        method=method,
        rng=0,
    )
    scan = min(mean_count([w] * len(MU)) for w in np.linspace(1.0, 1.99, 500))
    assert fit.converged
    assert mean_count([float(fit.theta[0])] * len(MU)) <= 1.03 * scan


@pytest.mark.parametrize("method", ["spsa", "surrogate"])
def test_two_features_come_close_to_the_best_parameter_of_each_task(method):
    """1/h is known before the solve; ω* is nearly linear in its reciprocal."""
    features = np.stack([np.ones(len(MU)), np.sqrt(1 - MU**2)], axis=1)
    cost = count if method == "spsa" else factor
    fit = lx.relaxation.fit_meta_parameters(
        features,
        lambda w, task: cost(w, MU[task]),
        bounds=(1.0, 1.99),
        method=method,
        rng=1,
        maxiter=400,
    )
    ours = mean_count(np.clip(features @ fit.theta, 1.0, 1.99))
    fixed = min(mean_count([w] * len(MU)) for w in np.linspace(1.0, 1.99, 500))
    each = mean_count(BEST)
    assert each < ours <= 1.03 * each
    assert ours < 0.85 * fixed


def test_minimising_the_error_after_fixed_steps_is_arbitrarily_worse():
    """Two tasks; the error hardly feels how slow the slower of two is, the count does."""
    for delta in (1e-2, 1e-4, 1e-6):

        def rho(w, task, delta=delta):
            return 0.52 * w + (task == 1) * (1 - delta) * (1 - w)

        def iterations(w, task, rho=rho):
            return log(EPS) / log(max(rho(w, task), 1e-300))

        options = {"bounds": (0.0, 1.0), "rng": 0, "rtol": 0.0}
        by_error = lx.relaxation.fit_meta_parameters(
            np.ones((2, 1)), lambda w, task, rho=rho: rho(w, task) + 1e-12, **options
        )
        by_count = lx.relaxation.fit_meta_parameters(np.ones((2, 1)), iterations, **options)
        worse, better = (
            np.mean([iterations(float(np.clip(fit.theta[0], 0, 1)), t) for t in (0, 1)])
            for fit in (by_error, by_count)
        )
        assert better < 30
        assert worse > 5 / delta


def test_the_result_is_what_it_claims():
    fit = lx.relaxation.fit_meta_parameters(
        np.ones((len(MU), 1)), lambda w, task: count(w, MU[task]), bounds=(1.0, 1.99), rng=0
    )
    omega = float(np.clip(fit.theta[0], 1.0, 1.99))
    assert fit.value == mean_count([omega] * len(MU)) == pytest.approx(min(fit.history), rel=0.2)
    near = min(
        mean_count([np.clip(omega + step, 1.0, 1.99)] * len(MU))
        for step in (-0.0198, -0.00099, 0.00099, 0.0198)
    )
    assert 1 - near / fit.value <= 0.01
    assert fit.residual == pytest.approx(max(1 - near / fit.value, 0), abs=1e-3)
    assert fit.evaluations >= len(MU) * len(fit.history)
    assert len(fit.history) == fit.iterations + 1


def test_one_seed_one_fit(leg):
    if leg.is_complex:
        return
    features = leg.asarray(np.stack([np.ones(5), np.arange(5.0)], axis=1))
    one, two = (
        lx.relaxation.fit_meta_parameters(
            features, lambda w, task: 5 + (w - task) ** 2, bounds=(0.0, 6.0), rng=3
        )
        for _ in range(2)
    )
    assert leg.matches(one.theta) and one.theta.dtype == leg.dtype
    np.testing.assert_array_equal(leg.to_numpy(one.theta), leg.to_numpy(two.theta))
    assert one.value <= 5.1


def test_features_that_depend_on_each_other():
    features = np.stack([np.ones(5), np.arange(5.0), 2 * np.arange(5.0) + 1], axis=1)
    fit = lx.relaxation.fit_meta_parameters(
        features, lambda w, task: 5 + (w - task) ** 2, bounds=(-1.0, 6.0), rng=3
    )
    assert fit.value <= 5.1
    assert np.all(np.abs(fit.theta) < 10)


def test_start_and_callback():
    seen = []
    fit = lx.relaxation.fit_meta_parameters(
        np.ones((2, 1)),
        lambda w, task: 3 + (w - 1) ** 2,
        bounds=(0.0, 4.0),
        start=np.asarray([1.0]),
        rng=0,
        callback=seen.append,
    )
    assert seen[0].k == 0 and float(seen[0].x[0]) == pytest.approx(1.0)
    assert seen[0].residual == 3.0
    assert fit.value == 3.0

    def stop(state):
        raise StopIteration

    stopped = lx.relaxation.fit_meta_parameters(
        np.ones((2, 1)), lambda w, task: 3.0, bounds=(0.0, 4.0), callback=stop
    )
    assert stopped.status is lx.Status.STOPPED


def test_a_fit_that_is_not_finished_warns():
    with pytest.warns(lx.ConvergenceWarning, match="a neighbour would save"):
        fit = lx.relaxation.fit_meta_parameters(
            np.ones((1, 1)), lambda w, task: 1 + 100 * w, bounds=(0.0, 1.0), maxiter=1, rng=0
        )
    assert not fit.converged and fit.residual > 0.01


def test_divergence_is_never_chosen():
    fit = lx.relaxation.fit_meta_parameters(
        np.ones((1, 1)),
        lambda w, task: np.nan if w > 0.6 else 10 - 5 * w,
        bounds=(0.0, 1.0),
        rng=0,
        rtol=0.02,
    )
    assert np.isfinite(fit.value)
    assert 0.5 < float(fit.theta[0]) <= 0.6


@pytest.mark.parametrize(
    ("features", "options", "error", "message"),
    [
        (np.ones((2, 1)), {"bounds": (1.0, 1.0)}, ValueError, "bounds must be finite"),
        (np.ones((2, 1)), {"bounds": 3}, TypeError, "bounds must be two numbers"),
        (np.ones((0, 1)), {"bounds": (0, 1)}, ValueError, "features must be real"),
        (np.zeros((2, 1)), {"bounds": (0, 1)}, ValueError, "features must not all be zero"),
        (np.ones((2, 1)), {"bounds": (0, 1), "start": [1.0, 2.0]}, ValueError, "start must have"),
        (np.ones((2, 1)), {"bounds": (0, 1), "method": "adam"}, ValueError, "method must be one"),
        (np.ones((2, 1)), {"bounds": (0, 1), "accuracy": 2.0}, ValueError, "accuracy must lie in"),
    ],
)
def test_refused(features, options, error, message):
    with pytest.raises(error, match=message):
        lx.relaxation.fit_meta_parameters(features, lambda w, task: 1.0, **options)


def test_predictions(leg):
    if leg.is_complex:
        with pytest.raises(TypeError, match="rho must be real"):
            lx.relaxation.predicted_iterations(leg.asarray([0.5]))
        return
    rho = leg.asarray([0.1, 0.5, 0.0, 1.0, 1.5, -0.1])
    predicted = leg.to_numpy(lx.relaxation.predicted_iterations(rho))
    expected = [9.0, 1 + log(EPS) / log(0.5), 1.0, np.inf, np.inf, 9.0]
    np.testing.assert_allclose(predicted, expected, rtol=20 * leg.eps)


def test_gradients_of_predictions():
    torch = pytest.importorskip("torch")
    rho = torch.tensor([0.0, 0.3, 0.9, 1.2], dtype=torch.float64, requires_grad=True)
    lx.relaxation.predicted_iterations(rho)[1:3].sum().backward()
    slopes = [-log(EPS) / (x * log(x) ** 2) for x in (0.3, 0.9)]
    np.testing.assert_allclose(rho.grad[1:3], slopes, rtol=1e-12)
    assert torch.all(torch.isfinite(rho.grad))


def test_costs_that_are_not_positive_are_named():
    with pytest.raises(ValueError, match="cost must give positive numbers"):
        lx.relaxation.fit_meta_parameters(
            np.ones((2, 1)), lambda w, task: w - 1.3, bounds=(1.0, 2.0), rng=0
        )


def test_bound_of_the_count_of_sweeps():
    """τ of SOR on 10 × 10 points is 0.17, and with it no count is above the prediction."""
    a = lx.gallery.poisson2d(10).toarray()
    lower, b = np.tril(a, -1), np.random.default_rng(0).standard_normal(100)
    counts, rates, taus = [], [], []
    for omega in np.linspace(1.0, 1.95, 20):
        c = np.eye(100) - a @ np.linalg.inv(4.0 * np.eye(100) / omega + lower)
        k = lx.relaxation.sor(a, b, omega=omega, criterion="r0", rtol=1e-8).iterations
        rho = max(abs(np.linalg.eigvals(c)))
        mean = np.linalg.norm(np.linalg.matrix_power(c, k - 1), 2) ** (1 / (k - 1))
        counts.append(k)
        rates.append(rho)
        taus.append((mean - rho) / (1 - rho))
    assert 0.165 <= max(taus) <= 0.18
    bound = lx.relaxation.predicted_iterations(np.array(rates), tau=max(taus))
    assert np.all(np.array(counts) <= bound)
    assert np.any(np.array(counts) > lx.relaxation.predicted_iterations(np.array(rates)))
