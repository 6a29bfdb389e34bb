"""Dictionaries of histograms in the Wasserstein distance, with atoms of rank one.

Legend: X_n histograms on a d-dimensional grid; atoms ⊗_l u_k⁽ˡ⁾, u_k⁽ˡ⁾ columns k of the factors
U⁽ˡ⁾; codes h_nk. All columns of factors and rows of codes lie in the simplex.
"""

from dataclasses import dataclass
from math import inf

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.scaling import exponent_of
from linalgx.backend import (
    as_arrays,
    as_generator,
    eps,
    host_float,
    is_complex,
    times_power_of_two,
    uniform,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.results import Result, Status
from linalgx.transport._blocks import Block, Dictionary, code_block, factor_block, proximal_step
from linalgx.transport._histograms import Histograms
from linalgx.transport._program import fetch
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Callback, Namespace, RNGLike

__all__ = ["DictionaryResult", "cp_dictionary"]

MAXITER = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DictionaryResult(Result):
    """A dictionary of rank-one atoms and the codes of the data.

    Attributes
    ----------
    factors : tuple of Array, shapes (I_l, K)
        One for each axis, nonnegative, with columns of sum one. Atom k is the outer product of
        their columns k.
    codes : Array, shape (N, K)
        Weights of the atoms in each histogram; its rows sum to the mass of the histogram.
    objective : float
        Σ_n W_γ(X_n, Σ_k h_nk ⊗_l u_k⁽ˡ⁾) of the histograms at mass one.
    objectives : tuple of float
        The same after each cycle, the start first; it never rises.
    status, converged, iterations : Status, bool, int
        How it ended; iterations are cycles over all blocks.
    residual : float
        Largest change of an entry of factors or codes in the steps of the last cycle, also in those
        that were not taken because they would raise the objective.
    history : tuple of float
        The same for each cycle; 1, the largest possible, for the start.
    """

    factors: tuple[Array, ...]
    codes: Array
    objective: float
    objectives: tuple[float, ...]


def cp_dictionary(
    x: Array,
    /,
    rank: int,
    *,
    gamma: float,
    proximal: float = 1e-2,
    rtol: float | None = None,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> DictionaryResult:
    """Learn rank-one atoms whose mixtures are near to histograms in the Wasserstein distance.

    Like a nonnegative CP decomposition, but errors are measured by how far mass must move, so a
    shifted pattern is a small error. For images, spectra and other counts on a small grid.

    Parameters
    ----------
    x : array, shape (N, I_1, ..., I_d)
        N histograms with d ≥ 1 axes: nonnegative, each with a positive sum.
    rank : int
        Number K of atoms, at least 1.
    gamma : float
        Entropic regularization, positive. The cost is the sum over the axes of squared distances,
        each axis having length one.
    proximal : float
        λ, weight of the proximal term, positive.
    rtol : float, optional
        Stop when no entry changes by more than this in a cycle; ``None`` stands for eps^(1/4):
        1.2e-4 or 1.9e-2.
    maxiter : int, optional
        Most cycles, 100 when ``None``.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness of the start.
    callback : callable, optional
        Receives an `IterationState` with the codes, at mass one, for each cycle.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    DictionaryResult
        ``factors``, ``codes`` and ``objectives``.

    Raises
    ------
    ValueError
        Negative or empty histograms, or options out of range.
    LinAlgError
        The objective at the start is not finite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    barycenter : One histogram for many.

    Notes
    -----
    **Method.** Kwon and Lyu: cyclically minimize Σ_n W_γ(X_n, Bθ) + (λ/2)‖θ − θ₀‖² over one
    block θ, the codes or one factor, in the dual: Bᵀ of the potentials g is compared with
    W*_γ(x, g) = γ Σ x_i (log(K e^(g/γ))_i − log x_i), K = e^(−C/γ), by L-BFGS, and θ is the
    projection of θ₀ − Bᵀg/λ onto the simplices. W_γ = min ⟨C, P⟩ + γ Σ P log P is then computed by
    Sinkhorn's sweeps, and a block that would raise the objective, by rounding or an early end of
    L-BFGS, keeps its old value: that safeguard is ours.

    **Cost.** Each evaluation of a dual: two sums over N·I·ΣI_l exponentials, I = ∏ I_l; up to 600
    of them a block. Arrays of N·I·max I_l numbers.

    **Accuracy.** W_γ is a dual value, so a lower bound, its marginals met to eps^0.4 or after 1000
    sweeps at the latest; on small grids it agrees with plain scaling to 1e-5. The problem is not
    convex: the answer depends on `rng`, and only a stationary point can be hoped for.

    **Backends.** See :doc:`/backends`; functions and gradients are computed where the data are,
    the optimizer runs on the host, in double precision.

    References
    ----------
    Kwon, Lyu, Complexity of Block Coordinate Descent with Proximal Regularization and its
    Application to Wasserstein CP-dictionary Learning, arXiv 2306.02420.

    Examples
    --------
    Mixtures of two bumps are recognized:

    >>> import numpy as np
    >>> from linalgx.transport import cp_dictionary
    >>> atoms = np.asarray([[0.8, 0.2, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.2, 0.8]])
    >>> x = np.asarray([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]) @ atoms
    >>> result = cp_dictionary(x, 2, gamma=0.05, rtol=1e-2, rng=0)
    >>> print(np.sort(result.codes[1]).round(2), result.converged)
    [0.5 0.5] True
    """
    xp, x = _admit(x, check_finite=check_finite)
    rank = admit_integer(rank, "rank", 1)
    gamma = admit_real(gamma, "gamma", ends="()")
    proximal = admit_real(proximal, "proximal", ends="()")
    unit = eps(x, xp=xp) ** (0.25 / 0.575)
    stopping = Stopping.admit(rtol, maxiter, callback, unit)
    exponent = exponent_of(xp.reshape(x, (x.shape[0], -1)), xp=xp)
    x = times_power_of_two(x, -exponent, xp=xp)
    mass = xp.sum(xp.reshape(x, (x.shape[0], -1)), axis=1)
    shape = (x.shape[0], *[1] * (x.ndim - 1))
    data = Histograms.of(x / xp.reshape(mass, shape), gamma, xp=xp)
    run = _Run(data, _start(data, rank, rng), proximal, Monitor(stopping, MAXITER))
    status = run.solve()
    result = DictionaryResult(
        factors=tuple(run.found.factors),
        codes=times_power_of_two(mass[:, None] * run.found.codes, exponent, xp=xp),
        objective=run.objectives[-1],
        objectives=tuple(run.objectives),
        status=status,
        iterations=run.monitor.iterations,
        residual=run.monitor.history[-1],
        history=tuple(run.monitor.history),
    )
    if status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"entries still change by {result.residual:.1e}, more than {stopping.rtol:.1e}, after "
            f"{result.iterations} cycles; a larger maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


def _admit(x: Array, *, check_finite: bool) -> tuple[Namespace, Array]:
    """Admit histograms."""
    xp, (x,) = as_arrays({"x": x}, check_finite=check_finite)
    if x.ndim < 2:
        raise ValueError(
            f"x must be a matrix or a batch of grids, shape (N, I_1, ..., I_d), "
            f"got shape {tuple(x.shape)}"
        )
    if is_complex(x, xp=xp):
        raise TypeError(f"x has dtype {x.dtype}; accepted are float32, float64, integer and bool")
    if 0 in x.shape:
        raise ValueError(f"x must hold at least one histogram, got shape {tuple(x.shape)}")
    if bool(xp.any(x < 0)):
        raise ValueError(f"x must hold masses, at least zero, got {host_float(xp.min(x)):.3e}")
    if bool(xp.any(xp.max(xp.reshape(x, (x.shape[0], -1)), axis=1) == 0)):
        raise ValueError("x must hold histograms with a positive sum, got one without mass")
    return xp, x


def _start(data: Histograms, rank: int, rng: RNGLike) -> Dictionary:
    """Positive random codes, and factors between the mean marginals and random ones."""
    xp, generator, x = data.xp, as_generator(rng), data.x
    codes = 0.5 + uniform((int(x.shape[0]), rank), generator, like=x, xp=xp)
    factors = []
    for axis, size in enumerate(x.shape[1:]):
        moved = xp.reshape(xp.moveaxis(x, axis + 1, 0), (int(size), -1))
        mean = xp.sum(moved, axis=1) / x.shape[0]
        noise = uniform((int(size), rank), generator, like=x, xp=xp)
        factor = mean[:, None] * noise + 0.1 / size
        factors.append(factor / xp.sum(factor, axis=0, keepdims=True))
    return Dictionary(codes / xp.sum(codes, axis=1, keepdims=True), factors)


class _Run:
    """Cycles over all blocks; `g` are potentials of the current histograms."""

    __slots__ = ("data", "found", "g", "monitor", "objectives", "proximal")

    def __init__(
        self, data: Histograms, found: Dictionary, proximal: float, monitor: Monitor
    ) -> None:
        self.data, self.found, self.proximal, self.monitor = data, found, proximal, monitor
        zero = data.xp.zeros_like(data.x)
        objective, self.g = self._value(found.product(xp=data.xp), zero)
        if not abs(objective) < inf:
            raise LinAlgError(f"the objective at the start is {objective}")
        self.objectives = [objective]

    def solve(self) -> Status:
        """Cycle until the monitor ends it."""
        error = 1.0
        while True:
            status = self.monitor.step(error, self.found.codes)
            if status is not None:
                return status
            before, error, value = self.found, 0.0, self.objectives[-1]
            for block in range(len(self.found.factors) + 1):
                change, value = self._improve(self._block(block), value)
                error = max(error, change)
            self.objectives.append(value)
            if self.found is before and error > self.monitor.stopping.rtol:
                status = self.monitor.note(error, self.found.codes)
                return Status.STAGNATED if status in (None, Status.MAXITER) else status

    def _block(self, which: int) -> Block:
        xp = self.data.xp
        if which == 0:
            return code_block(self.found, xp=xp)
        return factor_block(self.found, which - 1, xp=xp)

    def _improve(self, block: Block, value: float) -> tuple[float, float]:
        """Step in one block; returns its largest change, also of one refused, and the objective."""
        xp = self.data.xp
        theta, g = proximal_step(block, self.data, self.g, self.proximal)
        change = host_float(xp.max(xp.abs(theta - block.theta)))
        there, g = self._value(block.push(theta), g)
        if not there <= value:
            return change, value
        self.found, self.g = block.put(theta), g
        return change, there

    def _value(self, y: Array, g: Array) -> tuple[float, Array]:
        values, g = self.data.values(y, g)
        return fetch([self.data.xp.sum(values)], xp=self.data.xp)[0], g
