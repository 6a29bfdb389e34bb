"""The simulator of the quantum linear solver against the statevector of its circuit."""

from math import pi

import numpy as np
import pytest

import linalgx as lx


def circuit(a, b, clock, time, constant, signed=False):
    """State after the circuit, gate by gate: clock ⊗ system, post-selected ancilla and clock."""
    n, count = len(b), 2**clock
    w, v = np.linalg.eigh(a)
    k = np.arange(count)
    state = np.kron(np.full(count, count**-0.5), b / np.linalg.norm(b)).reshape(count, n)
    powers = np.exp(1j * np.outer(k, w) * time / count)
    evolve = np.einsum("ij,tj,kj->tik", v, powers, v.conj())
    fourier = np.exp(-2j * pi * np.outer(k, k) / count) / count**0.5
    state = fourier @ np.einsum("tik,tk->ti", evolve, state)
    label = np.where(k >= count / 2, k - count, k) if signed else k
    with np.errstate(divide="ignore"):
        angle = np.where(k > 0, constant / (2 * pi * label / time), 0.0)
    state = angle[:, None] * state  # the part with the ancilla in 1
    probability = np.linalg.norm(state) ** 2
    state = fourier.conj().T @ state
    state = np.einsum("tki,tk->ti", evolve.conj(), state)
    kept = np.full(count, count**-0.5) @ state  # Hadamard gates, then the clock in 0
    return kept, probability


def test_two_by_two_anchor(leg):
    """Exact phases 1 and 2 of 4: x = (3/8, 9/8), |x|² in the ratio 1 : 9."""
    a = leg.asarray([[1.0, -1 / 3], [-1 / 3, 1.0]])
    out = lx.relaxation.hhl(a, leg.asarray([0.0, 1.0]), clock=2, time=3 * pi, constant=2 / 3)
    assert leg.matches(out.x)
    assert out.x.dtype == leg.dtype
    x, state = leg.to_numpy(out.x), leg.to_numpy(out.state)
    np.testing.assert_allclose(x, [3 / 8, 9 / 8], atol=10 * leg.eps)
    np.testing.assert_allclose(np.abs(state) ** 2, [0.1, 0.9], atol=10 * leg.eps)
    assert out.probability == pytest.approx(5 / 8, abs=10 * leg.eps)
    assert out.clock_probability == pytest.approx(1.0, abs=10 * leg.eps)


def test_default_constant_is_the_largest():
    a, b = np.asarray([[1.0, -1 / 3], [-1 / 3, 1.0]]), np.asarray([0.0, 1.0])
    one = lx.relaxation.hhl(a, b, clock=2, time=3 * pi)
    assert one.probability == pytest.approx(5 / 8)
    half = lx.relaxation.hhl(a, b, clock=2, time=3 * pi, constant=1 / 3)
    np.testing.assert_allclose(half.x, one.x)
    assert half.probability == pytest.approx(5 / 32)
    with pytest.raises(ValueError, match="constant must be at most"):
        lx.relaxation.hhl(a, b, clock=2, time=3 * pi, constant=0.7)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("clock", [1, 3, 5])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_amplitudes_are_those_of_the_circuit(clock, signed, dtype):
    rng = np.random.default_rng(clock)
    g = rng.standard_normal((4, 4)) + (1j * rng.standard_normal((4, 4)) if dtype[0] == "c" else 0)
    a = (g + g.conj().T) / 2 if signed else g @ g.conj().T + np.eye(4)
    b, time = rng.standard_normal(4).astype(dtype), 5.0
    out = lx.relaxation.hhl(a, b, clock=clock, time=time, signed=signed)
    kept, probability = circuit(a, b, clock, time, 2 * pi / time, signed)
    size = np.linalg.norm(b) / (2 * pi / time)
    np.testing.assert_allclose(out.x, kept * size, atol=1e-12 * size)
    np.testing.assert_allclose(out.state, kept / np.linalg.norm(kept), atol=1e-12)
    assert out.probability == pytest.approx(probability)
    together = np.linalg.norm(kept) ** 2 / probability
    assert out.clock_probability == pytest.approx(together)


@pytest.mark.parametrize("signed", [False, True])
def test_exact_phases_give_the_solution(leg, signed):
    """Eigenvalues that are integers times 2π/t₀ leave no error but rounding."""
    w = np.array([1.0, 3.0, -4.0, 7.0]) if signed else np.array([1.0, 3.0, 5.0, 7.0])
    v = leg.isometry(4, 4)
    host = (v * w) @ v.conj().T
    a, b = leg.asarray((host + host.conj().T) / 2), leg.randn(4, seed=4)
    out = lx.relaxation.hhl(a, b, clock=4, time=2 * pi, signed=signed)
    x = np.linalg.solve(host, leg.to_numpy(b))
    np.testing.assert_allclose(leg.to_numpy(out.x), x, atol=300 * leg.eps)
    beta = v.conj().T @ leg.to_numpy(b)
    expected = np.sum(np.abs(beta) ** 2 / w**2) / np.sum(np.abs(beta) ** 2)
    assert out.probability == pytest.approx(float(expected), rel=1e3 * leg.eps)


def test_more_clock_qubits_bring_more_accuracy():
    rng = np.random.default_rng(0)
    g = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    a, b = (g * np.linspace(1, 3, 5)) @ g.T, rng.standard_normal(5)
    x = np.linalg.solve(a, b)
    errors = [
        np.linalg.norm(lx.relaxation.hhl(a, b, clock=c).x - x) / np.linalg.norm(x)
        for c in (6, 10, 14)
    ]  # fall like log N / N
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[1] / 8
    assert errors[2] < 1e-3


def test_negative_eigenvalues_need_the_sign():
    a, b = np.diag([1.0, -2.0]), np.asarray([1.0, 1.0])
    out = lx.relaxation.hhl(a, b, clock=3, time=2 * pi, signed=True)
    np.testing.assert_allclose(out.x, [1.0, -0.5], atol=1e-13)
    wrong = lx.relaxation.hhl(a, b, clock=3, time=2 * pi)
    np.testing.assert_allclose(wrong.x, [1.0, 1 / 6], atol=1e-13)  # −2 is read as 8 − 2


def test_refusals():
    a, b = np.diag([1.0, 2.0]), np.ones(2)
    with pytest.raises(ValueError, match="a must be Hermitian"):
        lx.relaxation.hhl(np.asarray([[1.0, 2.0], [0.0, 1.0]]), b)
    with pytest.raises(ValueError, match="b must have shape"):
        lx.relaxation.hhl(a, np.ones(3))
    with pytest.raises(ValueError, match="clock must be at most 16"):
        lx.relaxation.hhl(a, b, clock=17)
    with pytest.raises(ValueError, match="clock must be at least 2 when signed"):
        lx.relaxation.hhl(a, b, clock=1, signed=True)
    with pytest.raises(lx.LinAlgError, match="b is zero"):
        lx.relaxation.hhl(a, 0 * b)
    with pytest.raises(lx.LinAlgError, match="a is zero"):
        lx.relaxation.hhl(0 * a, b)
