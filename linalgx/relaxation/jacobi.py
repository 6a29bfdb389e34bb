"""The Jacobi iteration: all unknowns at once, each from its own equation.

Legend: D the diagonal of A, w the weight; X ← X + w D⁻¹ (B − A X).
"""

from dataclasses import replace
from functools import partial
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import is_operator
from linalgx.errors import LinAlgError
from linalgx.relaxation._radius import Splitting, jacobi_edges
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.relaxation._system import Ending, System, copied, settle_zeros
from linalgx.relaxation._tuner import is_tuner, tuned
from linalgx.relaxation.omega import admit_diagonal, point_split
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Callback, MatrixLike

OMEGAS = {"optimal": True}


def jacobi(
    a: MatrixLike,
    b: Array,
    /,
    *,
    omega: Any = 1.0,
    context: Any = None,
    diagonal: Array | None = None,
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
    """Solve A x = b by the weighted Jacobi iteration.

    The simplest method there is, and the slowest: for teaching, as a smoother, and for matrices
    with a strong diagonal.

    Parameters
    ----------
    a : sparse container, array or PreparedMatrix, shape (n, n) or (..., n, n)
        The matrix; with `diagonal` also an operator or `LinearMap`.
    b : array, shape (..., n) or (..., n, k)
        One or several right-hand sides.
    omega : float, "optimal" or tuner
        The weight: a positive number; the best one, estimated from the matrix; or a tuner, which
        is asked before and told the number of iterations after the solve.
    context : float or sequence of float, optional
        What the tuner is told about this problem.
    diagonal : array, shape (n,), optional
        The diagonal of an operator.
    x0 : array, shape of b, optional
        Starting guess, zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); `rtol` is 1e-8, in single precision 1e-5, when
        ``None``.
    maxiter : int, optional
        Most iterations, 10 000 when ``None``.
    criterion : str
        ``"b"``; ``"r0"`` puts the first residual in the place of b.
    norm : str
        ``"2"`` or ``"inf"``, of each column.
    check_every : int
        Look at the size of the residual after every so many iterations only.
    callback : callable, optional
        Receives an `IterationState` for each iteration.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        ``x``, and in ``omega`` the weight that was used.

    Raises
    ------
    LinAlgError
        A diagonal entry is zero; the message says where.
    ValueError
        The weight is not positive, or shapes do not fit.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    sor : Twice as fast already with ω = 1, and much faster with the best ω.
    jacobi_radius : How fast this converges.

    Notes
    -----
    **Method.** x ← x + w D⁻¹ (b − A x). With w = 1 it converges if ρ(I − D⁻¹A) < 1. The best
    weight for a positive definite A is w = 2/(λmin + λmax) with the eigenvalues of D⁻¹A, which
    always converges; ``"optimal"`` estimates them, see `jacobi_radius`, and takes w = 1 where A is
    not positive definite.

    **Cost.** One product and two vectors an iteration; ``"optimal"`` takes about m products on an
    m × m grid, once as long as the values of a `PreparedMatrix` stay.

    **Accuracy.** ``converged`` means that the freshly computed residual meets the tolerance, in
    double precision also for single.

    **Backends.** See :doc:`/backends`; products only, one synchronisation for each look at the
    residual.

    References
    ----------
    .. [1] R. S. Varga, "Matrix Iterative Analysis", Prentice-Hall, 1962.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> r = lx.relaxation.jacobi(lx.gallery.poisson2d(7), np.ones(49), rtol=1e-6)
    >>> print(r.converged, r.iterations)
    True 174
    """
    stopping = Stopping.admit(
        rtol, atol, maxiter, criterion, callback, norm=norm, check_every=check_every
    )
    by_products = is_operator(a) and diagonal is not None
    if diagonal is not None and not by_products:
        raise ValueError("diagonal is for operators; that of a matrix is known")

    def solve(value: Any) -> SolveResult:
        run = partial(_run, value, diagonal)
        return solve_system(
            run, a, b, x0, stopping, rows=not by_products, check_finite=check_finite
        )

    if is_tuner(omega):
        return tuned(lambda value: solve(_admit_weight(value)), omega, context)
    if context is not None:
        raise ValueError("context is for a tuner in the place of omega")
    return solve(_admit_weight(omega))


def _admit_weight(omega: Any) -> Any:
    """Check a number, or a name."""
    if isinstance(omega, str):
        choose(omega, OMEGAS, "omega")
        return omega
    return admit_real(omega, "omega", ends="()")


def _run(omega: Any, diagonal: Array | None, system: System, stopping: Stopping) -> SolveResult:
    """Solve one system."""
    dinv = _inverse_diagonal(system, diagonal)
    if omega == "optimal":
        omega = _optimal(system, dinv)
    if not stopping.criterion:
        settle_zeros(system)
    result = honest(partial(_attempt, dinv, omega), system, stopping, stationary=True)
    return replace(result, omega=omega)


def _inverse_diagonal(system: System, diagonal: Array | None) -> Array:
    """Reciprocals of the diagonal, which is known of a matrix."""
    if diagonal is None:
        return system.a.inverse_diagonal
    xp = system.xp
    d = xp.astype(admit_diagonal(diagonal, system.a), system.b.dtype, copy=False)
    if bool(xp.any(d == 0)):
        raise LinAlgError("diagonal has a zero")
    return 1.0 / d


def _optimal(system: System, dinv: Array) -> float:
    """2/(λmin + λmax) of D⁻¹A, remembered with the values of the matrix."""
    a = system.a
    known = a.of_values if isinstance(a, PreparedMatrix) else {}
    key = ("best weight", str(dinv.dtype))
    if key not in known:
        product: Any = a.__matmul__
        splitting: Splitting = point_split(product, dinv, xp=system.xp)
        edges = jacobi_edges(splitting, None, both=True, wants_vector=False)
        system.matvecs += edges.matvecs
        known[key] = 2.0 / (2.0 - edges.high - edges.low) if edges.high < 1.0 else 1.0
    best: float = known[key]
    return best


def _attempt(dinv: Array, omega: float, system: System, x: Array, monitor: Monitor) -> Ending:
    """Iterate until the monitor ends it."""
    xp, stopping = system.xp, monitor.stopping
    r = system.first_residual() if monitor.k < 0 else system.residual(x)
    status = monitor.begin(stopping.norms(r, xp=xp), x)
    weights = (omega * dinv)[:, None]
    x = copied(x, xp=xp)
    while status is None:
        x += weights * r
        looks = monitor.due
        r = system.residual(x)
        status = monitor.step(stopping.norms(r, xp=xp) if looks else None, x)
    return x, status, ""
