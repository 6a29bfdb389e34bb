"""Random matrices with structure: rows of very different size, signal above noise."""

from collections.abc import Sequence
from math import inf

from linalgx.backend import adjoint, as_generator, default_namespace, standard_normal
from linalgx.gallery._birth import blank, haar, reals, size, sizes
from linalgx.typing import Array, Device, DType, Namespace, RNGLike


def graded(
    n: int,
    *,
    ratio: float = 1e-12,
    batch: int | Sequence[int] = (),
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw a matrix whose rows shrink geometrically from 1 to `ratio`.

    Badly scaled data: the condition number is 1/`ratio`, but only because of the scaling, and
    an algorithm that respects row scaling can find every singular value to full precision.

    Parameters
    ----------
    n : int
        Number of rows and columns.
    ratio : float
        Size of the last row against the first, in (0, 1].
    batch : int or tuple of int
        Leading shape.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives one matrix on every backend, up to rounding.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(*batch, n, n)``.

    Raises
    ------
    ValueError
        A size is negative, or `ratio` outside (0, 1].

    See Also
    --------
    randsvd : The same singular values without the grading.

    Notes
    -----
    **Method.** A = D Q, D = diag(ratio^(i/(n−1))), Q a uniformly distributed unitary matrix.

    **Cost.** One QR decomposition; about four times the memory of the result, itself included.

    **Accuracy.** Known answers: the singular values are the diagonal of D, and rounding moves
    each by a few eps of itself; the polar factors of A = U P are U = Q and P = Qᴴ D Q;
    ``|det A|`` = ratio^(n/2).

    **Backends.** See :doc:`/backends`; draws happen on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.graded(3, ratio=1e-4, rng=0)
    >>> print(np.linalg.norm(a, axis=1).round(6))
    [1.e+00 1.e-02 1.e-04]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n, like = size(n, "n"), blank(xp, device, dtype)
    if not 0.0 < ratio <= 1.0:
        raise ValueError(f"ratio must lie in (0, 1], got {ratio}")
    d = reals([ratio ** (i / max(n - 1, 1)) for i in range(n)], like, xp=xp)
    q = haar((*sizes(batch, "batch"), n, n), rng, like=like, xp=xp)
    return xp.astype(d, q.dtype)[:, None] * q


def spiked(
    m: int,
    n: int | None = None,
    *,
    spikes: Sequence[float] = (8.0, 4.0, 2.0),
    noise: float = 1.0,
    batch: int | Sequence[int] = (),
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw a matrix of low rank plus Gaussian noise.

    The model behind principal components of noisy data: a few singular values stand out, the
    others fill an interval.

    Parameters
    ----------
    m : int
        Number of rows.
    n : int, optional
        Number of columns, `m` when ``None``.
    spikes : sequence of float
        Singular values of the part of low rank, at most min(m, n) of them, not negative.
    noise : float
        Entries of the noise have variance noise²/n.
    batch : int or tuple of int
        Leading shape.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives one matrix on every backend, up to rounding.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape ``(*batch, m, n)``.

    Raises
    ------
    ValueError
        A size or a spike is negative, or there are more spikes than min(m, n).

    See Also
    --------
    randsvd : Every singular value prescribed.

    Notes
    -----
    **Method.** A = U diag(spikes) Vᴴ + noise · G/√n, with uniformly distributed isometries U, V
    and G of independent N(0, 1) entries.

    **Cost.** Two thin QR decompositions and a thin product; three times the memory of the result,
    itself included.

    **Accuracy.** With ``noise=0`` the nonzero singular values are the spikes. Known answers for
    large sizes with y = m/n fixed, in units of the noise: the noise alone fills
    [|1 − √y|, 1 + √y]; a spike θ > y^(1/4) shows as √((1 + θ²)(y + θ²))/θ, a smaller one
    disappears. Deviations decrease as 1/√n.

    **Backends.** See :doc:`/backends`; draws happen on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.spiked(400, spikes=[4.0], rng=0)
    >>> print(np.linalg.norm(a, 2).round(2), 17 / 4)
    4.24 4.25
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    m, like, lead = size(m, "m"), blank(xp, device, dtype), sizes(batch, "batch")
    n = m if n is None else size(n, "n")
    values = _admit_spikes(spikes, min(m, n))
    generator = as_generator(rng)
    s = xp.astype(reals(values, like, xp=xp), like.dtype)
    u = haar((*lead, m, len(values)), generator, like=like, xp=xp)
    v = haar((*lead, n, len(values)), generator, like=like, xp=xp)
    g = standard_normal((*lead, m, n), generator, like=like, xp=xp)
    return (u * s) @ adjoint(v, xp=xp) + (float(noise) / max(n, 1) ** 0.5) * g


def _admit_spikes(spikes: Sequence[float], most: int) -> list[float]:
    values = [float(theta) for theta in spikes]
    if len(values) > most:
        raise ValueError(f"spikes must hold at most min(m, n) = {most} values, got {len(values)}")
    if not all(0.0 <= theta < inf for theta in values):
        raise ValueError(f"spikes must be finite and not negative, got {values}")
    return values
