"""The default method: on a CPU what was fastest in measurements and safe."""

from dataclasses import replace

from linalgx._core.batching import where_matrix
from linalgx.backend import is_complex, is_gpu
from linalgx.orthogonal._bidiagonal_route import bidiagonal_route, within_reach
from linalgx.orthogonal._control import Control, Factors
from linalgx.orthogonal._gram_route import SMALLEST, gram_route
from linalgx.orthogonal._qdwh import qdwh
from linalgx.orthogonal._svd_route import shown, svd_route
from linalgx.orthogonal._tiny import is_tiny, tiny
from linalgx.typing import Array, Namespace

BATCHED_SVD = 32
"""Order up to which cuSOLVER decomposes all matrices of a batch at once; its QR never does."""

ONE_CORE = 1536
"""Order up to which the bidiagonal route, whose reduction runs on one core, is ahead of LAPACK
on several: with two threads 1.26 times at n = 1024, 1.13 times at n = 2048."""


def automatic(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """QDWH on a GPU; on a CPU the bidiagonal route, or what is fastest where it cannot go."""
    if is_gpu(a, xp=xp):
        if a.ndim == 2 or max(a.shape[-2:]) > BATCHED_SVD:
            return qdwh(a, control=control, xp=xp)
        # Not final: what the Jacobi iterations return goes through the certificate.
        return Factors(svd_route(a, control=replace(control, compute_p=False), xp=xp).u)
    if control.callback is None and is_tiny(a, xp=xp):
        u, p, good = tiny(a, False, control.compute_p, xp=xp)
        if bool(xp.all(good)):
            return Factors(u, p, True)
        return Factors(where_matrix(good, u, xp.zeros_like(u), xp=xp))
    # A complex SVD costs little more than a complex Hermitian eigenproblem.
    if a.shape[-1] < SMALLEST or is_complex(a, xp=xp):
        return svd_route(a, control=control, xp=xp)
    if a.ndim == 2:
        reduced = a.shape[-1] <= ONE_CORE and within_reach(xp=xp)
        route = bidiagonal_route if reduced else gram_route
        u = route(a, xp=xp)
        if u is None:
            return svd_route(a, control=control, xp=xp)
    else:
        quiet = replace(control, callback=None, compute_p=False)
        u = xp.stack([automatic(a[k, ...], control=quiet, xp=xp).u for k in range(a.shape[0])])
    return Factors(shown(u, control=control, xp=xp))
