"""Sweeps and Chebyshev steps on a GPU, as shares of the bandwidth of `A @ x`; wall time.

Run as ``python -m benchmarks.peers.relaxation_gpu``, after that optionally the number of points
along a side, 4096 when not given. The colouring is found on the host and wants Numba.

The columns are the times of a step and of a product with a vector. Shares compare the memory that
each has to touch, every array once, divided by its time.
"""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import linalgx as lx
from benchmarks.peers._measure import Row, fastest, report
from benchmarks.peers.orthogonal_gpu import clock, usable
from linalgx.backend import csr_parts
from linalgx.relaxation._sweeps import sweeper

POINTS, FEW = 4096, 64
OMEGA = 1.5
SMOOTHED = (0.8, 8.0)
"""Part of the spectrum that a smoother takes care of."""
SHORT, LONG = 20, 120
"""Steps of two runs of Chebyshev; the difference of their times has no part for set-up."""


def problem(m: int, name: str, library: str) -> tuple[Any, Any]:
    """Poisson's matrix, prepared, and a vector."""
    a = lx.gallery.poisson2d(m, xp=library, dtype=name)
    b = np.random.default_rng(0).standard_normal(m * m, dtype=name)
    return lx.relaxation.prepare(a), lx.to_backend(b, library)


def touched(p: Any, vectors: int) -> int:
    """Bytes of the matrix and of so many vectors."""
    parts = csr_parts(p.matrix)
    return sum(x.nbytes for x in parts) + vectors * p.shape[0] * parts[0].itemsize


def share(p: Any, ours: float, product: float, vectors: int) -> str:
    """Bandwidth of ours beside that of the product, which reads x and writes A x."""
    rate = touched(p, 2) / product
    return f"{touched(p, vectors) / ours / rate:.0%} of {rate / 1e9:.0f} GB/s"


def swept(m: int, name: str, library: str) -> Any:
    """One sweep from zero, in the caller's numbering, on the host."""
    p, b = problem(m, name, library)
    s = sweeper(p, "multicolor", xp=p.xp)
    b = s.enter(b[:, None])
    return lx.to_numpy(s.leave(s.forward(p.xp.zeros_like(b), b, OMEGA)))


def sweep_row(m: int, p: Any, b: Any, name: str) -> Row:
    """Colour blocks: the matrix, b and 1/D are read, x is read and written."""
    s = sweeper(p, "multicolor", xp=p.xp)
    x, right = s.enter(0.0 * b[:, None]), s.enter(b[:, None])
    works = [partial(s.forward, x, right, OMEGA), partial(p.matrix.__matmul__, b)]
    ours, product = fastest(works, repeats=3, clock=clock)
    here, host = (swept(FEW, name, library) for library in ("cupy", "numpy"))
    gap = float(np.max(np.abs(here - host)) / np.max(np.abs(host)) / np.finfo(name).eps)
    text = f"{share(p, ours, product, 4)}, {len(s.stages)} colours"
    return Row(
        f"GPU SOR sweep {m}x{m} {name}",
        *(ours, product, None),
        *(text, f"{gap:.2g} eps from the CPU, {FEW}x{FEW}"),
        gap <= 100.0,
    )


def chebyshev_row(m: int, p: Any, b: Any, name: str) -> Row:
    """One step: the matrix and b are read, x and d are read and written."""
    run = partial(lx.relaxation.chebyshev, p, b, bounds=SMOOTHED, check_finite=False)
    works = [partial(run, steps=SHORT), partial(run, steps=LONG), partial(p.matrix.__matmul__, b)]
    short, long, product = fastest(works, repeats=3, clock=clock)
    ours = (long - short) / (LONG - SHORT)
    here, host = (smoothed(FEW, name, library) for library in ("cupy", "numpy"))
    gap = float(np.max(np.abs(here - host)) / np.max(np.abs(host)) / np.finfo(name).eps)
    return Row(
        f"GPU Chebyshev step {m}x{m} {name}",
        *(ours, product, None),
        *(share(p, ours, product, 5), f"{gap:.2g} eps from the CPU, {FEW}x{FEW}"),
        gap <= 1000.0,
    )


def smoothed(m: int, name: str, library: str) -> Any:
    """Some steps from zero, on the host."""
    p, b = problem(m, name, library)
    return lx.to_numpy(lx.relaxation.chebyshev(p, b, bounds=SMOOTHED, steps=SHORT).x)


def rows(m: int = POINTS) -> Iterator[Row]:
    """Yield all rows of this file."""
    for name in ("float64", "float32"):
        p, b = problem(m, name, "cupy")
        yield sweep_row(m, p, b, name)
        yield chebyshev_row(m, p, b, name)


if __name__ == "__main__":
    if not usable():
        sys.exit(f"no GPU, nothing was measured; cupy: {lx.available_backends()['cupy']}")
    sys.exit(report("linalgx.relaxation on a GPU", rows(*map(int, sys.argv[1:2]))))
