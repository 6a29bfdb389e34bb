"""Solve one problem after the other with a parameter that is learned on the way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from time import perf_counter
from typing import Any, NamedTuple

from linalgx._core.choose import choose
from linalgx.relaxation._tuner import Tuner, guarded, settle
from linalgx.results import Result, Status
from linalgx.typing import Array

__all__ = ["SequenceResult", "solve_sequence"]

COSTS: dict[str, Callable[[Any, float], float]] = {
    "iterations": lambda result, seconds: result.iterations,
    "matvecs": lambda result, seconds: result.matvecs,
    "time": lambda result, seconds: 1e6 * seconds,
}
"""Cost of a solve by name, from its result and its duration; tuners count from 1."""


class Problem(NamedTuple):
    """One linear system, what distinguishes it, and where to start."""

    a: Any
    b: Array
    context: Any = None
    x0: Array | None = None


class Step(NamedTuple):
    """What is kept of one solve."""

    cost: float
    value: Any
    context: Any
    status: Status
    residual: float
    iterations: int


Problems = Iterable[Any] | Callable[[int, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SequenceResult(Result):
    """What a sequence of solves cost, and how each of them ended.

    Attributes
    ----------
    x : Array
        Solution of the last problem.
    total : float
        Sum of the costs.
    costs : tuple of float
        Cost of each solve.
    values : tuple
        The value that each was solved with.
    contexts : tuple
        Context of each problem, ``None`` where there was none.
    statuses : tuple of Status
        How each solve ended.
    status, converged : Status, bool
        That of the first solve that did not converge; converged when all did.
    iterations : int
        Iterations of all solves.
    residual : float
        The largest residual that a solve ended with.
    history : tuple of float
        The residual that each ended with.
    """

    x: Array
    total: float
    costs: tuple[float, ...]
    values: tuple[Any, ...]
    contexts: tuple[Any, ...]
    statuses: tuple[Status, ...]


def solve_sequence(
    problems: Problems,
    *,
    solver: Callable[..., Any],
    tuner: Tuner,
    cost: str | Callable[[Any], float] = "iterations",
    context: Callable[[Any, Any], Any] | None = None,
) -> SequenceResult:
    """Solve a sequence of linear systems while a tuner learns the parameter of the solver.

    For time steps, frames, parameter studies: many related systems, each solved once. A single
    solve takes a tuner as well, ``sor(a, b, omega=tuner)``; use this function for costs other than
    iterations, for parameters other than ω, and to have the sequence in one result.

    Parameters
    ----------
    problems : iterable or callable
        Of tuples ``(a, b)``, ``(a, b, context)`` or ``(a, b, context, x0)``. When a problem
        depends on the solution before it, a function of the step t = 0, 1, … and of the result of
        the step before (``None`` at first) that returns such a tuple, or ``None`` to end.
    solver : callable
        Called as ``solver(a, b, omega=value)``, with ``x0=`` where a problem has one; returns a
        result like that of `sor` or `ssor_cg`. To learn another parameter, wrap the solver.
    tuner : Tuner
        Keeps what it learns; pass it again to go on.
    cost : str or callable
        What to save: ``"iterations"``, ``"matvecs"``, ``"time"`` in microseconds, or a function
        of the result. Times are noisy; `ThompsonSampling` copes best.
    context : callable, optional
        ``(a, b)`` -> context, for problems that bring none.

    Returns
    -------
    SequenceResult
        ``costs``, ``values``, ``total`` and the last solution ``x``.

    Raises
    ------
    TypeError
        `tuner` is no tuner, `solver` no function, or a problem no tuple.
    ValueError
        There is no problem, or `cost` is not known.

    Warns
    -----
    ConvergenceWarning
        By the solver, for a problem that did not converge.

    See Also
    --------
    TsallisINF, ChebCB, YoungLearner : Tuners.

    Notes
    -----
    **Method.** For each problem: ask, solve, tell. A solve that ended at its iteration limit is
    told as a censored cost; one that diverged or broke down, or raised, costs at least the
    tuner's ``cap``; one stopped by a callback is not told. An exception ends the sequence, and
    the tuner keeps what it learned.

    **Cost.** That of the solves; asking and telling takes below 0.5 ms.

    **Accuracy.** That of the solves. ``converged`` only when all converged.

    **Backends.** See :doc:`/backends`; whatever the solver accepts.

    References
    ----------
    .. [1] Khodak, Chow, Balcan and Talwalkar, "Learning to Relax", arXiv:2310.02246.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> grid = 2 * np.eye(20) - np.eye(20, k=1) - np.eye(20, k=-1)
    >>> problems = [(grid + 0.05 * (k % 3) * np.eye(20), np.ones(20)) for k in range(12)]
    >>> run = lx.relaxation.solve_sequence(
    ...     problems, solver=lx.relaxation.sor, tuner=lx.relaxation.Fixed(1.6)
    ... )
    >>> len(run.costs), run.total == sum(run.costs), run.converged
    (12, True, True)
    """
    if not isinstance(tuner, Tuner):
        raise TypeError(f"tuner must be a tuner such as TsallisINF or Fixed, got {tuner!r}")
    if not callable(solver):
        raise TypeError(f"solver must be a function such as sor, got {solver!r}")
    price = COSTS["iterations"] if callable(cost) else choose(cost, COSTS, "cost")
    steps: list[Step] = []
    last: list[Any] = [None]  # of all results only the last, since solutions are large
    for a, b, c, x0 in _each(problems, last):
        c = context(a, b) if c is None and context is not None else c
        trial = tuner.ask(c)
        with guarded(tuner, trial):
            start = perf_counter()
            options = {} if x0 is None else {"x0": x0}
            result = solver(a, b, omega=trial.value, **options)
            seconds = perf_counter() - start
            paid = float(cost(result) if callable(cost) else price(result, seconds))
            settle(tuner, trial, result, paid)
        last[0] = result
        ended = result.status, float(result.residual), result.iterations
        steps.append(Step(paid, trial.value, c, *ended))
    return _summarize(steps, last[0])


def _each(problems: Problems, last: list[Any]) -> Iterator[Problem]:
    """Problems one by one, from an iterable or from a function of the step and the last result."""
    if not callable(problems):
        yield from map(_admit_problem, problems)
        return
    t = 0
    while (item := problems(t, last[0])) is not None:
        yield _admit_problem(item)
        t += 1


def _admit_problem(item: Any) -> Problem:
    if not (isinstance(item, tuple) and 2 <= len(item) <= 4):
        raise TypeError(
            f"problems must be tuples (a, b), (a, b, context) or (a, b, context, x0), "
            f"got {type(item).__name__}"
        )
    return Problem(*item)


def _summarize(steps: list[Step], last: Any) -> SequenceResult:
    if not steps:
        raise ValueError("problems must hold at least one problem, got none")
    costs, values, contexts, statuses, residuals, iterations = zip(*steps, strict=True)
    unmet = (status for status in statuses if status is not Status.CONVERGED)
    return SequenceResult(
        x=last.x,
        total=sum(costs),
        costs=costs,
        values=values,
        contexts=contexts,
        statuses=statuses,
        status=next(unmet, Status.CONVERGED),
        iterations=sum(iterations),
        residual=nan if any(map(isnan, residuals)) else max(residuals),
        history=residuals,
    )
