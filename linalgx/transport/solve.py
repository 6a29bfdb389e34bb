"""Entropic optimal transport."""

from collections.abc import Mapping
from typing import Any

from linalgx._core.choose import choose
from linalgx.backend import eps, quiet
from linalgx.errors import ConvergenceWarning, warn
from linalgx.results import Status
from linalgx.transport._batch import solve_batch
from linalgx.transport._finish import finish
from linalgx.transport._methods import METHODS, admit_options
from linalgx.transport._problem import admit_problem, single
from linalgx.transport._result import TransportResult
from linalgx.transport._start import admit_start, to_problem
from linalgx.transport._stopping import Stopping
from linalgx.typing import Array, Callback

__all__ = ["solve"]


def solve(
    cost: Any,
    a: Array | None = None,
    b: Array | None = None,
    /,
    *,
    epsilon: float,
    method: str = "auto",
    rtol: float | None = None,
    maxiter: int | None = None,
    x0: Any = None,
    options: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> TransportResult:
    """Move masses `a` to masses `b` at least cost, smoothed by entropy.

    Minimizes ⟨C, P⟩ + ε KL(P | a⊗b) over the plans P ≥ 0 with row sums `a` and column sums `b`.
    The answer is unique and differentiable, and tends to optimal transport as ε → 0. Small ε is
    what this function is made for: where Sinkhorn's iteration needs thousands of sweeps, or
    underflows, the default method takes some tens of Newton steps, and it says so when it has not
    met the tolerance. Where the exact plan itself is wanted, and n is a few thousand at most, the
    network simplex of another library is the better choice.

    Parameters
    ----------
    cost : array, PointCloudCost or GridCost, shape (..., n, m)
        Cost of moving a unit of mass from i to j. +∞ forbids a pair.
    a, b : array, shapes (..., n) and (..., m), optional
        Masses at source and target, at least zero, with equal sums; uniform with sum one when
        ``None``. Sums that differ by less than 1e-6 (32 bits: 1e-4) are made equal by scaling `b`.
    epsilon : float
        Strength of the entropy, in the units of the cost. Below 1e-2 of the range of the costs the
        plan is sharp; the cost exceeds the optimum by at most ε log(nm) for masses of sum one.
    method : str
        ``"auto"`` sweeps at the target first and goes over to Newton's method when many sweeps are
        to be expected. By name: ``"newton"`` (annealed, on the entries of the plan that matter),
        ``"sinkhorn"`` (scalings, absorbed in time), ``"sinkhorn_log"``, ``"overrelaxed"``,
        ``"anderson"``, ``"mdot"`` (Newton by products with the plan alone: for GPUs and large
        lazy costs); and for comparison ``"greenkhorn"``, ``"apdagd"``, ``"sinkhorn_newton"``,
        ``"sns"``, ``"ssns"``, ``"splr"``, ``"proximal"``.
    rtol : float, optional
        Largest ‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁ relative to Σa; ``None`` stands for eps^0.575: 1e-9, or
        1e-4 with 32 bits.
    maxiter : int, optional
        Most iterations (sweeps and Newton steps together); the method's own limit when ``None``.
    x0 : pair of arrays or TransportResult, optional
        Potentials f and g to start from, of the same problem or one like it.
    options : mapping, optional
        Settings of the method: ``stage_rtol`` (``auto``, ``newton``, ``mdot``), ``omega``
        (``overrelaxed``), ``prox_steps`` (``proximal``), ``memory`` (``anderson``), ``anneal``,
        ``sweeps``, ``cg_cap`` (``sinkhorn_newton``), ``sweeps``, ``density``, ``sparsify``
        (``sns``), ``dropped``, ``shift`` (``ssns``), ``density`` (``splr``).
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first; ``x`` is the potential f as
        the method has it.
    check_finite : bool
        Whether to look for NaN and −∞.

    Returns
    -------
    TransportResult
        The plan, the potentials f and g with P_ij = exp((f_i + g_j − C_ij)/ε), the values, bounds
        of the optimum without entropy, and the error, all computed from f and g in one exact pass.

    Raises
    ------
    ValueError
        Shapes do not fit, masses are negative or their sums differ, or the forbidden pairs leave
        no plan.
    TypeError
        Complex or otherwise unsuitable input.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    solve_unbalanced : For masses that need not be equal.
    round_plan : Makes a plan exactly feasible.
    vjp : Gradients of plan and potentials.
    scale : The same iterations for a given matrix.

    Notes
    -----
    **Method.** Potentials are those of the form ⟨C, P⟩ + ε Σ P(log P − 1); the ones for KL(P|a⊗b)
    are f − ε log a and g − ε log b. ``"newton"`` is our combination: ε falls by factors of four
    from 5 % of the range of the costs, each stage starts from a linear extrapolation of the last
    two and stops at 1e-6, the semi-dual is minimized by Newton's method with conjugate gradients,
    an exact diagonal, a Levenberg shift that falls with the error, and a Hessian from which small
    entries are left out [2]_ [3]_, as in published sparse Newton methods. A plan that is
    compressed loses less than a thousandth of the tolerance; an exact pass has the last word.

    **Cost.** One to two matrices of the size of the cost, one more where it is stored by columns,
    three to six for ``"ssns"`` and ``"splr"``, and none where it is lazy; twice that for 32 bits,
    which Newton's methods widen. ``"newton"``
    takes about 10 passes over the cost and 10 to 60 Newton steps, in all as much as some 200 to
    500 sweeps of Sinkhorn's iteration for ε/range from 1e-2 to 1e-6.

    **Accuracy.** What `rtol` asks for, down to about eps·max|C|/ε: the potentials cannot carry
    more, so a constant that all costs share is better left out. 32-bit arrays are solved in 64
    bits on the host, and rounded at the end.

    **Backends.** See :doc:`/backends`; compiled loops on NumPy, whole-array operations elsewhere,
    ``"mdot"`` on a GPU.

    References
    ----------
    .. [1] M. Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", 2013.
    .. [2] X. Tang, M. Shavlovsky, H. Rahmanian, et al., "Accelerating Sinkhorn algorithm with
       sparse Newton iterations", ICLR 2024, arXiv:2401.12253.
    .. [3] Z. Tang, Y. Qiu, "Safe and sparse Newton method for entropic-regularized optimal
       transport", NeurIPS 2024.
    .. [4] B. Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport
       problems", arXiv:1610.06519.
    .. [5] M. Kemertas, A. Farahmand, A. Jepson, "A truncated Newton method for optimal transport",
       ICLR 2025, arXiv:2504.02067.

    Examples
    --------
    >>> import linalgx as lx
    >>> x = lx.transport.solve([[0.0, 1.0], [1.0, 0.0]], epsilon=0.1)
    >>> print(x.plan.round(7), x.converged)
    [[4.999773e-01 2.270000e-05]
     [2.270000e-05 4.999773e-01]] True
    """
    run = choose(method, METHODS, "method").run
    own = admit_options(options, method)
    xp, cost, a, b = admit_problem(cost, a, b, epsilon, check_finite=check_finite)
    epsilon = float(epsilon)
    stopping = Stopping.admit(rtol, maxiter, callback, eps(a, xp=xp))
    if x0 is not None:
        own["start"] = admit_start(x0, a, b, method)
    with quiet():  # every error is looked at, an overflow is one that is not finite
        if len(cost.shape) > 2:
            result = solve_batch(cost, a, b, epsilon, method, stopping, own, xp=xp)
        else:
            problem = single(cost, a, b, epsilon, xp=xp)
            if x0 is not None:
                own["start"] = to_problem(own["start"], problem)
            done = run(problem, stopping, own)
            result = finish(problem, done, stopping.rtol, cost, a, b, epsilon)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn(
            f"solve ({result.method}) ended with a marginal error of {result.residual:.1e} above "
            f"{stopping.rtol:.1e}: {result.status.value}",
            ConvergenceWarning,
        )
    return result
