"""The minimizer on the host that bridges and dictionaries use."""

import numpy as np
import pytest

from linalgx.backend import minimize_smooth


def rosenbrock(x):
    gap = x[1:] - x[:-1] ** 2
    slope = np.zeros_like(x)
    slope[:-1] = -400 * x[:-1] * gap - 2 * (1 - x[:-1])
    slope[1:] += 200 * gap
    return float(np.sum(100 * gap**2 + (1 - x[:-1]) ** 2)), slope


@pytest.mark.parametrize("n", [2, 10, 50])
def test_a_curved_valley(n):
    found = minimize_smooth(rosenbrock, np.full(n, -0.9), gtol=1e-9, maxiter=1000)
    np.testing.assert_allclose(found.x, 1.0, rtol=0, atol=1e-8)
    assert found.history[-1] <= 1e-9
    assert len(found.history) < 8 * n + 80


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_quadratics_of_every_scale(scale):
    d = scale * np.logspace(-1, 1, 30)

    def bowl(x):
        return 0.5 * float(d @ (x - 1) ** 2), d * (x - 1)

    found = minimize_smooth(bowl, np.zeros(30), gtol=1e-10 * scale, maxiter=1000)
    np.testing.assert_allclose(found.x, 1.0, rtol=0, atol=2e-9)
    assert len(found.history) < 120


def test_limits_and_observers():
    start = np.full(5, -0.9)
    assert len(minimize_smooth(rosenbrock, start, gtol=0.0, maxiter=3).history) == 4
    seen = []
    stopped = minimize_smooth(
        rosenbrock, start, gtol=0.0, maxiter=9, observe=lambda k, x, size: seen.append(k) or k == 2
    )
    assert seen == [0, 1, 2]
    assert stopped.stopped

    flat = minimize_smooth(lambda x: (0.0, 0 * x), start, gtol=0.0, maxiter=9)
    assert flat.history == (0.0,)
