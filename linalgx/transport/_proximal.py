"""Proximal point steps: each plan is the reference of the next.

Legend: P_{k+1} = argmin ⟨C, P⟩ + ε₀ KL(P | P_k), entropic transport with the cost C − ε₀ log P_k.
With log P_k = (f_k + g_k − kC)/ε₀ the k-th plan is the entropic one at ε₀/k, so that K steps at
ε₀ = Kε end at ε: a slow cooling, ε₀/1, ε₀/2, …, whose start is the plan before, f_k (k−1)/k.
"""

from linalgx.results import Status
from linalgx.transport._problem import Problem
from linalgx.transport._run import Options, Run
from linalgx.transport._sinkhorn import sinkhorn
from linalgx.transport._stopping import Stopping

STEPS = 20


def proximal(problem: Problem, stopping: Stopping, options: Options) -> Run:
    """Take steps, each solved by Sinkhorn's iteration to the same tolerance."""
    steps = options.get("prox_steps", STEPS)
    g = problem.xp.zeros_like(problem.b)
    f = problem.xp.zeros_like(problem.a)
    history: tuple[float, ...] = ()
    path: tuple[float, ...] = ()
    done = 0
    status = Status.MAXITER
    for k in range(1, steps + 1):
        path = (*path, problem.epsilon * steps / k)
        start = (f * ((k - 1) / k), g * ((k - 1) / k))
        run = sinkhorn(problem.at(path[-1]), stopping.after(done), {"start": start})
        f, g, status = run.f, run.g, run.status
        history += run.history if k == 1 else run.history[1:]
        done += run.iterations
        if status is not Status.CONVERGED:
            break
    return Run(f, g, status, done, history, "proximal", path)
