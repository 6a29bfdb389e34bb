"""Least squares by a sketched factor and iterative refinement, with the backward error in view.

Legend: Ã = A diag(f)⁻¹ has columns of about unit norm, f the column norms of the sketch S A;
S Ã = U diag(s) Vᴴ; P = diag(f)⁻¹ V s⁻¹ over the singular values that are kept, so that A P is
nearly orthonormal, and X = X₀ + P Y. With C = Pᴴ Aᴴ(B − A X) and M = PᴴAᴴA P the correction
solves M Y = C.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite, nan

from linalgx._core.iterate import notify
from linalgx.backend import adjoint, eps, host_float, svd
from linalgx.randomized._backward_error import backward_error
from linalgx.randomized._spir import conjugate_gradients
from linalgx.randomized._tall import Tall
from linalgx.results import Status
from linalgx.typing import Array, Callback, Namespace

CUT = 30.0
"""Singular values of S Ã below this multiple of eps s₁ are left out."""
LOOPS = 8
"""Refinements at most; two are the rule."""
FAILURES = 2
"""Refinements without effect after which one more will not help."""
WORSE = 1e6
"""Growth of the error that tells an iteration that diverged."""
REDUCTION = 1e-9
"""Part of the error that one refinement removes at most; what it computed with is no better."""

Inner = Callable[..., Array]


@dataclass(frozen=True, slots=True)
class Factor:
    """What the sketch says about the matrix; real columns where not said otherwise.

    Attributes
    ----------
    scale, s : array, shape (n, 1)
        Norms f of the columns, 1 for columns of zeros, and all singular values s.
    vh : array, shape (n, n)
        Vᴴ.
    p : array, shape (n, r)
        P.
    start : array, shape (n, k)
        X₀, the solution of the sketched problem.
    beta : float
        n/d, and 0 where the matrix itself was factorized.
    left_out : float
        Largest singular value that was left out, relative to ‖s‖.
    """

    scale: Array
    s: Array
    vh: Array
    p: Array
    start: Array
    beta: float
    left_out: float

    @property
    def rank(self) -> int:
        """Number of singular values that are kept."""
        return int(self.p.shape[1])


def factorize(sa: Array, sb: Array, beta: float, *, xp: Namespace) -> Factor:
    """Factorize the sketch S A, and solve the sketched problem for S B."""
    peaks = _replaced(xp.max(xp.abs(sa), axis=0, keepdims=True), xp=xp)
    norms = peaks * xp.linalg.vector_norm(sa / peaks, axis=0, keepdims=True)
    empty = norms.mT == 0
    norms = _replaced(norms, xp=xp)
    u, s, vh = svd(sa / norms, xp=xp)
    first = host_float(s[0]) if s.shape[0] else 0.0
    kept = s > CUT * eps(sa, xp=xp) * first
    rank = int(xp.sum(xp.astype(kept, xp.int64)))
    p = adjoint(vh[:rank, :], xp=xp) / s[None, :rank] / norms.mT
    p = xp.where(empty, xp.zeros_like(p), p)  # columns of zeros have no part in the solution
    left_out = host_float(s[rank] / xp.linalg.vector_norm(s)) if 0 < rank < s.shape[0] else 0.0
    start = p @ (adjoint(u[:, :rank], xp=xp) @ sb)
    return Factor(norms.mT, s[:, None], vh, p, start, beta, left_out)


def _replaced(sizes: Array, *, xp: Namespace) -> Array:
    """Put 1 in the place of zeros."""
    return xp.where(sizes == 0, xp.ones_like(sizes), sizes)


@dataclass(slots=True)
class Refinement:
    """Follows the backward error through all refinements.

    Attributes
    ----------
    a, b : Tall, array of shape (m, k)
        The problem, at unit scale.
    factor : Factor
        From the sketch.
    tolerance : float
        Backward error to be reached.
    maxiter : int
        Most inner iterations of all refinements together.
    show : callable
        Iterate at unit scale -> what the observer sees.
    """

    a: Tall
    b: Array
    factor: Factor
    tolerance: float
    maxiter: int
    callback: Callback | None
    show: Callable[[Array], Array]
    history: list[float] = field(default_factory=list)
    stopped: bool = False

    def solve(self, inner: Inner) -> tuple[Array, Status, float]:
        """Refine until the fresh backward error is small; return X, how it ended, and the error.

        The start may be so large that its backward error is small, too; what counts as failure
        is therefore seen from the second refinement on. After one, or when an iteration diverges
        because the sketch was a bad one, conjugate gradients take over, which need no bounds of
        the spectrum.
        """
        p, xp = self.factor.p, self.a.xp
        x = best = self.factor.start
        least, before, failures = inf, inf, 0
        for k in range(LOOPS):
            gradient, sizes = self._measure(x)
            error = self._error(self.factor.vh @ (gradient / self.factor.scale), sizes)
            if not self.history:
                self._note(error, x)
            if not isfinite(error):
                return x, Status.BREAKDOWN, nan
            if error < least:
                best, least = x, error
            if k > 1 and not error <= 0.5 * before:
                failures, inner = failures + 1, conjugate_gradients
            if (status := self._status(error)) is not None or failures == FAILURES:
                return best, status or Status.STAGNATED, least
            if not error <= WORSE * least:
                x, inner = best, conjugate_gradients
                gradient, sizes = self._measure(x)
            y = self._inner(inner, adjoint(p, xp=xp) @ gradient, x, sizes, error)
            x, before = x + p @ y, error
        return best, Status.STAGNATED, least

    def _status(self, error: float) -> Status | None:
        """Say whether, and how, the refinements end."""
        if self.stopped:
            return Status.STOPPED
        if error <= self.tolerance:
            return Status.CONVERGED
        return Status.MAXITER if len(self.history) > self.maxiter else None

    def _measure(self, x: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        """Return AᴴR, and the norms of the columns of R, X in scaled columns, and B."""
        xp = self.a.xp
        gradient, r = self.a.gradient(x, self.b)
        size = xp.linalg.vector_norm(self.factor.scale * x, axis=0, keepdims=True)
        return gradient, (r, size, xp.linalg.vector_norm(self.b, axis=0, keepdims=True))

    def _error(self, z: Array, sizes: tuple[Array, Array, Array]) -> float:
        """Return the largest backward error of all columns: the one synchronisation."""
        s = self.factor.s[: z.shape[0], :]
        found = backward_error(z, s, *sizes, xp=self.a.xp)
        return host_float(self.a.xp.max(found)) if found.shape[1] else 0.0

    def _inner(
        self, inner: Inner, c: Array, x: Array, sizes: tuple[Array, Array, Array], start: float
    ) -> Array:
        """Run one inner iteration, stopped by the backward error that its recurrence implies."""
        f, xp = self.factor, self.a.xp
        ph = adjoint(f.p, xp=xp)
        s = f.s[: f.rank, :]
        target = max(0.25 * self.tolerance, REDUCTION * start)
        least = inf

        def watch(y: Array, residual: Array) -> bool:
            nonlocal least
            error = self._error(s * residual, sizes)
            self._note(error, x, y)
            least = min(least, error)
            over = len(self.history) > self.maxiter or self.stopped
            return over or error <= target or not error <= 10.0 * max(least, start)

        return inner(lambda y: ph @ self.a.normal_product(f.p @ y), c, f.beta, watch, xp=xp)

    def _note(self, error: float, x: Array, y: Array | None = None) -> None:
        """Write the history; show the iterate to the observer."""
        self.history.append(error)
        if self.callback is not None:
            x = x if y is None else x + self.factor.p @ y
            k = len(self.history) - 1
            self.stopped = notify(self.callback, k, self.show(x), error)
