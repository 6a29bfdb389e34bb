"""Ratios that say whether a result is right, and checks of operators.

A test should not compare factors with reference factors, which are often not unique, but measure
what the factors claim: that their product is the matrix, and that they are orthogonal,
triangular, Hermitian or in order. After LAPACK each claim is one number in units of n·eps; below
30 it holds to working precision. A NaN never looks good.

The quantities are Python floats, so ``max(svd_ratios(a, u, s, vh)) < 30`` is a complete test.
"""

from linalgx.testing._errors import PolarErrors, polar_errors
from linalgx.testing._operators import check_adjoint
from linalgx.testing._ratios import (
    EighRatios,
    PolarRatios,
    QRRatios,
    RootRatios,
    SVDRatios,
    eigh_ratios,
    polar_ratios,
    qr_ratios,
    root_ratios,
    svd_ratios,
)

__all__ = [
    "EighRatios",
    "PolarErrors",
    "PolarRatios",
    "QRRatios",
    "RootRatios",
    "SVDRatios",
    "check_adjoint",
    "eigh_ratios",
    "polar_errors",
    "polar_ratios",
    "qr_ratios",
    "root_ratios",
    "svd_ratios",
]
