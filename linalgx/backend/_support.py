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
    sparse : bool
        Whether sparse containers are accepted.
    operators : bool
        Whether linear operators are accepted, and sparse containers with them.
    kernel : str
        Library of the optional kernel, or an empty string.
    note : str
        What a user of a GPU should know.
    """

    batches: bool = True
    sparse: bool = False
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
    "relaxation.cg": Support(
        sparse=True, operators=True, note="check_every=10 saves synchronisations"
    ),
    "relaxation.ssor_cg": Support(
        sparse=True, kernel="Numba", note="the sweeps are sequential; ordering='multicolor' is not"
    ),
    "relaxation.chebyshev": Support(
        sparse=True, operators=True, note="no inner products; check_every=10 saves the norms"
    ),
    "relaxation.deflated_cg": Support(batches=False, sparse=True, operators=True),
    "relaxation.fischer_guess": Support(batches=False, sparse=True, operators=True),
    "relaxation.gcro_dr": Support(
        batches=False, sparse=True, operators=True, note="small eigenproblems on the host"
    ),
    "relaxation.prepare": Support(
        batches=False, sparse=True, note="orderings are found on the host"
    ),
    "relaxation.sor": Support(
        sparse=True, kernel="Numba", note="ordering='multicolor' is the one for a GPU"
    ),
    "relaxation.jacobi": Support(sparse=True, note="operators with diagonal="),
    "relaxation.optimal_omega": Support(batches=False, sparse=True),
    "relaxation.jacobi_radius": Support(batches=False, sparse=True, operators=True),
    "relaxation.toeplitz": Support(batches=False),
    "relaxation.circulant_preconditioner": Support(batches=False),
    "relaxation.tau_preconditioner": Support(batches=False),
    "relaxation.sketch_and_project": Support(
        batches=False, note="random numbers are drawn on the host"
    ),
    "relaxation.pdhg": Support(batches=False, sparse=True, operators=True),
    "relaxation.alpd": Support(batches=False, sparse=True, operators=True),
    "relaxation.combination_split": Support(),
    "relaxation.combination_preconditioner": Support(
        batches=False, sparse=True, note="operators with diagonal="
    ),
    "relaxation.hhl": Support(batches=False),
    "relaxation.tsallis_weights": Support(note="computed on the host"),
    "relaxation.symmetric_polynomial": Support(batches=False, sparse=True, operators=True),
    "relaxation.polynomial_preconditioner": Support(batches=False, sparse=True, operators=True),
    "relaxation.residual_roots": Support(batches=False, sparse=True, operators=True),
    "relaxation.fsai": Support(
        batches=False, sparse=True, kernel="Numba", note="rows of equal length together"
    ),
    "relaxation.fsai_factor": Support(
        batches=False, sparse=True, kernel="Numba", note="rows of equal length together"
    ),
    "relaxation.ridge_chebyshev": Support(note="one synchronisation a call, for the scaling"),
    "relaxation.degeneracy": Support(),
    "relaxation.predicted_iterations": Support(),
    "randomized.svd": Support(
        sparse=True, operators=True, note="batches in a loop; one synchronisation a block"
    ),
    "randomized.eigh": Support(
        sparse=True, operators=True, note="batches in a loop; one synchronisation a block"
    ),
    "transport.scale": Support(note="the structure of zeros is found on the host"),
    "transport.project_birkhoff": Support(note="one transfer a step; finished matrices leave"),
    "transport.kronecker_birkhoff": Support(),
    "transport.kronecker_product": Support(),
    "transport.assignment_pdhg": Support(note="whole-array operations only; batches in a loop"),
    "transport.low_rank": Support(note="Newton's method on 2k unknowns steers; batches in a loop"),
    "transport.light_bridge": Support(
        batches=False, note="loss and gradient on the device, L-BFGS on the host"
    ),
    "transport.cp_dictionary": Support(
        batches=False, note="functions and gradients on the device, L-BFGS on the host"
    ),
    "transport.solve": Support(
        kernel="Numba", note="on a GPU sweeps and 'mdot': products with the plan, on the device"
    ),
    "transport.round_plan": Support(),
    "transport.solve_unbalanced": Support(
        kernel="Numba", note="the whole plan is stored for the Newton steps; batches in a loop"
    ),
    "transport.divergence": Support(kernel="Numba", note="batches in a loop"),
    "transport.barycenter": Support(
        kernel="Numba", note="one measure after the other; one synchronisation a sweep"
    ),
    "transport.solve_constrained": Support(
        kernel="Numba", note="a few synchronisations an iteration; batches in a loop"
    ),
    "jacobi.cholesky": Support(kernel="Numba", note="pairs are drawn on the host"),
    "jacobi.eigh": Support(
        kernel="Numba",
        note="pivoting='tournament', all pairs of a round at once; one question a sweep",
    ),
    "jacobi.qr": Support(kernel="Numba", note="pairs are drawn on the host"),
    "jacobi.potential": Support(),
    "jacobi.svd": Support(
        kernel="Numba", note="pivoted QR of a single matrix on the host; batches stay on the GPU"
    ),
    "randomized.nystrom": Support(sparse=True, operators=True, note="batches in a loop"),
    "randomized.generalized_nystrom": Support(
        sparse=True, operators=True, note="batches in a loop"
    ),
    "randomized.qr": Support(
        batches=False, kernel="Numba", note="pivots are chosen from a sketch, on the host"
    ),
    "randomized.utv": Support(),
    "randomized.trace": Support(sparse=True, operators=True, note="batches in a loop"),
    "randomized.diagonal": Support(sparse=True, operators=True, note="batches in a loop"),
    "randomized.lstsq": Support(
        sparse=True,
        operators=True,
        kernel="Numba",
        note="dense and sparse matrices and operators; the sketch is a sparse product on a GPU",
    ),
    "randomized.pivoted_cholesky": Support(
        batches=False, note="pivots are drawn on the host, two transfers a block"
    ),
    "randomized.interpolative": Support(
        sparse=True, operators=True, note="pivots are drawn on the host; batches in a loop"
    ),
    "randomized.cur": Support(
        sparse=True, operators=True, note="pivots are drawn on the host; batches in a loop"
    ),
}
