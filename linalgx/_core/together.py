"""Results of a batch that was treated by a loop, put together."""

from collections.abc import Sequence
from dataclasses import fields, replace
from math import prod
from typing import Any, TypeVar

from linalgx.backend import device_of, real_dtype
from linalgx.results import Result, Status
from linalgx.typing import Array, Namespace

R = TypeVar("R", bound=Result)
T = TypeVar("T", bound=tuple[Any, ...])

SEVERITY = (
    *(Status.CONVERGED, Status.MAXITER, Status.STAGNATED),
    *(Status.DIVERGED, Status.BREAKDOWN, Status.STOPPED),
)
"""From good to bad; a stop is last, since what comes after it is not solved."""

COMMON = tuple(f.name for f in fields(Result))


def stacked(values: Sequence[Any], lead: tuple[int, ...], *, xp: Namespace) -> Array:
    """Put the arrays of all problems together."""
    return xp.reshape(xp.stack(list(values)), (*lead, *values[0].shape))


def together(results: list[R], lead: tuple[int, ...], *, xp: Namespace) -> R:
    """Put the results of all problems together.

    Numbers become arrays of the leading shape. The status is the worst and the residual the
    largest one, iterations and history are those of the slowest problem. An empty batch takes
    the shapes of one result.
    """
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


def factors_together(results: list[T], lead: tuple[int, ...], *, xp: Namespace) -> T:
    """Put the named tuples of all problems together; an empty batch takes the shapes of one."""
    first = results[0]
    like = next(x for x in first if hasattr(x, "dtype"))
    columns = zip(*results, strict=True)
    return type(first)(*(_field(list(column), lead, like, xp=xp) for column in columns))


def _field(values: list[Any], lead: tuple[int, ...], like: Array, *, xp: Namespace) -> Any:
    """Stack arrays, make arrays of numbers; names and ``None`` are the same for all."""
    first = values[0]
    if isinstance(first, tuple):
        return tuple(_field(list(part), lead, like, xp=xp) for part in zip(*values, strict=True))
    if isinstance(first, float | int):
        dtype = real_dtype(like, xp=xp) if isinstance(first, float) else xp.int64
        values = [xp.asarray(x, dtype=dtype, device=device_of(like)) for x in values]
    elif not hasattr(first, "dtype"):
        return first
    if prod(lead) == 0:
        return xp.zeros((*lead, *values[0].shape), dtype=values[0].dtype, device=device_of(like))
    return stacked(values, lead, xp=xp)
