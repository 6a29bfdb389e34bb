"""Transport on the double of CuPy, which keeps host and device apart and counts the trips.

Nothing may cross over unasked, the result is that of NumPy, and iterations run on the device.
"""

from functools import partial

import cupy_double
import numpy as np
import pytest

import linalgx as lx
import linalgx.transport as tr

pytestmark = pytest.mark.thread_unsafe(reason="puts a double of CuPy into sys.modules")

N, M = 24, 20
METHODS = ("auto", "sinkhorn", "sinkhorn_log", "overrelaxed", "anderson", "mdot", "newton")
RNG = np.random.default_rng(0)
X, Y = RNG.random((N, 2)), RNG.random((M, 2))
COST = ((X[:, None, :] - Y[None, :, :]) ** 2).sum(-1)
A, B = RNG.dirichlet(np.full(N, 2.0)), RNG.dirichlet(np.full(M, 2.0))
COSTS, AS, BS = RNG.random((6, 8, 7)), RNG.dirichlet(np.ones(8), 6), RNG.dirichlet(np.ones(7), 6)
LINE, IMAGE = np.linspace(0.0, 1.0, 6), RNG.dirichlet(np.ones(36))
LOGITS = 3.0 * RNG.standard_normal((5, 4, 4))


@pytest.fixture
def cupy(monkeypatch):
    return cupy_double.install(monkeypatch)


def on_host(x):
    """Arrays of the double in a nest as NumPy arrays."""
    return x.get() if isinstance(x, cupy_double.ndarray) else np.asarray(x)


def agree(found, expected, names, rtol=1e-7):
    for name in names:
        here, there = getattr(found, name), getattr(expected, name)
        if isinstance(there, np.ndarray):
            assert type(here) is cupy_double.ndarray, name
        scale = np.max(np.abs(there))
        np.testing.assert_allclose(on_host(here), there, rtol=0.0, atol=rtol * scale, err_msg=name)


@pytest.mark.parametrize("epsilon", [0.1, 1e-3])
@pytest.mark.parametrize("method", METHODS)
def test_solve(cupy, method, epsilon):
    if epsilon < 0.1 and method not in ("auto", "mdot", "newton"):
        pytest.skip("takes thousands of sweeps")
    solve = partial(tr.solve, epsilon=epsilon, method=method)
    found = solve(cupy.asarray(COST), cupy.asarray(A), cupy.asarray(B))
    assert found.converged
    agree(found, solve(COST, A, B), ("plan", "f", "g", "cost", "lower_bound", "upper_bound"))


@pytest.mark.parametrize(
    "method", ["greenkhorn", "apdagd", "sinkhorn_newton", "sns", "ssns", "splr", "proximal"]
)
def test_baselines(cupy, method):
    solve = partial(tr.solve, epsilon=0.1, method=method, rtol=1e-6)
    found = solve(*map(cupy.asarray, (COST, A, B)))
    assert found.converged
    agree(found, solve(COST, A, B), ("plan", "cost"), 1e-4)


def test_solve_in_single_precision(cupy):
    parts = [cupy.asarray(x.astype("float32")) for x in (COST, A, B)]
    for method in ("auto", "mdot", "sinkhorn_log"):
        found = tr.solve(*parts, epsilon=0.02, method=method)
        assert found.converged
        assert found.plan.dtype == found.f.dtype == np.float32
        expected = tr.solve(COST, A, B, epsilon=0.02).plan
        np.testing.assert_allclose(found.plan.get(), expected, atol=1e-3 * expected.max())


def test_hard_cases(cupy):
    c, a, b = COST.copy(), A.copy(), B.copy()
    a[3] = b[5] = 0.0
    a, b = a / a.sum(), b / b.sum()
    c[:5, 7:] = np.inf
    b = 0.9 * b + 0.1 * (np.arange(M) < 7) / 7 * 1.0
    b /= b.sum()
    for method in ("auto", "mdot"):
        found = tr.solve(cupy.asarray(c), cupy.asarray(a), cupy.asarray(b), epsilon=1e-3,
                         method=method)  # fmt: skip
        expected = tr.solve(c, a, b, epsilon=1e-3)
        assert found.converged
        np.testing.assert_allclose(found.plan.get(), expected.plan, atol=1e-8)


@pytest.mark.parametrize("share", [0.5, 1e-2, 1e-3, 1e-5])
def test_auto_is_mdot_where_sweeps_do_not_suffice(cupy, share):
    c = cupy.asarray(COST)
    found = tr.solve(c, cupy.asarray(A), cupy.asarray(B), epsilon=share * COST.max())
    assert found.converged
    assert found.method == ("sinkhorn" if share == 0.5 else "mdot")
    again = tr.solve(c, cupy.asarray(A), cupy.asarray(B), epsilon=share * COST.max(), x0=found)
    assert (again.method, again.converged) == ("mdot", True)
    assert again.iterations <= 2


@pytest.mark.parametrize("method", ["auto", "sinkhorn", "sinkhorn_log", "mdot", "newton"])
@pytest.mark.parametrize("epsilon", [0.2, 5e-3])
def test_batches(cupy, method, epsilon):
    if epsilon < 0.1 and "sinkhorn" in method:
        pytest.skip("takes thousands of sweeps")
    solve = partial(tr.solve, epsilon=epsilon, method=method)
    found = solve(*map(cupy.asarray, (COSTS, AS, BS)))
    assert found.converged
    agree(found, solve(COSTS, AS, BS), ("plan", "f", "g", "cost"), 1e-6)


@pytest.mark.parametrize("epsilon", [0.1, 1e-3])
@pytest.mark.parametrize("stored", [2**22, 1])
def test_clouds(cupy, monkeypatch, epsilon, stored):
    monkeypatch.setattr("linalgx.transport._automatic.STORED", stored)
    monkeypatch.setattr("linalgx.transport._coarse.BINS", 12)
    monkeypatch.setattr("linalgx.transport._mdot.STORED", stored)
    monkeypatch.setattr("linalgx.transport._costs.BLOCK_BYTES", {"host": 2000, "gpu": 2000})
    cost = tr.PointCloudCost(cupy.asarray(X), cupy.asarray(Y))
    expected = tr.solve(COST, A, B, epsilon=epsilon)
    for method in ("auto", "mdot"):
        found = tr.solve(cost, cupy.asarray(A), cupy.asarray(B), epsilon=epsilon, method=method)
        assert found.converged
        agree(found, expected, ("f", "g", "cost", "lower_bound", "upper_bound"), 1e-6)
        np.testing.assert_allclose(
            (found.plan @ cupy.asarray(np.eye(M))).get(), expected.plan, atol=1e-8
        )
    wanted = "mdot" if epsilon < 0.1 else "sinkhorn" if stored > 1 else "overrelaxed"
    assert tr.solve(cost, cupy.asarray(A), cupy.asarray(B), epsilon=epsilon).method == wanted


@pytest.mark.parametrize("axes", [1, 2])
def test_grids(cupy, axes):
    image = IMAGE if axes == 2 else IMAGE[:6] / IMAGE[:6].sum()
    here = tr.GridCost((cupy.asarray(LINE),) * axes)
    for epsilon in (0.1, 2e-4):
        solve = partial(tr.solve, epsilon=epsilon)
        found = solve(here, cupy.asarray(image), cupy.asarray(image[::-1].copy()))
        expected = solve(tr.GridCost((LINE,) * axes), image, image[::-1].copy())
        assert found.converged
        agree(found, expected, ("f", "g", "cost", "upper_bound"), 1e-5)


@pytest.mark.parametrize("method", ["newton", "sinkhorn"])
def test_solve_unbalanced(cupy, method):
    solve = partial(tr.solve_unbalanced, epsilon=0.02, rho=0.3, method=method)
    found = solve(*map(cupy.asarray, (COST, A, 2.0 * B)))
    assert found.converged
    agree(found, solve(COST, A, 2.0 * B), ("plan", "f", "cost", "value", "mass"))


@pytest.mark.parametrize("rho", [None, 0.5])
def test_divergence(cupy, rho):
    value = partial(tr.divergence, epsilon=0.02, rho=rho)
    found = value(*map(cupy.asarray, (X, Y, A, B)))
    names = ("value", "gradient_a", "gradient_b", "gradient_x", "gradient_y")
    agree(found, value(X, Y, A, B), names, 1e-6)


@pytest.mark.parametrize("method", ["log", "scaling", "newton"])
def test_barycenter(cupy, method):
    c = (LINE[:, None] - LINE[None, :]) ** 2
    b = np.random.default_rng(1).dirichlet(np.ones(6), 3)
    find = partial(tr.barycenter, epsilon=0.05, method=method)
    found, expected = find(cupy.asarray(c), cupy.asarray(b)), find(c, b)
    assert found.converged
    np.testing.assert_allclose(found.x.get(), expected.x, atol=1e-8)


def test_solve_constrained(cupy):
    plain = tr.solve(COST, A, B, epsilon=0.05)
    products = X[:, :1] * Y[None, :, 0]  # half way to independence
    d = (0.5 * np.sum((plain.plan + A[:, None] * B) * products) - products)[None]
    solve = partial(tr.solve_constrained, epsilon=0.05)
    found = solve(*map(cupy.asarray, (COST, A, B)), constraints=cupy.asarray(d))
    agree(found, solve(COST, A, B, constraints=d), ("plan", "cost"), 1e-6)


def test_gradients(cupy):
    into = np.random.default_rng(1).random((N, M))
    found = tr.solve(*map(cupy.asarray, (COST, A, B)), epsilon=0.05)
    expected = tr.solve(COST, A, B, epsilon=0.05)
    agree(
        tr.vjp(found, value=1.0, plan=cupy.asarray(into)),
        tr.vjp(expected, value=1.0, plan=into), ("cost", "a", "b"), 1e-5,
    )  # fmt: skip


def test_plans_and_matrices(cupy):
    rough = COST / COST.sum()
    found = tr.round_plan(*map(cupy.asarray, (rough, A, B))).get()
    np.testing.assert_allclose(found, tr.round_plan(rough, A, B), atol=1e-15)
    holes = COSTS * (COSTS > 0.3)
    holes[:, 0, :] = 1.0
    for matrices in (COSTS, holes):
        scaled = tr.scale(cupy.asarray(matrices), on_partial="drop", check_finite=True)
        agree(scaled, tr.scale(matrices, on_partial="drop"), ("d1", "d2", "x"), 1e-9)
    with_zeros = np.where(LOGITS > 4.0, -np.inf, LOGITS)
    for logits in (LOGITS, with_zeros):
        found = tr.project_birkhoff(cupy.asarray(logits)).get()
        np.testing.assert_allclose(found, tr.project_birkhoff(logits), atol=1e-13)
    flat = np.random.default_rng(1).standard_normal((3, 2, 6))
    found = tr.kronecker_birkhoff(cupy.asarray(flat))
    np.testing.assert_allclose(found.get(), tr.kronecker_birkhoff(flat), atol=1e-15)
    x = cupy.asarray(np.ones((3, 9, 2)))
    np.testing.assert_allclose(tr.kronecker_product(cupy.asarray(flat), x).get(), 1.0, atol=1e-14)


def test_programs_and_factors(cupy):
    found, expected = tr.assignment_pdhg(cupy.asarray(COST)), tr.assignment_pdhg(COST)
    assert found.converged
    assert abs(found.cost - expected.cost) <= found.gap + expected.gap
    for cost in (COST, (X, Y)):
        here = tuple(map(cupy.asarray, cost)) if isinstance(cost, tuple) else cupy.asarray(cost)
        agree(tr.low_rank(here, rank=3, rng=0), tr.low_rank(cost, rank=3, rng=0), ("q", "cost"),
              1e-4)  # fmt: skip


def test_light_bridge(cupy):
    learn = partial(tr.light_bridge, epsilon=0.1, components=2, rng=0)
    found, expected = learn(cupy.asarray(X), cupy.asarray(Y)), learn(X, Y)
    agree(found, expected, ("means", "scales"), 1e-3)
    sample = found.sample(cupy.asarray(X), rng=0)
    assert type(sample) is cupy_double.ndarray


def test_cp_dictionary(cupy):
    histograms = np.random.default_rng(1).dirichlet(np.ones(5), 3)
    learn = partial(tr.cp_dictionary, rank=2, gamma=0.05, rtol=1e-2, rng=0)
    found, expected = learn(cupy.asarray(histograms)), learn(histograms)
    assert abs(found.objective - expected.objective) <= 1e-3 * abs(expected.objective)


def trips_of(solve, most):
    """Trips to the host of a run of so many iterations."""
    cupy_double.trips[0] = 0
    assert solve(maxiter=most).iterations == most
    return cupy_double.trips[0]


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log"])
@pytest.mark.parametrize("shape", ["one", "batch", "cloud", "grid"])
def test_ten_sweeps_ask_the_device_once_for_each_number(cupy, method, shape):
    """One look at the error, one at the size of the scalings."""
    parts = [cupy.asarray(x) for x in ((COSTS, AS, BS) if shape == "batch" else (COST, A, B))]
    if shape == "cloud":
        parts[0] = tr.PointCloudCost(cupy.asarray(X), cupy.asarray(Y))
    if shape == "grid":
        image = cupy.asarray(IMAGE)
        parts = [tr.GridCost((cupy.asarray(LINE),) * 2), image, cupy.flip(image)]
    solve = partial(tr.solve, *parts, epsilon=0.02, method=method, rtol=1e-300)
    numbers = 1 if shape in ("cloud", "grid") or (method, shape) == ("sinkhorn_log", "one") else 2
    assert trips_of(solve, 200) - trips_of(solve, 100) <= numbers * 10


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
@pytest.mark.parametrize("shape", ["one", "batch"])
def test_a_newton_step_asks_rarely(cupy, monkeypatch, shape):
    """Once for the error, once for each length of the step, once in ten conjugate gradients."""
    counted = []

    def counting(apply, *args, **options):
        x, steps = original(apply, *args, **options)
        counted.append(steps)
        return x, steps

    import linalgx.transport._mdot as module

    original = module.frozen_gradients
    monkeypatch.setattr(module, "frozen_gradients", counting)
    parts = [cupy.asarray(x) for x in ((COSTS, AS, BS) if shape == "batch" else (COST, A, B))]
    cupy_double.trips[0] = 0
    found = tr.solve(*parts, epsilon=1e-3, method="mdot", rtol=1e-9)
    assert found.converged
    assert sum(counted) > 5 * len(counted) > 0
    steps = sum(steps // 10 + 1 for steps in counted)
    spare = 20 + found.iterations  # before and after; halved steps
    assert cupy_double.trips[0] <= 2 * found.iterations + steps + spare


@pytest.mark.filterwarnings("ignore::linalgx.ConvergenceWarning")
def test_a_step_of_scaling_asks_twice(cupy):
    """Who is done, and whether the linear systems could be solved."""
    wide = cupy.asarray(np.exp(8.0 * np.random.default_rng(2).standard_normal((4, 9, 9))))
    trips = []
    for most in (2, 5):
        cupy_double.trips[0] = 0
        assert tr.scale(wide, maxiter=most).iterations == most
        trips.append(cupy_double.trips[0])
    assert trips[1] - trips[0] == 2 * 3


def test_the_double_counts_what_waits_unasked(cupy):
    x = cupy.asarray(np.arange(3.0))
    for ask, trips in (
        (lambda: cupy.clip(x, 0.0, 1.0), 2),
        (lambda: x[x > 1.0], 1),
        (lambda: cupy.nonzero(x), 1),
        (lambda: lx.backend.solve(cupy.eye(3), x[:, None], xp=cupy), 1),
        (lambda: cupy.exp(x) @ x, 0),
    ):
        cupy_double.trips[0] = 0
        ask()
        assert cupy_double.trips[0] == trips
