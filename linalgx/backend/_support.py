"""Which public function runs where: one table, as data.

The documentation's table and the contract tests are both made from it.
"""

from dataclasses import dataclass

BACKENDS = ("numpy", "cupy", "torch", "array_api_strict")


@dataclass(frozen=True, slots=True)
class Support:
    """What a public function accepts.

    Attributes
    ----------
    batches : bool
        Whether leading axes are batches.
    operators : bool
        Whether sparse containers and linear operators are accepted.
    kernel : str
        Library of the optional kernel, or an empty string.
    note : str
        What a user of a GPU should know.
    """

    batches: bool = True
    operators: bool = False
    kernel: str = ""
    note: str = ""


SUPPORT: dict[str, Support] = {
    "orthogonal.polar": Support(
        kernel="Numba", note="on a GPU QDWH, or the SVD for batches up to order 32"
    ),
    "orthogonal.orthogonalize": Support(
        kernel="SciPy", note="matrix products only; one synchronisation a call, for the scaling"
    ),
    "orthogonal.soft_clip": Support(),
    "orthogonal.sign": Support(),
    "orthogonal.eigh": Support(note="the recursion is steered on the host"),
    "orthogonal.svd": Support(note="the recursion is steered on the host"),
    "orthogonal.inverse_root": Support(note="the Newton iteration instead of eigh on a GPU"),
    "orthogonal.sqrt": Support(),
}
