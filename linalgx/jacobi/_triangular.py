"""The triangular members of the family: pair steps, and the iteration around them.

Legend: pair p < q; S = I − c e_p e_qᴴ makes the columns p and q orthogonal, or the entry B_pq zero;
T the product of all S, unit upper triangular. Columns: A is turned into X = A T. Forms: B is turned
into TᴴBT. N = T⁻¹ is kept instead of T: a step adds c times its row q to row p, and a subset of
columns treated pair by pair in order is its LDLᴴ decomposition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx._core.hermitian import require_hermitian
from linalgx._core.iterate import notify
from linalgx._core.polish import identity_like
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import (
    device_of,
    exponents,
    find_kernel,
    from_host,
    hermitian,
    host_integers,
    is_complex,
    times_power_of_two,
)
from linalgx.errors import ConvergenceWarning, LinAlgError, warn
from linalgx.jacobi._pivoting import (
    RULES,
    admit_block,
    default_limit,
    iteration_pairs,
    pivot_generator,
    sweep_length,
)
from linalgx.typing import Array, Callback, Namespace, RNGLike


class Columns(NamedTuple):
    """State of the one-sided iteration: the rows of `x` are the columns of A T."""

    x: Array
    n: Array


class Form(NamedTuple):
    """State of the two-sided iteration, and the smallest diagonal entry that B ever had."""

    b: Array
    n: Array
    least: Array


@dataclass(frozen=True, slots=True)
class Plan:
    """Options of a run, checked."""

    name: str
    rule: str
    block: int
    order: int
    limit: int
    rng: Any
    callback: Callback | None

    def pairs(self) -> Array:
        """Draw the pairs of the next iteration."""
        return iteration_pairs(self.rule, self.order, self.rng, self.block)

    @property
    def period(self) -> int:
        """Iterations that are about one sweep; the cosines are computed after these."""
        return sweep_length(self.rule, self.order, self.block)


def admit_plan(
    name: str,
    order: int,
    pivoting: str,
    block: int,
    maxiter: int | None,
    rng: RNGLike,
    callback: Callback | None,
) -> Plan:
    """Check the options that both functions have in common."""
    known = {**dict(zip(RULES, RULES, strict=True)), "auto": "tournament"}
    rule = choose(pivoting, known, "pivoting")
    block = admit_block(block, rule, order)
    usual = default_limit(rule, order, block)
    limit = usual if maxiter is None else admit_integer(maxiter, "maxiter", 0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")
    return Plan(name, rule, block, order, limit, pivot_generator(rng), callback)


def run(
    state: Any,
    step: Callable[[Any, Array], Any],
    cosine: Callable[[Any], float],
    show: Callable[[Any], Array],
    plan: Plan,
    tol: float,
) -> Any:
    """Iterate until the largest cosine between two columns is at most `tol`."""
    k, period, size = 0, plan.period, _finite(cosine(state), plan)
    stopped = notify(plan.callback, 0, show(state), size)
    while not stopped and k < plan.limit and not (k % period == 0 and size <= tol):
        state, k = step(state, plan.pairs()), k + 1
        if plan.callback is not None or k % period == 0 or k == plan.limit:
            size = _finite(cosine(state), plan)
        stopped = notify(plan.callback, k, show(state), size)
    if not stopped and not size <= tol:
        warn(
            f"{plan.name} stopped after {k} iterations with columns whose cosine is {size:.1e}, "
            f"above {tol:.1e}; the factors are those of an unfinished run",
            ConvergenceWarning,
        )
    return state


def _finite(size: float, plan: Plan) -> float:
    if not isfinite(size):
        raise LinAlgError(f"{plan.name} failed: {BROKEN[plan.name]}")
    return size


BROKEN = {
    "cholesky": "a is not positive definite, or not finite",
    "qr": "a has NaN or infinite entries",
}


def column_steps(state: Columns, pairs: Array, *, dead: float, xp: Namespace) -> Columns:
    """Make pairs of columns orthogonal; columns whose square is at most `dead` count as zero."""
    kernel = find_kernel("triangular_columns", xp)
    if kernel is not None:
        return Columns(*kernel(*state, pairs, dead))
    x, n = state
    for met in pairs:
        partner, later, below, earlier = _partners(met, n.shape[-1], like=x, xp=xp)
        y = xp.take(x, partner, axis=-2)
        c = _quotient(xp.linalg.vecdot(y, x), row_squares(y, xp=xp), dead, later, xp=xp)
        x = x - c[..., None] * y
        n = _accumulated(n, c, below, earlier, xp=xp)
    return Columns(x, n)


def form_steps(state: Form, pairs: Array, *, xp: Namespace) -> Form:
    """Make entries of B zero by congruences."""
    kernel = find_kernel("triangular_forms", xp)
    if kernel is not None:
        return Form(*kernel(*state, pairs))
    b, n, least = state
    for met in pairs:
        partner, later, below, earlier = _partners(met, n.shape[-1], like=b, xp=xp)
        y = xp.take(b, partner, axis=-2)
        pivots = xp.take(real_diagonal(b, xp=xp), partner, axis=-1)
        c = _quotient(xp.linalg.diagonal(y), pivots, 0.0, later, xp=xp)
        b = b - (xp.conj(c) if is_complex(c, xp=xp) else c)[..., None] * y
        b = b - xp.take(b, partner, axis=-1) * c[..., None, :]
        b = hermitian(xp.where(_met(partner, later, xp=xp), xp.zeros_like(b), b), xp=xp)
        least = xp.minimum(least, xp.min(real_diagonal(b, xp=xp), axis=-1))
        n = _accumulated(n, c, below, earlier, xp=xp)
    return Form(b, n, least)


def _partners(
    met: Array, order: int, *, like: Array, xp: Namespace
) -> tuple[Array, Array, Array, Array]:
    """Return for each q its p and whether there is one, and for each p its q; others: itself."""
    found = []
    for one, other in ((1, 0), (0, 1)):
        index = host_integers(range(order))
        index[met[:, one]] = met[:, other]
        found += [index, index != host_integers(range(order))]
    partner, later, below, earlier = (from_host(part, like=like, xp=xp) for part in found)
    return partner, later, below, earlier


def _quotient(g: Array, d: Array, least: float, mask: Array, *, xp: Namespace) -> Array:
    """Return g/d where it counts, zero elsewhere; NaN passes."""
    mask = mask & ~(d <= least)
    d = xp.astype(xp.where(mask, d, xp.ones_like(d)), g.dtype)
    return xp.where(mask, g / d, xp.zeros_like(g))


def _accumulated(n: Array, c: Array, below: Array, earlier: Array, *, xp: Namespace) -> Array:
    """Return S⁻¹ N: row p grows by c times row q."""
    c = xp.take(c, below, axis=-1)
    c = xp.where(earlier, c, xp.zeros_like(c))
    return n + c[..., None] * xp.take(n, below, axis=-2)


def _met(partner: Array, later: Array, *, xp: Namespace) -> Array:
    """Return where (p, q) and (q, p) are."""
    columns = xp.arange(partner.shape[0], dtype=partner.dtype, device=device_of(partner))
    at = (columns[None, :] == partner[:, None]) & later[:, None]
    return at | at.mT


def real_diagonal(b: Array, *, xp: Namespace) -> Array:
    """Diagonal of Hermitian matrices."""
    d = xp.linalg.diagonal(b)
    return xp.real(d) if is_complex(d, xp=xp) else d


def row_squares(y: Array, *, xp: Namespace) -> Array:
    """Squares of the lengths of the rows."""
    square = xp.linalg.vecdot(y, y)
    return xp.real(square) if is_complex(square, xp=xp) else square


def unit_diagonal(b: Array, dead: float, *, xp: Namespace) -> tuple[Array, Array]:
    """Return D^(−1/2) B D^(−1/2) and the diagonal of D^(1/2).

    Rows and columns whose diagonal is at most `dead` become those of the identity, and D zero.
    """
    d = real_diagonal(b, xp=xp)
    alive = ~(d <= dead)
    root = xp.where(alive, xp.sqrt(xp.where(alive, d, xp.ones_like(d))), xp.zeros_like(d))
    inverse = xp.where(alive, 1.0 / xp.where(alive, root, xp.ones_like(d)), xp.zeros_like(d))
    inverse = xp.astype(inverse, b.dtype)
    eye = identity_like(b, xp=xp)
    h = b * (inverse[..., :, None] * inverse[..., None, :])
    return xp.where(eye == 1.0, eye, h), root


def largest_cosine(b: Array, dead: float, *, xp: Namespace) -> Array:
    """Return max |B_ij|/√(B_ii B_jj) over i ≠ j, per matrix; NaN where one is in the diagonal."""
    if 0 in b.shape:
        return xp.zeros(b.shape[:-2], dtype=real_diagonal(b, xp=xp).dtype, device=device_of(b))
    h, root = unit_diagonal(b, dead, xp=xp)
    eye = identity_like(b, xp=xp)
    return xp.max(xp.abs(h - eye), axis=(-2, -1)) + 0.0 * xp.sum(root, axis=-1)


def identities(like: Array, n: int, *, xp: Namespace) -> Array:
    """Identity for each matrix of a batch, to be written into."""
    eye = xp.eye(n, dtype=like.dtype, device=device_of(like))
    return copied(xp.broadcast_to(eye, (*like.shape[:-2], n, n)), xp=xp)


def copied(a: Array, *, xp: Namespace) -> Array:
    """Copy of an array, to be written into."""
    return xp.asarray(a, dtype=a.dtype, device=device_of(a), copy=True)


def equilibrated(a: Array, name: str, *, xp: Namespace) -> tuple[Array, Any]:
    """Return H = E⁻¹ A E⁻¹ with a diagonal in [1/2, 2), and the exponents of E, (..., n, 1).

    Scaling by powers of two is exact, and without it the squares of small rows would underflow.
    """
    require_hermitian(to_unit_scale(a, xp=xp)[0], name, xp=xp)
    d = real_diagonal(a, xp=xp)
    if not bool(xp.all(d > 0.0)):
        raise LinAlgError(f"{name} is not positive definite: a diagonal entry is not positive")
    half = exponents(d)[..., 0] // 2
    h = times_power_of_two(a, -half - half.swapaxes(-1, -2), xp=xp)
    return hermitian(h, xp=xp), half
