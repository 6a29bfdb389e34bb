"""Gradients of what `solve` returns, by one linear system with the Hessian: no autodiff.

Legend: P_ij = exp((f_i + g_j − C_ij)/ε), r = P1, c = Pᵀ1, L = [[diag r, P], [Pᵀ, diag c]] = ε H;
x̄ the gradient of a scalar function with respect to x; L(s, t) = ε(f̄, ḡ).
"""

from typing import Any, NamedTuple

from linalgx._core.admit import admit_real
from linalgx._core.together import stacked
from linalgx.backend import (
    device_of,
    eps,
    host_float,
    is_array,
    require_finite,
)
from linalgx.errors import ConvergenceWarning, warn
from linalgx.operators import LinearMap
from linalgx.transport._finish import kl_potential
from linalgx.transport._krylov import conjugate_gradients
from linalgx.transport._looped import slices
from linalgx.transport._real import real_arrays
from linalgx.transport._result import TransportResult
from linalgx.typing import Array, Namespace

__all__ = ["TransportGradients", "vjp"]

INNER_POWER = 0.64
"""The system is solved to eps to this power: 1e-10 in 64 bits."""

CAP = 5000
ACCEPTED = 100.0
"""Multiple of the inner tolerance up to which a residual counts as met."""


class TransportGradients(NamedTuple):
    """Gradients with respect to the data of a transport problem.

    Attributes
    ----------
    cost : Array or LinearMap, shape (..., n, m)
    a, b : Array, shapes (..., n) and (..., m)
        For changes of the masses that keep the sums equal; (t, −t) could be added. Zero in bins
        without mass.
    """

    cost: Any
    a: Array
    b: Array


def vjp(
    result: TransportResult,
    *,
    plan: Array | None = None,
    f: Array | None = None,
    g: Array | None = None,
    value: float = 0.0,
    check_finite: bool = True,
) -> TransportGradients:
    """Pull gradients back through `solve`: from plan, potentials and value to cost and masses.

    For a scalar function φ of what `solve` has returned, give its gradients with respect to the
    plan, the potentials and `value_kl`; the answer is the gradient of φ with respect to the cost
    and the masses.

    Parameters
    ----------
    result : TransportResult
        Of `solve`, converged.
    plan : array, shape (..., n, m), optional
        ∂φ/∂P. Not for a cost that is not stored.
    f, g : array, shapes (..., n) and (..., m), optional
        ∂φ/∂f and ∂φ/∂g, for the centred potentials that `solve` returns.
    value : float
        ∂φ/∂value_kl, zero when it plays no part.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    TransportGradients
        ``cost``, ``a``, ``b``. A map that multiplies for ``cost`` where the cost is not stored.

    Raises
    ------
    TypeError
        `result` is no `TransportResult`, or `plan` is given for a cost that is not stored.
    ValueError
        A shape that does not fit.

    Warns
    -----
    ConvergenceWarning
        The linear system was not solved to its tolerance.

    See Also
    --------
    solve : The function that is differentiated.

    Notes
    -----
    **Method.** The value needs no system: ∂value/∂C = P, ∂value/∂a = f − ε log a + ε(Σa − 1), the
    potential of the form with reference a⊗b, and the same for b. For the rest differentiate the
    equations P1 = a, Pᵀ1 = b: with P̄ added as f̄ + (P∘P̄)1/ε, ḡ + (P∘P̄)ᵀ1/ε, L(s, t) = ε(f̄, ḡ)
    gives ā = s, b̄ = t, C̄ = P∘(s⊕t − P̄)/ε. H has the null vector (1, −1); the part of (f̄, ḡ)
    along it is what the centring ⟨a, f⟩ = ⟨b, g⟩ makes of it, (a/Σa, −b/Σb) and derivatives of
    the weights, our construction. t is eliminated, conjugate gradients with the diagonal of the
    Schur complement solve for s to a relative residual of 1e-10.

    **Cost.** Two products with the plan for each step of conjugate gradients, of which there are
    more the smaller ε is; two arrays of the size of the plan. Batches run one after the other.

    **Accuracy.** That of the plan times the condition number of H. Potentials of bins without
    mass, which are c-transforms, are not differentiated.

    **Backends.** See :doc:`/backends`; one synchronisation a step.

    References
    ----------
    The implicit function theorem, applied to P1 = a, Pᵀ1 = b; the Hessian is that of Brauer,
    Clason, Lorenz, Wirth, arXiv 1710.06635.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import solve, vjp
    >>> result = solve(np.asarray([[0.0, 1.0], [1.0, 0.0]]), epsilon=0.5)
    >>> corner = np.asarray([[1.0, 0.0], [0.0, 0.0]])
    >>> print(vjp(result, plan=corner).cost.round(6))
    [[-0.052497  0.052497]
     [ 0.052497 -0.052497]]
    """
    if not isinstance(result, TransportResult):
        raise TypeError(f"result must be a TransportResult, got {type(result).__name__}")
    weight = admit_real(value, "value", -float("inf"), ends="()")
    xp, given = _admit(result, {"plan": plan, "f": f, "g": g}, check_finite=check_finite)
    lead = tuple(result.f.shape[:-1])
    if not lead:
        part = _Part(result.plan, result.f, result.g, result.a, result.b)
        found, worst = _single(part, given, result.epsilon, weight, xp=xp)
    else:
        found, worst = _batch(result, given, weight, lead, xp=xp)
    if not worst <= ACCEPTED * eps(result.f, xp=xp) ** INNER_POWER:
        warn(
            f"the system of the gradients was solved to a relative residual of {worst:.1e} only; "
            f"a larger epsilon or float64 helps",
            ConvergenceWarning,
        )
    return found


class _Part(NamedTuple):
    """What the gradients of one problem are made of."""

    plan: Any
    f: Array
    g: Array
    a: Array
    b: Array


def _admit(
    result: TransportResult, given: dict[str, Any], *, check_finite: bool
) -> tuple[Namespace, dict[str, Array]]:
    """Check the gradients that come in; they get the dtype of the potentials."""
    named = {name: x for name, x in given.items() if x is not None}
    if "plan" in named and not is_array(result.plan):
        raise TypeError("plan must be None, got a gradient, for a cost that is not stored")
    xp, (_, *arrays) = real_arrays({"result": result.f, **named}, check_finite=False)
    done = dict(zip(named, arrays, strict=True))
    for name, x in done.items():
        shape = tuple(getattr(result, name).shape)
        if tuple(x.shape) != shape:
            raise ValueError(
                f"{name} must have the shape {shape} of the result, got {tuple(x.shape)}"
            )
        if check_finite:
            require_finite(x, name, xp=xp)
    return xp, {name: xp.astype(x, result.f.dtype, copy=False) for name, x in done.items()}


def _batch(
    result: TransportResult,
    given: dict[str, Array],
    weight: float,
    lead: tuple[int, ...],
    *,
    xp: Any,
) -> tuple[TransportGradients, float]:
    """Solve one problem of a batch after the other."""
    masses = [xp.broadcast_to(x, (*lead, x.shape[-1])) for x in (result.a, result.b)]
    arrays = [result.plan, result.f, result.g, *masses, *given.values()]
    found, worst = [], 0.0
    for own in slices(arrays, lead, xp=xp):
        here = dict(zip(given, own[5:], strict=True))
        gradients, residual = _single(_Part(*own[:5]), here, result.epsilon, weight, xp=xp)
        found.append(gradients)
        worst = max(worst, residual)
    if not found:
        empty = (result.plan, result.f, result.g)
        return TransportGradients(*(xp.zeros_like(x) for x in empty)), 0.0
    whole = (stacked(x, lead, xp=xp) for x in zip(*found, strict=True))
    return TransportGradients(*whole), worst


def _single(
    part: _Part, given: dict[str, Array], epsilon: float, weight: float, *, xp: Namespace
) -> tuple[TransportGradients, float]:
    """Return the gradients of one problem, and the relative residual of the system."""
    p, f, g, a, b = part
    into_f = given.get("f", xp.zeros_like(f))
    into_g = given.get("g", xp.zeros_like(g))
    held_a, held_b = a > 0, b > 0
    into_f = xp.where(held_a, into_f, xp.zeros_like(f))
    into_g = xp.where(held_b, into_g, xp.zeros_like(g))
    shift = xp.sum(into_f) - xp.sum(into_g)
    mass = xp.sum(a)
    unit_a, unit_b = a / mass, b / xp.sum(b)
    into_f, into_g = into_f - 0.5 * shift * unit_a, into_g + 0.5 * shift * unit_b
    more: Any = None
    if "plan" in given:
        more = p * given["plan"] / epsilon
        into_f, into_g = into_f + xp.sum(more, axis=1), into_g + xp.sum(more, axis=0)
    s, t, residual = _system(p, into_f * epsilon, into_g * epsilon, xp=xp)
    into_cost = _outer(p, s / epsilon, t / epsilon, weight, xp=xp)
    into_cost = into_cost if more is None else into_cost - more
    # The weights of the centring are the masses themselves.
    s = s - 0.5 * shift / mass * _centred(f, unit_a, held_a, xp=xp)
    t = t + 0.5 * shift / mass * _centred(g, unit_b, held_b, xp=xp)
    if weight:
        level = epsilon * (mass - 1.0)
        s = s + weight * (kl_potential(f, a, epsilon, xp=xp) + level)
        t = t + weight * (kl_potential(g, b, epsilon, xp=xp) + level)
    zero_f, zero_g = xp.zeros_like(f), xp.zeros_like(g)
    found = TransportGradients(into_cost, xp.where(held_a, s, zero_f), xp.where(held_b, t, zero_g))
    return found, residual


def _centred(f: Array, unit: Array, held: Array, *, xp: Namespace) -> Array:
    """Return f less its mean."""
    f = xp.where(held, f, xp.zeros_like(f))
    return f - xp.sum(unit * f)


def _outer(p: Any, s: Array, t: Array, weight: float, *, xp: Namespace) -> Any:
    """Return P∘(s⊕t + weight), as an array or as a map."""
    if is_array(p):
        return p * (s[:, None] + t[None, :] + weight)

    def column(x: Array, y: Array) -> Array:
        return x if y.ndim == 1 else x[:, None]

    def times(y: Array) -> Array:
        return column(s + weight, y) * (p @ y) + p @ (column(t, y) * y)

    def times_transposed(y: Array) -> Array:
        return p.adjoint @ (column(s + weight, y) * y) + column(t, y) * (p.adjoint @ y)

    return LinearMap.from_callables(
        tuple(p.shape), times, times_transposed, xp=xp, device=device_of(s), dtype=s.dtype
    )


def _system(p: Any, y: Array, z: Array, *, xp: Namespace) -> tuple[Array, Array, float]:
    """Solve L(s, t) = (y, z) with s, t of mean zero together; and the relative residual."""
    adjoint = p.mT if is_array(p) else p.adjoint
    r, c = p @ xp.ones_like(z), adjoint @ xp.ones_like(y)
    empty_r, empty_c = r <= 0, c <= 0
    r, c = xp.where(empty_r, xp.ones_like(r), r), xp.where(empty_c, xp.ones_like(c), c)
    size = host_float(xp.sum(xp.abs(y)) + xp.sum(xp.abs(z)))
    if not size > 0.0:
        return y, z, 0.0
    right = y - p @ (z / c)
    right = xp.where(empty_r, xp.zeros_like(right), right)
    right = right - r * (xp.sum(right) / xp.sum(r))  # rounding only: right is orthogonal to 1
    square = (p * p) @ (1.0 / c) if is_array(p) else xp.zeros_like(r)
    diagonal = xp.maximum(r - square, 64 * eps(r, xp=xp) * r)

    def apply(x: Array) -> Array:
        return r * x - p @ ((adjoint @ x) / c)

    tolerance = eps(r, xp=xp) ** INNER_POWER
    s, _ = conjugate_gradients(apply, right, diagonal, tolerance, CAP, xp=xp)
    t = (z - adjoint @ s) / c
    n, m = s.shape[0], t.shape[0]
    shift = (xp.sum(s) - xp.sum(t)) / (n + m)
    s, t = s - shift, t + shift
    missing = xp.sum(xp.abs(r * s + p @ t - y) * xp.astype(~empty_r, r.dtype))
    return s, t, host_float(missing) / size
