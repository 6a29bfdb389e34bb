"""Matrices of differential equations on regular grids: Poisson and the heat equation.

Legend: h = 1/(m + 1) the mesh width of m interior points, μ = ρ(I − D⁻¹A) the radius of the
Jacobi iteration, ω* = 2/(1 + √(1 − μ²)) Young's optimum.
"""

from math import prod
from typing import Any

from linalgx._core.admit import admit_real
from linalgx.backend import csr_from_triplets, default_namespace, device_of
from linalgx.gallery._birth import blank, reals, size
from linalgx.typing import Array, Device, DType, MatrixLike, Namespace


def poisson2d(
    m: int,
    n: int | None = None,
    *,
    sparse: bool = True,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> MatrixLike:
    """Return the five-point Laplacian on m × n interior points of a rectangle.

    The matrix on which relaxation methods are explained: eigenvalues, the radius of the Jacobi
    iteration and the best ω of SOR are all known.

    Parameters
    ----------
    m : int
        Interior points in the first direction, whose number varies slowest.
    n : int, optional
        Interior points in the second direction, `m` when ``None``.
    sparse : bool
        Compressed sparse rows, which NumPy (through SciPy) and CuPy have; a dense array, of any
        library, when false.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    sparse array or Array
        Shape ``(m n, m n)``, 4 on the diagonal and −1 for each neighbour; the values beyond the
        boundary are zero. Divide by h² for the Laplacian itself.

    Raises
    ------
    ValueError
        A size is negative.
    TypeError
        The library has no sparse arrays, and `sparse` was not false.

    See Also
    --------
    poisson3d : The same on a cube.
    heat2d : One implicit step of the heat equation.

    Notes
    -----
    **Method.** A = T_m ⊗ I + I ⊗ T_n with the second difference T = tridiag(−1, 2, −1).

    **Cost.** Five entries a row; dense (m n)² entries and a few arrays of that size.

    **Accuracy.** Entries are exact. Known answers: the eigenvalues are
    4 sin²(iπ/(2m+2)) + 4 sin²(jπ/(2n+2)), i = 1, ..., m, j = 1, ..., n; the matrix is positive
    definite and consistently ordered; μ = (cos π/(m+1) + cos π/(n+1))/2. For m = n that is
    μ = cos πh, ω* = 2/(1 + sin πh), κ₂ = cot²(πh/2), and by lines μ = cos πh/(2 − cos πh).

    **Backends.** See :doc:`/backends`; sparse on NumPy and CuPy only.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.poisson2d(31)
    >>> print(a.shape, a.nnz, round(float(np.linalg.cond(a.toarray())), 2))
    (961, 961) 4681 414.35
    """
    n = m if n is None else n
    grid = (size(m, "m"), size(n, "n"))
    return _stencil(grid, 4.0, -1.0, sparse, *default_namespace(xp, device, dtype))


def poisson3d(
    m: int,
    *,
    sparse: bool = True,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> MatrixLike:
    """Return the seven-point Laplacian on m × m × m interior points of a cube.

    Larger and better conditioned than `poisson2d` for the same number of unknowns.

    Parameters
    ----------
    m : int
        Interior points in each direction.
    sparse : bool
        Compressed sparse rows, which NumPy (through SciPy) and CuPy have; a dense array, of any
        library, when false.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    sparse array or Array
        Shape ``(m³, m³)``, 6 on the diagonal and −1 for each neighbour.

    Raises
    ------
    ValueError
        The size is negative.
    TypeError
        The library has no sparse arrays, and `sparse` was not false.

    See Also
    --------
    poisson2d : The same on a rectangle.

    Notes
    -----
    **Method.** T ⊗ I ⊗ I + I ⊗ T ⊗ I + I ⊗ I ⊗ T with the second difference
    T = tridiag(−1, 2, −1).

    **Cost.** Seven entries a row; dense m⁶ entries and a few arrays of that size.

    **Accuracy.** Entries are exact. Known answers: the eigenvalues are
    4 sin²(iπh/2) + 4 sin²(jπh/2) + 4 sin²(kπh/2), i, j, k = 1, ..., m; the matrix is positive
    definite and consistently ordered; μ = cos πh, ω* = 2/(1 + sin πh), κ₂ = cot²(πh/2), all as
    in two dimensions.

    **Backends.** See :doc:`/backends`; sparse on NumPy and CuPy only.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> w = np.linalg.eigvalsh(lx.gallery.poisson3d(3, sparse=False))
    >>> print(round(float(w[0]), 6), round(12 * np.sin(np.pi / 8) ** 2, 6))
    1.757359 1.757359
    """
    grid = (size(m, "m"),) * 3
    return _stencil(grid, 6.0, -1.0, sparse, *default_namespace(xp, device, dtype))


def heat2d(
    intervals: int,
    *,
    kappa: float = 1.0,
    dt: float = 1e-3,
    sparse: bool = True,
    xp: Namespace | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
) -> MatrixLike:
    """Return the matrix I − (dt/2) κ Δ of a Crank-Nicolson step on the unit square.

    A simulation with changing conductivity κ(t) solves with one such matrix a step, and the best
    relaxation parameter changes with κ. The matrix of the right side, I + (dt/2) κ Δ, is the
    same function at −κ.

    Parameters
    ----------
    intervals : int
        Mesh intervals along a side, N; there are (N − 1)² interior points.
    kappa : float
        Conductivity κ. Any finite value: the stored pattern is the same for all, also for zero.
    dt : float
        Time step, positive.
    sparse : bool
        Compressed sparse rows, which NumPy (through SciPy) and CuPy have; a dense array, of any
        library, when false.
    xp, device, dtype : optional
        Where the matrix is born; the default is set by `linalgx.set_backend`.

    Returns
    -------
    sparse array or Array
        Shape ``((N − 1)², (N − 1)²)``, with the value zero on the boundary.

    Raises
    ------
    ValueError
        The size is negative, `dt` not positive, or a number not finite.
    TypeError
        The library has no sparse arrays, and `sparse` was not false.

    See Also
    --------
    poisson2d : −Δ without scaling, which it tends to for large κ.

    Notes
    -----
    **Method.** I + q A with A from `poisson2d` on N − 1 by N − 1 points and q = κ dt N²/2.

    **Cost.** Five entries a row; dense (N − 1)⁴ entries and a few arrays of that size.

    **Accuracy.** Entries are rounded once or twice. Known answers: the eigenvalues are 1 + q λ
    with λ those of `poisson2d`; the matrix is positive definite for q > −1/8, so always for
    κ ≥ 0; μ = 4|q| cos(π/N)/|1 + 4q| and ω* = 2/(1 + √(1 − μ²)).

    **Backends.** See :doc:`/backends`; sparse on NumPy and CuPy only.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a = lx.gallery.heat2d(25, kappa=10.0)
    >>> print(a.shape, round(float(a[0, 0]), 3), round(float(a[0, 1]), 3))
    (576, 576) 13.5 -3.125
    """
    across = max(size(intervals, "intervals") - 1, 0)
    q = admit_real(kappa, "kappa", -float("inf"), ends="()") / 2.0
    q *= admit_real(dt, "dt", ends="()") * intervals**2
    grid = (across, across)
    return _stencil(grid, 1.0 + 4.0 * q, -q, sparse, *default_namespace(xp, device, dtype))


def _stencil(
    grid: tuple[int, ...],
    centre: float,
    neighbour: float,
    sparse: bool,
    xp: Namespace,
    device: Device,
    dtype: DType,
) -> Any:
    """Return the matrix that weights each point of a grid and its nearest neighbours."""
    like = blank(xp, device, dtype)
    make = _sparse_stencil if sparse else _dense_stencil
    return make(grid, centre, neighbour, like, xp=xp)


def _sparse_stencil(
    grid: tuple[int, ...], centre: float, neighbour: float, like: Array, *, xp: Namespace
) -> Any:
    """List the entries: the points themselves, then along each axis both ways."""
    total, device = prod(grid), device_of(like)
    counter = xp.int32 if total * (2 * len(grid) + 1) < 2**31 else xp.int64
    points = xp.arange(total, dtype=counter, device=device)
    rows, columns = [points], [points]
    for axis in range(len(grid)):
        outer, inner = prod(grid[:axis]), prod(grid[axis + 1 :])
        lines = xp.reshape(points, (outer, grid[axis], inner))
        left = xp.reshape(lines[:, :-1, :], (-1,))
        right = xp.reshape(lines[:, 1:, :], (-1,))
        rows += [left, right]
        columns += [right, left]
    row, column = xp.concat(rows), xp.concat(columns)
    links = xp.ones(row.shape[0] - total, dtype=like.dtype, device=device)
    ones = xp.ones(total, dtype=like.dtype, device=device)
    values = xp.concat([centre * ones, neighbour * links])
    try:
        return csr_from_triplets(row, column, values, (total, total), xp=xp)
    except TypeError as error:
        raise TypeError(f"{error}; sparse=False makes a dense array") from None


def _dense_stencil(
    grid: tuple[int, ...], centre: float, neighbour: float, like: Array, *, xp: Namespace
) -> Array:
    """Weight pairs of points by their distance, counted in steps along the grid lines."""
    total = prod(grid)
    points = xp.arange(total, dtype=xp.int64, device=device_of(like))
    distance = xp.zeros((total, total), dtype=xp.int64, device=device_of(like))
    for axis, count in enumerate(grid):
        inner = prod(grid[axis + 1 :])
        place = (points // max(inner, 1)) % max(count, 1)
        distance = distance + xp.abs(place[:, None] - place[None, :])
    weights = reals([centre, neighbour, 0.0], like, xp=xp)
    a = xp.take(weights, xp.reshape(xp.clip(distance, 0, 2), (-1,)), axis=0)
    return xp.astype(xp.reshape(a, (total, total)), like.dtype)
