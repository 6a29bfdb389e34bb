"""Gradient methods that look into a Krylov space, or through a symmetric polynomial.

Legend: f the objective, g its gradient at x, B the curvature (μB ≤ ∇²f ≤ LB for some μ, L),
M the current estimate of L, d a direction, h = −d/M the step.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from linalgx._core.admit import admit_integer, admit_real
from linalgx._core.choose import choose
from linalgx._core.iterate import notify
from linalgx.backend import (
    adjoint,
    as_generator,
    as_vector,
    eigh,
    eps,
    hermitian,
    host_float,
    library_name,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.relaxation._definite import Operand, admit_hermitian
from linalgx.relaxation._scalars import inner
from linalgx.relaxation.symmetric_polynomial import symmetric_polynomial
from linalgx.results import Result, Status
from linalgx.typing import Array, Callback, MatrixLike, Namespace, RNGLike

__all__ = ["GradientResult", "gradient_krylov"]

METHODS = {"krylov": False, "symmetric": True}
"""Whether the direction comes from a symmetric polynomial."""

MAXITER = 1000
HALVINGS = 100

Direction = Callable[[Array], Array]
Value = Callable[[Array], float]
Gradient = Callable[[Array], Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GradientResult(Result):
    """A point of small gradient and how it was reached.

    Attributes
    ----------
    x : Array
        The last iterate.
    value : float
        f at `x`.
    smoothness : float
        Last estimate of M.
    evaluations : int
        Values of f that were asked for.
    status, converged, iterations : Status, bool, int
        How it ended.
    residual : float
        ‖g‖ at `x`.
    history : tuple of float
        ‖g‖ of each iterate.
    """

    x: Array
    value: float
    smoothness: float
    evaluations: int


def gradient_krylov(
    value: Value,
    gradient: Gradient,
    b: MatrixLike,
    /,
    degree: int = 2,
    *,
    x0: Array,
    method: str = "krylov",
    smoothness: float = 1.0,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    rng: RNGLike = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> GradientResult:
    """Minimize a convex function by gradient steps in a small Krylov space of its curvature.

    For functions whose second derivative is a multiple, between μ and L, of one matrix B known by
    its products: regularized regression, logistic losses. A few large eigenvalues of B then cost
    nothing, and L need not be known.

    Parameters
    ----------
    value : callable
        Takes x, returns f(x), a number.
    gradient : callable
        Takes x, leaves it as it is and returns the gradient, an array like x.
    b : array, sparse container, LinearOperator or LinearMap, shape (n, n)
        B, Hermitian positive definite.
    degree : int
        t: a step lies in the span of g, Bg, ..., Bᵗg.
    x0 : array, shape (n,)
        Where to start.
    method : str
        ``"krylov"`` takes the best step of the span; ``"symmetric"`` the one that
        `symmetric_polynomial` of B gives, with fewer inner products.
    smoothness : float
        First guess of L. It is doubled and halved as the function demands.
    rtol : float, optional
        Stop when ‖g‖ ≤ max(rtol·‖g₀‖, atol). ``None`` stands for 1e-8, with 32 bits 1e-4.
    atol : float
        See `rtol`.
    maxiter : int, optional
        Most iterations, 1000 when ``None``.
    rng : optional
        Randomness of the traces for ``"symmetric"``.
    callback : callable, optional
        Receives an `IterationState` for each iterate, with ‖g‖ as the residual.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    GradientResult
        ``x``, ``value``, ``smoothness``, ``evaluations``.

    Raises
    ------
    ValueError
        `b` is not Hermitian, `x0` has another length, or a number is out of range.

    Warns
    -----
    ConvergenceWarning
        The gradient is above the tolerance.

    See Also
    --------
    symmetric_polynomial : The preconditioner of the second method.

    Notes
    -----
    **Method.** x ← x − d/M, where d minimises −gᴴd + dᴴBd/2 over the Krylov space, or d = P_t g.
    Both satisfy f(x − d/M) ≤ f(x) − gᴴd/(2M) once M ≥ L (for P_t with B replaced by its inverse);
    M is doubled until that holds, up to the rounding of f, and halved after each step. On a
    quadratic with f'' = B and M = 1, an iteration of the first method is t + 1 steps of conjugate
    gradients, restarted.

    **Cost.** t products with B (one more for ``"krylov"``), one gradient and one to three values
    of f an iteration; t + 2 vectors of memory.

    **Accuracy.** The gradient is that of the returned point. Values of f below its rounding
    error cannot steer M; the last digits of x then come with the last M.

    **Backends.** See :doc:`/backends`; two synchronisations an iteration, and those of f.

    References
    ----------
    Doikov and Rodomanov, arXiv 2301.13194, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> w = np.r_[1000.0, 100.0, np.linspace(1, 2, 8)]
    >>> found = lx.relaxation.gradient_krylov(
    ...     lambda x: x @ (w * x) / 2 - x.sum(), lambda x: w * x - 1, np.diag(w), x0=np.zeros(10)
    ... )
    >>> print(found.converged, np.allclose(w * found.x, 1))
    True True
    """
    xp, x = as_vector(x0, "x0", check_finite=check_finite)
    operand = admit_hermitian(b, "b", check_finite=check_finite)
    if operand.xp is not xp:
        raise TypeError(
            f"b belongs to {library_name(operand.xp)} and x0 to {library_name(xp)}; "
            f"move one of them with linalgx.to_backend"
        )
    if x.ndim != 1 or x.shape[0] != operand.n:
        raise ValueError(f"x0 must have shape ({operand.n},), got {tuple(x.shape)}")
    x = xp.astype(x, xp.result_type(x, operand.like), copy=False)
    limits = _Limits(
        (1e-8 if eps(x, xp=xp) < 1e-10 else 1e-4) if rtol is None else admit_real(rtol, "rtol"),
        admit_real(atol, "atol"),
        MAXITER if maxiter is None else admit_integer(maxiter, "maxiter", 0),
        callback,
    )
    m = admit_real(smoothness, "smoothness", ends="()")
    degree = admit_integer(degree, "degree", 0)
    if choose(method, METHODS, "method"):
        p = symmetric_polynomial(b, degree, rng=as_generator(rng), check_finite=False)
        direction: Direction = p.__matmul__
    else:
        direction = _krylov(operand, degree)
    run = _descend(_Objective(value, gradient), direction, x, m, limits, xp=xp)
    if run.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"{run.status.value} after {run.iterations} iterations: the gradient has norm "
            f"{run.residual:.3e}, it started from {run.history[0]:.3e}",
            ConvergenceWarning,
        )
    return run


@dataclass(frozen=True, slots=True)
class _Limits:
    """When to stop, and who looks on."""

    rtol: float
    atol: float
    maxiter: int
    callback: Callback | None


@dataclass(slots=True)
class _Objective:
    """f and its gradient; counts the values."""

    f: Value
    gradient: Gradient
    evaluations: int = field(default=0)

    def value(self, x: Array) -> float:
        """f(x), on the host."""
        self.evaluations += 1
        return host_float(self.f(x))


@dataclass(frozen=True, slots=True)
class _Point:
    """An iterate with everything that is known about it."""

    x: Array
    value: float
    g: Array
    size: float


def _krylov(operand: Operand, degree: int) -> Direction:
    """Return the map g → d = Q (QᴴBQ)⁻¹ Qᴴg, Q an orthonormal basis of g, Bg, ..., Bᵗg."""
    xp, a, scale = operand.xp, operand.a, 2.0**-operand.exponent

    def direction(g: Array) -> Array:
        norm = xp.linalg.vector_norm(g)
        q = (g / norm)[:, None]
        for _ in range(degree):
            w = a @ q[:, -1]
            length = xp.linalg.vector_norm(w)
            for _ in range(2):
                w = w - q @ (adjoint(q, xp=xp) @ w)
            rest = xp.linalg.vector_norm(w)
            if not bool(rest > 10.0 * eps(w, xp=xp) * length):  # the space is exhausted
                break
            q = xp.concat([q, (w / rest)[:, None]], axis=1)
        w, v = eigh(hermitian(adjoint(q, xp=xp) @ (a @ q), xp=xp), xp=xp)
        first = norm * xp.conj(v[0, :])
        return (q @ (v @ (first / w))) * scale

    return direction


def _descend(
    f: _Objective, direction: Direction, x: Array, m: float, limits: _Limits, *, xp: Namespace
) -> GradientResult:
    """Run until the gradient is small, or something else ends it."""
    point = _at(f, x, xp=xp)
    history, target = [point.size], max(limits.rtol * point.size, limits.atol)
    status: Status | None = None
    while True:
        k = len(history) - 1
        status = _ending(point, k, target, limits)
        if status is not None:
            break
        d = direction(point.g)
        gain = host_float(inner(point.g, d, xp=xp))
        found = _search(f, point, d, gain, m, first=k == 0, xp=xp) if gain > 0.0 else None
        if found is None:
            status = Status.STAGNATED if gain > 0.0 else Status.BREAKDOWN
            break
        point, used = found
        m = used / 2.0
        history.append(point.size)
    return GradientResult(
        x=point.x,
        value=point.value,
        smoothness=2.0 * m if len(history) > 1 else m,
        evaluations=f.evaluations,
        status=status,
        iterations=len(history) - 1,
        residual=point.size,
        history=tuple(history),
    )


def _ending(point: _Point, k: int, target: float, limits: _Limits) -> Status | None:
    """Why to stop at this point, if so."""
    if notify(limits.callback, k, point.x, point.size):
        return Status.STOPPED
    if not (isfinite(point.size) and isfinite(point.value)):
        return Status.BREAKDOWN
    if point.size <= target:
        return Status.CONVERGED
    return Status.MAXITER if k >= limits.maxiter else None


def _search(
    f: _Objective, point: _Point, d: Array, gain: float, m: float, *, first: bool, xp: Namespace
) -> tuple[_Point, float] | None:
    """Find M by doubling; before the first step also by halving, as the guess may be far off."""
    accepted = _tried(f, point, d, gain, m, xp=xp)
    if accepted is not None and first:
        for _ in range(HALVINGS):
            better = _tried(f, point, d, gain, m / 2.0, xp=xp)
            if better is None:
                break
            accepted, m = better, m / 2.0
    for _ in range(HALVINGS):
        if accepted is not None:
            return accepted, m
        m *= 2.0
        accepted = _tried(f, point, d, gain, m, xp=xp)
    return None


def _tried(
    f: _Objective, point: _Point, d: Array, gain: float, m: float, *, xp: Namespace
) -> _Point | None:
    """Return the point x − d/M when f falls there as it must, else nothing.

    Where the fall drowns in the rounding of f, the slope tells: on a quadratic the condition says
    that the step stays short of the minimum along d, gᴴd >= 0 at its end.
    """
    x = point.x - d / m
    value = f.value(x)
    if not isfinite(value):
        return None
    rounding = 8.0 * eps(x, xp=xp) * max(abs(point.value), abs(value))
    fall = gain / (2.0 * m)
    if fall > 100.0 * rounding:
        if not value <= point.value - fall + rounding:
            return None
        g = f.gradient(x)
    else:
        g = f.gradient(x)
        if not host_float(inner(g, d, xp=xp)) >= -0.1 * gain or not bool(xp.any(x != point.x)):
            return None
    return _Point(x, value, g, host_float(xp.linalg.vector_norm(g)))


def _at(f: _Objective, x: Array, *, xp: Namespace) -> _Point:
    g = f.gradient(x)
    return _Point(x, f.value(x), g, host_float(xp.linalg.vector_norm(g)))
