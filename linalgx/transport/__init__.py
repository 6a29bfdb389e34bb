"""Transport: entropic optimal transport and matrix scaling, with a verified marginal error.

How to move one distribution of mass onto another at least cost, smoothed a little so that the
answer is unique, differentiable and found by iterations on two vectors. The same iterations make
a matrix doubly stochastic.
"""

from linalgx.transport._result import TransportResult
from linalgx.transport.assignment_pdhg import AssignmentResult, assignment_pdhg
from linalgx.transport.barycenter import BarycenterResult, barycenter
from linalgx.transport.birkhoff import project_birkhoff
from linalgx.transport.constrained import ConstrainedResult, solve_constrained
from linalgx.transport.dictionary import DictionaryResult, cp_dictionary
from linalgx.transport.divergence import DivergenceResult, divergence
from linalgx.transport.gradients import TransportGradients, vjp
from linalgx.transport.grid import GridCost
from linalgx.transport.kronecker import kronecker_birkhoff, kronecker_product, permutation_logits
from linalgx.transport.low_rank import LowRankTransportResult, low_rank
from linalgx.transport.point_cloud import PointCloudCost
from linalgx.transport.round_plan import round_plan
from linalgx.transport.scale import ScalingResult, scale
from linalgx.transport.schrodinger import BridgeResult, light_bridge
from linalgx.transport.solve import solve
from linalgx.transport.unbalanced import UnbalancedResult, solve_unbalanced

__all__ = [
    "AssignmentResult",
    "BarycenterResult",
    "BridgeResult",
    "ConstrainedResult",
    "DictionaryResult",
    "DivergenceResult",
    "GridCost",
    "LowRankTransportResult",
    "PointCloudCost",
    "ScalingResult",
    "TransportGradients",
    "TransportResult",
    "UnbalancedResult",
    "assignment_pdhg",
    "barycenter",
    "cp_dictionary",
    "divergence",
    "kronecker_birkhoff",
    "kronecker_product",
    "light_bridge",
    "low_rank",
    "permutation_logits",
    "project_birkhoff",
    "round_plan",
    "scale",
    "solve",
    "solve_constrained",
    "solve_unbalanced",
    "vjp",
]
