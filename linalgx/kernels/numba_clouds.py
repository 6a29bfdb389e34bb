"""Passes over a plan between two clouds of points: costs computed on the way, nothing stored.

Points are sorted into tiles of neighbours, each with its bounding box. A tile whose largest
possible entry is below rounding beside a known entry of the row is left out, so a pass costs what
the bulk of the plan costs, not n·m. Sums are kept in 64 bits whatever the arrays hold.

Legend: C_ij = s|x_i − y_j|^p with p = 2, or p = 1 (`root`); t a tile of y.
"""

from math import log
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from linalgx.kernels.numba_softmin import exponential
from linalgx.typing import Array

TILE = 128
DIGITS = 38.0  # e^-38 < 2^-54
LEAST = -708.0  # exponents below give zero

_jit: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


class Tiles(NamedTuple):
    """A sorted cloud: places of its points, coordinates (d, n), corners of the boxes (d, tiles)."""

    order: Array
    points: Array
    low: Array
    high: Array


def cloud_tiles(x: Array) -> Tiles:
    """Sort points into tiles by halving the widest side again and again."""
    order = np.arange(x.shape[0])
    parts = [(0, x.shape[0])]
    while parts:
        start, stop = parts.pop()
        if stop - start <= TILE:
            continue
        here = x[order[start:stop]]
        axis = int(np.argmax(np.ptp(here, axis=0)))
        half = TILE * max(1, (stop - start) // (2 * TILE))
        order[start:stop] = order[start:stop][np.argpartition(here[:, axis], half)]
        parts += [(start, start + half), (start + half, stop)]
    points = np.ascontiguousarray(x[order].T)
    starts = np.arange(0, x.shape[0], TILE)
    low, high = (op.reduceat(points, starts, axis=1) for op in (np.minimum, np.maximum))
    return Tiles(order, points, low, high)


def cloud_softmin(x: Tiles, y: Tiles, g: Array, scale: float, root: bool, epsilon: float) -> Array:
    """Return −ε log Σ_j exp((g_j − C_ij)/ε) for each row."""
    out = np.empty(x.order.size, np.result_type(x.points, g))
    reach = epsilon * (DIGITS + log(y.order.size))
    own = np.empty_like(out)
    _softmin(x.points, y.points, y.low, y.high, g[y.order], scale, root, epsilon, reach, own)
    out[x.order] = own
    return out


def cloud_lowest(x: Tiles, y: Tiles, g: Array, scale: float, root: bool) -> Array:
    """Return min_j (C_ij − g_j) for each row."""
    out = np.empty(x.order.size, np.result_type(x.points, g))
    own = np.empty_like(out)
    _softmin(x.points, y.points, y.low, y.high, g[y.order], scale, root, 0.0, 0.0, own)
    out[x.order] = own
    return out


def cloud_sums(
    x: Tiles, y: Tiles, f: Array, g: Array, scale: float, root: bool, epsilon: float
) -> tuple[Array, Array, float]:
    """Return the marginals of the plan and Σ C P."""
    r, c = np.zeros(x.order.size), np.zeros(y.order.size)
    own_r, own_c = np.zeros(r.size), np.zeros(c.size)
    f, g = f[x.order], g[y.order]
    cost = _sums(x.points, y.points, y.low, y.high, f, g, scale, root, epsilon, own_r, own_c)
    r[x.order], c[y.order] = own_r, own_c
    return r, c, cost


@_jit
def _costs(x, i, y, start, stop, scale, root, line):  # type: ignore[no-untyped-def]
    """Write the costs between one point and a tile."""
    count = stop - start
    first = x[0, i]
    part = y[0, start:stop]
    if x.shape[0] == 2:
        second = x[1, i]
        other = y[1, start:stop]
        for j in range(count):
            line[j] = scale * ((first - part[j]) ** 2 + (second - other[j]) ** 2)
    else:
        for j in range(count):
            line[j] = scale * (first - part[j]) ** 2
        for k in range(1, x.shape[0]):
            first = x[k, i]
            part = y[k, start:stop]
            for j in range(count):
                line[j] += scale * (first - part[j]) ** 2
    if root:
        for j in range(count):
            line[j] = np.sqrt(line[j])


@_jit
def _nearest(x, i, low, high, t):  # type: ignore[no-untyped-def]
    """Return the square of the distance between a point and a box."""
    total = 0.0
    for k in range(x.shape[0]):
        away = max(max(low[k, t] - x[k, i], x[k, i] - high[k, t]), 0.0)
        total += away * away
    return total


@_jit
def _largest(g, tile, top, place):  # type: ignore[no-untyped-def]
    """Find the largest potential of each tile, and where it is."""
    for t in range(top.size):
        top[t] = -np.inf
        place[t] = t * tile
        for j in range(t * tile, min(g.size, (t + 1) * tile)):
            if g[j] > top[t]:
                top[t] = g[j]
                place[t] = j


@_jit
def _softmin(x, y, low, high, g, scale, root, epsilon, reach, out):  # type: ignore[no-untyped-def]
    """Soft minima, or minima where ε is zero."""
    tiles, m = low.shape[1], y.shape[1]
    if root:
        scale = scale * scale  # below the root
    inverse = 1.0 / epsilon if epsilon > 0.0 else 0.0
    largest, place = np.empty(tiles), np.empty(tiles, np.int64)
    _largest(g, TILE, largest, place)
    line = np.empty(TILE)
    for i in range(x.shape[1]):
        top = -np.inf
        for t in range(tiles):
            total = 0.0
            for k in range(x.shape[0]):
                total += (x[k, i] - y[k, place[t]]) ** 2
            total *= scale
            top = max(top, largest[t] - (np.sqrt(total) if root else total))
        if not np.isfinite(top):
            out[i] = -top
            continue
        cut, total = top - reach, 0.0
        for t in range(tiles):
            away = scale * _nearest(x, i, low, high, t)
            if largest[t] - (np.sqrt(away) if root else away) < cut:
                continue
            start, stop = t * TILE, min(m, (t + 1) * TILE)
            _costs(x, i, y, start, stop, scale, root, line)
            part = g[start:stop]
            here = -np.inf
            for j in range(stop - start):
                line[j] = part[j] - line[j]
                here = max(here, line[j])
            if here > top:
                total *= np.exp((top - here) * inverse)
                top = here
            if epsilon > 0.0:
                for j in range(stop - start):
                    total += exponential((line[j] - top) * inverse)
        out[i] = -(top + np.log(total) * epsilon) if epsilon > 0.0 else -top


@_jit
def _sums(x, y, low, high, f, g, scale, root, epsilon, r, c):  # type: ignore[no-untyped-def]
    tiles, m = low.shape[1], y.shape[1]
    if root:
        scale = scale * scale
    inverse = 1.0 / epsilon
    largest, place = np.empty(tiles), np.empty(tiles, np.int64)
    _largest(g, TILE, largest, place)
    line, mass = np.empty(TILE), np.empty(TILE)
    cost = 0.0
    for i in range(x.shape[1]):
        moved = 0.0
        for t in range(tiles):
            away = scale * _nearest(x, i, low, high, t)
            away = np.sqrt(away) if root else away
            if (f[i] + largest[t] - away) * inverse < LEAST:
                continue
            start, stop = t * TILE, min(m, (t + 1) * TILE)
            _costs(x, i, y, start, stop, scale, root, line)
            part, sums = g[start:stop], c[start:stop]
            own = f[i]
            for j in range(stop - start):
                mass[j] = exponential((own + part[j] - line[j]) * inverse)
            total = 0.0
            for j in range(stop - start):
                total += mass[j]
                sums[j] += mass[j]
                moved += mass[j] * line[j]
            r[i] += total
        cost += moved
    return cost
