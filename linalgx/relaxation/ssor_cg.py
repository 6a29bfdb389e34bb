"""Conjugate gradients preconditioned by one forward and one backward relaxation sweep."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from linalgx._core.admit import admit_real
from linalgx._core.choose import choose
from linalgx.backend import host_array, is_complex, solve_triangular, to_host
from linalgx.errors import LinAlgError, PerformanceWarning, warn
from linalgx.relaxation._compiled import compiled_cg
from linalgx.relaxation._eisenstat import eisenstat_form
from linalgx.relaxation._krylov import Apply
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import Attempt, honest, solve_system
from linalgx.relaxation._ssor_omega import FORMULAS, estimated_omega
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.relaxation._sweeps import sweeper
from linalgx.relaxation._system import Ending, System, settle_zeros
from linalgx.relaxation._tuner import Tuner, is_tuner, tuned
from linalgx.relaxation.cg import conjugate_gradients
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Callback, MatrixLike, Namespace

__all__ = ["ssor_cg"]

ORDERINGS = {"natural": True, "level": True, "multicolor": False}
"""Whether an ordering gives the result of the natural one."""

NAMES = {name: name for name in FORMULAS}


def ssor_cg(
    a: MatrixLike,
    b: Array,
    /,
    *,
    omega: float | str | Tuner = "ssor",
    ordering: str = "natural",
    eisenstat: bool = True,
    context: Any = None,
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
    """Solve A x = b with a Hermitian positive definite matrix by SSOR-preconditioned CG.

    The solver to try first for matrices of differential equations on a CPU: a few times fewer
    iterations than `cg`, and hardly more work in each. On a GPU the sweeps are too sequential;
    take `chebyshev`, or ``ordering="multicolor"``.

    Parameters
    ----------
    a : sparse container, array or PreparedMatrix, shape (..., n, n)
        Hermitian, which is not checked, with a positive diagonal.
    b : array, shape (..., n) or (..., n, k)
        Right-hand sides.
    omega : float, str or tuner
        Relaxation parameter in (0, 2); ``"ssor"`` and ``"young"`` estimate it from about 9
        products; or a tuner, which is asked for it and told the number of iterations.
    ordering : str
        ``"natural"``, ``"level"`` with the same result, or ``"multicolor"``, which needs more
        iterations and runs in parallel; with two colours ω = 1 is best and always taken.
    eisenstat : bool
        Whether to use the form without products where there is a compiled kernel.
    context : optional
        What the tuner should know of this problem.
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
        Iterations between two looks at the residual; the compiled kernel always looks.
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    SolveResult
        With the ``omega`` that was used.

    Raises
    ------
    TypeError
        `a` has no rows, as an operator.
    ValueError
        Shapes do not fit, or `omega` is not in (0, 2).
    LinAlgError
        A diagonal entry is not positive, so that A is not definite.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met. ``reason`` is then ``"indefinite"`` where A turned out not to
        be definite.
    PerformanceWarning
        Another ω than 1 was asked for and the matrix has two colours.

    See Also
    --------
    sor : The sweeps alone.
    cg : Without preconditioner or with one of your own.
    TsallisINF, ChebCB : Tuners.

    Notes
    -----
    **Method.** M = (D/ω + L) D⁻¹ (D/ω + Lᴴ) ω/(2 − ω), one forward and one backward sweep.
    Eisenstat's form: with K = D/ω + L, conjugate gradients for K⁻¹ A K⁻ᴴ need the solves with K
    and Kᴴ but no product, as A = K + Kᴴ − (2/ω − 1) D; the iterates are the same. ω: Axelsson's
    2/(1 + 2√(θ/2 + γ)) or Young's 2/(1 + √(θ(2 − θ))), θ the smallest eigenvalue of D⁻¹A by
    Lanczos' method from a smooth vector, and γ = cθ the largest vᴴ(L D⁻¹Lᴴ − D/4)v/vᴴDv of two
    smooth v, zero for constant coefficients; this estimate of γ is our construction. Checks and
    restarts are those of `cg`.

    **Cost.** Eisenstat's form: two triangular solves an iteration and half a product for ‖r‖;
    A once more in scaled form and five vectors. Otherwise a product and two sweeps.

    **Accuracy.** κ(M⁻¹A) ≤ (1 + (2 − ω)²/(4ωθ) + cω)/(2 − ω), c ≤ 0 for the five-point stencil,
    so about √κ(A)/2 at the best ω; the optimum is flat. Residuals as for `cg`.

    **Backends.** See :doc:`/backends`; Eisenstat's form on NumPy, sparse only.

    References
    ----------
    .. [1] S. C. Eisenstat, "Efficient implementation of a class of preconditioned conjugate
       gradient methods", SIAM J. Sci. Stat. Comput. 2, 1981.
    .. [2] Khodak, Chow, Balcan and Talwalkar, "Learning to Relax", arXiv:2310.02246.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, b = lx.gallery.poisson2d(63), np.ones(63 * 63)
    >>> lx.relaxation.cg(a, b).iterations, lx.relaxation.ssor_cg(a, b, omega=1.9).iterations
    (118, 33)
    """
    stopping = Stopping.admit(
        rtol, atol, maxiter, criterion, callback, norm=norm, check_every=check_every
    )
    choose(ordering, ORDERINGS, "ordering")

    def solve(value: Any) -> SolveResult:
        run = partial(_run, value=value, ordering=ordering, eisenstat=eisenstat)
        return solve_system(run, a, b, x0, stopping, rows=True, check_finite=check_finite)

    if is_tuner(omega):
        return tuned(solve, omega, context)  # type: ignore[arg-type]
    if context is not None:
        raise ValueError("context is for a tuner in the place of omega")
    named = isinstance(omega, str)
    result = solve(choose(omega, NAMES, "omega") if named else _admit_omega(omega))
    if result.converged and not named and result.omega not in (None, omega):
        warn(
            f"ω = 1 was taken for {omega}: the matrix has two colours, which makes it the best; "
            f"ordering='natural' needs fewer iterations with a larger ω",
            PerformanceWarning,
        )
    return result


def _admit_omega(omega: Any) -> float:
    return admit_real(omega, "omega", 0.0, 2.0, ends="()")


def _run(
    system: System, stopping: Stopping, *, value: Any, ordering: str, eisenstat: bool
) -> SolveResult:
    """Solve one system with ω, or with a formula for it."""
    xp, a = system.xp, system.a
    _require_positive(a, xp=xp)
    settle_zeros(system)
    apply, two_colors, order = None, False, None
    if not ORDERINGS[ordering]:
        found = sweeper(a, ordering, xp=xp)
        two_colors = len(found.stages) == 2  # type: ignore[attr-defined]
        apply, order = found.apply, found.order  # type: ignore[attr-defined]
    if two_colors:
        omega = 1.0
    elif isinstance(value, str):
        omega = estimated_omega(choose(value, NAMES, "omega"), system, order)
    else:
        omega = _admit_omega(value)
    attempt = _attempt(a, omega, ordering, eisenstat, apply, xp=xp)
    return replace(honest(attempt, system, stopping), omega=omega)


def _attempt(
    a: PreparedMatrix,
    omega: float,
    ordering: str,
    eisenstat: bool,
    apply: Callable[[Array, float], Array] | None,
    *,
    xp: Namespace,
) -> Attempt:
    """Eisenstat's form where it is wanted and there, else the plain one."""
    if eisenstat and apply is None:
        form = eisenstat_form(a, omega, xp=xp)
        if form is not None:
            return partial(compiled_cg, form)
    if apply is None and not a.is_sparse:
        precondition = _dense_ssor(a, omega, xp=xp)
    else:
        apply = sweeper(a, ordering, xp=xp).apply if apply is None else apply
        precondition = partial(_swept, apply, omega)

    def attempt(system: System, x: Array, monitor: Monitor) -> Ending:
        def counted(r: Array) -> Array:
            system.matvecs += 1
            return precondition(r)

        return conjugate_gradients(counted, system, x, monitor)

    return attempt


def _swept(apply: Callable[[Array, float], Array], omega: float, r: Array) -> Array:
    return apply(r, omega)


def _dense_ssor(a: PreparedMatrix, omega: float, *, xp: Namespace) -> Apply:
    """(2/ω − 1) K⁻ᴴ D K⁻¹ with K = D/ω + L."""
    d = 1.0 / a.inverse_diagonal
    eye = xp.eye(a.shape[0], dtype=a.dtype, device=a.device)
    k = xp.tril(a.matrix, k=-1) + (d[:, None] / omega) * eye
    d = ((2.0 / omega - 1.0) * d)[:, None]

    def apply(r: Array) -> Array:
        z = d * solve_triangular(k, r, lower=True, regular=True, xp=xp)
        return solve_triangular(k, z, lower=True, adjoint=True, regular=True, xp=xp)

    return apply


def _require_positive(a: PreparedMatrix, *, xp: Namespace) -> None:
    """Refuse matrices that cannot be definite."""
    d = a.inverse_diagonal
    d = xp.real(d) if is_complex(d, xp=xp) else d
    wrong = ~(d > 0)
    if bool(xp.any(wrong)):
        rows = host_array(to_host(xp.nonzero(wrong)[0])).astype(int).tolist()
        shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
        raise LinAlgError(
            f"a must have a positive diagonal, got others in {len(rows)} rows ({shown}): "
            f"it is not positive definite"
        )
