"""Relaxation: iterative solvers that learn their own parameters across a sequence of problems.

A relaxation method improves a guess one unknown at a time. How fast depends on one number ω, and
the best ω depends on the matrix. Here are the sweeps themselves, the Krylov methods that they
precondition, and tuners that learn ω, or any other parameter, while a simulation runs.
"""

from linalgx.relaxation._result import SolveResult
from linalgx.relaxation._saddle import SaddleResult
from linalgx.relaxation._tuner import Tuner
from linalgx.relaxation.alpd import alpd
from linalgx.relaxation.binned import BinnedTsallisINF
from linalgx.relaxation.cg import cg
from linalgx.relaxation.chebcb import ChebCB
from linalgx.relaxation.chebyshev import chebyshev
from linalgx.relaxation.combination import combination_preconditioner, combination_split
from linalgx.relaxation.deflated_cg import DeflatedResult, deflated_cg
from linalgx.relaxation.degeneracy import DegeneracyResult, degeneracy
from linalgx.relaxation.fischer import FischerGuess, fischer_guess
from linalgx.relaxation.fixed import Fixed
from linalgx.relaxation.fsai import fsai, fsai_factor
from linalgx.relaxation.gcro_dr import RecycledResult, gcro_dr
from linalgx.relaxation.golden import GoldenSection
from linalgx.relaxation.gradient import GradientResult, gradient_krylov
from linalgx.relaxation.halpern import HalpernResult, halpern
from linalgx.relaxation.hhl import HHLResult, hhl
from linalgx.relaxation.jacobi import jacobi
from linalgx.relaxation.meta import MetaFitResult, fit_meta_parameters
from linalgx.relaxation.omega import RadiusResult, jacobi_radius, optimal_omega
from linalgx.relaxation.pdhg import pdhg
from linalgx.relaxation.polynomial_preconditioner import polynomial_preconditioner, residual_roots
from linalgx.relaxation.predicted_iterations import predicted_iterations
from linalgx.relaxation.prepared import PreparedMatrix, prepare
from linalgx.relaxation.ridge_chebyshev import ridge_chebyshev
from linalgx.relaxation.sequence import SequenceResult, solve_sequence
from linalgx.relaxation.sketch_and_project import sketch_and_project
from linalgx.relaxation.sor import sor
from linalgx.relaxation.ssor_cg import ssor_cg
from linalgx.relaxation.symmetric_polynomial import symmetric_polynomial
from linalgx.relaxation.thompson import ThompsonSampling
from linalgx.relaxation.toeplitz import circulant_preconditioner, tau_preconditioner, toeplitz
from linalgx.relaxation.tsallis import TsallisINF, tsallis_weights
from linalgx.relaxation.ucb import UCB
from linalgx.relaxation.young_learner import YoungLearner

__all__ = [
    "UCB",
    "BinnedTsallisINF",
    "ChebCB",
    "DeflatedResult",
    "DegeneracyResult",
    "FischerGuess",
    "Fixed",
    "GoldenSection",
    "GradientResult",
    "HHLResult",
    "HalpernResult",
    "MetaFitResult",
    "PreparedMatrix",
    "RadiusResult",
    "RecycledResult",
    "SaddleResult",
    "SequenceResult",
    "SolveResult",
    "ThompsonSampling",
    "TsallisINF",
    "Tuner",
    "YoungLearner",
    "alpd",
    "cg",
    "chebyshev",
    "circulant_preconditioner",
    "combination_preconditioner",
    "combination_split",
    "deflated_cg",
    "degeneracy",
    "fischer_guess",
    "fit_meta_parameters",
    "fsai",
    "fsai_factor",
    "gcro_dr",
    "gradient_krylov",
    "halpern",
    "hhl",
    "jacobi",
    "jacobi_radius",
    "optimal_omega",
    "pdhg",
    "polynomial_preconditioner",
    "predicted_iterations",
    "prepare",
    "residual_roots",
    "ridge_chebyshev",
    "sketch_and_project",
    "solve_sequence",
    "sor",
    "ssor_cg",
    "symmetric_polynomial",
    "tau_preconditioner",
    "toeplitz",
    "tsallis_weights",
]
