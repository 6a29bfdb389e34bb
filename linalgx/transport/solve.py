"""Entropic optimal transport."""

from collections.abc import Mapping
from typing import Any

from linalgx._core.choose import choose
from linalgx.backend import eps
from linalgx.errors import ConvergenceWarning, warn
from linalgx.results import Status
from linalgx.transport._batch import solve_batch
from linalgx.transport._finish import finish
from linalgx.transport._methods import METHODS, admit_options
from linalgx.transport._problem import admit_problem, single
from linalgx.transport._result import TransportResult
from linalgx.transport._stopping import Stopping
from linalgx.typing import Callback

__all__ = ["solve"]

def solve(
    cost: Any,
    a: Any = None,
    b: Any = None,
    /,
    *,
    epsilon: float,
    method: str = "auto",
    rtol: float | None = None,
    maxiter: int | None = None,
    x0: Any = None,
    options: Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    check_finite: bool = True,
) -> TransportResult:
    """Solve."""
    run = choose(method, METHODS, "method").run
    own = dict(admit_options(options, method))
    xp, cost, a, b = admit_problem(cost, a, b, epsilon, check_finite=check_finite)
    stopping = Stopping.admit(rtol, maxiter, callback, eps(a, xp=xp))
    if len(cost.shape) > 2:
        result = solve_batch(cost, a, b, epsilon, method, stopping, own, xp=xp)
    else:
        problem = single(cost, a, b, epsilon, xp=xp)
        done = run(problem, stopping, own)
        result = finish(problem, done, stopping.rtol, cost, a, b, epsilon)
    if result.status not in (Status.CONVERGED, Status.STOPPED):
        warn("...", ConvergenceWarning)
    return result
