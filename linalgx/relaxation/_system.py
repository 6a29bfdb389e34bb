"""From the arguments of a solver to the systems that it works on: gate, scaling, batches.

Legend: A X = B with blocks X, B of shape (n, k), one column for each right-hand side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from linalgx._core.scaling import exponent_of, extreme_exponent
from linalgx.backend import (
    as_arrays,
    csr_parts,
    exponents,
    is_operator,
    is_sparse,
    library_name,
    max_component,
    real_dtype,
    times_power_of_two,
    to_host,
)
from linalgx.operators import LinearMap
from linalgx.relaxation._stopping import Monitor, Stopping, times
from linalgx.relaxation.prepared import PreparedMatrix, prepare
from linalgx.results import Status
from linalgx.typing import Array, MatrixLike, Namespace


@dataclass(slots=True)
class System:
    """One linear system behind the gate; `b` and `x` are blocks and ours to keep, not to write.

    Attributes
    ----------
    a : PreparedMatrix or LinearMap
        The matrix, in the dtype of `b`.
    x : Array, shape (n, k)
        The starting guess; solvers copy it before they write.
    exponent : int
        `b` was divided by 2^exponent.
    x_exponent : int
        `x` was divided by 2^x_exponent, and so the matrix by 2^(exponent − x_exponent).
    matvecs : int
        Products so far.
    columns : tuple of System
        One for each column, where their sizes differ so much that no scale fits all.
    """

    a: Any
    b: Array
    x: Array
    vector: bool
    exponent: int
    xp: Namespace
    guessed: bool
    matvecs: int = 0
    x_exponent: int = 0
    columns: "tuple[System, ...]" = ()

    def product(self, x: Array) -> Array:
        """Return A X, and count it."""
        self.matvecs += 1
        return self.a @ x

    def residual(self, x: Array) -> Array:
        """Return B − A X."""
        return self.b - self.product(x)

    def first_residual(self) -> Array:
        """Return B − A X of the starting guess, without a product when that is zero."""
        return self.residual(self.x) if self.guessed else copied(self.b, xp=self.xp)

    def monitor(self, stopping: Stopping) -> Monitor:
        """Targets of all columns."""
        rtol = stopping.relative(self.b, xp=self.xp)
        if stopping.criterion:
            targets = [rtol] * self.b.shape[1]
        else:
            atol = times(stopping.atol, -self.exponent)
            sizes = stopping.norms(self.b, xp=self.xp)
            targets = [max(rtol * size, atol) for size in sizes]
        found = Monitor(stopping, targets, self.vector, self.exponent, self.xp)
        found.x_exponent = self.x_exponent
        return found

    def accurate_residual(self, x: Array) -> Array:
        """Return B − A X for the last word, in 64 bits for 32 where the device has both."""
        xp = self.xp
        wider = _wider(self.b, xp=xp)
        if wider is None or isinstance(self.a, LinearMap):
            return self.residual(x)
        self.matvecs += 1
        matrix = self.a.matrix
        matrix = matrix.astype(wider) if is_sparse(matrix) else xp.astype(matrix, wider)
        return xp.astype(self.b, wider) - matrix @ xp.astype(x, wider)


Ending = tuple[Array, Status, str]
"""The solution, how its run ended, and one word on why (or nothing, for the word of the status)."""


def copied(x: Array, *, xp: Namespace) -> Array:
    """Return a copy that may be written to."""
    return xp.astype(x, x.dtype, copy=True)


def settle_zeros(system: System) -> None:
    """Forget the guess for right-hand sides that are zero: their solution is known."""
    if system.guessed:
        xp = system.xp
        system.x = xp.where(xp.any(system.b != 0, axis=0), system.x, xp.zeros_like(system.x))


def admitted(
    a: MatrixLike, b: Array, x0: Array | None, *, rows: bool, check_finite: bool
) -> tuple[Iterator[System], tuple[int, ...] | None]:
    """Pass all arguments through the gate; the leading shape is ``None`` for one system."""
    on_zero = "raise" if rows else "skip"  # products do not care about the diagonal
    named = {"b": b} if x0 is None else {"b": b, "x0": x0}
    dense = not (isinstance(a, PreparedMatrix | LinearMap) or is_sparse(a) or is_operator(a))
    if dense:
        xp, (matrix, *rest) = as_arrays({"a": a, **named}, check_finite=check_finite)
        if matrix.ndim < 2:
            raise ValueError(
                f"a must be a matrix or a batch of matrices, shape (..., n, n), "
                f"got shape {tuple(matrix.shape)}"
            )
        if matrix.shape[-1] != matrix.shape[-2]:
            raise ValueError(f"a must be square, shape (..., n, n), got {tuple(matrix.shape)}")
        _require_sizes(matrix.shape, rest)
        if matrix.ndim > 2:
            return _slices(matrix, rest, on_zero, xp=xp), tuple(matrix.shape[:-2])
        return iter(
            [_system(prepare(matrix, on_zero=on_zero, check_finite=False), rest, xp=xp)]
        ), None
    if rows or is_sparse(a):
        a = prepare(a, on_zero=on_zero, check_finite=check_finite)
    elif not isinstance(a, PreparedMatrix | LinearMap):
        a = LinearMap(a)
    xp, vectors = as_arrays(named, check_finite=check_finite)
    if len(a.shape) != 2 or a.shape[0] != a.shape[1]:
        raise ValueError(f"a must be square, shape (n, n), got {tuple(a.shape)}")
    if a.xp is not xp:
        raise TypeError(
            f"a belongs to {library_name(a.xp)} and b to {library_name(xp)}; "
            f"move one of them with linalgx.to_backend"
        )
    _require_sizes(a.shape, vectors)
    return iter([_system(a, vectors, xp=xp)]), None


def _require_sizes(shape: Sequence[int], rest: Sequence[Array]) -> None:
    """Check that b and x0 fit the matrix: (..., n) or (..., n, k)."""
    batch, n = tuple(shape[:-2]), shape[-1]
    for name, x in zip(("b", "x0"), rest, strict=False):
        vector = x.ndim == len(batch) + 1
        fits = vector or x.ndim == len(batch) + 2
        if not (fits and tuple(x.shape[: len(batch) + 1]) == (*batch, n)):
            wanted = ", ".join(map(str, (*batch, n)))
            raise ValueError(
                f"{name} must have shape ({wanted}) or ({wanted}, k) for a of shape "
                f"{tuple(shape)}, got {tuple(x.shape)}"
            )
    if len(rest) > 1 and rest[0].shape != rest[1].shape:
        raise ValueError(
            f"x0 must have the shape {tuple(rest[0].shape)} of b, got {tuple(rest[1].shape)}"
        )


def _slices(
    matrix: Array, rest: Sequence[Array], on_zero: str, *, xp: Namespace
) -> Iterator[System]:
    """Yield the systems of a batch, one after another."""
    lead = matrix.ndim - 2
    count = prod(matrix.shape[:lead])
    flat = xp.reshape(matrix, (count, *matrix.shape[lead:]))
    others = [xp.reshape(x, (count, *x.shape[lead:])) for x in rest]
    for k in range(count):
        a = prepare(flat[k, ...], on_zero=on_zero, check_finite=False)
        yield _system(a, [x[k, ...] for x in others], xp=xp)


def _system(a: Any, rest: Sequence[Array], *, xp: Namespace) -> System:
    """One system in one dtype, with blocks of columns, away from over- and underflow."""
    b, x0 = rest[0], rest[1] if len(rest) > 1 else None
    dtype = xp.result_type(a.dtype, b.dtype)
    vector = b.ndim == 1
    blocks = [xp.astype(x, dtype, copy=False) for x in (b, x0) if x is not None]
    blocks = [x[:, None] if vector else x for x in blocks]
    exponent = extreme_exponent(blocks[0], xp=xp)
    x_exponent = exponent
    if isinstance(a, PreparedMatrix):
        a = a.astype(dtype)
        shift = _matrix_exponent(a, xp=xp)
        if shift:
            a, x_exponent = a.scaled(-shift), exponent - shift
    shifts = (exponent, x_exponent)
    blocks = [
        times_power_of_two(x, -e, xp=xp) if e else x for x, e in zip(blocks, shifts, strict=False)
    ]
    x = blocks[1] if x0 is not None else xp.zeros_like(blocks[0])
    system = System(a, blocks[0], x, vector, exponent, xp, x0 is not None, 0, x_exponent)
    if not vector and _differ(b, xp=xp):
        columns = ([y[:, j] for y in rest] for j in range(b.shape[1]))
        system.columns = tuple(_system(a, column, xp=xp) for column in columns)
    return system


def _differ(b: Array, *, xp: Namespace) -> bool:
    """Whether the squares of some columns vanish beside those of others."""
    if b.shape[1] < 2:
        return False
    largest_of = max_component(b.mT[:, :, None], xp=xp)
    found = zip(
        exponents(largest_of).reshape(-1).tolist(), to_host(largest_of).tolist(), strict=True
    )
    sizes = [exponent for exponent, size in found if size != 0.0]
    usual = 20 if real_dtype(b, xp=xp) == xp.float32 else 150
    return max(sizes, default=0) - min(sizes, default=0) > usual


def _matrix_exponent(a: PreparedMatrix, *, xp: Namespace) -> int:
    """Power of two to divide a matrix by, so that squares of products are far from the limits.

    It is even, so that square roots of the diagonal are scaled exactly.
    """
    entries = csr_parts(a.matrix)[0][:, None] if a.is_sparse else a.matrix
    if "exponent" not in a.of_values:
        a.of_values["exponent"] = exponent_of(entries, xp=xp)
    exponent: int = a.of_values["exponent"]
    usual = 30 if real_dtype(entries, xp=xp) == xp.float32 else 200
    return 2 * (exponent // 2) if abs(exponent) > usual else 0


def _wider(b: Array, *, xp: Namespace) -> Any:
    """Dtype of 64 bits for an array of 32, where the device has one."""
    try:
        if b.dtype == xp.float32:
            return xp.astype(b[:0, :0], xp.float64).dtype
        if b.dtype == xp.complex64:
            return xp.astype(b[:0, :0], xp.complex128).dtype
    except (TypeError, ValueError, RuntimeError):
        pass
    return None
