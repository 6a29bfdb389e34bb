"""Conjugate gradients whose steps are compiled: many at a time where nobody watches.

Legend: a form of the method keeps its vectors in `work`; r = b − A x.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from linalgx.backend import csr_parts, device_of, find_kernel, to_host
from linalgx.relaxation._krylov import REPLACE, enough, is_single, starting_residual
from linalgx.relaxation._stopping import DIVERGED, Monitor
from linalgx.relaxation._system import Ending, System
from linalgx.relaxation.prepared import PreparedMatrix
from linalgx.results import Status
from linalgx.typing import Array, Namespace

CHUNK = 250
"""Steps that the kernel takes on its own where nobody watches."""


class Form(Protocol):
    """A form of the method: its kernels and what they need of the matrix."""

    @property
    def vectors(self) -> int:
        """How many vectors it works with."""

    def start(self, r: Array, work: Array) -> float:
        """Prepare for a residual; returns ρ."""

    def steps(
        self,
        work: Array,
        x: Array,
        scalars: Array,
        bounds: tuple[float, float],
        largest: bool,
        norms: Array,
    ) -> tuple[int, int]:
        """Take up to ``len(norms)`` steps; returns how many, and a code for how they ended."""


class PlainForm:
    """The method without preconditioner."""

    vectors = 3

    def __init__(self, a: PreparedMatrix, kernel: Any) -> None:
        self._rows = csr_parts(a.matrix)
        self._kernel = kernel

    def start(self, r: Array, work: Array) -> float:
        """Write r and keep p; returns ‖r‖²."""
        work[0, :] = r
        return float(abs((r.conj() @ r).real))

    def steps(self, *state: Any) -> tuple[int, int]:
        """Take steps; see the kernel."""
        ended: tuple[int, int] = self._kernel(self._rows, *state)
        return ended


def plain_form(a: Any, *, xp: Namespace) -> PlainForm | None:
    """Return the compiled form for a sparse matrix; ``None`` where there is no kernel."""
    kernel = find_kernel("cg_steps", xp)
    usable = kernel is not None and isinstance(a, PreparedMatrix) and a.is_sparse
    return PlainForm(a, kernel) if usable else None


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
        bounds, norms = (self.bound, self.limit), self.norms[:most]
        count, self.code = form.steps(self.work, self.x, self.scalars, bounds, self.largest, norms)
        found: list[float] = to_host(norms[:count]).tolist()
        self.norm = found[-1] if found else self.norm
        return found

    def replace(self, form: Form, r: Array, norm: float) -> None:
        """Give it a new residual; what was lost is more than what was left."""
        self.lost += not norm <= 2.0 * self.norm
        self.scalars[0] = form.start(r, self.work)
        self.norm = norm


def compiled_cg(form: Form, system: System, x: Array, monitor: Monitor) -> Ending:
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
    device = device_of(x)
    xs = xp.zeros((k, n), dtype=x.dtype, device=device)
    xs += x.mT
    columns = []
    rows = zip(norms, enough(system, monitor), monitor.targets, monitor.first, strict=True)
    for c, (norm, bound, target, first) in enumerate(rows):
        work = xp.zeros((form.vectors, n), dtype=x.dtype, device=device)
        numbers = xp.zeros(2 + CHUNK, dtype=xp.float64, device=device)
        numbers[0] = form.start(r[:, c], work)
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
