"""SSOR-preconditioned conjugate gradients in Eisenstat's form, around the compiled kernels.

Legend: S = (ω/D)^(1/2), S A S = K + Kᴴ − E with K = I + L and E = 2 − ω; r̂ = K⁻¹ S r.
"""

from collections.abc import Callable
from dataclasses import dataclass

from linalgx.backend import csr_parts, find_kernel, is_complex, to_host
from linalgx.relaxation._krylov import REPLACE, enough, is_single, starting_residual
from linalgx.relaxation._stopping import DIVERGED, Monitor
from linalgx.relaxation._system import Ending, System
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.results import Status
from linalgx.typing import Array, Namespace

CHUNK = 250
"""Steps that the kernel takes on its own where nobody watches."""


@dataclass(slots=True)
class Form:
    """The scaled triangles of a matrix, and the kernels that use them."""

    lower: tuple[Array, Array, Array]
    upper: tuple[Array, Array, Array]
    scale: Array
    shift: float
    start: Callable[..., float]
    steps: Callable[..., tuple[int, int]]


def eisenstat_form(a: PreparedMatrix, omega: float, *, xp: Namespace) -> Form | None:
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
    return Form(lower, upper, scale, 2.0 - omega, start, steps)  # type: ignore[arg-type]


@dataclass(slots=True)
class Column:
    """One right-hand side: its work arrays, the norms of its last steps, how it ended."""

    x: Array
    work: Array
    scalars: Array
    norms: Array
    largest: bool
    norm: float
    bound: float
    limit: float
    code: int = 0
    lost: int = 0

    @property
    def done(self) -> bool:
        """Whether it is small enough, or has twice been found to be rounding errors."""
        return self.norm <= self.bound or self.lost >= 2

    def advance(self, form: Form, most: int) -> list[float]:
        """Take steps and return their norms."""
        bounds = (self.bound, self.limit)
        count, self.code = form.steps(
            form.lower, form.upper, form.scale, form.shift, self.work, self.x, self.scalars,
            bounds, self.largest, self.norms[:most],
        )  # fmt: skip
        norms: list[float] = to_host(self.norms[:count]).tolist()
        self.norm = norms[-1] if norms else self.norm
        return norms

    def replace(self, form: Form, r: Array, norm: float) -> None:
        """Give it a new residual; what was lost is more than what was left."""
        self.lost += not norm <= 2.0 * self.norm
        self.scalars[0] = form.start(form.lower, r, form.scale, self.work)
        self.norm = norm


def eisenstat_cg(form: Form, system: System, x: Array, monitor: Monitor) -> Ending:
    """Run from x; the columns go on side by side, and stand still once converged."""
    r = starting_residual(system, x)
    norms = monitor.stopping.norms(r, xp=system.xp)
    status = monitor.begin(norms, x)
    if status is not None:
        return x, status, ""
    columns, block = _columns(form, system, monitor, x, r, norms)
    replaced = is_single(r, xp=system.xp)
    while status is None:
        most = _most(monitor, len(columns), replaced)
        ran = [[] if c.done else c.advance(form, most) for c in columns]
        status = _report(ran, columns, monitor, block, system)
        if status is None and any(c.code for c in columns):
            indefinite = all(c.code < 2 for c in columns)
            return block, Status.BREAKDOWN, "indefinite" if indefinite else "breakdown"
        if status is None and all(c.done for c in columns):
            status = Status.CONVERGED  # as far as this recurrence can tell
        if status is None and replaced and monitor.k % REPLACE == 0:
            _replace(columns, form, system, block, monitor)
    return block, status, ""


def _columns(
    form: Form, system: System, monitor: Monitor, x: Array, r: Array, norms: list[float]
) -> tuple[list[Column], Array]:
    """Work arrays of all columns, and the block that their solutions are."""
    xp, (n, k) = system.xp, x.shape
    xs = xp.zeros((k, n), dtype=x.dtype, device=form.scale.device)
    xs += x.mT
    columns = []
    rows = zip(norms, enough(system, monitor), monitor.targets, monitor.first, strict=True)
    for c, (norm, bound, target, first) in enumerate(rows):
        work = xp.zeros((4, n), dtype=x.dtype, device=form.scale.device)
        numbers = xp.zeros(2 + CHUNK, dtype=xp.float64, device=form.scale.device)
        numbers[0] = form.start(form.lower, r[:, c], form.scale, work)
        largest, limit = monitor.stopping.norm != 2, DIVERGED * max(first, target)
        columns.append(
            Column(xs[c, :], work, numbers[:2], numbers[2:], largest, norm, bound, limit)
        )
    return columns, xs.mT


def _most(monitor: Monitor, columns: int, replaced: bool) -> int:
    """Count the steps up to where somebody wants to look."""
    if columns > 1 or monitor.observed:
        return 1
    most = min(CHUNK, max(monitor.stopping.maxiter - monitor.k, 1))
    return min(most, REPLACE - monitor.k % REPLACE) if replaced else most


def _report(
    ran: list[list[float]], columns: list[Column], monitor: Monitor, x: Array, system: System
) -> Status | None:
    """Tell the monitor of each step; those of a single column come many at a time."""
    system.matvecs += max(map(len, ran), default=0)
    if len(columns) > 1:
        return monitor.step([c.norm for c in columns], x) if any(ran) else None
    for norm in ran[0]:
        if (status := monitor.step([norm], x)) is not None:
            return status
    return None


def _replace(
    columns: list[Column], form: Form, system: System, block: Array, monitor: Monitor
) -> None:
    r = system.residual(block)
    norms = monitor.stopping.norms(r, xp=system.xp)
    for c, (column, norm) in enumerate(zip(columns, norms, strict=True)):
        column.replace(form, r[:, c], norm)
