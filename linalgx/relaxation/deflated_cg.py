"""Conjugate gradients with a known subspace taken out, and the harvest of one for next time.

Legend: W a basis with WᴴAW = I, r = b − A x, z = M⁻¹r, P = I − W (AW)ᴴ.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from linalgx._core.admit import admit_integer
from linalgx.backend import adjoint, as_arrays, eigh, eps, hermitian, qr, to_host
from linalgx.relaxation._harvest import Harvest, refined
from linalgx.relaxation._krylov import (
    Apply,
    Preconditioner,
    admit_preconditioner,
    cast,
    starting_residual,
)
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import honest, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.relaxation._system import Ending, System, settle_zeros
from linalgx.relaxation.cg import Extras, State, conjugate_gradients
from linalgx.results import Status
from linalgx.typing import Array, Callback, MatrixLike

__all__ = ["DeflatedResult", "deflated_cg"]

R = TypeVar("R", bound=SolveResult)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DeflatedResult(SolveResult):
    """Solution of a linear system, and a basis for the next one.

    Attributes
    ----------
    basis : Array or None
        Vectors of small eigenvalues of M⁻¹A, shape (n, k), normalized columns; what was given
        where nothing was to be harvested.
    """

    basis: Array | None = None


def deflated_cg(
    a: MatrixLike,
    b: Array,
    /,
    *,
    basis: Array | None = None,
    harvest: int = 0,
    preconditioner: Preconditioner = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    criterion: str = "b",
    norm: str = "2",
    callback: Callback | None = None,
    check_finite: bool = True,
) -> DeflatedResult:
    """Solve A x = b by conjugate gradients, with a subspace solved for exactly.

    For sequences of Hermitian positive definite systems whose matrices stay similar: the vectors
    of the smallest eigenvalues, which cost most iterations, are gathered on the way and taken out
    of the next solves. The matrix may change, the basis is used with the matrix that is given.

    Parameters
    ----------
    a : array, sparse container, LinearOperator, LinearMap or PreparedMatrix, shape (n, n)
        Hermitian, which is not checked.
    b : array, shape (n,) or (n, k)
        Right-hand sides.
    basis : array, shape (n, m), optional
        Columns that span the space to take out; those of the result before.
    harvest : int
        How many vectors to look for, those in `basis` included.
    preconditioner : matrix, operator or callable, optional
        As in `cg`.
    x0 : array, optional
        Starting guess, of the shape of `b`; zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); ``rtol=None`` stands for 1e-8, or 1e-5 with
        32 bits.
    maxiter : int, optional
        Most iterations; 10 000 when ``None``.
    criterion : str
        ``"b"``, or ``"r0"`` for ‖b − A x₀‖ in the place of ‖b‖.
    norm : str
        ``"2"`` or ``"inf"``.
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    DeflatedResult
        With the ``basis`` for the next system.

    Raises
    ------
    ValueError
        Shapes do not fit.
    TypeError
        Libraries differ.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met.

    See Also
    --------
    cg : Without a basis.
    FischerGuess : A better start from earlier solutions.
    gcro_dr : The same for matrices that are not Hermitian.

    Notes
    -----
    **Method.** x₀ ← x₀ + W Wᴴr₀, and in each step p ← P z + βp, which keeps r orthogonal to W.
    The harvest shrinks a window of max(4·`harvest`, 20) Lanczos vectors to Ritz vectors each time
    it is full, as eigCG does, and in the end filters them with the given basis by their
    residuals; how this is put together is our construction.

    **Cost.** As `cg`; one block product with the basis, and 4mn operations an iteration. With
    `harvest` one more block product, and the window as memory.

    **Accuracy.** Convergence is that of `cg` for the condition number without the eigenvalues
    taken out. An inaccurate basis costs iterations, not accuracy.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration.

    References
    ----------
    .. [1] Y. Saad, M. Yeung, J. Erhel and F. Guyomarc'h, "A deflated version of the conjugate
       gradient algorithm", SIAM J. Sci. Comput. 21, 2000.
    .. [2] A. Stathopoulos and K. Orginos, "Computing and deflating eigenvalues while solving
       multiple right-hand side linear systems", SIAM J. Sci. Comput. 32, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, b = lx.gallery.poisson2d(63), np.random.default_rng(0).standard_normal((63 * 63, 2))
    >>> first = lx.relaxation.deflated_cg(a, b[:, 0], harvest=10)
    >>> second = lx.relaxation.deflated_cg(a, b[:, 1], basis=first.basis)
    >>> first.iterations > 185, second.iterations < 165
    (True, True)
    """
    stopping = Stopping.admit(rtol, atol, maxiter, criterion, callback, norm=norm)
    harvest = admit_integer(harvest, "harvest", 0)
    require_one(a)
    if basis is not None:
        _, (b, basis) = as_arrays({"b": b, "basis": basis}, check_finite=check_finite)
    found: list[Array | None] = [basis]

    def run(system: System, stopping: Stopping) -> SolveResult:
        settle_zeros(system)
        apply = admit_preconditioner(preconditioner, system)
        extras = _Deflation(admit_basis(found[0], system), harvest, apply, system)
        result = honest(extras.attempt, system, stopping)
        found[0] = extras.gathered(result.converged)
        return result

    result = solve_system(run, a, b, x0, stopping, rows=False, check_finite=check_finite)
    return extended(DeflatedResult, result, basis=found[0])


def require_one(a: Any) -> None:
    """Refuse a stack of matrices."""
    shape = tuple(getattr(a, "shape", (0, 0)))
    if len(shape) > 2:
        raise ValueError(f"a must be one matrix, shape (n, n), got shape {shape}")


def admit_basis(basis: Array | None, system: System, name: str = "basis") -> Array | None:
    """Bring a basis to the shape and dtype of the system."""
    n = system.b.shape[0]
    if basis is None:
        return None
    if basis.ndim != 2 or basis.shape[0] != n:
        raise ValueError(f"{name} must have shape ({n}, m), got {tuple(basis.shape)}")
    return cast(basis, system.b, xp=system.xp)


def extended(kind: type[R], result: SolveResult, **more: Any) -> R:
    """Make the result of a derived class."""
    return kind(**{f.name: getattr(result, f.name) for f in fields(result)}, **more)


class _Deflation(Extras):
    """Takes the basis out of a run, and gathers the next one."""

    def __init__(self, w: Array | None, harvest: int, apply: Apply, system: System) -> None:
        self.given = w
        self.w = w if w is not None and min(w.shape) > 0 else None
        self.aw: Any = None
        self.apply, self.system, self.xp = apply, system, system.xp
        self.harvest = Harvest(harvest, xp=system.xp) if harvest else None

    def attempt(self, system: System, x: Array, monitor: Monitor) -> Ending:
        """Run from x, once W is scaled to WᴴAW = I."""
        if self.w is not None and self.aw is None and not self._scaled(self.w):
            norms = monitor.stopping.norms(starting_residual(system, x), xp=self.xp)
            return x, monitor.begin(norms, x) or Status.BREAKDOWN, "indefinite"
        return conjugate_gradients(self.apply, system, x, monitor, self)

    def _scaled(self, w: Array) -> bool:
        """Find W and AW; directions that A takes to zero are left out."""
        xp = self.xp
        w, _ = qr(w, xp=xp)
        aw = self.system.product(w)
        values, u = eigh(hermitian(adjoint(w, xp=xp) @ aw, xp=xp), xp=xp)
        numbers = to_host(values).tolist()
        tiny = 10.0 * w.shape[1] * eps(w, xp=xp) * max(map(abs, numbers))
        if numbers[0] < -tiny:
            return False
        low = sum(value <= tiny for value in numbers)
        u = u[:, low:] / cast(xp.sqrt(values[low:]), u, xp=xp)
        self.w, self.aw = w @ u, aw @ u
        return True

    def correct(self, s: State, system: System) -> None:
        """Take x ← x + W Wᴴr."""
        if self.w is not None:
            c = adjoint(self.w, xp=self.xp) @ s.r
            s.x += self.w @ c
            s.r = s.r - self.aw @ c

    def project(self, z: Array) -> Array:
        """P z."""
        return z if self.w is None else z - self.w @ (adjoint(self.aw, xp=self.xp) @ z)

    def watch(self, z: Array, rho: Array, alpha: Array) -> None:
        """Gather the Lanczos vectors."""
        if self.harvest is not None:
            self.harvest.add(z, rho, alpha)

    def gathered(self, useful: bool) -> Array | None:
        """Return the next basis."""
        new = self.harvest.vectors() if self.harvest is not None and useful else None
        parts = [part for part in (self.w, new) if part is not None]
        if not parts or self.harvest is None:
            return self.given
        candidates = self.xp.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        candidates = candidates[:, : min(candidates.shape)]
        found = refined(candidates, self.harvest.count, self.apply, self.system, xp=self.xp)
        return self.given if found is None else found
