"""Relaxation: iterative solvers that learn their own parameters across a sequence of problems.

A relaxation method improves a guess one unknown at a time. How fast depends on one number ω, and
the best ω depends on the matrix. Here are the sweeps themselves, the Krylov methods that they
precondition, and tuners that learn ω, or any other parameter, while a simulation runs.
"""

from linalgx.relaxation._result import SolveResult
from linalgx.relaxation.prepared import PreparedMatrix, prepare

__all__ = [
    "PreparedMatrix",
    "SolveResult",
    "prepare",
]
