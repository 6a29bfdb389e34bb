"""Roots of Hermitian positive definite matrices, with an honest residual.

Inverse roots whiten data (p = 2) and precondition optimizers (p = 4). Their accuracy is limited
by the condition number of the matrix, and an iteration can look converged long after it has lost
the answer; so each result here carries the residual of the equation that defines it.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx._core.hermitian import hermitian_power, require_hermitian, rounding
from linalgx._core.iterate import notify
from linalgx._core.norms import frobenius
from linalgx._core.polish import identity_like
from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import (
    as_matrix,
    eigh,
    from_host,
    hermitian_square,
    host_float,
    is_gpu,
    to_host,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.orthogonal._eigh_root import eigh_inverse_root, eigh_sqrt
from linalgx.orthogonal._newton_root import Run, newton_inverse_root, newton_sqrt
from linalgx.results import IterationState, Result, Status
from linalgx.typing import Array, Callback, Namespace

WORTHLESS = 0.1
"""Residual ‖A Xᵖ − I‖ from which on X is no inverse root in any useful sense."""

METHODS: dict[str, bool | None] = {"auto": None, "eigh": False, "newton": True}
SQRT_METHODS: dict[str, bool] = {"auto": False, "eigh": False, "newton": True}
"""Whether a method iterates; ``None`` on a GPU only, where products are cheap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RootResult(Result):
    """A root of a matrix and how well it fulfils its equation.

    Attributes
    ----------
    x : Array
        The root, Hermitian to the last bit.
    status, converged, iterations : Status, bool, int
        How it ended; no iterations for the method ``eigh``.
    residual : float
        ‖A Xᵖ − I‖_F, for a square root ‖X² − A‖_F/‖A‖_F; the worst of a batch.
    history : tuple of float
        max|M − I|, the quantity that steers the Newton iteration; the residual for ``eigh``.
    """

    x: Array


def inverse_root(
    a: Array,
    /,
    p: int,
    *,
    method: str = "auto",
    ridge: float = 0.0,
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> RootResult:
    """Compute A^(−1/p) of a Hermitian positive definite matrix.

    Whitening is ``p=2``; preconditioners of Shampoo's kind take ``p=4``. A covariance of fewer
    samples than variables is singular and needs `ridge`.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding, positive definite.
    p : int
        At least 1.
    method : str
        ``"eigh"``, the eigendecomposition, is the reference. ``"newton"`` uses products only,
        and its accuracy is a little lower. ``"auto"`` takes the iteration on a GPU.
    ridge : float
        The root is that of A + ridge·I. Also the way to lift eigenvalues that are slightly
        negative.
    rtol : float, optional
        Largest residual that counts as converged. ``None`` stands for what rounding permits:
        max(n, 10)·eps·‖A‖_F ‖Xᵖ‖_F, a multiple of the condition number, but at most 0.1.
    maxiter : int, optional
        Most Newton steps; ``None`` stands for what a condition number of 1/eps takes.
    callback : callable, optional
        Receives an `IterationState` for each Newton step, and once for ``eigh``.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    RootResult
        ``x``, and in ``residual`` ‖(A + ridge·I) Xᵖ − I‖_F, computed from products at the end.

    Raises
    ------
    ValueError
        `a` is not Hermitian: ‖A − Aᴴ‖_F > max(n, 10)·eps·‖A‖_F; or p < 1, or ridge < 0.
    LinAlgError
        `a` has an eigenvalue below −max(n, 10)·eps·‖A‖ that `ridge` does not lift, or is zero.

    Warns
    -----
    ConvergenceWarning
        The residual is above the tolerance; in most cases `a` is numerically singular.

    See Also
    --------
    sqrt : The square root.
    polar : The same for rectangular matrices: U = A (AᴴA)^(−1/2).

    Notes
    -----
    **Method.** eigh: V diag(max(w, eps·max w)^(−1/p)) Vᴴ. newton: X ← X T, M ← Tᵖ M from
    M = A/tr A, where T is the series of M^(−1/p) around I to second order, until max|M − I| is
    at rounding level or rises by a factor of 1.2. M drifts away from A Xᵖ: at a condition number
    of 1e10 it equals I to 2e-16 while X is accurate to 1e-7. Hence the residual is computed from
    A and X. The matrix is first divided by a power of two.

    **Cost.** eigh: the eigendecomposition and about (3 + log₂ p)/2 products. newton: 3 to 4
    products a step for p ≤ 4, 10 steps at a condition number κ of 1e2, 16 at 1e6, 23 at 1e10.
    Six, for newton 14 times the memory of `a`.

    **Accuracy.** ``root_ratios(a, x, p).residual < 30``. The relative error of X is about
    κ·eps/p, and no algorithm that knows A only to eps can do better.

    **Backends.** See :doc:`/backends`; on a GPU ``"auto"`` is ``"newton"``, with one
    synchronisation a step.

    References
    ----------
    Higham, Functions of Matrices, 2008, chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> root = lx.orthogonal.inverse_root(np.diag([16.0, 81.0]), 4)
    >>> print(np.diag(root.x).round(6), root.converged)
    [0.5      0.333333] True
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    p, ridge = admit_integer(p, "p", 1), admit_real(ridge, "ridge")
    limit, rtol = _admit_limits(maxiter, rtol)
    iterates = choose(method, METHODS, "method")
    iterates = is_gpu(a, xp=xp) if iterates is None else iterates
    a, exponent = _scale(a, ridge, xp=xp)
    show = _in_user_scale(callback, exponent, -p, xp=xp)
    if iterates:
        run = newton_inverse_root(a, p, maxiter=limit, callback=show, xp=xp)
    else:
        run = Run(eigh_inverse_root(a, p, xp=xp), Status.CONVERGED, 0, ())
    residual, size = _inverse_residual(a, run.x, p, xp=xp)
    allowed = xp.minimum(rounding(a, xp=xp) * size, WORTHLESS * xp.ones_like(size))
    run, residual = _judge(run, residual, allowed if rtol is None else rtol, show, xp=xp)
    if run.status not in (Status.CONVERGED, Status.STOPPED):
        _explain(a, exponent, ridge, f"‖A X^{p} − I‖_F = {residual:.1e}", xp=xp)
    return _name(run, residual, exponent, -p, xp=xp)


def sqrt(
    a: Array,
    /,
    *,
    method: str = "auto",
    rtol: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> RootResult:
    """Compute the square root of a Hermitian positive semidefinite matrix.

    The root is the one that is positive semidefinite itself. Singular matrices are welcome.

    Parameters
    ----------
    a : array, shape (..., n, n)
        Hermitian up to rounding, positive semidefinite.
    method : str
        ``"eigh"``, the eigendecomposition, which ``"auto"`` takes everywhere. ``"newton"`` uses
        products only and loses accuracy with the condition number.
    rtol : float, optional
        Largest residual that counts as converged, 5·max(n, 10)·eps when ``None``.
    maxiter : int, optional
        Most Newton-Schulz steps; ``None`` stands for what a condition number of 1/eps takes.
    callback : callable, optional
        Receives an `IterationState` for each step, and once for ``eigh``.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    RootResult
        ``x``, and in ``residual`` ‖X² − A‖_F/‖A‖_F, computed from the product at the end.

    Raises
    ------
    ValueError
        `a` is not Hermitian: ‖A − Aᴴ‖_F > max(n, 10)·eps·‖A‖_F.
    LinAlgError
        `a` has an eigenvalue below −max(n, 10)·eps·‖A‖.

    Warns
    -----
    ConvergenceWarning
        The residual is above the tolerance.

    See Also
    --------
    inverse_root : Its inverse, and other inverse roots.
    polar : P is the square root of AᴴA, without the loss of forming that product.

    Notes
    -----
    **Method.** eigh: V diag(max(w, 0)^(1/2)) Vᴴ. newton: Y = A/‖A‖_F, Z = I; T = (3I − ZY)/2,
    Y ← Y T, Z ← T Z. The matrix is first divided by a power of two.

    **Cost.** eigh: the eigendecomposition and one product. newton: 3 products a step, 13 steps
    at a condition number κ of 1e2, 29 at 1e6, 40 at 1e10. Six, for newton 14 times the memory
    of `a`.

    **Accuracy.** ``root_ratios(a, x, -2).residual < 30``, whatever the condition number for eigh.
    The residual of newton is about eps·√κ: above 1e6 it misses the default tolerance, and says
    so.

    **Backends.** See :doc:`/backends`; newton synchronises once a step.

    References
    ----------
    Higham, Functions of Matrices, 2008, chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> x = lx.orthogonal.sqrt(np.asarray([[5.0, 4.0], [4.0, 5.0]])).x
    >>> print(x.round(6))
    [[2. 1.]
     [1. 2.]]
    """
    xp, a = as_matrix(a, "a", square=True, check_finite=check_finite)
    limit, rtol = _admit_limits(maxiter, rtol)
    iterates = choose(method, SQRT_METHODS, "method")
    a, exponent = _scale(a, 0.0, xp=xp)
    show = _in_user_scale(callback, exponent, 2, xp=xp)
    if iterates:
        run = newton_sqrt(a, maxiter=limit, callback=show, xp=xp)
    else:
        run = Run(eigh_sqrt(a, xp=xp), Status.CONVERGED, 0, ())
    size = frobenius(a, xp=xp)
    residual = frobenius(hermitian_square(run.x, xp=xp) - a, xp=xp)
    residual = residual / xp.where(size > 0.0, size, xp.ones_like(size))
    allowed = 5.0 * rounding(a, xp=xp) if rtol is None else rtol
    run, worst = _judge(run, residual, allowed, show, xp=xp)
    if run.status not in (Status.CONVERGED, Status.STOPPED):
        _explain(a, exponent, 0.0, f"‖X² − A‖_F/‖A‖_F = {worst:.1e}", xp=xp)
    return _name(run, worst, exponent, 2, xp=xp)


def _admit_limits(maxiter: int | None, rtol: float | None) -> tuple[int | None, float | None]:
    """Check what ends an iteration; ``None`` stands for a default in either."""
    return (
        None if maxiter is None else admit_integer(maxiter, "maxiter", 0),
        None if rtol is None else admit_real(rtol, "rtol"),
    )


def _scale(a: Array, ridge: float, *, xp: Namespace) -> tuple[Array, Any]:
    """Add the ridge, bring to unit scale, and make Hermitian to the last bit."""
    if ridge:
        a = a + ridge * identity_like(a, xp=xp)
    a, exponent = to_unit_scale(a, xp=xp)
    return require_hermitian(a, "a", xp=xp), exponent


def _undo_scale(x: Array, exponent: Any, root: int, *, xp: Namespace) -> Array:
    """Multiply by 2^(exponent/root), exactly when that is a power of two."""
    whole, rest = divmod(exponent * (1 if root > 0 else -1), abs(root))
    x = from_unit_scale(x, whole, xp=xp)
    if not rest.any():
        return x
    return x * from_host(2.0 ** (rest / abs(root)), like=x, xp=xp, dtype=x.dtype)


def _in_user_scale(
    callback: Callback | None, exponent: Any, root: int, *, xp: Namespace
) -> Callback | None:
    """Make the observer see the iterates as the user would."""
    if callback is None:
        return None

    def show(state: IterationState) -> object:
        return callback(replace(state, x=_undo_scale(state.x, exponent, root, xp=xp)))

    return show


def _inverse_residual(a: Array, x: Array, p: int, *, xp: Namespace) -> tuple[Array, Array]:
    """Return ‖A Xᵖ − I‖_F and ‖A‖_F ‖Xᵖ‖_F, from products, per matrix."""
    power = hermitian_power(x, p, xp=xp)
    size = frobenius(a, xp=xp) * frobenius(power, xp=xp)
    return frobenius(a @ power - identity_like(a, xp=xp), xp=xp), size


def _judge(
    run: Run, residual: Array, allowed: Array | float, show: Callback | None, *, xp: Namespace
) -> tuple[Run, float]:
    """Give the run the status that the fresh residual allows, and the worst residual."""
    worst = host_float(xp.max(residual)) if 0 not in residual.shape else 0.0
    met = bool(xp.all(residual <= allowed))  # NaN is not met
    if not run.history:
        stopped = notify(show, 0, run.x, worst)
        run = run._replace(history=(worst,), status=Status.STOPPED if stopped else run.status)
    if run.status is Status.STOPPED:
        return run, worst
    if met:
        status = Status.CONVERGED
    elif not isfinite(worst):
        status = Status.BREAKDOWN
    else:
        status = Status.MAXITER if run.status is Status.MAXITER else Status.STAGNATED
    return run._replace(status=status), worst


def _explain(a: Array, exponent: Any, ridge: float, found: str, *, xp: Namespace) -> None:
    """Say why the tolerance was missed: `LinAlgError` when the matrix is not definite."""
    w, _ = eigh(a, xp=xp)
    low, size = w[..., 0], xp.max(xp.abs(w), axis=-1)
    if bool(xp.any(low < -rounding(a, xp=xp) * size)) or not bool(xp.all(size > 0.0)):
        lows = to_host(from_unit_scale(low[..., None, None], exponent, xp=xp)).reshape(-1) - ridge
        worst = int(lows.argmin())
        which = "a" if a.ndim == 2 else f"matrix {worst} of the batch a"
        raise LinAlgError(
            f"{which} is not positive definite: it has the eigenvalue {lows[worst]:.3e}; "
            f"a ridge above its size lifts it"
        )
    small = host_float(xp.min(low / size))
    warn(
        f"{found} is above the tolerance; the smallest eigenvalue is {small:.1e} of the largest; "
        f"a ridge, method='eigh' or a larger rtol help",
        ConvergenceWarning,
    )


def _name(run: Run, residual: float, exponent: Any, root: int, *, xp: Namespace) -> RootResult:
    return RootResult(
        x=_undo_scale(run.x, exponent, root, xp=xp),
        status=run.status,
        iterations=run.iterations,
        residual=residual,
        history=run.history,
    )
