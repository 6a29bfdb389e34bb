"""Randomized algorithms: large matrices become small, with an error estimate.

A product with a few random vectors shows what a matrix does in most directions that matter. That
is enough for leading singular values and eigenvectors (`svd`, `eigh`, `nystrom`), also in one look
at the matrix (`generalized_nystrom`, `StreamingSketch`), for columns and rows that stand for all
others (`pivoted_cholesky`, `interpolative`, `cur`), for traces and diagonals (`trace`, `diagonal`),
and as a preconditioner for tall problems (`qr`, `lstsq`). Functions that need nothing but products
take dense and sparse matrices, linear operators and `linalgx.LinearMap`.
"""

__all__: list[str] = []
