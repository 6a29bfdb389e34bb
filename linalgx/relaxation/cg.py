"""Conjugate gradients: the best approximation in a growing Krylov space, for definite matrices."""

from dataclasses import dataclass
from functools import partial

from linalgx.relaxation._compiled import compiled_cg, plain_form
from linalgx.relaxation._krylov import (
    REPLACE,
    Apply,
    Preconditioner,
    admit_preconditioner,
    breakdown,
    cast,
    enough,
    is_single,
    starting_residual,
    thresholds,
)
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._scalars import dots, fetch
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping, column_norms
from linalgx.relaxation._system import Ending, System, copied, settle_zeros
from linalgx.results import Status
from linalgx.typing import Array, Callback, MatrixLike, Namespace

__all__ = ["cg"]


def cg(
    a: MatrixLike,
    b: Array,
    /,
    *,
    preconditioner: Preconditioner = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    criterion: str = "b",
    norm: str = "2",
    check_every: int = 1,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> SolveResult:
    """Solve A x = b with a Hermitian positive definite matrix by conjugate gradients.

    The method of choice when products with A are cheap and nothing more is known. With the rows
    of A at hand `ssor_cg` is several times faster; for sequences of systems see `deflated_cg`.

    Parameters
    ----------
    a : array, sparse container, LinearOperator, LinearMap or PreparedMatrix, shape (..., n, n)
        Hermitian, which is not checked; semidefinite will do when `b` lies in its range.
    b : array, shape (..., n) or (..., n, k)
        Right-hand sides.
    preconditioner : matrix, operator or callable, optional
        Applies an approximation of the inverse of A to a block (n, k); Hermitian and definite.
    x0 : array, optional
        Starting guess, of the shape of `b`; zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); ``rtol=None`` stands for 1e-8, or 1e-5 with
        32 bits.
    maxiter : int, optional
        Most iterations; 10 000 when ``None``.
    criterion : str
        ``"b"``, or ``"r0"`` for ‖b − A x₀‖ in the place of ‖b‖.
    norm : str
        ``"2"`` or ``"inf"``.
    check_every : int
        Iterations between two looks at the residual; on a GPU each look waits for the device.
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        Its `residual` is computed from `x`.

    Raises
    ------
    ValueError
        Shapes do not fit.
    TypeError
        Libraries differ.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met. ``reason`` is then ``"indefinite"`` where A or the
        preconditioner turned out not to be definite.

    See Also
    --------
    ssor_cg : With relaxation sweeps as preconditioner.
    deflated_cg : With known vectors taken out.
    chebyshev : Without inner products.

    Notes
    -----
    **Method.** z = M⁻¹r, ρ = rᴴz, p ← z + (ρ/ρ₋) p, α = ρ/pᴴAp, x ← x + αp, r ← r − αAp. The
    recurrence r drifts from b − A x, so a run that believes to be done is checked, with 64 bits
    for 32, and goes on from where it is at most three times; numbers of 32 bits get a new r
    every 50 iterations. Right-hand sides share products and stand still once converged.

    **Cost.** One product, one preconditioner, two inner products and a norm an iteration. Four
    blocks of the size of `b`.

    **Accuracy.** After k iterations the error in the norm of A is at most
    2((√κ − 1)/(√κ + 1))ᵏ times the first, with κ the condition number of M⁻¹A. Residuals of
    about eps·‖A‖·‖x‖ can be attained; less is reported as stagnation.

    **Backends.** See :doc:`/backends`; one synchronisation every `check_every` iterations.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear
       systems", J. Res. Nat. Bur. Standards 49, 1952.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.poisson2d(20)
    >>> result = lx.relaxation.cg(a, a @ np.ones(400))
    >>> result.converged, bool(abs(result.x - 1.0).max() < 1e-7)
    (True, True)
    """
    stopping = Stopping.admit(
        rtol, atol, maxiter, criterion, callback, norm=norm, check_every=check_every
    )

    def run(system: System, stopping: Stopping) -> SolveResult:
        settle_zeros(system)
        plain = preconditioner is None and check_every == 1
        form = plain_form(system.a, xp=system.xp) if plain else None
        if form is not None:
            return honest(partial(compiled_cg, form), system, stopping)
        apply = admit_preconditioner(preconditioner, system)
        return honest(partial(conjugate_gradients, apply), system, stopping)

    return solve_system(run, a, b, x0, stopping, rows=False, check_finite=check_finite)


@dataclass(slots=True)
class State:
    """Where a run is.

    Attributes
    ----------
    x, r, p : Array
        The blocks of the method.
    rho : Array
        ρ = rᴴz of the step before, zero at the start.
    norms : Array
        ‖r‖ of the columns.
    worst : Array
        Smallest ρ or pᴴAp so far: not positive after a breakdown.
    lost : Array
        How often r had less to do with b − A x than their difference.
    """

    x: Array
    r: Array
    p: Array
    rho: Array
    norms: Array
    worst: Array
    lost: Array


class Extras:
    """What a relative of the method does beside the method."""

    def correct(self, s: State, system: System) -> None:
        """Improve x and r before the first step."""

    def project(self, z: Array) -> Array:
        """Change z before it becomes a direction."""
        return z

    def watch(self, z: Array, rho: Array, alpha: Array) -> None:
        """See what each step found."""


def conjugate_gradients(
    apply: Apply, system: System, x: Array, monitor: Monitor, extras: Extras | None = None
) -> Ending:
    """Run preconditioned conjugate gradients from x."""
    xp, stopping = system.xp, monitor.stopping
    s = begin(starting_residual(system, x), x, stopping, xp=xp)
    status = monitor.begin(fetch([s.norms], xp=xp)[0], s.x)
    bounds = enough(system, monitor)
    limits = thresholds(bounds, s.r, xp=xp)
    replaced = is_single(s.r, xp=xp)
    if extras is not None and status is None:
        extras.correct(s, system)
        s.norms = column_norms(s.r, stopping.norm, xp=xp)
    while status is None:
        due = monitor.due
        step(s, apply, system, limits, stopping, extras)
        if replaced and (monitor.k + 1) % REPLACE == 0:
            replace(s, system, stopping)
        norms = None
        if due:
            norms, worst, lost = fetch([s.norms, s.worst, s.lost], xp=xp)
            if (broken := breakdown(worst)) is not None:
                return s.x, *broken
        status = monitor.step(norms, s.x)
        if status is None and norms is not None and done(norms, bounds, lost):
            status = Status.CONVERGED  # as far as this recurrence can tell
    return s.x, status, ""


def begin(r: Array, x: Array, stopping: Stopping, *, xp: Namespace) -> State:
    """State before the first step."""
    norms = column_norms(r, stopping.norm, xp=xp)
    zero, one = xp.zeros_like(norms), xp.ones_like(norms)
    return State(copied(x, xp=xp), r, xp.zeros_like(r), zero, norms, one, zero)


def step(
    s: State,
    apply: Apply,
    system: System,
    limits: Array,
    stopping: Stopping,
    extras: Extras | None,
) -> None:
    """One iteration for the columns that have not converged."""
    xp = system.xp
    one, zero = xp.ones_like(s.norms), xp.zeros_like(s.norms)
    z = apply(s.r)
    rho = dots(s.r, z, xp=xp)
    beta = rho / xp.where(s.rho > 0, s.rho, one)  # at the start p = 0
    s.p *= cast(beta, z, xp=xp)
    s.p += z if extras is None else extras.project(z)
    q = system.product(s.p)
    curvature = dots(s.p, q, xp=xp)
    active = s.norms > limits
    least = xp.where(active, xp.minimum(curvature, rho), one)
    s.worst = xp.minimum(s.worst, least)
    alpha = rho / xp.where(curvature > 0, curvature, one)
    alpha = cast(xp.where(active & (least > 0), alpha, zero), z, xp=xp)
    if extras is not None:
        extras.watch(z, rho, alpha)
    s.x += alpha * s.p
    s.r -= alpha * q  # q may be the operator's own: not written to
    s.rho = rho
    s.norms = column_norms(s.r, stopping.norm, xp=xp)


def replace(s: State, system: System, stopping: Stopping) -> None:
    """Compute r anew, and note where it was lost."""
    xp = system.xp
    r = system.residual(s.x)
    lost = column_norms(r - s.r, stopping.norm, xp=xp) > s.norms
    s.lost = s.lost + xp.astype(lost, s.lost.dtype)
    s.r, s.norms = r, column_norms(r, stopping.norm, xp=xp)


def done(norms: list[float], bounds: list[float], lost: list[float]) -> bool:
    """Whether every column is small enough, or has twice been found to be rounding errors."""
    return all(n <= bound or k >= 2 for n, bound, k in zip(norms, bounds, lost, strict=True))
