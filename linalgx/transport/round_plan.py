"""Rounding: the plan near a given one that meets the masses exactly.

Legend: P with row sums r and column sums c; P' has its rows cut down to at most a, y = min(b/c', 1)
its columns; e_a, e_b what is then missing.
"""

from typing import Any

from linalgx._core.scaling import from_unit_scale, to_unit_scale
from linalgx.backend import host_float, require_finite
from linalgx.transport._problem import balanced
from linalgx.transport._real import real_arrays
from linalgx.transport._rounding import rounding_of
from linalgx.typing import Array, Namespace

__all__ = ["round_plan"]


def round_plan(plan: Array, a: Array, b: Array, /, *, check_finite: bool = True) -> Array:
    """Round a plan to one that has exactly the masses `a` and `b`.

    An iteration leaves marginals that are a little wrong. The rounded plan is feasible for the
    problem without regularization, so its cost is an upper bound of the optimum.

    Parameters
    ----------
    plan : array, shape (..., n, m)
        Nonnegative, and best near a plan with these masses.
    a, b : array, shapes (..., n) and (..., m)
        Masses of equal sums.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    Array
        Shape (..., n, m), nonnegative, with row sums `a` and column sums `b` up to rounding.

    Raises
    ------
    ValueError
        Shapes that do not fit, negative entries, masses of unequal sums, or of sum zero.

    See Also
    --------
    solve : Its `upper_bound` is the cost of the rounded plan.

    Notes
    -----
    **Method.** Rows that hold more than a_i are scaled down to it, then columns that hold more than
    b_j; what is missing is added as e_a e_bᵀ/‖e_a‖₁ (Altschuler, Weed and Rigollet). Sums of `a`
    and `b` that differ by rounding are made equal by scaling `b`.

    **Cost.** Some eight passes over the entries; three arrays of the size of `plan`.

    **Accuracy.** The marginals are those asked for up to n·eps of the mass; the plan changes by at
    most 2(‖r − a‖₁ + ‖c − b‖₁) in the sum of absolute values.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    Altschuler, Weed, Rigollet, Near-linear time approximation algorithms for optimal transport via
    Sinkhorn iteration, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from linalgx.transport import round_plan
    >>> p = round_plan(np.asarray([[0.5, 0.1], [0.0, 0.3]]), [0.5, 0.5], [0.6, 0.4])
    >>> print(p.sum(axis=1).round(6), p.sum(axis=0).round(6))
    [0.5 0.5] [0.6 0.4]
    """
    xp, (plan, a, b) = _admit(plan, a, b, check_finite=check_finite)
    if 0 in plan.shape:
        return xp.zeros_like(plan)
    unit_a, unit_b, mass = balanced(a, b, xp=xp)
    a, b = unit_a * mass[..., None], unit_b * mass[..., None]
    p = _rows_cut(plan, a, xp=xp)
    return rounding_of(p, a, a, b, xp=xp).applied(p, xp=xp)


def _admit(
    plan: Any, a: Any, b: Any, *, check_finite: bool
) -> tuple[Namespace, tuple[Array, Array, Array]]:
    """Admit three real arrays that fit, with the same leading axes."""
    named = {"plan": plan, "a": a, "b": b}
    xp, done = real_arrays(named, check_finite=False)
    plan, a, b = done
    if plan.ndim < 2:
        raise ValueError(
            f"plan must be a matrix or a batch of matrices, shape (..., n, m), "
            f"got shape {tuple(plan.shape)}"
        )
    for name, x, size in (("a", a, plan.shape[-2]), ("b", b, plan.shape[-1])):
        if x.ndim < 1 or x.shape[-1] != size:
            raise ValueError(
                f"{name} must have shape (..., {size}) to fit plan, got {tuple(x.shape)}"
            )
    for name, x in zip(named, done, strict=True):
        if check_finite:
            require_finite(x, name, xp=xp)
        if 0 not in x.shape and bool(xp.any(x < 0)):
            raise ValueError(
                f"{name} must hold masses, at least zero, got {host_float(xp.min(x)):.3e}"
            )
    return xp, _one_lead(plan, a, b, xp=xp)


def _one_lead(plan: Array, a: Array, b: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Give all the same leading axes."""
    if plan.ndim == 2 and a.ndim == b.ndim == 1:
        return plan, a, b
    try:
        like = xp.zeros_like(plan) + (
            xp.zeros_like(a)[..., :, None] + xp.zeros_like(b)[..., None, :]
        )
    except (ValueError, RuntimeError):
        leads = [tuple(plan.shape[:-2]), tuple(a.shape[:-1]), tuple(b.shape[:-1])]
        raise ValueError(
            f"a and b must fit the batch of plan, got leading shapes {leads}"
        ) from None
    lead = tuple(like.shape[:-2])
    return (
        xp.broadcast_to(plan, tuple(like.shape)),
        xp.broadcast_to(a, (*lead, a.shape[-1])),
        xp.broadcast_to(b, (*lead, b.shape[-1])),
    )


def _rows_cut(plan: Array, a: Array, *, xp: Namespace) -> Array:
    """Scale rows that hold more than a_i down to it, also where 1/r_i would underflow."""
    unit, exponent = to_unit_scale(plan, xp=xp)
    r = xp.sum(unit, axis=-1, keepdims=True)
    size = from_unit_scale(r, exponent, xp=xp)
    cut = unit / xp.where(r > 0, r, xp.ones_like(r)) * a[..., :, None]
    return xp.where(size > a[..., :, None], cut, plan)
