"""Checks of operators that come as functions."""

from linalgx._core.admit import admit_integer
from linalgx._core.scaling import to_unit_scale
from linalgx.backend import as_generator, default_namespace, eps, standard_normal
from linalgx.operators import LinearMap
from linalgx.testing._common import NAN, relative
from linalgx.typing import Array, Device, MatrixLike, Namespace, RNGLike


def check_adjoint(
    a: MatrixLike, /, *, trials: int = 4, rng: RNGLike = None, device: Device | None = None
) -> float:
    """Compare ⟨A x, y⟩ with ⟨x, Aᴴ y⟩ for random x and y.

    A wrong adjoint is the commonest fault of operators written as functions, and most
    algorithms show it only as slow or no convergence.

    Parameters
    ----------
    a : array, sparse container, LinearOperator or LinearMap, shape (m, n)
        The operator.
    trials : int
        Number of pairs x, y, multiplied as one block.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness.
    device : device, optional
        Where x and y are born, the default device of the operator's library when ``None``.

    Returns
    -------
    float
        The largest of |⟨Ax, y⟩ − ⟨x, Aᴴy⟩| / (k·eps·max(‖Ax‖‖y‖, ‖x‖‖Aᴴy‖)), k = max(m, n);
        below 30 for a right adjoint, and NaN when a product is not finite.

    Raises
    ------
    TypeError
        The operator has no adjoint.
    ValueError
        A product has the wrong shape, or `trials` is less than 1.

    See Also
    --------
    linalgx.LinearMap : The common face of operators.

    Notes
    -----
    **Method.** The dot-product test. A wrong adjoint passes with probability zero.

    **Cost.** One product with A and one with Aᴴ, of blocks of `trials` columns.

    **Accuracy.** The quotient is measured in the precision of the operator.

    **Backends.** See :doc:`/backends`; x and y are drawn on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> shift = lx.LinearMap.from_callables(
    ...     (5, 5), lambda x: np.roll(x, 1, axis=0), lambda y: np.roll(y, -1, axis=0)
    ... )
    >>> lx.testing.check_adjoint(shift, rng=0) < 30
    True
    """
    trials = admit_integer(trials, "trials", 1)
    a = LinearMap(a)
    xp, device, dtype = default_namespace(a.xp, device, a.dtype)
    like, generator = xp.zeros((0,), dtype=dtype, device=device), as_generator(rng)
    (m, n), k = a.shape, trials
    x = standard_normal((n, k), generator, like=like, xp=xp)
    y = standard_normal((m, k), generator, like=like, xp=xp)
    ax, ahy = a @ x, a.adjoint @ y
    if not (bool(xp.all(xp.isfinite(ax))) and bool(xp.all(xp.isfinite(ahy)))):
        return NAN
    # One factor for both products, so that a large or tiny operator is seen as any other.
    both, _ = to_unit_scale(xp.concat([ax, ahy]), xp=xp)
    ax, ahy = both[:m, :], both[m:, :]
    size = xp.maximum(_norms(ax, xp=xp) * _norms(y, xp=xp), _norms(x, xp=xp) * _norms(ahy, xp=xp))
    gap = xp.abs(xp.vecdot(ax.mT, y.mT) - xp.vecdot(x.mT, ahy.mT))
    return relative(gap, size, eps(x, xp=xp) * max(m, n, 1), xp=xp)


def _norms(x: Array, *, xp: Namespace) -> Array:
    return xp.linalg.vector_norm(x, axis=0)
