"""What optimal transport is tried on: costs, images and clouds of points."""

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import as_generator, default_namespace, standard_normal, uniform
from linalgx.gallery._birth import blank, indices, reals, size
from linalgx.typing import Array, Device, DType, Namespace, RNGLike

_HEIGHTS = (0.5, 1.0)  # of the bumps of an image, before it is normalized
_CENTRES = (0.2, 0.8)  # their centres, in units of the side of the image
_WIDTHS = (0.05, 0.15)  # their standard deviations, in the same units


def assignment_cost(
    n: int,
    m: int | None = None,
    *,
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw the cost matrix of a random assignment problem, independent uniform entries.

    The standard hard case of entropic transport: nothing connects neighbouring rows, so the plan
    tends to a permutation and Sinkhorn's iteration needs the more sweeps the smaller ε is.

    Parameters
    ----------
    n : int
        Number of rows.
    m : int, optional
        Number of columns, `n` when ``None``.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives one matrix on every backend.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape (n, m), entries in [0, 1).

    Raises
    ------
    ValueError
        A size is negative.

    See Also
    --------
    gaussian_mixture_cloud : Points whose distances make a smoother cost.

    Notes
    -----
    **Method.** Independent draws, uniform on [0, 1).

    **Cost.** The memory of the result.

    **Accuracy.** Known answers for a square matrix and large n: the least total of an assignment,
    one entry in each row and column, tends to π²/6, so that of transport between uniform
    distributions tends to π²/(6n).

    **Backends.** See :doc:`/backends`; draws happen on the host.

    References
    ----------
    .. [1] D. J. Aldous, "The ζ(2) limit in the random assignment problem", Random Structures &
       Algorithms 18 (2001).

    Examples
    --------
    >>> import linalgx as lx
    >>> from scipy.optimize import linear_sum_assignment
    >>> cost = lx.gallery.assignment_cost(500, rng=0)
    >>> print(cost[linear_sum_assignment(cost)].sum().round(1))
    1.6
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n, like = size(n, "n"), blank(xp, device, dtype)
    m = n if m is None else size(m, "m")
    return xp.astype(uniform((n, m), as_generator(rng), like=like, xp=xp), like.dtype, copy=False)


def blob_images(
    count: int,
    size: int = 28,
    *,
    bumps: int = 3,
    offset: float = 0.01,
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw grey images of a few smooth bumps, each with sum one.

    A stand-in for photographs of digits: two of them, flattened, are the marginals of a transport
    problem on a grid of pixels.

    Parameters
    ----------
    count : int
        Number of images.
    size : int
        Pixels on each side.
    bumps : int
        Number of bumps of each image, at least 1.
    offset : float
        Grey added to each pixel before the image is normalized, in units of the highest possible
        bump; positive, it keeps every mass away from zero.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives the same images on every backend, up to rounding.
    xp, device, dtype : optional
        Where the images are born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape (count, size, size), not negative.

    Raises
    ------
    ValueError
        A size is negative, `bumps` below 1, or `offset` negative or not finite.

    See Also
    --------
    gaussian_mixture_cloud : Points instead of pixels.

    Notes
    -----
    **Method.** Each bump is h exp(−``|z − c|``²/(2w²)) at the centres z of the pixels of the unit
    square, with c uniform on [0.2, 0.8]², w uniform on [0.05, 0.15] and h uniform on [0.5, 1].

    **Cost.** One product of matrices, ``2 count bumps size²`` flops; twice the memory of the
    result, itself included.

    **Accuracy.** Known answers: every image sums to one up to rounding, and no pixel is below
    offset / ((bumps + offset) size²).

    **Backends.** See :doc:`/backends`; draws happen on the host.

    Examples
    --------
    >>> import linalgx as lx
    >>> images = lx.gallery.blob_images(2, rng=0)
    >>> print(images.shape, images.sum(axis=(1, 2)).round(12))
    (2, 28, 28) [1. 1.]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    count, size = admit_integer(count, "count", 0), admit_integer(size, "size", 0)
    bumps, offset = admit_integer(bumps, "bumps", 1), admit_real(offset, "offset")
    like, generator = blank(xp, device, dtype), as_generator(rng)
    draws = uniform((4, count, 1, bumps), generator, like=like, xp=xp)
    low, high = zip(_CENTRES, _CENTRES, _WIDTHS, _HEIGHTS, strict=True)
    row, column, width, height = (low[k] + (high[k] - low[k]) * draws[k, ...] for k in range(4))
    pixels = (indices(size, like, xp=xp)[0] + 0.5) / max(size, 1)
    vertical = height * _bell((pixels - row) / width, xp=xp)
    image = vertical @ _bell((pixels - column) / width, xp=xp).mT + offset
    image = image / xp.sum(image, axis=(-2, -1), keepdims=True)
    return xp.astype(image, like.dtype, copy=False)


def _bell(z: Array, *, xp: Namespace) -> Array:
    return xp.exp(-0.5 * z * z)


def gaussian_mixture_cloud(
    n: int,
    dim: int = 2,
    *,
    components: int = 3,
    spread: float = 0.25,
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> Array:
    """Draw points from a mixture of Gaussian distributions with random centres.

    Clustered data for transport between clouds: mass must travel within and between clusters.

    Parameters
    ----------
    n : int
        Number of points.
    dim : int
        Number of coordinates, at least 1.
    components : int
        Number of Gaussians, equally likely, at least 1.
    spread : float
        Standard deviation of each of them in every direction.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives the same points on every backend, up to rounding.
    xp, device, dtype : optional
        Where the points are born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    Array
        Shape (n, dim), one point in each row.

    Raises
    ------
    ValueError
        `n` is negative, `dim` or `components` below 1, or `spread` negative or not finite.

    See Also
    --------
    assignment_cost : A cost without geometry.
    blob_images : Bumps on a grid of pixels.

    Notes
    -----
    **Method.** Point i is c_k + spread · z with centres c_k and z drawn from N(0, I), and k
    uniform on the components.

    **Cost.** Three times the memory of the result, itself included.

    **Accuracy.** Known answers: with ``spread=0`` at most `components` points differ; over the
    draws of everything, a point has mean zero and covariance (1 + spread²) I.

    **Backends.** See :doc:`/backends`; draws happen on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> x = lx.gallery.gaussian_mixture_cloud(500, components=4, spread=0.0, rng=0)
    >>> print(x.shape, len(np.unique(x, axis=0)))
    (500, 2) 4
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    n, dim = size(n, "n"), admit_integer(dim, "dim", 1)
    components, spread = admit_integer(components, "components", 1), admit_real(spread, "spread")
    like, generator = blank(xp, device, dtype), as_generator(rng)
    real = reals((), like, xp=xp)
    centres = standard_normal((components, dim), generator, like=real, xp=xp)
    k = xp.astype(components * uniform((n,), generator, like=real, xp=xp), xp.int64)
    k = xp.clip(k, 0, components - 1)  # in single precision the product may round up
    z = standard_normal((n, dim), generator, like=real, xp=xp)
    points = xp.take(centres, k, axis=0) + spread * z
    return xp.astype(points, like.dtype, copy=False)
