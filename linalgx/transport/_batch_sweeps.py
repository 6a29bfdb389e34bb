"""Sinkhorn sweeps on many problems at once, each frozen when it has arrived.

Sweeps are batched matrix products, ten at a time between two looks at the errors. The scalings of
every problem are absorbed in its own potentials.

Legend: K = exp((f_i + g_j − C_ij)/ε) with absorbed potentials, plan diag(u) K diag(v); all
arrays have the axis of the batch first. Bins without mass have f = −∞ and u = 0.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Any

from linalgx.backend import device_of, from_host, host_float, is_gpu, to_host
from linalgx.results import Status
from linalgx.transport._absorbed import log_mass
from linalgx.transport._costs import DenseCost
from linalgx.transport._passes import column_softmin, plan_rows, row_softmin
from linalgx.transport._problem import Problem
from linalgx.transport._stopping import AIM, Monitor, Stopping
from linalgx.typing import Array, Namespace

CHUNK = 10
"""Sweeps between two looks at the errors, which wait for the device."""

CALM = {"double": 15.0, "single": 3.0}
"""Largest change of f/ε in one sweep at which scalings cannot overflow within a chunk."""

EXTREME = {"double": 100.0, "single": 20.0}
"""Logarithm of scalings beyond which they are absorbed."""

LIMIT = 100_000
PATIENCE = 1500
"""Sweeps that may lie ahead in `auto`; Newton's method costs as much (measured, n = 32)."""

SETTLED = 5
"""Chunks before the sweeps ahead are predicted."""


@dataclass(slots=True)
class Active:
    """The problems that are still in the loop, by their places in the batch (on the host)."""

    number: Any
    c: Array
    a: Array
    b: Array
    f: Array
    g: Array
    k: Array
    u: Array
    v: Array
    epsilon: float
    change: float  # largest |f⁺ − f|/ε of the last sweep
    xp: Namespace

    @classmethod
    def start(cls, problem: Problem) -> "Active":
        """Begin with exact rows and columns."""
        xp, c = problem.xp, problem.cost.block(0, problem.shape[-2])
        f, g = xp.zeros_like(problem.a), xp.zeros_like(problem.b)
        number = to_host(xp.arange(c.shape[0], dtype=xp.int64, device=device_of(c)))
        state = cls(number, c, problem.a, problem.b, f, g, c, f, g, problem.epsilon, inf, xp)
        state.f, state.g = state.exact()
        state.absorb(state.f, state.g)
        return state

    def exact(self) -> tuple[Array, Array]:
        """Make rows, then columns exact, in the log domain."""
        xp, e, cost = self.xp, self.epsilon, DenseCost(self.c, xp=self.xp)
        f = e * log_mass(self.a, xp=xp) + row_softmin(cost, self.g, e, xp=xp)
        return f, e * log_mass(self.b, xp=xp) + column_softmin(cost, f, e, xp=xp)

    def absorb(self, f: Array, g: Array) -> None:
        """Take new potentials, with scalings of one."""
        xp = self.xp
        self.f, self.g = f, g
        self.k = plan_rows(self.c, f, g, self.epsilon, xp=xp)
        self.u, self.v = xp.astype(self.a > 0, f.dtype), xp.astype(self.b > 0, f.dtype)

    def potentials(self) -> tuple[Array, Array]:
        """Return the potentials with the scalings put into them."""
        xp, e = self.xp, self.epsilon
        one = xp.ones_like(self.u)
        f = self.f + e * xp.log(xp.where(self.a > 0, self.u, one))
        return f, self.g + e * xp.log(xp.where(self.b > 0, self.v, xp.ones_like(self.v)))

    def sweep(self, count: int, *, in_logs: bool) -> None:
        """Make rows, then columns exact; with products once the potentials move little."""
        double = self.xp.finfo(self.f.dtype).bits == 64
        calm = CALM["double" if double else "single"]
        while count and (in_logs or not self.change <= calm):
            count -= 1
            last = count == 0 or not is_gpu(self.f, xp=self.xp)
            self._log_sweep(look=last and not in_logs)
        if not count:
            return
        self.u, self.v = scaled_sweeps(self.k, self.a, self.b, self.u, self.v, count, xp=self.xp)
        if not self._largest() <= EXTREME["double" if double else "single"]:
            self.absorb(*self.potentials())

    def _log_sweep(self, *, look: bool) -> None:
        """Sweep in the log domain; a look at how far f has moved waits for the device."""
        old, xp = self.f, self.xp
        f, g = self.exact()
        if look:
            held, zero = self.a > 0, xp.zeros_like(f)
            moved = xp.where(held, f, zero) - xp.where(held, old, zero)
            self.change = host_float(xp.max(xp.abs(moved))) / self.epsilon
        self.absorb(f, g)

    def _largest(self) -> float:
        xp = self.xp
        logs = [xp.log(xp.where(x > 0, x, xp.ones_like(x))) for x in (self.u, self.v)]
        return host_float(xp.max(xp.abs(xp.concat(logs, axis=1))))

    def errors(self) -> Any:
        """Return the L1 errors of the rows, on the host; the columns are exact."""
        r = self.u * (self.k @ self.v[:, :, None])[:, :, 0]
        return to_host(self.xp.sum(self.xp.abs(r - self.a), axis=1))

    def taken(self, which: Any) -> "Active":
        """Return some of the problems, by a host mask."""
        at = from_host(which.nonzero()[0], like=self.a, xp=self.xp, dtype=self.xp.int64)
        names = ("c", "a", "b", "f", "g", "k", "u", "v")
        parts = {x: self.xp.take(getattr(self, x), at, axis=0) for x in names}
        return replace(self, number=self.number[which], **parts)


def scaled_sweeps(
    k: Array, a: Array, b: Array, u: Array, v: Array, count: int, *, xp: Namespace
) -> tuple[Array, Array]:
    """Sweep with batched products; rows and columns of zeros keep scalings of zero."""
    tiny = float(xp.finfo(k.dtype).smallest_normal)
    row_floor, column_floor = xp.full_like(a, tiny), xp.full_like(b, tiny)
    for _ in range(count):
        u = a / xp.maximum((k @ v[:, :, None])[:, :, 0], row_floor)
        v = b / xp.maximum((u[:, None, :] @ k)[:, 0, :], column_floor)
    return u, v


class Pieces:
    """Potentials of parts of a batch, in any order."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[tuple[list[int], Array, Array]] = []

    def put(self, numbers: list[int], f: Array, g: Array) -> None:
        """Keep the potentials of some problems; a later part replaces an earlier one."""
        if numbers:
            self._parts.append((numbers, f, g))

    def whole(self, *, xp: Namespace) -> tuple[Array, Array]:
        """Return the potentials of all problems in their order."""
        numbers = [k for part in self._parts for k in part[0]]
        place = {number: at for at, number in enumerate(numbers)}
        f, g = (xp.concat([part[i] for part in self._parts], axis=0) for i in (1, 2))
        order = xp.asarray([place[k] for k in sorted(place)], dtype=xp.int64, device=device_of(f))
        return xp.take(f, order, axis=0), xp.take(g, order, axis=0)


class Loop:
    """The shared loop. Who has arrived is kept; now and then the arrays are made smaller.

    Attributes
    ----------
    active, open : Active and host mask
        Problems in memory, and which of them are still in the loop.
    errors : host array
        Last error of each problem of the batch.
    late : list of int
        Problems that would need too many sweeps, or that have broken down.
    """

    __slots__ = ("_method", "_pieces", "active", "errors", "late", "monitor", "open")

    def __init__(self, problem: Problem, stopping: Stopping, method: str, pieces: Pieces) -> None:
        self.active = Active.start(problem)
        self.errors = self.active.errors() + 0.0
        self.open = self.active.number >= 0
        self.late: list[int] = []
        self.monitor = Monitor(stopping, LIMIT)
        self._method, self._pieces = method, pieces

    def run(self) -> Status:
        """Sweep until everything has arrived or is late."""
        monitor, after = self.monitor, 0
        status = self._look(after)
        while status is None and self.open.any():
            if 4 * int(self.open.sum()) <= 3 * len(self.open):
                self.active, self.open = self.active.taken(self.open), self.open[self.open]
            after = min(CHUNK, monitor.left)
            self.active.sweep(after, in_logs=self._method == "sinkhorn_log")
            status = self._look(after)
        self._keep(self.open)
        if status in (None, Status.CONVERGED):
            broken = self._method != "auto" and not (self.errors < inf).all()
            return Status.BREAKDOWN if broken else Status.CONVERGED
        return status

    def _look(self, after: int) -> Status | None:
        """Measure; keep what has arrived, set aside what is late."""
        here = self.active.number[self.open]
        before = self.errors[self.active.number]
        now = self.active.errors()
        self.errors[here] = now[self.open]
        sound = self.errors < inf  # one problem with NaN does not end the others
        worst = self.errors[sound].max() if sound.any() else self.errors.max()
        status = self.monitor.step(float(worst), self.active.f, after)
        self._keep(self.open & (now <= AIM * self.monitor.stopping.rtol))
        late, switches = self.open & ~(now < inf), self._method == "auto"
        if status is None and switches and len(self.monitor.history) > SETTLED:
            late = late | self.open & self._slow(now, before, after)
        self.late += self.active.number[late].tolist() if switches else []
        self._keep(late)
        return status

    def _slow(self, now: Any, before: Any, after: int) -> Any:
        """Whether more than `PATIENCE` sweeps lie ahead, by the decrease of the last ones."""
        ratio = now / before.clip(self.monitor.stopping.rtol * AIM)  # those below have arrived
        ahead = now * ratio.clip(0.0, 1.0) ** (PATIENCE / after)
        return ahead > AIM * self.monitor.stopping.rtol

    def _keep(self, which: Any) -> None:
        """Store the potentials of some problems, and close them."""
        if which.any():
            done = self.active.taken(which)
            self._pieces.put(done.number.tolist(), *done.potentials())
            self.open = self.open & ~which
