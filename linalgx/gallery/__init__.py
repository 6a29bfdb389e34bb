"""Test matrices with known answers.

An algorithm is only as trustworthy as the matrices it was tried on. Each function here makes one
kind of matrix whose singular values, determinant or inverse are known, and says so in its
docstring: famous matrices without randomness (`hilbert`, `kahan`, `frank`, `vandermonde`,
`triu_ones`), random ones with a prescribed spectrum (`randsvd`), with rows of very different
size (`graded`), with a signal above noise (`spiked`), and sparse ones with a spectrum that falls
like a power (`sparse_powerlaw`); nonnormal matrices of polynomials and state-space models
(`companion_exp`, `hippo`); the sparse or Toeplitz matrices of differential equations (`poisson2d`,
`poisson3d`, `heat2d`, `riesz`); and costs, images and points for optimal transport
(`assignment_cost`, `blob_images`, `gaussian_mixture_cloud`).

No function takes an array, so each takes ``xp``, ``device`` and ``dtype``; what is not given
follows `linalgx.set_backend`.
"""

from linalgx.gallery._classical import frank, hilbert, kahan, triu_ones, vandermonde
from linalgx.gallery._nonnormal import companion_exp, hippo
from linalgx.gallery._pde import heat2d, poisson2d, poisson3d
from linalgx.gallery._powerlaw import sparse_powerlaw
from linalgx.gallery._random import graded, spiked
from linalgx.gallery._riesz import riesz, riesz_column
from linalgx.gallery._spectra import randsvd
from linalgx.gallery._transport import assignment_cost, blob_images, gaussian_mixture_cloud

__all__ = [
    "assignment_cost",
    "blob_images",
    "companion_exp",
    "frank",
    "gaussian_mixture_cloud",
    "graded",
    "heat2d",
    "hilbert",
    "hippo",
    "kahan",
    "poisson2d",
    "poisson3d",
    "randsvd",
    "riesz",
    "riesz_column",
    "sparse_powerlaw",
    "spiked",
    "triu_ones",
    "vandermonde",
]
