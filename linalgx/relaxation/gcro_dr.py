"""GMRES that keeps a subspace between its cycles and between systems, for any square matrix.

Legend: C = A U with CᴴC = I, U the recycled space; V the Arnoldi basis with A V = C B + V₊ H;
Û = U scaled to unit columns, G the matrix with A [Û V] = [C V₊] G.
"""

from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import (
    adjoint,
    as_arrays,
    eig_small,
    eps,
    from_host,
    is_complex,
    namespace_of,
    svd,
    to_host,
)
from linalgx.relaxation._krylov import cast, starting_residual
from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._solve import honest, merged, solve_system
from linalgx.relaxation._stopping import Monitor, Stopping
from linalgx.relaxation._system import Ending, System, copied, settle_zeros
from linalgx.relaxation.deflated_cg import admit_basis, extended, require_one
from linalgx.results import Status
from linalgx.typing import Array, Callback, MatrixLike, Namespace

__all__ = ["RecycledResult", "gcro_dr"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RecycledResult(SolveResult):
    """Solution of a linear system, and a space for the next one.

    Attributes
    ----------
    space : Array or None
        Columns, shape (n, k), that span what is worth keeping; ``None`` when nothing is.
    """

    space: Array | None = None


def gcro_dr(
    a: MatrixLike,
    b: Array,
    /,
    *,
    restart: int = 30,
    recycle: int | None = None,
    space: Array | None = None,
    x0: Array | None = None,
    rtol: float | None = None,
    atol: float = 0.0,
    maxiter: int | None = None,
    criterion: str = "b",
    callback: Callback | None = None,
    check_finite: bool = True,
) -> RecycledResult:
    """Solve A x = b for any regular matrix by GMRES with a recycled subspace.

    Restarted GMRES forgets all it knew about A; here the directions that are slowest to converge
    are kept, within a system and from one to the next of a sequence. For Hermitian positive
    definite matrices `deflated_cg` does the same for less.

    Parameters
    ----------
    a : array, sparse container, LinearOperator, LinearMap or PreparedMatrix, shape (n, n)
        Any square matrix; for a preconditioner give the product as a `LinearMap`.
    b : array, shape (n,) or (n, k)
        Right-hand sides, solved one after the other with the space handed on.
    restart : int
        Most vectors of a cycle, the recycled ones included.
    recycle : int, optional
        How many to keep, less than `restart`; a third of it when ``None``, and 0 is GMRES.
    space : array, shape (n, m), optional
        Columns to begin with; those of the result before. The matrix may have changed.
    x0 : array, optional
        Starting guess, of the shape of `b`; zero when ``None``.
    rtol, atol : float
        Stop when ‖b − A x‖ ≤ max(rtol·‖b‖, atol); ``rtol=None`` stands for 1e-8, or 1e-5 with
        32 bits.
    maxiter : int, optional
        Most iterations, that is products, for each right-hand side; 10 000 when ``None``.
    criterion : str
        ``"b"``, or ``"r0"`` for ‖b − A x₀‖ in the place of ‖b‖.
    callback : callable, optional
        Receives an `IterationState` for each iteration, k = 0 first; of several right-hand sides
        one after the other. An observed run is slower, as iterates have to be computed.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    RecycledResult
        With the ``space`` for the next system.

    Raises
    ------
    ValueError
        Shapes do not fit, or not 0 <= recycle < restart.
    TypeError
        Libraries differ.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not met; the reason is ``"breakdown"`` where A is singular.

    See Also
    --------
    deflated_cg : For Hermitian positive definite matrices.

    Notes
    -----
    **Method.** Outside the cycles x ← x + U Cᴴr. A cycle runs Arnoldi's method on (I − CCᴴ)A,
    twice orthogonalized, minimizes the residual over [U V], and takes the harmonic Ritz vectors
    of smallest absolute value as the next U; of complex pairs of a real matrix real and imaginary
    part. A new matrix gets C from a QR decomposition of A U.

    **Cost.** One product an iteration and 8n·restart operations at most; memory for
    restart + 2·recycle + 1 vectors; one block product a system with a given space.

    **Accuracy.** The residual decreases monotonically; convergence depends on the spectrum and on
    how normal A is. Residuals of about eps·‖A‖·‖x‖ can be attained.

    **Backends.** See :doc:`/backends`; one synchronisation an iteration, small eigenproblems on
    the host.

    References
    ----------
    .. [1] M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson and S. Maiti, "Recycling Krylov
       subspaces for sequences of linear systems", SIAM J. Sci. Comput. 28, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, b = lx.gallery.poisson2d(31), np.random.default_rng(0).standard_normal((961, 2))
    >>> first = lx.relaxation.gcro_dr(a, b[:, 0])
    >>> second = lx.relaxation.gcro_dr(a, b[:, 1], space=first.space)
    >>> first.converged, second.iterations < 0.9 * first.iterations
    (True, True)
    """
    stopping = Stopping.admit(rtol, atol, maxiter, criterion, callback)
    restart = admit_integer(restart, "restart", 1)
    recycle = restart // 3 if recycle is None else admit_integer(recycle, "recycle", 0)
    if recycle >= restart:
        raise ValueError(f"recycle must be less than restart = {restart}, got {recycle}")
    require_one(a)
    if space is not None:
        _, (b, space) = as_arrays({"b": b, "space": space}, check_finite=check_finite)
    plans: list[_Recycling] = []

    def run(system: System, stopping: Stopping) -> SolveResult:
        settle_zeros(system)
        plan = _Recycling(restart, recycle, admit_basis(space, system, "space"), system.xp)
        plans.append(plan)
        if system.vector or system.b.shape[1] == 0:
            return honest(plan.attempt, system, stopping)
        columns = [
            replace(system, b=system.b[:, j : j + 1], x=system.x[:, j : j + 1], vector=True)
            for j in range(system.b.shape[1])
        ]
        results = [honest(plan.attempt, column, stopping) for column in columns]
        result = merged(results, (len(columns),), system.b)
        return replace(result, x=result.x.mT)

    result: SolveResult = solve_system(
        run, a, b, x0, stopping, rows=False, check_finite=check_finite
    )
    return extended(RecycledResult, result, space=plans[0].u)


class _Recycling:
    """The recycled space, and the cycles that use it and change it."""

    def __init__(self, restart: int, recycle: int, space: Array | None, xp: Namespace) -> None:
        self.restart, self.recycle, self.xp = restart, recycle, xp
        self.u = space if space is not None and min(space.shape) > 0 else None
        self.c: Array | None = None

    def attempt(self, system: System, x: Array, monitor: Monitor) -> Ending:
        """Run from x."""
        xp = self.xp
        r = starting_residual(system, x)
        x = copied(x, xp=xp)
        status = monitor.begin(monitor.stopping.norms(r, xp=xp), x)
        reason = ""
        if status is None and self.u is not None:
            self._load(self.u, system)
            if self.u is not None:
                y = adjoint(self.c, xp=xp) @ r
                x += self.u @ y
                r = r - self.c @ y
        while status is None:
            r, status, reason = self._cycle(system, x, r, monitor)
        return x, status, reason

    def _load(self, u: Array, system: System) -> None:
        """C = A U with orthonormal columns, for this matrix."""
        xp = self.xp
        u = u[:, : min(u.shape[1], self.restart - 1, u.shape[0])]
        self.c, s, vh = svd(system.product(u), xp=xp)
        sizes = to_host(s).tolist()
        tiny = max(1e-10, 100.0 * eps(u, xp=xp))  # C would not be A U
        rank = sum(size > tiny * sizes[0] for size in sizes) if sizes else 0
        if rank == 0:
            self.u = self.c = None
            return
        self.c = self.c[:, :rank]
        self.u = (u @ adjoint(vh, xp=xp)[:, :rank]) / cast(s[:rank], u, xp=xp)

    def _cycle(
        self, system: System, x: Array, r: Array, monitor: Monitor
    ) -> tuple[Array, Status | None, str]:
        """Extend the space, minimize over it (in place in x), and keep the best of it."""
        xp, n = self.xp, x.shape[0]
        norm = monitor.stopping.norms(r, xp=xp)[0]
        if not 0.0 < norm < inf:
            return r, Status.CONVERGED if norm == 0.0 else Status.BREAKDOWN, ""
        old = 0 if self.u is None else self.u.shape[1]
        arnoldi = _Arnoldi(self.c, r / norm, self.restart - old, norm, system)
        status, reason = None, ""
        while status is None and arnoldi.extend(system):
            shown = x + self._change(arnoldi)[0] if monitor.observed else x
            status = monitor.step([arnoldi.norm], shown)
        if arnoldi.steps > 0:
            dx, dr = self._change(arnoldi)
            x += dx
            r = r - dr
            self._keep(arnoldi)
        if status is None and (arnoldi.broken or arnoldi.singular or n == 0):
            status, reason = Status.BREAKDOWN, "breakdown"
        return r, status, reason

    def _change(self, arnoldi: "_Arnoldi") -> tuple[Array, Array]:
        """How x and A x change when the residual is minimized."""
        g = arnoldi.matrix(self._sizes())
        host = namespace_of(g)
        y = arnoldi.first * (_pseudoinverse(g, xp=host) @ arnoldi.right(g))
        w, v = arnoldi.after(), self._space(arnoldi)
        return v @ self._born(y, v), w @ self._born(g @ y, v)

    def _keep(self, arnoldi: "_Arnoldi") -> None:
        """Harmonic Ritz vectors of smallest absolute value: the largest of G⁺ [C V₊]ᴴ[Û V]."""
        if self.recycle == 0:
            return
        xp = self.xp
        g = arnoldi.matrix(self._sizes())
        host = namespace_of(g)
        v, w = self._space(arnoldi), arnoldi.after()
        f = host.astype(to_host(adjoint(w, xp=xp) @ v), g.dtype)
        theta, p = eig_small(_pseudoinverse(g, xp=host) @ f)
        p = _leading(theta, p, min(self.recycle, g.shape[1]), real=not is_complex(g, xp=host))
        left, s, vh = svd(g @ p, xp=host)
        sizes = s.tolist()
        rank = sum(size > 1e-10 * sizes[0] for size in sizes)
        if rank == 0:
            return
        p = (p @ adjoint(vh, xp=host)[:, :rank]) / s[:rank]
        self.c, self.u = w @ self._born(left[:, :rank], v), v @ self._born(p, v)

    def _sizes(self) -> list[float]:
        """Lengths of the columns of U."""
        if self.u is None:
            return []
        sizes: list[float] = to_host(self.xp.linalg.vector_norm(self.u, axis=0)).tolist()
        return sizes

    def _space(self, arnoldi: "_Arnoldi") -> Array:
        """[Û V]."""
        v = arnoldi.before()
        if self.u is None:
            return v
        sizes = self.xp.linalg.vector_norm(self.u, axis=0)
        return self.xp.concat([self.u / cast(sizes, v, xp=self.xp), v], axis=1)

    def _born(self, y: Any, like: Array) -> Array:
        return from_host(y, like=like, xp=self.xp, dtype=like.dtype)


class _Arnoldi:
    """Arnoldi's method on (I − CCᴴ)A, and the norm of the least residual on the way.

    With a vector η whose product ηᴴH is zero, and η₁ = 1, that norm is ‖r₀‖/‖η‖; each column of
    H gives one more entry of η.
    """

    def __init__(self, c: Array | None, v: Array, most: int, norm: float, system: System) -> None:
        xp = self.xp = system.xp
        self.old = 0 if c is None else c.shape[1]
        self.most = min(most, v.shape[0])
        empty = [xp.zeros_like(v)] * self.most
        self.q = xp.concat([*([] if c is None else [c]), v, *empty], axis=1)
        self.first = self.norm = norm
        self.eta: list[complex] = [1.0]
        self.columns: list[Any] = []
        self.broken = self.singular = self.happy = False

    @property
    def steps(self) -> int:
        """Columns of H so far."""
        return len(self.columns)

    def extend(self, system: System) -> bool:
        """Take a step; false when none was taken."""
        j = self.old + self.steps
        if self.steps >= self.most or self.happy or self.broken:
            return False
        xp, basis = self.xp, self.q[:, : j + 1]
        w = system.product(self.q[:, j : j + 1])
        whole = xp.linalg.vector_norm(w)
        h = adjoint(basis, xp=xp) @ w
        w = w - basis @ h
        again = adjoint(basis, xp=xp) @ w
        w = w - basis @ again
        length = xp.linalg.vector_norm(w)
        ends = cast(xp.reshape(xp.stack([length, whole]), (2, 1)), w, xp=xp)
        column = to_host(xp.concat([h + again, ends], axis=0))[:, 0]
        numbers = column.tolist()
        if not all(isfinite(abs(value)) for value in numbers):
            self.broken = True
            return False
        size, last = abs(numbers.pop()), abs(numbers[-1])
        self.happy = not last > 10.0 * eps(w, xp=xp) * size
        self._note(numbers[self.old :], size, last, 10.0 * eps(w, xp=xp))
        self.columns.append(column[:-1])
        if not self.happy:
            self.q[:, j + 1 : j + 2] = w / cast(length, w, xp=xp)
        return True

    def _note(self, h: list[complex], size: float, last: float, tiny: float) -> None:
        """Next entry of η and the norm that follows; at a happy end η is infinite."""
        total = -sum(e * value for e, value in zip(self.eta, h, strict=False))
        if self.happy:
            scale = sum(abs(e) ** 2 for e in self.eta) ** 0.5
            self.singular = not abs(total) > tiny * size * scale
            self.norm = self.norm if self.singular else 0.0
            return
        self.eta.append(total / last)
        self.norm = self.first / sum(abs(e) ** 2 for e in self.eta) ** 0.5

    def before(self) -> Array:
        """V."""
        return self.q[:, self.old : self.old + self.steps]

    def after(self) -> Array:
        """[C V₊]."""
        return self.q[:, : self.old + self.steps + 1]

    def matrix(self, sizes: list[float]) -> Any:
        """G, on the host in double precision."""
        host = namespace_of(self.columns[0])
        wide = host.complex128 if is_complex(self.columns[0], xp=host) else host.float64
        rows = self.old + self.steps + 1
        g = host.zeros((rows, rows - 1), dtype=wide, device=None)
        for i, size in enumerate(sizes):
            g[i, i] = 1.0 / size
        for j, column in enumerate(self.columns):
            g[: column.shape[0], self.old + j] = host.astype(column, wide)
        return g

    def right(self, g: Any) -> Any:
        """First unit vector of the new part: r/‖r‖ in [C V₊]."""
        e = 0.0 * g[:, :1]
        e[self.old, 0] = 1.0
        return e


def _pseudoinverse(g: Any, *, xp: Namespace) -> Any:
    u, s, vh = svd(g, xp=xp)
    sizes = s.tolist()
    rank = sum(size > 1e-14 * sizes[0] for size in sizes)
    return (adjoint(vh, xp=xp)[:, :rank] / s[:rank]) @ adjoint(u, xp=xp)[:rank, :]


def _leading(theta: Any, p: Any, count: int, *, real: bool) -> Any:
    """Vectors of the `count` largest values; of conjugate pairs real and imaginary parts."""
    host = namespace_of(p)
    values = theta.tolist()
    chosen: list[Any] = []
    for k in sorted(range(len(values)), key=lambda k: -abs(values[k])):
        vector = p[:, k]
        if not real:
            chosen.append(vector)
        elif is_complex(p, xp=host):
            if complex(values[k]).imag >= 0.0:
                chosen.append(host.real(vector))
                if complex(values[k]).imag > 0.0:
                    chosen.append(host.imag(vector))
        else:
            chosen.append(vector)
        if len(chosen) >= count:
            break
    return host.stack(chosen[:count], axis=1)
