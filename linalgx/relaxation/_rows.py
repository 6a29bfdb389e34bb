"""Compressed rows in array code: lookups, masks and patterns of powers.

Legend: a key is row·n + column; keys of sorted rows are sorted.
"""

from dataclasses import dataclass
from typing import Any

from linalgx.backend import csr_parts, device_of, is_sparse, make_csr, to_csr
from linalgx.typing import Array, Namespace

__all__ = ["Rows", "arange", "compressed", "lower_of", "lower_of_power", "take"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Compressed sorted rows of a square matrix, or without `data` of a pattern."""

    columns: Array
    starts: Array
    data: Array = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.starts.shape[0]) - 1

    def rows(self, *, xp: Namespace) -> Array:
        """Row of each entry."""
        places = arange(self.columns.shape[0], self.starts, xp=xp)
        return xp.searchsorted(self.starts, places, side="right") - 1

    def keys(self, *, xp: Namespace) -> Array:
        """Key of each entry."""
        rows, columns = (xp.astype(x, xp.int64) for x in (self.rows(xp=xp), self.columns))
        return rows * self.n + columns

    def kept(self, mask: Array, *, xp: Namespace) -> "Rows":
        """Entries of a mask, without their values."""
        rows = self.rows(xp=xp)[mask]
        return Rows(self.columns[mask], starts_of(rows, self.n, xp=xp))

    def lookup(self, rows: Array, columns: Array, *, xp: Namespace) -> Array:
        """Entries at places that broadcast against each other; zero where nothing is stored."""
        wanted = xp.astype(rows, xp.int64) * self.n + xp.astype(columns, xp.int64)
        keys = self.keys(xp=xp)
        if keys.shape[0] == 0:
            return xp.zeros(wanted.shape, dtype=self.data.dtype, device=device_of(self.data))
        flat = xp.reshape(wanted, (-1,))
        place = xp.searchsorted(keys, flat)
        place = xp.where(place < keys.shape[0], place, xp.zeros_like(place))
        found = xp.take(self.data, place, axis=0)
        found = xp.where(xp.take(keys, place, axis=0) == flat, found, xp.zeros_like(found))
        return xp.reshape(found, wanted.shape)

    def expanded(self, *, xp: Namespace) -> Array:
        """Return the matrix as an array."""
        i = arange(self.n, self.starts, xp=xp)
        return self.lookup(i[:, None], i, xp=xp)


def compressed(a: Any, *, xp: Namespace) -> Rows:
    """Compressed rows of a container or an array."""
    if is_sparse(a):
        data, columns, starts = csr_parts(to_csr(a))
        return Rows(columns, starts, data)
    rows, columns = xp.nonzero(a)
    return Rows(columns, starts_of(rows, a.shape[0], xp=xp), a[a != 0])


def starts_of(rows: Array, n: int, *, xp: Namespace) -> Array:
    """Where each row starts, from the sorted rows of all entries."""
    return xp.searchsorted(rows, arange(n + 1, rows, xp=xp))


def arange(n: int, like: Array, *, xp: Namespace) -> Array:
    """0, 1, ..., n − 1 as integers on the device of an array."""
    return xp.arange(n, dtype=xp.int64, device=device_of(like))


def take(values: Array, places: Array, *, xp: Namespace) -> Array:
    """Entries of a vector at an array of places."""
    return xp.reshape(xp.take(values, xp.reshape(places, (-1,)), axis=0), places.shape)


def lower_of(s: Rows, *, xp: Namespace) -> Rows:
    """Lower triangle of a pattern, with the whole diagonal."""
    n = s.n
    strict = s.kept(s.columns < s.rows(xp=xp), xp=xp).keys(xp=xp)
    i = arange(n + 1, strict, xp=xp)
    keys = xp.sort(xp.concat([strict, i[:-1] * (n + 1)]))
    return Rows(keys % n, xp.searchsorted(keys, i * n))


def lower_of_power(a: Rows, power: int, drop: float, *, dense: bool, xp: Namespace) -> Rows:
    """Lower triangle of the pattern of a power of A without its small entries."""
    s = a.kept(_large(a, drop, xp=xp), xp=xp)
    if power > 1:
        like = xp.abs(a.data[:1])
        one = product = _indicator(s, like, dense=dense, xp=xp)
        for _ in range(power - 1):
            s = compressed(product @ one, xp=xp)
            product = _indicator(s, like, dense=dense, xp=xp)
    return lower_of(s, xp=xp)


def _large(a: Rows, drop: float, *, xp: Namespace) -> Array:
    """Which entries count: the diagonal, and what is larger than drop·√(a_ii a_jj)."""
    rows, size = a.rows(xp=xp), xp.abs(a.data)
    if not drop > 0.0:
        return size > 0.0
    i = arange(a.n, a.starts, xp=xp)
    root = xp.sqrt(xp.abs(a.lookup(i, i, xp=xp)))
    limit = drop * take(root, rows, xp=xp) * take(root, a.columns, xp=xp)
    return (size > limit) | (rows == a.columns)


def _indicator(s: Rows, like: Array, *, dense: bool, xp: Namespace) -> Any:
    """Matrix of ones on a pattern."""
    count = s.columns.shape[0]
    ones = xp.ones(count, dtype=like.dtype, device=device_of(like))
    if dense:
        return Rows(s.columns, s.starts, ones).expanded(xp=xp)
    return make_csr(ones, s.columns, s.starts, (s.n, s.n), xp=xp)
