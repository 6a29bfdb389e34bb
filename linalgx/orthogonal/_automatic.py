"""The default method: what was fastest in measurements and safe."""

from dataclasses import replace

from linalgx.backend import is_complex, is_gpu
from linalgx.orthogonal._control import Control, Factors
from linalgx.orthogonal._gram_route import SMALLEST, gram_route
from linalgx.orthogonal._qdwh import qdwh
from linalgx.orthogonal._svd_route import shown, svd_route
from linalgx.typing import Array, Namespace


def automatic(a: Array, *, control: Control, xp: Namespace) -> Factors:
    """Choose by what was measured: QDWH on a GPU, the Gram route for large orders, or the SVD."""
    if is_gpu(a, xp=xp):
        return qdwh(a, control=control, xp=xp)
    # A complex SVD costs little more than a complex Hermitian eigenproblem.
    if a.shape[-1] < SMALLEST or is_complex(a, xp=xp):
        return svd_route(a, control=control, xp=xp)
    if a.ndim == 2:
        u = gram_route(a, xp=xp)
        if u is None:
            return svd_route(a, control=control, xp=xp)
    else:
        quiet = replace(control, callback=None, compute_p=False)
        u = xp.stack([automatic(a[k, ...], control=quiet, xp=xp).u for k in range(a.shape[0])])
    return Factors(shown(u, control=control, xp=xp))
