"""Factorizations with one behaviour on every backend: batched, and failing with `LinAlgError`.

The array standard lacks triangular solves and pivoted QR, and libraries fail unevenly: PyTorch
raises an error of its own, CuPy by default raises nothing and returns NaN.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from linalgx.backend import _lapack
from linalgx.backend._dtypes import is_complex
from linalgx.backend._libraries import device_of, library_name
from linalgx.errors import LinAlgError
from linalgx.typing import Array, Namespace


@contextmanager
def _overflow_raises() -> Iterator[None]:
    """Turn NumPy's overflow, when it rounds a result to single precision, into `LinAlgError`."""
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError as error:
        raise LinAlgError(str(error)) from error


@contextmanager
def raising(task: str, *, xp: Namespace) -> Iterator[None]:
    """Turn every library's way of failing into `LinAlgError`."""
    name = library_name(xp)
    own = import_module("torch").linalg.LinAlgError if name == "torch" else LinAlgError
    loud = import_module("cupyx").errstate(linalg="raise") if name == "cupy" else nullcontext()
    try:
        with loud:
            yield
    except own as error:
        raise LinAlgError(f"{task} failed: {error}") from error


def _require_finite(task: str, a: Array, *, xp: Namespace) -> None:
    """Refuse what LAPACK lets pass without a word, or on which it never ends."""
    if not bool(xp.all(xp.isfinite(a))):
        raise LinAlgError(f"{task} failed: the matrix has NaN or infinite entries")


def adjoint(a: Array, *, xp: Namespace) -> Array:
    """Conjugate transpose of the last two axes; a view for real arrays."""
    return xp.conj(a).mT if is_complex(a, xp=xp) else a.mT


def svd(a: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """Reduced singular value decomposition, values descending."""
    task = "the singular value decomposition"
    _require_finite(task, a, xp=xp)
    with raising(task, xp=xp):
        by = _lapack.svd if _lapack.suits(a) else partial(xp.linalg.svd, full_matrices=False)
        u, s, vh = by(a)
    return u, s, vh


def svdvals(a: Array, *, xp: Namespace) -> Array:
    """Singular values, descending."""
    task = "the singular value decomposition"
    _require_finite(task, a, xp=xp)
    with raising(task, xp=xp):
        return xp.linalg.svdvals(a)


def eigh(a: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix."""
    task = "the Hermitian eigendecomposition"
    _require_finite(task, a, xp=xp)
    with raising(task, xp=xp):
        w, v = (_lapack.eigh if _lapack.suits(a) else xp.linalg.eigh)(a)
    return w, v


def lu_pivots(a: Array, *, xp: Namespace) -> Any:
    """Sizes of the pivots of a single precision LU factorization, on the host, for one matrix.

    Cheap and coarse: it tells many small singular values from few. ``None`` for a library that
    has no LU factorization.
    """
    if library_name(xp) == "torch":
        low = xp.complex64 if is_complex(a, xp=xp) else xp.float32
        lu = import_module("torch").linalg.lu_factor_ex(xp.astype(a, low))[0]
        return xp.abs(xp.linalg.diagonal(lu)).detach().cpu().numpy()
    return _lapack.lu_pivots(a) if library_name(xp) == "numpy" else None


def qr(a: Array, *, mode: str = "reduced", xp: Namespace) -> tuple[Array, Array]:
    """QR decomposition, reduced or, with a square Q, ``"complete"``."""
    with raising("the QR decomposition", xp=xp):
        q, r = xp.linalg.qr(a, mode=mode)
    return q, r


def cholesky(a: Array, *, xp: Namespace) -> Array:
    """Lower Cholesky factor; `LinAlgError` when any matrix is not positive definite."""
    with raising("the Cholesky decomposition", xp=xp):
        factor = xp.linalg.cholesky(a)
    # OpenBLAS lets NaN pass, and whether cuSOLVER reports it is not documented.
    pivots = xp.linalg.diagonal(factor)
    pivots = xp.real(pivots) if is_complex(factor, xp=xp) else pivots
    if not bool(xp.all((pivots > 0) & xp.isfinite(pivots))):
        raise LinAlgError("the Cholesky decomposition failed: a matrix is not positive definite")
    return factor


def inv(a: Array, *, xp: Namespace) -> Array:
    """Inverse; `LinAlgError` when a pivot is exactly zero."""
    with raising("the inverse", xp=xp), _overflow_raises():
        return xp.linalg.inv(a)


def solve(a: Array, b: Array, *, xp: Namespace) -> Array:
    """Solution of ``a x = b`` with a matrix `b`."""
    if library_name(xp) == "cupy":
        a, b = _matched(a, b, xp=xp)
    with raising("the solution of a linear system", xp=xp):
        return xp.linalg.solve(a, b)


def solve_triangular(
    t: Array,
    b: Array,
    *,
    lower: bool,
    adjoint: bool = False,
    regular: bool = False,
    xp: Namespace,
) -> Array:
    """Solution of ``t x = b``, or of ``tᴴ x = b``, for a triangular `t` and a matrix `b`.

    The other triangle of `t` is not looked at. `regular` says that the diagonal is known to have
    no zero, which saves an iteration the question, and with it a wait for the device.
    """
    name = library_name(xp)
    unsure = name in ("torch", "cupy") and not regular
    if unsure and bool(xp.any(xp.linalg.diagonal(t) == 0)):
        # Their kernels divide by it and return infinities.
        raise LinAlgError("the triangular solve failed: a diagonal entry is exactly zero")
    if name == "torch":
        return _solve_triangular_torch(t, b, lower=lower, adjoint=adjoint, xp=xp)
    many_small = name == "numpy" and t.ndim > 2 and t.shape[-1] <= 32
    if name in ("numpy", "cupy") and not many_small:  # a loop in Python costs more than an LU
        module = import_module("scipy.linalg" if name == "numpy" else "cupyx.scipy.linalg")
        # `trans="C"` saves a conjugated copy.
        trans, solver = "C" if adjoint else "N", module.solve_triangular
        solver = partial(solver, lower=lower, trans=trans, check_finite=False)
        with raising("the triangular solve", xp=xp):
            return _over_batch(solver, t, b, xp=xp)
    t = xp.tril(t) if lower else xp.triu(t)
    return solve(xp.conj(t).mT if adjoint else t, b, xp=xp)


def qr_pivoted(a: Array, *, xp: Namespace) -> tuple[Array, Array, Array]:
    """QR with column pivoting, ``a[:, p] = q r``, for one matrix; by LAPACK on the host.

    Only SciPy offers it, so arrays of other libraries make the round trip.
    """
    from linalgx.backend._transfer import from_host, to_host

    q, r, p = import_module("scipy.linalg").qr(
        to_host(a), mode="economic", pivoting=True, check_finite=False
    )
    return (
        from_host(q, like=a, xp=xp),
        from_host(r, like=a, xp=xp),
        xp.asarray(p, dtype=xp.int64, device=device_of(a)),
    )


def gram(a: Array, *, xp: Namespace) -> Array:
    """Return ``aᴴ a``, exactly Hermitian.

    NumPy hands a product of a real buffer with its own transpose to the rank-k update of BLAS,
    which does half the work and gives a symmetric result.
    """
    if library_name(xp) == "numpy" and not is_complex(a, xp=xp):
        a = a if _fits_blas(a) else xp.asarray(a, order="C", copy=True)
        return a.mT @ a
    return hermitian(adjoint(a, xp=xp) @ a, xp=xp)


def hermitian_square(g: Array, *, xp: Namespace) -> Array:
    """Return ``g²`` for a Hermitian `g`, with half the work on NumPy for real numbers."""
    # CuPy would copy a transposed batch.
    return g @ (g.mT if library_name(xp) == "numpy" and not is_complex(g, xp=xp) else g)


def hermitian(b: Array, *, xp: Namespace) -> Array:
    """Hermitian part ``(b + bᴴ)/2``, Hermitian to the last bit."""
    h = b + adjoint(b, xp=xp)
    h *= 0.5
    return h


def _fits_blas(a: Array) -> bool:
    """Whether BLAS can read a NumPy matrix in place; else NumPy copies each factor by itself."""
    (m, n), (row, column), size = a.shape[-2:], a.strides[-2:], a.itemsize
    if row % size or column % size:
        return False
    return bool((column == size and row >= n * size) or (row == size and column >= m * size))


def _solve_triangular_torch(
    t: Array, b: Array, *, lower: bool, adjoint: bool, xp: Namespace
) -> Array:
    """PyTorch takes an upper flag and no transposition."""
    torch = import_module("torch")
    with raising("the triangular solve", xp=xp):
        factor, upper = (xp.conj(t).mT, lower) if adjoint else (t, not lower)
        return torch.linalg.solve_triangular(factor, b, upper=upper)


def _over_batch(solver: Any, t: Array, b: Array, *, xp: Namespace) -> Array:
    """Apply a routine for single matrices to every matrix of a batch."""
    t, b = _matched(t, b, xp=xp)
    if 0 in b.shape:  # cuBLAS refuses a leading dimension of zero
        return xp.empty_like(b)
    if t.ndim == 2 or _at_once(t, xp=xp):
        return solver(t, b)
    out = xp.empty_like(b)
    for k in _indices(tuple(t.shape[:-2])):
        out[k] = solver(t[k], b[k])
    return out


def _matched(t: Array, b: Array, *, xp: Namespace) -> tuple[Array, Array]:
    """Broadcast the batches of both against each other."""
    if t.shape[:-2] == b.shape[:-2]:
        return t, b
    batch = xp.broadcast_shapes(t.shape[:-2], b.shape[:-2])
    t, b = (xp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (t, b))
    return t, b


def _at_once(t: Array, *, xp: Namespace) -> bool:
    """Whether CuPy's batched triangular solve is faster than a loop: for small or many matrices.

    The limits are those that PyTorch uses for the same routines of cuBLAS.
    """
    n, count = t.shape[-1], prod(t.shape[:-2])
    return library_name(xp) == "cupy" and (n < 64 or (n <= 512 and count > 8))


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    from itertools import product

    return product(*(range(n) for n in shape))
