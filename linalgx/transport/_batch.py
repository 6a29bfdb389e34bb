"""Batches of problems: shared sweeps, then Newton's method on small dense systems for the rest.

Legend: all arrays have the axis of the batch first. Bins without mass have f = −∞ on the way.
"""

from dataclasses import fields, replace
from math import inf, prod
from typing import NamedTuple

from linalgx.backend import device_of, is_gpu, to_host
from linalgx.results import IterationState, Status
from linalgx.transport._balance import balance
from linalgx.transport._batch_sweeps import Loop, Pieces
from linalgx.transport._costs import DenseCost
from linalgx.transport._finish import finish
from linalgx.transport._methods import METHODS
from linalgx.transport._newton import widened
from linalgx.transport._problem import Problem, batch, single
from linalgx.transport._result import TransportResult
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import Stopping
from linalgx.transport._whole import spread
from linalgx.typing import Array, Callback, Namespace

SWEPT = ("auto", "sinkhorn", "sinkhorn_log")
"""Methods that share sweeps; `newton` and `mdot` share their steps, others take one at a time."""

NEWTON_LIMIT = 500
SMALL = 96
"""Most bins on the smaller side at which dense systems are solved on the host."""


class Story(NamedTuple):
    """How a part of the work went."""

    status: Status
    iterations: int
    history: tuple[float, ...]


def solve_batch(
    cost: Array,
    a: Array,
    b: Array,
    epsilon: float,
    method: str,
    stopping: Stopping,
    options: Options,
    *,
    xp: Namespace,
) -> TransportResult:
    """Solve admitted problems with leading axes by the method of that name."""
    lead = tuple(cost.shape[:-2])
    flat, a, b = (
        xp.reshape(x, (prod(lead), *x.shape[len(lead) :])) for x in (cost, a, b)
    )  # fmt: skip
    if not prod(lead):
        return _nothing(cost, a, b, epsilon, method, xp=xp)
    problem = batch(_without_empty(flat, a, b, xp=xp), a, b, epsilon, xp=xp)
    run = run_batch(problem, method, _shown_with(stopping, lead, xp=xp), options)
    result = finish(problem, run, stopping.rtol, flat, a, b, epsilon)
    whole = {}
    for x in fields(result):
        value = getattr(result, x.name)
        if hasattr(value, "shape"):
            whole[x.name] = xp.reshape(value, (*lead, *value.shape[1:]))
    return replace(result, **whole)


def _without_empty(cost: Array, a: Array, b: Array, *, xp: Namespace) -> Array:
    """Return the costs with zeros for bins without mass: what pads a problem may be anything."""
    empty = (a == 0)[:, :, None] | (b == 0)[:, None, :]
    return xp.where(empty, xp.zeros_like(cost), cost) if bool(xp.any(empty)) else cost


def _nothing(
    cost: Array, a: Array, b: Array, epsilon: float, method: str, *, xp: Namespace
) -> TransportResult:
    """Answer for a batch of no problems."""
    none = xp.sum(cost, axis=(-2, -1))
    n, m = cost.shape[-2:]
    f, g = (xp.reshape(x, (*none.shape, k)) for x, k in ((a, n), (b, m)))
    return TransportResult(
        plan=cost, f=f, g=g, cost=none, value_kl=none, dual_value=none, lower_bound=none,
        upper_bound=none, marginal_error=0.0, errors=none, method=method, epsilon=epsilon,
        epsilon_path=(epsilon,), a=f, b=g, status=Status.CONVERGED, iterations=0, residual=0.0,
        history=(0.0,),
    )  # fmt: skip


def _shown_with(stopping: Stopping, lead: tuple[int, ...], *, xp: Namespace) -> Stopping:
    """Let the observer see all potentials with the leading axes; parts of them as they are."""
    show = stopping.callback
    if show is None or len(lead) == 1:
        return stopping

    def observer(state: IterationState) -> None:
        x = state.x
        whole = x.ndim > 1 and x.shape[0] == prod(lead)
        x = xp.reshape(x, (*lead, *x.shape[1:])) if whole else x
        show(IterationState(state.k, x, state.residual))

    return Stopping(stopping.rtol, stopping.maxiter, observer)


def run_batch(problem: Problem, method: str, stopping: Stopping, options: Options) -> Run:
    """Solve a flat batch (k, n, m)."""
    problem, xp = widened(problem), problem.xp
    pieces, numbers, name = Pieces(), list(range(problem.shape[0])), method
    if method in SWEPT:
        loop = Loop(problem, stopping, method, pieces)
        story = Story(loop.run(), loop.monitor.iterations, tuple(loop.monitor.history))
        name = "newton" if loop.late else "sinkhorn" if method == "auto" else method
        if loop.late and story.status is Status.CONVERGED:
            later = stopping.after(story.iterations)
            rest = _newton(problem, loop.late, later, options, pieces)
            story = Story(rest.status, story.iterations + rest.iterations,
                          story.history + rest.history[1:])  # fmt: skip
    elif method == "mdot" and _all_full(problem):
        return METHODS[method].run(problem, stopping, options)
    elif method == "newton":
        story = _newton(problem, numbers, stopping, options, pieces)
    else:
        story = _one_by_one(problem, numbers, method, stopping, options, pieces)
    f, g = pieces.whole(xp=xp)
    return Run(f, g, story.status, story.iterations, story.history, name, (problem.epsilon,))


def _all_full(problem: Problem) -> bool:
    """Whether no bin is empty, and no cost is NaN, which would end all problems."""
    xp = problem.xp
    held = xp.all(problem.a > 0) & xp.all(problem.b > 0)
    return bool(held & ~xp.any(xp.isnan(problem.cost.block(0, problem.shape[-2]))))


def _newton(
    problem: Problem, numbers: list[int], stopping: Stopping, options: Options, pieces: Pieces
) -> Story:
    """Take Newton steps together where no bin is empty; one by one where that is not enough."""
    xp = problem.xp
    full = to_host(xp.all(problem.a > 0, axis=1) & xp.all(problem.b > 0, axis=1))
    suited = min(problem.shape[1:]) <= SMALL or is_gpu(problem.a, xp=xp)
    dense = [k for k in numbers if suited and bool(full[k])]
    rest = [k for k in numbers if not (suited and bool(full[k]))]
    story = Story(Status.CONVERGED, 0, ())
    if dense:
        story, failed = _dense(problem, dense, stopping, pieces)
        limited = story.status is Status.MAXITER and stopping.maxiter is not None
        if limited or story.status is Status.STOPPED:
            stopping = Stopping(stopping.rtol, 0)
        else:
            story = story._replace(status=Status.CONVERGED)  # what is left has its own
            rest, stopping = rest + failed, stopping.after(story.iterations)
    if not rest:
        return story
    last = _one_by_one(problem, rest, "newton", stopping, options, pieces)
    ended = story.status in (Status.STOPPED, Status.MAXITER)
    status = story.status if ended else last.status
    history = story.history + (last.history[1:] if story.history else last.history)
    return Story(status, story.iterations + last.iterations, history)


def _dense(
    problem: Problem, numbers: list[int], stopping: Stopping, pieces: Pieces
) -> tuple[Story, list[int]]:
    """Newton's method with batched solves; also the problems that it has not solved."""
    xp, e = problem.xp, problem.epsilon
    at = xp.asarray(numbers, dtype=xp.int64, device=device_of(problem.a))
    a, b = xp.take(problem.a, at, axis=0), xp.take(problem.b, at, axis=0)
    logits = xp.take(problem.cost.block(0, problem.shape[1]), at, axis=0) / -e
    flipped = a.shape[1] > b.shape[1]
    if flipped:  # the systems have the order of the rows
        logits, a, b = logits.mT, b, a
    limit = NEWTON_LIMIT if stopping.maxiter is None else stopping.maxiter
    found = balance(
        logits,
        a,
        b,
        rtol=stopping.rtol,
        goal=stopping.rtol,
        maxiter=limit,
        callback=_potentials_shown(stopping.callback, e),
        shown="g" if flipped else "f",
        xp=xp,
    )
    f, g = (found.g, found.f) if flipped else (found.f, found.g)
    pieces.put(numbers, e * f, e * g)
    errors = xp.sum(xp.abs(xp.sum(found.plan, axis=2) - a), axis=1)
    errors = to_host(errors + xp.sum(xp.abs(xp.sum(found.plan, axis=1) - b), axis=1))
    failed = [k for k, error in zip(numbers, errors, strict=True) if not error <= stopping.rtol]
    return Story(found.status, found.iterations, found.history), failed


def _one_by_one(
    problem: Problem,
    numbers: list[int],
    method: str,
    stopping: Stopping,
    options: Options,
    pieces: Pieces,
) -> Story:
    """Solve one problem after the other; the errors of all in one history."""
    xp, run = problem.xp, METHODS[method].run
    status, iterations = Status.CONVERGED, 0
    history: tuple[float, ...] = ()
    for k in numbers:
        one = _slice(problem, k)
        done = run(one, stopping.counted(iterations), options)
        unit = 2.0**one.exponent
        a, b = problem.a[k, :], problem.b[k, :]
        f = done.f if one.rows is None else spread(done.f, one.rows, a.shape[0], xp=xp)
        g = done.g if one.columns is None else spread(done.g, one.columns, b.shape[0], xp=xp)
        low = xp.full_like(f[:1], -inf)
        f, g = xp.where(a > 0, unit * f, low), xp.where(b > 0, unit * g, low)
        pieces.put([k], f[None, :], g[None, :])
        iterations += done.iterations
        history = history + (done.history[1:] if history else done.history)
        if status is Status.CONVERGED or done.status is Status.STOPPED:
            status = done.status
        if done.status is Status.STOPPED:
            stopping = Stopping(stopping.rtol, 0)
    return Story(status, iterations, history)


def _slice(problem: Problem, k: int) -> Problem:
    """One problem of a batch, without its empty bins."""
    xp = problem.xp
    cost = DenseCost(problem.cost.block(0, problem.shape[1])[k, ...], xp=xp)
    return single(cost, problem.a[k, :], problem.b[k, :], problem.epsilon, xp=xp, checked=True)


def _potentials_shown(show: Callback | None, epsilon: float) -> Callback | None:
    """Let the observer see potentials in the units of the cost."""
    if show is None:
        return None
    return lambda state: show(replace(state, x=epsilon * state.x))
