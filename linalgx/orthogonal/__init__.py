"""Polar decomposition, orthogonalization and matrix roots.

Every matrix is a turn times a stretch, A = U P. The exact functions here (`polar`, `sign`,
`eigh`, `svd`) compute that to working precision and check what they return; `orthogonalize`
approximates U by a few matrix products, which is what optimizers of the Muon family want, and
`inverse_root` and `sqrt` take roots of positive definite matrices and say how good they are.
"""

from linalgx.orthogonal._weights import qdwh_weights, zolotarev_coefficients
from linalgx.orthogonal.coefficients import polar_express_coefficients, shape_coefficients
from linalgx.orthogonal.eigh import EighResult, eigh
from linalgx.orthogonal.orthogonalize import orthogonalize
from linalgx.orthogonal.polar import PolarResult, polar
from linalgx.orthogonal.roots import RootResult, inverse_root, sqrt
from linalgx.orthogonal.sign import sign
from linalgx.orthogonal.soft_clip import SoftClipResult, soft_clip
from linalgx.orthogonal.svd import SVDResult, svd

__all__ = [
    "EighResult",
    "PolarResult",
    "RootResult",
    "SVDResult",
    "SoftClipResult",
    "eigh",
    "inverse_root",
    "orthogonalize",
    "polar",
    "polar_express_coefficients",
    "qdwh_weights",
    "shape_coefficients",
    "sign",
    "soft_clip",
    "sqrt",
    "svd",
    "zolotarev_coefficients",
]
