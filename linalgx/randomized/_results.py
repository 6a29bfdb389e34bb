"""What truncated decompositions return."""

from dataclasses import dataclass

from linalgx.results import Result
from linalgx.typing import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SVDResult(Result):
    """Leading singular triplets and an estimate of what they leave out.

    Attributes
    ----------
    u, s, vh : Array
        Left singular vectors as columns, singular values, descending, and right singular vectors
        as rows.
    error : float
        Estimate of ‖A − U diag(s) Vᴴ‖_F; an array for a batch.
    status, converged, iterations : Status, bool, int
        How it ended.
    residual : float
        With a rank, the largest ‖Aᴴu − s v‖/s₁ or ‖A v − s u‖/s₁, of which one is zero up to
        rounding; without a rank and for ``single_pass`` ‖A − U diag(s) Vᴴ‖_F/‖A‖_F, estimated.
    history : tuple of float
        The residual, once for each block.
    """

    u: Array
    s: Array
    vh: Array
    error: float | Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EighResult(Result):
    """Eigenvalues of largest modulus and an estimate of what they leave out.

    Attributes
    ----------
    w, v : Array
        Eigenvalues, ascending, and eigenvectors as columns.
    error : float
        Estimate of ‖A − V diag(w) Vᴴ‖_F; an array for a batch.
    status, converged, iterations : Status, bool, int
        How it ended.
    residual : float
        max_j ‖A v_j − w_j v_j‖/max|w|.
    history : tuple of float
        The residual, once for each block.
    """

    w: Array
    v: Array
    error: float | Array
