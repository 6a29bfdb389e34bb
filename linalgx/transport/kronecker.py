"""Doubly stochastic matrices by construction: Kronecker products of mixtures of permutations.

A convex combination of permutation matrices is doubly stochastic, and so is a Kronecker product of
doubly stochastic matrices. Factors of order 2 and 3 need 2 and 6 logits each, where a matrix of
order n needs n² and an iteration.

Legend: H = U₁⊗…⊗U_K of order n = i₁…i_K, U_k = Σ_σ w_σ P_σ over the i_k! permutations, in
lexicographic order, w = softmax of the logits; P_σ has its ones at (i, σ(i)).
"""

from collections.abc import Sequence
from itertools import permutations
from math import factorial, prod

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import default_namespace, device_of
from linalgx.transport._real import real_arrays
from linalgx.typing import Array, Device, DType, Namespace

MOST = 6
"""Largest order of a factor: 720 permutations."""


def kronecker_birkhoff(logits: Array | Sequence[Array], /, *, check_finite: bool = True) -> Array:
    """Make doubly stochastic matrices as Kronecker products of mixtures of permutations.

    Exactly doubly stochastic without an iteration; the price is that not every doubly stochastic
    matrix can be reached.

    Parameters
    ----------
    logits : sequence of arrays, or array, shape (..., K, i!)
        One array for each factor, shape (..., i_k!), with one logit for each permutation of i_k
        things, the identity first. An array holds K factors of the same order i.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    array, shape (..., n, n)
        H, of order n = i₁ i₂ … i_K.

    Raises
    ------
    ValueError
        The number of logits of a factor is not 1, 2, 6, 24, 120 or 720.

    See Also
    --------
    kronecker_product : H x without H.
    permutation_logits : Logits to start from.
    project_birkhoff : Any doubly stochastic matrix, from n² logits.

    Notes
    -----
    **Method.** U_k = Σ softmax(logits_k)_σ P_σ, H = U₁⊗…⊗U_K. A factor of order 2 is
    [[p, 1 − p], [1 − p, p]].

    **Cost.** n² multiplications and i_k² i_k! for each factor; twice the memory of the result.

    **Accuracy.** Row and column sums are one to K·i·eps.

    **Backends.** See :doc:`/backends`; nothing is transferred.

    References
    ----------
    KromHC: Manifold-Constrained Hyper-Connections with Kronecker-Product Residual Matrices,
    arXiv 2601.21579.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> h = lx.transport.kronecker_birkhoff([[np.log(3.0), 0.0], [0.0, -8.0]])
    >>> print(h.round(4))
    [[7.497e-01 3.000e-04 2.499e-01 1.000e-04]
     [3.000e-04 7.497e-01 1.000e-04 2.499e-01]
     [2.499e-01 1.000e-04 7.497e-01 3.000e-04]
     [1.000e-04 2.499e-01 3.000e-04 7.497e-01]]
    """
    xp, factors, like = _factors(logits, {}, check_finite=check_finite)
    h = xp.ones((1, 1), dtype=like.dtype, device=device_of(like))
    if not factors:
        lead = tuple(like.shape[:-2])
        return xp.broadcast_to(h, (*lead, 1, 1)) + xp.zeros_like(h)
    for u in factors:
        a, i = h.shape[-1], u.shape[-1]
        h = h[..., :, None, :, None] * u[..., None, :, None, :]
        h = xp.reshape(h, (*h.shape[:-4], a * i, a * i))
    return h


def kronecker_product(
    logits: Array | Sequence[Array], x: Array, /, *, check_finite: bool = True
) -> Array:
    """Multiply with the matrix of `kronecker_birkhoff` without forming it.

    What a layer wants that mixes n streams.

    Parameters
    ----------
    logits : sequence of arrays, or array, shape (..., K, i!)
        As for `kronecker_birkhoff`.
    x : array, shape (..., n, p)
        One row for each stream.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    array, shape (..., n, p)
        H x.

    Raises
    ------
    ValueError
        The number of rows of `x` is not the product of the orders.

    See Also
    --------
    kronecker_birkhoff : H itself.

    Notes
    -----
    **Method.** (U₁⊗…⊗U_K) x by mode products: the rows of x are seen as a tensor of shape
    i₁×…×i_K, and each factor multiplies its own axis.

    **Cost.** 2 n p (i₁ + … + i_K) flops instead of 2 n² p; twice the memory of `x`.

    **Accuracy.** The error is about K·i·eps times |H| |x|.

    **Backends.** See :doc:`/backends`; nothing is transferred.

    References
    ----------
    KromHC: Manifold-Constrained Hyper-Connections with Kronecker-Product Residual Matrices,
    arXiv 2601.21579.

    Examples
    --------
    >>> import linalgx as lx
    >>> logits = [[0.0, 0.0], [0.0, -800.0]]
    >>> print(lx.transport.kronecker_product(logits, [[4.0], [0.0], [0.0], [8.0]]))
    [[2.]
     [4.]
     [2.]
     [4.]]
    """
    xp, factors, x = _factors(logits, {"x": x}, check_finite=check_finite)
    n, p = prod(u.shape[-1] for u in factors), x.shape[-1]
    if x.shape[-2] != n:
        raise ValueError(f"x must have {n} rows, shape (..., {n}, p), got {tuple(x.shape)}")
    left, y = 1, x
    for u in factors:
        i = u.shape[-1]
        right = n // (left * i) * p
        y = u[..., None, :, :] @ xp.reshape(y, (*y.shape[:-2], left, i, right))
        left *= i
        y = xp.reshape(y, (*y.shape[:-3], n, p))
    return y + xp.zeros_like(y) if not factors else y


def permutation_logits(
    order: int,
    *,
    off: float = -8.0,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Make the logits of one factor that start close to the identity.

    Parameters
    ----------
    order : int
        Order i of the factor, from 0 to 6.
    off : float
        Logit of every permutation but the identity, which has zero.
    xp, device, dtype : optional
        Library, device and type; by default those of `set_backend`.

    Returns
    -------
    array, shape (i!,)
        0 for the identity, which comes first, and `off`.

    Raises
    ------
    ValueError
        `order` is out of range.

    See Also
    --------
    kronecker_birkhoff : What they are for.

    Notes
    -----
    **Method.** exp(off) is the weight of each other permutation relative to the identity: 3e-4
    for −8. Trained parts are added to these logits, usually scaled by 0.01 at first.

    **Cost.** None.

    **Accuracy.** Exact.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    KromHC: Manifold-Constrained Hyper-Connections with Kronecker-Product Residual Matrices,
    arXiv 2601.21579.

    Examples
    --------
    >>> import linalgx as lx
    >>> lx.transport.permutation_logits(2)
    array([ 0., -8.])
    """
    order = admit_integer(order, "order", 0)
    if order > MOST:
        raise ValueError(f"order must lie in [0, {MOST}], got {order}")
    off = admit_real(off, "off", -float("inf"), ends="()")
    xp, device, dtype = default_namespace(xp, device, dtype)
    values = [0.0] + [off] * (factorial(order) - 1)
    return xp.asarray(values, dtype=dtype, device=device)


def _factors(
    logits: Array | Sequence[Array], others: dict[str, Array], *, check_finite: bool
) -> tuple[Namespace, list[Array], Array]:
    """Doubly stochastic factors, and the last array of the call."""
    if isinstance(logits, list | tuple):
        if not logits and not others:
            raise ValueError("logits must hold one array for each factor, got an empty sequence")
        named = {f"logits[{k}]": x for k, x in enumerate(logits)}
    else:
        named = {"logits": logits}
    xp, arrays = real_arrays({**named, **others}, check_finite=check_finite)
    for name, x in zip(others, arrays[len(named) :], strict=True):
        if x.ndim < 2:
            raise ValueError(
                f"{name} must be a matrix or a batch of matrices, shape (..., n, p), "
                f"got shape {tuple(x.shape)}"
            )
    if isinstance(logits, list | tuple):
        parts = list(arrays[: len(named)])
    else:
        whole = arrays[0]
        if whole.ndim < 2:
            raise ValueError(
                f"logits must be a matrix or a batch of matrices, shape (..., K, i!), "
                f"got shape {tuple(whole.shape)}"
            )
        parts = [whole[..., k, :] for k in range(whole.shape[-2])]
    return xp, [_mixture(x, xp=xp) for x in parts], arrays[-1]


def _mixture(logits: Array, *, xp: Namespace) -> Array:
    """Σ_σ softmax(logits)_σ P_σ."""
    orders = {factorial(i): i for i in range(1, MOST + 1)}
    if logits.ndim < 1 or logits.shape[-1] not in orders:
        raise ValueError(
            f"logits must have a number for each permutation of a factor along the last axis, "
            f"one of {', '.join(map(str, orders))}, got shape {tuple(logits.shape)}"
        )
    i = orders[logits.shape[-1]]
    w = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    w = w / xp.sum(w, axis=-1, keepdims=True)
    places = [(k, j) for k in range(i) for j in range(i)]
    table = [[float(s[k] == j) for k, j in places] for s in permutations(range(i))]
    ones = xp.asarray(table, dtype=w.dtype, device=device_of(w))
    return xp.reshape(w @ ones, (*w.shape[:-1], i, i))
