"""Jacobi's method and its relatives: rotations until the columns are orthogonal.

A rotation in the plane of two columns makes them orthogonal; going over all pairs again and again
makes all of them orthogonal, and the singular value decomposition is there to be read off. It is
slower than reduction to bidiagonal form and much more accurate: where columns or rows of a matrix
differ by many orders of magnitude, small eigenvalues and singular values come out with all their
digits, and other methods may return none of them (`eigh`, `svd`). Many tiny matrices are factored
faster as well. With triangular instead of unitary matrices the same iteration gives Cholesky and QR
decompositions (`cholesky`, `qr`), and one quantity, `potential`, measures how far each of them has
come.
"""

from linalgx.jacobi.cholesky import CholeskyResult, cholesky
from linalgx.jacobi.eigh import EighResult, eigh
from linalgx.jacobi.potential import potential
from linalgx.jacobi.qr import QRResult, qr
from linalgx.jacobi.svd import SVDResult, svd

__all__ = [
    "CholeskyResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "cholesky",
    "eigh",
    "potential",
    "qr",
    "svd",
]
