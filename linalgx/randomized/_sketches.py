"""Random maps that keep the geometry of a few vectors: the four kinds of sketch.

Legend: S the sketch, d x n, isotropic, E SᴴS = I; X a block with n rows. A sparse sketch has ζ
entries ±1/√ζ in each column, in distinct rows: column i has the signs σ_i1 .. σ_iζ in the rows
ρ_i1 .. ρ_iζ. A trigonometric one is √(n/d) R (F D)^p, with D random signs, or phases, on the
diagonal, F the orthonormal cosine transform (DCT-II), and R the restriction to d rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any

from linalgx._core.admit import admit_integer
from linalgx._core.choose import choose
from linalgx.backend import (
    adjoint,
    block_product,
    cosine_transform,
    csr_from_triplets,
    device_of,
    find_kernel,
    is_complex,
    library_name,
    standard_normal,
    uniform,
)
from linalgx.operators import LinearMap
from linalgx.typing import Array, MatrixLike, Namespace

ZETA = 8
"""Entries in each column of a sparse sketch."""
STRIP = 1024
"""Columns of a sparse sketch that are made dense at a time, where nothing better exists."""

Maker = Callable[..., LinearMap]


def sketch_map(
    kind: str,
    d: int,
    n: int,
    rng: Any,
    *,
    like: Array,
    xp: Namespace,
    zeta: int | None = None,
    rounds: int | None = None,
) -> LinearMap:
    """Draw a sketch of shape (d, n), in the precision and on the device of `like`.

    `zeta` is for ``"sparse_sign"`` and `rounds` for ``"srtt"`` only.
    """
    make = choose(kind, KINDS, "kind")
    options = {}
    for name, value, owner in (("zeta", zeta, "sparse_sign"), ("rounds", rounds, "srtt")):
        if value is not None and kind != owner:
            raise ValueError(f"{name} belongs to the kind {owner!r}, got kind {kind!r}")
        if value is not None:
            options[name] = admit_integer(value, name, 1)
    return make(d, n, rng, like=like, xp=xp, **options)


def _gaussian(d: int, n: int, rng: Any, *, like: Array, xp: Namespace) -> LinearMap:
    s = standard_normal((d, n), rng, like=like, xp=xp) * max(d, 1) ** -0.5
    sh = adjoint(s, xp=xp)
    return _map((d, n), lambda x: s @ x, lambda y: sh @ y, like=like, xp=xp)


def _sparse_sign(
    d: int, n: int, rng: Any, *, like: Array, xp: Namespace, zeta: int = ZETA
) -> LinearMap:
    s = sign_columns(d, n, min(zeta, d), rng, like=like, xp=xp)
    return _map((d, n), s.times, s.adjoint_times, like=like, xp=xp)


def _countsketch(d: int, n: int, rng: Any, *, like: Array, xp: Namespace) -> LinearMap:
    return _sparse_sign(d, n, rng, like=like, xp=xp, zeta=1)


def _srtt(d: int, n: int, rng: Any, *, like: Array, xp: Namespace, rounds: int = 1) -> LinearMap:
    if d > n:
        raise ValueError(f"d must lie in [1, {n}] for a srtt of vectors of length {n}, got {d}")
    s = _Trigonometric(
        tuple(_phases(n, rng, like=like, xp=xp) for _ in range(rounds)),
        xp.sort(xp.argsort(uniform((n,), rng, like=like, xp=xp))[:d]),
        (n / max(d, 1)) ** 0.5,
        xp,
    )
    return _map((d, n), s.times, s.adjoint_times, like=like, xp=xp)


KINDS: dict[str, Maker] = {
    "gaussian": _gaussian,
    "sparse_sign": _sparse_sign,
    "srtt": _srtt,
    "countsketch": _countsketch,
}


def _map(
    shape: tuple[int, int],
    times: Callable[[Array], Array],
    adjoint_times: Callable[[Array], Array],
    *,
    like: Array,
    xp: Namespace,
) -> LinearMap:
    def on_numbers(product: Callable[[Array], Array]) -> Callable[[Array], Array]:
        def apply(x: Array) -> Array:  # of integers, too
            whole = xp.isdtype(x.dtype, ("bool", "integral"))
            return product(xp.astype(x, like.dtype) if whole else x)

        return apply

    place = {"xp": xp, "device": device_of(like), "dtype": like.dtype}
    return LinearMap.from_callables(shape, on_numbers(times), on_numbers(adjoint_times), **place)


@dataclass(frozen=True, slots=True)
class SignColumns:
    """A sparse sketch by columns.

    Attributes
    ----------
    rows, signs : array, shape (n, ζ)
        The rows ρ, distinct in each column, and the entries σ/√ζ, real.
    d : int
        Rows of the sketch.
    xp : namespace
        Array library.
    """

    rows: Array
    signs: Array
    d: int
    xp: Namespace

    def times(self, x: Array) -> Array:
        """Multiply with a block (n, k): each row of it is added to ζ rows of the sketch."""
        xp = self.xp
        kernel = find_kernel("add_signed_rows", xp)
        if kernel is not None:
            out = xp.zeros((self.d, x.shape[1]), dtype=x.dtype, device=device_of(x))
            kernel(self.rows, self.signs, x, out)
            return out
        if library_name(xp) in ("numpy", "cupy"):
            return block_product(self.container(x), x)
        return self._by_strips(x)

    def adjoint_times(self, y: Array) -> Array:
        """Multiply the adjoint with a block (d, k)."""
        xp = self.xp
        total = xp.zeros((self.rows.shape[0], y.shape[1]), dtype=y.dtype, device=device_of(y))
        signs = xp.astype(self.signs, y.dtype, copy=False)
        for j in range(self.rows.shape[1]):
            total = total + signs[:, j : j + 1] * xp.take(y, self.rows[:, j], axis=0)
        return total

    def times_sparse(self, a: MatrixLike) -> Array:
        """Multiply with a sparse container; the product is dense."""
        return (self.container(a.data) @ a).toarray()

    def container(self, like: Array) -> Any:
        """Return the sketch as a sparse container of the dtype of `like`."""
        xp, (n, zeta) = self.xp, self.rows.shape
        columns = xp.arange(n, dtype=self.rows.dtype, device=device_of(self.rows))
        columns = xp.reshape(xp.broadcast_to(columns[:, None], (n, zeta)), (-1,))
        rows, signs = (xp.reshape(part, (-1,)) for part in (self.rows, self.signs))
        signs = xp.astype(signs, like.dtype, copy=False)
        return csr_from_triplets(rows, columns, signs, (self.d, n), xp=xp)

    def _by_strips(self, x: Array) -> Array:
        """Make a few columns dense at a time, for libraries without sparse containers."""
        xp = self.xp
        total = xp.zeros((self.d, x.shape[1]), dtype=x.dtype, device=device_of(x))
        number = xp.arange(self.d, dtype=self.rows.dtype, device=device_of(x))[:, None]
        signs = xp.astype(self.signs, x.dtype, copy=False)
        for start in range(0, x.shape[0], STRIP):
            part = slice(start, min(start + STRIP, x.shape[0]))
            rows, values = self.rows[part, :], signs[part, :]
            zero = xp.zeros_like(values[:, 0])
            dense = [
                xp.where(number == rows[:, j], values[:, j], zero) for j in range(rows.shape[1])
            ]
            total = total + sum(dense[1:], start=dense[0]) @ x[part, :]
        return total


def sign_columns(d: int, n: int, zeta: int, rng: Any, *, like: Array, xp: Namespace) -> SignColumns:
    """Draw a sparse sketch: ζ distinct rows of d for each of n columns, all sets alike.

    Floyd's method, for all columns at once: the j-th row is uniform on 0, ..., d − ζ + j, and is
    replaced by the last of these numbers where it is taken already. The sign is the leading bit.
    """
    rows: list[Array] = []
    signs: list[Array] = []
    for last in range(d - zeta, d):
        draw = 2.0 * uniform((n,), rng, like=like, xp=xp)
        negative = draw >= 1.0
        row = xp.astype((draw - xp.astype(negative, draw.dtype)) * (last + 1), xp.int64)
        taken = row > last  # by rounding
        for other in rows:
            taken = taken | (row == other)
        size = xp.full_like(draw, zeta**-0.5)
        rows.append(xp.where(taken, xp.full_like(row, last), row))
        signs.append(xp.where(negative, -size, size))
    if not rows:
        none = uniform((n, 0), rng, like=like, xp=xp)
        return SignColumns(xp.astype(none, xp.int64), none, d, xp)
    return SignColumns(xp.stack(rows, axis=1), xp.stack(signs, axis=1), d, xp)


@dataclass(frozen=True, slots=True)
class _Trigonometric:
    """Rounds of random phases and cosine transforms, then a restriction to some `rows`."""

    phases: tuple[Array, ...]
    rows: Array
    scale: float
    xp: Namespace

    def times(self, x: Array) -> Array:
        """Multiply with a block (n, k)."""
        for phase in self.phases:
            x = cosine_transform(phase[:, None] * x, xp=self.xp)
        return self.scale * self.xp.take(x, self.rows, axis=0)

    def adjoint_times(self, y: Array) -> Array:
        """Multiply the adjoint with a block (d, k)."""
        xp, n, d = self.xp, self.phases[0].shape[0], y.shape[0]
        if d == 0:
            return xp.zeros((n, y.shape[1]), dtype=y.dtype, device=device_of(y))
        # Rᴴ without indexed assignment: each row asks whether, and where, it was kept.
        number = xp.arange(n, dtype=self.rows.dtype, device=device_of(y))
        place = xp.clip(xp.searchsorted(self.rows, number), 0, d - 1)
        kept = (xp.take(self.rows, place) == number)[:, None]
        y = xp.take(y, place, axis=0)
        x = self.scale * xp.where(kept, y, xp.zeros_like(y))
        for phase in reversed(self.phases):
            x = xp.conj(phase)[:, None] * cosine_transform(x, inverse=True, xp=xp)
        return x


def _phases(n: int, rng: Any, *, like: Array, xp: Namespace) -> Array:
    """Draw independent signs, or complex numbers of modulus one."""
    share = uniform((n,), rng, like=like, xp=xp)
    if is_complex(like, xp=xp):
        angle = 2.0 * pi * share
        return xp.astype(xp.cos(angle) + 1j * xp.sin(angle), like.dtype, copy=False)
    one = xp.ones_like(share)
    return xp.where(share < 0.5, -one, one)
