"""The quantum linear solver of Harrow, Hassidim and Lloyd, simulated on a classical machine.

Legend: A = V diag(λ) Vᴴ, N = 2^(clock qubits), t₀ the evolution time, λ_k = 2πk/t₀ the eigenvalue
that clock state k stands for, α_kj its amplitude in the state of eigenvector j.
"""

from math import pi
from typing import NamedTuple

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.hermitian import require_hermitian
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import as_arrays, as_matrix, device_of, eigh, eps, host_float
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


class HHLResult(NamedTuple):
    """What the circuit would prepare.

    Attributes
    ----------
    x : Array
        The solution that its state stands for, scaled as A⁻¹ b.
    state : Array
        Amplitudes of the normalized state after both measurements.
    probability : float
        Chance that the ancilla is found in the state 1.
    clock_probability : float
        Chance that the clock is then found in the state 0; one when the phases are exact.
    """

    x: Array
    state: Array
    probability: float
    clock_probability: float


def hhl(
    a: Array,
    b: Array,
    /,
    *,
    clock: int = 6,
    time: float | None = None,
    constant: float | None = None,
    signed: bool = False,
    check_finite: bool = True,
) -> HHLResult:
    """Simulate the quantum algorithm for linear systems, exactly and without noise.

    To see what the algorithm returns: which accuracy a number of clock qubits buys, and how
    rarely the measurement succeeds when the condition number is large. To solve a system, use a
    solver.

    Parameters
    ----------
    a : array, shape (n, n)
        Hermitian up to rounding.
    b : array, shape (n,)
        Right-hand side, not zero.
    clock : int
        Clock qubits n_c, from 1 to 16; there are N = 2^n_c phases.
    time : float, optional
        Evolution time t₀. ``None`` puts the largest eigenvalue onto the largest phase,
        t₀ = 2π (N − 1)/max|λ|, or with N/2 − 1 when `signed`.
    constant : float, optional
        C of the rotation by C/λ_k; 2π/t₀, the smallest |λ_k|, when ``None``, and not above it.
    signed : bool
        Whether phases from N/2 on stand for negative eigenvalues, which indefinite matrices need.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    HHLResult
        ``x``, ``state``, ``probability``, ``clock_probability``.

    Raises
    ------
    ValueError
        `a` is not Hermitian, shapes do not fit, or `constant` is too large.
    LinAlgError
        b is zero, or the measurement can never succeed.

    See Also
    --------
    cg : Solves such systems.

    Notes
    -----
    **Method.** Phase estimation gives α_kj = (1/N) Σ_τ exp(iτ(λ_j t₀/N − 2πk/N)), τ < N. The
    ancilla is rotated to amplitude C/λ_k, the estimation undone, and the clock measured as 0:
    x = (1/C) Σ_j v_j (v_jᴴ b) Σ_k |α_kj|² C/λ_k. The phase k = 0 is not rotated.

    **Cost.** One eigendecomposition and an array of n N amplitudes.

    **Accuracy.** Exact up to rounding when all λ_j t₀/2π are integers from 1 to N − 1 (when signed,
    of size 1 to N/2 − 1). Otherwise the phases leak, eigenvalues below 2π/t₀ are lost, and those
    out of range are taken for others: negative ones for large ones when not signed.

    **Backends.** See :doc:`/backends`; two synchronisations.

    References
    ----------
    Harrow, Hassidim, Lloyd, Quantum Algorithm for Linear Systems of Equations, 2009,
    arXiv 0811.3171.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = np.asarray([[1.0, -1.0 / 3.0], [-1.0 / 3.0, 1.0]])
    >>> out = lx.relaxation.hhl(a, np.asarray([0.0, 1.0]), clock=2, time=3 * math.pi)
    >>> print(out.x.round(6), round(out.probability, 6))
    [0.375 1.125] 0.625
    """
    xp, (a, b) = as_arrays({"a": a, "b": b}, check_finite=check_finite)
    as_matrix(a, "a", square=True, check_finite=False)
    if a.ndim != 2:
        raise ValueError(f"a must be one matrix, shape (n, n), got shape {tuple(a.shape)}")
    if tuple(b.shape) != (a.shape[0],):
        raise ValueError(f"b must have shape ({a.shape[0]},), got {tuple(b.shape)}")
    clock = admit_integer(clock, "clock", 1)
    if clock > 16:
        raise ValueError(f"clock must be at most 16, got {clock}")
    a, exponent = to_unit_scale(a, xp=xp)
    w, v = eigh(require_hermitian(a, "a", xp=xp), xp=xp)
    w = from_unit_scale(w[None, :], exponent, xp=xp)[0, :]
    time = _time(w, clock, signed, xp=xp) if time is None else admit_real(time, "time", ends="()")
    least = 2.0 * pi / time
    constant = least if constant is None else admit_real(constant, "constant", ends="()")
    if not constant <= least * (1.0 + 1e-6):
        raise ValueError(f"constant must be at most 2π/time = {least:.6g}, got {constant:.6g}")
    b, exponent = to_unit_scale(b[:, None], xp=xp)
    out = _measure(w, v, b[:, 0], 2**clock, time, constant, signed, xp=xp)
    return out._replace(x=from_unit_scale(out.x[:, None], exponent, xp=xp)[:, 0])


def _time(w: Array, clock: int, signed: bool, *, xp: Namespace) -> float:
    """Put the largest eigenvalue onto the largest phase."""
    if signed and clock == 1:
        raise ValueError("clock must be at least 2 when signed: one qubit has no positive phase")
    top = host_float(xp.max(xp.abs(w))) if w.shape[0] else 1.0
    if not top > 0.0:
        raise LinAlgError("a is zero; no evolution time resolves its eigenvalues")
    phases: int = (2**clock // 2 if signed else 2**clock) - 1
    return 2.0 * pi * phases / top


def _measure(
    w: Array,
    v: Array,
    b: Array,
    count: int,
    time: float,
    constant: float,
    signed: bool,
    *,
    xp: Namespace,
) -> HHLResult:
    """Follow the amplitudes of all eigenvectors through the circuit."""
    k = xp.arange(count, dtype=w.dtype, device=device_of(w))
    weights = _leakage(w[:, None] * (time / (2.0 * pi)) - k[None, :], count, xp=xp)
    label = xp.where(k >= count / 2, k - count, k) if signed else k
    rotated = k > 0.0
    angle = (constant * time / (2.0 * pi)) / xp.where(rotated, label, xp.ones_like(k))
    angle = xp.where(rotated, angle, xp.zeros_like(k))
    size = xp.linalg.vector_norm(b)
    if not bool(size > 0.0):
        raise LinAlgError("b is zero or not finite; it cannot be a state")
    beta = (xp.conj(v).mT @ b) / xp.astype(size, b.dtype)
    kept = xp.astype(weights @ angle, b.dtype) * beta
    success = host_float(xp.sum(xp.abs(beta) ** 2 * (weights @ angle**2)))
    norm = xp.linalg.vector_norm(kept)
    clock_zero = host_float(norm)
    if not (success > 0.0 and clock_zero > 0.0):
        raise LinAlgError("the measurement never succeeds: no phase of A is resolved")
    state = v @ kept
    scale = xp.astype(size / constant, b.dtype)
    return HHLResult(
        state * scale, state / xp.astype(norm, b.dtype), success, clock_zero**2 / success
    )


def _leakage(x: Array, count: int, *, xp: Namespace) -> Array:
    """Return |α|² for phases that miss by x: (sin πx / (N sin πx/N))², one at multiples of N."""
    turns = x - count * xp.round(x / count)
    below = xp.sin((pi / count) * turns)
    tiny = eps(x, xp=xp)
    near = xp.abs(turns) <= tiny
    ratio = xp.sin(pi * turns) / (count * xp.where(near, xp.ones_like(x), below))
    return xp.where(near, xp.ones_like(x), ratio**2)
