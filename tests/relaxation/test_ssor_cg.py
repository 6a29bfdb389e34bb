"""SSOR-preconditioned conjugate gradients: known counts in all orderings, two forms, honesty."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from krylov_problems import dense, gap, heat_total, neumann, poisson

import linalgx as lx
from linalgx import ConvergenceWarning, PerformanceWarning, Status

ssor_cg = lx.relaxation.ssor_cg
FORMS = pytest.mark.parametrize("eisenstat", [True, False])


@FORMS
@pytest.mark.parametrize(("omega", "count"), [(1.0, 74), (1.5, 46), (1.9, 33), (1.9064, 33)])
def test_natural_order(omega, count, eisenstat):
    a, b = poisson(63)
    result = ssor_cg(a, b, omega=omega, eisenstat=eisenstat)
    assert result.converged and result.iterations == count and result.omega == omega
    assert gap(a, result.x, b) <= 1e-8


@pytest.mark.parametrize(("omega", "count"), [(1.0, 74), (1.9, 33)])
def test_levels_are_the_natural_order(omega, count):
    a, b = poisson(63)
    result = ssor_cg(a, b, omega=omega, ordering="level", eisenstat=False)
    assert result.iterations == count


def test_two_colors_take_omega_one():
    a, b = poisson(63)
    with pytest.warns(PerformanceWarning, match="two colours"):
        result = ssor_cg(a, b, omega=1.5, ordering="multicolor")
    assert result.iterations == 95 and result.omega == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ssor_cg(a, b, ordering="multicolor").iterations == 95


def colored(m, count):
    """Poisson's matrix, rows grouped by (column + s·row) mod count, s**2 ≈ count."""
    i, j = np.divmod(np.arange(m * m), m)
    side = int(np.sqrt(count))
    order = np.argsort((i % side) * side + j % side, kind="stable")
    a, b = poisson(m)
    return sp.csr_array(a[order][:, order]), b[order]


@pytest.mark.parametrize(
    ("count", "omega", "steps"),
    [(4, 1.0, 83), (4, 1.5, 91), (4, 1.9, 137), (64, 1.0, 78), (64, 1.5, 64), (64, 1.9, 104)],
)
def test_colored_numberings(count, omega, steps):
    a, b = colored(63, count)
    assert abs(ssor_cg(a, b, omega=omega).iterations - steps) <= 1


@pytest.mark.parametrize(("omega", "steps"), [(1.0, 95), (1.5, 121), (1.9, 174)])
def test_red_black_numbering(omega, steps):
    """Given as the natural order of a permuted matrix, any ω is allowed."""
    m = 63
    i, j = np.divmod(np.arange(m * m), m)
    order = np.argsort((i + j) % 2, kind="stable")
    a, b = poisson(m)
    a = sp.csr_array(a[order][:, order])
    assert abs(ssor_cg(a, b[order], omega=omega).iterations - steps) <= 1


def test_bound_of_axelsson():
    m = 31
    a, b = poisson(m)
    mu = np.cos(np.pi / (m + 1))
    kappa, eps = (1 + mu) / (1 - mu), 1e-8
    for omega in (1.0, 1.6, 1.8):
        inner = (1 + (2 - omega) ** 2 / (4 * omega * (1 - mu))) / (2 - omega)
        rate = -np.log(1 - 2 / (1 + np.sqrt(inner)))
        bound = 1 + np.log(np.sqrt(kappa) / eps + np.sqrt(kappa / eps**2 - 1)) / rate
        assert ssor_cg(a, b, omega=omega).iterations <= bound


@FORMS
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_preconditioner_is_one_symmetric_sweep(dtype, eisenstat):
    """A single step goes along z = M⁻¹b, formed here from the triangles."""
    a, b = poisson(9)
    turn = np.exp(1j * np.arange(81)) if dtype == "complex128" else np.ones(81)
    full = turn[:, None] * a.toarray() * np.conj(turn)
    full = (full + np.conj(full.T)) / 2
    b, w = turn * b, 1.3
    d, low = np.diag(np.diag(full)), np.tril(full, -1)
    k = d / w + low
    m = k @ np.linalg.inv(d) @ np.conj(k.T) * w / (2 - w)
    z = np.linalg.solve(m, b)
    expected = np.vdot(b, z) / np.vdot(z, full @ z) * z
    with pytest.warns(ConvergenceWarning):
        result = ssor_cg(sp.csr_array(full), b, omega=w, maxiter=1, eisenstat=eisenstat)
    np.testing.assert_allclose(result.x, expected, rtol=1e-12, atol=1e-14)
    with pytest.warns(ConvergenceWarning):
        result = ssor_cg(full, b, omega=w, maxiter=1)
    np.testing.assert_allclose(result.x, expected, rtol=1e-12, atol=1e-14)


def test_every_leg(leg):
    a, b = dense(leg)
    result = ssor_cg(a, b)
    assert result.converged and leg.matches(result.x)
    rtol = 1e-8 if leg.eps < 1e-10 else 1e-5
    assert gap(leg.to_numpy(a), leg.to_numpy(result.x), leg.to_numpy(b)) <= rtol
    assert abs(result.iterations - (11 if leg.eps < 1e-10 else 8)) <= 1


def test_both_forms_agree_on_a_weighted_graph():
    rng = np.random.default_rng(3)
    n = 400
    i, j = rng.integers(0, n, (2, 1600))
    w = rng.uniform(0.1, 3.0, 1600)
    links = sp.coo_array((w, (i, j)), shape=(n, n))
    links = sp.csr_array(links + links.T)
    links.setdiag(0.0)
    a = sp.csr_array(sp.diags_array(links.sum(axis=1) + 0.01) - links)
    b = rng.standard_normal(n)
    one, two = (ssor_cg(a, b, omega=1.2, eisenstat=e) for e in (True, False))
    assert one.iterations == two.iterations
    np.testing.assert_allclose(one.history, two.history, rtol=1e-6)
    np.testing.assert_allclose(one.x, two.x, atol=1e-8 * np.abs(one.x).max())


@FORMS
def test_history_is_the_true_residual(eisenstat):
    a, b = poisson(20)
    seen = []

    def note(state):
        seen.append((state.residual, np.linalg.norm(b - a @ state.x)))

    watched = ssor_cg(a, b, omega=1.6, callback=note, eisenstat=eisenstat)
    alone = ssor_cg(a, b, omega=1.6, eisenstat=eisenstat)
    np.testing.assert_allclose(*zip(*seen, strict=True), rtol=1e-6)
    np.testing.assert_allclose(watched.history, alone.history, rtol=1e-12)
    inf = ssor_cg(a, b, omega=1.6, norm="inf", eisenstat=eisenstat)
    assert np.abs(b - a @ inf.x).max() <= 1e-8 * np.abs(b).max()


@FORMS
def test_single_precision_does_not_claim_more_than_it_has(eisenstat):
    a, b = poisson(127)
    a, b = a.astype(np.float32), b.astype(np.float32)
    with pytest.warns(ConvergenceWarning, match="stagnated"):
        result = ssor_cg(a, b, rtol=1e-7, eisenstat=eisenstat)
    assert result.status is Status.STAGNATED and result.x.dtype == np.float32
    assert gap(a, result.x, b) < 5e-6 and result.iterations < 200
    easy = ssor_cg(a, b, eisenstat=eisenstat)
    assert easy.converged and gap(a, easy.x, b) <= 1e-5


@FORMS
def test_unattainable_tolerance_stagnates(eisenstat):
    a, b = poisson(31)
    with pytest.warns(ConvergenceWarning, match="stagnated"):
        result = ssor_cg(a, b, rtol=0.0, eisenstat=eisenstat)
    assert gap(a, result.x, b) < 1e-14 and result.iterations < 200


@FORMS
def test_columns_stand_still_once_converged(eisenstat):
    a, b = poisson(20)
    block = np.stack([b, 0 * b, a @ np.ones(400)], axis=1)
    result = ssor_cg(a, block, omega=1.5, eisenstat=eisenstat)
    alone = [ssor_cg(a, block[:, j], omega=1.5, eisenstat=eisenstat) for j in range(3)]
    assert result.iterations == max(r.iterations for r in alone)
    for j, r in enumerate(alone):
        np.testing.assert_allclose(result.x[:, j], r.x, atol=1e-12)


@FORMS
def test_indefinite_is_said(eisenstat):
    a, b = poisson(20)
    with pytest.warns(ConvergenceWarning, match="indefinite"):
        result = ssor_cg(a - 2 * sp.eye_array(400), b, omega=1.2, eisenstat=eisenstat)
    assert result.status is Status.BREAKDOWN and np.all(np.isfinite(result.x))


def test_diagonal_must_be_positive():
    a = sp.csr_array(np.diag([1.0, -2.0, 3.0]))
    with pytest.raises(lx.LinAlgError, match=r"positive diagonal, got others in 1 rows \(1\)"):
        ssor_cg(a, np.ones(3))


@FORMS
def test_semidefinite_and_consistent(eisenstat):
    a, b = neumann()
    result = ssor_cg(a, b, eisenstat=eisenstat)
    assert result.converged and gap(a, result.x, b) <= 1e-8
    assert result.iterations < 40


def rough(m: int, spread: float) -> sp.csr_array:
    """Five-point stencil whose coefficients are lognormal, each by itself."""
    rng, number = np.random.default_rng(0), np.arange(m * m).reshape(m, m)
    pairs = [(number[1:], number[:-1]), (number[:, 1:], number[:, :-1])]
    i, j = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    weights = np.exp(spread * rng.standard_normal(i.size))
    i, j, weights = np.concatenate([i, j]), np.concatenate([j, i]), np.tile(weights, 2)
    diagonal = np.bincount(i, weights) + 0.01
    own = np.arange(m * m)
    entries = (np.concatenate([diagonal, -weights]), (np.concatenate([own, i]),
                                                      np.concatenate([own, j])))  # fmt: skip
    return sp.csr_array(sp.coo_array(entries))


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("dense", [False, True])
def test_omega_for_rough_coefficients_and_permuted_rows(spread, dense):
    """The term c of Axelsson's bound; without it ω is near 1.9 and counts are twice as large."""
    m = 12 if dense else 40
    a, b = rough(m, spread), np.random.default_rng(1).standard_normal(m * m)
    a = a.toarray() if dense else a
    best = min(ssor_cg(a, b, omega=1.0 + 0.1 * k).iterations for k in range(10))
    assert ssor_cg(a, b).iterations <= 1.15 * best + 1
    permuted, b = poisson(31)
    rows = np.random.default_rng(2).permutation(961)
    permuted = permuted[rows][:, rows]
    best = min(ssor_cg(permuted, b, omega=1.0 + 0.1 * k).iterations for k in range(10))
    assert ssor_cg(permuted, b).iterations <= 1.15 * best + 1


def test_estimates_of_omega_are_cheap_and_good():
    for m, best in ((63, 32), (127, 46)):
        a, b = poisson(m)
        for name in ("ssor", "young"):
            result = ssor_cg(a, b, omega=name)
            assert result.iterations <= best + 2
            more = 9 if name == "ssor" else 8
            assert result.matvecs == ssor_cg(a, b, omega=result.omega).matvecs + more
    prepared = lx.relaxation.prepare(a)
    first, second = (ssor_cg(prepared, b) for _ in range(2))
    assert second.omega == first.omega and second.matvecs == first.matvecs - 9
    third = ssor_cg(prepared.update_values(1.01 * a.data), b)
    known = ssor_cg(prepared, b, omega=third.omega)
    assert third.matvecs == known.matvecs + 4  # it begins with the vector found before


def test_tuner_chooses_and_is_told():
    a, b = poisson(20)
    tuner = lx.relaxation.TsallisINF([1.0, 1.6], rng=0)
    counts = {1.0: set(), 1.6: set()}
    for _ in range(6):
        result = ssor_cg(a, b, omega=tuner)
        counts[result.omega].add(result.iterations)
    assert len(tuner.history) == 6
    assert all(r.cost in counts[r.value] for r in tuner.history)


@pytest.mark.parametrize("omega", [0.0, 2.0, -1.0, np.nan])
def test_omega_must_lie_between_zero_and_two(omega):
    with pytest.raises(ValueError, match=r"omega must lie in \(0, 2\)"):
        ssor_cg(np.eye(2), np.ones(2), omega=omega)


def test_operators_are_refused():
    with pytest.raises(TypeError, match="rows"):
        ssor_cg(lx.LinearMap(np.eye(3)), np.ones(3))


@FORMS
def test_callback_stops(eisenstat):
    a, b = poisson(20)

    def stop(state):
        if state.k == 3:
            raise StopIteration

    result = ssor_cg(a, b, omega=1.5, callback=stop, eisenstat=eisenstat)
    assert result.status is Status.STOPPED and result.iterations == 3


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_tiny(n, make):
    a = sp.csr_array((0, 0)) if n == 0 and make is sp.csr_array else make(3.0 * np.eye(n))
    result = ssor_cg(a, np.ones(n))
    assert result.converged and result.iterations == n
    np.testing.assert_allclose(result.x, np.ones(n) / 3)


def test_maxiter_is_counted_exactly():
    a, b = poisson(31)
    for most in (0, 1, 7):
        with pytest.warns(ConvergenceWarning, match="maxiter"):
            result = ssor_cg(a, b, omega=1.5, maxiter=most)
        assert result.iterations == most and len(result.history) == most + 1


@pytest.mark.parametrize(("omega", "total"), [(1.0, 495), (1.5, 928), (1.4, 905), ("young", 495)])
def test_heat_equation(omega, total):
    """The first 250 of 5000 steps, which in full take 32 793, 32 318, 29 413 iterations."""

    def solve(a, b, u):
        return ssor_cg(a, b, omega=omega, x0=u, rtol=1e-8)

    assert heat_total(solve, 250) == total
