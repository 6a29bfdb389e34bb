"""Batches by a loop: the problems one after the other, their results put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import zip_longest
from math import prod
from typing import Any, TypeVar

from linalgx.backend import device_of
from linalgx.results import Result, Status
from linalgx.transport._stopping import Stopping
from linalgx.typing import Array, Namespace

R = TypeVar("R", bound=Result)

SEVERITY = (
    *(Status.CONVERGED, Status.MAXITER, Status.STAGNATED),
    *(Status.DIVERGED, Status.BREAKDOWN, Status.STOPPED),
)
"""From good to bad; a stop is last, since what comes after it is not solved."""

COMMON = tuple(f.name for f in fields(Result))


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


def stacked(values: Sequence[Any], lead: tuple[int, ...], *, xp: Namespace) -> Array:
    """Put the arrays of all problems together."""
    return xp.reshape(xp.stack(list(values)), (*lead, *values[0].shape))


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
        return _together([plain], lead, xp=xp)
    results: list[R] = []
    for own in slices(arrays, lead, xp=xp):
        results.append(solve(*own, stopping))
        if results[-1].status is Status.STOPPED:
            stopping = Stopping(stopping.rtol, 0)
    return _together(results, lead, xp=xp)


def _plain(arrays: Sequence[Any], axes: int, *, xp: Namespace) -> list[Any]:
    """Make a problem that any method solves; it tells the shapes of an empty batch."""
    return [None if x is None else _even(x, axes, xp=xp) for x in arrays]


def _even(x: Array, axes: int, *, xp: Namespace) -> Array:
    shape = tuple(x.shape[axes:])
    one = xp.ones(shape, dtype=x.dtype, device=device_of(x))
    return one / max(shape[-1], 1)


def _together(results: list[R], lead: tuple[int, ...], *, xp: Namespace) -> R:
    """Put the results of all problems together."""
    first = results[0]
    own = [f.name for f in fields(first) if f.name not in COMMON]
    like = next(x for name in own if hasattr(x := getattr(first, name), "dtype"))
    whole = {name: _field([getattr(r, name) for r in results], lead, like, xp=xp) for name in own}
    empty = prod(lead) == 0
    slowest = max(results, key=lambda r: r.iterations)
    return replace(
        first,
        **whole,
        status=Status.CONVERGED if empty else max((r.status for r in results), key=SEVERITY.index),
        iterations=0 if empty else slowest.iterations,
        residual=0.0 if empty else max((r.residual for r in results), key=lambda x: (x != x, x)),
        history=() if empty else slowest.history,
    )


def _field(values: list[Any], lead: tuple[int, ...], like: Array, *, xp: Namespace) -> Any:
    """Stack arrays, make arrays of numbers; names and ``None`` are the same for all."""
    first = values[0]
    if isinstance(first, tuple):
        return tuple(_field(list(part), lead, like, xp=xp) for part in zip(*values, strict=True))
    if isinstance(first, float | int):
        dtype = like.dtype if isinstance(first, float) else xp.int64
        values = [xp.asarray(x, dtype=dtype, device=device_of(like)) for x in values]
    elif not hasattr(first, "dtype"):
        return first
    if prod(lead) == 0:
        return xp.zeros((*lead, *values[0].shape), dtype=values[0].dtype, device=device_of(like))
    return stacked(values, lead, xp=xp)
