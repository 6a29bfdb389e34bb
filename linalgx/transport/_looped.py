"""Batches by a loop: the problems one after the other, their results put together."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from math import prod
from typing import Any, TypeVar

from linalgx._core.together import together
from linalgx.backend import device_of
from linalgx.results import Result, Status
from linalgx.transport._stopping import Stopping
from linalgx.typing import Array, Namespace

R = TypeVar("R", bound=Result)


def same_lead(
    named: Mapping[str, tuple[Array, int]], *, xp: Namespace
) -> tuple[tuple[int, ...], list[Array]]:
    """Give arrays the same leading axes, which are in front of so many axes of their own."""
    leads = [tuple(x.shape[: max(x.ndim - own, 0)]) for x, own in named.values()]
    from_last = zip_longest(*(reversed(lead) for lead in leads), fillvalue=1)
    sizes = [set(along) - {1} or {1} for along in from_last]
    if any(len(size) > 1 for size in sizes):
        first, *others = named
        raise ValueError(
            f"{' and '.join(others)} must fit the batch of {first}, got leading shapes {leads}"
        )
    lead = tuple(size.pop() for size in reversed(sizes))
    if not lead:
        return lead, [x for x, _ in named.values()]
    return lead, [
        xp.broadcast_to(x, (*lead, *x.shape[max(x.ndim - own, 0) :])) for x, own in named.values()
    ]


def slices(arrays: Sequence[Any], lead: tuple[int, ...], *, xp: Namespace) -> list[list[Any]]:
    """Return the arrays of each problem; ``None`` stays."""
    count, axes = prod(lead), len(lead)
    flat = [None if x is None else xp.reshape(x, (count, *x.shape[axes:])) for x in arrays]
    return [[None if x is None else x[k, ...] for x in flat] for k in range(count)]


def looped(
    solve: Callable[..., R],
    arrays: Sequence[Any],
    lead: tuple[int, ...],
    stopping: Stopping,
    *,
    xp: Namespace,
) -> R:
    """Call ``solve(*arrays, stopping)`` for each problem of a batch; arrays may be ``None``.

    Numbers become arrays of the leading shape. The status is the worst and the residual the
    largest one, iterations and history are those of the slowest problem. The observer sees one
    problem after the other; once it has asked to stop, the rest ends at its start.
    """
    if not lead:
        return solve(*arrays, stopping)
    if prod(lead) == 0:
        plain = solve(*_plain(arrays, len(lead), xp=xp), Stopping(stopping.rtol))
        return together([plain], lead, xp=xp)
    results: list[R] = []
    for own in slices(arrays, lead, xp=xp):
        results.append(solve(*own, stopping))
        if results[-1].status is Status.STOPPED:
            stopping = Stopping(stopping.rtol, 0)
    return together(results, lead, xp=xp)


def _plain(arrays: Sequence[Any], axes: int, *, xp: Namespace) -> list[Any]:
    """Make a problem that any method solves; it tells the shapes of an empty batch."""
    return [None if x is None else _even(x, axes, xp=xp) for x in arrays]


def _even(x: Array, axes: int, *, xp: Namespace) -> Array:
    shape = tuple(x.shape[axes:])
    one = xp.ones(shape, dtype=x.dtype, device=device_of(x))
    return one / max(shape[-1], 1)
