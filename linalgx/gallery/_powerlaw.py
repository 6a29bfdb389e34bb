"""Large sparse matrices whose singular values fall like a power."""

from math import pi
from typing import Any

from linalgx._core.admit import admit_integer, admit_real
from linalgx.backend import (
    as_generator,
    csr_from_triplets,
    default_namespace,
    device_of,
    is_complex,
    uniform,
)
from linalgx.gallery._birth import blank, reals, size
from linalgx.typing import Array, Device, DType, MatrixLike, Namespace, RNGLike


def sparse_powerlaw(
    m: int,
    n: int | None = None,
    *,
    per_column: int | None = None,
    decay: float = 1.0,
    sparse: bool = True,
    rng: RNGLike = None,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> MatrixLike:
    """Draw a sparse matrix whose columns, and with them its singular values, fall like j^(−decay).

    A stand-in for the matrices of words and documents or of users and films, where popularity
    follows a power law: a slowly decaying spectrum, too large to be stored densely.

    Parameters
    ----------
    m : int
        Number of rows.
    n : int, optional
        Number of columns, `m` when ``None``.
    per_column : int, optional
        Nonzero entries of each column, from 1 to `m`; ``None`` stands for ten, or `m` if that is
        less.
    decay : float
        Column j, counted from 1, has length j^(−decay).
    sparse : bool
        Compressed sparse rows, which NumPy (through SciPy) and CuPy have; a dense array, of any
        library, when false.
    rng : {None, int, SeedSequence, Generator}, optional
        Randomness. One seed gives one matrix on every backend, up to rounding.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    sparse array or Array
        Shape ``(m, n)``, with n · `per_column` entries that are not zero.

    Raises
    ------
    ValueError
        A size is negative, `per_column` outside [1, m], or `decay` negative or not finite.
    TypeError
        The library has no sparse arrays, and `sparse` was not false.

    See Also
    --------
    randsvd : Dense, with singular values that are known exactly.
    spiked : A few large singular values above noise.

    Notes
    -----
    **Method.** The rows are cut into `per_column` parts of about equal size, and each column has
    one entry in each part, at a random place: a random sign, for complex numbers a random phase,
    over √per_column, times j^(−decay).

    **Cost.** Ten numbers for every entry of a sparse result; dense, four times the memory of the
    result and n · `per_column` · m operations.

    **Accuracy.** Known answers: the columns have exactly these lengths, so ‖A‖_F² = Σ j^(−2 decay);
    two columns are orthogonal on average, with a cosine of size 1/√m. The leading singular values
    are within a few percent of j^(−decay) where m is much larger than n, or the decay is fast.

    **Backends.** See :doc:`/backends`; sparse on NumPy and CuPy only. Draws happen on the host.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.sparse_powerlaw(2000, 300, per_column=20, rng=0)
    >>> print(a.shape, a.nnz, np.linalg.svdvals(a.toarray())[:3].round(2))
    (2000, 300) 6000 [1.   0.5  0.33]
    """
    xp, device, dtype = default_namespace(xp, device, dtype)
    m, like = size(m, "m"), blank(xp, device, dtype)
    n = m if n is None else size(n, "n")
    count = min(10, m) if per_column is None else admit_integer(per_column, "per_column", 1)
    if count > m:
        raise ValueError(f"per_column must lie in [1, {m}] for {m} rows, got {count}")
    decay = admit_real(decay, "decay")
    rows, values = _entries(m, n, count, decay, as_generator(rng), like, xp=xp)
    return (_stored if sparse else _spread)(rows, values, (m, n), xp=xp)


def _entries(
    m: int, n: int, count: int, decay: float, rng: Any, like: Array, *, xp: Namespace
) -> tuple[Array, Array]:
    """Return the rows and values of the entries, shape (n, count)."""
    real, device = reals((), like, xp=xp), device_of(like)
    part = xp.arange(count + 1, dtype=xp.int64, device=device) * m // max(count, 1)
    width = part[1:] - part[:-1]
    place = uniform((n, count), rng, like=real, xp=xp) * xp.astype(width, real.dtype)
    # In single precision the product may round up.
    rows = part[:-1] + xp.minimum(xp.astype(place, xp.int64), width - 1)
    turn = uniform((n, count), rng, like=real, xp=xp)
    if is_complex(like, xp=xp):
        phase = 2.0 * pi * turn
        sign = xp.astype(xp.cos(phase), like.dtype) + 1j * xp.astype(xp.sin(phase), like.dtype)
    else:
        sign = xp.where(turn < 0.5, -xp.ones_like(turn), xp.ones_like(turn))
    lengths = reals([j**-decay / max(count, 1) ** 0.5 for j in range(1, n + 1)], like, xp=xp)
    return rows, sign * xp.astype(lengths, like.dtype)[:, None]


def _stored(rows: Array, values: Array, shape: tuple[int, int], *, xp: Namespace) -> Any:
    """Return compressed sparse rows."""
    n, count = rows.shape
    columns = xp.arange(n * count, dtype=xp.int64, device=device_of(rows)) // max(count, 1)
    flat = (xp.reshape(rows, (-1,)), columns, xp.reshape(values, (-1,)))
    try:
        return csr_from_triplets(*flat, shape, xp=xp)
    except TypeError as error:
        raise TypeError(f"{error}; sparse=False makes a dense array") from None


def _spread(rows: Array, values: Array, shape: tuple[int, int], *, xp: Namespace) -> Array:
    """Return a dense array: one entry of each column after the other."""
    i = xp.arange(shape[0], dtype=xp.int64, device=device_of(rows))[:, None]
    a = xp.zeros(shape, dtype=values.dtype, device=device_of(rows))
    for t in range(rows.shape[1]):
        a = xp.where(i == rows[None, :, t], values[None, :, t], a)
    return a
