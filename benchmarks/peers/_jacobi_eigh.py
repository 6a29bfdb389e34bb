"""Eigenvalues by Jacobi's method beside LAPACK's `syevd`: graded matrices, tiny ones, single ones.

Errors of graded matrices are the largest relative ones over all eigenvalues, in units of eps: for
ours, a bound proven by exact elimination; for LAPACK, the distance from ours. Beside it, the number
of negative eigenvalues, of which a positive definite matrix has none.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")


def decay(n: int) -> Any:
    """H_ij = 2^-|i-j|."""
    i = np.arange(n)
    return np.ldexp(1.0, -np.abs(i[:, None] - i))


def graded(h: Any, powers: Any) -> Any:
    """D H D with D = 2^powers, exact in binary."""
    return np.ldexp(h, powers[:, None] + powers)


BITS = 500
"""Digits after the binary point of the elimination; the smallest numbers here are near 2^-140."""

LEVELS = (1, 2, 4, 8, 16, 32, 50)


def below(rows: list[list[int]], x: Fraction) -> int:
    """Number of eigenvalues below x, by elimination in long integers."""
    shift = int(x * 2**BITS)
    rest = [[v - (shift if i == j else 0) for j, v in enumerate(r)] for i, r in enumerate(rows)]
    count = 0
    while rest:
        pivot, top = rest[0][0] or 1, rest[0][1:]
        count += pivot < 0
        rest = [
            [v - row[0] * t // pivot for v, t in zip(row[1:], top, strict=True)] for row in rest[1:]
        ]
    return count


def proven_error(a: Any, w: Any, eps: float) -> float:
    """Least of `LEVELS` that bounds the relative errors in units of eps; infinity if none does."""
    rows = [[int(Fraction(float(v)) * 2**BITS) for v in row] for row in a]
    level = 0
    for k, value in enumerate(map(Fraction, map(float, w))):
        while level < len(LEVELS):
            part = abs(value) * Fraction(eps) * LEVELS[level]
            if below(rows, value - part) <= k < below(rows, value + part):
                break
            level += 1
        else:
            return float("inf")
    return float(LEVELS[level])


def graded_rows() -> Iterator[Row]:
    n = 32
    p = 7 * np.arange(n) % n
    rng = np.random.default_rng(0)
    shuffled = np.round(rng.permutation(np.linspace(-66, 0, n))).astype(int)
    cases = {
        "float64 D H D, 37 decades": (graded(decay(n), -2 * p), "float64"),
        "float64 D H D, 40 decades shuffled": (graded(decay(n), shuffled), "float64"),
        "float32 D H D, 19 decades": (graded(decay(n), -p), "float32"),
        "float32 D H D, 19 decades shuffled": (graded(decay(n), shuffled // 2), "float32"),
    }
    for name, (a, dtype) in cases.items():
        a, eps = a.astype(dtype), float(np.finfo(dtype).eps)
        ours, _ = lx.jacobi.eigh(a)
        peer, _ = scipy.linalg.eigh(a, driver="evd")
        e = proven_error(a, ours, eps)
        f = float(np.max(np.abs(peer.astype(float) - ours) / ours.astype(float))) / eps
        text = "{:.2g} eps, {} negative".format
        fine = e <= 50 and bool(np.all(ours > 0))
        yield Row(
            f"eigh {n} {name}",
            NAN,
            NAN,
            None,
            text(e, np.sum(ours < 0)),
            text(f, np.sum(peer < 0)),
            fine,
        )


def ratio(a: Any, w: Any, v: Any) -> float:
    return float(max(lx.testing.eigh_ratios(a, w, v)))


def tiny_rows() -> Iterator[Row]:
    for count, n, bar in ((22_222, 3, 2.5), (5_000, 8, None), (2_000, 16, None)):
        a = np.random.default_rng(n).standard_normal((count, n, n))
        a = (a + a.mT) / 2
        works = [partial(lx.jacobi.eigh, a, accuracy="absolute"), partial(np.linalg.eigh, a)]
        works = [partial(lx.jacobi.eigh, a), *works] if n <= 8 else works
        *ours, peer = fastest(works, repeats=7)
        e, f = (ratio(a, *work()) for work in (works[0], works[-1]))
        text = "ratio {:.2g}".format
        yield Row(f"eigh of {count} {n}x{n}", ours[0], peer, bar, text(e), text(f), e < 30)


def single_rows() -> Iterator[Row]:
    for n in (64, 128, 256, 512):
        x = np.random.default_rng(n).standard_normal((n, n))
        for name, a in (("definite", x @ x.T / n + np.eye(n) / 100), ("indefinite", x + x.T)):
            a = (a + a.T) / 2
            works = [partial(lx.jacobi.eigh, a), partial(np.linalg.eigh, a)]
            ours, peer = fastest(works, repeats=3)
            e, f = (ratio(a, *work()) for work in works)
            text = "ratio {:.2g}".format
            yield Row(f"eigh {n} {name}", ours, peer, None, text(e), text(f), e < 30)


def rows() -> Iterator[Row]:
    yield from graded_rows()
    yield from tiny_rows()
    yield from single_rows()
