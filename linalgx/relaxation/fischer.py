"""First guesses from earlier solutions.

Legend: W an orthonormal basis of the last solutions; x₀ = W (WᴴAW)⁻¹ Wᴴb.
"""

from typing import Any

from linalgx._core.admit import admit_integer
from linalgx.backend import (
    adjoint,
    as_arrays,
    as_vector,
    eigh,
    eps,
    hermitian,
    is_array,
    qr,
    times_power_of_two,
)
from linalgx.relaxation._krylov import cast
from linalgx.relaxation._system import admitted
from linalgx.relaxation.deflated_cg import admit_basis, require_one
from linalgx.typing import Array, MatrixLike

__all__ = ["FischerGuess", "fischer_guess"]


def fischer_guess(a: MatrixLike, b: Array, basis: Array, /, *, check_finite: bool = True) -> Array:
    """Compute the best starting guess in the space of earlier solutions.

    For time loops, where solutions change slowly: of all combinations of the columns it is the
    one with the smallest error in the norm of A. See `FischerGuess` for keeping the columns.

    Parameters
    ----------
    a : array, sparse container, LinearOperator, LinearMap or PreparedMatrix, shape (n, n)
        Hermitian positive definite, which is not checked.
    b : array, shape (n,) or (n, k)
        Right-hand sides.
    basis : array, shape (n, q)
        Earlier solutions, or whatever spans the space; the columns may be dependent.
    check_finite : bool
        Whether to look for NaN and Inf.

    Returns
    -------
    Array
        The guess, of the shape of `b`, for the option `x0` of the solvers.

    Raises
    ------
    ValueError
        Shapes do not fit.
    TypeError
        Libraries differ.

    See Also
    --------
    FischerGuess : Remembers the solutions.
    deflated_cg : Takes a space out of all iterations.

    Notes
    -----
    **Method.** x₀ = W (WᴴAW)⁻¹ Wᴴb with W from a QR decomposition of the basis; directions that
    A takes to zero are left out.

    **Cost.** One product with a block of q columns, 4nq² operations.

    **Accuracy.** ‖x − x₀‖_A is the smallest in the space, within κ(A)·eps.

    **Backends.** See :doc:`/backends`.

    References
    ----------
    .. [1] P. F. Fischer, "Projection techniques for iterative solution of Ax = b with successive
       right-hand sides", Comput. Methods Appl. Mech. Engrg. 163, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, x = lx.gallery.poisson2d(10), np.arange(100.0)
    >>> guess = lx.relaxation.fischer_guess(a, a @ x, np.stack([x, np.ones(100)], axis=1))
    >>> bool(abs(guess - x).max() < 1e-10)
    True
    """
    require_one(a)
    _, (b, basis) = as_arrays({"b": b, "basis": basis}, check_finite=check_finite)
    systems, _ = admitted(a, b, None, rows=False, check_finite=check_finite)
    system = next(systems)
    xp = system.xp
    w = admit_basis(basis, system)
    x = xp.zeros_like(system.b)
    if w is not None and w.shape[0] > 0 and w.shape[1] > 0:
        w, _ = qr(w, xp=xp)
        values, u = eigh(hermitian(adjoint(w, xp=xp) @ system.product(w), xp=xp), xp=xp)
        tiny = 10.0 * w.shape[1] * eps(w, xp=xp) * xp.max(xp.abs(values))
        good, one = xp.abs(values) > tiny, xp.ones_like(values)
        inverse = xp.where(good, one / xp.where(good, values, one), xp.zeros_like(values))
        w = w @ u
        x = w @ (cast(inverse, w, xp=xp)[:, None] * (adjoint(w, xp=xp) @ system.b))
    if system.x_exponent:
        x = times_power_of_two(x, system.x_exponent, xp=xp)
    return x[:, 0] if system.vector else x


class FischerGuess:
    """Keep the last solutions of a time loop, and guess the next one from them.

    Parameters
    ----------
    count : int
        How many solutions to keep.

    See Also
    --------
    fischer_guess : The guess itself.

    Examples
    --------
    >>> import numpy as np
    >>> import linalgx as lx
    >>> a, memory = lx.gallery.poisson2d(10), lx.relaxation.FischerGuess(4)
    >>> for b in (np.ones(100), np.arange(100.0), np.ones(100) - np.arange(100.0)):
    ...     result = lx.relaxation.cg(a, b, x0=memory.guess(a, b))
    ...     memory.update(result.x)
    >>> result.iterations, memory
    (0, FischerGuess(4): 3 solutions)
    """

    __slots__ = ("_columns", "count")

    def __init__(self, count: int = 4) -> None:
        self.count = admit_integer(count, "count", 1)
        self._columns: list[Array] = []

    def guess(self, a: MatrixLike, b: Array) -> Array | None:
        """Return a starting guess for A x = b, or ``None`` before the first solution."""
        if not self._columns:
            return None
        _, first = as_vector(b, "b")
        xp, columns = as_arrays({f"solution {k}": x for k, x in enumerate(self._columns)})
        return fischer_guess(a, first, xp.stack(list(columns), axis=1))

    def update(self, x: Array) -> None:
        """Remember a solution, shape (n,); the oldest goes when there are too many."""
        if not is_array(x) or x.ndim != 1:
            raise ValueError(f"x must be one vector, shape (n,), got {_shape(x)}")
        if self._columns and self._columns[0].shape != x.shape:
            raise ValueError(f"x must have shape {tuple(self._columns[0].shape)}, got {_shape(x)}")
        self._columns = [*self._columns, x + 0 * x][-self.count :]  # a copy

    def __repr__(self) -> str:
        return f"FischerGuess({self.count}): {len(self._columns)} solutions"


def _shape(x: Any) -> Any:
    return tuple(getattr(x, "shape", ())) or repr(x)
