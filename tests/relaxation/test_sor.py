"""Successive over-relaxation: known numbers, Young's theory, honest endings."""

from math import log, pi, sin

import numpy as np
import pytest
import scipy.sparse as sp

import linalgx as lx

sor = lx.relaxation.sor

WIKIPEDIA = np.asarray([[4.0, -1, -6, 0], [-5, -4, 10, 8], [0, 9, 4, -2], [1, 0, -7, 5]])
RIGHT = np.asarray([2.0, 21, -12, -6])


def best(m):
    return 2.0 / (1.0 + sin(pi / (m + 1)))


def poisson(m):
    return lx.gallery.poisson2d(m)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.bsr_array])
@pytest.mark.parametrize("ordering", ["natural", "level"])
def test_the_example_of_wikipedia(container, ordering):
    """A negative diagonal entry, not symmetric, and it converges."""
    with pytest.warns(lx.ConvergenceWarning):
        first = sor(container(WIKIPEDIA), RIGHT, omega=0.5, maxiter=1, ordering=ordering)
    np.testing.assert_allclose(first.x, [0.25, -2.78125, 1.62890625, 0.515234375], rtol=1e-15)
    r = sor(container(WIKIPEDIA), RIGHT, omega=0.5, rtol=1e-12, ordering=ordering)
    np.testing.assert_allclose(r.x, [3.0, -2.0, 2.0, 1.0], rtol=1e-10)
    assert r.converged and r.omega == 0.5


def test_solves_on_every_leg(leg):
    a = 4.0 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
    if leg.is_complex:
        a = a + 0.5j * (np.eye(12, k=1) - np.eye(12, k=-1))
    a, b = leg.asarray(a), leg.randn(12, 3)
    for ordering in ("natural", "multicolor", "level"):
        for omega in ("young", 1.2):
            r = sor(a, b, omega=omega, ordering=ordering)
            assert r.converged and leg.matches(r.x)
            gap = leg.to_numpy(a) @ leg.to_numpy(r.x) - leg.to_numpy(b)
            assert np.linalg.norm(gap, axis=0).max() <= 1.01 * r.residual + 100 * leg.eps


def test_sweeps_of_the_model_problem():
    r = sor(poisson(31), np.ones(961), omega=best(31), criterion="r0")
    assert (r.iterations, r.reason, len(r.history)) == (121, "converged", 122)
    assert r.history[0] == 31.0 and r.residual <= 31.0 * 1e-8
    assert r.matvecs == 2 * 121 + 1  # sweeps, a residual each, and the last word


@pytest.mark.parametrize("m", [31, 63])
def test_the_log_corrected_law(m):
    """At ω* the iteration matrix is defective: k (ω* − 1)ᵏ = 1e-8."""
    k = 100.0
    for _ in range(50):
        k = (log(1e-8) - log(k)) / log(best(m) - 1.0)
    r = sor(poisson(m), np.ones(m * m), omega=best(m), criterion="r0")
    assert abs(r.iterations / k - 1.0) <= 0.03


def test_the_formula_is_the_optimum_of_a_scan():
    omegas = best(15) + np.linspace(-0.06, 0.06, 13)
    counts = [sor(poisson(15), np.ones(225), omega=w, criterion="r0").iterations for w in omegas]
    assert np.argmin(counts) == 6
    assert counts[0] > 1.1 * counts[-1] > 1.1 * counts[6]  # too small is worse than too large


def iteration_matrix(a, omega):
    d, low = np.diag(np.diag(a)), np.tril(a, -1)
    return np.eye(len(a)) - np.linalg.solve(d / omega + low, a)


@pytest.mark.parametrize("omega", [0.7, 1.3, 1.7])
def test_the_radius_of_the_iteration_matrix(omega):
    """Columns of one sweep over the identity; ρ by Young's formula, never below |ω − 1|."""
    m = 7
    a = poisson(m)
    with pytest.warns(lx.ConvergenceWarning):
        c = sor(a, np.zeros((49, 49)), x0=np.eye(49), omega=omega, maxiter=1, criterion="r0").x
    np.testing.assert_allclose(c, iteration_matrix(a.toarray(), omega), atol=1e-14)
    mu = np.cos(pi / (m + 1))
    if omega <= best(m):
        exact = 0.25 * (omega * mu + np.sqrt(omega**2 * mu**2 - 4 * (omega - 1))) ** 2
    else:
        exact = omega - 1
    radius = np.max(np.abs(np.linalg.eigvals(c)))
    assert radius == pytest.approx(exact, abs=1e-10)


def test_kahans_bound():
    rng = np.random.default_rng(0)
    for omega in (0.3, 1.0, 1.6, 1.95):
        a = rng.standard_normal((12, 12)) + 4.0 * np.eye(12)
        b = np.zeros((12, 12))
        with pytest.warns(lx.ConvergenceWarning):
            a = sp.csr_array(a)
            c = sor(a, b, x0=np.eye(12), omega=omega, maxiter=1, criterion="r0").x
        assert np.max(np.abs(np.linalg.eigvals(c))) >= abs(omega - 1.0) - 1e-12


@pytest.mark.parametrize("omega", [0.0, 2.0, -1.0, 2.5, float("nan"), float("inf")])
def test_numbers_that_cannot_converge_are_refused(omega):
    with pytest.raises(ValueError, match=r"omega must lie in \(0, 2\)"):
        sor(np.eye(2), np.ones(2), omega=omega)


def test_symmetric_sweeps_depend_on_omega():
    a, b = poisson(15), np.random.default_rng(0).standard_normal(225)
    counts = [
        sor(a, b, omega=omega, symmetric=True, rtol=1e-6).iterations for omega in (0.6, 1.0, 1.4)
    ]
    assert counts[0] > 2 * counts[1] > 3 * counts[2]


def test_indefinite_matrices_diverge_and_say_so():
    a = poisson(15) - 1.0 * sp.eye_array(225)
    for omega in (1.5, "young"):
        with pytest.warns(lx.ConvergenceWarning, match="diverged"):
            r = sor(a, np.ones(225), omega=omega)
        assert (r.status, r.reason) == (lx.Status.DIVERGED, "diverged")
        assert r.iterations < 100


def neumann(m):
    """Five-point Laplacian without boundary values: constants are its null space."""
    t = np.diag(np.r_[1.0, 2.0 * np.ones(m - 2), 1.0]) - np.eye(m, k=1) - np.eye(m, k=-1)
    return sp.csr_array(sp.kron(t, sp.eye_array(m)) + sp.kron(sp.eye_array(m), t))


@pytest.mark.parametrize("symmetric", [False, True])
def test_semidefinite_matrices_with_a_consistent_right_side(symmetric):
    b = np.random.default_rng(0).standard_normal(225)
    b -= b.mean()
    r = sor(neumann(15), b, symmetric=symmetric)
    assert r.converged
    assert 1.6 < r.omega < 1.9
    assert np.linalg.norm(neumann(15) @ r.x - b) <= 1e-8 * np.linalg.norm(b)


def test_a_right_side_that_the_iteration_hardly_sees():
    """The smallest eigenvector of the residual propagator at 1.4 takes far fewer sweeps."""
    a = poisson(10)
    dense, omega = a.toarray(), 1.4
    d, low = np.diag(np.diag(dense)), np.tril(dense, -1)
    w, v = np.linalg.eig(np.eye(100) - dense @ np.linalg.inv(d / omega + low))
    easy = np.real(v[:, np.argmin(np.abs(w))])
    usual = np.random.default_rng(0).standard_normal(100)
    few, many = (sor(a, b, omega=omega, criterion="r0").iterations for b in (easy, usual))
    assert 2 * few < many


def test_the_long_tail_near_two():
    b = np.random.default_rng(0).standard_normal(225)
    r = sor(poisson(15), b, omega=1.99)
    assert r.converged and r.iterations > 20 * sor(poisson(15), b).iterations


def test_the_best_of_float32():
    b = np.random.default_rng(0).standard_normal(961)
    a = poisson(31).astype(np.float32)
    r = sor(a, b.astype(np.float32))
    assert r.converged and r.x.dtype == np.float32
    x = r.x.astype(float)
    assert np.linalg.norm(poisson(31) @ x - b.astype(np.float32)) <= 1e-5 * np.linalg.norm(b)


def test_complex_sides_of_real_matrices():
    a, b = poisson(7), np.random.default_rng(0).standard_normal((2, 49))
    both = sor(a, b[0] + 1j * b[1], omega=1.4, rtol=1e-10)
    parts = [sor(a, x, omega=1.4, rtol=1e-10).x for x in b]
    np.testing.assert_allclose(both.x, parts[0] + 1j * parts[1], atol=1e-8)


def test_hermitian_complex_matrices():
    turn = np.exp(0.4j) * np.eye(20, k=1)
    a = 2.0 * np.eye(20) - turn - turn.conj().T
    b = np.ones(20) + 0.5j
    for x in (a, sp.csr_array(a)):
        r = sor(x, b)
        assert r.converged
        assert r.omega == pytest.approx(2 / (1 + np.sin(pi / 21)), rel=1e-3)


def test_several_right_sides_are_single_ones():
    a, b = poisson(9), np.random.default_rng(0).standard_normal((81, 4))
    r = sor(a, b, omega=1.5)
    singles = [sor(a, b[:, k], omega=1.5, rtol=1e-13).x for k in range(4)]
    np.testing.assert_allclose(r.x, np.stack(singles, axis=1), atol=1e-6)
    counts = [sor(a, b[:, k], omega=1.5).iterations for k in range(4)]
    assert r.iterations == max(counts)


def test_batches_of_dense_matrices():
    a = np.stack([poisson(4).toarray(), 2.0 * poisson(4).toarray()])
    b = np.ones((2, 16))
    r = sor(a, b)
    np.testing.assert_allclose(r.x[0], 2.0 * r.x[1], rtol=1e-6)


def test_integers_become_floats():
    a = np.asarray([[4, 1], [1, 3]])
    for x in (a, sp.csr_array(a)):
        r = sor(x, np.asarray([1, 2]), rtol=1e-12)
        np.testing.assert_allclose(r.x, [1 / 11, 7 / 11], rtol=1e-10)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("ordering", ["natural", "multicolor", "level"])
def test_empty_and_single(container, ordering):
    r = sor(container(np.zeros((0, 0))), np.zeros(0), ordering=ordering)
    assert r.converged and r.iterations == 0 and r.x.shape == (0,)
    r = sor(container(np.asarray([[4.0]])), np.asarray([2.0]), ordering=ordering)
    assert r.x[0] == 0.5 and r.iterations == 1 and r.omega == 1.0


def test_nothing_to_do():
    r = sor(poisson(5), np.zeros(25))
    assert r.converged and r.iterations == 0 and not np.any(r.x)
    x = np.arange(25.0)
    r = sor(poisson(5), poisson(5) @ x, x0=x)
    assert r.iterations == 0


def test_callbacks_see_every_sweep_and_may_stop():
    a, b, seen = poisson(9), np.ones(81), []
    r = sor(a, b, omega=1.5, callback=lambda s: seen.append((s.k, s.residual, s.x.copy())))
    assert [k for k, _, _ in seen] == list(range(r.iterations + 1))
    assert tuple(residual for _, residual, _ in seen) == r.history
    for _, residual, x in seen[::7]:
        assert residual == pytest.approx(np.linalg.norm(b - a @ x), rel=1e-9)

    def stop(state):
        if state.k == 5:
            raise StopIteration

    stopped = sor(a, b, omega=1.5, callback=stop)
    assert (stopped.status, stopped.iterations) == (lx.Status.STOPPED, 5)


@pytest.mark.parametrize("ordering", ["natural", "multicolor"])
def test_callbacks_see_the_callers_numbering(ordering):
    a, b, last = poisson(5), np.arange(25.0), []
    r = sor(a, b, omega=1.3, ordering=ordering, callback=lambda s: last.append(s.x.copy()))
    np.testing.assert_array_equal(last[-1], r.x)


def test_residuals_are_looked_at_seldom():
    a, b = poisson(15), np.ones(225)
    often, seldom = (sor(a, b, omega=1.6, check_every=k) for k in (1, 10))
    assert seldom.iterations == -(-often.iterations // 10) * 10
    assert seldom.matvecs < 0.6 * often.matvecs
    looked = [k for k, norm in enumerate(seldom.history) if norm == norm]
    assert looked == list(range(0, seldom.iterations + 1, 10))
    assert seldom.history[10] == often.history[10]


def test_maxiter_is_looked_at_in_any_case():
    with pytest.warns(lx.ConvergenceWarning, match="maxiter"):
        r = sor(poisson(15), np.ones(225), omega=1.6, check_every=10, maxiter=7)
    assert r.iterations == 7 and r.history[-1] == r.history[-1]
    assert r.residual == pytest.approx(r.history[-1])


def test_the_largest_entry_as_norm():
    a, b = poisson(9), np.linspace(-1.0, 3.0, 81)
    r = sor(a, b, omega=1.5, norm="inf", rtol=1e-6)
    assert np.max(np.abs(a @ r.x - b)) <= 3e-6
    assert r.history[0] == 3.0


def test_extreme_scales():
    a, b = poisson(7), np.ones(49)
    plain = sor(a, b, omega=1.4)
    for e in (-900, 900):
        r = sor(a * 2.0**e, b * 2.0**e, omega=1.4)
        assert r.iterations == plain.iterations
        np.testing.assert_array_equal(r.x, plain.x)


def test_a_tuner_is_asked_and_told():
    tuner = lx.relaxation.Fixed(1.5)
    r = sor(poisson(9), np.ones(81), omega=tuner)
    assert r.omega == 1.5
    assert [(t.value, t.cost) for t in tuner.history] == [(1.5, r.iterations)]
    with pytest.raises(ValueError, match="context is for a tuner"):
        sor(poisson(9), np.ones(81), omega=1.5, context=0.1)


def test_zero_right_hand_sides_need_no_sweep():
    """Unless the first residual is what counts: then the errors of the guess are watched."""
    a, x0 = poisson(5), np.ones(25)
    r = sor(a, np.zeros(25), x0=x0)
    assert r.converged and r.iterations == 0 and not np.any(r.x)
    watched = sor(a, np.zeros(25), x0=x0, criterion="r0")
    assert watched.converged and watched.iterations > 3 and np.any(watched.x)


def test_a_stopped_batch_goes_no_further():
    a = np.stack([poisson(4).toarray()] * 3)
    seen = []

    def stop(state):
        seen.append(state.k)
        if len(seen) == 3:
            raise StopIteration

    r = sor(a, np.ones((3, 16)), omega=1.5, callback=stop)
    assert r.status is lx.Status.STOPPED and seen == [0, 1, 2]
    assert np.any(r.x[0]) and not np.any(r.x[1:]) and r.residual == 4.0
