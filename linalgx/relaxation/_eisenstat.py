"""SSOR-preconditioned conjugate gradients in Eisenstat's form, around the compiled kernels.

Legend: S = (ω/D)^(1/2), S A S = K + Kᴴ − E with K = I + L and E = 2 − ω; r̂ = K⁻¹ S r.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from linalgx.backend import csr_parts, find_kernel, is_complex
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.typing import Array, Namespace


@dataclass(slots=True)
class EisenstatForm:
    """The scaled triangles of a matrix, and the kernels that use them."""

    lower: tuple[Array, Array, Array]
    upper: tuple[Array, Array, Array]
    scale: Array
    shift: float
    begin: Callable[..., float]
    advance: Callable[..., tuple[int, int]]
    vectors = 4

    def start(self, r: Array, work: Array) -> float:
        """Write r̂ for a residual, and return ‖r̂‖²."""
        return self.begin(self.lower, r, self.scale, work)

    def steps(self, work: Array, x: Array, *rest: Any) -> tuple[int, int]:
        """Take steps; see the kernel."""
        return self.advance(self.lower, self.upper, self.scale, self.shift, work, x, *rest)


def eisenstat_form(a: PreparedMatrix, omega: float, *, xp: Namespace) -> EisenstatForm | None:
    """Scale and split a sparse matrix; ``None`` where there is no kernel or D was shifted."""
    names = ("eisenstat_count", "eisenstat_split", "eisenstat_start", "eisenstat_steps")
    if not a.is_sparse or a.diag_shift:
        return None
    kernels = [find_kernel(name, xp) for name in names]
    if None in kernels:
        return None
    count, split, start, steps = kernels
    data, columns, starts = csr_parts(a.matrix)
    if "eisenstat_count" not in a.of_pattern:
        a.of_pattern["eisenstat_count"] = count(columns, starts)  # type: ignore[misc]
    d = a.inverse_diagonal
    scale = xp.sqrt(omega * (xp.real(d) if is_complex(d, xp=xp) else d))
    lower, upper = (
        (
            xp.empty(size, dtype=data.dtype, device=a.device),
            xp.empty(size, dtype=columns.dtype, device=a.device),
            xp.empty(a.shape[0] + 1, dtype=starts.dtype, device=a.device),
        )
        for size in a.of_pattern["eisenstat_count"]
    )
    split((data, columns, starts), scale, lower, upper)  # type: ignore[misc]
    return EisenstatForm(lower, upper, scale, 2.0 - omega, start, steps)  # type: ignore[arg-type]
