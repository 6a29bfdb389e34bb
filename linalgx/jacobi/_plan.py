"""What a call of `svd` asks for, handed on as one piece."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from linalgx.backend import eps
from linalgx.typing import Array, Callback, Namespace, RNGLike


@dataclass(frozen=True, slots=True)
class Plan:
    """Options of one call."""

    vectors: bool
    pivoting: str
    maxiter: int | None
    rng: RNGLike
    callback: Callback | None

    @property
    def free(self) -> bool:
        """Whether the way to orthogonal columns is ours to choose, and nobody watches."""
        return self.pivoting == "auto" and self.maxiter is None and self.callback is None

    @property
    def iteration(self) -> dict[str, Any]:
        """Options of `orthogonal_columns`."""
        return {
            "pivoting": self.pivoting,
            "maxiter": self.maxiter,
            "rng": self.rng,
            "callback": self.callback,
        }

    @property
    def silent(self) -> dict[str, Any]:
        """The same without the observer, for what is done again."""
        return {**self.iteration, "callback": None}

    def tol(self, g: Array, *, xp: Namespace) -> float:
        """Return the cosine below which two columns of G count as orthogonal."""
        m = g.shape[-2]
        return eps(g, xp=xp) * (sqrt(m) if self.vectors else float(m))
