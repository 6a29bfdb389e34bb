"""Gradients through `solve`, against finite differences."""

import warnings

import numpy as np
import pytest
from transport_problems import host, masses

import linalgx as lx

vjp = lx.transport.vjp
EPSILON, STEP = 0.1, 1e-5


def problem(n=5, m=7, mass=1.0):
    rng = np.random.default_rng(0)
    return rng.random((n, m)), mass * masses(n, 1), mass * masses(m, 2)


def solved(c, a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)  # rounding is reached before 1e-15
        return lx.transport.solve(
            c, a, b, epsilon=EPSILON, rtol=1e-15, method="sinkhorn_log", maxiter=3000
        )


def seeds(n=5, m=7):
    rng = np.random.default_rng(3)
    return {
        "plan": rng.standard_normal((n, m)), "f": rng.standard_normal(n),
        "g": rng.standard_normal(m), "value": 0.7,
    }  # fmt: skip


def scalar(result, given):
    """Function with these gradients."""
    names = {"plan": result.plan, "f": result.f, "g": result.g, "value": result.value_kl}
    return sum(np.sum(np.asarray(x) * names[key]) for key, x in given.items())


@pytest.mark.parametrize("mass", [1.0, 3.0])
@pytest.mark.parametrize(
    "keys", [("plan",), ("f",), ("g",), ("value",), ("plan", "f", "g", "value")]
)
def test_finite_differences(keys, mass):
    """In directions that change cost, masses and, equally, their sums."""
    c, a, b = problem(mass=mass)
    given = {key: seeds()[key] for key in keys}
    out = vjp(solved(c, a, b), **given)
    rng = np.random.default_rng(7)
    for _ in range(3):
        dc, da, db = (
            rng.standard_normal(c.shape),
            a * rng.standard_normal(5),
            b * rng.standard_normal(7),
        )
        db = db + b * (da.sum() - db.sum()) / b.sum()
        up, down = (
            scalar(solved(c + t * dc, a + t * da, b + t * db), given) for t in (STEP, -STEP)
        )
        expected = float((out.cost * dc).sum() + out.a @ da + out.b @ db)
        assert (up - down) / (2 * STEP) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_gradient_of_the_value_is_the_plan_and_the_potentials():
    c, a, b = problem()
    result = solved(c, a, b)
    out = vjp(result, value=1.0)
    np.testing.assert_allclose(out.cost, result.plan, atol=1e-15)
    np.testing.assert_allclose(out.a, result.f - EPSILON * np.log(a), atol=1e-13)
    np.testing.assert_allclose(out.b, result.g - EPSILON * np.log(b), atol=1e-13)


def test_what_leaves_the_plan_alone_has_no_gradient():
    """A cost x_i + y_j changes no plan: rows and columns of the gradient of ⟨W, P⟩ sum to zero."""
    c, a, b = problem()
    out = vjp(solved(c, a, b), plan=seeds()["plan"])
    np.testing.assert_allclose(out.cost.sum(0), 0, atol=1e-8)
    np.testing.assert_allclose(out.cost.sum(1), 0, atol=1e-8)
    assert abs(out.a.sum() - out.b.sum()) < 1e-12


def test_every_library(leg):
    if leg.is_complex:
        return
    c, a, b = (leg.asarray(x) for x in problem())
    result = lx.transport.solve(c, a, b, epsilon=EPSILON, rtol=None if leg.eps > 1e-10 else 1e-12)
    given = {k: x if k == "value" else leg.asarray(x) for k, x in seeds().items()}
    out = vjp(result, **given)
    expected = vjp(solved(*problem()), **seeds())
    for got, known in zip(out, expected, strict=True):
        assert leg.matches(got)
        assert got.dtype == c.dtype
        size = np.max(np.abs(known))
        np.testing.assert_allclose(
            host(leg, got), known, atol=(1e-7 if leg.eps < 1e-10 else 5e-3) * size
        )


def test_batches_equal_a_loop():
    c, a, b = problem()
    many = np.stack([c, 2 * c, c[::-1]])
    result = lx.transport.solve(many, a, b, epsilon=EPSILON)
    weights = np.stack([seeds()["plan"]] * 3)
    out = vjp(result, plan=weights)
    for k in range(3):
        one = vjp(lx.transport.solve(many[k], a, b, epsilon=EPSILON), plan=weights[k])
        for got, known in zip(out, one, strict=True):
            np.testing.assert_allclose(got[k], known, atol=1e-6)


def test_empty_bins_have_no_gradient():
    c, a, b = problem()
    a[2], b[4] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    given = seeds()
    out = vjp(lx.transport.solve(c, a, b, epsilon=EPSILON), plan=given["plan"])
    assert out.a[2] == out.b[4] == 0.0
    assert not np.any(out.cost[2]) and not np.any(out.cost[:, 4])
    rows, columns = np.delete(np.arange(5), 2), np.delete(np.arange(7), 4)
    part = lx.transport.solve(c[np.ix_(rows, columns)], a[rows], b[columns], epsilon=EPSILON)
    known = vjp(part, plan=given["plan"][np.ix_(rows, columns)])
    np.testing.assert_allclose(out.cost[np.ix_(rows, columns)], known.cost, atol=1e-7)


def test_costs_that_are_not_stored():
    """The gradient is a map with the same products."""
    rng = np.random.default_rng(0)
    x, y = rng.random((6, 2)), rng.random((8, 2))
    lazy = lx.transport.solve(lx.transport.PointCloudCost(x, y), epsilon=0.2)
    stored = lx.transport.solve(((x[:, None] - y) ** 2).sum(-1), epsilon=0.2)
    f, g = rng.standard_normal(6), rng.standard_normal(8)
    out, known = vjp(lazy, f=f, g=g), vjp(stored, f=f, g=g)
    np.testing.assert_allclose(out.cost @ np.eye(8), known.cost, atol=1e-7)
    np.testing.assert_allclose(out.cost.adjoint @ np.eye(6), known.cost.T, atol=1e-7)
    np.testing.assert_allclose(out.a, known.a, atol=1e-7)
    with pytest.raises(TypeError, match="not stored"):
        vjp(lazy, plan=np.ones((6, 8)))


def test_a_system_that_is_not_solved_is_said():
    c, a, b = problem()
    result = lx.transport.solve(1e4 * c, a, b, epsilon=1.0, method="newton")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = vjp(result, f=seeds()["f"])
    assert np.all(np.isfinite(out.a))
    assert {w.category for w in caught} <= {lx.ConvergenceWarning}


def test_wrong_arguments():
    result = solved(*problem())
    with pytest.raises(TypeError, match="result must be a TransportResult, got tuple"):
        vjp((1, 2))
    with pytest.raises(ValueError, match=r"f must have the shape \(5,\)"):
        vjp(result, f=np.ones(4))
    with pytest.raises(ValueError, match="plan must hold finite numbers"):
        vjp(result, plan=np.full((5, 7), np.nan))
    with pytest.raises(TypeError, match="g has dtype complex128"):
        vjp(result, g=np.ones(7) + 0j)
