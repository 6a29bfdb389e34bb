"""What the solvers of this family return."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from linalgx.results import Result
from linalgx.typing import Array

__all__ = ["TransportResult"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TransportResult(Result):
    """An entropic transport plan, its potentials, and how well both fulfil their equations.

    With the potentials, P_ij = exp((f_i + g_j − C_ij)/ε).

    Attributes
    ----------
    plan : Array or LinearMap, shape (..., n, m)
        The plan P; a map that multiplies with it where the cost is not stored.
    f, g : Array, shapes (..., n) and (..., m)
        Potentials, centred: ⟨a, f⟩ = ⟨b, g⟩. Those of the other form, whose reference is a⊗b
        instead of the counting measure, are f − ε log a and g − ε log b.
    cost : float or Array, shape (...)
        ⟨C, P⟩.
    value_kl : float or Array
        ⟨C, P⟩ + ε KL(P | a⊗b), with KL(P|Q) = Σ P log(P/Q) − P + Q: what was minimized.
    dual_value : float or Array
        ⟨a, f − ε log a⟩ + ⟨b, g − ε log b⟩ − ε(ΣP − Σa Σb): equal to it at the optimum.
    lower_bound, upper_bound : float or Array
        Bounds of the optimum without regularization: the dual value of the c-transform of g, and
        the cost of the plan after rounding to the exact masses, which is +∞ where that puts mass on
        a forbidden pair.
    marginal_error : float
        (‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁)/Σa, from one exact pass over the returned potentials; of a batch
        the largest. The same number as `residual`.
    errors : Array or None, shape (...)
        The same for each problem of a batch.
    method : str
        The method that was used.
    epsilon : float
        The ε of the call.
    epsilon_path : tuple of float
        The values of ε that were gone through.
    a, b : Array
        The masses that were met, those of the call with equal sums.
    empty : tuple of (Array or None)
        Indices of bins of `a` and `b` without mass, ``None`` where there are none; in a single
        problem also of those whose share is so small that a plan would underflow. Their part of
        the plan is zero, their potentials are c-transforms, which the formula of P leaves out (zero
        where all their pairs are forbidden).
    status, converged, iterations, residual, history : Status, bool, int, float, tuple
        As in every result; one marginal error per iteration in `history`, but for sweeps whose
        error was not asked for: on a GPU, and those that ``"anderson"`` takes back.
    """

    plan: Any
    f: Array
    g: Array
    cost: Any
    value_kl: Any
    dual_value: Any
    lower_bound: Any
    upper_bound: Any
    marginal_error: float
    errors: Any = None
    method: str
    epsilon: float
    epsilon_path: tuple[float, ...]
    a: Array
    b: Array
    empty: tuple[Any, Any] = (None, None)

    def _lines(self) -> Iterator[str]:
        """Leave out what the caller has given, and what says the same as `residual`."""
        return (line for line in Result._lines(self) if line.split()[0] not in UNSAID)


UNSAID = ("marginal_error", "errors", "epsilon", "epsilon_path", "a", "b", "empty")
"""Fields that the short form of a result leaves out."""
