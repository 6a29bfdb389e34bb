"""What the solvers of this family return."""

from dataclasses import dataclass

from linalgx.results import Result
from linalgx.typing import Array

__all__ = ["SolveResult"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SolveResult(Result):
    """Solution of a linear system and how it was reached.

    Attributes
    ----------
    x : Array
        The last iterate, of the shape of the right-hand side.
    status, converged, iterations : Status, bool, int
        How it ended. With several right-hand sides or problems: the worst ending, and the most
        iterations that one of them took.
    residual : float
        ‖b − A x‖, computed from `x` at the end; of several right-hand sides the largest.
    history : tuple of float
        Norms of the residual that steers, ``k = 0`` first; NaN where none was computed.
    matvecs : int
        Products with A, those for residuals and estimates included; a product with a block of
        vectors counts once, and so does one sweep.
    reason : str
        One word on how it ended: ``"converged"``, ``"maxiter"``, ``"stagnated"``,
        ``"stopped"``, ``"diverged"``, ``"indefinite"``, ``"breakdown"``.
    omega : float or None
        The relaxation parameter that was used, where there is one.
    """

    x: Array
    matvecs: int
    reason: str
    omega: float | None = None
