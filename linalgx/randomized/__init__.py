"""Randomized algorithms: large matrices become small, with an error estimate.

A product with a few random vectors shows what a matrix does in most directions that matter. That
is enough for leading singular values and eigenvectors (`svd`, `eigh`, `nystrom`), also in one look
at the matrix (`generalized_nystrom`, `StreamingSketch`), for columns and rows that stand for all
others (`pivoted_cholesky`, `interpolative`, `cur`), for traces and diagonals (`trace`, `diagonal`),
and as a preconditioner for tall problems (`qr`, `lstsq`). Functions that need nothing but products
take dense and sparse matrices, linear operators and `linalgx.LinearMap`.
"""

from linalgx.randomized._estimate import EstimateResult
from linalgx.randomized._one_pass import OnePassResult
from linalgx.randomized._results import EighResult, SVDResult
from linalgx.randomized.cur import CURResult, cur
from linalgx.randomized.diagonal import diagonal
from linalgx.randomized.eigh import eigh
from linalgx.randomized.generalized_nystrom import generalized_nystrom
from linalgx.randomized.interpolative import InterpolativeResult, interpolative
from linalgx.randomized.lstsq import LstsqResult, lstsq
from linalgx.randomized.nystrom import NystromResult, nystrom
from linalgx.randomized.pivoted_cholesky import PivotedCholeskyResult, pivoted_cholesky
from linalgx.randomized.qr import PivotedQRResult, QRResult, qr
from linalgx.randomized.sketch import sketch
from linalgx.randomized.streaming import StreamingSketch
from linalgx.randomized.svd import svd
from linalgx.randomized.trace import trace
from linalgx.randomized.utv import UTVResult, utv

__all__ = [
    "CURResult",
    "EighResult",
    "EstimateResult",
    "InterpolativeResult",
    "LstsqResult",
    "NystromResult",
    "OnePassResult",
    "PivotedCholeskyResult",
    "PivotedQRResult",
    "QRResult",
    "SVDResult",
    "StreamingSketch",
    "UTVResult",
    "cur",
    "diagonal",
    "eigh",
    "generalized_nystrom",
    "interpolative",
    "lstsq",
    "nystrom",
    "pivoted_cholesky",
    "qr",
    "sketch",
    "svd",
    "trace",
    "utv",
]
