"""From the arguments of a transport problem to what the methods work on.

Legend: C n×m, masses a, b; the methods see masses of sum one, and costs whose largest entry is far
from the limits of the dtype (exact powers of two).
"""

from dataclasses import dataclass, replace
from math import frexp, inf, ldexp, prod
from sys import float_info
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import (
    by_rows,
    device_of,
    eps,
    from_host,
    host_float,
    safe_min,
    to_host,
)
from linalgx.transport._costs import Cost, DenseCost, is_lazy
from linalgx.transport._real import real_arrays
from linalgx.transport._structure import require_feasible
from linalgx.typing import Array, DType, Namespace

USUAL = 20
"""Exponents of the largest cost up to which nothing is scaled."""
LARGEST = 1023
"""Exponent of the largest power of two."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A balanced problem, or a batch of them; a single one has no empty bins.

    Attributes
    ----------
    cost : Cost
        Costs divided by 2^exponent.
    a, b : Array
        Masses of sum one; in a single problem none vanishes beside them.
    epsilon : float
        Regularization, divided by 2^exponent as well.
    mass : Array
        What the sums were, one for each problem.
    exponent : int
        Of the scale of the costs.
    rows, columns : Array or None
        Indices of the bins that were kept, ``None`` when all were.
    """

    cost: Cost
    a: Array
    b: Array
    epsilon: float
    xp: Namespace
    mass: Array
    exponent: int = 0
    rows: Array | None = None
    columns: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins of source and target, behind the axes of a batch."""
        return self.cost.shape

    @property
    def range(self) -> float:
        """Largest minus least finite cost."""
        low, high = self.cost.span()
        return high - low

    def astype(self, dtype: DType) -> "Problem":
        """Return the same problem in another precision."""
        a, b = (self.xp.astype(x, dtype, copy=False) for x in (self.a, self.b))
        return replace(self, cost=self.cost.astype(dtype), a=a, b=b)

    def at(self, epsilon: float) -> "Problem":
        """Return the same problem with another regularization."""
        return replace(self, epsilon=epsilon)


def admit_problem(
    cost: Any, a: Any, b: Any, epsilon: float, *, check_finite: bool
) -> tuple[Namespace, Any, Array, Array]:
    """Admit all arguments in one dtype: masses, and a cost, lazy or with entries up to +∞."""
    admit_real(epsilon, "epsilon", ends="()")
    given = {"a": a, "b": b}
    named = {name: x for name, x in given.items() if x is not None}
    if is_lazy(cost):
        like = cost.xp.zeros((), dtype=cost.dtype, device=cost.device)
        xp, (_, *arrays) = real_arrays({"cost": like, **named}, check_finite=False)
    else:
        xp, (cost, *arrays) = real_arrays({"cost": cost, **named}, check_finite=False)
        _check_cost(cost, check_finite=check_finite, xp=xp)
        like = cost
    masses = dict(zip(named, arrays, strict=True))
    n, m = cost.shape[-2:]
    lead = tuple(cost.shape[:-2])
    done = []
    for name, size in (("a", n), ("b", m)):
        x = masses.get(name)
        if x is None:
            x = xp.ones((size,), dtype=like.dtype, device=device_of(like)) / max(size, 1)
        else:
            _check_masses(x, name, size, xp=xp, check_finite=check_finite)
        done.append(x)
    if lead or any(x.ndim > 1 for x in done):
        cost, done = _one_lead(cost, done, xp=xp)
    if is_lazy(cost):
        cost = cost.astype(xp.result_type(like, *done))
    return xp, cost, done[0], done[1]


def _check_cost(cost: Array, *, check_finite: bool, xp: Namespace) -> None:
    if cost.ndim < 2:
        raise ValueError(
            f"cost must be a matrix or a batch of matrices, shape (..., n, m), "
            f"got shape {tuple(cost.shape)}"
        )
    if check_finite:
        wrong = xp.isnan(cost) | (cost == -inf)
        if bool(xp.any(wrong)):
            bad = int(xp.sum(xp.astype(wrong, xp.int64)))
            raise ValueError(
                f"cost must hold finite numbers, got {bad} NaN or −∞ entries (+∞ forbids a pair); "
                f"check_finite=False skips this check"
            )


def _check_masses(x: Array, name: str, size: int, *, xp: Namespace, check_finite: bool) -> None:
    if x.ndim < 1 or x.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}) to fit cost, got {tuple(x.shape)}")
    if check_finite:
        bad = int(xp.sum(xp.astype(~xp.isfinite(x), xp.int64)))
        if bad:
            raise ValueError(
                f"{name} must hold finite numbers, got {bad} NaN or infinite entries; "
                f"check_finite=False skips this check"
            )
    if bool(xp.any(x < 0)):
        raise ValueError(f"{name} must hold masses, at least zero, got {host_float(xp.min(x)):.3e}")


def _one_lead(cost: Any, masses: list[Array], *, xp: Namespace) -> tuple[Any, list[Array]]:
    """Give cost and masses the same leading axes."""
    if is_lazy(cost):
        raise ValueError("a and b must be vectors beside a cost that is not stored: no batches")
    arrays = [cost[..., 0, 0], *(x[..., 0] for x in masses)] if prod(cost.shape[-2:]) else None
    leads = [tuple(cost.shape[:-2]), *(tuple(x.shape[:-1]) for x in masses)]
    try:
        lead = tuple(xp.broadcast_arrays(*arrays)[0].shape) if arrays else leads[0]
    except (ValueError, RuntimeError):
        raise ValueError(
            f"a and b must fit the batch of cost, got leading shapes {leads}"
        ) from None
    cost = xp.broadcast_to(cost, (*lead, *cost.shape[-2:]))
    return cost, [xp.broadcast_to(x, (*lead, x.shape[-1])) for x in masses]


def balanced(a: Array, b: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Divide the masses by their sums; refuse sums that differ by more than rounding."""
    total_a, total_b = xp.sum(a, axis=-1), xp.sum(b, axis=-1)
    allowed = 1e-6 if eps(a, xp=xp) < 1e-10 else 1e-4
    larger = xp.maximum(total_a, total_b)
    if not bool(xp.all(xp.abs(total_a - total_b) <= allowed * larger)):
        worst = int(xp.argmax(xp.reshape(xp.abs(total_a - total_b), (-1,))))
        x, y = (host_float(xp.reshape(t, (-1,))[worst]) for t in (total_a, total_b))
        raise ValueError(
            f"a and b must have equal sums, got {x:.9g} and {y:.9g}; "
            f"normalize them, or use solve_unbalanced"
        )
    if not bool(xp.all(total_a > 0)):
        raise ValueError(f"a must have a positive sum, got {host_float(xp.min(total_a)):g}")
    return a / total_a[..., None], b / total_b[..., None], total_a


def single(
    cost: Any, a: Array, b: Array, epsilon: float, *, xp: Namespace, checked: bool = False
) -> Problem:
    """Drop empty bins, balance the masses, bring extreme costs to unit scale."""
    a, b, mass = balanced(a, b, xp=xp)
    # The plan's entries of a bin with less mass would underflow.
    least = safe_min(a, xp=xp) / eps(a, xp=xp)
    rows, columns = kept(a, least, xp=xp), kept(b, least, xp=xp)
    a = a if rows is None else xp.take(a, rows)
    b = b if columns is None else xp.take(b, columns)
    cost = cost if hasattr(cost, "block") else DenseCost(cost, xp=xp)
    cost = cost.restricted(rows, columns)
    if isinstance(cost, DenseCost):
        cost = DenseCost(by_rows(cost.matrix, xp=xp), xp=xp)
        if not checked:
            require_ways(cost.matrix, a, b, xp=xp)
    exponent = scale_of(cost, epsilon)
    return Problem(
        cost.times_power_of_two(-exponent), a, b, scaled_epsilon(epsilon, exponent), xp,
        mass, exponent, rows, columns,
    )  # fmt: skip


def batch(cost: Array, a: Array, b: Array, epsilon: float, *, xp: Namespace) -> Problem:
    """Balance the masses of a flat batch (k, n, m); bins without mass stay."""
    a, b, mass = balanced(a, b, xp=xp)
    require_ways(cost, a, b, xp=xp)
    stored = DenseCost(cost, xp=xp)
    exponent = scale_of(stored, epsilon)
    scaled = stored.times_power_of_two(-exponent)
    return Problem(scaled, a, b, scaled_epsilon(epsilon, exponent), xp, mass, exponent)


def scale_of(cost: Cost, epsilon: float = 0.0) -> int:
    """Return the exponent that costs and ε are to be divided by; zero for ordinary ones.

    Ordinary costs stay as they are, without a copy; and a power of two changes no digit. The larger
    of the two counts: costs far below ε may vanish, ε may not grow beyond all numbers.
    """
    size = max(epsilon, *(abs(x) for x in cost.span()))
    exponent = min(frexp(size)[1], LARGEST) if 0 < size < inf else 0
    return exponent if abs(exponent) > USUAL else 0


def scaled_epsilon(epsilon: float, exponent: int) -> float:
    """Return ε/2^exponent; refuse one that vanishes beside the costs."""
    scaled = ldexp(epsilon, -exponent)
    if not scaled >= float_info.min:
        raise ValueError(
            f"epsilon must not vanish beside the costs, got {epsilon:g} with costs up to "
            f"{ldexp(1.0, exponent):.0e}; below about 1e-14 of them no potentials carry a plan"
        )
    return scaled


def kept(a: Array, least: float = 0.0, *, xp: Namespace) -> Array | None:
    """Return the indices of bins that hold more mass than the least; ``None`` when all do."""
    if bool(xp.all(a > least)):
        return None
    host = to_host(a) > least
    return from_host(host.nonzero()[0], like=a, xp=xp, dtype=xp.int64)


def require_ways(cost: Array, a: Array, b: Array, *, xp: Namespace) -> None:
    """Refuse problems whose forbidden pairs leave no plan."""
    if not bool(xp.any(cost == inf)):
        return
    shape = (-1, *cost.shape[-2:])
    allowed = to_host(xp.reshape(cost, shape) < inf)
    sources = to_host(xp.reshape(a, (-1, a.shape[-1])))
    targets = to_host(xp.reshape(b, (-1, b.shape[-1])))
    for k in range(allowed.shape[0]):
        require_feasible(allowed[k], sources[k], targets[k])
