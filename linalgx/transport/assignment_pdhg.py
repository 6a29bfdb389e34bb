"""Unregularized transport as a linear program, by first-order primal-dual steps.

Legend: min ⟨C, P⟩ over P ≥ 0 with A P = (P1, Pᵀ1) = (a, b); y = (f, g), Aᵀy = f⊕g, Z = C − f⊕g;
r, s the inverse primal and dual step; (P̃, ỹ) prediction, dP = P − P̃, dy = y − ỹ. ‖A‖² = n + m.
"""

from dataclasses import dataclass
from functools import partial
from math import inf, ldexp
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx._core.scaling import exponent_of, from_unit_scale
from linalgx.backend import eps, host_float, times_power_of_two
from linalgx.errors import ConvergenceWarning, warn
from linalgx.results import IterationState, Result, Status
from linalgx.transport._finish import judged
from linalgx.transport._looped import looped
from linalgx.transport._primal_dual import PrimalDual
from linalgx.transport._problem import admit_problem, balanced
from linalgx.transport._program import Certified, Program, require_finite_cost
from linalgx.transport._stopping import Monitor, Stopping
from linalgx.typing import Array, Callback, Namespace

__all__ = ["AssignmentResult", "assignment_pdhg"]

MAXITER = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AssignmentResult(Result):
    """A feasible plan and feasible potentials, whose values enclose the optimum.

    Attributes
    ----------
    plan : Array, shape (..., n, m)
        Nonnegative, with the marginals of the call up to rounding.
    f, g : Array, shapes (..., n) and (..., m)
        Dual solution: f_i + g_j ≤ C_ij up to rounding, centred so that ⟨a, f⟩ = ⟨b, g⟩.
    cost, lower_bound, gap : float, or Array of shape (...)
        ⟨C, P⟩, ⟨a, f⟩ + ⟨b, g⟩, and their difference. The optimum lies between the two.
    method : str
        The method that was used.
    rejected, restarts : int or Array
        Predictions that did not count, and restarts.
    status, converged, iterations : Status, bool, int
        How it ended; of a batch the worst, and the iterations of the slowest problem.
    residual : float
        KKT error of the returned plan and potentials, computed from them: the largest of
        (‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁)/Σa, max(f⊕g − C)₊/R and gap/(R Σa), R the range of C after the
        c-transform of zero was subtracted; of a batch the largest.
    history : tuple of float
        The same of the iterates, ``k = 0`` first; of the slowest problem.
    """

    plan: Array
    f: Array
    g: Array
    cost: Any
    lower_bound: Any
    gap: Any
    method: str
    rejected: Any
    restarts: Any


def assignment_pdhg(
    cost: Array,
    a: Array | None = None,
    b: Array | None = None,
    /,
    *,
    method: str = "prediction_correction",
    step: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> AssignmentResult:
    """Solve the assignment or transport problem without regularization, with a certificate.

    Products and sums of n×m arrays only, so it suits a GPU, and the result says how far it can be
    from the optimum. On a processor an exact solver (network simplex, Hungarian method) is the
    better choice; the method is here to be studied and compared.

    Parameters
    ----------
    cost : array, shape (..., n, m)
        Finite costs C.
    a, b : array, shapes (..., n) and (..., m), optional
        Masses of equal sums; uniform with sum one when ``None``.
    method : str
        ``"prediction_correction"``, with adaptive steps and restarts, or ``"chambolle_pock"``, the
        primal-dual hybrid gradient method with fixed steps, for comparison.
    step : float, optional
        Product of both step lengths in units of 1/‖A‖², positive: that of the start, or the fixed
        one, which must be at most 1. ``None`` stands for (n + m)²/(2nm), the inverse of the mean
        eigenvalue of A Aᵀ, which is 2 for n = m; or for 0.99.
    rtol : float, optional
        Stop when the residual is at most this. ``None`` stands for eps^0.4: 5.5e-7 or 1.7e-3.
    maxiter : int, optional
        Most iterations, 20 000 when ``None``.
    callback : callable, optional
        Receives an `IterationState` with the predicted plan for each iteration, of a batch for one
        problem after the other.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    AssignmentResult
        ``plan``, ``f``, ``g``, the values, and the KKT error in ``residual``.

    Raises
    ------
    ValueError
        Shapes that do not fit, infinite costs, negative masses, unequal sums, an unknown method, or
        a fixed `step` above 1.
    LinAlgError
        The first iterate is not finite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    solve : Entropic transport; its `lower_bound` and `upper_bound` enclose the same optimum.

    Notes
    -----
    **Method.** P̃ = max(0, P − Z/r), ỹ = y − (A P̃ − (a, b))/s, without extrapolation. With
    φ = r‖dP‖² + ⟨A dP, dy⟩ + s‖dy‖² the prediction counts when φ ≥ 0.1 (r‖dP‖² + s‖dy‖²), which
    is sure for r s ≥ 0.31‖A‖², that is `step` ≤ 3.24; otherwise r and s grow by 1.5 and it is
    repeated. Then (P, y) moves by −1.5 α M(dP, dy), M(dP, dy) = (dP + Aᵀdy/r, dy),
    α = φ/(r‖dP + Aᵀdy/r‖² + s‖dy‖²). After ten predictions that counted r and s shrink by 1.2. When
    the KKT error has fallen by 0.2, the method restarts from the better one of prediction and
    α-weighted average, and r/s becomes the geometric mean of itself and (‖Δy‖/‖ΔP‖)² since the last
    restart. The proposal of average-spectrum steps is Xu and He's; acceptance, steps and restarts
    are our construction. At the end the plan is rounded to feasibility (Altschuler, Weed and
    Rigollet) and f replaced by a c-transform, so that no error is left but the gap.

    **Cost.** Some fifteen passes over n×m entries an iteration, eight arrays of the size of `cost`.
    Random assignment, n = 100, to 1e-6: 345, 537 and 690 iterations on three instances;
    Chambolle-Pock needs 2768 on the second one. Batches run one after the other.

    **Accuracy.** `cost` exceeds the optimum by at most `gap`, up to rounding of size n·eps·max|C|.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration.

    References
    ----------
    Xu and He, arXiv 2603.00644. Chambolle and Pock, A First-Order Primal-Dual Algorithm for
    Convex Problems with Applications to Imaging, 2011. Altschuler, Weed, Rigollet, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import assignment_pdhg
    >>> c = np.asarray([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]])
    >>> result = assignment_pdhg(c)
    >>> print(round(3 * result.cost, 5), result.gap < 1e-5, result.converged)
    5.0 True True
    """
    xp, c, a, b = admit_problem(cost, a, b, 1.0, check_finite=check_finite)
    require_finite_cost(c, check_finite=check_finite, xp=xp)
    fixed = choose(method, METHODS, "method")
    stopping = Stopping.admit(rtol, maxiter, callback, eps(c, xp=xp) ** (0.4 / 0.575))
    n, m = c.shape[-2:]
    one = partial(_solve, method=method, product=_admit_step(step, fixed, n, m), xp=xp)
    result = looped(one, (c, a, b), tuple(c.shape[:-2]), stopping, xp=xp)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"the KKT error {result.residual:.1e} is above {stopping.rtol:.1e} after "
            f"{result.iterations} iterations; a larger maxiter or rtol helps",
            ConvergenceWarning,
        )
    return result


METHODS = {"prediction_correction": False, "chambolle_pock": True}
"""Whether the steps are fixed."""


def _solve(
    c: Array, a: Array, b: Array, stopping: Stopping, *, method: str, product: float, xp: Namespace
) -> AssignmentResult:
    """Solve one problem."""
    a1, b1, mass = balanced(a, b, xp=xp)
    exponent = exponent_of(c, xp=xp)
    program = Program.of(times_power_of_two(c, -exponent, xp=xp), a1, b1, xp=xp)
    total = host_float(mass)
    monitor = Monitor(_in_user_units(stopping, total), MAXITER)
    run = PrimalDual(program, monitor, METHODS[method], product)
    status = run.solve()
    found = program.certified(run.best)
    status = judged(status, found.residual, stopping.rtol)
    return _named(found, run, status, method, total, exponent)


def _admit_step(step: float | None, fixed: bool, n: int, m: int) -> float:
    """Return r·s at the start, from the product of the step lengths in units of 1/‖A‖²."""
    usual = 0.99 if fixed else (n + m) ** 2 / max(2 * n * m, 1)
    high = 1.0 if fixed else inf
    ends = "(]" if fixed else "()"
    return (n + m) / (usual if step is None else admit_real(step, "step", 0.0, high, ends=ends))


def _in_user_units(stopping: Stopping, mass: float) -> Stopping:
    """Make the observer see plans of the caller's mass."""
    show = stopping.callback
    if show is None:
        return stopping
    return Stopping(
        stopping.rtol,
        stopping.maxiter,
        lambda state: show(IterationState(state.k, mass * state.x, state.residual)),
    )


def _named(
    found: Certified, run: PrimalDual, status: Status, method: str, mass: float, exponent: int
) -> AssignmentResult:
    """Name the answer in the units of the caller."""
    xp, (p, f, g) = run.program.xp, found.point
    f, g = (from_unit_scale(x, exponent, xp=xp) for x in (f, g))
    cost, lower = (mass * _times(x, exponent) for x in (found.cost, found.lower))
    return AssignmentResult(
        plan=mass * p,
        f=f,
        g=g,
        cost=cost,
        lower_bound=lower,
        gap=mass * _times(found.cost - found.lower, exponent),
        method=method,
        rejected=run.rejected,
        restarts=run.restarts,
        status=status,
        iterations=run.monitor.iterations,
        residual=found.residual,
        history=tuple(run.monitor.history),
    )


def _times(value: float, exponent: int) -> float:
    """Multiply by 2^exponent; infinity where that is too large."""
    try:
        return ldexp(value, exponent)
    except OverflowError:
        return inf
