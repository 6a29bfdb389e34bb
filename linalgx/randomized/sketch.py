"""Random maps to fewer dimensions that keep lengths and angles, nearly."""

from linalgx._core.admit import admit_integer
from linalgx.backend import as_generator, default_namespace
from linalgx.operators import LinearMap
from linalgx.randomized._sketches import sketch_map
from linalgx.typing import Device, DType, Namespace, RNGLike

__all__ = ["sketch"]


def sketch(
    kind: str,
    d: int,
    n: int,
    *,
    zeta: int | None = None,
    rounds: int | None = None,
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> LinearMap:
    """Draw a random map S from n to d dimensions.

    S A has d rows instead of n and, for d of a few times the rank of A, nearly the same singular
    values. Sparse signs are the choice for large dense or sparse A, cosine transforms where d is
    large, Gaussian sketches where theory matters.

    Parameters
    ----------
    kind : {"gaussian", "sparse_sign", "srtt", "countsketch"}
        Independent normal numbers; a few signs in each column; random signs, a cosine transform
        and a choice of rows; one sign in each column.
    d, n : int
        Rows and columns; ``"srtt"`` needs d ≤ n.
    zeta : int, optional
        Entries in each column for ``"sparse_sign"``; 8, or d where that is less, when ``None``.
    rounds : int, optional
        Rounds of signs and transforms for ``"srtt"``, 1 when ``None``; 2 for coherent data.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness.
    xp, device, dtype : optional
        Where, and in which precision, the sketch multiplies; by default as `set_backend` says.

    Returns
    -------
    LinearMap
        Of shape (d, n), with an adjoint.

    Raises
    ------
    ValueError
        Sizes that do not fit, or an option of another kind.

    See Also
    --------
    lstsq : Least squares by sketches.

    Notes
    -----
    **Method.** All kinds are isotropic, E SᴴS = I. Gaussian entries have the variance 1/d.
    Sparse signs are ±1/√ζ in ζ distinct rows of each column, all choices alike; ζ = 1 is the
    count sketch, which needs d of the order of the squared rank. The trigonometric sketch is
    √(n/d) R F D with D random signs, phases for complex numbers, F the orthonormal cosine
    transform (DCT-II), and R a choice of d rows without replacement.

    **Cost.** For a block of k columns: 2dnk, 2ζnk, n log(n) k operations. Stored are dn, 2ζn,
    and 2n numbers.

    **Accuracy.** Lengths in a subspace of r dimensions change by a factor within 1 ± √(r/d),
    roughly, with the reservations above.

    **Backends.** See :doc:`/backends`; draws come from the host. Sparse signs are a compiled
    loop on NumPy, a sparse container on CuPy, and strips of dense columns elsewhere; cosine
    transforms without SciPy or CuPy are made by Fourier transforms.

    References
    ----------
    Halko, Martinsson, Tropp, Finding structure with randomness, arXiv 0909.4061.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> s = lx.randomized.sketch("sparse_sign", 200, 5000, rng=0)
    >>> q = np.linalg.qr(np.vander(np.linspace(-1, 1, 5000), 6))[0]
    >>> values = np.linalg.svdvals(s @ q)
    >>> print(s.shape, bool(0.8 < values[-1] and values[0] < 1.2))
    (200, 5000) True
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    d, n = admit_integer(d, "d", 1), admit_integer(n, "n", 0)
    like = xp.empty((0, 0), dtype=dtype, device=device)
    return sketch_map(kind, d, n, as_generator(rng), like=like, xp=xp, zeta=zeta, rounds=rounds)
